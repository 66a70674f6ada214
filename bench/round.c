/* SPDX-License-Identifier: MIT */
#include "bench/round.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/time.h"
#include "base/trace.h"
#include "bench/moments.h"
#include "bench/source.h"
#include "bench/stamp.h"
#include "bench/watch.h"

#define FIRST_PICTURE (15 * SL_SEC) /* patience */
#define STRAGGLERS (SL_SEC / 2)     /* frames handed over last may take this long to show */
#define BUSY 0.95
#define CHECK_EVERY (50 * SL_MS) /* whether all is still well */

struct round {
    struct sl_stage *stage;
    const struct sl_round_config *config;
    int cameras;
    const struct sl_scene *scene;
    struct sl_rig rig;
    struct sl_tally *tallies[SL_ROUND_CAMERAS_MAX];
    struct sl_source *sources[SL_ROUND_CAMERAS_MAX];
    struct sl_watcher *watcher;
    struct sl_round_result result;
    char *why;
    size_t why_len;
};

/* ---- Setting up ---- */

static int create_tallies(struct round *round)
{
    const struct sl_round_config *config = round->config;
    const sl_ns longest = FIRST_PICTURE + config->warm_up + config->seconds + 5 * SL_SEC;
    const int64_t frames = (longest / SL_SEC + 1) * config->fps;
    if (frames > SL_STAMP_NUMBER_MAX) {
        snprintf(round->why, round->why_len, "%lld frames: more than a stamp can count",
                 (long long)frames);
        return -ERANGE;
    }
    for (int i = 0; i < round->cameras; i++) {
        const int err = sl_tally_create(&round->tallies[i], (uint32_t)frames);
        if (err != 0) {
            snprintf(round->why, round->why_len, "out of memory");
            return err;
        }
    }
    return 0;
}

static int make_scene(struct round *round)
{
    const int width = round->config->rig.width, height = round->config->rig.height;
    const int err = sl_stage_scene(round->stage, &round->scene, width, height);
    if (err == -EINVAL)
        snprintf(round->why, round->why_len,
                 "%dx%d: wanted at least 576 pixels across, multiples of 4 by 2", width, height);
    else if (err != 0)
        snprintf(round->why, round->why_len, "%dx%d: %s", width, height, strerror(-err));
    return err;
}

/* Cameras are not in step with each other. */
static int start_sources(struct round *round)
{
    const struct sl_round_config *config = round->config;
    const sl_ns begun = sl_time_now();
    for (int i = 0; i < round->cameras; i++) {
        const struct sl_source_config source = {
            .scene = round->scene,
            .tally = round->tallies[i],
            .fd = round->rig.children[i].in,
            .width = config->rig.width,
            .height = config->rig.height,
            .fps = config->fps,
            .camera = i,
            .from = begun + i * SL_SEC / config->fps / round->cameras,
        };
        const int err = sl_source_start(&round->sources[i], &source);
        if (err != 0) {
            snprintf(round->why, round->why_len, "a source: %s", strerror(-err));
            return err;
        }
    }
    return 0;
}

static int set_up(struct round *round)
{
    struct sl_rig_config rig = round->config->rig;
    rig.display = sl_stage_display_name(round->stage);
    rig.trace = round->config->trace;
    int err = make_scene(round);
    if (err == 0)
        err = create_tallies(round);
    if (err == 0)
        err = sl_rig_start(&round->rig, round->config->path, &rig, round->why, round->why_len);
    if (err == 0)
        err = sl_watcher_open(&round->watcher, rig.display, round->tallies, round->cameras,
                              round->why, round->why_len);
    return err ? err : start_sources(round);
}

/* ---- Watching ---- */

static int check(struct round *round)
{
    const char *dead = sl_rig_dead(&round->rig);
    for (int i = 0; i < round->cameras && !dead; i++)
        if (!sl_source_alive(round->sources[i]))
            dead = "a reader of the frames";
    if (dead) {
        snprintf(round->why, round->why_len, "%s ended", dead);
        return -ECHILD;
    }
    if (sl_stage_stopped(round->stage)) {
        snprintf(round->why, round->why_len, "interrupted");
        return -EINTR;
    }
    return 0;
}

/* Until `until`, or until a picture of each camera is there. */
static int watch(struct round *round, sl_ns until, bool first)
{
    sl_ns check_at = 0;
    for (;;) {
        const sl_ns now = sl_time_now();
        if (now >= until || (first && sl_watcher_seen(round->watcher) == round->cameras))
            return 0;
        if (now >= check_at) {
            const int err = check(round);
            if (err != 0)
                return err;
            if (round->config->rig.count)
                sl_rig_listen(&round->rig);
            check_at = now + CHECK_EVERY;
        }
        if (sl_watcher_look(round->watcher, until < check_at ? until : check_at) != 0) {
            snprintf(round->why, round->why_len, "the display is gone");
            return -EIO;
        }
    }
}

/* Shares of all cores since a reading. */
static double busy_since(sl_ns busy, sl_ns all)
{
    sl_ns busy_now, all_now;
    sl_usage_machine(&busy_now, &all_now);
    return all_now > all ? (double)(busy_now - busy) / (double)(all_now - all) : 0;
}

static int watch_for_pictures(struct round *round)
{
    sl_ns busy, all;
    sl_usage_machine(&busy, &all);
    const int err = watch(round, sl_time_now() + FIRST_PICTURE, true);
    const int seen = sl_watcher_seen(round->watcher);
    if (err != 0 || seen == round->cameras)
        return err;
    const char *cause =
        busy_since(busy, all) > BUSY ? "limited by: processor, all cores are busy; " : "";
    if (round->cameras == 1)
        snprintf(round->why, round->why_len, "%sno picture within %d s", cause,
                 (int)(FIRST_PICTURE / SL_SEC));
    else
        snprintf(round->why, round->why_len, "%spictures of %d of %d cameras within %d s", cause,
                 seen, round->cameras, (int)(FIRST_PICTURE / SL_SEC));
    return -ETIMEDOUT;
}

static void begin_usage(struct round *round)
{
    struct sl_round_result *result = &round->result;
    for (int i = 0; i < SL_RIG_CHILDREN; i++)
        if (round->rig.children[i].pid > 0 &&
            sl_usage_begin(&result->usage[result->usages], round->rig.names[i],
                           round->rig.children[i].pid) == 0)
            result->usages++;
}

static int end_usage(struct round *round)
{
    struct sl_round_result *result = &round->result;
    for (int i = 0; i < result->usages; i++)
        if (sl_usage_end(&result->usage[i]) != 0) {
            snprintf(round->why, round->why_len, "%s ended", result->usage[i].program);
            return -ECHILD;
        }
    return 0;
}

/* ---- What was seen ---- */

static int read_trace(struct round *round, int child, struct sl_moments_trace *ret)
{
    char path[PATH_MAX + 32];
    uint64_t dropped;
    sl_rig_trace(&round->rig, child, path);
    const int err = sl_trace_read(path, &ret->records, &ret->count, &dropped);
    if (err != 0)
        snprintf(round->why, round->why_len, "the trace of %s: %s", round->rig.names[child],
                 strerror(-err));
    return err;
}

static int fill_moments(struct round *round, sl_ns from)
{
    struct sl_moments_traces traces = {.receiver = {NULL, 0}};
    int err = 0;
    for (int i = 0; i < round->cameras && err == 0; i++)
        err = read_trace(round, i, &traces.sender[i]);
    if (err == 0)
        err = read_trace(round, round->cameras, &traces.receiver);
    if (err == 0)
        err = read_trace(round, round->cameras + 1, &traces.viewer);
    if (err == 0)
        err = sl_moments_fill(&round->result, &traces, from);
    for (int i = 0; i < round->cameras; i++)
        free(traces.sender[i].records);
    free(traces.receiver.records);
    free(traces.viewer.records);
    return err;
}

static int fill_tallies(struct round *round, sl_ns from, sl_ns to)
{
    for (int i = 0; i < round->cameras; i++) {
        const int err =
            sl_tally_result(round->tallies[i], from, to, &round->result.camera[i].tally);
        if (err != 0) {
            snprintf(round->why, round->why_len, err == -ENODATA ? "no frame was seen" : "%s",
                     strerror(-err));
            return err;
        }
    }
    return 0;
}

/* Nobody watches meanwhile. */
static void read_counters(struct round *round, struct sl_counters *ret)
{
    if (round->config->rig.count)
        sl_rig_counters(&round->rig, ret);
}

static void fill_counters(struct round *round, const struct sl_counters *before, sl_ns from)
{
    struct sl_counters after;
    if (!round->config->rig.count)
        return;
    read_counters(round, &after);
    struct sl_round_result *result = &round->result;
    result->counted = sl_counters_since(&after, before);
    for (int i = 0; i < SL_RIG_TOLD; i++) {
        result->told[i] = round->rig.told[i];
        round->rig.told[i] = (struct sl_series){.count = 0};
        sl_series_since(&result->told[i], from);
    }
}

/* When the window that begins at `from` ends. */
static sl_ns end_of_window(const struct round *round, sl_ns from)
{
    const struct sl_round_config *config = round->config;
    const sl_ns longest = from + config->seconds;
    const sl_ns until = round->rig.link_ready + config->link_until;
    return config->link_until && until < longest ? until : longest;
}

static int measure(struct round *round)
{
    struct sl_round_result *result = &round->result;
    struct sl_counters counters = sl_counters_unknown();
    sl_ns busy, all;
    int err = watch_for_pictures(round);
    if (err == 0)
        err = watch(round, sl_time_now() + round->config->warm_up, false);
    if (err == 0)
        read_counters(round, &counters);
    if (err == 0 && round->config->rig.count) /* what came meanwhile is seen late */
        err = watch(round, sl_time_now() + STRAGGLERS, false);
    if (err != 0)
        return err;
    sl_usage_machine(&busy, &all);
    begin_usage(round);
    const sl_ns from = sl_time_now(), to = end_of_window(round, from);
    if (to <= from) {
        snprintf(round->why, round->why_len, "what was to happen to the link is over");
        return -ETIMEDOUT;
    }
    err = watch(round, to, false);
    if (err == 0)
        err = end_usage(round);
    result->busy = busy_since(busy, all);
    if (err == 0)
        err = watch(round, to + STRAGGLERS, false);
    if (err == 0)
        fill_counters(round, &counters, from);
    if (err == 0)
        err = fill_tallies(round, from, to);
    result->window = to - from;
    result->link_began = round->rig.link_ready - from;
    if (err == 0 && round->config->trace && round->config->path == &sl_rig_sightline)
        err = fill_moments(round, from);
    return err;
}

/* ---- Whole ---- */

static void take_down(struct round *round)
{
    for (int i = 0; i < round->cameras; i++)
        sl_source_stop(round->sources[i]);
    sl_watcher_close(round->watcher);
    sl_rig_stop(&round->rig);
    for (int i = 0; i < round->cameras; i++)
        sl_tally_destroy(round->tallies[i]);
}

int sl_round_run(struct sl_round_result *ret, struct sl_stage *stage,
                 const struct sl_round_config *config, char *why, size_t why_len)
{
    struct round *round = calloc(1, sizeof(*round));
    if (!round) {
        snprintf(why, why_len, "out of memory");
        return -ENOMEM;
    }
    round->stage = stage;
    round->config = config;
    round->cameras = config->rig.cameras ? config->rig.cameras : 1;
    round->why = why;
    round->why_len = why_len;
    round->rig.log_fd = -1;
    round->result.cameras = round->cameras;
    round->result.counted = sl_counters_unknown();
    prctl(PR_SET_TIMERSLACK, 1);
    int err = set_up(round);
    if (err == 0)
        err = measure(round);
    if (err != 0 && err != -EINTR)
        sl_rig_print_log(&round->rig);
    take_down(round);
    round->result.repairs = round->rig.repairs;
    if (err == 0)
        *ret = round->result;
    else
        sl_round_free(&round->result);
    free(round);
    return err;
}

void sl_round_free(struct sl_round_result *result)
{
    for (int i = 0; i < result->cameras; i++)
        sl_tally_result_free(&result->camera[i].tally);
    free(result->handed);
    free(result->total);
    for (int s = 0; s < SL_STAGES; s++)
        free(result->stage[s]);
    for (int i = 0; i < SL_RIG_TOLD; i++)
        sl_series_free(&result->told[i]);
}
