/* SPDX-License-Identifier: MIT */
/*
 * Pacer: when each packet may leave. The packets stay with the caller; it holds their tokens.
 *
 *     push ──▶ [ audio, resends, early parity ] ──┐
 *     push ──▶ [ media, parity ] ─────────────────┴─▶ pop, in turns, no sooner than due()
 *
 * On a wide link (it takes four times the bitrate) a P frame leaves at once, as one batch; key
 * frames and repair are spread at max(2.5 x bitrate, frame / 8 ms). On a narrow or unknown one all
 * is spread at 2.5 x bitrate, or at a tenth over what single frames were seen to come through at,
 * if that is less: what the link would only queue or drop waits here, where it is counted and
 * frames can be skipped. Audio never waits.
 *
 * Does not know the network: the controller sets the rates and blocks it. Pure; fixed memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

#define SL_PACER_TOKENS 1024 /* in each of the two queues; a power of two */

enum sl_pacer_kind {
    SL_PACER_AUDIO,
    SL_PACER_RESEND,
    SL_PACER_EARLY, /* parity of the part of a frame that left, before the rest has */
    SL_PACER_MEDIA,
    SL_PACER_PARITY,
};

/* Whether it is held in the queue of what does not wait behind frames. */
static inline bool sl_pacer_is_urgent(enum sl_pacer_kind kind)
{
    return kind < SL_PACER_MEDIA;
}

struct sl_pacer_token {
    enum sl_pacer_kind kind;
    uint32_t token; /* the caller's */
    uint32_t bytes;
    uint32_t frame;    /* counts sl_pacer_frame() */
    uint64_t pace_bps; /* 0: leaves at once */
};

/* pushed == popped + cleared + held. */
struct sl_pacer_stats {
    uint64_t pushed, popped, cleared, refused;
    uint32_t held;
    size_t held_bytes;
};

struct sl_pacer {
    struct sl_pacer_queue {
        struct sl_pacer_token ring[SL_PACER_TOKENS];
        uint32_t head, tail;
    } urgent, plain;
    bool plain_next; /* resends and media take turns: many of the ones do not hold up the others */
    uint64_t bitrate_bps, capacity_bps;
    uint64_t pace_bps;   /* of the frame being pushed */
    uint64_t spread_bps; /* of its parity */
    uint32_t frame;
    sl_ns due; /* when the next may leave */
    struct sl_pacer_stats stats;
};

void sl_pacer_init(struct sl_pacer *pacer, uint64_t bitrate_bps);

/* What the stream has in all (media and repair) and what the link was seen to take; 0: unknown. */
void sl_pacer_rates(struct sl_pacer *pacer, uint64_t bitrate_bps, uint64_t capacity_bps);

/* The media and parity pushed next belong to one more frame, of `bytes` in all. */
void sl_pacer_frame(struct sl_pacer *pacer, size_t bytes, bool key);
/* False: full, the packet is not held. */
SL_MUST_CHECK bool sl_pacer_push(struct sl_pacer *pacer, enum sl_pacer_kind kind, uint32_t token,
                                 size_t bytes);

/* The next packet that may leave at `now`. Call until false; what comes out of one round of calls
 * is one batch. */
bool sl_pacer_pop(struct sl_pacer *pacer, sl_ns now, struct sl_pacer_token *ret);
/* When to call pop next; SL_NEVER: nothing is held. */
sl_ns sl_pacer_due(const struct sl_pacer *pacer);

/* Takes back one media or parity token, oldest first, that is not to be sent any more. */
bool sl_pacer_clear(struct sl_pacer *pacer, struct sl_pacer_token *ret);

/* Frames of which media or parity is held. */
unsigned sl_pacer_frames(const struct sl_pacer *pacer);
void sl_pacer_stats(const struct sl_pacer *pacer, struct sl_pacer_stats *ret);
