/* SPDX-License-Identifier: MIT */
/*
 * Session: everything between us and one peer on the media path.
 *
 *               ┌──────────────────────── session ────────────────────────┐
 *   datagram ──▶│ RFC 7983 demux ─▶ STUN/ICE                              │
 *               │                ─▶ DTLS ─▶ keys                          │
 *               │                ─▶ SRTP ─▶ unwrap, RTX and FEC, NACK, RR │──▶ packet()
 *               │                ─▶ SRTCP ─▶ NACK answered, PLI, SR, XR   │──▶ keyframe_wanted()
 *    send() ───▶│ numbers of the peer, parity, pacing, SRTP               │──▶ datagram
 *               └─────────────────────────────────────────────────────────┘
 *
 * One way: it sends or receives media, as the SDP says. It gives packets in the
 * order of arrival, repaired ones when they come (never twice); reordering and
 * playout belong to jitter/. It opens no socket, reads no clock, keeps no thread:
 * the caller feeds datagrams and time, and calls tick() when due() is reached.
 * send() and receive() of media neither allocate nor lock (libsrtp2's backend
 * does, under SHA1_80). A relay's leg takes 0.3 MB for parity with the first
 * report of a loss, once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/random.h"
#include "base/types.h"
#include "dtls/dtls.h"
#include "rate/controller.h"
#include "rtp/device_state.h"
#include "rtp/history.h"
#include "rtp/motion_event.h"
#include "rtp/packet.h"
#include "rtp/repair_report.h"
#include "sdp/sdp.h"

struct sl_session;

enum sl_session_state {
    SL_SESSION_CONNECTING, /* ICE or DTLS under way                                */
    SL_SESSION_CONNECTED,  /* media can flow                                       */
    SL_SESSION_CLOSED,     /* by the peer (BYE, close_notify), or by us            */
    SL_SESSION_FAILED,     /* DTLS failed, consent expired, or setup took too long */
};

struct sl_session_handler {
    /* A datagram for the socket. */
    void (*send)(void *ctx, const struct sl_path *path, const uint8_t *data, size_t len);
    /* Once per change. The session may be destroyed after the outermost call into it returned, not
     * inside. */
    void (*state)(void *ctx, enum sl_session_state state, const char *reason);
    /* Receiving: a packet, authenticated, seq extended, capture_ntp/offset relative to OUR clock:
     * captured at (our NTP) = capture_ntp - capture_offset. `repaired`: came as a resend. `arrival`
     * of the datagram that brought it. */
    void (*packet)(void *ctx, enum sl_media_kind kind, const struct sl_rtp_packet *packet,
                   bool repaired, sl_ns arrival);
    /* Sending: the peer asked for a key frame (PLI or FIR). */
    void (*keyframe_wanted)(void *ctx, enum sl_media_kind kind, sl_ns now);
    /* ICE-lite: `path` passed an authenticated check for the first time. Optional. */
    void (*validated)(void *ctx, const struct sl_path *path);
    /* Sending: the packet `seq` of OUR caller's space is asked for, or its turn has come; answer it
     * from there, or NULL. */
    const struct sl_rtp_packet *(*resend)(void *ctx, enum sl_media_kind kind, int64_t seq);
    /* Receiving from one of our own programs: something moves, its times by OUR clock. Each is told
     * several times, and the order may be wrong. Optional. */
    void (*event)(void *ctx, const struct sl_motion_event *event, sl_ns now);
    /* Receiving from one of our own programs: flags of rtp/device_state.h, repeated while any is
     * set. Optional. */
    void (*device)(void *ctx, uint32_t flags, sl_ns now);
};

struct sl_session_config {
    struct sl_sdp_agreed agreed;
    const struct sl_dtls_identity *identity;
    const struct sl_session_handler *handler;
    void *ctx;
    struct sl_random *random; /* outlives the session */
    sl_ns epoch;              /* of sl_time_epoch(): monotonic to NTP */
    struct sl_addr via;       /* set: the only remote address to use, in place of the candidates */
    sl_ns setup_timeout;      /* 0: 10 s */
    sl_ns consent_timeout;    /* 0: 30 s (RFC 7675) */
    sl_ns repair_patience;    /* 0: 500 ms: how long a missing packet can still help */

    /* Sending. */
    int fec_percent; /* rows of parity for 100 packets; SL_FEC_AUTO; 0: none of our own accord */
    /* Of the encoder. With these, and a peer that sends RFC 8888 feedback, there is a rate
     * controller and packets are paced; without (ceiling 0: a relay) all leaves at once. */
    uint64_t ceiling_bps, floor_bps;
    uint64_t audio_bps;   /* of what leaves at once beside the video: sound, VIDEO_SUB; 0: none */
    sl_ns frame_interval; /* 0: 33 ms */
};

/* 0, -EINVAL, -ENOMEM. */
SL_MUST_CHECK int sl_session_create(struct sl_session **ret, const struct sl_session_config *config,
                                    sl_ns now);
/* Sends nothing. NULL is fine. */
void sl_session_destroy(struct sl_session *session);

/* Client: starts ICE checks. ICE-lite: waits for them. */
void sl_session_start(struct sl_session *session, sl_ns now);

/*
 * One datagram; decrypted in place. Anything wrong is counted and dropped, never an error.
 * `arrival`: when it came, which is before `now` by as much as the caller is late (later is taken
 * for `now`). What measures the network goes by it: feedback, jitter, round trips, the peer's
 * clock.
 */
void sl_session_receive(struct sl_session *session, sl_ns now, sl_ns arrival,
                        const struct sl_path *path, uint8_t *data, size_t len);

sl_ns sl_session_due(const struct sl_session *session);
void sl_session_tick(struct sl_session *session, sl_ns now);

/*
 * Sends one packet of the caller's sequence space (any start; int64). With a rate controller VIDEO
 * leaves when its frame is complete (marker) and the pacer lets it: it is fetched then by resend(),
 * so the caller's history must have it. The session puts on pt, ssrc,
 * its own sequence offset (first number on the wire in 1..32767, holes kept), mid, playout-delay
 * {0,0} towards peers that negotiated it. 0, -ENOTCONN, -EMSGSIZE, -ENOENT (kind not negotiated).
 */
int sl_session_send(struct sl_session *session, enum sl_media_kind kind,
                    const struct sl_rtp_packet *packet, sl_ns now);

/*
 * Sending, before a picture is encoded; ask once for each. SL_RATE_SEND where there is no
 * controller, or no peer.
 */
enum sl_rate_verdict sl_session_next_frame(struct sl_session *session, sl_ns now);
/* As sl_rate_gate(), 0 where there is no controller: for an encoder in another thread. */
sl_ns sl_session_gate(const struct sl_session *session, sl_ns now);
/* The encoder's target; 0: no opinion. */
int64_t sl_session_bitrate(const struct sl_session *session);

/* Receiving: asks the peer for a key frame of `kind`, at most once per `max(200 ms, RTT)`. */
void sl_session_request_keyframe(struct sl_session *session, enum sl_media_kind kind, sl_ns now);

/* Receiving, when nothing came for long: what is missing is given up, and the next packet begins
 * anew, so that what was lost before it is not asked for. */
void sl_session_skip(struct sl_session *session);
/* Sending video: tells one of our own programs what moves, by one datagram; whoever calls repeats
 * it. 0, -ENOTCONN, -ENOTSUP (not our own, or no video). */
int sl_session_send_event(struct sl_session *session, const struct sl_motion_event *event);
/* Sending video: what one of our own programs is to know of the device (rtp/device_state.h). Told
 * at once when it changes, and repeated by the session while a flag is set; none is to begin with.
 * To set it again and again costs nothing. 0, -ENOTCONN, -ENOTSUP (not our own, or no video). */
int sl_session_set_device(struct sl_session *session, uint32_t flags, sl_ns now);

/* Says BYE and close_notify, then CLOSED. */
void sl_session_close(struct sl_session *session, sl_ns now);

enum sl_session_state sl_session_state(const struct sl_session *session);

/* When the last authenticated datagram (STUN, SRTP, SRTCP) came; the creation time before that. */
sl_ns sl_session_heard(const struct sl_session *session);

struct sl_session_media_stats {
    uint64_t packets, bytes; /* first sends, or first arrivals */
    uint64_t sent_bytes;     /* of first sends, as datagrams; or of those that came */
    uint64_t resent;       /* answers to NACKs: copies, and rows minted for them; or RTX received */
    uint64_t resent_bytes; /* of those, as datagrams */
    uint64_t nacks;        /* numbers asked for (by the peer, or by us) */
    uint64_t keyframe_requests;
    uint64_t fec_rows, fec_bytes; /* parity: sent unasked, as datagrams; or received, all of it */
    /* receiving: expected == received + repaired + missing + given_up (received: as first sent,
     * in whatever order); repaired == repaired_fec + repaired_resend */
    uint64_t expected, received, repaired, missing, given_up, duplicate;
    uint64_t repaired_fec;         /* by parity that was sent unasked */
    uint64_t repaired_resend;      /* after a NACK: by a copy, or by rows minted for it */
    uint64_t late;                 /* of the repaired: over 200 ms after they were missed */
    uint32_t remote_fraction_lost; /* sending: of the last RR, 0..255 */
    sl_ns jitter;
};

/* Sending video: gauges, and 0 for what is not known. */
struct sl_session_rate_stats {
    bool controlled;       /* the first group is set */
    uint64_t target_bps;   /* what the encoder should make */
    uint64_t estimate_bps; /* what the link takes: media, parity, resends, sound */
    bool outage;
    uint64_t skipped;   /* pictures that next_frame refused; a counter */
    uint64_t paced;     /* packets that had to wait; a counter */
    sl_ns pacing_delay; /* the longest wait, lately */

    double overhead;     /* parity and resends per byte of media, since the beginning */
    double fec_share;    /* rows and resends per packet, lately */
    double remote_loss;  /* share that parity is reckoned for; 0: none is sent along */
    double remote_burst; /* mean length of a loss */
};

struct sl_session_stats {
    struct sl_session_media_stats media[SL_MEDIA_KINDS];
    struct sl_session_rate_stats rate;
    /* Sending video to one of our own programs: its last report; all 0 before the first. */
    struct sl_repair_report remote;
    sl_ns rtt;          /* smoothed; 0 unknown */
    sl_ns clock_offset; /* remote NTP minus ours, at the lowest RTT */
    bool clock_known;
    /* datagrams_in == the accepted + the refused, replayed, malformed, unknown_source and late */
    uint64_t stun_accepted, dtls_accepted, rtp_accepted, rtcp_accepted;
    uint64_t stun_refused, dtls_refused, srtp_refused, srtp_replayed, malformed;
    uint64_t unknown_source; /* not validated, before keys, or an SSRC of no use */
    uint64_t late;           /* after the end */
    uint64_t datagrams_in, datagrams_out;
    /* Of motion, that came: handed on, and beyond 10 a second. */
    uint64_t events, events_refused;
    /* Of the device, that came: handed on, and beyond 5 a second. */
    uint64_t states, states_refused;
    enum sl_srtp_profile profile; /* 0 before keys */
    struct sl_path path;
};

void sl_session_stats(const struct sl_session *session, struct sl_session_stats *ret);
