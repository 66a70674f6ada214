/* SPDX-License-Identifier: MIT */
/*
 * Wall, the viewer's own figures: reads the lines of `sightline-viewer --stats` and sums them up
 * over a while. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/types.h"

#define SL_WALL_TILES_MAX 64
#define SL_WALL_PERIODS_MAX 4096

struct sl_wall_line {
    char name[33];
    char state[16];
    double shown, decoded;                   /* frames/s */
    double age_ms, age_max_ms;               /* NAN: not known */
    unsigned long long lost, dropped, eased; /* since the start */
};

/* False: no such line. */
bool sl_wall_line_read(const char *text, struct sl_wall_line *ret);

struct sl_wall_sum {
    struct {
        char name[33];
        double shown, decoded; /* sums of frames/s, one for each period */
        int periods;
        unsigned long long dropped_before, dropped, eased_before, eased;
    } tile[SL_WALL_TILES_MAX];
    int tiles;
    int ages;
    double age_ms[SL_WALL_PERIODS_MAX]; /* medians, of each tile and period */
    double age_max_ms;
};

/* The line before the first that counts: what has been counted since the start until then. */
void sl_wall_sum_begin(struct sl_wall_sum *sum, const struct sl_wall_line *line);
/* Adds a line. Lines of more tiles than there may be, and ages of more periods, are left out. */
void sl_wall_sum_add(struct sl_wall_sum *sum, const struct sl_wall_line *line);

struct sl_wall_figures {
    double shown_min, shown_mean, decoded_mean; /* frames/s of a tile */
    double age_p50_ms, age_p99_ms; /* of the tiles' medians of each period; NAN: none */
    double age_max_ms;             /* of any frame */
    double dropped, eased;         /* frames not decoded, and decoded in haste, of all tiles */
};

/* Sorts the ages. */
void sl_wall_sum_up(struct sl_wall_sum *sum, struct sl_wall_figures *ret);
