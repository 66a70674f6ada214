/* SPDX-License-Identifier: MIT */
/*
 * Uplink: the send loop's side of the sender. Takes what the pipeline made, cuts it into packets
 * of one running sequence space per kind, keeps copies for resends, and hands them to the
 * endpoint; carries the peer's wishes back.
 *
 *     pipeline ──▶ wake ──▶ access units ──▶ packets ──▶ history, endpoint ──▶ receiver
 *              ◀── live, key frame wanted ◀── state, PLI ◀──
 *              ◀── gate, bit rate ◀── rate control, at the end of each turn of the loop
 *
 * After (re)connecting nothing leaves before a key frame, and the first picture after an outage
 * that the connection survived is one. Lives in the loop's thread.
 */
#pragma once

#include <stdint.h>

#include "base/types.h"
#include "sender/pipeline.h"
#include "whip/endpoint.h"

struct sl_uplink;

struct sl_uplink_handler {
    /* The endpoint's state and reason, as it says them. */
    void (*state)(void *ctx, enum sl_endpoint_state state, const char *reason);
    /* Once: the video source has ended (error 0) or failed, and its last picture has been sent. */
    void (*ended)(void *ctx, int error);
};

struct sl_uplink_config {
    struct sl_endpoint_config endpoint; /* publish, handler and ctx are filled in here */
    struct sl_pipeline *pipeline;
    struct sl_trace *trace; /* or NULL */
    const struct sl_uplink_handler *handler;
    void *ctx;
};

/* 0 or -errno. */
SL_MUST_CHECK int sl_uplink_create(struct sl_uplink **ret, const struct sl_uplink_config *config);
void sl_uplink_start(struct sl_uplink *uplink);
/* Says goodbye; state() tells SL_ENDPOINT_STOPPED when that is done. */
void sl_uplink_stop(struct sl_uplink *uplink);
void sl_uplink_destroy(struct sl_uplink *uplink);

/* Since create. units == sent + dropped. */
struct sl_uplink_stats {
    uint64_t units;
    uint64_t sent;
    uint64_t dropped;             /* not live, or before the key frame that has to come first */
    uint64_t keys;                /* of those sent */
    uint64_t packets, bytes;      /* video, payload bytes */
    uint64_t audio_packets;       /* sent */
    uint64_t sub_sent, sub_bytes; /* pictures and payload bytes of the small picture */
    uint64_t events;              /* of motion, told; each several times */
    uint64_t refused;             /* packets that the endpoint did not take */
    uint64_t key_requests;        /* PLI and FIR */
    sl_ns encode_sum, encode_max; /* of units taken since the last call of sl_uplink_stats() */
    sl_ns age_sum, age_max;       /* captured to handed to the socket; the same */
    uint64_t timed;               /* how many those are over */
    struct sl_endpoint_stats endpoint;
};

void sl_uplink_stats(struct sl_uplink *uplink, struct sl_uplink_stats *ret);
