/* SPDX-License-Identifier: MIT */
#include "viewer/feed.h"

#include <errno.h>
#include <stdlib.h>

#include "base/time.h"
#include "base/trace.h"
#include "jitter/audio.h"
#include "jitter/jitter.h"
#include "session/repairs.h"
#include "viewer/decode.h"
#include "viewer/lane.h"
#include "viewer/sound.h"

#define DECODE_AHEAD (10 * SL_MS) /* a held frame goes to its worker this long before it is due */
#define ASK_AGAIN (250 * SL_MS)   /* a key frame, or the wish for it, may be lost */
#define SOUND_AFTER                                                                                \
    (25 * SL_MS)        /* picture: a packet's length, the card's buffer, less encoding            \
                         */
#define SMALL_UP_TO 640 /* pixels across of a tile: the small picture's usual width */
#define LARGE_FROM 720
#define HELD_MAX 128 /* a power of two; two seconds at 60/s: latency is 1 s at most */
#define HELD_AUTO 64 /* one second at 60/s: twice SL_PLAYOUT_MAX */

/* When five datagrams in a row that tell of motion are lost, it is over. */
#define MOTION_HEARD SL_SEC

struct sl_feed {
    struct sl_feed_config config;
    struct sl_endpoint *endpoint;
    struct sl_jitter *jitter;
    struct sl_audio_jitter *sound; /* NULL: not listened to */
    uint32_t sound_ssrc;
    struct sl_lane *lane;
    int slot; /* in decode; -1: none */
    struct sl_timer timer;
    bool up;
    bool small;      /* the small picture is wanted */
    bool broken;     /* a key frame has been asked for and has not come out yet */
    sl_ns broken_at; /* when it was asked for last */
    struct sl_repairs_total repairs;
    struct sl_device_watch device;

    /* Units that wait in the lane for their time: when each may go. */
    sl_ns held[HELD_MAX];
    uint32_t held_first, held_end;
};

/* ---- frames ---- */

static sl_ns sooner(sl_ns a, sl_ns b)
{
    return a < b ? a : b;
}

static void set_timer(struct sl_feed *feed)
{
    sl_ns due = sooner(sl_jitter_due(feed->jitter), sl_device_watch_due(&feed->device));
    if (feed->held_first != feed->held_end)
        due = sooner(due, feed->held[feed->held_first % HELD_MAX]);
    if (feed->sound)
        due = sooner(due, sl_audio_jitter_due(feed->sound));
    (void)sl_timer_set(&feed->timer, due);
}

static void release_held(struct sl_feed *feed, sl_ns now)
{
    while (feed->held_first != feed->held_end && feed->held[feed->held_first % HELD_MAX] <= now) {
        feed->held_first++;
        sl_decode_ready(feed->config.decode, feed->slot);
    }
}

static void trace_frame(const struct sl_feed *feed, const struct sl_jitter_frame *frame)
{
    struct sl_trace *trace = feed->config.trace;
    if (!trace)
        return;
    sl_trace_note(trace, SL_TRACE_ARRIVED, frame->timestamp, 0, frame->arrived);
    sl_trace_note(trace, SL_TRACE_RELEASED, frame->timestamp, 0, sl_time_now());
}

/* Units leave the lane in their order: one that is due at once, for the delay has fallen, waits for
 * those before it. */
static sl_ns when_to_decode(const struct sl_feed *feed, const struct sl_jitter_frame *frame,
                            sl_ns now)
{
    sl_ns when = frame->due - DECODE_AHEAD > now ? frame->due - DECODE_AHEAD : now;
    if (feed->held_first != feed->held_end) {
        const sl_ns before = feed->held[(feed->held_end - 1) % HELD_MAX];
        when = when > before ? when : before;
    }
    return when;
}

static void hand_over(struct sl_feed *feed, const struct sl_jitter_frame *frame, sl_ns now)
{
    struct sl_unit unit = {
        .data = frame->data,
        .len = frame->len,
        .key = frame->key,
        .late = frame->late,
        .has_capture = frame->has_capture,
        .captured = sl_ntp_to_ns(frame->capture_ntp, feed->config.epoch),
        .timestamp = frame->timestamp,
        .due = frame->due,
        .offered = when_to_decode(feed, frame, now),
    };
    trace_frame(feed, frame);
    if (feed->held_end - feed->held_first == HELD_MAX) {
        sl_lane_break(feed->lane);
        return;
    }
    if (sl_lane_offer(feed->lane, &unit))
        feed->held[feed->held_end++ % HELD_MAX] = unit.offered;
}

/* Sound is held back as its pictures are, so that both are heard and seen together. Its own jitter
 * is taken up in front of the card, by as little as it takes (audio_sync.h). */
static void follow_delay(struct sl_feed *feed)
{
    const sl_ns delay = sl_jitter_delay(feed->jitter);
    atomic_store_explicit(&feed->config.gauges->delay, delay, memory_order_relaxed);
    const sl_ns sound = delay - SOUND_AFTER;
    if (feed->sound)
        sl_audio_jitter_set_delay(feed->sound, sound > 0 ? sound : 0);
}

static void pump(struct sl_feed *feed, sl_ns now)
{
    struct sl_jitter_frame frame;
    for (;;) {
        const enum sl_jitter_pop got = sl_jitter_pop(feed->jitter, now, &frame);
        if (got == SL_JITTER_WAIT)
            break;
        if (got == SL_JITTER_FRAME) {
            feed->broken = false;
            hand_over(feed, &frame, now);
        } else {
            feed->broken = true;
            feed->broken_at = now;
            atomic_fetch_add_explicit(&feed->config.gauges->breaks, 1, memory_order_relaxed);
            sl_lane_break(feed->lane);
            feed->config.handler->broken(feed->config.ctx);
        }
    }
    if (feed->broken && now - feed->broken_at > ASK_AGAIN) {
        feed->broken_at = now;
        sl_lane_break(feed->lane);
    }
    follow_delay(feed);
    release_held(feed, now);
    sl_feed_attend(feed, now);
    set_timer(feed);
}

/* ---- sound ---- */

static void pump_sound(struct sl_feed *feed, sl_ns now)
{
    struct sl_audio_packet packet;
    for (;;) {
        const enum sl_audio_pop got = sl_audio_jitter_pop(feed->sound, now, &packet);
        if (got == SL_AUDIO_WAIT)
            return;
        const struct sl_sound_packet out = {
            .data = packet.data,
            .len = packet.len,
            .lost = got == SL_AUDIO_LOST,
            .samples = packet.samples,
            .has_capture = packet.has_capture,
            .captured = sl_ntp_to_ns(packet.capture_ntp, feed->config.epoch),
        };
        (void)sl_sound_offer(feed->config.sound, &out); /* a full ring counts it */
    }
}

static void take_sound(struct sl_feed *feed, const struct sl_rtp_packet *packet, sl_ns arrival,
                       sl_ns now)
{
    if (!feed->sound)
        return;
    if (packet->ssrc != feed->sound_ssrc) {
        feed->sound_ssrc = packet->ssrc;
        sl_audio_jitter_reset(feed->sound);
    }
    (void)sl_audio_jitter_put(feed->sound, packet, arrival);
    pump_sound(feed, now);
    set_timer(feed);
}

void sl_feed_listen(struct sl_feed *feed, bool on)
{
    sl_audio_jitter_destroy(feed->sound);
    feed->sound = NULL;
    const struct sl_audio_jitter_config config = {0};
    if (on && sl_audio_jitter_create(&feed->sound, &config))
        feed->sound = NULL; /* no memory: no sound */
    follow_delay(feed);
}

/* ---- the camera's device ---- */

static void tell_device(const struct sl_feed *feed)
{
    feed->config.handler->device(feed->config.ctx, feed->device.flags & SL_DEVICE_AWAY);
}

static void on_device(void *ctx, uint32_t flags, sl_ns now)
{
    struct sl_feed *feed = ctx;
    if (sl_device_watch_hear(&feed->device, flags, now))
        tell_device(feed);
    set_timer(feed);
}

/* ---- what wakes it ---- */

static void on_timer(void *ctx, sl_ns now)
{
    struct sl_feed *feed = ctx;
    if (sl_device_watch_tick(&feed->device, now))
        tell_device(feed);
    if (feed->sound)
        pump_sound(feed, now);
    pump(feed, now);
}

/* How long pictures are held back follows from when packets came. That this thread read them later
 * is no jitter of the network: on a loaded machine no delay makes up for it. */
static void on_packet(void *ctx, enum sl_media_kind kind, const struct sl_rtp_packet *packet,
                      bool repaired, sl_ns arrival)
{
    struct sl_feed *feed = ctx;
    const sl_ns now = sl_loop_now(feed->config.loop);
    (void)repaired;
    if (kind == SL_AUDIO) {
        take_sound(feed, packet, arrival, now);
        return;
    }
    (void)sl_jitter_put(feed->jitter, packet, arrival);
    pump(feed, now);
}

static void on_event(void *ctx, const struct sl_motion_event *event, sl_ns now)
{
    const struct sl_feed *feed = ctx;
    struct sl_feed_gauges *gauges = feed->config.gauges;
    for (int row = 0; row < SL_MOTION_ROWS; row++)
        atomic_store_explicit(&gauges->motion_rows[row], event->map.rows[row],
                              memory_order_relaxed);
    atomic_store_explicit(&gauges->motion_until,
                          event->state == SL_MOTION_GOES_ON ? now + MOTION_HEARD : 0,
                          memory_order_relaxed);
}

/* ---- the link ---- */

/* Every session numbers its packets anew. */
static void begin_session(struct sl_feed *feed)
{
    sl_jitter_reset(feed->jitter);
    if (feed->sound)
        sl_audio_jitter_reset(feed->sound);
    feed->broken = false;
    sl_lane_break(feed->lane);
}

/* For the main thread, which sees the first picture of this session. */
static void note_joined(struct sl_feed *feed)
{
    struct sl_endpoint_stats stats;
    sl_endpoint_stats(feed->endpoint, &stats);
    atomic_store_explicit(&feed->config.gauges->asked,
                          sl_loop_now(feed->config.loop) - stats.last_post_to_connected,
                          memory_order_relaxed);
}

static void on_state(void *ctx, enum sl_endpoint_state state, const char *reason)
{
    struct sl_feed *feed = ctx;
    const struct sl_feed_handler *handler = feed->config.handler;
    switch (state) {
    case SL_ENDPOINT_CONNECTING:
        handler->link(feed->config.ctx, SL_TILE_LINK_NEW, reason);
        break;
    case SL_ENDPOINT_LIVE:
        if (!feed->up)
            begin_session(feed);
        feed->up = true;
        note_joined(feed);
        handler->link(feed->config.ctx, SL_TILE_LINK_UP, "");
        break;
    case SL_ENDPOINT_RECONNECTING:
        feed->up = false;
        handler->link(feed->config.ctx, SL_TILE_LINK_LOST, reason);
        break;
    case SL_ENDPOINT_REFUSED:
        feed->up = false;
        handler->refused(feed->config.ctx, reason);
        break;
    case SL_ENDPOINT_STOPPED:
        handler->stopped(feed->config.ctx);
        break;
    }
}

void sl_feed_attend(struct sl_feed *feed, sl_ns now)
{
    if (feed->up && sl_lane_key_wanted(feed->lane))
        sl_endpoint_request_keyframe(feed->endpoint, now);
}

static void put(_Atomic uint64_t *gauge, uint64_t value)
{
    atomic_store_explicit(gauge, value, memory_order_relaxed);
}

/* Sizes between the two bounds change nothing, so that a window being dragged does not either. */
static void choose_layer(struct sl_feed *feed)
{
    const int width = sl_lane_width(feed->lane);
    if (feed->config.layer == SL_LAYER_AUTO && width <= SMALL_UP_TO)
        feed->small = true;
    else if (feed->config.layer == SL_LAYER_AUTO && width >= LARGE_FROM)
        feed->small = false;
    sl_endpoint_choose(feed->endpoint, feed->small);
}

void sl_feed_measure(struct sl_feed *feed)
{
    choose_layer(feed);
    struct sl_endpoint_stats stats;
    sl_endpoint_stats(feed->endpoint, &stats);
    const struct sl_repairs session = sl_repairs_of(&stats.session.media[SL_VIDEO]);
    const struct sl_repairs all = sl_repairs_sum(&feed->repairs, &session, stats.lives);
    struct sl_feed_gauges *gauges = feed->config.gauges;
    put(&gauges->expected, all.expected);
    put(&gauges->by_fec, all.by_fec);
    put(&gauges->by_resend, all.by_resend);
    put(&gauges->late, all.late);
    put(&gauges->given_up, all.given_up);
    put(&gauges->bytes, all.bytes);
    put(&gauges->media_bytes, all.media_bytes);
    put(&gauges->repair_bytes, all.repair_bytes);
    atomic_store_explicit(&gauges->rtt, stats.session.rtt, memory_order_relaxed);
    atomic_store_explicit(&gauges->measured, sl_loop_now(feed->config.loop), memory_order_relaxed);
}

/* ---- whole ---- */

static int create_lane(struct sl_feed *feed)
{
    const sl_ns latency = feed->config.latency;
    const size_t units = latency > 0 ? HELD_MAX : latency ? HELD_AUTO : SL_LANE_UNITS;
    int error = sl_lane_create(&feed->lane, units, feed->config.shown, feed->config.wanted);
    if (error)
        return error;
    sl_lane_trace(feed->lane, feed->config.trace);
    error = sl_decode_attach(feed->config.decode, feed->lane);
    if (error < 0)
        return error;
    feed->slot = error;
    return 0;
}

static int create_endpoint(struct sl_feed *feed)
{
    static const struct sl_endpoint_handler handler = {
        .state = on_state, .packet = on_packet, .event = on_event, .device = on_device};
    const struct sl_endpoint_config config = {
        .loop = feed->config.loop,
        .http = feed->config.http,
        .identity = feed->config.identity,
        .random = feed->config.random,
        .epoch = feed->config.epoch,
        .link = feed->config.link,
        .small = feed->small,
        .video = true,
        .audio = true,
        .via = feed->config.via,
        .retries = -1,
        .fec_percent = SL_FEC_AUTO,
        .handler = &handler,
        .ctx = feed,
    };
    return sl_endpoint_create(&feed->endpoint, &config);
}

int sl_feed_create(struct sl_feed **ret, const struct sl_feed_config *config)
{
    struct sl_feed *feed = calloc(1, sizeof(*feed));
    if (!feed)
        return -ENOMEM;
    feed->config = *config;
    feed->slot = -1;
    feed->small = config->layer != SL_LAYER_MAIN;
    sl_timer_init(&feed->timer, config->loop, on_timer, feed);
    const struct sl_jitter_config jitter = {
        .clock_hz = 90000, .frame_bytes_max = SL_LANE_UNIT_MAX, .delay = config->latency};
    int error = sl_jitter_create(&feed->jitter, &jitter);
    if (!error)
        error = create_lane(feed);
    if (!error)
        error = create_endpoint(feed);
    if (error) {
        const bool gone = sl_feed_destroy(feed); /* no worker has seen it */
        (void)gone;
        return error;
    }
    *ret = feed;
    return 0;
}

void sl_feed_start(struct sl_feed *feed)
{
    sl_endpoint_start(feed->endpoint);
}

void sl_feed_nudge(struct sl_feed *feed)
{
    sl_endpoint_nudge(feed->endpoint);
}

struct sl_lane *sl_feed_lane(const struct sl_feed *feed)
{
    return feed->lane;
}

void sl_feed_stop(struct sl_feed *feed)
{
    sl_timer_clear(&feed->timer);
    sl_endpoint_stop(feed->endpoint);
}

bool sl_feed_destroy(struct sl_feed *feed)
{
    if (!feed)
        return true;
    sl_timer_clear(&feed->timer);
    if (feed->slot >= 0 && !sl_decode_detach(feed->config.decode, feed->slot))
        return false;
    sl_endpoint_destroy(feed->endpoint);
    sl_jitter_destroy(feed->jitter);
    sl_audio_jitter_destroy(feed->sound);
    sl_lane_destroy(feed->lane);
    free(feed);
    return true;
}
