/* SPDX-License-Identifier: MIT */
#include "tests/support/simstream.h"

#include <stdlib.h>
#include <string.h>

#define START (1000 * SL_SEC)
#define HZ 90000
#define RECENT 1024 /* frames whose moment of sending is remembered */

enum kind { SETS, KEY_FIRST, KEY_REST, FIRST, REST, KINDS };

/* A packet on its way. */
struct flying {
    sl_ns at;
    uint64_t order;
    int64_t seq;
    uint32_t timestamp;
    enum kind kind;
    bool marker;
};

struct sim_stream {
    struct sim_camera camera;
    struct sim_path path;
    struct sl_random random;
    struct sl_jitter *jitter;
    sl_ns now;
    int64_t made;   /* frames, by its clock, sent or not */
    int64_t sent;   /* frames */
    int64_t key_at; /* the next key frame */
    int64_t seq;
    uint32_t first_timestamp, last_timestamp;
    sl_ns link_free, last_arrival, stalled_until, next_stall;
    struct {
        uint32_t timestamp;
        sl_ns sent;
    } recent[RECENT];
    struct sim_seen last; /* not told yet */
    bool has_last;
    void (*seen)(void *ctx, const struct sim_seen *seen);
    void *ctx;
    uint8_t payloads[KINDS][SL_RTP_FOREIGN_MAX];
    uint64_t order;
    size_t count;
    struct flying heap[SIM_STREAM_FLYING];
};

struct sim_stream *sim_stream_create(uint64_t seed, const struct sim_camera *camera,
                                     const struct sim_path *path, sl_ns delay)
{
    static const uint8_t starts[KINDS][14] = {
        [SETS] = {0x78, 0, 5, 0x67, 0x42, 0xe0, 0x1f, 0x95, 0, 4, 0x68, 0xce, 0x3c, 0x80},
        [KEY_FIRST] = {0x65, 0xff},
        [KEY_REST] = {0x65, 0x7f},
        [FIRST] = {0x61, 0xff},
        [REST] = {0x61, 0x7f},
    };
    struct sim_stream *stream = calloc(1, sizeof(*stream));
    const struct sl_jitter_config config = {.clock_hz = HZ, .delay = delay};
    if (!stream || sl_jitter_create(&stream->jitter, &config))
        abort();
    for (int i = 0; i < KINDS; i++) {
        memset(stream->payloads[i], 0x55, sizeof(stream->payloads[i]));
        memcpy(stream->payloads[i], starts[i], i == SETS ? 14 : 2);
    }
    sl_random_init_seed(&stream->random, seed);
    stream->camera = *camera;
    stream->path = *path;
    stream->now = START;
    stream->first_timestamp = stream->last_timestamp = UINT32_MAX - 20 * HZ;
    stream->next_stall = SL_NEVER;
    return stream;
}

void sim_stream_destroy(struct sim_stream *stream)
{
    sl_jitter_destroy(stream->jitter);
    free(stream);
}

struct sim_camera *sim_stream_camera(struct sim_stream *stream)
{
    return &stream->camera;
}

struct sim_path *sim_stream_path(struct sim_stream *stream)
{
    return &stream->path;
}

struct sl_jitter *sim_stream_jitter(struct sim_stream *stream)
{
    return stream->jitter;
}

sl_ns sim_stream_now(const struct sim_stream *stream)
{
    return stream->now;
}

int64_t sim_stream_sent(const struct sim_stream *stream)
{
    return stream->sent;
}

void sim_stream_jump(struct sim_stream *stream, int32_t ticks)
{
    stream->first_timestamp += (uint32_t)ticks;
}

void sim_stream_watch(struct sim_stream *stream, void (*seen)(void *ctx, const struct sim_seen *),
                      void *ctx)
{
    stream->seen = seen;
    stream->ctx = ctx;
}

/* ---- the heap ---- */

static bool before(const struct flying *a, const struct flying *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void push(struct sim_stream *stream, struct flying packet)
{
    if (stream->count == SIM_STREAM_FLYING)
        abort();
    packet.order = stream->order++;
    size_t at = stream->count++;
    for (; at > 0 && before(&packet, &stream->heap[(at - 1) / 2]); at = (at - 1) / 2)
        stream->heap[at] = stream->heap[(at - 1) / 2];
    stream->heap[at] = packet;
}

static struct flying pop_packet(struct sim_stream *stream)
{
    const struct flying first = stream->heap[0], last = stream->heap[--stream->count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < stream->count; at = child) {
        if (child + 1 < stream->count && before(&stream->heap[child + 1], &stream->heap[child]))
            child++;
        if (!before(&stream->heap[child], &last))
            break;
        stream->heap[at] = stream->heap[child];
    }
    stream->heap[at] = last;
    return first;
}

/* ---- the path ---- */

static bool chance(struct sim_stream *stream, double p)
{
    return p > 0 && sl_random_unit(&stream->random) < p;
}

static sl_ns up_to(struct sim_stream *stream, sl_ns most)
{
    return most > 0 ? (sl_ns)(sl_random_unit(&stream->random) * (double)most) : 0;
}

static void stall_at_random(struct sim_stream *stream)
{
    if (stream->path.stalls <= 0)
        return;
    const sl_ns mean = (sl_ns)((double)SL_SEC / stream->path.stalls);
    if (stream->next_stall == SL_NEVER)
        stream->next_stall = stream->now + up_to(stream, 2 * mean);
    if (stream->now < stream->next_stall)
        return;
    stream->stalled_until = stream->now + up_to(stream, stream->path.stall_max);
    stream->next_stall = stream->now + up_to(stream, 2 * mean);
}

static void fly(struct sim_stream *stream, struct flying packet)
{
    const struct sim_path *path = &stream->path;
    sl_ns at = stream->now;
    if (path->bps) {
        at = at > stream->link_free ? at : stream->link_free;
        at += (sl_ns)((double)stream->camera.packet_bytes * 8 / (double)path->bps * (double)SL_SEC);
        stream->link_free = at;
    }
    if (stream->now < path->gone_until)
        return;
    at += path->delay + up_to(stream, path->jitter);
    bool resent = false;
    for (; chance(stream, path->loss); resent = true)
        at += path->resent + up_to(stream, path->jitter);
    const sl_ns held =
        path->held_until > stream->stalled_until ? path->held_until : stream->stalled_until;
    at = at > held ? at : held;
    if (path->ordered && !resent)
        at = stream->last_arrival = at > stream->last_arrival ? at : stream->last_arrival;
    packet.at = at;
    push(stream, packet);
}

/* ---- the camera ---- */

static sl_ns next_frame_at(const struct sim_stream *stream)
{
    const double second = (double)SL_SEC / (1 + stream->camera.ppm * 1e-6);
    const int64_t fps = stream->camera.fps;
    return START + (sl_ns)((double)(stream->made / fps) * second) +
           (sl_ns)((double)(stream->made % fps) / (double)fps * second);
}

static void send_frame(struct sim_stream *stream)
{
    const struct sim_camera *camera = &stream->camera;
    const uint32_t timestamp =
        stream->first_timestamp + (uint32_t)(stream->made++ * (HZ / camera->fps));
    if (camera->off)
        return;
    stall_at_random(stream);
    const bool key = stream->sent >= stream->key_at;
    if (key)
        stream->key_at = stream->sent + camera->key_every;
    const size_t at = (size_t)(stream->sent++ % RECENT);
    stream->recent[at].timestamp = timestamp;
    stream->recent[at].sent = stream->now;
    const int slices = key ? camera->key_packets : camera->packets;
    if (key)
        fly(stream, (struct flying){.seq = stream->seq++, .timestamp = timestamp, .kind = SETS});
    for (int i = 0; i < slices; i++)
        fly(stream, (struct flying){.seq = stream->seq++,
                                    .timestamp = timestamp,
                                    .kind = key ? i ? KEY_REST : KEY_FIRST
                                            : i ? REST
                                                : FIRST,
                                    .marker = i == slices - 1});
}

static sl_ns sent_at(const struct sim_stream *stream, uint32_t timestamp)
{
    for (int64_t n = stream->sent; n-- > 0 && n >= stream->sent - RECENT;)
        if (stream->recent[n % RECENT].timestamp == timestamp)
            return stream->recent[n % RECENT].sent;
    abort();
}

/* ---- the viewer ---- */

static void tell_last(struct sim_stream *stream, sl_ns next_shown)
{
    if (!stream->has_last)
        return;
    if (stream->last.shown != SL_NEVER && stream->last.shown >= next_shown)
        stream->last.shown = SL_NEVER; /* the newer one is there */
    if (stream->seen)
        stream->seen(stream->ctx, &stream->last);
    stream->has_last = false;
}

static void take_frame(struct sim_stream *stream, const struct sl_jitter_frame *frame)
{
    const sl_ns shown = frame->due > stream->now ? frame->due : stream->now;
    tell_last(stream, frame->late ? SL_NEVER : shown);
    stream->last = (struct sim_seen){
        .sent = sent_at(stream, frame->timestamp),
        .ready = stream->now,
        .due = frame->due,
        .shown = frame->late ? SL_NEVER : shown,
        .delay = sl_jitter_delay(stream->jitter),
        .key = frame->key,
    };
    stream->has_last = true;
}

static void pop_frames(struct sim_stream *stream)
{
    struct sl_jitter_frame frame;
    enum sl_jitter_pop got;
    while ((got = sl_jitter_pop(stream->jitter, stream->now, &frame)) != SL_JITTER_WAIT) {
        if (got == SL_JITTER_FRAME)
            take_frame(stream, &frame);
        else
            stream->key_at = stream->sent; /* asked for, and there soon */
    }
}

static void receive(struct sim_stream *stream)
{
    const struct flying packet = pop_packet(stream);
    const struct sl_rtp_packet rtp = {
        .seq = packet.seq,
        .timestamp = packet.timestamp,
        .marker = packet.marker,
        .payload = stream->payloads[packet.kind],
        .payload_len = packet.kind == SETS ? 14 : stream->camera.packet_bytes,
    };
    (void)sl_jitter_put(stream->jitter, &rtp, stream->now);
}

void sim_stream_run(struct sim_stream *stream, sl_ns span)
{
    const sl_ns until = stream->now + span;
    for (;;) {
        const sl_ns frame = next_frame_at(stream);
        const sl_ns packet = stream->count ? stream->heap[0].at : SL_NEVER;
        const sl_ns due = sl_jitter_due(stream->jitter);
        sl_ns next = frame < packet ? frame : packet;
        next = due < next ? due : next;
        if (next > until)
            break;
        stream->now = next > stream->now ? next : stream->now;
        if (next == packet)
            receive(stream);
        else if (next == frame)
            send_frame(stream);
        pop_frames(stream);
    }
    stream->now = until;
}
