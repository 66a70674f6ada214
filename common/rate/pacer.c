/* SPDX-License-Identifier: MIT */
#include "rate/pacer.h"

#include <string.h>

#define WIDE 4 /* times the bitrate */
#define KEY_SPAN (8 * SL_MS)

_Static_assert((SL_PACER_TOKENS & (SL_PACER_TOKENS - 1)) == 0, "indexed by a mask");

void sl_pacer_init(struct sl_pacer *pacer, uint64_t bitrate_bps)
{
    memset(pacer, 0, sizeof(*pacer));
    sl_pacer_rates(pacer, bitrate_bps, 0);
}

static bool is_wide(const struct sl_pacer *pacer)
{
    return pacer->capacity_bps >= WIDE * pacer->bitrate_bps;
}

static uint64_t normal(const struct sl_pacer *pacer)
{
    const uint64_t most = pacer->bitrate_bps * 5 / 2, least = pacer->bitrate_bps * 5 / 4;
    const uint64_t seen = pacer->capacity_bps + pacer->capacity_bps / 10;
    if (pacer->capacity_bps == 0 || seen > most)
        return most;
    return seen > least ? seen : least;
}

void sl_pacer_rates(struct sl_pacer *pacer, uint64_t bitrate_bps, uint64_t capacity_bps)
{
    pacer->bitrate_bps = bitrate_bps ? bitrate_bps : 1;
    pacer->capacity_bps = capacity_bps;
}

/* A link known to be narrow is not given a key frame within 8 ms; of unknown ones most are wide. */
void sl_pacer_frame(struct sl_pacer *pacer, size_t bytes, bool key)
{
    const bool wide = is_wide(pacer);
    const uint64_t burst = (uint64_t)bytes * 8 * (uint64_t)SL_SEC / (uint64_t)KEY_SPAN;
    pacer->spread_bps = normal(pacer);
    if ((wide || pacer->capacity_bps == 0) && burst > pacer->spread_bps)
        pacer->spread_bps = burst;
    if (key)
        pacer->pace_bps = pacer->spread_bps;
    else
        pacer->pace_bps = wide ? 0 : normal(pacer);
    pacer->frame++;
}

/* ---- two queues ---- */

static uint32_t count(const struct sl_pacer_queue *queue)
{
    return queue->tail - queue->head;
}

static const struct sl_pacer_token *head(const struct sl_pacer_queue *queue)
{
    return &queue->ring[queue->head & (SL_PACER_TOKENS - 1)];
}

static struct sl_pacer_token take(struct sl_pacer *pacer, struct sl_pacer_queue *queue)
{
    const struct sl_pacer_token token = *head(queue);
    queue->head++;
    pacer->stats.held--;
    pacer->stats.held_bytes -= token.bytes;
    return token;
}

static uint64_t pace_of(const struct sl_pacer *pacer, enum sl_pacer_kind kind)
{
    switch (kind) {
    case SL_PACER_AUDIO:
        return 0;
    case SL_PACER_RESEND:
        return normal(pacer);
    case SL_PACER_MEDIA:
        return pacer->pace_bps;
    case SL_PACER_EARLY:
    case SL_PACER_PARITY:
        break;
    }
    return pacer->spread_bps;
}

bool sl_pacer_push(struct sl_pacer *pacer, enum sl_pacer_kind kind, uint32_t token, size_t bytes)
{
    struct sl_pacer_queue *queue = sl_pacer_is_urgent(kind) ? &pacer->urgent : &pacer->plain;
    if (count(queue) == SL_PACER_TOKENS) {
        pacer->stats.refused++;
        return false;
    }
    queue->ring[queue->tail++ & (SL_PACER_TOKENS - 1)] =
        (struct sl_pacer_token){.kind = kind,
                                .token = token,
                                .bytes = (uint32_t)bytes,
                                .frame = pacer->frame,
                                .pace_bps = pace_of(pacer, kind)};
    pacer->stats.pushed++;
    pacer->stats.held++;
    pacer->stats.held_bytes += bytes;
    return true;
}

/* Audio first, then resends and the rest in turns. */
static bool is_plains_turn(const struct sl_pacer *pacer)
{
    if (count(&pacer->urgent) == 0)
        return true;
    return count(&pacer->plain) && pacer->plain_next && head(&pacer->urgent)->pace_bps;
}

bool sl_pacer_pop(struct sl_pacer *pacer, sl_ns now, struct sl_pacer_token *ret)
{
    const bool plain = is_plains_turn(pacer);
    struct sl_pacer_queue *queue = plain ? &pacer->plain : &pacer->urgent;
    if (count(queue) == 0 || (head(queue)->pace_bps && pacer->due > now))
        return false;
    *ret = take(pacer, queue);
    if (ret->kind != SL_PACER_AUDIO)
        pacer->plain_next = !plain;
    pacer->stats.popped++;
    if (ret->pace_bps) {
        /* Counted from when it was due, so that a late timer makes no gap; what was idle is lost.
         */
        const sl_ns late = now - pacer->due;
        if (late > SL_MS || late < 0)
            pacer->due = now;
        pacer->due += (sl_ns)((uint64_t)ret->bytes * 8 * (uint64_t)SL_SEC / ret->pace_bps);
    }
    return true;
}

sl_ns sl_pacer_due(const struct sl_pacer *pacer)
{
    const struct sl_pacer_queue *queue = is_plains_turn(pacer) ? &pacer->plain : &pacer->urgent;
    if (count(queue) == 0)
        return SL_NEVER;
    return head(queue)->pace_bps ? pacer->due : 0;
}

bool sl_pacer_clear(struct sl_pacer *pacer, struct sl_pacer_token *ret)
{
    if (count(&pacer->plain) == 0)
        return false;
    *ret = take(pacer, &pacer->plain);
    pacer->stats.cleared++;
    return true;
}

unsigned sl_pacer_frames(const struct sl_pacer *pacer)
{
    const struct sl_pacer_queue *queue = &pacer->plain;
    if (count(queue) == 0)
        return 0;
    const uint32_t oldest = head(queue)->frame;
    const uint32_t newest = queue->ring[(queue->tail - 1) & (SL_PACER_TOKENS - 1)].frame;
    return newest - oldest + 1;
}

void sl_pacer_stats(const struct sl_pacer *pacer, struct sl_pacer_stats *ret)
{
    *ret = pacer->stats;
}
