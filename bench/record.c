/* SPDX-License-Identifier: MIT */
/* `sightline-bench record`: what recording costs a receiver beyond relaying. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/clip.h"
#include "bench/record_cell.h"
#include "bench/record_sum.h"
#include "bench/result.h"

#define WIDTH 1280
#define HEIGHT 720
#define FPS 30
#define FRAMES 60     /* of the clip: a key frame each 2 s */
#define CELLS_MAX 200 /* of --rounds, two each */
#define SECONDS_BRIEF (5 * SL_SEC)
#define MB 1e6

struct record_bench {
    struct sl_bench *bench;
    struct sl_clip *clip;
    sl_ns seconds;
    int cameras;
    struct sl_record_cell cells[CELLS_MAX];
    int count;
    struct sl_record_sum sum;
};

/* ---- Measuring ---- */

static int prepare(struct record_bench *record, char *why, size_t why_len)
{
    const struct sl_bench_options *o = record->bench->options;
    const int width = o->size.width > 0 ? o->size.width : WIDTH;
    const int height = o->size.height > 0 ? o->size.height : HEIGHT;
    const int fps = o->fps > 0 ? o->fps : FPS;
    const double share = (double)width * height / (WIDTH * HEIGHT);
    const double of_720 = o->bitrate_given ? (double)o->bitrate_bps : SL_RECORD_GOAL_BPS;
    record->cameras = o->cameras > 0 ? o->cameras : SL_RECORD_GOAL_CAMERAS;
    record->seconds = o->seconds;
    if (record->bench->brief && record->seconds > SECONDS_BRIEF)
        record->seconds = SECONDS_BRIEF;
    const int error = sl_clip_create(&record->clip, width, height, fps, (int64_t)(of_720 * share),
                                     o->preset, FRAMES, (uint64_t)o->seed);
    if (error)
        snprintf(why, why_len, "no clip of %dx%d: %s", width, height, strerror(-error));
    return error;
}

static int measure(struct record_bench *record, bool recording, char *why, size_t why_len)
{
    const struct sl_record_cell_config config = {
        .clip = record->clip,
        .cameras = record->cameras,
        .recording = recording,
        .seconds = record->seconds,
        .receiver_words = &record->bench->options->receiver_words,
        .stop = record->bench->stop,
    };
    sl_bench_progress("record %d/%d: %d cameras, %s", record->count + 1,
                      2 * record->bench->options->rounds, record->cameras,
                      recording ? "recorded" : "relayed alone");
    const int error = sl_record_cell_run(&record->cells[record->count], &config, why, why_len);
    if (!error)
        record->count++;
    return error;
}

/* Every other round goes backwards, so that what comes first is neither kind's. */
static int measure_all(struct record_bench *record, char *why, size_t why_len)
{
    int error = 0;
    for (int round = 0; round < record->bench->options->rounds && !error; round++) {
        error = measure(record, round % 2 == 1, why, why_len);
        if (!error)
            error = measure(record, round % 2 == 0, why, why_len);
    }
    return error;
}

/* ---- Telling ---- */

#define PERCENT(name, heading)                                                                     \
    {                                                                                              \
        .key = (name), .title = (heading), .unit = "% of a core", .better = SL_BETTER_LOWER,       \
        .decimals = 2                                                                              \
    }

static const struct sl_column cost_columns[] = {
    {.key = "round", .title = "round", .unit = "", .id = true},
    {.key = "kind", .title = "cameras are", .unit = "", .id = true},
    {.key = "cameras", .title = "cameras", .unit = "", .id = true},
    {.key = "in", .title = "in", .unit = "Mbit/s"},
    PERCENT("hub", "hub"),
    PERCENT("record", "record"),
    PERCENT("sync", "sync"),
    PERCENT("store", "store"),
    PERCENT("others", "others"),
    PERCENT("all", "receiver"),
    {.key = "load", .title = "load", .unit = "% of a core", .decimals = 1},
    {.key = "p50", .title = "live p50", .unit = "ms", .better = SL_BETTER_LOWER, .decimals = 2},
    {.key = "p99", .title = "p99", .unit = "ms", .better = SL_BETTER_LOWER, .decimals = 2},
    {.key = "dropped", .title = "sockets full", .unit = "", .better = SL_BETTER_LOWER},
    {.key = "lost", .title = "live lost", .unit = "", .better = SL_BETTER_LOWER},
    {.key = "late", .title = "load late", .unit = "times", .better = SL_BETTER_LOWER},
    {.key = NULL},
};

static const struct sl_column file_columns[] = {
    {.key = "round", .title = "round", .unit = "", .id = true},
    {.key = "cameras", .title = "cameras", .unit = "", .id = true},
    {.key = "files_rate", .title = "files grow", .unit = "MB/s", .decimals = 2},
    {.key = "written", .title = "written", .unit = "MB/s", .decimals = 2},
    {.key = "files", .title = "files", .unit = ""},
    {.key = "closed", .title = "closed right", .unit = ""},
    {.key = "bad", .title = "unreadable", .unit = "", .better = SL_BETTER_LOWER},
    {.key = "fragments", .title = "fragments", .unit = ""},
    {.key = "size", .title = "size", .unit = "MB", .decimals = 1},
    {.key = "sent", .title = "frames sent", .unit = ""},
    {.key = "recorded", .title = "recorded", .unit = ""},
    {.key = "short", .title = "cameras not whole", .unit = "", .better = SL_BETTER_LOWER},
    {.key = "left_out", .title = "no room in the queue", .unit = "", .better = SL_BETTER_LOWER},
    {.key = NULL},
};

static const struct sl_column held_columns[] = {
    {.key = "round", .title = "round", .unit = "", .id = true},
    {.key = "kind", .title = "cameras are", .unit = "", .id = true},
    {.key = "when", .title = "at", .unit = "", .id = true},
    {.key = "rss", .title = "memory", .unit = "MB", .better = SL_BETTER_LOWER, .decimals = 1},
    {.key = "descriptors", .title = "descriptors", .unit = ""},
    {.key = "threads", .title = "threads", .unit = ""},
    {.key = NULL},
};

static const char *kind_of(const struct sl_record_cell *cell)
{
    return cell->recording ? "recorded" : "relayed alone";
}

static void tell_cost(cJSON *table, int round, const struct sl_record_cell *cell)
{
    cJSON *row = sl_table_row(table);
    sl_row_number(row, "round", round);
    sl_row_text(row, "kind", kind_of(cell));
    sl_row_number(row, "cameras", cell->cameras);
    sl_row_number(row, "in", cell->in_bps / MB);
    for (int group = 0; group < SL_RECORD_GROUPS; group++)
        sl_row_number(row, sl_record_group_name((enum sl_record_group)group),
                      100 * cell->cores[group]);
    sl_row_number(row, "all", 100 * cell->all_cores);
    sl_row_number(row, "load", 100 * cell->load_cores);
    sl_row_ms(row, "p50", cell->delays.p50);
    sl_row_ms(row, "p99", cell->delays.p99);
    sl_row_number(row, "dropped", (double)(cell->receiver_drops + cell->load_drops));
    sl_row_number(row, "lost", (double)cell->lost);
    sl_row_number(row, "late", (double)cell->late_ticks);
}

static void tell_files(cJSON *table, int round, const struct sl_record_cell *cell)
{
    const struct sl_recorded *recorded = &cell->recorded;
    cJSON *row = sl_table_row(table);
    sl_row_number(row, "round", round);
    sl_row_number(row, "cameras", cell->cameras);
    sl_row_number(row, "files_rate", cell->files_bps / MB);
    sl_row_number(row, "written", cell->written_bps / MB);
    sl_row_number(row, "files", recorded->files);
    sl_row_number(row, "closed", recorded->closed);
    sl_row_number(row, "bad", recorded->bad);
    sl_row_number(row, "fragments", (double)recorded->fragments);
    sl_row_number(row, "size", (double)recorded->bytes / MB);
    sl_row_number(row, "sent", (double)cell->frames);
    sl_row_number(row, "recorded", (double)recorded->frames);
    sl_row_number(row, "short", cell->short_of);
    sl_row_number(row, "left_out", cell->left_out);
}

static void tell_held(cJSON *table, int round, const struct sl_record_cell *cell)
{
    const struct {
        const char *when;
        const struct sl_process *process;
    } looks[] = {
        {"no camera yet", &cell->before}, {"all playing", &cell->busy}, {"all gone", &cell->after}};
    for (size_t i = 0; i < SL_COUNT(looks); i++) {
        cJSON *row = sl_table_row(table);
        sl_row_number(row, "round", round);
        sl_row_text(row, "kind", kind_of(cell));
        sl_row_text(row, "when", looks[i].when);
        sl_row_number(row, "rss", (double)looks[i].process->rss / MB);
        sl_row_number(row, "descriptors", looks[i].process->descriptors);
        sl_row_number(row, "threads", looks[i].process->threads);
    }
}

static void tell_tables(cJSON *result, const struct record_bench *record)
{
    cJSON *cost = sl_result_table(result, "cost", "Processor time of the receiver", cost_columns);
    cJSON *files = sl_result_table(result, "files", "What was recorded", file_columns);
    cJSON *held = sl_result_table(result, "held", "What the receiver holds", held_columns);
    for (int i = 0; i < record->count; i++) {
        const struct sl_record_cell *cell = &record->cells[i];
        tell_cost(cost, i / 2 + 1, cell);
        if (cell->recording)
            tell_files(files, i / 2 + 1, cell);
        tell_held(held, i / 2 + 1, cell);
    }
}

static double in_bps(const struct record_bench *record)
{
    double sum = 0;
    for (int i = 0; i < record->count; i++)
        sum += record->cells[i].in_bps;
    return record->count ? sum / record->count : 0;
}

static void tell_goal(cJSON *result, const struct record_bench *record)
{
    const struct sl_record_sum *sum = &record->sum;
    const double in = in_bps(record), each = sum->over / record->cameras;
    const char *goal = sl_record_goal(sum, record->cameras, in);
    char note[160];
    snprintf(note, sizeof(note), "%d cameras of %.2f Mb/s; the goal of %.0f %% at %d x %d Mb/s%s%s",
             record->cameras, in / MB / record->cameras, SL_RECORD_GOAL, SL_RECORD_GOAL_CAMERAS,
             SL_RECORD_GOAL_BPS / 1000000, goal ? " is " : " was not tried", goal ? goal : "");
    sl_result_headline(result, "Recording, beyond relaying", sum->over, 1, "% of a core", note);
    if (isnan(sum->over))
        return;
    sl_result_note(result,
                   "Recording takes %.2f %% of a core beyond relaying: %.2f %% in threads of its "
                   "own (record, sync, store); the others took %.2f %% alone and %+.2f %% with it. "
                   "That is %.3f %% a camera. Goal: at most %.0f %% at %d cameras of %d Mb/s: %s.",
                   sum->over, sum->own, sum->alone_all, sum->more, each, SL_RECORD_GOAL,
                   SL_RECORD_GOAL_CAMERAS, SL_RECORD_GOAL_BPS / 1000000, goal ? goal : "not tried");
}

static void tell_clean(cJSON *result, const struct record_bench *record)
{
    int clean = 0;
    for (int i = 0; i < record->count; i++)
        clean += sl_record_cell_clean(&record->cells[i]);
    if (clean == record->count)
        sl_result_note(result, "Nothing was lost: every frame was relayed, and recorded in files "
                               "that are whole.");
    else
        sl_result_note(result,
                       "NOT everything arrived, or was recorded, in %d of %d measurements: see "
                       "the tables.",
                       record->count - clean, record->count);
    sl_result_note(result, "Every camera has one viewer. Medians of the rounds. What the kernel "
                           "does to bring the pages to the disk is in threads of its own and not "
                           "in these figures. Memory is the resident set.");
}

static void tell_plot(cJSON *result, const struct record_bench *record)
{
    static const struct sl_axis x = {"", "", false},
                                y = {"receiver's processor time", "% of a core", false};
    const double places[] = {0, 1};
    cJSON *plot = sl_result_plot(result, "cost", "What recording costs", SL_PLOT_STACKED, &x, &y);
    sl_plot_label(plot, "relayed alone");
    sl_plot_label(plot, "recorded");
    for (int group = 0; group < SL_RECORD_GROUPS; group++) {
        const double values[] = {record->sum.alone[group], record->sum.with[group]};
        sl_plot_series(plot, sl_record_group_name((enum sl_record_group)group), places, values, 2);
    }
}

static cJSON *tell(const struct record_bench *record)
{
    cJSON *result = sl_result_create("record", "Record: what recording costs the receiver");
    sl_result_condition_number(result, "step_seconds", (double)record->seconds / (double)SL_SEC);
    sl_result_condition_number(result, "clip_bitrate_bps",
                               (double)sl_clip_bytes(record->clip) * 8 * sl_clip_fps(record->clip) /
                                   sl_clip_frames(record->clip));
    tell_goal(result, record);
    tell_tables(result, record);
    tell_clean(result, record);
    tell_plot(result, record);
    return result;
}

int sl_record_run(cJSON **ret, struct sl_bench *bench, char *why, size_t why_len)
{
    struct record_bench *record = calloc(1, sizeof(*record));
    if (!record)
        return -ENOMEM;
    record->bench = bench;
    int error = prepare(record, why, why_len);
    if (!error)
        error = measure_all(record, why, why_len);
    sl_record_sum(&record->sum, record->cells, record->count);
    if (record->count)
        *ret = tell(record);
    sl_clip_destroy(record->clip);
    free(record);
    return error;
}
