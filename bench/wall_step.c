/* SPDX-License-Identifier: MIT */
#include "bench/wall_step.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/time.h"
#include "bench/display.h"
#include "bench/load.h"
#include "bench/rig_child.h"
#include "bench/site.h"
#include "bench/usage.h"

#define LIVE_WITHIN (20 * SL_SEC)
#define LINE_WITHIN (5 * SL_SEC) /* a viewer that is late with its figures by more has failed */
#define WARM_UP 1                /* periods, once all tiles are live */

/* The viewer's lines; one thread. */
struct lines {
    int fd;
    const atomic_bool *stop;
    size_t from, end;
    char text[65536];
};

struct watch {
    const struct sl_wall_step_config *config;
    struct sl_load *load;
    struct sl_child viewer;
    struct lines lines;
    struct sl_wall_line period[SL_WALL_TILES_MAX];
    struct sl_wall_sum sum;
};

/* ---- Reading ---- */

static int fill(struct lines *lines, sl_ns deadline)
{
    if (lines->from) {
        memmove(lines->text, lines->text + lines->from, lines->end - lines->from);
        lines->end -= lines->from;
        lines->from = 0;
    }
    if (lines->end == sizeof(lines->text))
        return -ENOBUFS;
    for (;;) {
        struct pollfd entry = {.fd = lines->fd, .events = POLLIN};
        if (atomic_load(lines->stop))
            return -EINTR;
        if (sl_time_now() > deadline)
            return -ETIMEDOUT;
        if (poll(&entry, 1, 100) <= 0)
            continue;
        const ssize_t got =
            read(lines->fd, lines->text + lines->end, sizeof(lines->text) - lines->end);
        if (got <= 0)
            return -EPIPE;
        lines->end += (size_t)got;
        return 0;
    }
}

/* The next line, in place. */
static int next_line(struct lines *lines, char **ret, sl_ns deadline)
{
    for (;;) {
        char *at = lines->text + lines->from;
        char *newline = memchr(at, '\n', lines->end - lines->from);
        if (newline) {
            *newline = '\0';
            lines->from = (size_t)(newline + 1 - lines->text);
            *ret = at;
            return 0;
        }
        const int error = fill(lines, deadline);
        if (error)
            return error;
    }
}

/* One line of every tile: the viewer writes them together. */
static int read_period(struct watch *watch, char *why, size_t why_len)
{
    for (int i = 0; i < watch->config->tiles;) {
        char *text;
        const int error = next_line(&watch->lines, &text, sl_time_now() + LINE_WITHIN);
        if (error) {
            snprintf(why, why_len, "sightline-viewer %s",
                     error == -EPIPE ? "ended" : "does not write its figures");
            return error;
        }
        if (sl_wall_line_read(text, &watch->period[i]))
            i++;
    }
    return 0;
}

static bool all_live(const struct watch *watch)
{
    for (int i = 0; i < watch->config->tiles; i++)
        if (strcmp(watch->period[i].state, "live") != 0)
            return false;
    return true;
}

/* Until every tile shows pictures, and then a little longer. */
static int warm_up(struct watch *watch, char *why, size_t why_len)
{
    const sl_ns deadline = sl_time_now() + LIVE_WITHIN;
    for (int warm = 0; warm <= WARM_UP;) {
        const int error = read_period(watch, why, why_len);
        if (error)
            return error;
        warm += warm || all_live(watch);
        if (!warm && sl_time_now() > deadline) {
            snprintf(why, why_len, "not all tiles are live after %d s",
                     (int)(LIVE_WITHIN / SL_SEC));
            return -ETIMEDOUT;
        }
    }
    return 0;
}

/* ---- Figures ---- */

enum { VIEWER, RECEIVER, SERVER, PROGRAMS };

static int begin_usage(const struct watch *watch, struct sl_usage usage[PROGRAMS])
{
    const pid_t server = sl_display_server(watch->config->display);
    usage[SERVER].pid = 0;
    if (server > 0 && sl_usage_begin(&usage[SERVER], "X server", server))
        usage[SERVER].pid = 0;
    const int error =
        sl_usage_begin(&usage[RECEIVER], "receiver", watch->config->site->receiver.pid);
    return error ? error : sl_usage_begin(&usage[VIEWER], "viewer", watch->viewer.pid);
}

static void split_threads(const struct sl_usage *usage, struct sl_wall_step *ret)
{
    const double span = usage->at > 0 ? (double)usage->at : 1;
    for (int i = 0; i < usage->threads; i++) {
        const char *name = usage->thread[i].name;
        double *share = strncmp(name, "decode-", 7) == 0       ? &ret->decode
                        : strncmp(name, "sightline-", 10) == 0 ? &ret->main_thread
                        : strcmp(name, "net") == 0             ? &ret->net
                                                               : &ret->other;
        *share += (double)usage->thread[i].cpu / span;
    }
}

static int measure(struct watch *watch, struct sl_wall_step *ret, char *why, size_t why_len)
{
    struct sl_usage usage[PROGRAMS];
    struct sl_load_figures before, after;
    sl_ns busy[2], all[2];
    int error = begin_usage(watch, usage);
    if (error)
        snprintf(why, why_len, "a program ended");
    sl_usage_machine(&busy[0], &all[0]);
    sl_load_figures(watch->load, &before);
    for (int tile = 0; tile < watch->config->tiles; tile++)
        sl_wall_sum_begin(&watch->sum, &watch->period[tile]);
    for (int i = 0; i < watch->config->seconds && !error; i++) {
        error = read_period(watch, why, why_len);
        for (int tile = 0; tile < watch->config->tiles && !error; tile++)
            sl_wall_sum_add(&watch->sum, &watch->period[tile]);
    }
    if (error)
        return error;
    error = sl_usage_end(&usage[VIEWER]);
    if (!error)
        error = sl_usage_end(&usage[RECEIVER]);
    if (error) {
        snprintf(why, why_len, "a program ended");
        return error;
    }
    sl_usage_machine(&busy[1], &all[1]);
    sl_load_figures(watch->load, &after);
    struct sl_wall_step step = {
        .seconds = (double)usage[VIEWER].at / (double)SL_SEC,
        .viewer = sl_usage_cores(&usage[VIEWER]),
        .receiver = sl_usage_cores(&usage[RECEIVER]),
        .load = (double)(after.camera_cpu - before.camera_cpu) / (double)usage[VIEWER].at,
        .server = usage[SERVER].pid && sl_usage_end(&usage[SERVER]) == 0
                      ? sl_usage_cores(&usage[SERVER])
                      : NAN,
        .busy = all[1] > all[0] ? (double)(busy[1] - busy[0]) / (double)(all[1] - all[0]) : NAN,
        .rss = usage[VIEWER].rss,
    };
    split_threads(&usage[VIEWER], &step);
    sl_wall_sum_up(&watch->sum, &step.figures);
    *ret = step;
    return 0;
}

/* ---- Whole ---- */

/* "camera-1,camera-2": the site has more, which are off. */
static char *camera_names(int tiles)
{
    const size_t size = (size_t)tiles * 16;
    char *names = malloc(size);
    for (int i = 0, at = 0; names && i < tiles; i++)
        at += snprintf(names + at, size - (size_t)at, "%scamera-%d", i ? "," : "", i + 1);
    return names;
}

static int start_viewer(struct watch *watch, char *why, size_t why_len)
{
    const struct sl_wall_step_config *config = watch->config;
    char program[PATH_MAX], size[32];
    char *names = camera_names(config->tiles);
    if (!names)
        return -ENOMEM;
    sl_rig_own_program("sightline-viewer", program);
    snprintf(size, sizeof(size), "%dx%d", config->width, config->height);
    const char *const fixed[] = {
        program, "--from", config->site->watch, "--cameras", names, "--size",
        size,    "--mute", "--stats",           "1s",        NULL};
    struct sl_words words = sl_words_of(fixed);
    sl_words_add_list(&words, config->viewer_words);
    setenv("DISPLAY", config->display, 1);
    const int error =
        sl_child_start(&watch->viewer, words.argv, SL_CHILD_OUT, config->site->log_fd);
    free(names);
    if (error)
        snprintf(why, why_len, "%s: %s", program, strerror(-error));
    watch->lines.fd = watch->viewer.out;
    watch->lines.stop = config->stop;
    return error;
}

int sl_wall_step_run(struct sl_wall_step *ret, const struct sl_wall_step_config *config, char *why,
                     size_t why_len)
{
    const struct sl_load_config load = {
        .publish = (const char *const *)config->site->publish,
        .cameras = config->tiles,
        .watch = config->site->watch,
        .clip = config->clip,
        .speed = 1,
        .processor = -1,
        .stop = config->stop,
    };
    if (config->tiles < 1 || config->tiles > SL_WALL_TILES_MAX ||
        config->tiles > config->site->cameras) {
        snprintf(why, why_len, "%d tiles: wanted 1 to %d", config->tiles, SL_WALL_TILES_MAX);
        return -EINVAL;
    }
    struct watch *watch = calloc(1, sizeof(*watch));
    if (!watch)
        return -ENOMEM;
    watch->config = config;
    watch->viewer = (struct sl_child){.in = -1, .out = -1};
    int error = sl_load_start(&watch->load, &load, why, why_len);
    if (!error)
        error = start_viewer(watch, why, why_len);
    if (!error)
        error = warm_up(watch, why, why_len);
    if (!error)
        error = measure(watch, ret, why, why_len);
    sl_child_stop(&watch->viewer, 3 * SL_SEC);
    sl_load_stop(watch->load);
    free(watch);
    return error;
}
