/* SPDX-License-Identifier: MIT */
/*
 * Squeeze: what was seen while a link got narrow for a while.
 *
 *     ├─ before ─┤drop      ├──── narrow ─────┤end               ├─ after ─┤
 *     wide ──────┐ 2 s for it                 ┌────── 10 s for it ────── wide
 *                └────────────────────────────┘
 *
 * Pure: of rounds that were measured.
 */
#pragma once

#include <stdbool.h>

#include "base/types.h"
#include "bench/round.h"
#include "bench/series.h"

#define SL_SQUEEZE_SETTLES (2 * SL_SEC)  /* after the drop ages are to be */
#define SL_SQUEEZE_AGE (300 * SL_MS)     /* at most this,                 */
#define SL_SQUEEZE_FREEZE (500 * SL_MS)  /* no freeze is to be longer, and */
#define SL_SQUEEZE_BACK (10 * SL_SEC)    /* after the end it is at the full rate again */
#define SL_SQUEEZE_FULL 0.95             /* of the bit rate asked for counts as that */
#define SL_SQUEEZE_WATCHED (15 * SL_SEC) /* after the end */

struct sl_squeeze_plan {
    sl_ns start, len; /* from the moment at which `impair` began */
    int64_t rate_bps;
};

/* The uplink's first one in words of `impair`, blanks between. False: there is none. */
bool sl_squeeze_find(struct sl_squeeze_plan *ret, const char *words);

enum sl_squeeze_phase {
    SL_SQUEEZE_BEFORE,
    SL_SQUEEZE_NARROW,
    SL_SQUEEZE_AFTER,
    SL_SQUEEZE_PHASES,
};

/* Zero-initialised is ready. */
struct sl_squeeze_figures {
    int rounds;
    struct sl_squeeze_seen {
        double seconds;
        struct sl_series ages; /* ms, of the pictures handed over meanwhile that were shown */
        struct sl_series kbps; /* H.264 sent; empty: the path does not tell                 */
        sl_ns freeze;          /* the longest */
    } phase[SL_SQUEEZE_PHASES];
    /* Each of the worst round. */
    sl_ns freeze;  /* the longest from the drop to the end of watching */
    sl_ns settled; /* after the drop: the last picture older than SL_SQUEEZE_AGE while it was narrow
                    */
    sl_ns back;    /* after the end: told the full rate; SL_NEVER: it was not, or nobody tells */
};

/* 0 or -ENOMEM. */
SL_MUST_CHECK int sl_squeeze_add(struct sl_squeeze_figures *figures,
                                 const struct sl_squeeze_plan *plan,
                                 const struct sl_round_result *round, int64_t full_bps);
void sl_squeeze_free(struct sl_squeeze_figures *figures);
