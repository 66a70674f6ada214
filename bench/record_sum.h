/* SPDX-License-Identifier: MIT */
/*
 * Record sum: what recording takes beyond relaying, out of cells of both kinds. Pure.
 */
#pragma once

#include <stdbool.h>

#include "bench/record_cell.h"

/* A goal, at so many cameras of so many bits a second: % of a core beyond relaying. */
#define SL_RECORD_GOAL 5.0
#define SL_RECORD_GOAL_CAMERAS 64
#define SL_RECORD_GOAL_BPS 2000000

struct sl_record_sum { /* % of a core; medians of the rounds; NAN: one of the kinds is missing */
    double alone[SL_RECORD_GROUPS], alone_all;
    double with[SL_RECORD_GROUPS], with_all;
    double own;  /* of the threads that are there to record */
    double more; /* of all others: with - alone; below 0 on a machine that is not quiet */
    double over; /* own, and what is above 0 of `more` */
};

void sl_record_sum(struct sl_record_sum *ret, const struct sl_record_cell *cells, int count);

/* NULL: the goal says nothing about so many cameras or so little video; else "met", or "MISSED". */
const char *sl_record_goal(const struct sl_record_sum *sum, int cameras, double in_bps);
