/* SPDX-License-Identifier: MIT */
/*
 * Replay: which numbers of one SSRC have been used (RFC 3711 section 3.3.2), 1024 back from the
 * highest. Check, authenticate, commit: looking changes nothing. Zero-initialised is ready. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SL_REPLAY_WINDOW 1024

struct sl_replay {
    bool started;
    int64_t highest;
    uint64_t used[SL_REPLAY_WINDOW / 64]; /* of number n: bit n mod 1024 */
};

enum sl_replay_verdict { SL_REPLAY_FRESH, SL_REPLAY_USED, SL_REPLAY_OLD };

/* The extended number of a 16-bit one: the nearest to the highest, never negative (section 3.3.1).
 */
int64_t sl_replay_extend(const struct sl_replay *replay, uint16_t seq);

enum sl_replay_verdict sl_replay_check(const struct sl_replay *replay, int64_t number);
/* For a number that is not too old. */
void sl_replay_commit(struct sl_replay *replay, int64_t number);
