/* SPDX-License-Identifier: MIT */
#include "base/time.h"

#include <time.h>

/* Seconds from 1900 (NTP) to 1970 (Unix). */
#define NTP_UNIX_SECONDS 2208988800u
#define EPOCH_EXACT (10 * SL_US) /* between the reads: longer, and we were not running */
#define EPOCH_TRIES 5

static sl_ns read_clock(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (sl_ns)ts.tv_sec * SL_SEC + ts.tv_nsec;
}

sl_ns sl_time_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

sl_ns sl_time_epoch(void)
{
    sl_ns best = 0, least = SL_NEVER;
    for (int i = 0; i < EPOCH_TRIES && least > EPOCH_EXACT; i++) {
        const sl_ns before = read_clock(CLOCK_MONOTONIC), wall = read_clock(CLOCK_REALTIME);
        const sl_ns took = read_clock(CLOCK_MONOTONIC) - before;
        if (took >= least)
            continue;
        least = took;
        best = wall - before - took / 2;
    }
    return best;
}

uint64_t sl_ntp_from_ns(sl_ns now, sl_ns epoch)
{
    const sl_ns unix_ns = now + epoch;
    const uint64_t seconds = (uint64_t)(unix_ns / SL_SEC) + NTP_UNIX_SECONDS;
    const uint64_t rest = (uint64_t)(unix_ns % SL_SEC);
    return (seconds << 32) | ((rest << 32) / (uint64_t)SL_SEC);
}

sl_ns sl_ntp_to_ns(uint64_t ntp, sl_ns epoch)
{
    const sl_ns seconds = (sl_ns)(ntp >> 32) - NTP_UNIX_SECONDS;
    const sl_ns rest = (sl_ns)(((ntp & 0xffffffffu) * (uint64_t)SL_SEC + (1u << 31)) >> 32);
    return seconds * SL_SEC + rest - epoch;
}

int64_t sl_ntp_span_from_ns(sl_ns span)
{
    return (int64_t)((__int128)span * ((__int128)1 << 32) / SL_SEC);
}

sl_ns sl_ntp_span_to_ns(int64_t span)
{
    return (sl_ns)((__int128)span * SL_SEC / ((__int128)1 << 32));
}
