/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/latency.h"
#include "bench/result.h"

#define POINTS_MAX 300 /* of a distribution: more cannot be told apart */
#define SECONDS_MAX 3600

static double ms(sl_ns span)
{
    return (double)span / SL_MS;
}

/* ---- Over time: the first round of the paths that are compared ---- */

static bool of_interest(const struct sl_latency_cell *cell)
{
    return cell->main && cell->rounds > 0;
}

static void add_ages_over_time(cJSON *plot, const struct sl_latency_cell *cell)
{
    const struct sl_tally_result *tally = &cell->round[0]->camera[0].tally;
    double *x = malloc((tally->shown ? tally->shown : 1) * 2 * sizeof(*x));
    size_t count = 0;
    if (!x)
        return;
    double *y = x + tally->shown;
    for (uint32_t i = 0; i < tally->handed; i++) {
        const struct sl_tally_frame *frame = &tally->frames[i];
        if (frame->seen == SL_NEVER)
            continue;
        x[count] = (double)frame->handed / SL_SEC;
        y[count++] = ms(frame->seen - frame->handed);
    }
    sl_plot_series(plot, cell->path->name, x, y, count);
    free(x);
}

/* Of the frames that were handed over in each second: none is missing at the window's ends. */
static void add_shown_over_time(cJSON *plot, const struct sl_latency_cell *cell)
{
    const struct sl_round_result *round = cell->round[0];
    const struct sl_tally_result *tally = &round->camera[0].tally;
    const int seconds = (int)(round->window / SL_SEC);
    double x[SECONDS_MAX], y[SECONDS_MAX] = {0};
    if (seconds < 1 || seconds > SECONDS_MAX)
        return;
    for (int i = 0; i < seconds; i++)
        x[i] = i + 0.5;
    for (uint32_t i = 0; i < tally->handed; i++) {
        const struct sl_tally_frame *frame = &tally->frames[i];
        if (frame->seen != SL_NEVER && frame->handed / SL_SEC < seconds)
            y[frame->handed / SL_SEC]++;
    }
    sl_plot_series(plot, cell->path->name, x, y, (size_t)seconds);
}

static void plot_over_time(cJSON *result, const struct sl_latency *latency)
{
    const struct sl_axis time = {"time", "s", false}, age = {"age on the screen", "ms", false};
    const struct sl_axis shown = {"frames shown", "1/s", false};
    cJSON *ages = sl_result_plot(result, "age_over_time", "Age of each frame, one camera",
                                 SL_PLOT_POINTS, &time, &age);
    for (int i = 0; i < latency->count; i++)
        if (of_interest(&latency->cell[i]))
            add_ages_over_time(ages, &latency->cell[i]);
    cJSON *rates = sl_result_plot(result, "shown_over_time",
                                  "Frames of each second that were shown, one camera",
                                  SL_PLOT_LINES, &time, &shown);
    for (int i = 0; i < latency->count; i++)
        if (of_interest(&latency->cell[i]))
            add_shown_over_time(rates, &latency->cell[i]);
}

/* ---- Distributions ---- */

/* Of ascending values, the share up to each: thinned out, both ends kept. */
static void add_distribution(cJSON *plot, const char *name, const sl_ns *values, size_t count)
{
    double x[POINTS_MAX], y[POINTS_MAX];
    const size_t points = count < POINTS_MAX ? count : POINTS_MAX;
    for (size_t i = 0; i < points; i++) {
        const size_t at = points > 1 ? i * (count - 1) / (points - 1) : 0;
        x[i] = ms(values[at]);
        y[i] = (double)(at + 1) / (double)count;
    }
    sl_plot_series(plot, name, x, y, points);
}

/* Adds up what a round has of a stage (SL_STAGES: ages), and copies it if there is room. */
static size_t take_values(const struct sl_round_result *round, int stage, sl_ns *out)
{
    if (stage < SL_STAGES) {
        if (out && round->traced)
            memcpy(out, round->stage[stage], round->traced * sizeof(*out));
        return round->traced;
    }
    size_t count = 0;
    for (int c = 0; c < round->cameras; c++) {
        const struct sl_tally_result *tally = &round->camera[c].tally;
        if (out)
            memcpy(out + count, tally->ages, tally->shown * sizeof(*out));
        count += tally->shown;
    }
    return count;
}

/* Ascending; NULL: none. free() */
static sl_ns *values_of(const struct sl_latency_cell *cell, int stage, size_t *count)
{
    *count = 0;
    for (int i = 0; i < cell->rounds; i++)
        *count += take_values(cell->round[i], stage, NULL);
    sl_ns *values = *count ? malloc(*count * sizeof(*values)) : NULL;
    size_t held = 0;
    for (int i = 0; i < cell->rounds && values; i++)
        held += take_values(cell->round[i], stage, values + held);
    if (values)
        sl_sort_times(values, held);
    return values;
}

static void add_cell_distribution(cJSON *plot, const char *name, const struct sl_latency_cell *cell,
                                  int stage)
{
    size_t count;
    sl_ns *values = values_of(cell, stage, &count);
    if (values)
        add_distribution(plot, name, values, count);
    free(values);
}

static void plot_distributions(cJSON *result, const struct sl_latency *latency)
{
    const struct sl_axis age = {"age on the screen", "ms", true};
    const struct sl_axis time = {"time in the stage", "ms", true};
    const struct sl_axis share = {"share of frames", "", false};
    cJSON *paths = sl_result_plot(result, "distribution", "Ages of all frames, one camera",
                                  SL_PLOT_STEPS, &age, &share);
    for (int i = 0; i < latency->count; i++)
        if (of_interest(&latency->cell[i]))
            add_cell_distribution(paths, latency->cell[i].path->name, &latency->cell[i], SL_STAGES);
    cJSON *cells =
        sl_result_plot(result, "distribution_cells", "Ages of all frames, by size and cameras",
                       SL_PLOT_STEPS, &age, &share);
    for (int i = 0; i < latency->count; i++) {
        const struct sl_latency_cell *cell = &latency->cell[i];
        char name[64];
        if (!cell->rounds || !sl_latency_is_sightline(cell))
            continue;
        sl_latency_label(cell, name, sizeof(name));
        add_cell_distribution(cells, name, cell, SL_STAGES);
    }
    cJSON *stages = sl_result_plot(result, "distribution_stages", "Time in each stage, one camera",
                                   SL_PLOT_STEPS, &time, &share);
    for (int i = 0; i < latency->count; i++)
        if (of_interest(&latency->cell[i]) && sl_latency_is_sightline(&latency->cell[i]))
            for (int s = 0; s < SL_STAGES; s++)
                add_cell_distribution(stages, sl_stage_names[s], &latency->cell[i], s);
}

/* ---- Bars: one a cell ---- */

struct bars {
    double x[SL_LATENCY_CELLS_MAX], y[SL_LATENCY_CELLS_MAX];
    size_t count;
};

static void add_bar(struct bars *bars, int at, double value)
{
    bars->x[bars->count] = at;
    bars->y[bars->count++] = value;
}

static double median_of(const struct sl_latency_cell *cell, int stage)
{
    size_t count;
    sl_ns *values = values_of(cell, stage, &count);
    const double median = values ? ms(sl_quantile(values, count, 0.5)) : 0;
    free(values);
    return median;
}

/* A path that the machine cannot keep up with would leave the others no room in a plot. */
static bool falls_behind(const struct sl_latency_cell *cell, int fps)
{
    struct sl_latency_summary sum;
    return sl_latency_summarize(cell, &sum) != 0 || sum.shown_per_s < 0.95 * fps;
}

static void plot_stages(cJSON *result, const struct sl_latency *latency)
{
    const struct sl_axis cells = {"", "", false}, time = {"median of the stage", "ms", false};
    cJSON *plot =
        sl_result_plot(result, "stages", "Where the time goes, of what the machine keeps up with",
                       SL_PLOT_STACKED, &cells, &time);
    for (int s = 0; s < SL_STAGES; s++) {
        struct bars bars = {.count = 0};
        int at = 0;
        for (int i = 0; i < latency->count; i++) {
            const struct sl_latency_cell *cell = &latency->cell[i];
            char label[64];
            if (!cell->rounds || !sl_latency_is_sightline(cell) || falls_behind(cell, latency->fps))
                continue;
            sl_latency_label(cell, label, sizeof(label));
            if (s == 0)
                sl_plot_label(plot, label);
            add_bar(&bars, at++, median_of(cell, s));
        }
        sl_plot_series(plot, sl_stage_names[s], bars.x, bars.y, bars.count);
    }
}

static void plot_freezes(cJSON *result, const struct sl_latency *latency)
{
    const struct sl_axis cells = {"", "", false},
                         time = {"longest without a new frame", "ms", false};
    const struct sl_axis rate = {"frames shown of a camera", "1/s", false};
    cJSON *freezes =
        sl_result_plot(result, "freezes", "Longest freeze", SL_PLOT_BARS, &cells, &time);
    cJSON *shown = sl_result_plot(result, "shown", "Frames shown", SL_PLOT_BARS, &cells, &rate);
    struct bars longest = {.count = 0}, rates = {.count = 0};
    for (int i = 0; i < latency->count; i++) {
        struct sl_latency_summary sum;
        char label[64];
        if (sl_latency_summarize(&latency->cell[i], &sum) != 0)
            continue;
        sl_latency_label(&latency->cell[i], label, sizeof(label));
        sl_plot_label(freezes, label);
        sl_plot_label(shown, label);
        add_bar(&longest, (int)longest.count, ms(sum.freeze));
        add_bar(&rates, (int)rates.count, sum.shown_per_s);
    }
    sl_plot_series(freezes, "longest freeze", longest.x, longest.y, longest.count);
    sl_plot_series(shown, "shown", rates.x, rates.y, rates.count);
}

/* Who of a path a program is, so that paths can be laid beside each other. */
enum part { SENDS, RELAYS, SHOWS, PARTS };

static enum part part_of(const struct sl_round_result *round, int usage)
{
    if (usage < round->cameras)
        return SENDS;
    return strcmp(round->usage[usage].program, "sightline-receiver") == 0 ||
                   strcmp(round->usage[usage].program, "impair") == 0
               ? RELAYS
               : SHOWS;
}

static double cores_of(const struct sl_latency_cell *cell, enum part part)
{
    double cores = 0;
    for (int i = 0; i < cell->rounds; i++)
        for (int j = 0; j < cell->round[i]->usages; j++)
            if (part_of(cell->round[i], j) == part)
                cores += sl_usage_cores(&cell->round[i]->usage[j]) / cell->rounds;
    return cores;
}

static void plot_cpu(cJSON *result, const struct sl_latency *latency)
{
    static const char *const names[PARTS] = {"sends", "relays", "shows"};
    const struct sl_axis cells = {"", "", false}, share = {"processor", "% of a core", false};
    cJSON *plot =
        sl_result_plot(result, "cpu", "What the programs take", SL_PLOT_STACKED, &cells, &share);
    for (int p = 0; p < PARTS; p++) {
        struct bars bars = {.count = 0};
        for (int i = 0; i < latency->count; i++) {
            const struct sl_latency_cell *cell = &latency->cell[i];
            char label[64];
            if (!cell->rounds)
                continue;
            sl_latency_label(cell, label, sizeof(label));
            if (p == 0)
                sl_plot_label(plot, label);
            add_bar(&bars, (int)bars.count, 100 * cores_of(cell, (enum part)p));
        }
        sl_plot_series(plot, names[p], bars.x, bars.y, bars.count);
    }
}

void sl_latency_plots(cJSON *result, const struct sl_latency *latency)
{
    plot_over_time(result, latency);
    plot_distributions(result, latency);
    plot_stages(result, latency);
    plot_freezes(result, latency);
    plot_cpu(result, latency);
}
