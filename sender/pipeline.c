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

#define PICTURES 3     /* being captured, in the mailbox, being encoded */
#define SUB_PICTURES 2 /* the same of the small one, without capture */
#define UNITS 8
#define AUDIO_PACKETS 32
#define EVENTS 8
/* Requests within this time of the last key frame wait for it to pass: the asker cannot have seen
 * that one yet, and two in a row cost quality without mending anything. */
#define KEY_SPACING (100 * SL_MS)
/* For how long an encoded source is sent into a shut gate. What the pacer spreads of a key frame is
 * gone by then, and feedback that was late has come: for that alone the rate controller shuts for
 * 400 ms at most. Longer, and what is queued would be seen as delay. */
#define GATE_PATIENCE (450 * SL_MS)
/* An encoded source may be set to larger pictures while it runs. */
#define PASSED_UNIT_MIN (2 << 20)

/* FRESH: whoever receives now has seen no key frame of ours yet, however young the last one is. */
enum { REQUEST_LIVE = 1, REQUEST_KEY = 2, REQUEST_FRESH = 4 };
#define RUNNING 1 /* no -errno: still at it */

struct picture {
    sl_ns captured;
    atomic_int users; /* encoders that have not done with it */
    struct sl_motion_map moved;
    _Alignas(64) uint8_t pixels[];
};

struct sl_pipeline {
    struct sl_pipeline_config config;
    pthread_t capture_thread, encode_thread, audio_thread;
    bool capture_runs, encode_runs, audio_runs;

    struct sl_sub *sub; /* NULL: one picture only */
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
    atomic_bool all_made;

    /* Encode thread. */
    bool key_wanted, any_key;
    sl_ns last_key;
    int64_t bitrate_set;

    /* Capture thread, of an encoded source. */
    bool only_key;    /* what comes before the next key frame is of no use */
    sl_ns shut_since; /* the gate; 0: open */

    /* Each is written by one thread. */
    _Atomic uint64_t captured, skipped, replaced, idle, skipped_rate, stalled, failed, keyless,
        encoded, taken;
    _Atomic uint64_t audio_packets, audio_dropped;
};

/* An access unit is never as large as its picture, but for tiny ones, where headers are more than
 * pixels. Pages that are not used are not there. */
static size_t unit_bytes(const struct sl_pipeline *pipeline)
{
    const size_t bytes = sl_capture_bytes(pipeline->config.capture) + 16384;
    return pipeline->config.capture->encoded && bytes < PASSED_UNIT_MIN ? PASSED_UNIT_MIN : bytes;
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

/* A value that is a little old costs a picture too many or too few, not more. */
static bool is_shut(const struct sl_pipeline *pipeline)
{
    const sl_ns gate = atomic_load_explicit(&pipeline->gate, memory_order_relaxed);
    return gate && sl_time_now() < gate;
}

static unsigned take_requests(struct sl_pipeline *pipeline)
{
    return atomic_fetch_and_explicit(&pipeline->requests, ~(unsigned)(REQUEST_KEY | REQUEST_FRESH),
                                     memory_order_acq_rel);
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

static void look_for_motion(struct sl_pipeline *pipeline, struct picture *picture)
{
    struct sl_motion *motion = pipeline->config.motion;
    struct sl_motion_event event;
    if (!motion)
        return;
    if (sl_motion_look(motion, picture->pixels, pipeline->config.capture->width, picture->captured,
                       &event) &&
        sl_ring_push(pipeline->event_ring, &event))
        sl_wake_signal(&pipeline->loop_wake);
    /* The map is this thread's own: a copy goes with the picture. */
    picture->moved = *sl_motion_where(motion);
}

static int capture_pictures(struct sl_pipeline *pipeline)
{
    struct picture *picture = sl_pool_take(pipeline->pictures);
    sl_ns next = 0;
    int got = 1;
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

/* What the loop asked for, as far as the source can be asked. */
static void pass_requests_on(struct sl_pipeline *pipeline)
{
    const unsigned requests = take_requests(pipeline);
    if (requests & REQUEST_FRESH)
        pipeline->only_key = true;
    if (requests & REQUEST_KEY)
        (void)sl_capture_request_key(pipeline->config.capture);
    const int64_t wanted = atomic_load_explicit(&pipeline->bitrate_bps, memory_order_relaxed);
    if (wanted)
        sl_capture_set_bitrate(pipeline->config.capture, wanted);
}

/* Nothing of it can be sent before a key frame; one is not wanted before it can be sent. */
static void wait_for_key(struct sl_pipeline *pipeline)
{
    count(&pipeline->keyless);
    (void)sl_capture_request_key(pipeline->config.capture);
}

static bool is_shut_for_long(struct sl_pipeline *pipeline)
{
    if (!is_shut(pipeline)) {
        pipeline->shut_since = 0;
        return false;
    }
    const sl_ns now = sl_time_now();
    if (!pipeline->shut_since)
        pipeline->shut_since = now;
    return pipeline->only_key || now - pipeline->shut_since >= GATE_PATIENCE;
}

static void leave_out(struct sl_pipeline *pipeline, _Atomic uint64_t *counter)
{
    count(counter);
    pipeline->only_key = true;
}

static void copy_and_hand_over(struct sl_pipeline *pipeline, const struct sl_capture_unit *from)
{
    struct sl_access_unit unit = {.data = sl_pool_take(pipeline->units),
                                  .len = from->len,
                                  .key = from->key,
                                  .captured = from->captured};
    if (!unit.data) {
        leave_out(pipeline, &pipeline->stalled);
        return;
    }
    memcpy(unit.data, from->data, from->len);
    trace(pipeline, SL_TRACE_ENCODED, unit.captured);
    if (!sl_ring_push(pipeline->video_ring, &unit)) {
        sl_pool_give(pipeline->units, unit.data); /* the ring has a place for every block */
        leave_out(pipeline, &pipeline->failed);
        return;
    }
    count(&pipeline->encoded);
    pipeline->only_key = false;
    sl_wake_signal(&pipeline->loop_wake);
}

/* A unit that came encoded: into the ring, or left out with all that refers to it. */
static void pass_on(struct sl_pipeline *pipeline, const struct sl_capture_unit *unit)
{
    count(&pipeline->captured);
    trace(pipeline, SL_TRACE_CAPTURED, unit->captured);
    pass_requests_on(pipeline);
    if (!is_live(pipeline))
        leave_out(pipeline, &pipeline->idle);
    else if (pipeline->only_key && !unit->key && !is_shut(pipeline))
        wait_for_key(pipeline);
    else if (pipeline->only_key && !unit->key)
        count(&pipeline->keyless);
    else if (is_shut_for_long(pipeline))
        leave_out(pipeline, &pipeline->skipped_rate);
    else if (unit->len > unit_bytes(pipeline))
        leave_out(pipeline, &pipeline->failed);
    else
        copy_and_hand_over(pipeline, unit);
}

static int pass_units(struct sl_pipeline *pipeline)
{
    struct sl_capture_unit unit;
    int got;
    pipeline->only_key = true;
    while ((got = sl_capture_next_unit(pipeline->config.capture, &unit)) == 1)
        pass_on(pipeline, &unit);
    return got;
}

/* Once all that comes of the source is in the ring. */
static void tell_end(struct sl_pipeline *pipeline)
{
    atomic_store_explicit(&pipeline->all_made, true, memory_order_release);
    sl_wake_signal(&pipeline->loop_wake);
}

static void *capture_main(void *ctx)
{
    struct sl_pipeline *pipeline = ctx;
    const bool encoded = pipeline->config.capture->encoded;
    prctl(PR_SET_TIMERSLACK, 1); /* a picture is due when it is due; the default is 50 us late */
    int status = -ECANCELED;
    if (!wait_for_audience(pipeline))
        status = encoded ? pass_units(pipeline) : capture_pictures(pipeline);
    atomic_store_explicit(&pipeline->capture_status, status, memory_order_release);
    if (encoded)
        tell_end(pipeline);
    else
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
    const unsigned requests = take_requests(pipeline);
    if (requests & REQUEST_FRESH)
        pipeline->any_key = false;
    const sl_ns since = captured - pipeline->last_key, gop = pipeline->config.gop;
    if ((requests & REQUEST_KEY) || (gop && since >= gop))
        pipeline->key_wanted = true;
    return pipeline->key_wanted && (!pipeline->any_key || since >= KEY_SPACING);
}

static void follow_bitrate(struct sl_pipeline *pipeline)
{
    const int64_t wanted = atomic_load_explicit(&pipeline->bitrate_bps, memory_order_relaxed);
    if (!wanted || wanted == pipeline->bitrate_set)
        return;
    sl_video_encoder_set_bitrate(pipeline->config.video, wanted);
    pipeline->bitrate_set = wanted;
}

/* Of one of the encoders, by its thread. */
static void picture_done(void *ctx, void *id)
{
    struct sl_pipeline *pipeline = ctx;
    struct picture *picture = id;
    if (atomic_fetch_sub(&picture->users, 1) == 1)
        sl_pool_give(pipeline->pictures, picture);
}

static void offer_to_sub(struct sl_pipeline *pipeline, struct picture *picture)
{
    if (!pipeline->sub)
        return;
    atomic_fetch_add(&picture->users, 1);
    if (!sl_sub_offer(pipeline->sub, picture, picture->pixels, picture->captured))
        atomic_fetch_sub(&picture->users, 1); /* not the last: ours is there */
}

/* Encodes into `unit`, whose memory is there already. 0 or -errno. */
static int encode(struct sl_pipeline *pipeline, struct picture *picture,
                  struct sl_access_unit *unit)
{
    const struct sl_capture *capture = pipeline->config.capture;
    const struct sl_canvas canvas = sl_canvas(picture->pixels, capture->width, capture->height);
    const bool key = key_due(pipeline, picture->captured);
    if (sl_overlay_wanted(pipeline->config.overlay))
        sl_overlay_draw(pipeline->config.overlay, &canvas, picture->captured,
                        picture->captured + sl_time_epoch()); /* the clock as it is set by now */
    offer_to_sub(pipeline, picture);
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
        atomic_store(&picture->users, 1);
        if (!is_live(pipeline))
            count(&pipeline->idle);
        else if (is_shut(pipeline))
            count(&pipeline->skipped_rate);
        else
            encode_and_hand_over(pipeline, picture);
        sl_preview_offer(pipeline->config.preview, picture->pixels, &picture->moved,
                         picture->captured);
        picture_done(pipeline, picture);
    }
    tell_end(pipeline);
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
    const size_t pictures = PICTURES + (pipeline->config.sub_encoder ? SUB_PICTURES : 0);
    int error = 0;
    if (!pipeline->config.capture->encoded)
        error =
            sl_pool_create(&pipeline->pictures, pictures, offsetof(struct picture, pixels) + bytes);
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

static int start_sub(struct sl_pipeline *pipeline)
{
    const struct sl_pipeline_config *config = &pipeline->config;
    const struct sl_sub_config sub = {
        .width = config->capture->width,
        .height = config->capture->height,
        .full_range = config->capture->full_range,
        .to_width = config->sub_size.width,
        .to_height = config->sub_size.height,
        .fps = config->sub_fps,
        .gop = config->gop,
        .encoder = config->sub_encoder,
        .wake = &pipeline->loop_wake,
        .done = picture_done,
        .ctx = pipeline,
    };
    return config->sub_encoder ? sl_sub_create(&pipeline->sub, &sub) : 0;
}

static int start_threads(struct sl_pipeline *pipeline)
{
    int error = start_sub(pipeline);
    if (!error && !pipeline->config.capture->encoded)
        error = start(&pipeline->encode_thread, &pipeline->encode_runs, "encode", encode_main,
                      pipeline);
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
    sl_sub_destroy(pipeline->sub);
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

bool sl_pipeline_take_sub(struct sl_pipeline *pipeline, struct sl_access_unit *ret)
{
    return pipeline->sub && sl_sub_take(pipeline->sub, ret);
}

void sl_pipeline_give_back_sub(struct sl_pipeline *pipeline, const struct sl_access_unit *unit)
{
    sl_sub_give_back(pipeline->sub, unit);
}

bool sl_pipeline_take_audio(struct sl_pipeline *pipeline, struct sl_audio_packet *ret)
{
    return sl_ring_pop(pipeline->audio_ring, ret);
}

bool sl_pipeline_take_event(struct sl_pipeline *pipeline, struct sl_motion_event *ret)
{
    return sl_ring_pop(pipeline->event_ring, ret);
}

bool sl_pipeline_away(const struct sl_pipeline *pipeline)
{
    return atomic_load(&pipeline->config.capture->away);
}

void sl_pipeline_set_live(struct sl_pipeline *pipeline, bool live)
{
    if (live)
        atomic_fetch_or(&pipeline->requests, REQUEST_LIVE | REQUEST_KEY | REQUEST_FRESH);
    else
        atomic_fetch_and(&pipeline->requests, ~(unsigned)REQUEST_LIVE);
    if (live && pipeline->sub)
        sl_sub_request_key(pipeline->sub, true);
    if (live)
        sl_wake_signal(&pipeline->live_wake);
}

void sl_pipeline_request_key(struct sl_pipeline *pipeline)
{
    atomic_fetch_or(&pipeline->requests, REQUEST_KEY);
}

void sl_pipeline_request_sub_key(struct sl_pipeline *pipeline)
{
    if (pipeline->sub)
        sl_sub_request_key(pipeline->sub, false);
}

void sl_pipeline_set_rate(struct sl_pipeline *pipeline, sl_ns gate, int64_t bitrate_bps)
{
    atomic_store_explicit(&pipeline->gate, gate, memory_order_relaxed);
    atomic_store_explicit(&pipeline->bitrate_bps, bitrate_bps, memory_order_relaxed);
}

bool sl_pipeline_ended(const struct sl_pipeline *pipeline, int *error)
{
    if (!atomic_load_explicit(&pipeline->all_made, memory_order_acquire) ||
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
        .keyless = pipeline->keyless,
        .encoded = pipeline->encoded,
        .taken = pipeline->taken,
        .audio_packets = pipeline->audio_packets,
        .audio_dropped = pipeline->audio_dropped,
    };
}
