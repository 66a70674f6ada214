/* SPDX-License-Identifier: MIT */
#include "sender/pipeline.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/mailbox.h"
#include "base/pool.h"
#include "base/ring.h"
#include "base/time.h"

#define PICTURES 3 /* being captured, in the mailbox, being encoded */
#define UNITS 8
#define AUDIO_PACKETS 32
#define EVENTS 8
/* Requests within this time of the last key frame wait for it to pass: the asker cannot have seen
 * that one yet, and two in a row cost quality without mending anything. */
#define KEY_SPACING (100 * SL_MS)

/* FRESH: whoever receives now has seen no key frame of ours yet, however young the last one is. */
enum { REQUEST_LIVE = 1, REQUEST_KEY = 2, REQUEST_FRESH = 4 };
#define RUNNING 1 /* no -errno: still at it */

struct picture {
    sl_ns captured;
    _Alignas(64) uint8_t pixels[];
};

struct sl_pipeline {
    struct sl_pipeline_config config;
    pthread_t capture_thread, encode_thread, audio_thread;
    bool capture_runs, encode_runs, audio_runs;

    struct sl_pool *pictures;
    struct sl_mailbox mailbox;
    struct sl_wake encode_wake; /* a picture, the end of them, or a change of requests */
    struct sl_wake live_wake;   /* for a stored source that has not begun */
    atomic_int capture_status;  /* RUNNING, 0 at the end, -errno */
    atomic_uint requests;
    _Atomic sl_ns gate;
    _Atomic int64_t bitrate_bps; /* wanted; 0: as it is */

    struct sl_pool *units;
    struct sl_ring *video_ring, *audio_ring, *event_ring;
    struct sl_wake loop_wake;
    atomic_bool encode_ended;

    /* Encode thread. */
    bool key_wanted, any_key;
    sl_ns last_key;
    int64_t bitrate_set;

    /* Each is written by one thread. */
    _Atomic uint64_t captured, skipped, replaced, idle, skipped_rate, stalled, failed, encoded,
        taken;
    _Atomic uint64_t audio_packets, audio_dropped;
};

/* An access unit is never as large as its picture, but for tiny ones, where headers are more than
 * pixels. Pages that are not used are not there. */
static size_t unit_bytes(const struct sl_pipeline *pipeline)
{
    return sl_capture_bytes(pipeline->config.capture) + 16384;
}

static void count(_Atomic uint64_t *counter)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

static void trace(const struct sl_pipeline *pipeline, enum sl_trace_stage stage, sl_ns captured)
{
    if (pipeline->config.trace)
        sl_trace_note(pipeline->config.trace, stage, (uint64_t)captured, 0, sl_time_now());
}

static bool is_live(const struct sl_pipeline *pipeline)
{
    return atomic_load_explicit(&pipeline->requests, memory_order_acquire) & REQUEST_LIVE;
}

/* ---- Capture thread ---- */

/* --fps below the source's rate: leaves out pictures so that those kept are evenly spread. */
static bool too_soon(const struct sl_pipeline *pipeline, sl_ns captured, sl_ns *next)
{
    if (!pipeline->config.fps)
        return false;
    const sl_ns period = SL_SEC / pipeline->config.fps;
    if (captured < *next - period / 4)
        return true;
    *next = captured > *next + period ? captured + period : *next + period;
    return false;
}

/* A recording is worth starting when somebody sees it. True if halted. */
static bool wait_for_audience(struct sl_pipeline *pipeline)
{
    while (pipeline->config.capture->stored && !is_live(pipeline)) {
        if (sl_halt_or_readable(pipeline->config.halt, pipeline->live_wake.fd))
            return true;
        sl_wake_clear(&pipeline->live_wake);
    }
    return false;
}

static struct picture *hand_over(struct sl_pipeline *pipeline, struct picture *picture)
{
    struct picture *unread = sl_mailbox_put(&pipeline->mailbox, picture);
    sl_wake_signal(&pipeline->encode_wake);
    if (unread)
        count(&pipeline->replaced);
    return unread ? unread : sl_pool_take(pipeline->pictures);
}

static void look_for_motion(struct sl_pipeline *pipeline, const struct picture *picture)
{
    struct sl_motion_event event;
    if (pipeline->config.motion &&
        sl_motion_look(pipeline->config.motion, picture->pixels, pipeline->config.capture->width,
                       picture->captured, &event) &&
        sl_ring_push(pipeline->event_ring, &event))
        sl_wake_signal(&pipeline->loop_wake);
}

static int capture_all(struct sl_pipeline *pipeline)
{
    struct picture *picture = sl_pool_take(pipeline->pictures);
    sl_ns next = 0;
    int got = wait_for_audience(pipeline) ? -ECANCELED : 1;
    while (got == 1) {
        got = sl_capture_next(pipeline->config.capture, picture->pixels, &picture->captured);
        if (got != 1)
            break;
        count(&pipeline->captured);
        trace(pipeline, SL_TRACE_CAPTURED, picture->captured);
        look_for_motion(pipeline, picture);
        if (too_soon(pipeline, picture->captured, &next))
            count(&pipeline->skipped);
        else
            picture = hand_over(pipeline, picture);
    }
    sl_pool_give(pipeline->pictures, picture);
    return got;
}

static void *capture_main(void *ctx)
{
    struct sl_pipeline *pipeline = ctx;
    prctl(PR_SET_TIMERSLACK, 1); /* a picture is due when it is due; the default is 50 us late */
    const int status = capture_all(pipeline);
    atomic_store_explicit(&pipeline->capture_status, status, memory_order_release);
    sl_wake_signal(&pipeline->encode_wake);
    return NULL;
}

/* ---- Encode thread ---- */

/* The newest picture, or NULL at the end. */
static struct picture *wait_picture(struct sl_pipeline *pipeline)
{
    for (;;) {
        /* Looked at first: the last picture was put before the status said end. */
        const int status = atomic_load_explicit(&pipeline->capture_status, memory_order_acquire);
        struct picture *picture = sl_mailbox_take(&pipeline->mailbox);
        if (picture || status != RUNNING)
            return picture;
        sl_wake_wait(&pipeline->encode_wake, SL_NEVER);
    }
}

/* Whether this picture has to be a key frame. The encoder counts frames; a source that gives fewer
 * than it promised still gets its key frames in time. */
static bool key_due(struct sl_pipeline *pipeline, sl_ns captured)
{
    const unsigned requests = atomic_fetch_and_explicit(
        &pipeline->requests, ~(unsigned)(REQUEST_KEY | REQUEST_FRESH), memory_order_acq_rel);
    if (requests & REQUEST_FRESH)
        pipeline->any_key = false;
    const sl_ns since = captured - pipeline->last_key, gop = pipeline->config.gop;
    if ((requests & REQUEST_KEY) || (gop && since >= gop))
        pipeline->key_wanted = true;
    return pipeline->key_wanted && (!pipeline->any_key || since >= KEY_SPACING);
}

/* A value that is a little old costs a picture too many or too few, not more. */
static bool is_shut(const struct sl_pipeline *pipeline)
{
    const sl_ns gate = atomic_load_explicit(&pipeline->gate, memory_order_relaxed);
    return gate && sl_time_now() < gate;
}

static void follow_bitrate(struct sl_pipeline *pipeline)
{
    const int64_t wanted = atomic_load_explicit(&pipeline->bitrate_bps, memory_order_relaxed);
    if (!wanted || wanted == pipeline->bitrate_set)
        return;
    sl_video_encoder_set_bitrate(pipeline->config.video, wanted);
    pipeline->bitrate_set = wanted;
}

/* Encodes into `unit`, whose memory is there already. 0 or -errno. */
static int encode(struct sl_pipeline *pipeline, struct picture *picture,
                  struct sl_access_unit *unit)
{
    const struct sl_capture *capture = pipeline->config.capture;
    const struct sl_canvas canvas = sl_canvas(picture->pixels, capture->width, capture->height);
    const bool key = key_due(pipeline, picture->captured);
    if (sl_overlay_wanted(pipeline->config.overlay))
        sl_overlay_draw(pipeline->config.overlay, &canvas, picture->captured);
    const struct sl_picture view = {
        .width = canvas.width,
        .height = canvas.height,
        .plane = {canvas.plane[0], canvas.plane[1], canvas.plane[2]},
        .stride = {canvas.stride[0], canvas.stride[1], canvas.stride[2]},
        .full_range = capture->full_range,
        .captured = picture->captured,
    };
    struct sl_encoded encoded;
    const sl_ns began = sl_time_now();
    sl_trace_note(pipeline->config.trace, SL_TRACE_ENCODE_BEGUN, (uint64_t)picture->captured, 0,
                  began);
    follow_bitrate(pipeline);
    const int error = sl_video_encoder_encode(pipeline->config.video, &view, key, &encoded);
    if (error)
        return error;
    if (encoded.len > unit_bytes(pipeline)) {
        pipeline->key_wanted = true; /* what follows would refer to it */
        return -EMSGSIZE;
    }
    memcpy(unit->data, encoded.data, encoded.len);
    unit->len = encoded.len;
    unit->key = encoded.key;
    unit->captured = picture->captured;
    unit->encode_time = sl_time_now() - began;
    sl_trace_note(pipeline->config.trace, SL_TRACE_ENCODED, (uint64_t)picture->captured, 0,
                  began + unit->encode_time);
    return 0;
}

/* Memory for the access unit is taken first. If the loop is so far behind that there is none, the
 * picture is left out before it is encoded: nothing ever refers to what was not sent. */
static void encode_and_hand_over(struct sl_pipeline *pipeline, struct picture *picture)
{
    struct sl_access_unit unit = {.data = sl_pool_take(pipeline->units)};
    if (!unit.data) {
        count(&pipeline->stalled);
        return;
    }
    if (encode(pipeline, picture, &unit) || !sl_ring_push(pipeline->video_ring, &unit)) {
        sl_pool_give(pipeline->units, unit.data); /* the ring has a place for every block */
        count(&pipeline->failed);
        return;
    }
    count(&pipeline->encoded);
    if (unit.key) {
        pipeline->any_key = true;
        pipeline->key_wanted = false;
        pipeline->last_key = unit.captured;
    }
    sl_wake_signal(&pipeline->loop_wake);
}

static void *encode_main(void *ctx)
{
    struct sl_pipeline *pipeline = ctx;
    struct picture *picture;
    while ((picture = wait_picture(pipeline))) {
        if (!is_live(pipeline))
            count(&pipeline->idle);
        else if (is_shut(pipeline))
            count(&pipeline->skipped_rate);
        else
            encode_and_hand_over(pipeline, picture);
        sl_pool_give(pipeline->pictures, picture);
    }
    atomic_store_explicit(&pipeline->encode_ended, true, memory_order_release);
    sl_wake_signal(&pipeline->loop_wake);
    return NULL;
}

/* ---- Audio thread ---- */

static void encode_audio(struct sl_pipeline *pipeline, const struct sl_audio_block *block)
{
    struct sl_encoded encoded;
    struct sl_audio_packet packet = {.captured = block->captured};
    if (sl_audio_encoder_encode(pipeline->config.audio_encoder, block->samples, &encoded) ||
        encoded.len > sizeof(packet.data)) {
        count(&pipeline->audio_dropped);
        return;
    }
    packet.len = encoded.len;
    memcpy(packet.data, encoded.data, encoded.len);
    if (!sl_ring_push(pipeline->audio_ring, &packet)) {
        count(&pipeline->audio_dropped);
        return;
    }
    count(&pipeline->audio_packets);
    sl_wake_signal(&pipeline->loop_wake);
}

static void *audio_main(void *ctx)
{
    struct sl_pipeline *pipeline = ctx;
    struct sl_audio_block block;
    prctl(PR_SET_TIMERSLACK, 1);
    while (sl_audio_next(pipeline->config.audio, &block) == 1)
        if (is_live(pipeline))
            encode_audio(pipeline, &block);
    return NULL;
}

/* ---- The loop's side ---- */

static int start(pthread_t *thread, bool *runs, const char *name, void *(*run)(void *),
                 struct sl_pipeline *pipeline)
{
    const int error = pthread_create(thread, NULL, run, pipeline);
    if (error)
        return -error;
    *runs = true;
    pthread_setname_np(*thread, name);
    return 0;
}

static int take_memory(struct sl_pipeline *pipeline)
{
    const size_t bytes = sl_capture_bytes(pipeline->config.capture);
    int error =
        sl_pool_create(&pipeline->pictures, PICTURES, offsetof(struct picture, pixels) + bytes);
    error = error ? error : sl_pool_create(&pipeline->units, UNITS, unit_bytes(pipeline));
    error =
        error ? error : sl_ring_create(&pipeline->video_ring, UNITS, sizeof(struct sl_access_unit));
    error = error ? error
                  : sl_ring_create(&pipeline->audio_ring, AUDIO_PACKETS,
                                   sizeof(struct sl_audio_packet));
    error = error ? error
                  : sl_ring_create(&pipeline->event_ring, EVENTS, sizeof(struct sl_motion_event));
    error = error ? error : sl_wake_init(&pipeline->encode_wake);
    error = error ? error : sl_wake_init(&pipeline->live_wake);
    return error ? error : sl_wake_init(&pipeline->loop_wake);
}

static int start_threads(struct sl_pipeline *pipeline)
{
    int error =
        start(&pipeline->encode_thread, &pipeline->encode_runs, "encode", encode_main, pipeline);
    if (!error && pipeline->config.audio)
        error =
            start(&pipeline->audio_thread, &pipeline->audio_runs, "audio", audio_main, pipeline);
    return error ? error
                 : start(&pipeline->capture_thread, &pipeline->capture_runs, "capture",
                         capture_main, pipeline);
}

int sl_pipeline_create(struct sl_pipeline **ret, const struct sl_pipeline_config *config)
{
    struct sl_pipeline *pipeline = calloc(1, sizeof(*pipeline));
    if (!pipeline)
        return -ENOMEM;
    pipeline->config = *config;
    pipeline->encode_wake.fd = pipeline->live_wake.fd = pipeline->loop_wake.fd = -1;
    sl_mailbox_init(&pipeline->mailbox);
    atomic_init(&pipeline->capture_status, RUNNING);
    int error = take_memory(pipeline);
    error = error ? error : start_threads(pipeline);
    if (error) {
        sl_pipeline_destroy(pipeline);
        return error;
    }
    *ret = pipeline;
    return 0;
}

static void join_threads(struct sl_pipeline *pipeline)
{
    sl_halt_set(pipeline->config.halt);
    if (pipeline->capture_runs)
        pthread_join(pipeline->capture_thread, NULL);
    else /* never began: nobody else says the end */
        atomic_store(&pipeline->capture_status, -ECANCELED);
    if (pipeline->encode_wake.fd >= 0)
        sl_wake_signal(&pipeline->encode_wake);
    if (pipeline->encode_runs)
        pthread_join(pipeline->encode_thread, NULL);
    if (pipeline->audio_runs)
        pthread_join(pipeline->audio_thread, NULL);
}

void sl_pipeline_destroy(struct sl_pipeline *pipeline)
{
    if (!pipeline)
        return;
    join_threads(pipeline);
    void *picture = sl_mailbox_take(&pipeline->mailbox);
    if (picture)
        sl_pool_give(pipeline->pictures, picture);
    for (struct sl_access_unit unit;
         pipeline->video_ring && sl_ring_pop(pipeline->video_ring, &unit);)
        sl_pool_give(pipeline->units, unit.data);
    sl_pool_destroy(pipeline->pictures);
    sl_pool_destroy(pipeline->units);
    sl_ring_destroy(pipeline->video_ring);
    sl_ring_destroy(pipeline->audio_ring);
    sl_ring_destroy(pipeline->event_ring);
    sl_wake_fini(&pipeline->encode_wake);
    sl_wake_fini(&pipeline->live_wake);
    sl_wake_fini(&pipeline->loop_wake);
    free(pipeline);
}

struct sl_wake *sl_pipeline_wake(struct sl_pipeline *pipeline)
{
    return &pipeline->loop_wake;
}

bool sl_pipeline_take_video(struct sl_pipeline *pipeline, struct sl_access_unit *ret)
{
    if (!sl_ring_pop(pipeline->video_ring, ret))
        return false;
    count(&pipeline->taken);
    return true;
}

void sl_pipeline_give_back(struct sl_pipeline *pipeline, const struct sl_access_unit *unit)
{
    sl_pool_give(pipeline->units, unit->data);
}

bool sl_pipeline_take_audio(struct sl_pipeline *pipeline, struct sl_audio_packet *ret)
{
    return sl_ring_pop(pipeline->audio_ring, ret);
}

bool sl_pipeline_take_event(struct sl_pipeline *pipeline, struct sl_motion_event *ret)
{
    return sl_ring_pop(pipeline->event_ring, ret);
}

void sl_pipeline_set_live(struct sl_pipeline *pipeline, bool live)
{
    if (live)
        atomic_fetch_or(&pipeline->requests, REQUEST_LIVE | REQUEST_KEY | REQUEST_FRESH);
    else
        atomic_fetch_and(&pipeline->requests, ~(unsigned)REQUEST_LIVE);
    if (live)
        sl_wake_signal(&pipeline->live_wake);
}

void sl_pipeline_request_key(struct sl_pipeline *pipeline)
{
    atomic_fetch_or(&pipeline->requests, REQUEST_KEY);
}

void sl_pipeline_set_rate(struct sl_pipeline *pipeline, sl_ns gate, int64_t bitrate_bps)
{
    atomic_store_explicit(&pipeline->gate, gate, memory_order_relaxed);
    atomic_store_explicit(&pipeline->bitrate_bps, bitrate_bps, memory_order_relaxed);
}

bool sl_pipeline_ended(const struct sl_pipeline *pipeline, int *error)
{
    if (!atomic_load_explicit(&pipeline->encode_ended, memory_order_acquire) ||
        sl_ring_held(pipeline->video_ring))
        return false;
    *error = atomic_load(&pipeline->capture_status);
    return true;
}

void sl_pipeline_stats(const struct sl_pipeline *pipeline, struct sl_pipeline_stats *ret)
{
    *ret = (struct sl_pipeline_stats){
        .captured = pipeline->captured,
        .skipped = pipeline->skipped,
        .replaced = pipeline->replaced,
        .idle = pipeline->idle,
        .skipped_rate = pipeline->skipped_rate,
        .stalled = pipeline->stalled,
        .failed = pipeline->failed,
        .encoded = pipeline->encoded,
        .taken = pipeline->taken,
        .audio_packets = pipeline->audio_packets,
        .audio_dropped = pipeline->audio_dropped,
    };
}
