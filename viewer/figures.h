/* SPDX-License-Identifier: MIT */
/*
 * Figures: what is told of a camera in numbers. Ages of the pictures shown in one period: how many,
 * median, largest; and what became of the packets of the last seconds. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"
#include "session/repairs.h"

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

/* Counts as they stood at a moment. */
struct sl_reading {
    sl_ns at;
    struct sl_repairs repairs;
};

/* Payload bits per second between two readings, in kbit/s; 0 if no time lies between. */
double sl_reading_kbps(const struct sl_reading *now, const struct sl_reading *then);

#define SL_RECENT_SPAN (5 * SL_SEC)
#define SL_RECENT_READINGS 6

/* The readings of the last seconds, one a second. Zero-initialised is ready. */
struct sl_recent {
    struct sl_reading reading[SL_RECENT_READINGS]; /* the oldest first */
    int count;
};

/* Takes in the newest reading; what is older than SL_RECENT_SPAN before it is dropped. True if
 * there is another one to compare it with. */
bool sl_recent_add(struct sl_recent *recent, const struct sl_reading *reading);
