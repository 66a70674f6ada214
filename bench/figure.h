/* SPDX-License-Identifier: MIT */
/*
 * Figure: a plot of a result (result.h), read out of JSON that may be anything, ready to be drawn:
 * numbers that are none are NAN, and there are never more curves, labels and points than stated.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/types.h"
#include "bench/result.h"

#define SL_FIGURE_CURVES 64
#define SL_FIGURE_LABELS 200
#define SL_FIGURE_POINTS 500000 /* of a curve */

struct sl_curve {
    const char *name;
    size_t count;
    double *x, *y;
};

struct sl_figure { /* texts are the JSON's */
    const char *title;
    enum sl_plot_kind kind;
    struct sl_axis x, y;
    int labels;
    const char *label[SL_FIGURE_LABELS];
    int curves;
    struct sl_curve curve[SL_FIGURE_CURVES];
    int curves_left_out;
};

/* 0, -EINVAL: no plot at all, or -ENOMEM. */
SL_MUST_CHECK int sl_figure_read(struct sl_figure *ret, const cJSON *plot);
void sl_figure_free(struct sl_figure *figure);

/* The smallest and largest figure of all curves that has a place (`log`: over zero); NAN: none.
 * Returns how many have none though they are numbers. */
size_t sl_figure_range(const struct sl_figure *figure, bool of_x, double *low, double *high);
