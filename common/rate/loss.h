/* SPDX-License-Identifier: MIT */
/*
 * Loss of the last two seconds, in tenths of a second: the share, and how losses cluster.
 *
 * Pure; fixed memory.
 */
#pragma once

#include <stdint.h>

#include "base/types.h"

#define SL_LOSS_SLOTS 20
#define SL_LOSS_SLOT (100 * SL_MS)

struct sl_loss_counts {
    int32_t known; /* packets whose fate was learnt */
    int32_t lost;  /* of those */
    int32_t runs;  /* groups of neighbours among the lost */
};

/* Zero-initialised is ready. */
struct sl_loss_window {
    int64_t newest; /* slot number */
    struct sl_loss_counts slots[SL_LOSS_SLOTS];
};

/* More became known. A loss that turned out to be none comes as a negative count. */
void sl_loss_add(struct sl_loss_window *window, struct sl_loss_counts counts, sl_ns now);
/* The sum over the last `span`, at most 2 s. */
struct sl_loss_counts sl_loss_sum(const struct sl_loss_window *window, sl_ns span, sl_ns now);
void sl_loss_clear(struct sl_loss_window *window);
