/* SPDX-License-Identifier: MIT */
#include "bench/bench.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/relay_cell.h"
#include "bench/result.h"

#define WIDTH 1280
#define HEIGHT 720
#define FPS 30
#define BITRATE 4000000
#define FRAMES 30 /* of the clip: a key frame a second */
#define CAMERAS 16
#define VIEWERS_OF_ONE 256 /* the receiver's limits: viewers of one camera ... */
#define SESSIONS 1000      /* ... and sessions of one link */
#define CELLS_MAX 48
#define SECONDS_MAX (3 * SL_SEC)
#define SECONDS_BRIEF (2 * SL_SEC)

struct relay_bench {
    struct sl_bench *bench;
    struct sl_site site;
    struct sl_clip *clip;
    sl_ns seconds;
    int cameras;                            /* of the many */
    int receiver_processor, load_processor; /* -1: no choice */
    struct sl_relay_cell cells[CELLS_MAX];
    int count;
    int best, first_bad, half; /* places in cells; -1: none */
};

/* ---- Measuring ---- */

/* The two processors that the receiver and the load have to themselves, if there are two. */
static void choose_processors(struct relay_bench *relay)
{
    cpu_set_t set;
    int found[2] = {-1, -1}, count = 0;
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        for (unsigned i = 0; i < CPU_SETSIZE && count < 2; i++)
            if (CPU_ISSET(i, &set))
                found[count++] = (int)i;
    relay->receiver_processor = count == 2 ? found[0] : -1;
    relay->load_processor = count == 2 ? found[1] : -1;
}

/* The place of the cell that was measured, or -errno. */
static int measure(struct relay_bench *relay, int cameras, int viewers, char *why, size_t why_len)
{
    for (int i = 0; i < relay->count; i++)
        if (relay->cells[i].cameras == cameras && relay->cells[i].viewers == viewers)
            return i;
    if (relay->count == CELLS_MAX)
        return -ENOSPC;
    sl_bench_progress("relay: %d camera%s x %d viewer%s", cameras, cameras > 1 ? "s" : "", viewers,
                      viewers > 1 ? "s" : "");
    const struct sl_relay_cell_config config = {
        .site = &relay->site,
        .clip = relay->clip,
        .cameras = cameras,
        .viewers = viewers,
        .seconds = relay->seconds,
        .processor = relay->load_processor,
        .stop = relay->bench->stop,
    };
    struct sl_relay_cell *cell = &relay->cells[relay->count];
    const int error = sl_relay_cell_run(cell, &config, why, why_len);
    if (error == -ETIMEDOUT) /* not all could connect: that, too, is what so many come to */
        *cell = (struct sl_relay_cell){.cameras = cameras, .viewers = viewers};
    else if (error)
        return error;
    return relay->count++;
}

/* `factor` times the viewers, up to `most`, until something is lost. */
static int grow(struct relay_bench *relay, int cameras, int factor, int most, int *good, int *bad,
                char *why, size_t why_len)
{
    *good = *bad = -1;
    for (int viewers = 1;; viewers = viewers * factor < most ? viewers * factor : most) {
        const int place = measure(relay, cameras, viewers, why, why_len);
        if (place < 0)
            return place;
        *(sl_relay_cell_clean(&relay->cells[place]) ? good : bad) = place;
        if (*bad >= 0 || viewers == most)
            return 0;
    }
}

/* Halves what lies between, to within an eighth; in a hurry, a quarter. */
static int close_in(struct relay_bench *relay, int *good, int *bad, char *why, size_t why_len)
{
    while (*good >= 0 && *bad >= 0) {
        const struct sl_relay_cell *cell = &relay->cells[*good];
        const int low = cell->viewers, high = relay->cells[*bad].viewers;
        if (high - low <= (relay->bench->brief ? (low + 3) / 4 : (low + 7) / 8))
            return 0;
        const int place = measure(relay, cell->cameras, (low + high) / 2, why, why_len);
        if (place < 0)
            return place;
        *(sl_relay_cell_clean(&relay->cells[place]) ? good : bad) = place;
    }
    return 0;
}

static int measure_matrix(struct relay_bench *relay, char *why, size_t why_len)
{
    int good, bad;
    const bool brief = relay->bench->brief;
    int error = grow(relay, 1, brief ? 16 : 2, VIEWERS_OF_ONE, &good, &bad, why, why_len);
    if (error < 0)
        return error;
    error = grow(relay, relay->cameras, brief ? 4 : 2, SESSIONS / relay->cameras, &relay->best,
                 &relay->first_bad, why, why_len);
    if (error == 0)
        error = close_in(relay, &relay->best, &relay->first_bad, why, why_len);
    if (error < 0 || relay->best < 0)
        return error;
    const int viewers = (relay->cells[relay->best].viewers + 1) / 2;
    relay->half = measure(relay, relay->cameras, viewers, why, why_len);
    return relay->half < 0 ? relay->half : 0;
}

/* With --cameras: that many, with 1, 2 and 4 viewers each. */
static int measure_few(struct relay_bench *relay, char *why, size_t why_len)
{
    int place = 0;
    for (int viewers = 1; viewers <= 4 && place >= 0; viewers *= 2)
        place = measure(relay, relay->cameras, viewers, why, why_len);
    return place < 0 ? place : 0;
}

/* ---- Telling ---- */

static double per_core(const struct sl_relay_cell *cell)
{
    return cell->receiver_cpu ? (double)cell->received * SL_SEC / (double)cell->receiver_cpu : NAN;
}

static const struct sl_column columns[] = {
    {.key = "cameras", .title = "cameras", .unit = "", .id = true},
    {.key = "viewers", .title = "viewers each", .unit = "", .id = true},
    {.key = "in", .title = "in", .unit = "packets/s"},
    {.key = "out", .title = "out", .unit = "packets/s"},
    {.key = "mbit", .title = "out", .unit = "Mbit/s"},
    {.key = "cores",
     .title = "receiver",
     .unit = "cores",
     .better = SL_BETTER_LOWER,
     .decimals = 2},
    {.key = "cpu_ns", .title = "CPU a packet out", .unit = "ns", .better = SL_BETTER_LOWER},
    {.key = "load_cores", .title = "load", .unit = "cores", .decimals = 2},
    {.key = "p50", .title = "delay p50", .unit = "ms", .better = SL_BETTER_LOWER, .decimals = 2},
    {.key = "p99", .title = "p99", .unit = "ms", .better = SL_BETTER_LOWER, .decimals = 2},
    {.key = "relay_p50",
     .title = "relayed p50",
     .unit = "ms",
     .better = SL_BETTER_LOWER,
     .decimals = 2},
    {.key = "relay_p99", .title = "p99", .unit = "ms", .better = SL_BETTER_LOWER, .decimals = 2},
    {.key = "wanted", .title = "wanted", .unit = ""},
    {.key = "received", .title = "received", .unit = ""},
    {.key = "lost", .title = "lost", .unit = "", .better = SL_BETTER_LOWER},
    {.key = "repaired", .title = "repaired", .unit = "", .better = SL_BETTER_LOWER},
    {.key = "limit", .title = "at its end", .unit = ""},
    {.key = NULL},
};

static void tell_cell(cJSON *table, const struct sl_relay_cell *cell)
{
    cJSON *row = sl_table_row(table);
    sl_row_number(row, "cameras", cell->cameras);
    sl_row_number(row, "viewers", cell->viewers);
    sl_row_number(row, "in", cell->in_per_s);
    sl_row_number(row, "out", cell->out_per_s);
    sl_row_number(row, "mbit", cell->out_bps / 1e6);
    sl_row_number(row, "cores", cell->receiver_cores);
    sl_row_number(row, "cpu_ns", (double)cell->cpu_per_packet);
    sl_row_number(row, "load_cores", cell->load_cores);
    if (cell->delays.count) {
        sl_row_ms(row, "p50", cell->delays.p50);
        sl_row_ms(row, "p99", cell->delays.p99);
    }
    if (cell->relayed) {
        sl_row_ms(row, "relay_p50", cell->relay_p50);
        sl_row_ms(row, "relay_p99", cell->relay_p99);
    }
    sl_row_number(row, "wanted", (double)cell->wanted);
    sl_row_number(row, "received", (double)cell->received);
    sl_row_number(row, "lost", (double)cell->lost);
    sl_row_number(row, "repaired", (double)cell->repaired);
    sl_row_text(row, "limit", sl_relay_cell_limit(cell));
}

typedef double value_of(const struct sl_relay_cell *cell);

static double out_of(const struct sl_relay_cell *cell)
{
    return cell->out_per_s;
}

static double viewers_of(const struct sl_relay_cell *cell)
{
    return (double)cell->cameras * cell->viewers;
}

static double cost_of(const struct sl_relay_cell *cell)
{
    return (double)cell->cpu_per_packet;
}

static double cores_of(const struct sl_relay_cell *cell)
{
    return cell->receiver_cores;
}

static double p50_of(const struct sl_relay_cell *cell)
{
    return cell->delays.count ? (double)cell->delays.p50 / (double)SL_MS : NAN;
}

static double p99_of(const struct sl_relay_cell *cell)
{
    return cell->delays.count ? (double)cell->delays.p99 / (double)SL_MS : NAN;
}

/* A curve over the cells of so many cameras, by rising x. */
static void tell_series(cJSON *plot, const struct relay_bench *relay, int cameras, const char *what,
                        value_of *x_of, value_of *y_of)
{
    double x[CELLS_MAX], y[CELLS_MAX];
    char name[64];
    int count = 0;
    for (int i = 0; i < relay->count; i++) {
        if (relay->cells[i].cameras != cameras)
            continue;
        const double at = x_of(&relay->cells[i]), value = y_of(&relay->cells[i]);
        int place = count++;
        for (; place > 0 && x[place - 1] > at; place--) {
            x[place] = x[place - 1];
            y[place] = y[place - 1];
        }
        x[place] = at;
        y[place] = value;
    }
    snprintf(name, sizeof(name), "%d camera%s%s", cameras, cameras > 1 ? "s" : "", what);
    if (count)
        sl_plot_series(plot, name, x, y, (size_t)count);
}

static void tell_plot(cJSON *result, const struct relay_bench *relay, const char *name,
                      const char *title, const struct sl_axis *x, const struct sl_axis *y,
                      value_of *x_of, value_of *y_of)
{
    cJSON *plot = sl_result_plot(result, name, title, SL_PLOT_LINES, x, y);
    tell_series(plot, relay, 1, "", x_of, y_of);
    if (relay->cameras != 1)
        tell_series(plot, relay, relay->cameras, "", x_of, y_of);
}

static void tell_plots(cJSON *result, const struct relay_bench *relay)
{
    static const struct sl_axis packets = {"packets out", "1/s", true},
                                viewers = {"viewers in all", "", true},
                                cost = {"CPU a packet out", "ns", false},
                                cores = {"receiver", "cores", false},
                                delay = {"camera sends to viewer reads", "ms", true};
    tell_plot(result, relay, "cost", "What a packet out costs the receiver", &packets, &cost,
              out_of, cost_of);
    tell_plot(result, relay, "work", "The receiver's processor time against its work", &viewers,
              &cores, viewers_of, cores_of);
    tell_plot(result, relay, "out", "Packets out against viewers", &viewers, &packets, viewers_of,
              out_of);
    cJSON *plot =
        sl_result_plot(result, "delay", "Delay against load", SL_PLOT_LINES, &packets, &delay);
    const int groups[] = {1, relay->cameras};
    for (int i = 0; i < (relay->cameras == 1 ? 1 : 2); i++) {
        tell_series(plot, relay, groups[i], ", p50", out_of, p50_of);
        tell_series(plot, relay, groups[i], ", p99", out_of, p99_of);
    }
}

static void tell_headline(cJSON *result, const struct relay_bench *relay)
{
    static const struct sl_column headline[] = {
        {.key = "load", .title = "load", .unit = "", .id = true},
        {.key = "viewers", .title = "viewers in all", .unit = ""},
        {.key = "out", .title = "out", .unit = "packets/s", .better = SL_BETTER_HIGHER},
        {.key = "per_core",
         .title = "out, of a whole core",
         .unit = "packets/s",
         .better = SL_BETTER_HIGHER},
        {.key = "p50",
         .title = "delay p50",
         .unit = "ms",
         .better = SL_BETTER_LOWER,
         .decimals = 2},
        {.key = "p99", .title = "p99", .unit = "ms", .better = SL_BETTER_LOWER, .decimals = 2},
        {.key = "relay_p99",
         .title = "relayed p99",
         .unit = "ms",
         .better = SL_BETTER_LOWER,
         .decimals = 2},
        {.key = NULL},
    };
    const struct {
        const char *name;
        int place;
    } rows[] = {{"highest without loss", relay->best}, {"half of that", relay->half}};
    if (relay->best < 0)
        return;
    cJSON *table = sl_result_table(result, "headline", "Through one core", headline);
    for (size_t i = 0; i < SL_COUNT(rows); i++) {
        if (rows[i].place < 0)
            continue;
        const struct sl_relay_cell *cell = &relay->cells[rows[i].place];
        cJSON *row = sl_table_row(table);
        sl_row_text(row, "load", rows[i].name);
        sl_row_number(row, "viewers", viewers_of(cell));
        sl_row_number(row, "out", cell->out_per_s);
        sl_row_number(row, "per_core", per_core(cell));
        sl_row_ms(row, "p50", cell->delays.p50);
        sl_row_ms(row, "p99", cell->delays.p99);
        if (cell->relayed)
            sl_row_ms(row, "relay_p99", cell->relay_p99);
    }
    const struct sl_relay_cell *best = &relay->cells[relay->best];
    char note[120];
    snprintf(note, sizeof(note), "relayed to %.0f viewers without loss: %.0f k/s on %.2f of a core",
             (double)viewers_of(best), best->out_per_s / 1000, best->out_per_s / per_core(best));
    sl_result_headline(result, "Packets out, of a whole core", per_core(best), 0, "1/s", note);
}

static const char *what_came_next(const struct relay_bench *relay)
{
    const char *limit =
        relay->first_bad >= 0 ? sl_relay_cell_limit(&relay->cells[relay->first_bad]) : "";
    if (relay->first_bad < 0)
        return "More was not asked for.";
    if (strcmp(limit, "receiver") == 0)
        return "With more the receiver's core is at its end.";
    if (strcmp(limit, "load") == 0)
        return "With more the load, which shares the machine, is at its end before the receiver.";
    return "With more it was neither: something else took the processors.";
}

static void tell_notes(cJSON *result, const struct relay_bench *relay)
{
    if (relay->best >= 0) {
        const struct sl_relay_cell *best = &relay->cells[relay->best];
        sl_result_note(result,
                       "%d cameras x %d viewers lose nothing: %.0f packets/s out on %.2f of a "
                       "core. %s",
                       best->cameras, best->viewers, best->out_per_s, best->receiver_cores,
                       what_came_next(relay));
    }
    sl_result_note(result,
                   "The delay is from the moment at which a camera begins to send a frame to that "
                   "at which the viewer has read the packet, so it has the load's own work in it: "
                   "packets for many viewers are read one after the other. Relayed: from "
                   "the reading of a frame's last packet to the moment at which the kernel has it "
                   "for all viewers, by the receiver's trace.");
    if (relay->receiver_processor < 0)
        sl_result_note(result, "There is one processor: the receiver and the load share it.");
}

static cJSON *tell(const struct relay_bench *relay)
{
    cJSON *result = sl_result_create("relay", "Relay: many viewers through one receiver");
    sl_result_condition_number(result, "step_seconds", (double)relay->seconds / (double)SL_SEC);
    sl_result_condition_number(result, "clip_bitrate_bps",
                               (double)sl_clip_bytes(relay->clip) * 8 * sl_clip_fps(relay->clip) /
                                   sl_clip_frames(relay->clip));
    tell_headline(result, relay);
    cJSON *table = sl_result_table(result, "steps", "Cost against work", columns);
    for (int i = 0; i < relay->count; i++)
        tell_cell(table, &relay->cells[i]);
    tell_notes(result, relay);
    tell_plots(result, relay);
    return result;
}

/* ---- Whole ---- */

static int prepare(struct relay_bench *relay, char *why, size_t why_len)
{
    const struct sl_bench_options *o = relay->bench->options;
    const int width = o->size.width > 0 ? o->size.width : WIDTH;
    const int height = o->size.height > 0 ? o->size.height : HEIGHT;
    const int fps = o->fps > 0 ? o->fps : FPS;
    const int64_t of_720 = o->bitrate_bps > 0 ? o->bitrate_bps : BITRATE;
    const double share = (double)width * height / (WIDTH * HEIGHT);
    const sl_ns most = relay->bench->brief ? SECONDS_BRIEF : SECONDS_MAX;
    relay->seconds = o->seconds > 0 && o->seconds < most ? o->seconds : most;
    relay->cameras = o->cameras > 0 ? o->cameras : CAMERAS;
    choose_processors(relay);
    int error = sl_clip_create(&relay->clip, width, height, fps, (int64_t)((double)of_720 * share),
                               o->preset, FRAMES, (uint64_t)o->seed);
    if (error) {
        snprintf(why, why_len, "no clip of %dx%d: %s", width, height, strerror(-error));
        return error;
    }
    error = sl_site_start(&relay->site, relay->cameras, false, &o->receiver_words, why, why_len);
    if (!error && relay->receiver_processor >= 0 &&
        sl_site_pin(&relay->site, relay->receiver_processor) != 0)
        relay->receiver_processor = relay->load_processor = -1;
    if (error) {
        sl_clip_destroy(relay->clip);
        relay->clip = NULL;
    }
    return error;
}

int sl_relay_run(cJSON **ret, struct sl_bench *bench, char *why, size_t why_len)
{
    struct relay_bench *relay = calloc(1, sizeof(*relay));
    if (!relay)
        return -ENOMEM;
    relay->bench = bench;
    relay->best = relay->first_bad = relay->half = -1;
    int error = prepare(relay, why, why_len);
    if (!error) {
        error = bench->options->cameras > 0 ? measure_few(relay, why, why_len)
                                            : measure_matrix(relay, why, why_len);
        if (error && error != -EINTR)
            sl_site_print_log(&relay->site);
        sl_site_stop(&relay->site);
    }
    if (!error || relay->count)
        *ret = tell(relay);
    sl_clip_destroy(relay->clip);
    free(relay);
    return error;
}
