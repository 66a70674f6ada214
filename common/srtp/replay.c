/* SPDX-License-Identifier: MIT */
#include "srtp/replay.h"

#include <string.h>

#define SEQ_SPAN 65536

int64_t sl_replay_extend(const struct sl_replay *replay, uint16_t seq)
{
    if (!replay->started)
        return seq;
    const int64_t number = replay->highest + (int16_t)(seq - (uint16_t)replay->highest);
    return number >= 0 ? number : number + SEQ_SPAN;
}

static uint64_t *word_of(struct sl_replay *replay, int64_t number)
{
    return &replay->used[(uint64_t)number % SL_REPLAY_WINDOW / 64];
}

static uint64_t bit_of(int64_t number)
{
    return (uint64_t)1 << ((uint64_t)number % 64);
}

enum sl_replay_verdict sl_replay_check(const struct sl_replay *replay, int64_t number)
{
    if (!replay->started || number > replay->highest)
        return SL_REPLAY_FRESH;
    if (replay->highest - number >= SL_REPLAY_WINDOW)
        return SL_REPLAY_OLD;
    const uint64_t word = replay->used[(uint64_t)number % SL_REPLAY_WINDOW / 64];
    return word & bit_of(number) ? SL_REPLAY_USED : SL_REPLAY_FRESH;
}

void sl_replay_commit(struct sl_replay *replay, int64_t number)
{
    if (!replay->started || number - replay->highest >= SL_REPLAY_WINDOW)
        memset(replay->used, 0, sizeof(replay->used));
    else /* what lies between was used 1024 numbers ago, if at all */
        for (int64_t between = replay->highest + 1; between < number; between++)
            *word_of(replay, between) &= ~bit_of(between);
    *word_of(replay, number) |= bit_of(number);
    if (!replay->started || number > replay->highest)
        replay->highest = number;
    replay->started = true;
}
