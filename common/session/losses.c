/* SPDX-License-Identifier: MIT */
#include "session/losses.h"

#include <string.h>

#define SPAN (500 * SL_MS)

static uint64_t *word_of(struct sl_losses *losses, int64_t seq)
{
    return &losses->bits[(uint64_t)seq % SL_LOSSES_WINDOW / 64];
}

static uint64_t bit_of(int64_t seq)
{
    return (uint64_t)1 << ((uint64_t)seq % 64);
}

static bool is_lost(struct sl_losses *losses, int64_t seq)
{
    return seq <= losses->highest && seq > losses->highest - SL_LOSSES_WINDOW &&
           (*word_of(losses, seq) & bit_of(seq));
}

static void advance(struct sl_losses *losses, int64_t seq)
{
    if (!losses->started || seq - losses->highest >= SL_LOSSES_WINDOW)
        memset(losses->bits, 0, sizeof(losses->bits));
    else
        for (int64_t i = losses->highest + 1; i <= seq; i++)
            *word_of(losses, i) &= ~bit_of(i);
    losses->highest = seq;
    losses->started = true;
}

static void turn(struct sl_losses *losses, sl_ns now)
{
    const sl_ns passed = now - losses->since;
    if (passed < SPAN)
        return;
    losses->burst[1] = passed < 2 * SPAN ? losses->burst[0] : 0;
    losses->burst[0] = 0;
    losses->since = now;
}

/* Of the lost on both sides of `seq`, itself included. */
static uint32_t run_around(struct sl_losses *losses, int64_t seq)
{
    uint32_t run = 1;
    for (int64_t i = seq - 1; is_lost(losses, i); i--)
        run++;
    for (int64_t i = seq + 1; is_lost(losses, i); i++)
        run++;
    return run;
}

void sl_losses_add(struct sl_losses *losses, int64_t seq, sl_ns now)
{
    turn(losses, now);
    if (!losses->started || seq > losses->highest)
        advance(losses, seq);
    losses->lost++;
    if (seq <= losses->highest - SL_LOSSES_WINDOW) {
        losses->runs++;
        return;
    }
    *word_of(losses, seq) |= bit_of(seq);
    /* A run of its own, a longer one, or two made one. */
    losses->runs += 1u - is_lost(losses, seq - 1) - is_lost(losses, seq + 1);
    const uint32_t run = run_around(losses, seq);
    if (run > losses->burst[0])
        losses->burst[0] = run;
}

uint32_t sl_losses_burst(struct sl_losses *losses, sl_ns now)
{
    turn(losses, now);
    return losses->burst[0] > losses->burst[1] ? losses->burst[0] : losses->burst[1];
}
