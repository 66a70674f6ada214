/* SPDX-License-Identifier: MIT */
#include "bench/relay_cell.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "base/trace.h"
#include "bench/bench.h"
#include "bench/drops.h"
#include "bench/tally.h"
#include "bench/usage.h"

#define SETTLE (500 * SL_MS) /* the first pictures of all viewers are a burst of their own */
#define PROMPT (100 * SL_MS) /* older than this at the end: a queue grows, and will overflow */
#define FULL 0.97            /* of a core */
#define BUSY 0.7             /* below, it was kept from running */

/* ---- One reading of everything ---- */

struct reading {
    sl_ns at;
    uint64_t receiver_drops, load_drops;
    struct sl_load_figures load;
};

static void read_all(struct reading *ret, struct sl_load *load, const struct sl_site *site)
{
    ret->at = sl_time_now();
    ret->receiver_drops = sl_drops_of_port(site->media_port);
    ret->load_drops = sl_drops_own();
    sl_load_figures(load, &ret->load);
}

static void subtract(struct sl_relay_cell *cell, const struct reading *a, const struct reading *b,
                     const struct sl_usage *receiver)
{
    const double seconds = (double)(b->at - a->at) / (double)SL_SEC;
    const struct sl_load_figures *x = &a->load, *y = &b->load;
    cell->seconds = seconds;
    cell->published = y->published - x->published;
    cell->wanted = cell->published * (uint64_t)cell->viewers;
    cell->received = y->received - x->received;
    cell->lost = y->lost - x->lost;
    cell->repaired = y->repaired - x->repaired;
    cell->broken = y->broken - x->broken;
    cell->late_ticks = y->late_ticks - x->late_ticks;
    cell->receiver_drops = b->receiver_drops - a->receiver_drops;
    cell->load_drops = b->load_drops - a->load_drops;
    cell->in_per_s = (double)cell->published / seconds;
    cell->out_per_s = (double)cell->received / seconds;
    cell->out_bps = (double)(y->received_bytes - x->received_bytes) * 8 / seconds;
    cell->receiver_cpu = receiver->cpu;
    cell->cpu_per_packet = cell->received ? cell->receiver_cpu / (sl_ns)cell->received : 0;
    cell->receiver_cores = sl_usage_cores(receiver);
    cell->load_cores = (double)(y->camera_cpu - x->camera_cpu + y->viewer_cpu - x->viewer_cpu) /
                       (double)SL_SEC / seconds;
}

#define LOOK_BACK 256 /* records: more than the receiver has under way at a time */

/* When the frame that left by record `at` had come; SL_NEVER: not told. */
static sl_ns came_in(const struct sl_trace_record *records, size_t at)
{
    for (size_t back = 1; back <= LOOK_BACK && back <= at; back++) {
        const struct sl_trace_record *record = &records[at - back];
        if (record->stage == SL_TRACE_RELAY_IN && record->frame == records[at].frame)
            return record->at;
    }
    return SL_NEVER;
}

/* How long frames were in the receiver, of those that left between `from` and `to`. */
static int take_relay_times(struct sl_relay_cell *cell, const struct sl_site *site, sl_ns from,
                            sl_ns to)
{
    struct sl_trace_record *records;
    size_t count;
    uint64_t dropped;
    const int error = sl_trace_read(site->trace, &records, &count, &dropped);
    if (error)
        return error;
    sl_ns *times = malloc((count ? count : 1) * sizeof(*times));
    for (size_t i = 0; times && i < count; i++) {
        const struct sl_trace_record *out = &records[i];
        if (out->stage != SL_TRACE_RELAY_OUT || out->at < from || out->at > to)
            continue;
        const sl_ns in = came_in(records, i);
        if (in != SL_NEVER)
            times[cell->relayed++] = out->at - in;
    }
    if (cell->relayed) {
        sl_sort_times(times, cell->relayed);
        cell->relay_p50 = sl_quantile(times, cell->relayed, 0.50);
        cell->relay_p99 = sl_quantile(times, cell->relayed, 0.99);
    }
    free(records);
    free(times);
    return times ? 0 : -ENOMEM;
}

/* ---- The verdict ---- */

bool sl_relay_cell_clean(const struct sl_relay_cell *cell)
{
    return cell->received && !cell->lost && !cell->repaired && !cell->broken &&
           !cell->receiver_drops && !cell->load_drops && cell->delays.p99 < PROMPT;
}

const char *sl_relay_cell_limit(const struct sl_relay_cell *cell)
{
    if (!cell->published)
        return "connecting";
    if (sl_relay_cell_clean(cell) && cell->receiver_cores < FULL && cell->load_cores < FULL)
        return "";
    /* Whoever let its own socket overflow was too slow for what came in. */
    if (cell->receiver_drops)
        return cell->receiver_cores > BUSY ? "receiver" : "machine";
    if (cell->load_drops || cell->late_ticks)
        return cell->load_cores > BUSY ? "load" : "machine";
    if (cell->receiver_cores > FULL || cell->load_cores > FULL)
        return cell->receiver_cores > cell->load_cores ? "receiver" : "load";
    return "machine";
}

/* ---- Running ---- */

static int watch(struct sl_relay_cell *cell, const struct sl_relay_cell_config *config,
                 struct sl_load *load)
{
    struct reading first, last;
    struct sl_usage receiver;
    int error = sl_bench_nap(SETTLE, config->stop);
    if (!error)
        error = sl_load_delays(load, &cell->delays); /* and forgets them */
    if (!error)
        error = sl_usage_begin(&receiver, "sightline-receiver", config->site->receiver.pid);
    if (error)
        return error;
    read_all(&first, load, config->site);
    error = sl_bench_nap(config->seconds, config->stop);
    if (!error)
        error = sl_usage_end(&receiver);
    if (error)
        return error;
    read_all(&last, load, config->site);
    subtract(cell, &first, &last, &receiver);
    error = sl_load_delays(load, &cell->delays);
    return error ? error : take_relay_times(cell, config->site, first.at, last.at);
}

int sl_relay_cell_run(struct sl_relay_cell *ret, const struct sl_relay_cell_config *config,
                      char *why, size_t why_len)
{
    const struct sl_load_config wanted = {
        .publish = (const char *const *)config->site->publish,
        .cameras = config->cameras,
        .watch = config->site->watch,
        .viewers = config->viewers,
        .clip = config->clip,
        .speed = 1,
        .processor = config->processor,
        .stop = config->stop,
    };
    struct sl_relay_cell cell = {.cameras = config->cameras, .viewers = config->viewers};
    struct sl_load *load;
    int error = sl_load_start(&load, &wanted, why, why_len);
    if (error)
        return error;
    error = watch(&cell, config, load);
    sl_load_stop(load);
    if (error) {
        snprintf(why, why_len, "%s",
                 error == -ESRCH ? "sightline-receiver has ended" : strerror(-error));
        return error;
    }
    *ret = cell;
    return 0;
}
