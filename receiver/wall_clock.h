/* SPDX-License-Identifier: MIT */
/* Wall clock: what it says now, and whether anybody keeps it right. For threads that own time. */
#pragma once

#include "receiver/segment.h"

/* UTC in microseconds. */
int64_t sl_wall_clock_us(void);
/* SL_CLOCK_UNKNOWN where adjtimex() may not be asked. */
enum sl_clock_state sl_wall_clock_state(void);
