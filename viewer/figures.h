/* SPDX-License-Identifier: MIT */
/* Figures: ages of the pictures shown in one period, for --stats: how many, median, largest. Pure.
 */
#pragma once

#include <stdint.h>

#include "base/types.h"

#define SL_FIGURES_MAX 512 /* ages kept of one period; of more, every other one is left out */

struct sl_figures {
    uint64_t shown;
    sl_ns largest;
    int held;
    int every; /* one in so many is kept */
    int skipped;
    sl_ns age[SL_FIGURES_MAX];
};

void sl_figures_clear(struct sl_figures *figures);
void sl_figures_add(struct sl_figures *figures, sl_ns age); /* SL_NEVER: counted, age unknown */
/* SL_NEVER if no age is known. */
sl_ns sl_figures_median(struct sl_figures *figures);
