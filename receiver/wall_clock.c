/* SPDX-License-Identifier: MIT */
#include "receiver/wall_clock.h"

#include <sys/timex.h>
#include <time.h>

int64_t sl_wall_clock_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

enum sl_clock_state sl_wall_clock_state(void)
{
    struct timex clock = {0};
    if (adjtimex(&clock) < 0)
        return SL_CLOCK_UNKNOWN;
    return clock.status & STA_UNSYNC ? SL_CLOCK_FREE : SL_CLOCK_SYNCED;
}
