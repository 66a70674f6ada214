/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/latency.h"
#include "bench/result.h"

#define SUSTAINED 0.95 /* of the frames offered */
#define BUSY 0.95      /* of the machine, or of a core */

/* ---- One cell ---- */

static size_t count_ages(const struct sl_latency_cell *cell)
{
    size_t count = 0;
    for (int i = 0; i < cell->rounds; i++)
        for (int c = 0; c < cell->round[i]->cameras; c++)
            count += cell->round[i]->camera[c].tally.shown;
    return count;
}

static void add_round(struct sl_latency_summary *sum, const struct sl_round_result *round,
                      sl_ns *ages, size_t *held, int rounds)
{
    for (int c = 0; c < round->cameras; c++) {
        const struct sl_tally_result *tally = &round->camera[c].tally;
        memcpy(ages + *held, tally->ages, tally->shown * sizeof(*ages));
        *held += tally->shown;
        sum->handed += tally->handed;
        sum->shown += tally->shown;
        sum->not_shown += tally->not_shown;
        sum->out_of_order += tally->out_of_order;
        sum->misread += tally->misread;
        sum->shown_per_s += tally->shown_per_s / round->cameras / rounds;
        sum->freeze = tally->freeze > sum->freeze ? tally->freeze : sum->freeze;
    }
    sum->busy += round->busy / rounds;
    for (int i = 0; i < round->usages; i++)
        sum->cores += sl_usage_cores(&round->usage[i]) / rounds;
}

int sl_latency_summarize(const struct sl_latency_cell *cell, struct sl_latency_summary *ret)
{
    struct sl_latency_summary sum = {.p50 = 0};
    const size_t count = count_ages(cell);
    if (!count)
        return -ENODATA;
    sl_ns *ages = malloc(count * sizeof(*ages));
    if (!ages)
        return -ENOMEM;
    size_t held = 0;
    for (int i = 0; i < cell->rounds; i++)
        add_round(&sum, cell->round[i], ages, &held, cell->rounds);
    sl_sort_times(ages, count);
    sum.p50 = sl_quantile(ages, count, 0.50);
    sum.p95 = sl_quantile(ages, count, 0.95);
    sum.p99 = sl_quantile(ages, count, 0.99);
    sum.max = ages[count - 1];
    free(ages);
    *ret = sum;
    return 0;
}

static void row_ids(cJSON *row, const struct sl_latency_cell *cell, bool path)
{
    char size[32];
    snprintf(size, sizeof(size), "%dx%d", cell->size.width, cell->size.height);
    sl_row_text(row, "size", size);
    sl_row_number(row, "cameras", cell->cameras);
    if (path)
        sl_row_text(row, "path", cell->path->name);
}

/* ---- Ages ---- */

/* The busiest thread of all, and its share of a core. */
static double busiest(const struct sl_latency_cell *cell, const char **program, const char **thread)
{
    double most = 0;
    for (int i = 0; i < cell->rounds; i++)
        for (int j = 0; j < cell->round[i]->usages; j++) {
            const char *name;
            const double share = sl_usage_busiest(&cell->round[i]->usage[j], &name);
            if (share <= most)
                continue;
            most = share;
            *program = cell->round[i]->usage[j].program;
            *thread = name;
        }
    return most;
}

/* What keeps this machine from more; empty if nothing does. */
static void limit_of(const struct sl_latency_cell *cell, const struct sl_latency_summary *sum,
                     int fps, char *text, size_t size)
{
    const char *program = "", *thread = "";
    const bool short_of = sum->shown_per_s < SUSTAINED * fps;
    if (cell->why[0])
        snprintf(text, size, "%s", cell->why);
    else if (sum->busy > BUSY)
        snprintf(text, size, "limited by: processor, all cores are busy");
    else if (short_of && busiest(cell, &program, &thread) > BUSY)
        snprintf(text, size, "limited by: one core, %.40s's thread %.20s", program, thread);
    else if (short_of && sum->handed < SUSTAINED * fps * sum->shown / sum->shown_per_s)
        snprintf(text, size, "limited by: the sender, which took fewer pictures than offered");
    else if (short_of)
        snprintf(text, size, "limited by: not known, neither cores nor sender");
    else
        text[0] = '\0';
}

static void add_ages(cJSON *result, const struct sl_latency *latency)
{
    static const struct sl_column columns[] = {
        {"size", "picture", "", SL_BETTER_NEITHER, true, 0},
        {"cameras", "cameras", "", SL_BETTER_NEITHER, true, 0},
        {"path", "path", "", SL_BETTER_NEITHER, true, 0},
        {"p50", "p50", "ms", SL_BETTER_LOWER, false, 2},
        {"p95", "p95", "ms", SL_BETTER_LOWER, false, 2},
        {"p99", "p99", "ms", SL_BETTER_LOWER, false, 2},
        {"max", "max", "ms", SL_BETTER_LOWER, false, 2},
        {"shown_per_s", "shown", "1/s", SL_BETTER_HIGHER, false, 2},
        {"freeze", "longest freeze", "ms", SL_BETTER_LOWER, false, 1},
        {"shown", "shown", "", SL_BETTER_NEITHER, false, 0},
        {"not_shown", "not shown", "", SL_BETTER_LOWER, false, 0},
        {"out_of_order", "out of order", "", SL_BETTER_LOWER, false, 0},
        {"misread", "misread", "", SL_BETTER_LOWER, false, 0},
        {"cpu", "processor", "% of a core", SL_BETTER_LOWER, false, 0},
        {"machine", "machine busy", "%", SL_BETTER_NEITHER, false, 0},
        {"limit", "limit", "", SL_BETTER_NEITHER, false, 0},
        {NULL, NULL, NULL, SL_BETTER_NEITHER, false, 0},
    };
    cJSON *table = sl_result_table(result, "ages", "Age of frames on the screen", columns);
    for (int i = 0; i < latency->count; i++) {
        const struct sl_latency_cell *cell = &latency->cell[i];
        struct sl_latency_summary sum;
        if (!cell->rounds && !cell->why[0])
            continue; /* told to stop before it */
        cJSON *row = sl_table_row(table);
        row_ids(row, cell, true);
        if (sl_latency_summarize(cell, &sum) != 0) {
            sl_row_text(row, "limit", cell->why);
            continue;
        }
        char limit[300];
        limit_of(cell, &sum, latency->fps, limit, sizeof(limit));
        sl_row_ms(row, "p50", sum.p50);
        sl_row_ms(row, "p95", sum.p95);
        sl_row_ms(row, "p99", sum.p99);
        sl_row_ms(row, "max", sum.max);
        sl_row_number(row, "shown_per_s", sum.shown_per_s);
        sl_row_ms(row, "freeze", sum.freeze);
        sl_row_number(row, "shown", sum.shown);
        sl_row_number(row, "not_shown", sum.not_shown);
        sl_row_number(row, "out_of_order", sum.out_of_order);
        sl_row_number(row, "misread", sum.misread);
        sl_row_number(row, "cpu", sum.cores * 100);
        sl_row_number(row, "machine", sum.busy * 100);
        sl_row_text(row, "limit", limit);
    }
}

/* ---- Rounds: how far they differ ---- */

static void add_rounds(cJSON *result, const struct sl_latency *latency)
{
    static const struct sl_column columns[] = {
        {"size", "picture", "", SL_BETTER_NEITHER, true, 0},
        {"cameras", "cameras", "", SL_BETTER_NEITHER, true, 0},
        {"path", "path", "", SL_BETTER_NEITHER, true, 0},
        {"round", "round", "", SL_BETTER_NEITHER, true, 0},
        {"p50", "p50", "ms", SL_BETTER_LOWER, false, 2},
        {"p99", "p99", "ms", SL_BETTER_LOWER, false, 2},
        {"shown_per_s", "shown", "1/s", SL_BETTER_HIGHER, false, 2},
        {NULL, NULL, NULL, SL_BETTER_NEITHER, false, 0},
    };
    cJSON *table = NULL;
    for (int i = 0; i < latency->count; i++)
        for (int j = 0; j < latency->cell[i].rounds && latency->cell[i].rounds > 1; j++) {
            struct sl_latency_cell one = latency->cell[i];
            struct sl_latency_summary sum;
            one.rounds = 1;
            one.round[0] = latency->cell[i].round[j];
            if (sl_latency_summarize(&one, &sum) != 0)
                continue;
            if (!table)
                table = sl_result_table(result, "rounds", "Each round by itself", columns);
            cJSON *row = sl_table_row(table);
            row_ids(row, &one, true);
            sl_row_number(row, "round", j + 1);
            sl_row_ms(row, "p50", sum.p50);
            sl_row_ms(row, "p99", sum.p99);
            sl_row_number(row, "shown_per_s", sum.shown_per_s);
        }
}

/* ---- Against peers ---- */

/* Cells that are compared come first. */
static const struct sl_latency_cell *own_cell(const struct sl_latency *latency)
{
    for (int i = 0; i < latency->count; i++)
        if (sl_latency_is_sightline(&latency->cell[i]))
            return &latency->cell[i];
    return NULL;
}

/* `against` NULL: nobody. */
static void add_headline(cJSON *result, const struct sl_latency *latency,
                         const struct sl_latency_cell *cell, const char *title, sl_ns value,
                         const char *against, double ratio)
{
    char note[120], than[60] = "";
    if (against)
        snprintf(than, sizeof(than), "; %.2f of %.40s's", ratio, against);
    snprintf(note, sizeof(note), "%dx%d at %d/s, %d camera%s%s", cell->size.width,
             cell->size.height, latency->fps, cell->cameras, cell->cameras > 1 ? "s" : "", than);
    sl_result_headline(result, title, (double)value / SL_MS, 1, "ms", note);
}

static void add_ratios(cJSON *result, const struct sl_latency *latency)
{
    static const struct sl_column columns[] = {
        {"path", "against", "", SL_BETTER_NEITHER, true, 0},
        {"p50", "ratio of medians", "", SL_BETTER_LOWER, false, 3},
        {"p99", "ratio of p99", "", SL_BETTER_LOWER, false, 3},
        {NULL, NULL, NULL, SL_BETTER_NEITHER, false, 0},
    };
    const struct sl_latency_cell *own = own_cell(latency);
    struct sl_latency_summary mine, other;
    if (!own || sl_latency_summarize(own, &mine) != 0)
        return;
    cJSON *table = NULL;
    double first[2] = {NAN, NAN};
    const char *against = NULL;
    for (int i = 0; i < latency->count; i++) {
        const struct sl_latency_cell *cell = &latency->cell[i];
        if (!cell->main || cell == own || sl_latency_summarize(cell, &other) != 0)
            continue;
        if (!table)
            table =
                sl_result_table(result, "ratios", "Sightline's age over that of others", columns);
        cJSON *row = sl_table_row(table);
        sl_row_text(row, "path", cell->path->name);
        sl_row_number(row, "p50", (double)mine.p50 / (double)other.p50);
        sl_row_number(row, "p99", (double)mine.p99 / (double)other.p99);
        if (!against) {
            first[0] = (double)mine.p50 / (double)other.p50;
            first[1] = (double)mine.p99 / (double)other.p99;
            against = cell->path->name;
        }
    }
    add_headline(result, latency, own, "Age of a frame, median", mine.p50, against, first[0]);
    add_headline(result, latency, own, "Age of a frame, p99", mine.p99, against, first[1]);
}

/* ---- Stages ---- */

static size_t count_traced(const struct sl_latency_cell *cell, size_t *untraced)
{
    size_t count = 0;
    *untraced = 0;
    for (int i = 0; i < cell->rounds; i++) {
        count += cell->round[i]->traced;
        *untraced += cell->round[i]->untraced;
    }
    return count;
}

/* Of one stage, SL_STAGES: of the total; sorted. */
static void gather(const struct sl_latency_cell *cell, int stage, sl_ns *out, size_t count)
{
    size_t held = 0;
    for (int i = 0; i < cell->rounds; i++) {
        const struct sl_round_result *round = cell->round[i];
        const sl_ns *from = stage == SL_STAGES ? round->total : round->stage[stage];
        if (round->traced)
            memcpy(out + held, from, round->traced * sizeof(*out));
        held += round->traced;
    }
    sl_sort_times(out, count);
}

static double mean_of(const sl_ns *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)values[i];
    return sum / (double)count;
}

/* One row of each of the two tables. */
static void add_stage_rows(cJSON *medians, cJSON *tails, const struct sl_latency_cell *cell)
{
    size_t untraced;
    const size_t count = count_traced(cell, &untraced);
    sl_ns *values = count ? malloc(count * sizeof(*values)) : NULL;
    cJSON *const rows[] = {sl_table_row(medians), sl_table_row(tails)};
    for (int t = 0; t < 2; t++) {
        row_ids(rows[t], cell, false);
        sl_row_number(rows[t], "traced", (double)count);
        sl_row_number(rows[t], "untraced", (double)untraced);
    }
    double mean_sum = 0;
    sl_ns median_sum = 0;
    for (int s = 0; s < SL_STAGES && values; s++) {
        gather(cell, s, values, count);
        sl_row_ms(rows[0], sl_stage_names[s], sl_quantile(values, count, 0.5));
        sl_row_ms(rows[1], sl_stage_names[s], sl_quantile(values, count, 0.99));
        median_sum += sl_quantile(values, count, 0.5);
        mean_sum += mean_of(values, count);
    }
    if (!values)
        return;
    gather(cell, SL_STAGES, values, count);
    sl_row_ms(rows[0], "sum", median_sum);
    sl_row_ms(rows[0], "total", sl_quantile(values, count, 0.5));
    sl_row_ms(rows[1], "total", sl_quantile(values, count, 0.99));
    sl_row_number(rows[0], "mean", mean_of(values, count) / SL_MS);
    sl_row_number(rows[0], "unaccounted", (mean_of(values, count) - mean_sum) / SL_MS);
    free(values);
}

static void add_stages(cJSON *result, const struct sl_latency *latency)
{
    enum { BEFORE = 2, AFTER = 6 };
    struct sl_column columns[BEFORE + SL_STAGES + AFTER + 1] = {
        {"size", "picture", "", SL_BETTER_NEITHER, true, 0},
        {"cameras", "cameras", "", SL_BETTER_NEITHER, true, 0},
    };
    const struct sl_column after[] = {
        {"sum", "sum of medians", "ms", SL_BETTER_NEITHER, false, 2},
        {"total", "on the screen", "ms", SL_BETTER_LOWER, false, 2},
        {"mean", "mean", "ms", SL_BETTER_NEITHER, false, 2},
        {"unaccounted", "unaccounted, mean", "ms", SL_BETTER_NEITHER, false, 3},
        {"traced", "frames", "", SL_BETTER_NEITHER, false, 0},
        {"untraced", "not known", "", SL_BETTER_LOWER, false, 0},
    };
    for (int s = 0; s < SL_STAGES; s++)
        columns[BEFORE + s] = (struct sl_column){
            sl_stage_names[s], sl_stage_names[s], "ms", SL_BETTER_LOWER, false, 2};
    memcpy(columns + BEFORE + SL_STAGES, after, sizeof(after));
    cJSON *medians = sl_result_table(result, "stages", "Where the time goes: medians", columns);
    columns[BEFORE + SL_STAGES] = after[1];
    columns[BEFORE + SL_STAGES + 1] = after[4];
    columns[BEFORE + SL_STAGES + 2] = after[5];
    columns[BEFORE + SL_STAGES + 3] = (struct sl_column){.key = NULL};
    cJSON *tails = sl_result_table(result, "stages_p99", "Where the time goes: p99", columns);
    for (int i = 0; i < latency->count; i++)
        if (latency->cell[i].rounds && sl_latency_is_sightline(&latency->cell[i]))
            add_stage_rows(medians, tails, &latency->cell[i]);
    sl_result_note(result, "Stages: of the frames whose every moment is known; \"not known\" were "
                           "shown, but a moment of theirs was missing or not in order.");
}

/* ---- Programs ---- */

struct program {
    const char *name;
    int count;
    double cores, busiest;
    const char *thread;
    int64_t rss;
};

/* Programs of one name together, over all rounds. */
static int add_up(const struct sl_latency_cell *cell, struct program *programs)
{
    int count = 0;
    for (int i = 0; i < cell->rounds; i++)
        for (int j = 0; j < cell->round[i]->usages; j++) {
            const struct sl_usage *usage = &cell->round[i]->usage[j];
            const char *thread;
            const double share = sl_usage_busiest(usage, &thread);
            int at = 0;
            while (at < count && strcmp(programs[at].name, usage->program) != 0)
                at++;
            if (at == count)
                programs[count++] = (struct program){.name = usage->program};
            struct program *program = &programs[at];
            program->count++;
            program->cores += sl_usage_cores(usage) / cell->rounds;
            program->rss += usage->rss / cell->rounds;
            if (share >= program->busiest) {
                program->busiest = share;
                program->thread = thread;
            }
        }
    return count;
}

static void add_programs(cJSON *result, const struct sl_latency *latency)
{
    static const struct sl_column columns[] = {
        {"size", "picture", "", SL_BETTER_NEITHER, true, 0},
        {"cameras", "cameras", "", SL_BETTER_NEITHER, true, 0},
        {"path", "path", "", SL_BETTER_NEITHER, true, 0},
        {"program", "program", "", SL_BETTER_NEITHER, true, 0},
        {"count", "of them", "", SL_BETTER_NEITHER, false, 0},
        {"cpu", "processor", "% of a core", SL_BETTER_LOWER, false, 1},
        {"memory", "memory", "MB", SL_BETTER_LOWER, false, 0},
        {"thread", "busiest thread", "", SL_BETTER_NEITHER, false, 0},
        {"thread_cpu", "its share", "% of a core", SL_BETTER_NEITHER, false, 1},
        {NULL, NULL, NULL, SL_BETTER_NEITHER, false, 0},
    };
    cJSON *table = sl_result_table(result, "programs", "What the programs take", columns);
    for (int i = 0; i < latency->count; i++) {
        const struct sl_latency_cell *cell = &latency->cell[i];
        struct program programs[SL_RIG_CHILDREN];
        const int count = add_up(cell, programs);
        for (int j = 0; j < count; j++) {
            cJSON *row = sl_table_row(table);
            row_ids(row, cell, true);
            sl_row_text(row, "program", programs[j].name);
            sl_row_number(row, "count", (double)programs[j].count / cell->rounds);
            sl_row_number(row, "cpu", programs[j].cores * 100);
            sl_row_number(row, "memory", (double)programs[j].rss / 1e6);
            sl_row_text(row, "thread", programs[j].thread);
            sl_row_number(row, "thread_cpu", programs[j].busiest * 100);
        }
    }
}

void sl_latency_tables(cJSON *result, const struct sl_latency *latency)
{
    add_ages(result, latency);
    add_rounds(result, latency);
    add_ratios(result, latency);
    add_stages(result, latency);
    add_programs(result, latency);
}
