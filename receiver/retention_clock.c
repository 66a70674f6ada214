/* SPDX-License-Identifier: MIT */
#include "receiver/retention_clock.h"

int64_t sl_retention_clock_look(struct sl_retention_clock *clock, int64_t now_us, sl_ns now,
                                bool synchronised)
{
    const int64_t passed_us = clock->looked ? (now - clock->looked) / SL_US : 0;
    const int64_t reckoned_us = clock->known_us + passed_us;
    clock->looked = now;
    clock->doubted =
        !synchronised && clock->known_us != 0 && now_us > reckoned_us + SL_RETENTION_CLOCK_AHEAD_US;
    if (clock->doubted) {
        clock->known_us = reckoned_us;
        return reckoned_us;
    }
    if (synchronised || now_us > clock->known_us)
        clock->known_us = now_us;
    return now_us;
}
