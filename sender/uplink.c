/* SPDX-License-Identifier: MIT */
#include "sender/uplink.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/time.h"
#include "base/trace.h"
#include "media/h264_pack.h"
#include "rtp/history.h"

#define VIDEO_CLOCK_HZ 90000
/* What waits in the pacer is kept here, and what a NACK may ask for: 500 ms of the highest rate. */
#define VIDEO_HISTORY_MIN 2048
#define AUDIO_HISTORY 64
#define SUB_HISTORY 512
/* What the header and our extensions take of a packet at most: mid, abs-capture-time with offset
 * and playout-delay in one-byte form are 4 + 2 + 17 + 4 bytes, padded to 28. All packets of a
 * frame carry the same. */
#define EXTENSION_BYTES 32
#define PAYLOAD_MAX (SL_RTP_PLAIN_MAX - SL_RTP_HEADER_BYTES - EXTENSION_BYTES)

/* Access units in one turn of the loop; more than the pipeline's ring holds. */
#define TRACED_MAX 16

_Static_assert(SL_OPUS_PACKET_MAX <= PAYLOAD_MAX, "an Opus packet fits a datagram");

/* One RTP stream of ours. */
struct stream {
    struct sl_history *history;
    int64_t seq; /* of the next packet */
    uint32_t clock_hz, timestamp_base;
};

struct sl_uplink {
    struct sl_uplink_config config;
    struct sl_endpoint *endpoint;
    struct sl_watch watch;
    struct stream streams[SL_MEDIA_KINDS];
    bool live, key_first, sub_key_first, end_told;
    bool probing; /* in an outage, by the last picture sent */
    struct traced {
        sl_ns captured;
        uint32_t timestamp;
    } traced[TRACED_MAX]; /* that wait for this turn's flush */
    int traced_count;
    struct sl_uplink_stats stats;
};

static uint32_t timestamp(const struct stream *stream, sl_ns captured)
{
    const sl_ns seconds = captured / SL_SEC, rest = captured % SL_SEC;
    return stream->timestamp_base + (uint32_t)(seconds * stream->clock_hz) +
           (uint32_t)(rest * stream->clock_hz / SL_SEC);
}

/* ---- Sending ---- */

/* A frame on its way through the packer. */
struct frame {
    struct sl_uplink *uplink;
    enum sl_media_kind kind;
    uint32_t timestamp;
    uint64_t capture_ntp;
    sl_ns now;
};

static void emit(void *ctx, const uint8_t *payload, size_t len, bool last)
{
    const struct frame *frame = ctx;
    struct sl_uplink *uplink = frame->uplink;
    struct stream *stream = &uplink->streams[frame->kind];
    const struct sl_rtp_packet packet = {
        .seq = stream->seq++,
        .timestamp = frame->timestamp,
        .marker = last,
        .has_capture = true,
        .capture_ntp = frame->capture_ntp,
        .payload = payload,
        .payload_len = len,
    };
    sl_history_put(stream->history, &packet, frame->now);
    if (sl_endpoint_send(uplink->endpoint, frame->kind, &packet, frame->now))
        uplink->stats.refused++;
    if (frame->kind == SL_VIDEO) {
        uplink->stats.packets++;
        uplink->stats.bytes += len;
    } else if (frame->kind == SL_VIDEO_SUB) {
        uplink->stats.sub_bytes += len;
    } else {
        uplink->stats.audio_packets++;
    }
}

static struct frame begin_frame(struct sl_uplink *uplink, enum sl_media_kind kind, sl_ns captured)
{
    return (struct frame){
        .uplink = uplink,
        .kind = kind,
        .timestamp = timestamp(&uplink->streams[kind], captured),
        .capture_ntp = sl_ntp_from_ns(captured, uplink->config.endpoint.epoch),
        .now = sl_loop_refresh(uplink->config.endpoint.loop),
    };
}

static void time_unit(struct sl_uplink *uplink, const struct sl_access_unit *unit, sl_ns now)
{
    struct sl_uplink_stats *stats = &uplink->stats;
    const sl_ns age = now - unit->captured;
    stats->timed++;
    stats->encode_sum += unit->encode_time;
    stats->age_sum += age;
    if (unit->encode_time > stats->encode_max)
        stats->encode_max = unit->encode_time;
    if (age > stats->age_max)
        stats->age_max = age;
}

/* Of frames whose packets are with the endpoint: they leave at the end of this turn. */
static void trace_later(struct sl_uplink *uplink, sl_ns captured, uint32_t at)
{
    if (uplink->config.trace && uplink->traced_count < TRACED_MAX)
        uplink->traced[uplink->traced_count++] = (struct traced){captured, at};
}

/* What was sent into an outage is lost, and all that follows refers to it. */
static void look_for_the_end_of_outage(struct sl_uplink *uplink)
{
    struct sl_endpoint_stats stats;
    if (!uplink->probing)
        return;
    sl_endpoint_stats(uplink->endpoint, &stats);
    if (stats.session.rate.outage)
        return;
    uplink->probing = false;
    sl_pipeline_request_key(uplink->config.pipeline);
    sl_pipeline_request_sub_key(uplink->config.pipeline);
}

/* The rate controller as of the end of this turn, for the encoder's thread. */
static void publish_rate(struct sl_uplink *uplink)
{
    look_for_the_end_of_outage(uplink);
    sl_pipeline_set_rate(
        uplink->config.pipeline,
        sl_endpoint_gate(uplink->endpoint, sl_loop_now(uplink->config.endpoint.loop)),
        sl_endpoint_bitrate(uplink->endpoint));
}

/* Receivers of others cannot be told. */
static void tell_device(struct sl_uplink *uplink)
{
    const uint32_t flags = sl_pipeline_away(uplink->config.pipeline) ? SL_DEVICE_AWAY : 0;
    if (uplink->live)
        (void)sl_endpoint_set_device(uplink->endpoint, flags,
                                     sl_loop_now(uplink->config.endpoint.loop));
}

/* The kernel has all that is not paced. */
static void note_sent(struct sl_uplink *uplink)
{
    if (!uplink->traced_count)
        return;
    const sl_ns now = sl_time_now();
    for (int i = 0; i < uplink->traced_count; i++)
        sl_trace_note(uplink->config.trace, SL_TRACE_SENT, (uint64_t)uplink->traced[i].captured,
                      uplink->traced[i].timestamp, now);
    uplink->traced_count = 0;
}

/* After the endpoint's own. */
static void flushed(void *ctx)
{
    publish_rate(ctx);
    tell_device(ctx);
    note_sent(ctx);
}

static void send_unit(struct sl_uplink *uplink, const struct sl_access_unit *unit)
{
    uplink->stats.units++;
    if (!uplink->live || (uplink->key_first && !unit->key)) {
        uplink->stats.dropped++;
        return;
    }
    struct frame frame = begin_frame(uplink, SL_VIDEO, unit->captured);
    uplink->probing |= sl_endpoint_next_frame(uplink->endpoint, frame.now) == SL_RATE_PROBE;
    if (sl_h264_pack(unit->data, unit->len, PAYLOAD_MAX, emit, &frame) < 0) {
        uplink->stats.dropped++;
        return;
    }
    uplink->key_first = false;
    trace_later(uplink, unit->captured, frame.timestamp);
    uplink->stats.sent++;
    uplink->stats.keys += unit->key;
    time_unit(uplink, unit, frame.now);
}

static void send_sub(struct sl_uplink *uplink, const struct sl_access_unit *unit)
{
    if (!uplink->live || (uplink->sub_key_first && !unit->key))
        return;
    struct frame frame = begin_frame(uplink, SL_VIDEO_SUB, unit->captured);
    if (sl_h264_pack(unit->data, unit->len, PAYLOAD_MAX, emit, &frame) < 0)
        return;
    uplink->sub_key_first = false;
    uplink->stats.sub_sent++;
}

static void send_sound(struct sl_uplink *uplink, const struct sl_audio_packet *sound)
{
    if (!uplink->live)
        return;
    struct frame frame = begin_frame(uplink, SL_AUDIO, sound->captured);
    emit(&frame, sound->data, sound->len, false);
}

static void pipeline_ready(void *ctx, uint32_t events)
{
    (void)events;
    struct sl_uplink *uplink = ctx;
    struct sl_pipeline *pipeline = uplink->config.pipeline;
    struct sl_access_unit unit;
    struct sl_audio_packet sound;
    struct sl_motion_event event;
    int error;
    sl_wake_clear(sl_pipeline_wake(pipeline));
    while (sl_pipeline_take_video(pipeline, &unit)) {
        send_unit(uplink, &unit);
        sl_pipeline_give_back(pipeline, &unit);
    }
    while (sl_pipeline_take_sub(pipeline, &unit)) {
        send_sub(uplink, &unit);
        sl_pipeline_give_back_sub(pipeline, &unit);
    }
    while (sl_pipeline_take_audio(pipeline, &sound))
        send_sound(uplink, &sound);
    while (sl_pipeline_take_event(pipeline, &event))
        if (uplink->live && sl_endpoint_send_event(uplink->endpoint, &event) == 0)
            uplink->stats.events++;
    if (!uplink->end_told && sl_pipeline_ended(pipeline, &error)) {
        uplink->end_told = true;
        uplink->config.handler->ended(uplink->config.ctx, error);
    }
}

/* ---- What the endpoint says ---- */

static void on_state(void *ctx, enum sl_endpoint_state state, const char *reason)
{
    struct sl_uplink *uplink = ctx;
    const bool live = state == SL_ENDPOINT_LIVE;
    if (live != uplink->live) {
        uplink->live = uplink->key_first = uplink->sub_key_first = live;
        uplink->probing = false;
        sl_pipeline_set_live(uplink->config.pipeline, live);
    }
    uplink->config.handler->state(uplink->config.ctx, state, reason);
}

static void on_keyframe_wanted(void *ctx, enum sl_media_kind kind, sl_ns now)
{
    (void)now;
    struct sl_uplink *uplink = ctx;
    uplink->stats.key_requests++;
    if (kind == SL_VIDEO_SUB)
        sl_pipeline_request_sub_key(uplink->config.pipeline);
    else
        sl_pipeline_request_key(uplink->config.pipeline);
}

static const struct sl_rtp_packet *on_resend(void *ctx, enum sl_media_kind kind, int64_t seq)
{
    const struct sl_uplink *uplink = ctx;
    return sl_history_get(uplink->streams[kind].history, seq, NULL);
}

static void on_packet(void *ctx, enum sl_media_kind kind, const struct sl_rtp_packet *packet,
                      bool repaired, sl_ns now)
{
    (void)ctx; /* a receiver sends no media to a publisher */
    (void)kind;
    (void)packet;
    (void)repaired;
    (void)now;
}

static const struct sl_endpoint_handler endpoint_handler = {
    .state = on_state,
    .packet = on_packet,
    .keyframe_wanted = on_keyframe_wanted,
    .resend = on_resend,
};

/* ---- Life ---- */

static size_t video_history(const struct sl_endpoint_config *endpoint)
{
    const size_t half_second = endpoint->ceiling_bps / 8 / 2 / (PAYLOAD_MAX / 2);
    return half_second > VIDEO_HISTORY_MIN ? half_second : VIDEO_HISTORY_MIN;
}

static int set_up(struct sl_uplink *uplink)
{
    static const uint32_t clocks[] = {[SL_VIDEO] = VIDEO_CLOCK_HZ,
                                      [SL_AUDIO] = SL_AUDIO_RATE_HZ,
                                      [SL_VIDEO_SUB] = VIDEO_CLOCK_HZ};
    struct sl_endpoint_config *endpoint = &uplink->config.endpoint;
    const size_t slots[] = {[SL_VIDEO] = video_history(endpoint),
                            [SL_AUDIO] = AUDIO_HISTORY,
                            [SL_VIDEO_SUB] = SUB_HISTORY};
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++) {
        uplink->streams[kind].clock_hz = clocks[kind];
        uplink->streams[kind].timestamp_base = sl_random_u32(endpoint->random);
        const int error = sl_history_create(&uplink->streams[kind].history, slots[kind]);
        if (error)
            return error;
    }
    /* One clock for both pictures, a tick apart: two frames in a row never have the same time where
     * a receiver changes from one to the other (docs/layers.md). */
    uplink->streams[SL_VIDEO_SUB].timestamp_base = uplink->streams[SL_VIDEO].timestamp_base + 1;
    endpoint->publish = true;
    endpoint->handler = &endpoint_handler;
    endpoint->ctx = uplink;
    int error = sl_endpoint_create(&uplink->endpoint, endpoint);
    if (!error)
        error = sl_loop_add_flush(endpoint->loop, flushed, uplink);
    return error ? error
                 : sl_loop_watch(endpoint->loop, &uplink->watch,
                                 sl_pipeline_wake(uplink->config.pipeline)->fd, EPOLLIN,
                                 pipeline_ready, uplink);
}

int sl_uplink_create(struct sl_uplink **ret, const struct sl_uplink_config *config)
{
    struct sl_uplink *uplink = calloc(1, sizeof(*uplink));
    if (!uplink)
        return -ENOMEM;
    uplink->config = *config;
    const int error = set_up(uplink);
    if (error) {
        sl_uplink_destroy(uplink);
        return error;
    }
    *ret = uplink;
    return 0;
}

void sl_uplink_start(struct sl_uplink *uplink)
{
    sl_endpoint_start(uplink->endpoint);
}

void sl_uplink_stop(struct sl_uplink *uplink)
{
    uplink->live = false;
    sl_pipeline_set_live(uplink->config.pipeline, false);
    sl_endpoint_stop(uplink->endpoint);
}

void sl_uplink_destroy(struct sl_uplink *uplink)
{
    if (!uplink)
        return;
    sl_loop_unwatch(&uplink->watch);
    sl_loop_remove_flush(uplink->config.endpoint.loop, uplink);
    sl_endpoint_destroy(uplink->endpoint);
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++)
        sl_history_destroy(uplink->streams[kind].history);
    free(uplink);
}

void sl_uplink_stats(struct sl_uplink *uplink, struct sl_uplink_stats *ret)
{
    struct sl_uplink_stats *stats = &uplink->stats;
    sl_endpoint_stats(uplink->endpoint, &stats->endpoint);
    *ret = *stats;
    stats->timed = 0;
    stats->encode_sum = stats->encode_max = stats->age_sum = stats->age_max = 0;
}
