/* SPDX-License-Identifier: MIT */
/* `sightline-bench capture`: what a picture costs the sender before it is encoded. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "bench/bench.h"
#include "bench/capture_row.h"
#include "bench/result.h"
#include "bench/scene.h"
#include "sender/capture_v4l2_format.h"
#include "sender/halt.h"

#define ROWS_MAX 32
#define FPS 30
#define PICTURES 8 /* of the scene, in each format: some 20 MB each at 1280x720 */
#define SECONDS_BRIEF 5
#define BURN_LIMIT_US 500 /* that --burn may take of a picture of 1280x720 */

struct capture {
    struct sl_bench *bench;
    struct sl_capture_path_config config;
    sl_ns seconds;
    struct sl_scene *scene;
    struct sl_halt halt;
    struct sl_capture_row row[ROWS_MAX];
    int count;
};

static const struct sl_column columns[] = {
    {.key = "path", .title = "path", .id = true},
    {.key = "size", .title = "size", .id = true},
    {.key = "kB", .title = "comes in", .unit = "kB", .decimals = 0},
    {.key = "p50", .title = "capture p50", .unit = "us", .better = SL_BETTER_LOWER},
    {.key = "mean", .title = "capture mean", .unit = "us", .better = SL_BETTER_LOWER},
    {.key = "core", .title = "of a core", .unit = "%", .decimals = 1},
    {.key = "burn", .title = "burn-in mean", .unit = "us", .better = SL_BETTER_LOWER},
    {.key = "burned_p50", .title = "both p50", .unit = "us", .better = SL_BETTER_LOWER},
    {.key = "burned", .title = "both mean", .unit = "us", .better = SL_BETTER_LOWER},
    {.key = "burned_core", .title = "both, of a core", .unit = "%", .decimals = 1},
    {.key = "motion", .title = "motion mean", .unit = "us", .better = SL_BETTER_LOWER},
    {.key = "all_core", .title = "all three, of a core", .unit = "%", .decimals = 1},
    {.key = "why", .title = "why not"},
    {.key = NULL},
};

static double mean(const struct sl_series *series)
{
    return sl_series_mean(series, 0, SL_NEVER);
}

/* ---- The paths ---- */

/* A row with this name, NULL if there is no room. */
static struct sl_capture_row *add(struct capture *capture, const char *name)
{
    if (capture->count == ROWS_MAX)
        return NULL;
    struct sl_capture_row *row = &capture->row[capture->count++];
    snprintf(row->name, sizeof(row->name), "%s", name);
    return row;
}

/* Takes the path; one that could not be opened stays in the table, with the reason. */
static void begin(struct capture *capture, struct sl_capture_row *row, struct sl_capture_path *path,
                  int error)
{
    if (error)
        return;
    row->why[0] = '\0';
    if (sl_capture_row_init(row, path, &capture->config) == 0)
        return;
    sl_capture_path_close(path);
    row->path = NULL;
    snprintf(row->why, sizeof(row->why), "out of memory");
}

static void add_source(struct capture *capture, const char *source)
{
    struct sl_capture_path *path = NULL;
    struct sl_capture_row *row = add(capture, source);
    if (!row)
        return;
    const int error =
        sl_capture_path_source(&path, source, &capture->config, row->why, sizeof(row->why));
    begin(capture, row, path, error);
}

static void add_format(struct capture *capture, const struct sl_v4l2_format *format,
                       enum AVPixelFormat jpeg, const char *name)
{
    struct sl_capture_path *path = NULL;
    struct sl_capture_row *row = add(capture, name);
    if (!row)
        return;
    const int error =
        sl_capture_path_format(&path, format, jpeg, &capture->config, row->why, sizeof(row->why));
    begin(capture, row, path, error);
}

/* Every format that is taken from a V4L2 device. "jpeg" is mjpeg by another name. */
static void add_formats(struct capture *capture)
{
    for (const struct sl_v4l2_format *format = NULL; (format = sl_v4l2_format_after(format));) {
        if (format->encoded || strcmp(format->name, "jpeg") == 0)
            continue;
        if (format->pixels != AV_PIX_FMT_NONE) {
            add_format(capture, format, AV_PIX_FMT_NONE, format->name);
            continue;
        }
        char name[40];
        snprintf(name, sizeof(name), "%s 4:2:2", format->name);
        add_format(capture, format, AV_PIX_FMT_YUVJ422P, name);
        snprintf(name, sizeof(name), "%s 4:2:0", format->name);
        add_format(capture, format, AV_PIX_FMT_YUVJ420P, name);
    }
}

/* One of those that make their input themselves. */
static void add_made(struct capture *capture, const char *name,
                     int (*open)(struct sl_capture_path **, const struct sl_capture_path_config *,
                                 char *, size_t))
{
    struct sl_capture_path *path = NULL;
    struct sl_capture_row *row = add(capture, name);
    if (!row)
        return;
    const int error = open(&path, &capture->config, row->why, sizeof(row->why));
    begin(capture, row, path, error);
}

static void add_paths(struct capture *capture)
{
    add_source(capture, "test");
    add_made(capture, "y4m", sl_capture_path_y4m);
    add_formats(capture);
    add_made(capture, "h264, passed on", sl_capture_path_pass);
    if (capture->bench->options->device)
        add_source(capture, capture->bench->options->device);
}

/* ---- Measuring ---- */

static void choose(struct capture *capture)
{
    const struct sl_bench_options *o = capture->bench->options;
    capture->seconds = o->seconds;
    if (capture->bench->brief && capture->seconds > SECONDS_BRIEF * SL_SEC)
        capture->seconds = SECONDS_BRIEF * SL_SEC;
    capture->config = (struct sl_capture_path_config){
        .width = o->size.width ? o->size.width : 1280,
        .height = o->size.width ? o->size.height : 720,
        .fps = o->fps ? o->fps : FPS,
        .pictures = PICTURES,
        .seed = (uint64_t)o->seed,
        .halt = &capture->halt,
    };
}

/* 0 or -errno with `why`. */
static int prepare(struct capture *capture, char *why, size_t why_len)
{
    struct sl_capture_path_config *config = &capture->config;
    sl_bench_progress("capture: making pictures of %dx%d", config->width, config->height);
    int error = sl_halt_init(&capture->halt);
    if (!error)
        error =
            sl_scene_create(&capture->scene, config->width, config->height, PICTURES, config->seed);
    config->scene = capture->scene;
    if (error == -EINVAL)
        snprintf(why, why_len, "got %dx%d, wanted 64x64 or more, a width in fours, an even height",
                 config->width, config->height);
    else if (error)
        snprintf(why, why_len, "%s", strerror(-error));
    else
        add_paths(capture);
    return error;
}

/* A picture of each in turn, so that none finds its memory warmer than in a sender, where the
 * encoder is in between, and whatever disturbs the machine disturbs all alike. The sources keep the
 * pace. */
static int run(struct capture *capture)
{
    sl_bench_progress("capture: %d paths, %lld s", capture->count,
                      (long long)(capture->seconds / SL_SEC));
    const sl_ns end = sl_time_now() + capture->seconds;
    bool enough = false;
    while (!enough) {
        for (int i = 0; i < capture->count; i++)
            sl_capture_row_measure(&capture->row[i]);
        if (atomic_load(capture->bench->stop))
            return -EINTR;
        enough = sl_time_now() >= end && (capture->row[0].capture.count || !capture->row[0].path);
    }
    return 0;
}

/* ---- Telling ---- */

static void tell_row(const struct capture *capture, const struct sl_capture_row *row, cJSON *table)
{
    const double share = 100 * (double)capture->config.fps / 1e6; /* % of a core, of 1 us */
    char size[32];
    cJSON *line = sl_table_row(table);
    snprintf(size, sizeof(size), "%dx%d", capture->config.width, capture->config.height);
    sl_row_text(line, "path", row->name);
    sl_row_text(line, "size", size);
    if (row->path)
        sl_row_number(line, "kB", sl_capture_path_bytes(row->path) / 1000);
    sl_row_number(line, "p50", sl_series_quantile(&row->capture, 0.5));
    sl_row_number(line, "mean", mean(&row->capture));
    sl_row_number(line, "core", share * mean(&row->capture));
    if (row->burn.count) {
        sl_row_number(line, "burn", mean(&row->burn));
        sl_row_number(line, "burned_p50", sl_series_quantile(&row->burned, 0.5));
        sl_row_number(line, "burned", mean(&row->burned));
        sl_row_number(line, "burned_core", share * mean(&row->burned));
        sl_row_number(line, "motion", mean(&row->motion_cost));
        sl_row_number(line, "all_core", share * (mean(&row->burned) + mean(&row->motion_cost)));
    }
    if (row->why[0])
        sl_row_text(line, "why", row->why);
}

static void plot(const struct capture *capture, cJSON *result)
{
    static const struct sl_axis x = {.title = "", .unit = ""};
    static const struct sl_axis y = {.title = "processor time of a picture", .unit = "us"};
    static const char *const names[] = {"capture", "burn-in", "motion"};
    cJSON *drawn =
        sl_result_plot(result, "capture", "What a picture costs", SL_PLOT_STACKED, &x, &y);
    double place[ROWS_MAX], value[SL_COUNT(names)][ROWS_MAX];
    size_t bars = 0;
    for (int i = 0; i < capture->count; i++) {
        const struct sl_capture_row *row = &capture->row[i];
        if (!row->capture.count)
            continue;
        sl_plot_label(drawn, row->name);
        place[bars] = (double)bars;
        value[0][bars] = mean(&row->capture);
        value[1][bars] = row->burn.count ? mean(&row->burn) : 0;
        value[2][bars] = row->burn.count ? mean(&row->motion_cost) : 0;
        bars++;
    }
    for (size_t i = 0; i < SL_COUNT(names); i++)
        sl_plot_series(drawn, names[i], place, value[i], bars);
}

/* The path on which burning in costs most; NULL: none was measured. */
static const struct sl_capture_row *worst_burn(const struct capture *capture)
{
    const struct sl_capture_row *worst = NULL;
    for (int i = 0; i < capture->count; i++)
        if (capture->row[i].burn.count &&
            (!worst || mean(&capture->row[i].burn) > mean(&worst->burn)))
            worst = &capture->row[i];
    return worst;
}

static void tell_burn(const struct capture *capture, cJSON *result)
{
    const struct sl_capture_row *worst = worst_burn(capture);
    const bool limited = capture->config.width == 1280 && capture->config.height == 720;
    const double us = worst ? mean(&worst->burn) : (double)NAN;
    char note[160] = "";
    if (worst)
        snprintf(note, sizeof(note), "mean, on the path where it is most (%s)%s", worst->name,
                 !limited             ? ""
                 : us < BURN_LIMIT_US ? "; the limit of 500 us is kept"
                                      : "; the limit of 500 us is MISSED");
    sl_result_headline(result, "Burn-in, a picture", us, 0, "us", note);
    if (worst && limited)
        sl_result_note(result,
                       "Burning in has a limit of %d us a picture at 1280x720: %s (%.0f us)"
                       ", median %.0f us.",
                       BURN_LIMIT_US, us < BURN_LIMIT_US ? "kept" : "MISSED", us,
                       sl_series_quantile(&worst->burn, 0.5));
}

static void add_notes(const struct capture *capture, cJSON *result)
{
    sl_result_note(result,
                   "Processor time of the thread, by the sender's own code, over %zu pictures of "
                   "each path, taken in turns; %% of a core at %d pictures a second. Encoding is "
                   "not in it.",
                   capture->count ? capture->row[0].capture.count : 0, capture->config.fps);
    sl_result_note(result,
                   "test and y4m (a file in memory) are sources as they are; of the formats of "
                   "V4L2 it is what turns a driver's buffer into the picture that is encoded, "
                   "without the driver. mjpeg holds what webcams send, which is 4:2:2 mostly.");
    sl_result_note(result,
                   "Burn-in is --burn time,name,location,fps. Motion looks at ten pictures a "
                   "second; its mean is over all.");
}

static cJSON *tell(const struct capture *capture)
{
    cJSON *result = sl_result_create("capture", "Cost of capture");
    sl_result_condition_number(result, "seconds", (double)(capture->seconds / SL_SEC));
    sl_result_condition_number(result, "fps", capture->config.fps);
    tell_burn(capture, result);
    cJSON *table =
        sl_result_table(result, "capture", "Processor time of a picture, by path", columns);
    for (int i = 0; i < capture->count; i++)
        tell_row(capture, &capture->row[i], table);
    plot(capture, result);
    add_notes(capture, result);
    return result;
}

int sl_capture_run(cJSON **ret, struct sl_bench *bench, char *why, size_t why_len)
{
    struct capture capture = {.bench = bench, .halt = {.fd = -1}};
    choose(&capture);
    int error = prepare(&capture, why, why_len);
    if (!error) {
        error = run(&capture);
        *ret = tell(&capture);
    }
    for (int i = 0; i < capture.count; i++)
        sl_capture_row_fini(&capture.row[i]);
    sl_scene_destroy(capture.scene);
    sl_halt_fini(&capture.halt);
    return error;
}
