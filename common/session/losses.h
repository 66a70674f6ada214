/* SPDX-License-Identifier: MIT */
/*
 * Losses of a received stream before any repair, and how they cluster: what a sender's parity is
 * reckoned from (rtp/repair_report.h).
 *
 * A number is lost once it was repaired or given up: what only came late is not. Pure; fixed
 * memory.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"

#define SL_LOSSES_WINDOW 1024 /* numbers; a power of two */

/* Zero-initialised is ready. */
struct sl_losses {
    bool started;
    int64_t highest; /* of the lost */
    uint64_t bits[SL_LOSSES_WINDOW / 64];
    uint32_t lost;
    uint32_t runs;     /* groups of neighbours among the lost */
    uint32_t burst[2]; /* the longest of this half second, and of the one before */
    sl_ns since;       /* that half second's start */
};

/* `seq` was lost. Once each; numbers older than the window count as runs of their own. */
void sl_losses_add(struct sl_losses *losses, int64_t seq, sl_ns now);
/* The longest run that grew within the last half to whole second. */
uint32_t sl_losses_burst(struct sl_losses *losses, sl_ns now);
