/* SPDX-License-Identifier: MIT */
/*
 * `sightline-bench latency`: the age of each frame when it appears on the screen, and where the
 * time went, for several sizes and numbers of cameras; for one of these cells also what one would
 * use instead of Sightline, in turns.
 */
#include "bench/latency.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/result.h"
#include "bench/rig_peers.h"

#define FPS 30
#define WARM_UP (2 * SL_SEC)
#define WARM_UP_BRIEF SL_SEC
#define SECONDS_BRIEF (4 * SL_SEC) /* of cells that are not compared */

static const struct sl_frame_size sizes[] = {{640, 360}, {1280, 720}, {1920, 1080}};
static const int camera_counts[] = {1, 4, 16};

struct work {
    struct sl_bench *bench;
    struct sl_latency latency;
    char *why;
    size_t why_len;
};

/* ---- Cells ---- */

static void add_cell(struct work *work, struct sl_frame_size size, int cameras,
                     const struct sl_rig_path *path, bool main)
{
    struct sl_latency *latency = &work->latency;
    if (latency->count < SL_LATENCY_CELLS_MAX)
        latency->cell[latency->count++] =
            (struct sl_latency_cell){.size = size, .cameras = cameras, .path = path, .main = main};
}

/* The cell in which paths are compared. */
static int add_main(struct work *work, struct sl_frame_size size)
{
    const struct sl_bench_options *o = work->bench->options;
    int count = 0;
    if (!o->peers_only)
        add_cell(work, size, 1, &sl_rig_sightline, true);
    const struct sl_rig_path *peers = NULL;
    int err = o->peer ? sl_peer_check(o->peer, work->why, work->why_len) : 0;
    if (err == 0 && o->peer)
        peers = sl_peer_paths(o->peer, SL_PEER_CLEAN, &count, work->why, work->why_len);
    if (o->peer && !peers)
        return err ? err : -EINVAL;
    for (int i = 0; i < count; i++)
        add_cell(work, size, 1, &peers[i], true);
    if (o->floor)
        add_cell(work, size, 1, &sl_rig_floor, true);
    return 0;
}

static bool one_cell(const struct sl_bench_options *o)
{
    return o->size.width || o->cameras || o->peers_only;
}

static int choose_cells(struct work *work)
{
    const struct sl_bench_options *o = work->bench->options;
    const struct sl_frame_size usual = {1280, 720};
    const struct sl_frame_size size = o->size.width ? o->size : usual;
    work->latency.fps = o->fps ? o->fps : FPS;
    if (o->cameras <= 1) {
        const int err = add_main(work, size);
        if (err != 0)
            return err;
    } else {
        add_cell(work, size, o->cameras, &sl_rig_sightline, false);
    }
    if (one_cell(o))
        return 0;
    for (size_t c = 0; c < SL_COUNT(camera_counts); c++)
        for (size_t s = 0; s < SL_COUNT(sizes); s++)
            if (camera_counts[c] != 1 || sizes[s].width != size.width)
                add_cell(work, sizes[s], camera_counts[c], &sl_rig_sightline, false);
    return 0;
}

bool sl_latency_is_sightline(const struct sl_latency_cell *cell)
{
    return cell->path == &sl_rig_sightline;
}

void sl_latency_label(const struct sl_latency_cell *cell, char *text, size_t size)
{
    char cameras[24] = "";
    if (cell->cameras > 1)
        snprintf(cameras, sizeof(cameras), ", %d cameras", cell->cameras);
    snprintf(text, size, "%s %dp%s", cell->path->name, cell->size.height, cameras);
}

/* ---- Measuring ---- */

static struct sl_round_config round_config(const struct work *work,
                                           const struct sl_latency_cell *cell)
{
    const struct sl_bench_options *o = work->bench->options;
    const bool shorter = work->bench->brief && !cell->main && o->seconds > SECONDS_BRIEF;
    const int64_t pixels = (int64_t)cell->size.width * cell->size.height;
    return (struct sl_round_config){
        .path = cell->path,
        .rig =
            {
                .width = cell->size.width,
                .height = cell->size.height,
                .bitrate_bps = o->bitrate_bps * pixels / (1280 * 720),
                .preset = o->preset,
                .cameras = cell->cameras,
                .impair = o->impair,
                .sender_words = &o->sender_words,
                .receiver_words = &o->receiver_words,
                .viewer_words = &o->viewer_words,
            },
        .fps = work->latency.fps,
        .warm_up = work->bench->brief ? WARM_UP_BRIEF : WARM_UP,
        .seconds = shorter ? SECONDS_BRIEF : o->seconds,
        .trace = true,
    };
}

/* -EINTR, or 0: a cell that fails says why, and the others go on. */
static int run_round(struct work *work, struct sl_latency_cell *cell)
{
    const struct sl_round_config config = round_config(work, cell);
    char why[200] = "";
    struct sl_round_result *result = malloc(sizeof(*result));
    const int err =
        result ? sl_round_run(result, work->bench->stage, &config, why, sizeof(why)) : -ENOMEM;
    if (err == 0) {
        cell->round[cell->rounds++] = result;
        return 0;
    }
    free(result);
    if (err == -EINTR)
        return err;
    snprintf(cell->why, sizeof(cell->why), "%s", why[0] ? why : strerror(-err));
    sl_bench_progress("%s: %s", cell->path->name, cell->why);
    return 0;
}

struct progress {
    int done, all;
};

/* Cells [from, to), each `rounds` times, in turns, every other time backwards: who goes first must
 * not matter. */
static int run_in_turns(struct work *work, int from, int to, int rounds, struct progress *progress)
{
    for (int turn = 0; turn < (to - from) * rounds; turn++) {
        const int round = turn / (to - from), place = turn % (to - from);
        struct sl_latency_cell *cell =
            &work->latency.cell[round % 2 ? to - 1 - place : from + place];
        char label[64];
        sl_latency_label(cell, label, sizeof(label));
        sl_bench_progress("latency %d/%d: %s", ++progress->done, progress->all, label);
        const int err = run_round(work, cell);
        if (err != 0)
            return err;
    }
    return 0;
}

/* First those that are compared. */
static int run_cells(struct work *work)
{
    const int count = work->latency.count;
    const int wanted = work->bench->options->rounds;
    const int rounds = wanted < SL_LATENCY_ROUNDS_MAX ? wanted : SL_LATENCY_ROUNDS_MAX;
    struct progress progress = {.all = count * rounds};
    int mains = 0;
    while (mains < count && work->latency.cell[mains].main)
        mains++;
    const int err = run_in_turns(work, 0, mains, rounds, &progress);
    return err ? err : run_in_turns(work, mains, count, rounds, &progress);
}

/* ---- Whole ---- */

static void fill_conditions(cJSON *result, const struct work *work)
{
    const struct sl_bench_options *o = work->bench->options;
    sl_result_condition_number(result, "fps", work->latency.fps);
    sl_result_condition_number(result, "bitrate_bps_of_1280x720", (double)o->bitrate_bps);
    sl_result_condition_text(result, "preset", o->preset);
    sl_result_condition_text(result, "display", sl_stage_display(work->bench->stage));
    sl_result_condition_number(result, "seconds", (double)o->seconds / SL_SEC);
    if (work->bench->brief && o->seconds > SECONDS_BRIEF)
        sl_result_condition_number(result, "seconds_of_cells_not_compared",
                                   (double)SECONDS_BRIEF / SL_SEC);
    sl_result_condition_number(result, "rounds", o->rounds);
    sl_result_condition_number(result, "seed", (double)o->seed);
    if (o->impair)
        sl_result_condition_text(result, "impair", o->impair);
}

static void add_notes(cJSON *result)
{
    sl_result_note(result, "The age of a frame runs from the moment its source begins to write it "
                           "into the sender's pipe to the first look at the screen that shows it, "
                           "read off a stamp in the picture.");
    sl_result_note(result, "Several cameras share a wall of 1280x720 and are not in step with each "
                           "other; a frame that is replaced on the wall before it could be looked "
                           "at counts as not shown.");
}

static bool any_round(const struct sl_latency *latency)
{
    for (int i = 0; i < latency->count; i++)
        if (latency->cell[i].rounds)
            return true;
    return false;
}

static cJSON *make_result(const struct work *work)
{
    cJSON *result = sl_result_create("latency", "Latency: the age of a frame on the screen");
    fill_conditions(result, work);
    sl_latency_tables(result, &work->latency);
    sl_latency_plots(result, &work->latency);
    add_notes(result);
    return result;
}

static void free_rounds(struct sl_latency *latency)
{
    for (int i = 0; i < latency->count; i++)
        for (int j = 0; j < latency->cell[i].rounds; j++) {
            sl_round_free(latency->cell[i].round[j]);
            free(latency->cell[i].round[j]);
        }
}

static int work_through(cJSON **ret, struct work *work)
{
    int err = choose_cells(work);
    if (err == 0)
        err = sl_bench_stage(work->bench, work->why, work->why_len);
    if (err != 0)
        return err;
    err = run_cells(work);
    if (any_round(&work->latency)) {
        *ret = make_result(work);
        return err;
    }
    snprintf(work->why, work->why_len, "%s", err ? "interrupted" : work->latency.cell[0].why);
    return err ? err : -ENODATA;
}

int sl_latency_run(cJSON **ret, struct sl_bench *bench, char *why, size_t why_len)
{
    struct work *work = calloc(1, sizeof(*work));
    if (!work) {
        snprintf(why, why_len, "out of memory");
        return -ENOMEM;
    }
    work->bench = bench;
    work->why = why;
    work->why_len = why_len;
    const int err = work_through(ret, work);
    free_rounds(&work->latency);
    free(work);
    return err;
}
