/* SPDX-License-Identifier: MIT */
/*
 * Result: what a bench found, in the one shape that the tables on the terminal, the JSON file, the
 * HTML report and `compare` all read. A bench fills it in; nobody else knows what was measured.
 *
 *   { "name", "title", "conditions": {...}, "notes": [...],
 *     "headlines": [ { "title", "value", "decimals", "unit", "note" } ],
 *     "tables": [ { "name", "title",
 *                   "columns": [ { "key", "title", "unit", "better", "id", "decimals" } ],
 *                   "rows": [ { KEY: number | text | null, ... } ] } ],
 *     "plots":  [ { "name", "title", "kind", "x": {"title", "unit", "log"}, "y": {...},
 *                   "labels": [...],
 *                   "series": [ { "name", "x": [...], "y": [...] } ] } ] }
 *
 * Rows of two runs are the same row when their id columns are equal. A figure that could not be
 * had is null, and the row's text column or a note says why.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/types.h"

enum sl_better { SL_BETTER_NEITHER, SL_BETTER_LOWER, SL_BETTER_HIGHER };

struct sl_column {
    const char *key, *title;
    const char *unit; /* "ms", "1/s", "%", "MB", ""; shown beside the title */
    enum sl_better better;
    bool id;      /* tells rows apart */
    int decimals; /* shown; the JSON has them all */
};

/* NULL: out of memory. Everything below takes NULL and then does nothing; whoever prints or writes
 * a result learns of it there. */
cJSON *sl_result_create(const char *name, const char *title);

/* "seconds", 10 and the like, beside those of the machine, which every run gets (conditions.h). */
void sl_result_condition_number(cJSON *result, const char *key, double value);
void sl_result_condition_text(cJSON *result, const char *key, const char *value);
/* A sentence a reader needs. */
void sl_result_note(cJSON *result, const char *format, ...) SL_PRINTF(2, 3);
/* A figure that stands large at the top of the report: "Age of a frame, median", 8.1, 1, "ms",
 * "720p30, 0.77 of GStreamer's". One to three a bench; NAN: could not be had. */
void sl_result_headline(cJSON *result, const char *title, double value, int decimals,
                        const char *unit, const char *note);

/* `columns` ends with a NULL key. */
cJSON *sl_result_table(cJSON *result, const char *name, const char *title,
                       const struct sl_column *columns);
/* A row of the table; what is not set is null. */
cJSON *sl_table_row(cJSON *table);
void sl_row_number(cJSON *row, const char *key, double value); /* NAN: null */
void sl_row_ms(cJSON *row, const char *key, sl_ns value);
void sl_row_text(cJSON *row, const char *key, const char *value);

struct sl_axis {
    const char *title, *unit;
    bool log;
};

enum sl_plot_kind {
    SL_PLOT_LINES,   /* y over x, points joined                                      */
    SL_PLOT_POINTS,  /* y over x                                                     */
    SL_PLOT_STEPS,   /* a distribution: share (0 to 1) of values up to x             */
    SL_PLOT_STACKED, /* bars: x is the index of the bar's label, series lie upon each other */
    SL_PLOT_BARS,    /* the same, series beside each other                           */
};

cJSON *sl_result_plot(cJSON *result, const char *name, const char *title, enum sl_plot_kind kind,
                      const struct sl_axis *x, const struct sl_axis *y);
/* For bars: what stands under bar 0, 1, 2 ... */
void sl_plot_label(cJSON *plot, const char *label);
/* A curve; copies. */
void sl_plot_series(cJSON *plot, const char *name, const double *x, const double *y, size_t count);

/* Headlines, tables, notes, in plain text. */
void sl_result_write(const cJSON *result, FILE *out);
void sl_result_print(const cJSON *result); /* on stdout */
