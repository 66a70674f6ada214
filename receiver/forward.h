/* SPDX-License-Identifier: MIT */
/*
 * Forward: what was read together leaves together.
 *
 *     packets of one turn ─▶ their relays ──▶ all ──▶ viewers' sessions ─▶ sent
 *           │ in                                                            │ out
 *           └──────────────────────────▶ trace ◀────────────────────────────┘
 *
 * One thread; nothing allocates.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/trace.h"
#include "receiver/relay.h"

#define SL_FORWARD_BATCH 64 /* datagrams before what they caused is sent */

/* One relay's place in the queue: embedded in whoever owns the relay. */
struct sl_forward_place {
    struct sl_relay *relay;
    bool queued;
    struct sl_forward_place *next;
};

/* Zero-initialised but for `trace`. */
struct sl_forward {
    struct sl_trace *trace; /* or NULL */
    struct sl_forward_place *first;
    uint32_t traced[SL_FORWARD_BATCH]; /* timestamps of frames that leave with this turn's flush */
    int traced_count;
};

/* To the relay, as sl_relay_packet(). */
void sl_forward_packet(struct sl_forward *forward, struct sl_forward_place *place,
                       enum sl_media_kind kind, const struct sl_rtp_packet *packet, bool repaired,
                       sl_ns now);
/* Every relay's to its feeds. */
void sl_forward_all(struct sl_forward *forward, sl_ns now);
/* The kernel has what was forwarded. */
void sl_forward_flushed(struct sl_forward *forward);
