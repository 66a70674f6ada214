/* SPDX-License-Identifier: MIT */
/* `sightline-bench fps`: how many frames a second the sender and the whole path can do. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/fps_search.h"
#include "bench/fps_step.h"
#include "bench/result.h"
#include "bench/stage.h"

#define SIZES_MAX 4
#define CELLS_MAX 12
#define HIGHEST 1000 /* what y4m headers may say */
#define LOWEST 2
#define USUAL_FPS 30 /* at which --bitrate is meant: more frames get more bits */
#define BITRATE_MOST 200000000
#define TRIES 6
#define TRIES_BRIEF 2
#define SATURATE_SECONDS 2
#define SECONDS_BRIEF 2
#define SATURATE_SECONDS_BRIEF 1
#define WARM_UP SL_SEC
#define WARM_UP_BRIEF (SL_SEC / 2)

static const struct sl_frame_size usual_sizes[] = {{640, 360}, {1280, 720}, {1920, 1080}};

struct what {
    const char *name;
    sl_fps_step_run *run;
};

static const struct what whats[] = {
    {"sender", sl_fps_step_sender},
    {"whole path", sl_fps_step_path},
};

struct cell {
    const struct what *what;
    struct sl_frame_size size;
    const char *preset;
    bool held;
    struct sl_fps_step step; /* the highest that held */
    double saturated;        /* frames/s when offered more; 0: not measured */
    char why[200];
};

struct fps {
    struct sl_bench *bench;
    int seconds, tries;
    struct cell cells[CELLS_MAX];
    int count;
};

static const struct sl_column columns[] = {
    {.key = "size", .title = "size", .id = true},
    {.key = "what", .title = "what", .id = true},
    {.key = "preset", .title = "preset", .id = true},
    {.key = "fps", .title = "frames/s", .better = SL_BETTER_HIGHER, .decimals = 0},
    {.key = "mbps", .title = "bits", .unit = "Mb/s", .decimals = 1},
    {.key = "busiest", .title = "busiest thread"},
    {.key = "share", .title = "of a core", .unit = "%", .decimals = 0},
    {.key = "encoding", .title = "encoding", .unit = "% of the time", .decimals = 0},
    {.key = "machine", .title = "machine", .unit = "%", .decimals = 0},
    {.key = "age_p50", .title = "age p50", .unit = "ms", .better = SL_BETTER_LOWER, .decimals = 1},
    {.key = "saturated", .title = "when flooded", .unit = "1/s", .decimals = 0},
    {.key = "why", .title = "why not"},
    {.key = NULL},
};

/* ---- Measuring ---- */

static void add_cells(struct fps *fps, struct sl_frame_size size, const char *preset)
{
    for (size_t i = 0; i < SL_COUNT(whats) && fps->count < CELLS_MAX; i++)
        fps->cells[fps->count++] = (struct cell){.what = &whats[i], .size = size, .preset = preset};
}

static void choose(struct fps *fps)
{
    const struct sl_bench_options *o = fps->bench->options;
    fps->seconds = (int)(o->seconds / SL_SEC);
    fps->tries = fps->bench->brief ? TRIES_BRIEF : TRIES;
    if (fps->bench->brief && fps->seconds > SECONDS_BRIEF)
        fps->seconds = SECONDS_BRIEF;
    const struct sl_frame_size *sizes = o->size.width ? &o->size : usual_sizes;
    const size_t count = o->size.width ? 1 : SL_COUNT(usual_sizes);
    for (size_t i = 0; i < count; i++) {
        add_cells(fps, sizes[i], "auto");
        if (o->full)
            add_cells(fps, sizes[i], "ultrafast");
    }
}

static int64_t bitrate(const struct fps *fps, const struct cell *cell, int rate)
{
    const double pixels = (double)cell->size.width * cell->size.height / (1280. * 720);
    const double bits = (double)fps->bench->options->bitrate_bps * pixels * rate / USUAL_FPS;
    return bits < BITRATE_MOST ? (int64_t)bits : BITRATE_MOST;
}

static int try_rate(struct fps *fps, struct cell *cell, int rate, int seconds,
                    struct sl_fps_step *ret)
{
    const struct sl_fps_step_config config = {
        .bench = fps->bench,
        .size = cell->size,
        .fps = rate,
        .preset = cell->preset,
        .bitrate_bps = bitrate(fps, cell, rate),
        .warm_up = fps->bench->brief ? WARM_UP_BRIEF : WARM_UP,
        .seconds = seconds,
    };
    return cell->what->run(ret, &config, cell->why, sizeof(cell->why));
}

/* The rate at which to flood a cell: twice what can be expected, so that what is thrown away does
 * not cost more than what is done. */
static int flood_rate(const struct cell *cell)
{
    const double pixels = (double)cell->size.width * cell->size.height;
    const double rate = 2 * 400. * 640 * 360 / pixels;
    return rate > HIGHEST ? HIGHEST : rate < 120 ? 120 : (int)rate;
}

static int run_cell(struct fps *fps, struct cell *cell)
{
    struct sl_fps_step step;
    struct sl_fps_search search;
    const int flood = flood_rate(cell);
    int error = try_rate(fps, cell, flood,
                         fps->bench->brief ? SATURATE_SECONDS_BRIEF : SATURATE_SECONDS, &step);
    if (error)
        return error;
    cell->saturated = step.done;
    sl_fps_search_init(&search, step.done, LOWEST, HIGHEST, fps->tries);
    for (int rate; (rate = sl_fps_search_next(&search)) != 0;) {
        error = try_rate(fps, cell, rate, fps->seconds, &step);
        if (error)
            return error;
        const bool holds = sl_fps_step_holds(&step);
        sl_bench_progress(
            "fps: %dx%d, %s: %d offered, %.1f taken, %.1f done, %.1f %% replaced, worst second "
            "%.0f: %s",
            cell->size.width, cell->size.height, cell->what->name, rate, step.handed, step.done,
            100 * step.replaced, step.worst, holds ? "holds" : "does not hold");
        sl_fps_search_tried(&search, holds);
        if (holds && rate == search.held)
            cell->step = step;
    }
    cell->held = search.held > 0;
    if (!cell->held)
        snprintf(cell->why, sizeof(cell->why), "no rate held");
    return 0;
}

/* 0, also if cells failed; -EINTR, or why not one could be measured. */
static int run_cells(struct fps *fps, char *why, size_t why_len)
{
    int first = 0;
    bool any = false;
    for (int i = 0; i < fps->count; i++) {
        struct cell *cell = &fps->cells[i];
        sl_bench_progress("fps %d/%d: %dx%d, %s", i + 1, fps->count, cell->size.width,
                          cell->size.height, cell->what->name);
        const int error = run_cell(fps, cell);
        if (error && atomic_load(fps->bench->stop))
            return -EINTR;
        any |= !error;
        if (error && !cell->why[0])
            snprintf(cell->why, sizeof(cell->why), "%s", strerror(-error));
        if (error && !first) {
            first = error;
            snprintf(why, why_len, "%s", cell->why);
        }
    }
    return any ? 0 : first;
}

/* ---- Telling ---- */

static void tell_cell(const struct cell *cell, cJSON *table)
{
    char size[32];
    cJSON *row = sl_table_row(table);
    snprintf(size, sizeof(size), "%dx%d", cell->size.width, cell->size.height);
    sl_row_text(row, "size", size);
    sl_row_text(row, "what", cell->what->name);
    sl_row_text(row, "preset", cell->preset);
    if (cell->saturated > 0)
        sl_row_number(row, "saturated", cell->saturated);
    if (!cell->held) {
        sl_row_text(row, "why", cell->why);
        return;
    }
    const struct sl_fps_step *step = &cell->step;
    sl_row_number(row, "fps", step->offered);
    sl_row_number(row, "mbps", step->bits_per_s / 1e6);
    sl_row_text(row, "busiest", step->busiest);
    sl_row_number(row, "share", 100 * step->busiest_share);
    sl_row_number(row, "encoding", 100 * step->encoding);
    sl_row_number(row, "machine", 100 * step->busy);
    if (step->age_p50 != SL_NEVER)
        sl_row_ms(row, "age_p50", step->age_p50);
}

/* A group of bars for each size, one for each of what was measured there. */
static void plot(const struct fps *fps, cJSON *result)
{
    static const struct sl_axis x = {.title = "", .unit = ""};
    static const struct sl_axis y = {.title = "frames", .unit = "1/s"};
    cJSON *drawn = sl_result_plot(result, "fps", "Highest steady rate", SL_PLOT_BARS, &x, &y);
    double place[SL_COUNT(whats)][CELLS_MAX], value[SL_COUNT(whats)][CELLS_MAX];
    for (int i = 0; i < fps->count; i += (int)SL_COUNT(whats)) {
        const struct cell *cell = &fps->cells[i];
        char label[64];
        snprintf(label, sizeof(label), "%dx%d%s%s", cell->size.width, cell->size.height,
                 fps->bench->options->full ? " " : "",
                 fps->bench->options->full ? cell->preset : "");
        sl_plot_label(drawn, label);
        for (size_t w = 0; w < SL_COUNT(whats); w++) {
            const int group = i / (int)SL_COUNT(whats);
            place[w][group] = group;
            value[w][group] = cell[w].held ? cell[w].step.offered : 0;
        }
    }
    for (size_t w = 0; w < SL_COUNT(whats); w++)
        sl_plot_series(drawn, whats[w].name, place[w], value[w],
                       (size_t)fps->count / SL_COUNT(whats));
}

static const struct cell *find(const struct fps *fps, int height, const char *what)
{
    for (int i = 0; i < fps->count; i++)
        if (fps->cells[i].size.height == height && strcmp(fps->cells[i].what->name, what) == 0 &&
            fps->cells[i].held)
            return &fps->cells[i];
    return NULL;
}

static void tell_headline(const struct fps *fps, cJSON *result)
{
    const struct cell *cell = find(fps, 720, "whole path");
    if (!cell && fps->count > 1 && fps->cells[1].held)
        cell = &fps->cells[1];
    char note[96] = "";
    if (cell)
        snprintf(note, sizeof(note), "%dx%d, camera to screen, all on this machine",
                 cell->size.width, cell->size.height);
    sl_result_headline(result, "Highest steady rate", cell ? cell->step.offered : (double)NAN, 0,
                       "frames/s", note);
}

static void add_notes(const struct fps *fps, cJSON *result)
{
    const struct cell *sender = find(fps, 720, "sender");
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    sl_result_note(result,
                   "A rate counts if it holds for %d s: at least 98 %% of the frames offered are "
                   "sent (sender) or seen on the screen (whole path), not over 1 %% are replaced "
                   "by newer ones, and no second has under 95 %%. Bits grow with the rate: every "
                   "frame gets what it has at %d/s.",
                   fps->seconds, USUAL_FPS);
    sl_result_note(result,
                   "Of the sender alone nobody watches; the whole path has sender, receiver, "
                   "viewer and display on the same %ld cores, and so has, in both, whoever plays "
                   "the camera. What limits is the busiest thread, if "
                   "it has a core to itself, or encoding, one picture after the other, or the "
                   "machine.",
                   cores);
    if (sender)
        sl_result_note(result,
                       "For comparison: users of such systems have reported 7 to 15 frames/s at "
                       "the server, from a Raspberry Pi. The sender on this machine does %d at "
                       "1280x720.",
                       sender->step.offered);
}

static cJSON *tell(const struct fps *fps)
{
    cJSON *result = sl_result_create("fps", "Highest steady rate");
    sl_result_condition_number(result, "seconds", fps->seconds);
    sl_result_condition_number(result, "bitrate_bps_of_1280x720_at_30",
                               (double)fps->bench->options->bitrate_bps);
    sl_result_condition_text(result, "display", sl_stage_display(fps->bench->stage));
    tell_headline(fps, result);
    cJSON *table = sl_result_table(result, "fps", "Frames per second", columns);
    for (int i = 0; i < fps->count; i++)
        if (fps->cells[i].held || fps->cells[i].why[0])
            tell_cell(&fps->cells[i], table);
    plot(fps, result);
    add_notes(fps, result);
    return result;
}

int sl_fps_run(cJSON **ret, struct sl_bench *bench, char *why, size_t why_len)
{
    struct fps fps = {.bench = bench};
    choose(&fps);
    int error = sl_bench_stage(bench, why, why_len);
    if (error)
        return error;
    error = run_cells(&fps, why, why_len);
    if (error != -EINTR || fps.cells[0].held)
        *ret = tell(&fps);
    return error;
}
