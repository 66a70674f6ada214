/* SPDX-License-Identifier: MIT */
#include "sender/sub.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <libavutil/frame.h>

#include "base/mailbox.h"
#include "base/pool.h"
#include "base/ring.h"
#include "base/time.h"
#include "sender/font.h"
#include "sender/scale.h"

#define UNITS 8
#define OFFERS 3                  /* being written, in the mailbox, being encoded */
#define KEY_SPACING (100 * SL_MS) /* as the main picture's: see pipeline.c */

enum { REQUEST_KEY = 1, REQUEST_FRESH = 2 };

/* A lent picture. */
struct offer {
    void *id;
    uint8_t *pixels;
    sl_ns captured;
};

struct sl_sub {
    struct sl_sub_config config;
    pthread_t thread;
    bool runs;
    atomic_bool stop;
    struct sl_pool *offers;
    struct sl_mailbox mailbox;
    struct sl_wake picture_wake;
    atomic_uint requests;
    struct sl_pool *units;
    struct sl_ring *ring;

    sl_ns next; /* encode thread: when the next picture is due */

    /* Its own thread. */
    struct sl_scaler *scaler;
    AVFrame *frame;
    uint8_t *pixels; /* scaled */
    bool key_wanted, any_key;
    sl_ns last_key;

    /* Each is written by one thread. */
    _Atomic uint64_t offered, skipped, replaced, stalled, failed, encoded;
};

static void count(_Atomic uint64_t *counter)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

static size_t picture_bytes(const struct sl_sub *sub)
{
    return (size_t)sub->config.to_width * (size_t)sub->config.to_height * 3 / 2;
}

/* As the pipeline's: no access unit is as large as its picture, but for tiny ones. */
static size_t unit_bytes(const struct sl_sub *sub)
{
    return picture_bytes(sub) + 16384;
}

/* ---- The encode thread's side ---- */

static void release(struct sl_sub *sub, struct offer *offer)
{
    sub->config.done(sub->config.ctx, offer->id);
    sl_pool_give(sub->offers, offer);
}

static bool too_soon(struct sl_sub *sub, sl_ns captured)
{
    const sl_ns period = SL_SEC / sub->config.fps;
    if (captured < sub->next - period / 4)
        return true;
    sub->next = captured > sub->next + period ? captured + period : sub->next + period;
    return false;
}

bool sl_sub_offer(struct sl_sub *sub, void *id, uint8_t *pixels, sl_ns captured)
{
    count(&sub->offered);
    struct offer *offer = too_soon(sub, captured) ? NULL : sl_pool_take(sub->offers);
    if (!offer) {
        count(&sub->skipped);
        return false;
    }
    *offer = (struct offer){.id = id, .pixels = pixels, .captured = captured};
    struct offer *unread = sl_mailbox_put(&sub->mailbox, offer);
    sl_wake_signal(&sub->picture_wake);
    if (unread) {
        count(&sub->replaced);
        release(sub, unread);
    }
    return true;
}

/* ---- Its thread ---- */

static bool key_due(struct sl_sub *sub, sl_ns captured)
{
    const unsigned requests = atomic_exchange_explicit(&sub->requests, 0, memory_order_acq_rel);
    if (requests & REQUEST_FRESH)
        sub->any_key = false;
    const sl_ns since = captured - sub->last_key;
    if (requests || (sub->config.gop && since >= sub->config.gop))
        sub->key_wanted = true;
    return sub->key_wanted && (!sub->any_key || since >= KEY_SPACING);
}

static int scale(struct sl_sub *sub, const struct offer *offer)
{
    const struct sl_canvas from = sl_canvas(offer->pixels, sub->config.width, sub->config.height);
    for (int i = 0; i < 3; i++) {
        sub->frame->data[i] = from.plane[i];
        sub->frame->linesize[i] = from.stride[i];
    }
    return sl_scaler_run(sub->scaler, sub->frame, sub->pixels);
}

/* Into `unit`, whose memory is there already. 0 or -errno. */
static int encode(struct sl_sub *sub, const struct offer *offer, struct sl_access_unit *unit)
{
    const sl_ns began = sl_time_now();
    const int width = sub->config.to_width, height = sub->config.to_height;
    const struct sl_canvas canvas = sl_canvas(sub->pixels, width, height);
    const struct sl_picture view = {
        .width = width,
        .height = height,
        .plane = {canvas.plane[0], canvas.plane[1], canvas.plane[2]},
        .stride = {canvas.stride[0], canvas.stride[1], canvas.stride[2]},
        .full_range = sub->config.full_range,
        .captured = offer->captured,
    };
    struct sl_encoded encoded;
    const bool key = key_due(sub, offer->captured);
    int error = scale(sub, offer);
    error = error ? error : sl_video_encoder_encode(sub->config.encoder, &view, key, &encoded);
    if (error)
        return error;
    if (encoded.len > unit_bytes(sub)) {
        sub->key_wanted = true; /* what follows would refer to it */
        return -EMSGSIZE;
    }
    memcpy(unit->data, encoded.data, encoded.len);
    unit->len = encoded.len;
    unit->key = encoded.key;
    unit->captured = offer->captured;
    unit->encode_time = sl_time_now() - began;
    return 0;
}

static void encode_and_hand_over(struct sl_sub *sub, const struct offer *offer)
{
    struct sl_access_unit unit = {.data = sl_pool_take(sub->units)};
    if (!unit.data) {
        count(&sub->stalled);
        return;
    }
    if (encode(sub, offer, &unit) || !sl_ring_push(sub->ring, &unit)) {
        sl_pool_give(sub->units, unit.data); /* the ring has a place for every block */
        count(&sub->failed);
        return;
    }
    count(&sub->encoded);
    if (unit.key) {
        sub->any_key = true;
        sub->key_wanted = false;
        sub->last_key = unit.captured;
    }
    sl_wake_signal(sub->config.wake);
}

static void *run(void *ctx)
{
    struct sl_sub *sub = ctx;
    while (!atomic_load_explicit(&sub->stop, memory_order_acquire)) {
        struct offer *offer = sl_mailbox_take(&sub->mailbox);
        if (!offer) {
            sl_wake_wait(&sub->picture_wake, SL_NEVER);
            continue;
        }
        encode_and_hand_over(sub, offer);
        release(sub, offer);
    }
    return NULL;
}

/* ---- The loop's side ---- */

static int make_frame(struct sl_sub *sub)
{
    sub->frame = av_frame_alloc();
    sub->pixels = malloc(picture_bytes(sub));
    if (!sub->frame || !sub->pixels)
        return -ENOMEM;
    sub->frame->width = sub->config.width;
    sub->frame->height = sub->config.height;
    sub->frame->format = AV_PIX_FMT_YUV420P;
    sub->frame->color_range = sub->config.full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    return sl_scaler_create(&sub->scaler, sub->config.to_width, sub->config.to_height,
                            sub->config.full_range);
}

static int start(struct sl_sub *sub)
{
    int error = make_frame(sub);
    error = error ? error : sl_pool_create(&sub->offers, OFFERS, sizeof(struct offer));
    error = error ? error : sl_pool_create(&sub->units, UNITS, unit_bytes(sub));
    error = error ? error : sl_ring_create(&sub->ring, UNITS, sizeof(struct sl_access_unit));
    error = error ? error : sl_wake_init(&sub->picture_wake);
    error = error ? error : -pthread_create(&sub->thread, NULL, run, sub);
    if (error)
        return error;
    sub->runs = true;
    pthread_setname_np(sub->thread, "sub");
    return 0;
}

int sl_sub_create(struct sl_sub **ret, const struct sl_sub_config *config)
{
    struct sl_sub *sub = calloc(1, sizeof(*sub));
    if (!sub)
        return -ENOMEM;
    sub->config = *config;
    sub->picture_wake.fd = -1;
    sl_mailbox_init(&sub->mailbox);
    const int error = start(sub);
    if (error) {
        sl_sub_destroy(sub);
        return error;
    }
    *ret = sub;
    return 0;
}

void sl_sub_destroy(struct sl_sub *sub)
{
    if (!sub)
        return;
    atomic_store(&sub->stop, true);
    if (sub->runs) {
        sl_wake_signal(&sub->picture_wake);
        pthread_join(sub->thread, NULL);
    }
    struct offer *unread = sl_mailbox_take(&sub->mailbox);
    if (unread)
        release(sub, unread);
    for (struct sl_access_unit unit; sub->ring && sl_ring_pop(sub->ring, &unit);)
        sl_pool_give(sub->units, unit.data);
    sl_pool_destroy(sub->offers);
    sl_pool_destroy(sub->units);
    sl_ring_destroy(sub->ring);
    sl_wake_fini(&sub->picture_wake);
    sl_scaler_destroy(sub->scaler);
    av_frame_free(&sub->frame);
    free(sub->pixels);
    free(sub);
}

bool sl_sub_take(struct sl_sub *sub, struct sl_access_unit *ret)
{
    return sl_ring_pop(sub->ring, ret);
}

void sl_sub_give_back(struct sl_sub *sub, const struct sl_access_unit *unit)
{
    sl_pool_give(sub->units, unit->data);
}

void sl_sub_request_key(struct sl_sub *sub, bool fresh)
{
    atomic_fetch_or(&sub->requests, REQUEST_KEY | (fresh ? REQUEST_FRESH : 0));
}

void sl_sub_stats(const struct sl_sub *sub, struct sl_sub_stats *ret)
{
    *ret = (struct sl_sub_stats){
        .offered = sub->offered,
        .skipped = sub->skipped,
        .replaced = sub->replaced,
        .stalled = sub->stalled,
        .failed = sub->failed,
        .encoded = sub->encoded,
    };
}
