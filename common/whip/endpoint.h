/* SPDX-License-Identifier: MIT */
/*
 * Endpoint: one camera's connection to a receiver, kept alive. The client side of WHIP (publish,
 * RFC 9725) and WHEP (subscribe): offer, POST, session, and again when it dies.
 *
 *   start ─▶ CONNECTING ─▶ LIVE ─▶ RECONNECTING ─▶ LIVE ...        ─▶ REFUSED (will not get better)
 *
 * Owns a UDP socket, a session, and the HTTP requests for them, all in one loop. After 1 s without
 * an authenticated packet (checks each 100 ms from 500 ms on) it is RECONNECTING in two ways at
 * once, and what succeeds first makes it LIVE:
 *
 *   the silent session ── checks go on, up to 15 s ─▶ answered: the same session, at whatever
 *                                                     address we have by then
 *   POST, again and again ─▶ 201: a new session, and DELETE of the silent one
 *
 * Tries begin 100 ms to 1 s after one another (half a second at most, once it was live), with
 * jitter. Each has a socket of its own: at the receiver an address belongs to one session.
 *
 * What will not get better (401, 403, 404, 406, another 4xx, a wrong pin) refuses a first try at
 * once. Once it has been live only 401, 403 and 404 do (the camera was removed). A camera that is
 * not live (409) is asked for again and again, and that counts as no failure.
 */
#pragma once

#include "base/address.h"
#include "net/loop.h"
#include "session/session.h"
#include "whip/http.h"
#include "whip/link.h"

enum sl_endpoint_state {
    SL_ENDPOINT_CONNECTING, /* never been live yet */
    SL_ENDPOINT_LIVE,
    SL_ENDPOINT_RECONNECTING,
    SL_ENDPOINT_REFUSED, /* by the receiver, a wrong pin, or retries used up: it stays so */
    SL_ENDPOINT_STOPPED, /* after sl_endpoint_stop(): DELETE answered or timed out; may be destroyed
                          */
};

struct sl_endpoint_handler {
    /* When the state or the reason changes. reason: one sentence; for retries, why the last try
     * failed ("camera is not live"). The endpoint may be destroyed in here once it is STOPPED. */
    void (*state)(void *ctx, enum sl_endpoint_state state, const char *reason);
    /* As in session/session.h. */
    void (*packet)(void *ctx, enum sl_media_kind kind, const struct sl_rtp_packet *packet,
                   bool repaired, sl_ns arrival);
    void (*keyframe_wanted)(void *ctx, enum sl_media_kind kind, sl_ns now);
    const struct sl_rtp_packet *(*resend)(void *ctx, enum sl_media_kind kind, int64_t seq);
    void (*event)(void *ctx, const struct sl_motion_event *event, sl_ns now); /* optional */
    void (*device)(void *ctx, uint32_t flags, sl_ns now);                     /* optional */
};

struct sl_endpoint_config {
    struct sl_loop *loop;
    struct sl_http *http;
    const struct sl_dtls_identity *identity;
    struct sl_random *random;
    sl_ns epoch;
    struct sl_link link; /* camera: which one (viewers fill it in per feed) */
    bool publish;        /* WHIP, else WHEP */
    bool small;          /* subscribing: begin with the small picture, where there is one */
    bool video, audio;
    bool sub;             /* publishing: VIDEO_SUB as well, of the same profile */
    char h264_profile[7]; /* publishing: the encoder's */
    struct sl_addr via;   /* --via; unset: as told */
    int retries;          /* failed tries in a row that make it REFUSED; -1: tries forever */
    /* As in session/session.h. fec_percent 0: not offered. */
    int fec_percent;
    uint64_t ceiling_bps, floor_bps, audio_bps;
    sl_ns frame_interval;
    const struct sl_endpoint_handler *handler;
    void *ctx;
};

struct sl_endpoint;

SL_MUST_CHECK int sl_endpoint_create(struct sl_endpoint **ret,
                                     const struct sl_endpoint_config *config);
void sl_endpoint_start(struct sl_endpoint *endpoint);
/* BYE, close_notify, DELETE (1 s at most), then STOPPED, never from in here. */
void sl_endpoint_stop(struct sl_endpoint *endpoint);
/* Subscribing: the small picture from now on, or the main one, in the session there is and in those
 * to come. What could not be told to the receiver is told by the next call. */
void sl_endpoint_choose(struct sl_endpoint *endpoint, bool small);
/* Tries at once if it waits to try again: for who learnt that the camera has come back. */
void sl_endpoint_nudge(struct sl_endpoint *endpoint);
/* At once, without a word to the peer. */
void sl_endpoint_destroy(struct sl_endpoint *endpoint);

/* As sl_session_send / request_keyframe on the live session; -ENOTCONN when there is none. */
int sl_endpoint_send(struct sl_endpoint *endpoint, enum sl_media_kind kind,
                     const struct sl_rtp_packet *packet, sl_ns now);
/* As sl_session_send_event(). */
int sl_endpoint_send_event(struct sl_endpoint *endpoint, const struct sl_motion_event *event);
/* As sl_session_set_device(), of the live session: each begins with no flag set. */
int sl_endpoint_set_device(struct sl_endpoint *endpoint, uint32_t flags, sl_ns now);
/* As sl_session_next_frame(), gate() and bitrate(); SL_RATE_SEND and 0 when there is no live
 * session. */
enum sl_rate_verdict sl_endpoint_next_frame(struct sl_endpoint *endpoint, sl_ns now);
sl_ns sl_endpoint_gate(const struct sl_endpoint *endpoint, sl_ns now);
int64_t sl_endpoint_bitrate(const struct sl_endpoint *endpoint);
void sl_endpoint_request_keyframe(struct sl_endpoint *endpoint, sl_ns now);
enum sl_endpoint_state sl_endpoint_state(const struct sl_endpoint *endpoint);

/* posts == lives + failed + not_live + pending */
struct sl_endpoint_stats {
    uint64_t posts;
    uint64_t lives;                  /* became a session that connected */
    uint64_t failed;                 /* no answer, refused, or a session that did not connect */
    uint64_t not_live;               /* 409 to a viewer */
    uint64_t pending;                /* gauge: 1 while a try is under way */
    uint64_t losses;                 /* sessions that were live and ended or fell silent */
    sl_ns last_post_to_connected;    /* how long the last successful set-up took */
    struct sl_session_stats session; /* zero when there is none */
};
void sl_endpoint_stats(const struct sl_endpoint *endpoint, struct sl_endpoint_stats *ret);
