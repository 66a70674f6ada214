/* SPDX-License-Identifier: MIT */
/*
 * Compare: the figures of two runs side by side, after what was different about the runs.
 * Documents may come from anywhere.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdio.h>

#define SL_COMPARE_PERCENT 10 /* a figure that moved less is called the same */

struct sl_compare_tally {
    int figures, better, worse; /* what has no better and worse is in the first only */
    int missing;                /* benches, tables, rows, columns and figures in one run only */
    int conditions;             /* that differ though they should not */
};

/* Plain text to `out`; the documents are called A and B. */
struct sl_compare_tally sl_compare_write(const cJSON *a, const cJSON *b, FILE *out);

/* `sightline-bench compare A.json B.json`. The process's exit status. */
int sl_compare_main(const char *const *words, int count);
