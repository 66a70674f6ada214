/* SPDX-License-Identifier: MIT */
#include "viewer/lane.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mailbox.h"
#include "base/pool.h"
#include "base/ring.h"
#include "base/time.h"
#include "base/trace.h"
#include "base/wake.h"
#include "codec/decoder.h"
#include "viewer/convert.h"
#include "viewer/wall.h"

#define PADDING 64   /* zero bytes that the decoder may read after a unit */
#define PICTURES 3   /* one being made, one in the mailbox, one on screen */
#define PLANE_END 64 /* libswscale may write a little past a row */

/* While units wait, a picture is about to be replaced and not worth scaling; but something is to be
 * seen this often even if the worker never catches up. */
#define SHOW_AT_LEAST_EVERY (100 * SL_MS)

struct entry {
    struct sl_unit unit; /* data is a block of the pool */
    bool restart;        /* the first key frame after a break */
};

/* A picture and the memory it lies in: its own, or the decoder's. */
struct made {
    struct sl_shown shown; /* first: the main thread sees only this */
    struct sl_video_hold *hold;
    uint8_t *memory;
    size_t memory_bytes;
};

/* One counter, written by one thread. */
typedef _Atomic uint64_t counter;

struct sl_lane {
    struct sl_trace *trace; /* or NULL */

    /* net thread */
    struct sl_pool *blocks;
    struct sl_ring *units;
    bool needs_key;
    struct sl_wake *wanted;
    counter offered, hidden, net_waiting, full;

    /* worker */
    struct sl_video_decoder *decoder;
    int threads; /* of the decoder */
    struct sl_scaler *scaler;
    struct made *making;
    bool broken;
    bool small, tiny;    /* the tile shows the picture at a half of its size, a quarter, or less */
    bool eased;          /* without the loop filter, until a key frame */
    unsigned long_waits; /* units in a row that waited long */
    sl_ns hurried_at;    /* when easing was wanted, the last time */
    sl_ns mend_asked_at; /* a key frame, the last time */
    sl_ns published_at;
    struct sl_wake *shown_wake;
    counter worker_waiting, overload, damaged, decoded, late, superseded, empty, published,
        eased_count;

    /* between */
    struct sl_mailbox ready; /* worker to main */
    struct sl_ring *spare;   /* main to worker: pictures to be made anew */
    _Atomic sl_ns due;       /* of the picture in `ready` */
    _Atomic uint32_t cell;   /* width << 16 | height that main wants */
    atomic_int threads_wanted;
    atomic_bool key_wanted;
    counter keys;

    /* main thread */
    struct made *showing;

    struct made pictures[PICTURES];
};

static void add(counter *c)
{
    atomic_fetch_add_explicit(c, 1, memory_order_relaxed);
}

static int create_parts(struct sl_lane *lane, size_t units)
{
    int error = sl_pool_create(&lane->blocks, units + 2, SL_LANE_UNIT_MAX + PADDING);
    if (!error)
        error = sl_ring_create(&lane->units, units, sizeof(struct entry));
    if (!error)
        error = sl_ring_create(&lane->spare, PICTURES, sizeof(struct made *));
    if (!error)
        error = sl_video_decoder_create(&lane->decoder, lane->threads);
    if (!error)
        error = sl_scaler_create(&lane->scaler);
    for (int i = 0; i < PICTURES && !error; i++)
        error = sl_video_hold_create(&lane->pictures[i].hold);
    return error;
}

/* There is room for all pictures. */
static void give_back(struct sl_lane *lane, struct made *made)
{
    if (!sl_ring_push(lane->spare, &made))
        abort();
}

int sl_lane_create(struct sl_lane **ret, size_t units, struct sl_wake *shown,
                   struct sl_wake *wanted)
{
    struct sl_lane *lane = calloc(1, sizeof(*lane));
    if (!lane)
        return -ENOMEM;
    lane->threads = 1;
    atomic_init(&lane->threads_wanted, 1);
    const int error = create_parts(lane, units);
    if (error) {
        sl_lane_destroy(lane);
        return error;
    }
    lane->shown_wake = shown;
    lane->wanted = wanted;
    lane->needs_key = true;
    lane->broken = true;
    lane->hurried_at = lane->mend_asked_at = -2 * SL_LANE_CALM;
    lane->making = &lane->pictures[0];
    sl_mailbox_init(&lane->ready);
    lane->showing = &lane->pictures[2];
    give_back(lane, &lane->pictures[1]);
    *ret = lane;
    return 0;
}

void sl_lane_destroy(struct sl_lane *lane)
{
    if (!lane)
        return;
    struct entry entry;
    while (lane->units && sl_ring_pop(lane->units, &entry))
        sl_pool_give(lane->blocks, (void *)(uintptr_t)entry.unit.data);
    sl_ring_destroy(lane->units);
    sl_ring_destroy(lane->spare);
    sl_pool_destroy(lane->blocks);
    for (int i = 0; i < PICTURES; i++) {
        sl_video_hold_destroy(lane->pictures[i].hold);
        free(lane->pictures[i].memory);
    }
    sl_scaler_destroy(lane->scaler);
    sl_video_decoder_destroy(lane->decoder);
    free(lane);
}

void sl_lane_trace(struct sl_lane *lane, struct sl_trace *trace)
{
    lane->trace = trace;
}

/* ---- net thread ---- */

static void want_key(struct sl_lane *lane)
{
    if (atomic_exchange_explicit(&lane->key_wanted, true, memory_order_acq_rel))
        return;
    add(&lane->keys);
    sl_wake_signal(lane->wanted);
}

int sl_lane_width(const struct sl_lane *lane)
{
    return (int)(atomic_load_explicit(&lane->cell, memory_order_relaxed) >> 16);
}

bool sl_lane_key_wanted(struct sl_lane *lane)
{
    return atomic_exchange_explicit(&lane->key_wanted, false, memory_order_acq_rel);
}

void sl_lane_break(struct sl_lane *lane)
{
    lane->needs_key = true;
    want_key(lane);
}

static bool enqueue(struct sl_lane *lane, const struct sl_unit *unit)
{
    uint8_t *block = unit->len <= SL_LANE_UNIT_MAX ? sl_pool_take(lane->blocks) : NULL;
    if (!block)
        return false;
    memcpy(block, unit->data, unit->len);
    memset(block + unit->len, 0, PADDING);
    struct entry entry = {.unit = *unit, .restart = lane->needs_key};
    entry.unit.data = block;
    if (sl_ring_push(lane->units, &entry))
        return true;
    sl_pool_give(lane->blocks, block);
    return false;
}

bool sl_lane_offer(struct sl_lane *lane, const struct sl_unit *unit)
{
    add(&lane->offered);
    if (!atomic_load_explicit(&lane->cell, memory_order_relaxed)) {
        lane->needs_key = true; /* sl_lane_want() asks for it when the tile is back */
        add(&lane->hidden);
        return false;
    }
    if (lane->needs_key && !unit->key) {
        add(&lane->net_waiting);
        want_key(lane);
        return false;
    }
    if (!enqueue(lane, unit)) {
        add(&lane->full);
        sl_lane_break(lane);
        return false;
    }
    lane->needs_key = false;
    return true;
}

/* ---- worker ---- */

static void trace(const struct sl_lane *lane, enum sl_trace_stage stage, const struct sl_unit *unit)
{
    if (lane->trace)
        sl_trace_note(lane->trace, stage, unit->timestamp, 0, sl_time_now());
}

/* The next picture has to be a key frame's. */
static void lose_chain(struct sl_lane *lane)
{
    lane->broken = true;
    want_key(lane);
}

static int reserve(struct made *made, size_t bytes)
{
    if (bytes <= made->memory_bytes)
        return 0;
    free(made->memory);
    made->memory_bytes = 0;
    made->memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!made->memory)
        return -ENOMEM;
    made->memory_bytes = bytes;
    return 0;
}

/* Scales into memory of our own. */
static int make_scaled(struct sl_lane *lane, struct made *made, const struct sl_picture *picture,
                       int width, int height)
{
    const int luma = (width + 63) & ~63, chroma = (width / 2 + 63) & ~63;
    const size_t luma_bytes = (size_t)luma * (size_t)height;
    const size_t chroma_bytes = (size_t)chroma * (size_t)(height / 2);
    int error = reserve(made, luma_bytes + 2 * chroma_bytes + PLANE_END);
    if (error)
        return error;
    uint8_t *const planes[3] = {made->memory, made->memory + luma_bytes,
                                made->memory + luma_bytes + chroma_bytes};
    struct sl_picture *to = &made->shown.picture;
    *to = (struct sl_picture){.width = width,
                              .height = height,
                              .plane = {planes[0], planes[1], planes[2]},
                              .stride = {luma, chroma, chroma}};
    sl_video_hold_drop(made->hold);
    return sl_scaler_scale(lane->scaler, picture, to, planes);
}

static int make(struct sl_lane *lane, const struct sl_picture *picture, uint32_t cell)
{
    struct made *made = lane->making;
    const struct sl_rect room = {0, 0, (int)(cell >> 16), (int)(cell & 0xffff)};
    const struct sl_rect fit = sl_wall_fit(&room, picture->width, picture->height);
    made->shown.source_width = picture->width;
    made->shown.source_height = picture->height;
    lane->small = 2 * fit.width <= picture->width;
    lane->tiny = 4 * fit.width <= picture->width;
    if (fit.width != picture->width || fit.height != picture->height)
        return make_scaled(lane, made, picture, fit.width, fit.height);
    made->shown.picture = *picture;
    sl_video_hold_keep(made->hold, lane->decoder);
    return 0;
}

/* There is always one: of three pictures one is in the mailbox now, and main gives the one on
 * screen back before it takes that. */
static struct made *next_to_make(struct sl_lane *lane, struct made *replaced)
{
    struct made *made = replaced;
    if (!made && !sl_ring_pop(lane->spare, &made))
        abort();
    return made;
}

static void publish(struct sl_lane *lane, const struct sl_unit *unit,
                    const struct sl_picture *picture, sl_ns now)
{
    lane->published_at = now;
    const uint32_t cell = atomic_load_explicit(&lane->cell, memory_order_relaxed);
    if (!cell || make(lane, picture, cell)) {
        add(&lane->empty);
        return;
    }
    struct made *made = lane->making;
    made->shown.has_capture = unit->has_capture;
    made->shown.picture.captured = unit->captured;
    made->shown.due = unit->due;
    made->shown.timestamp = unit->timestamp;
    trace(lane, SL_TRACE_DECODED, unit);
    atomic_store_explicit(&lane->due, unit->due, memory_order_relaxed);
    struct made *replaced = sl_mailbox_put(&lane->ready, made);
    add(replaced ? &lane->superseded : &lane->published);
    lane->making = next_to_make(lane, replaced);
    sl_wake_signal(lane->shown_wake);
}

/* The next unit may be there and not be due yet: then this picture, late as it is, has its time. */
static bool soon_replaced(const struct sl_lane *lane, const struct sl_unit *unit, sl_ns now)
{
    struct entry next;
    return unit->due <= now && now - lane->published_at < SHOW_AT_LEAST_EVERY &&
           sl_ring_peek(lane->units, &next) && next.unit.offered <= now;
}

static void decode(struct sl_lane *lane, const struct sl_unit *unit, sl_ns now)
{
    struct sl_picture picture;
    const int got = sl_video_decoder_decode(lane->decoder, unit->data, unit->len, &picture);
    if (got < 0) {
        add(&lane->damaged);
        lose_chain(lane);
        return;
    }
    add(&lane->decoded);
    if (lane->eased && !lane->tiny)
        add(&lane->eased_count);
    if (got == 0)
        add(&lane->empty);
    else if (unit->late)
        add(&lane->late);
    else if (soon_replaced(lane, unit, now))
        add(&lane->superseded);
    else
        publish(lane, unit, &picture, now);
}

/*
 * Whether this unit is decoded without the loop filter. Once a picture has been, those that refer
 * to it are not right any more, and mended only by a key frame; after a calm one is asked for.
 */
static void ease(struct sl_lane *lane, const struct sl_unit *unit, sl_ns now)
{
    const bool waited_long = now - unit->offered > SL_LANE_WAIT_LONG;
    lane->long_waits = waited_long ? lane->long_waits + 1 : 0;
    if (waited_long && (lane->eased || lane->long_waits >= SL_LANE_LONG_WAITS))
        lane->hurried_at = now;
    const bool hurried = lane->small && now - lane->hurried_at <= SL_LANE_CALM;
    const bool wanted = lane->tiny || hurried;
    if (lane->eased && !wanted && !unit->key && now - lane->mend_asked_at > SL_LANE_CALM) {
        lane->mend_asked_at = now;
        want_key(lane);
    }
    if (lane->tiny || (hurried && lane->hurried_at == now))
        lane->eased = true;
    else if (unit->key && !wanted)
        lane->eased = false;
    sl_video_decoder_ease(lane->decoder, lane->eased);
}

/* Before a key frame nothing is lost by a new decoder. Without memory the old one goes on. */
static void fit_decoder(struct sl_lane *lane)
{
    const int threads = atomic_load_explicit(&lane->threads_wanted, memory_order_relaxed);
    struct sl_video_decoder *decoder;
    if (threads == lane->threads || sl_video_decoder_create(&decoder, threads))
        return;
    sl_video_decoder_destroy(lane->decoder);
    lane->decoder = decoder;
    lane->threads = threads;
}

bool sl_lane_run(struct sl_lane *lane, sl_ns now)
{
    struct entry entry;
    if (!sl_ring_pop(lane->units, &entry))
        return false;
    const struct sl_unit *unit = &entry.unit;
    trace(lane, SL_TRACE_DECODE_BEGUN, unit);
    if (!lane->broken && !unit->key && now - unit->offered > SL_LANE_WAIT_MAX) {
        add(&lane->overload);
        lose_chain(lane);
    } else if (lane->broken && !unit->key) {
        add(&lane->worker_waiting);
        want_key(lane);
    } else {
        if (entry.restart || lane->broken)
            sl_video_decoder_reset(lane->decoder);
        if (unit->key)
            fit_decoder(lane);
        lane->broken = false;
        ease(lane, unit, now);
        decode(lane, unit, now);
    }
    sl_pool_give(lane->blocks, (void *)(uintptr_t)unit->data);
    return true;
}

/* ---- main thread ---- */

void sl_lane_want(struct sl_lane *lane, int width, int height)
{
    const uint32_t cell = width > 0 && height > 0
                              ? (uint32_t)(width & 0xffff) << 16 | (uint32_t)(height & 0xffff)
                              : 0;
    const uint32_t old = atomic_exchange_explicit(&lane->cell, cell, memory_order_relaxed);
    if (!old && cell)
        want_key(lane);
}

void sl_lane_share(struct sl_lane *lane, int threads)
{
    atomic_store_explicit(&lane->threads_wanted, threads, memory_order_relaxed);
}

sl_ns sl_lane_due(const struct sl_lane *lane)
{
    if (!atomic_load_explicit(&lane->ready.item, memory_order_acquire))
        return SL_NEVER;
    return atomic_load_explicit(&lane->due, memory_order_relaxed);
}

const struct sl_shown *sl_lane_take(struct sl_lane *lane, sl_ns now)
{
    if (sl_lane_due(lane) > now)
        return NULL;
    give_back(lane, lane->showing);
    lane->showing = sl_mailbox_take(&lane->ready);
    return &lane->showing->shown;
}

void sl_lane_stats(const struct sl_lane *lane, struct sl_lane_stats *ret)
{
    *ret = (struct sl_lane_stats){
        .held = sl_ring_held(lane->units),
        .hidden = atomic_load(&lane->hidden),
        .waiting = atomic_load(&lane->net_waiting) + atomic_load(&lane->worker_waiting),
        .full = atomic_load(&lane->full),
        .overload = atomic_load(&lane->overload),
        .damaged = atomic_load(&lane->damaged),
        .decoded = atomic_load(&lane->decoded),
        .late = atomic_load(&lane->late),
        .superseded = atomic_load(&lane->superseded),
        .empty = atomic_load(&lane->empty),
        .keys = atomic_load(&lane->keys),
        .eased = atomic_load(&lane->eased_count),
        .shown = atomic_load(&lane->published),
        .offered = atomic_load(&lane->offered),
    };
}
