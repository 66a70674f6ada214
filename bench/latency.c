/* SPDX-License-Identifier: MIT */
#include "bench/latency.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/time.h"
#include "bench/child.h"
#include "bench/rig.h"
#include "bench/rig_peers.h"
#include "bench/scene.h"
#include "bench/screen.h"
#include "bench/source.h"
#include "bench/stamp.h"
#include "bench/tally.h"

#define PATHS_MAX 10
#define ROUNDS_MAX 100
#define SCENE_SECONDS 2
#define WARM_UP (2 * SL_SEC)
#define FIRST_PICTURE (20 * SL_SEC) /* patience */
#define STRAGGLERS (SL_SEC / 2)     /* frames handed over last may take this long to show */
#define GRAB_EVERY (200 * SL_US)
#define LOOK_EVERY (500 * SL_US) /* whether a frame has been handed over */
#define QUIET 0.75

struct path {
    const struct sl_rig_path *rig;
    int rounds;
    struct sl_tally_result round[ROUNDS_MAX];
};

struct bench {
    const struct sl_latency_options *options;
    const atomic_bool *stop;
    struct sl_child xvfb;
    char display[64];
    struct sl_scene *scene;
    struct sl_stamp_place place;
    struct path paths[PATHS_MAX];
    int path_count;
};

int sl_latency_parse_seconds(void *options, const char *text, char *wanted, size_t wanted_len)
{
    int64_t value;
    snprintf(wanted, wanted_len, "whole seconds, from 1 to 3600");
    if (sl_parse_int(text, 1, 3600, &value) != 0)
        return -EINVAL;
    ((struct sl_latency_options *)options)->seconds = value * SL_SEC;
    return 0;
}

static double ms(sl_ns span)
{
    return (double)span / SL_MS;
}

static void nap(sl_ns span)
{
    const struct timespec ts = {.tv_sec = 0, .tv_nsec = span};
    nanosleep(&ts, NULL);
}

/* ---- One round ---- */

struct watch {
    struct bench *bench;
    struct sl_rig *rig;
    struct sl_source *source;
    struct sl_screen *screen;
    struct sl_tally *tally;
    uint32_t newest;  /* seen, plus one */
    sl_ns recent[16]; /* ages; 0 at first: no quiet time */
};

/*
 * A grab wakes the X server and takes some 50 us of it, in the very time in which the programs
 * measured want the cores. So none is made before a frame can be there: until QUIET of the lowest
 * age of late. A path that gets faster is met a little later each time, and the bound falls with
 * it.
 */
static sl_ns quiet_time(const struct watch *watch)
{
    sl_ns lowest = watch->recent[0];
    for (size_t i = 1; i < SL_COUNT(watch->recent); i++)
        lowest = watch->recent[i] < lowest ? watch->recent[i] : lowest;
    return (sl_ns)((double)lowest * QUIET);
}

static void note_age(struct watch *watch, sl_ns age)
{
    watch->recent[watch->newest % SL_COUNT(watch->recent)] = age;
}

/* Looks once if a frame is on its way. 1: a newer one is on the screen. */
static int look(struct watch *watch)
{
    const uint32_t handed = sl_tally_handed_count(watch->tally);
    if (watch->newest == handed) {
        nap(LOOK_EVERY);
        return 0;
    }
    const sl_ns early =
        sl_tally_handed_at(watch->tally, watch->newest) + quiet_time(watch) - sl_time_now();
    if (early > 0) {
        nap(early);
        return 0;
    }
    const uint8_t *line = sl_screen_grab(watch->screen);
    const sl_ns now = sl_time_now();
    uint32_t number;
    if (!line)
        return -EIO;
    if (sl_stamp_read(line, watch->bench->place.block, &number) &&
        sl_tally_seen(watch->tally, number, now)) {
        note_age(watch, now - sl_tally_handed_at(watch->tally, number));
        watch->newest = number + 1;
        return 1;
    }
    nap(GRAB_EVERY);
    return 0;
}

/* Watches until `until`, or until a first picture is there. 0, or -errno with `why`. */
static int watch_until(struct watch *watch, sl_ns until, bool first, char *why, size_t why_len)
{
    for (unsigned turn = 0; sl_time_now() < until; turn++) {
        const int seen = look(watch);
        if (seen < 0) {
            snprintf(why, why_len, "the display is gone");
            return seen;
        }
        if (first && seen)
            return 0;
        if (turn % 256 != 0)
            continue;
        const char *dead = sl_rig_dead(watch->rig);
        if (dead || !sl_source_alive(watch->source)) {
            snprintf(why, why_len, "%s ended", dead ? dead : "the reader of the frames");
            return -ECHILD;
        }
        if (atomic_load(watch->bench->stop)) {
            snprintf(why, why_len, "interrupted");
            return -EINTR;
        }
    }
    if (first)
        snprintf(why, why_len, "no picture within %d s", (int)(FIRST_PICTURE / SL_SEC));
    return first ? -ETIMEDOUT : 0;
}

static int measure(struct watch *watch, struct sl_tally_result *ret, char *why, size_t why_len)
{
    int err = watch_until(watch, sl_time_now() + FIRST_PICTURE, true, why, why_len);
    if (err == 0)
        err = watch_until(watch, sl_time_now() + WARM_UP, false, why, why_len);
    const sl_ns from = sl_time_now();
    const sl_ns to = from + watch->bench->options->seconds;
    if (err == 0)
        err = watch_until(watch, to + STRAGGLERS, false, why, why_len);
    if (err != 0)
        return err;
    err = sl_tally_result(watch->tally, from, to, ret);
    if (err != 0)
        snprintf(why, why_len, "no frame was seen");
    return err;
}

static int run_round(struct bench *bench, const struct sl_rig_path *path,
                     struct sl_tally_result *ret, char *why, size_t why_len)
{
    const struct sl_latency_options *o = bench->options;
    const struct sl_rig_config config = {
        .display = bench->display,
        .width = o->size.width,
        .height = o->size.height,
        .bitrate_bps = o->bitrate_bps,
        .preset = o->preset,
        .sender_words = &o->sender_words,
        .receiver_words = &o->receiver_words,
        .viewer_words = &o->viewer_words,
    };
    struct sl_rig rig;
    struct watch watch = {.bench = bench, .rig = &rig};
    const sl_ns longest = FIRST_PICTURE + WARM_UP + o->seconds + 2 * SL_SEC;
    int err = sl_tally_create(&watch.tally, (uint32_t)(longest / SL_SEC * o->fps));
    snprintf(why, why_len, "out of memory");
    if (err != 0)
        return err;
    err = sl_rig_start(&rig, path, &config, why, why_len);
    if (err == 0) {
        snprintf(why, why_len, "display %s: cannot be read (MIT-SHM, 32 bits, %d pixels wide)",
                 bench->display, o->size.width);
        err = sl_screen_open(&watch.screen, bench->display, bench->place.x,
                             bench->place.y + bench->place.block / 2,
                             SL_STAMP_BLOCKS * bench->place.block);
    }
    if (err == 0)
        err = sl_source_start(&watch.source, bench->scene, watch.tally, rig.children[0].in,
                              o->size.width, o->size.height, o->fps);
    if (err == 0)
        err = measure(&watch, ret, why, why_len);
    sl_source_stop(watch.source);
    sl_screen_close(watch.screen);
    if (err != 0 && err != -EINTR)
        sl_rig_print_log(&rig);
    sl_rig_stop(&rig);
    sl_tally_destroy(watch.tally);
    return err;
}

/* ---- Results ---- */

struct summary {
    sl_ns p50, p95, p99, max, freeze;
    double shown_per_s;
    uint32_t shown, not_shown, out_of_order, misread;
};

/* All rounds of a path: quantiles over all their frames, the worst freeze. */
static int summarize(const struct path *path, struct summary *ret)
{
    struct summary sum = {.p50 = 0};
    size_t total = 0;
    for (int i = 0; i < path->rounds; i++)
        total += path->round[i].shown;
    sl_ns *ages = malloc((total ? total : 1) * sizeof(*ages));
    if (!ages || !total) {
        free(ages);
        return total ? -ENOMEM : -ENODATA;
    }
    size_t at = 0;
    for (int i = 0; i < path->rounds; i++) {
        const struct sl_tally_result *r = &path->round[i];
        memcpy(ages + at, r->ages, r->shown * sizeof(*ages));
        at += r->shown;
        sum.shown += r->shown;
        sum.not_shown += r->not_shown;
        sum.out_of_order += r->out_of_order;
        sum.misread += r->misread;
        sum.shown_per_s += r->shown_per_s / path->rounds;
        sum.freeze = r->freeze > sum.freeze ? r->freeze : sum.freeze;
    }
    sl_sort_times(ages, total);
    sum.p50 = sl_quantile(ages, total, 0.50);
    sum.p95 = sl_quantile(ages, total, 0.95);
    sum.p99 = sl_quantile(ages, total, 0.99);
    sum.max = ages[total - 1];
    free(ages);
    *ret = sum;
    return 0;
}

static void print_round(const char *name, int round, const struct sl_tally_result *r)
{
    printf("round %d %-10s p50 %6.2f  p95 %6.2f  p99 %6.2f  max %6.2f ms  shown %5.2f/s  "
           "longest freeze %5.1f ms  not shown %u  out of order %u\n",
           round + 1, name, ms(r->p50), ms(r->p95), ms(r->p99), ms(r->max), r->shown_per_s,
           ms(r->freeze), r->not_shown, r->out_of_order);
    fflush(stdout);
}

static void print_summary(const char *name, const struct summary *s)
{
    printf("all     %-10s p50 %6.2f  p95 %6.2f  p99 %6.2f  max %6.2f ms  shown %5.2f/s  "
           "longest freeze %5.1f ms  not shown %u  out of order %u\n",
           name, ms(s->p50), ms(s->p95), ms(s->p99), ms(s->max), s->shown_per_s, ms(s->freeze),
           s->not_shown, s->out_of_order);
}

static void write_json_path(FILE *out, const struct path *path, const struct summary *s)
{
    fprintf(out,
            "\"%s\":{\"rounds\":%d,\"p50_ms\":%.3f,\"p95_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f,"
            "\"shown_per_s\":%.3f,\"longest_freeze_ms\":%.3f,\"shown\":%u,\"not_shown\":%u,"
            "\"out_of_order\":%u,\"misread\":%u,\"round_p50_ms\":[",
            path->rig->name, path->rounds, ms(s->p50), ms(s->p95), ms(s->p99), ms(s->max),
            s->shown_per_s, ms(s->freeze), s->shown, s->not_shown, s->out_of_order, s->misread);
    for (int i = 0; i < path->rounds; i++)
        fprintf(out, "%s%.3f", i ? "," : "", ms(path->round[i].p50));
    fputs("]}", out);
}

/* The ratio of medians of Sightline to the peer, or 0. */
static double ratio_of(const struct bench *bench, const struct summary *sums)
{
    sl_ns own = 0, peer = 0;
    for (int i = 0; i < bench->path_count; i++) {
        const char *name = bench->paths[i].rig->name;
        if (strcmp(name, "sightline") == 0)
            own = sums[i].p50;
        else if (bench->options->peer && strcmp(name, bench->options->peer) == 0)
            peer = sums[i].p50;
    }
    return own && peer ? (double)own / (double)peer : 0;
}

static int write_json(const struct bench *bench, const struct summary *sums)
{
    const struct sl_latency_options *o = bench->options;
    FILE *out = fopen(o->json, "we");
    if (!out) {
        fprintf(stderr, "sightline-bench: --json %s: %s\n", o->json, strerror(errno));
        return -EIO;
    }
    fprintf(out,
            "{\"bench\":\"latency\",\"width\":%d,\"height\":%d,\"fps\":%d,\"bitrate_bps\":%" PRId64
            ",\"preset\":\"%s\",\"seconds\":%.3f,\"paths\":{",
            o->size.width, o->size.height, o->fps, o->bitrate_bps, o->preset,
            (double)o->seconds / SL_SEC);
    for (int i = 0; i < bench->path_count; i++) {
        fputs(i ? "," : "", out);
        write_json_path(out, &bench->paths[i], &sums[i]);
    }
    fprintf(out, "}");
    if (ratio_of(bench, sums) > 0)
        fprintf(out, ",\"ratio_of_medians\":%.4f", ratio_of(bench, sums));
    fprintf(out, "}\n");
    return fclose(out) == 0 ? 0 : -EIO;
}

static int report(const struct bench *bench)
{
    struct summary sums[PATHS_MAX];
    for (int i = 0; i < bench->path_count; i++) {
        const int err = summarize(&bench->paths[i], &sums[i]);
        if (err != 0)
            return err;
    }
    for (int i = 0; i < bench->path_count; i++)
        print_summary(bench->paths[i].rig->name, &sums[i]);
    const double ratio = ratio_of(bench, sums);
    if (ratio > 0)
        printf("ratio of medians, sightline to %s: %.3f\n", bench->options->peer, ratio);
    return bench->options->json ? write_json(bench, sums) : 0;
}

/* ---- Whole ---- */

static int set_up(struct bench *bench, char *why, size_t why_len)
{
    const struct sl_latency_options *o = bench->options;
    const char *display = getenv("DISPLAY");
    int err = sl_stamp_place(&bench->place, o->size.width, o->size.height);
    if (err != 0) {
        snprintf(why, why_len, "--size %dx%d: too small for the stamp, wanted 576 pixels or more",
                 o->size.width, o->size.height);
        return err;
    }
    err = sl_scene_create(&bench->scene, o->size.width, o->size.height, SCENE_SECONDS * o->fps, 1);
    if (err != 0) {
        snprintf(why, why_len, "--size %dx%d: %s", o->size.width, o->size.height, strerror(-err));
        return err;
    }
    if (display && display[0]) {
        snprintf(bench->display, sizeof(bench->display), "%s", display);
        return 0;
    }
    const int width = o->size.width > 1280 ? o->size.width : 1280;
    const int height = o->size.height > 720 ? o->size.height : 720;
    err = sl_screen_start_xvfb(&bench->xvfb, width, height, bench->display);
    if (err != 0)
        snprintf(why, why_len, "Xvfb: %s", strerror(-err));
    return err;
}

static int run_rounds(struct bench *bench, char *why, size_t why_len)
{
    for (int round = 0; round < bench->options->rounds; round++) {
        for (int i = 0; i < bench->path_count; i++) {
            /* Every other round backwards: who goes first must not matter. */
            const int at = round % 2 ? bench->path_count - 1 - i : i;
            struct path *path = &bench->paths[at];
            char cause[200];
            const int err =
                run_round(bench, path->rig, &path->round[path->rounds], cause, sizeof(cause));
            if (err != 0) {
                snprintf(why, why_len, "%s: %s", path->rig->name, cause);
                return err;
            }
            print_round(path->rig->name, round, &path->round[path->rounds]);
            path->rounds++;
        }
    }
    return 0;
}

static int choose_paths(struct bench *bench)
{
    const struct sl_latency_options *o = bench->options;
    char why[200];
    int peers = 0;
    if (!o->peers_only)
        bench->paths[bench->path_count++].rig = &sl_rig_sightline;
    const struct sl_rig_path *peer =
        o->peer ? sl_peer_paths(o->peer, SL_PEER_CLEAN, &peers, why, sizeof(why)) : NULL;
    if (o->peer && !peer) {
        fprintf(stderr, "sightline-bench: %s\n", why);
        return -EINVAL;
    }
    for (int i = 0; i < peers && bench->path_count < PATHS_MAX - 1; i++)
        bench->paths[bench->path_count++].rig = &peer[i];
    if (o->floor)
        bench->paths[bench->path_count++].rig = &sl_rig_floor;
    if (bench->path_count)
        return 0;
    fprintf(stderr, "sightline-bench: --peers-only needs --peer or --floor\n");
    return -EINVAL;
}

int sl_latency_main(const struct sl_latency_options *options, const atomic_bool *stop)
{
    char why[256] = "";
    struct bench *bench = calloc(1, sizeof(*bench));
    if (!bench)
        return 1;
    bench->options = options;
    bench->stop = stop;
    bench->xvfb = (struct sl_child){.pid = 0, .in = -1, .out = -1};
    if (choose_paths(bench) != 0) {
        free(bench);
        return 2;
    }
    prctl(PR_SET_TIMERSLACK, 1);
    int err = set_up(bench, why, sizeof(why));
    if (err == 0)
        err = run_rounds(bench, why, sizeof(why));
    if (err == 0)
        err = report(bench);
    if (err != 0 && err != -EINTR)
        fprintf(stderr, "sightline-bench: %s\n", why[0] ? why : strerror(-err));
    sl_child_stop(&bench->xvfb, 3 * SL_SEC);
    sl_scene_destroy(bench->scene);
    for (int i = 0; i < bench->path_count; i++)
        for (int j = 0; j < bench->paths[i].rounds; j++)
            free(bench->paths[i].round[j].ages);
    free(bench);
    return err == 0 || err == -EINTR ? 0 : 1;
}
