/* SPDX-License-Identifier: MIT */
/*
 * Sessions over a simulated network: one hop (a client and an ICE-lite end), and a flow of media.
 *
 *     client ══ up ══▶ lite        flow ─▶ end ─▶ link ─▶ end ─▶ flow: each packet once? when?
 *            ◀═ down ═
 *
 * The ends keep time by clocks of their own and are woken exactly when their session says so; an
 * end whose due time does not move on when it is served aborts the test.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rtp/history.h"
#include "session/session.h"
#include "tests/support/simnet.h"

struct sim_flow;
struct sim_end;

struct sim_end_handler { /* each optional */
    void (*packet)(void *ctx, struct sim_end *end, enum sl_media_kind kind,
                   const struct sl_rtp_packet *packet, bool repaired, sl_ns now);
    void (*keyframe_wanted)(void *ctx, struct sim_end *end, enum sl_media_kind kind, sl_ns now);
    /* Else answered from what sim_end_send() remembered. */
    const struct sl_rtp_packet *(*resend)(void *ctx, struct sim_end *end, enum sl_media_kind kind,
                                          int64_t seq);
    void (*event)(void *ctx, struct sim_end *end, const struct sl_motion_event *event, sl_ns now);
    void (*device)(void *ctx, struct sim_end *end, uint32_t flags, sl_ns now);
};

struct sim_end {
    struct sim *sim;
    struct sim_clock clock;
    struct sl_random random;
    struct sl_session *session;
    struct sl_dtls_identity *identity;
    struct sim_link *out;
    struct sl_path from; /* as this end sees what comes in */
    struct sim_timer timer;
    int served; /* times at one moment */
    sl_ns served_at;

    const struct sim_end_handler *handler;
    void *ctx;
    struct sim_flow *flow[SL_MEDIA_KINDS]; /* what comes in is told to it as well */
    struct sl_history *history[SL_MEDIA_KINDS];

    int states; /* changes told */
    enum sl_session_state state;
    sl_ns connected_at; /* of the sim; 0: never */
    char reason[96];
    int keyframes_wanted, sub_keyframes_wanted;
    int validated;
    uint64_t allocations; /* made by the session's code, callbacks apart */
    uint64_t apart;
};

struct sim_hop_config {
    bool client_sends;
    bool no_audio, no_rtx, no_rrtr;
    bool sub;                        /* a second video */
    bool foreign;                    /* not our own program: reports each second */
    bool no_ssrcs;                   /* not announced: learned from payload types */
    struct sim_link_config up, down; /* from the client, to it */
    const struct sim_clock *client_clock, *lite_clock; /* NULL: a true one */
    const struct sim_end_handler *client_handler, *lite_handler;
    void *client_ctx, *lite_ctx;
    sl_ns setup_timeout, consent_timeout, repair_patience;
    enum sl_sdp_fec fec;
    bool ccfb;
    int fec_percent; /* as all below in session/session.h: of the end that sends */
    uint64_t ceiling_bps, floor_bps, audio_bps;
    sl_ns frame_interval;
    bool wrong_fingerprint; /* the client was told another one */
};

struct sim_hop {
    struct sim_end client, lite;
    struct sim_link up, down;
    struct sl_sdp_agreed client_agreed, lite_agreed;
};

void sim_hop_open(struct sim_hop *hop, struct sim *sim, const struct sim_hop_config *config);
/* Starts both and plays until both are connected; how long that took, or -1 after `limit`. */
sl_ns sim_hop_connect(struct sim_hop *hop, sl_ns limit);
/* Once the sim is not played any more. */
void sim_hop_close(struct sim_hop *hop);

/* Which end sends media. */
struct sim_end *sim_hop_sender(struct sim_hop *hop);
struct sim_end *sim_hop_receiver(struct sim_hop *hop);

/* Calls into the session that also set its timer. */
void sim_end_start(struct sim_end *end);
int sim_end_send(struct sim_end *end, enum sl_media_kind kind, const struct sl_rtp_packet *packet);
int sim_end_send_event(struct sim_end *end, const struct sl_motion_event *event);
int sim_end_set_device(struct sim_end *end, uint32_t flags);
void sim_end_request_keyframe(struct sim_end *end);
void sim_end_close(struct sim_end *end);
/* After calling into end->session directly. */
void sim_end_settle(struct sim_end *end);
struct sl_session_stats sim_end_stats(const struct sim_end *end);

/* ---- a flow: packets with a number in them, sent by one end and awaited at another ---- */

struct sim_flow_config {
    enum sl_media_kind kind;
    sl_ns interval;       /* of frames; 0: 33,333,333 ns, audio 20 ms */
    int frame_packets;    /* 0: 8, audio 1 */
    size_t payload_bytes; /* 0: 1100, audio 160 */
    size_t packets;       /* sent in all; then it stops */
    int64_t first_seq;
};

struct sim_flow_packet {
    sl_ns sent, arrived; /* of the sim; arrived 0: not */
    bool repaired;
    uint8_t times;
};

struct sim_flow {
    struct sim_flow_config config;
    struct sim_end *from;
    struct sim_flow_packet *packets;
    size_t sent, arrived, repaired, twice, damaged;
    bool judge_capture;  /* set once the clocks have had time to meet */
    sl_ns capture_error; /* the largest |true capture time - as told at arrival| since then */
    bool stopped;        /* set to end it early */
};

/* Frames from `from`, watched at `to` (NULL: call sim_flow_take() yourself). */
void sim_flow_init(struct sim_flow *flow, const struct sim_flow_config *config,
                   struct sim_end *from, struct sim_end *to);
void sim_flow_start(struct sim_flow *flow);
void sim_flow_fini(struct sim_flow *flow);
/* A packet of the flow came at the far end, whose clock is `clock`. */
void sim_flow_take(struct sim_flow *flow, const struct sl_rtp_packet *packet, bool repaired,
                   const struct sim_clock *clock);
/* Of the sent ones that did not arrive. */
size_t sim_flow_missing(const struct sim_flow *flow);
/* The `quantile` (0..1) of arrived - sent over repaired (or all) packets; 0 if there are none. */
sl_ns sim_flow_latency(const struct sim_flow *flow, bool repaired_only, double quantile);
