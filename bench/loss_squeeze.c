/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/loss.h"
#include "bench/result.h"

static const struct sl_column phase_columns[] = {
    {.key = "path", .title = "path", .unit = "", .id = true},
    {.key = "phase", .title = "link", .unit = "", .id = true},
    {"shown", "shown", "1/s", SL_BETTER_HIGHER, false, 1},
    {"p50", "age p50", "ms", SL_BETTER_LOWER, false, 1},
    {"p99", "age p99", "ms", SL_BETTER_LOWER, false, 1},
    {"freeze", "longest freeze", "ms", SL_BETTER_LOWER, false, 0},
    {"kbps", "H.264", "kb/s", SL_BETTER_NEITHER, false, 0},
    {.key = NULL},
};

static const struct sl_column verdict_columns[] = {
    {.key = "path", .title = "path", .unit = "", .id = true},
    {"settled", "age settled after", "s", SL_BETTER_LOWER, false, 1},
    {"freeze", "longest freeze", "ms", SL_BETTER_LOWER, false, 0},
    {"back", "full rate after", "s", SL_BETTER_LOWER, false, 1},
    {.key = "note", .title = "", .unit = ""},
    {.key = NULL},
};

static const char *const phases[] = {
    [SL_SQUEEZE_BEFORE] = "before",
    [SL_SQUEEZE_NARROW] = "narrow",
    [SL_SQUEEZE_AFTER] = "wide again",
};

static void tell_phase(cJSON *table, const char *path, const struct sl_squeeze_seen *seen,
                       const char *phase)
{
    cJSON *row = sl_table_row(table);
    sl_row_text(row, "path", path);
    sl_row_text(row, "phase", phase);
    if (seen->seconds <= 0)
        return;
    sl_row_number(row, "shown", (double)seen->ages.count / seen->seconds);
    sl_row_number(row, "p50", sl_series_quantile(&seen->ages, 0.50));
    sl_row_number(row, "p99", sl_series_quantile(&seen->ages, 0.99));
    sl_row_ms(row, "freeze", seen->freeze);
    sl_row_number(row, "kbps", sl_series_mean(&seen->kbps, 0, SL_NEVER));
}

static void tell_verdict(cJSON *table, const char *path, const struct sl_loss_entry *entry)
{
    const struct sl_squeeze_figures *squeeze = &entry->squeeze;
    cJSON *row = sl_table_row(table);
    sl_row_text(row, "path", path);
    if (entry->why[0])
        sl_row_text(row, "note", entry->why);
    if (!squeeze->rounds)
        return;
    sl_row_number(row, "settled", (double)squeeze->settled / SL_SEC);
    sl_row_ms(row, "freeze", squeeze->freeze);
    if (squeeze->back != SL_NEVER)
        sl_row_number(row, "back", (double)squeeze->back / SL_SEC);
    else if (squeeze->phase[SL_SQUEEZE_AFTER].kbps.count)
        sl_row_text(row, "note", "not at the full rate again");
}

static void tell_notes(const struct sl_loss *loss, const struct sl_loss_cell *cell)
{
    sl_result_note(loss->result,
                   "The link that gets narrow is %s: %lld kb/s for %g s, %g s after it began. "
                   "Narrow: from %d s after the drop to its end. Wide again: from %d s after the "
                   "end on.",
                   cell->words, (long long)cell->plan.rate_bps / 1000,
                   (double)cell->plan.len / SL_SEC, (double)cell->plan.start / SL_SEC,
                   (int)(SL_SQUEEZE_SETTLES / SL_SEC), (int)(SL_SQUEEZE_BACK / SL_SEC));
    sl_result_note(loss->result,
                   "Age settled: when, after the drop, the last picture of its time that was older "
                   "than %d ms was shown; meant to be within %d s. Longest freeze: from the drop "
                   "on; meant to be %d ms at most. Full rate: when, after the end, the encoder is "
                   "told %d %% of it or more; meant to be within %d s.",
                   (int)(SL_SQUEEZE_AGE / SL_MS), (int)(SL_SQUEEZE_SETTLES / SL_SEC),
                   (int)(SL_SQUEEZE_FREEZE / SL_MS), (int)(100 * SL_SQUEEZE_FULL + 0.5),
                   (int)(SL_SQUEEZE_BACK / SL_SEC));
}

static void plot_rate(cJSON *plot, const char *path, const struct sl_loss_entry *entry)
{
    const struct sl_series *kbps = &entry->kbps;
    double *at = calloc(kbps->count + 1, sizeof(*at));
    for (size_t i = 0; at && i < kbps->count; i++)
        at[i] = (double)(kbps->at[i] - entry->drop) / SL_SEC;
    if (at && kbps->count)
        sl_plot_series(plot, path, at, kbps->value, kbps->count);
    free(at);
}

static void plot_ages(cJSON *plot, const char *path, const struct sl_loss_entry *entry)
{
    double *at = calloc(entry->points + 1, sizeof(*at));
    for (size_t i = 0; at && i < entry->points; i++)
        at[i] = entry->at[i] - (double)entry->drop / SL_SEC;
    if (at && entry->points)
        sl_plot_series(plot, path, at, entry->age, entry->points);
    free(at);
}

static void tell_cell(const struct sl_loss *loss, const struct sl_loss_cell *cell)
{
    static const struct sl_axis x = {"time since the drop", "s", false};
    static const struct sl_axis age = {"age", "ms", false}, rate = {"H.264", "kb/s", false};
    const struct sl_loss_entry *entries = loss->entries[cell - loss->cells];
    cJSON *phase =
        sl_result_table(loss->result, "squeeze",
                        "Pictures over a link that gets narrow for a while", phase_columns);
    cJSON *verdict = sl_result_table(loss->result, "squeeze_ends",
                                     "How soon the path follows the link", verdict_columns);
    cJSON *ages =
        sl_result_plot(loss->result, "squeeze_ages", "Age of each frame, a link that gets narrow",
                       SL_PLOT_POINTS, &x, &age);
    cJSON *rates = sl_result_plot(loss->result, "squeeze_rate", "Bit rate, a link that gets narrow",
                                  SL_PLOT_LINES, &x, &rate);
    for (int path = 0; path < loss->path_count; path++) {
        const struct sl_loss_entry *entry = &entries[path];
        const char *name = loss->paths[path]->name;
        for (int i = 0; entry->squeeze.rounds && i < SL_SQUEEZE_PHASES; i++)
            tell_phase(phase, name, &entry->squeeze.phase[i], phases[i]);
        if (entry->squeeze.rounds || entry->why[0])
            tell_verdict(verdict, name, entry);
        plot_ages(ages, name, entry);
        plot_rate(rates, name, entry);
    }
    tell_notes(loss, cell);
}

void sl_loss_tell_squeeze(const struct sl_loss *loss)
{
    for (int i = 0; i < loss->measured; i++)
        if (loss->cells[i].squeeze)
            tell_cell(loss, &loss->cells[i]);
}
