/* SPDX-License-Identifier: MIT */
/* Export find: which segments a range takes, and what there is instead if it takes none. */
#pragma once

#include "receiver/catalogue.h"

#define SL_EXPORT_ROWS_MAX 100000 /* a year of a quarter of an hour each has 35040 */

/* *rows is malloc()'s, the caller's; by start. -ENOMEM, -E2BIG, and what the catalogue says. */
SL_MUST_CHECK int sl_export_find(struct sl_catalogue *catalogue, const char *camera,
                                 int64_t from_us, int64_t to_us, struct sl_segment_row **rows,
                                 int *count);

/* The camera's footage beside a range without any; 0: none. */
struct sl_export_nearest {
    int64_t
        before_us; /* where the last of it in front ends; within the range's segment: INT64_MAX */
    int64_t after_us; /* where the first of it behind begins */
};
SL_MUST_CHECK int sl_export_find_nearest(struct sl_catalogue *catalogue, const char *camera,
                                         int64_t from_us, int64_t to_us,
                                         struct sl_export_nearest *ret);
