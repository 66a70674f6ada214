/* SPDX-License-Identifier: MIT */
/*
 * Retention clock: the time by which recordings are too old, whatever the wall's clock does. Pure.
 *
 *     synchronised, or at most a day ahead of what is known:   the wall's clock
 *     else (it jumped, or nobody knows how long we were off):  what is known, plus what has passed
 *
 * So a clock that jumps ahead by years deletes nothing before its time; one that is right but not
 * synchronised makes it later by as long as the receiver was off. A clock that is behind deletes
 * less, so it is followed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"

#define SL_RETENTION_CLOCK_AHEAD_US (86400 * INT64_C(1000000))

struct sl_retention_clock {
    int64_t known_us; /* the newest moment that is known to have been; 0: none yet */
    sl_ns looked;     /* monotonic, at the last look; 0: none in this run */
    bool doubted;     /* the wall's clock is not gone by */
};

/* The time to judge ages by, of `now_us` by the wall and `now` by the monotonic clock. */
int64_t sl_retention_clock_look(struct sl_retention_clock *clock, int64_t now_us, sl_ns now,
                                bool synchronised);
