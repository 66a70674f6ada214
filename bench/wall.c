/* SPDX-License-Identifier: MIT */
/* `sightline-bench wall`: what a wall of 1 to 64 tiles takes of the machine. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/clip.h"
#include "bench/result.h"
#include "bench/site.h"
#include "bench/stage.h"
#include "bench/wall_step.h"

#define WINDOW_WIDTH 1280
#define WINDOW_HEIGHT 720
#define CLIP_SECONDS 4
#define STEPS_MAX 8
#define FULL_RATE (29. / 30) /* of the cameras' rate, on every tile: it holds */
#define BRIEF_SECONDS 3

static const int usual_steps[] = {1, 2, 4, 8, 16, 32, 64};
static const int brief_steps[] = {1, 4, 16, 32, 64};

struct step {
    int tiles;
    bool measured;
    struct sl_wall_step figures;
    char why[200];
};

struct wall {
    struct sl_bench *bench;
    struct sl_frame_size size;
    int fps, seconds;
    double cores;
    struct sl_site site;
    struct sl_clip *clip;
    struct step steps[STEPS_MAX];
    int count;
};

static const struct sl_column tile_columns[] = {
    {.key = "tiles", .title = "tiles", .id = true},
    {.key = "shown_min",
     .title = "shown, least",
     .unit = "1/s",
     .better = SL_BETTER_HIGHER,
     .decimals = 1},
    {.key = "shown_mean",
     .title = "mean",
     .unit = "1/s",
     .better = SL_BETTER_HIGHER,
     .decimals = 1},
    {.key = "decoded_mean",
     .title = "decoded",
     .unit = "1/s",
     .better = SL_BETTER_HIGHER,
     .decimals = 1},
    {.key = "eased", .title = "eased", .unit = "%", .better = SL_BETTER_LOWER, .decimals = 0},
    {.key = "viewer",
     .title = "viewer",
     .unit = "% of all cores",
     .better = SL_BETTER_LOWER,
     .decimals = 1},
    {.key = "decode_ms", .title = "decode", .unit = "ms", .better = SL_BETTER_LOWER, .decimals = 3},
    {.key = "upload_ms", .title = "upload", .unit = "ms", .better = SL_BETTER_LOWER, .decimals = 3},
    {.key = "age_p50", .title = "age p50", .unit = "ms", .better = SL_BETTER_LOWER, .decimals = 1},
    {.key = "age_p99", .title = "p99", .unit = "ms", .better = SL_BETTER_LOWER, .decimals = 1},
    {.key = "rss", .title = "memory", .unit = "MB", .better = SL_BETTER_LOWER, .decimals = 0},
    {.key = "rss_tile", .title = "a tile", .unit = "MB", .better = SL_BETTER_LOWER, .decimals = 1},
    {.key = "why", .title = "why not"},
    {.key = NULL},
};

static const struct sl_column cpu_columns[] = {
    {.key = "tiles", .title = "tiles", .id = true},
    {.key = "decode", .title = "decode", .unit = "%", .better = SL_BETTER_LOWER, .decimals = 1},
    {.key = "paint", .title = "paint", .unit = "%", .better = SL_BETTER_LOWER, .decimals = 1},
    {.key = "net", .title = "net", .unit = "%", .better = SL_BETTER_LOWER, .decimals = 1},
    {.key = "server", .title = "X server", .unit = "%", .decimals = 1},
    {.key = "receiver", .title = "receiver", .unit = "%", .decimals = 1},
    {.key = "load", .title = "load", .unit = "%", .decimals = 1},
    {.key = "machine", .title = "machine", .unit = "%", .decimals = 0},
    {.key = NULL},
};

/* ---- Measuring ---- */

static void choose_steps(struct wall *wall)
{
    const struct sl_bench *bench = wall->bench;
    const int *list = bench->brief ? brief_steps : usual_steps;
    const int count = (int)(bench->brief ? SL_COUNT(brief_steps) : SL_COUNT(usual_steps));
    if (bench->options->cameras) {
        wall->steps[wall->count++].tiles = bench->options->cameras;
        return;
    }
    for (int i = 0; i < count; i++)
        wall->steps[wall->count++].tiles = list[i];
}

static void choose(struct wall *wall)
{
    const struct sl_bench_options *o = wall->bench->options;
    wall->size = o->size.width ? o->size : (struct sl_frame_size){640, 360};
    wall->fps = o->fps ? o->fps : 30;
    wall->seconds = (int)(o->seconds / SL_SEC);
    if (wall->bench->brief && wall->seconds > BRIEF_SECONDS)
        wall->seconds = BRIEF_SECONDS;
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    wall->cores = cores > 0 ? (double)cores : 1;
    choose_steps(wall);
}

static int64_t bitrate(const struct wall *wall)
{
    return wall->bench->options->bitrate_bps * wall->size.width * wall->size.height / (1280 * 720);
}

static int set_up(struct wall *wall, char *why, size_t why_len)
{
    const int most = wall->steps[wall->count - 1].tiles;
    int error = sl_bench_stage(wall->bench, why, why_len);
    if (error)
        return error;
    error =
        sl_clip_create(&wall->clip, wall->size.width, wall->size.height, wall->fps, bitrate(wall),
                       "auto", CLIP_SECONDS * wall->fps, (uint64_t)wall->bench->options->seed);
    if (error) {
        snprintf(why, why_len, "a clip of %dx%d: %s", wall->size.width, wall->size.height,
                 strerror(-error));
        return error;
    }
    return sl_site_start(&wall->site, most, false, &wall->bench->options->receiver_words, why,
                         why_len);
}

static int run_step(struct wall *wall, struct step *step)
{
    const struct sl_wall_step_config config = {
        .site = &wall->site,
        .clip = wall->clip,
        .display = sl_stage_display_name(wall->bench->stage),
        .width = WINDOW_WIDTH,
        .height = WINDOW_HEIGHT,
        .tiles = step->tiles,
        .seconds = wall->seconds,
        .viewer_words = &wall->bench->options->viewer_words,
        .stop = wall->bench->stop,
    };
    const int error = sl_wall_step_run(&step->figures, &config, step->why, sizeof(step->why));
    step->measured = !error;
    if (error && error != -EINTR)
        sl_site_print_log(&wall->site);
    return error;
}

static bool any_measured(const struct wall *wall)
{
    for (int i = 0; i < wall->count; i++)
        if (wall->steps[i].measured)
            return true;
    return false;
}

/* 0, also if steps failed; -EINTR, or why not one could be measured. */
static int run_steps(struct wall *wall, char *why, size_t why_len)
{
    int first = 0;
    for (int i = 0; i < wall->count; i++) {
        sl_bench_progress("wall %d/%d: %d tiles", i + 1, wall->count, wall->steps[i].tiles);
        const int error = run_step(wall, &wall->steps[i]);
        if (error && atomic_load(wall->bench->stop))
            return -EINTR;
        if (error && !first) {
            first = error;
            snprintf(why, why_len, "%d tiles: %s", wall->steps[i].tiles, wall->steps[i].why);
        }
    }
    return any_measured(wall) ? 0 : first;
}

/* ---- Telling ---- */

static double percent(const struct wall *wall, double cores)
{
    return 100 * cores / wall->cores;
}

/* Of one frame of one tile. */
static double frame_ms(const struct step *step, double cores, double per_second)
{
    const double frames = per_second * step->tiles;
    return frames > 0 ? 1000 * cores / frames : NAN;
}

/* What a step has found, by the keys of the columns and plots. */
static double value_of(const struct wall *wall, const struct step *step, const char *key)
{
    const struct sl_wall_step *all = &step->figures;
    const struct sl_wall_figures *seen = &all->figures;
    const double megabytes = (double)all->rss / 1e6;
    const struct {
        const char *key;
        double value;
    } values[] = {
        {"shown_min", seen->shown_min},
        {"shown_mean", seen->shown_mean},
        {"decoded_mean", seen->decoded_mean},
        {"eased", 100 * seen->eased / (seen->decoded_mean * step->tiles * wall->seconds)},
        {"viewer", percent(wall, all->viewer)},
        {"decode", percent(wall, all->decode)},
        {"paint", percent(wall, all->main_thread)},
        {"net", percent(wall, all->net)},
        {"server", percent(wall, all->server)},
        {"receiver", percent(wall, all->receiver)},
        {"load", percent(wall, all->load)},
        {"machine", 100 * all->busy},
        {"decode_ms", frame_ms(step, all->decode, seen->decoded_mean)},
        {"upload_ms", frame_ms(step, all->main_thread, seen->shown_mean)},
        {"age_p50", seen->age_p50_ms},
        {"age_p99", seen->age_p99_ms},
        {"rss", megabytes},
        {"rss_tile", megabytes / step->tiles},
    };
    for (size_t i = 0; i < SL_COUNT(values); i++)
        if (strcmp(values[i].key, key) == 0)
            return values[i].value;
    return NAN;
}

static void tell_step(const struct wall *wall, const struct step *step, cJSON *table,
                      const struct sl_column *column)
{
    cJSON *row = sl_table_row(table);
    sl_row_number(row, "tiles", step->tiles);
    for (; column->key && step->measured; column++)
        if (!column->id && strcmp(column->key, "why") != 0)
            sl_row_number(row, column->key, value_of(wall, step, column->key));
    if (!step->measured)
        sl_row_text(row, "why", step->why);
}

static void tell_table(const struct wall *wall, cJSON *result, const char *name, const char *title,
                       const struct sl_column *columns)
{
    cJSON *table = sl_result_table(result, name, title, columns);
    for (int i = 0; i < wall->count; i++)
        if (wall->steps[i].measured || wall->steps[i].why[0])
            tell_step(wall, &wall->steps[i], table, columns);
}

struct curve {
    const char *key, *name; /* ends with a NULL key */
};

/* A line each for these figures, over the number of tiles. */
static void plot(const struct wall *wall, cJSON *result, const char *name, const char *title,
                 const struct sl_axis *y, const struct curve *curve)
{
    static const struct sl_axis tiles = {.title = "tiles", .unit = "", .log = true};
    cJSON *drawn = sl_result_plot(result, name, title, SL_PLOT_LINES, &tiles, y);
    for (; curve->key; curve++) {
        double x[STEPS_MAX], value[STEPS_MAX];
        size_t count = 0;
        for (int i = 0; i < wall->count; i++) {
            if (!wall->steps[i].measured)
                continue;
            x[count] = wall->steps[i].tiles;
            value[count] = value_of(wall, &wall->steps[i], curve->key);
            count += !isnan(value[count]);
        }
        sl_plot_series(drawn, curve->name, x, value, count);
    }
}

static void plot_all(const struct wall *wall, cJSON *result)
{
    static const struct curve cpu[] = {
        {"viewer", "viewer"},      {"decode", "its decoding"},
        {"paint", "its painting"}, {"net", "its network"},
        {"server", "X server"},    {"receiver", "receiver"},
        {"load", "the cameras"},   {NULL, NULL},
    };
    static const struct curve rate[] = {
        {"shown_min", "worst tile"}, {"shown_mean", "mean"}, {NULL, NULL}};
    static const struct curve time[] = {
        {"decode_ms", "decode and scale"}, {"upload_ms", "paint and present"}, {NULL, NULL}};
    static const struct curve memory[] = {{"rss", "viewer"}, {NULL, NULL}};
    plot(wall, result, "wall_cpu", "Processor time, of all cores",
         &(struct sl_axis){.title = "processor time", .unit = "%"}, cpu);
    plot(wall, result, "wall_rate", "Frames shown per second, a tile",
         &(struct sl_axis){.title = "frames", .unit = "1/s"}, rate);
    plot(wall, result, "wall_time", "Processor time for one frame of one tile",
         &(struct sl_axis){.title = "time", .unit = "ms"}, time);
    plot(wall, result, "wall_memory", "Memory of the viewer",
         &(struct sl_axis){.title = "memory", .unit = "MB"}, memory);
}

static bool holds(const struct wall *wall, const struct step *step)
{
    return step->measured && step->figures.figures.shown_min >= FULL_RATE * wall->fps;
}

static void tell_most(const struct wall *wall, cJSON *result)
{
    const struct step *most = NULL, *last = NULL;
    for (int i = 0; i < wall->count; i++) {
        if (holds(wall, &wall->steps[i]))
            most = &wall->steps[i];
        if (wall->steps[i].measured)
            last = &wall->steps[i];
    }
    char what[80];
    snprintf(what, sizeof(what), "%dx%d at %d/s, every tile at full rate", wall->size.width,
             wall->size.height, wall->fps);
    sl_result_headline(result, "Tiles on one wall", most ? (double)most->tiles : (double)NAN, 0, "",
                       what);
    if (last) {
        snprintf(what, sizeof(what), "of all %d cores, at %d tiles, the viewer alone",
                 (int)wall->cores, last->tiles);
        sl_result_headline(result, "Processor time of the wall",
                           percent(wall, last->figures.viewer), 0, "%", what);
    }
    if (most)
        sl_result_note(result,
                       "The highest number of tiles tried at which every tile shows at least %.0f "
                       "frames/s of %d: %d.",
                       FULL_RATE * (double)wall->fps, wall->fps, most->tiles);
    else
        sl_result_note(result, "At no number of tiles did every tile show its frames.");
}

static cJSON *tell(const struct wall *wall)
{
    cJSON *result = sl_result_create("wall", "What a wall takes");
    sl_result_condition_text(result, "display", sl_stage_display(wall->bench->stage));
    sl_result_condition_number(result, "seconds", wall->seconds);
    sl_result_condition_number(result, "camera_kbit_per_s", (double)bitrate(wall) / 1000);
    tell_most(wall, result);
    sl_result_note(
        result,
        "A window of %dx%d. The cameras' frames are %dx%d at %d/s, encoded beforehand as "
        "a sender does by itself, and come through a real receiver. Processor time is a "
        "share of all %d cores; decode, paint and net are the viewer's threads.",
        WINDOW_WIDTH, WINDOW_HEIGHT, wall->size.width, wall->size.height, wall->fps,
        (int)wall->cores);
    sl_result_note(result,
                   "Decode is the decoding threads' processor time for a frame, with scaling to "
                   "the tile; upload the main thread's, with painting, labels and presenting. Age "
                   "is from the camera to the display as the viewer knows it: the tiles' medians "
                   "of each second, their median and the 99th of 100. Eased are frames "
                   "that the viewer decoded without the loop filter, since the machine could not "
                   "keep up: small tiles only.");
    tell_table(wall, result, "wall", "Tiles", tile_columns);
    tell_table(wall, result, "wall_processor", "Processor time, of all cores", cpu_columns);
    plot_all(wall, result);
    return result;
}

int sl_wall_run(cJSON **ret, struct sl_bench *bench, char *why, size_t why_len)
{
    struct wall wall = {.bench = bench, .site = {.log_fd = -1}};
    choose(&wall);
    int error = set_up(&wall, why, why_len);
    if (!error) {
        error = run_steps(&wall, why, why_len);
        if (error != -EINTR || any_measured(&wall))
            *ret = tell(&wall);
        sl_site_stop(&wall.site);
    }
    sl_clip_destroy(wall.clip);
    return error && atomic_load(bench->stop) ? -EINTR : error;
}
