/* SPDX-License-Identifier: MIT */
#include "bench/moments.h"

#include <errno.h>
#include <stdlib.h>

const char *const sl_stage_names[SL_STAGES] = {
    [SL_STAGE_CAPTURE] = "capture",     [SL_STAGE_ENCODE] = "encode",
    [SL_STAGE_PACKETISE] = "packetise", [SL_STAGE_NETWORK] = "network",
    [SL_STAGE_RELAY] = "relay",         [SL_STAGE_BUFFER] = "buffer",
    [SL_STAGE_DECODE] = "decode",       [SL_STAGE_PRESENT] = "present",
    [SL_STAGE_SEEN] = "seen",
};

/* ---- Traces as a table ---- */

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_records(const void *a, const void *b)
{
    const struct sl_trace_record *x = a, *y = b;
    int order = compare_numbers(x->frame, y->frame);
    order = order ? order : compare_numbers(x->stage, y->stage);
    return order ? order : (x->at > y->at) - (x->at < y->at);
}

static void sort(struct sl_moments_trace *trace)
{
    if (trace->count)
        qsort(trace->records, trace->count, sizeof(*trace->records), compare_records);
}

/* The first note of this kind, or NULL. */
static const struct sl_trace_record *find(const struct sl_moments_trace *trace, uint64_t frame,
                                          enum sl_trace_stage stage)
{
    const struct sl_trace_record wanted = {.frame = frame, .stage = stage, .at = INT64_MIN};
    size_t low = 0, high = trace->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (compare_records(&trace->records[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    const struct sl_trace_record *found = &trace->records[low];
    return low < trace->count && found->frame == frame && found->stage == stage ? found : NULL;
}

/* Capture times of the sender's pictures, in the order in which it read them. */
static int capture_times(const struct sl_moments_trace *sender, uint64_t **ret, size_t *count)
{
    uint64_t *times = malloc((sender->count ? sender->count : 1) * sizeof(*times));
    if (!times)
        return -ENOMEM;
    *count = 0;
    for (size_t i = 0; i < sender->count; i++)
        if (sender->records[i].stage == SL_TRACE_CAPTURED)
            times[(*count)++] = sender->records[i].frame;
    *ret = times;
    return 0;
}

/* ---- One frame ---- */

static bool moment(const struct sl_moments_trace *trace, uint64_t frame, enum sl_trace_stage stage,
                   sl_ns *ret)
{
    const struct sl_trace_record *found = find(trace, frame, stage);
    if (found)
        *ret = found->at;
    return found != NULL;
}

static sl_ns sooner(sl_ns a, sl_ns b)
{
    return a < b ? a : b;
}

/*
 * The lengths of all stages. Who hands something over learns that it is done after whoever gets it
 * may have it already: it was done by then at the latest. The viewer's moment of arrival is that at
 * which it began to read, and a paced frame's last packets may still be on their way then.
 */
static bool lengths(const struct sl_moments_traces *traces, int camera, uint64_t captured_at,
                    sl_ns handed, sl_ns seen, sl_ns ret[SL_STAGES])
{
    const struct sl_moments_trace *sender = &traces->sender[camera];
    const struct sl_moments_trace *receiver = &traces->receiver, *viewer = &traces->viewer;
    const struct sl_trace_record *sent = find(sender, captured_at, SL_TRACE_SENT);
    sl_ns captured, encoded, in, out, arrived, begun, decoded, presented;
    if (!sent || !moment(sender, captured_at, SL_TRACE_CAPTURED, &captured) ||
        !moment(sender, captured_at, SL_TRACE_ENCODED, &encoded) ||
        !moment(receiver, sent->value, SL_TRACE_RELAY_IN, &in) ||
        !moment(receiver, sent->value, SL_TRACE_RELAY_OUT, &out) ||
        !moment(viewer, sent->value, SL_TRACE_ARRIVED, &arrived) ||
        !moment(viewer, sent->value, SL_TRACE_DECODE_BEGUN, &begun) ||
        !moment(viewer, sent->value, SL_TRACE_DECODED, &decoded) ||
        !moment(viewer, sent->value, SL_TRACE_PRESENTED, &presented))
        return false;
    in = sooner(in, arrived);
    const sl_ns gone = sooner(sent->at, in), out_again = sooner(out, arrived);
    presented = sooner(presented, seen);
    ret[SL_STAGE_CAPTURE] = captured - handed;
    ret[SL_STAGE_ENCODE] = encoded - captured;
    ret[SL_STAGE_PACKETISE] = gone - encoded;
    ret[SL_STAGE_RELAY] = out_again - in;
    ret[SL_STAGE_NETWORK] = (in - gone) + (arrived - out_again);
    ret[SL_STAGE_BUFFER] = begun - arrived;
    ret[SL_STAGE_DECODE] = decoded - begun;
    ret[SL_STAGE_PRESENT] = presented - decoded;
    ret[SL_STAGE_SEEN] = seen - presented;
    for (int i = 0; i < SL_STAGES; i++)
        if (ret[i] < 0)
            return false;
    return true;
}

/* ---- All ---- */

struct traced {
    sl_ns handed, total, stage[SL_STAGES];
};

static int compare_traced(const void *a, const void *b)
{
    const struct traced *x = a, *y = b;
    return (x->handed > y->handed) - (x->handed < y->handed);
}

static int add_camera(struct sl_round_result *result, struct sl_moments_traces *traces, int camera,
                      sl_ns from, struct traced *out)
{
    const struct sl_tally_result *tally = &result->camera[camera].tally;
    uint64_t *captures;
    size_t count;
    const int err = capture_times(&traces->sender[camera], &captures, &count);
    if (err != 0)
        return err;
    sort(&traces->sender[camera]);
    for (uint32_t i = 0; i < tally->handed; i++) {
        const struct sl_tally_frame *frame = &tally->frames[i];
        struct traced *one = &out[result->traced];
        if (frame->seen == SL_NEVER)
            continue;
        if (frame->number < count &&
            lengths(traces, camera, captures[frame->number], frame->handed + from,
                    frame->seen + from, one->stage)) {
            one->handed = frame->handed;
            one->total = frame->seen - frame->handed;
            result->traced++;
        } else {
            result->untraced++;
        }
    }
    free(captures);
    return 0;
}

static int copy_out(struct sl_round_result *result, const struct traced *traced)
{
    const size_t count = result->traced;
    bool had = (result->handed = malloc(count * sizeof(sl_ns))) != NULL;
    had &= (result->total = malloc(count * sizeof(sl_ns))) != NULL;
    for (int s = 0; s < SL_STAGES; s++)
        had &= (result->stage[s] = malloc(count * sizeof(sl_ns))) != NULL;
    for (size_t i = 0; i < count && had; i++) {
        result->handed[i] = traced[i].handed;
        result->total[i] = traced[i].total;
        for (int s = 0; s < SL_STAGES; s++)
            result->stage[s][i] = traced[i].stage[s];
    }
    return had ? 0 : -ENOMEM;
}

int sl_moments_fill(struct sl_round_result *result, struct sl_moments_traces *traces, sl_ns from)
{
    size_t shown = 0;
    for (int i = 0; i < result->cameras; i++)
        shown += result->camera[i].tally.shown;
    struct traced *traced = malloc((shown ? shown : 1) * sizeof(*traced));
    if (!traced)
        return -ENOMEM;
    sort(&traces->receiver);
    sort(&traces->viewer);
    result->traced = result->untraced = 0;
    int err = 0;
    for (int i = 0; i < result->cameras && err == 0; i++)
        err = add_camera(result, traces, i, from, traced);
    if (err == 0 && result->traced) {
        qsort(traced, result->traced, sizeof(*traced), compare_traced);
        err = copy_out(result, traced);
    }
    free(traced);
    return err;
}
