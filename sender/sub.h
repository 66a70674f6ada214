/* SPDX-License-Identifier: MIT */
/*
 * Sub: a camera's second, small picture (docs/layers.md): a thread of its own, so that the main
 * one is not delayed by it.
 *
 *     encode thread ──offer──▶ mailbox of 1 ──▶ scale ──▶ encode ──▶ ring of access units ──▶ the
 * loop a lent picture, done() when it is not needed any more
 *
 * The newest picture replaces one that was not begun; a full ring leaves a picture out before it is
 * encoded. offer() is the encode thread's, all else the loop's.
 */
#pragma once

#include "base/types.h"
#include "base/wake.h"
#include "codec/encoder.h"
#include "sender/access_unit.h"

struct sl_sub;

struct sl_sub_config {
    int width, height; /* of the pictures offered: packed I420 */
    bool full_range;   /* theirs, and the encoder's */
    int to_width, to_height;
    int fps;                           /* pictures beyond this rate are left out */
    sl_ns gop;                         /* a key frame at least this often */
    struct sl_video_encoder *encoder;  /* outlives it */
    struct sl_wake *wake;              /* signalled when there is something to take */
    void (*done)(void *ctx, void *id); /* from any of the threads */
    void *ctx;
};

/* Starts the thread. 0 or -errno. */
SL_MUST_CHECK int sl_sub_create(struct sl_sub **ret, const struct sl_sub_config *config);
/* Joins it; done() has been called for all that was offered. NULL is fine. */
void sl_sub_destroy(struct sl_sub *sub);

/* True: `pixels` is lent until done(id) is called. False: not needed, being beyond the rate. */
bool sl_sub_offer(struct sl_sub *sub, void *id, uint8_t *pixels, sl_ns captured);

/* The oldest access unit, until it is given back; false if there is none. */
bool sl_sub_take(struct sl_sub *sub, struct sl_access_unit *ret);
void sl_sub_give_back(struct sl_sub *sub, const struct sl_access_unit *unit);

/* `fresh`: whoever receives now has seen no key frame yet, however young the last one is. */
void sl_sub_request_key(struct sl_sub *sub, bool fresh);

/* offered == skipped + replaced + stalled + failed + encoded + in mailbox or encoder */
struct sl_sub_stats {
    uint64_t offered;
    uint64_t skipped;  /* beyond the rate */
    uint64_t replaced; /* by a newer one in the mailbox */
    uint64_t stalled;  /* the loop has not taken the units before */
    uint64_t failed;   /* the scaler or the encoder refused */
    uint64_t encoded;
};

void sl_sub_stats(const struct sl_sub *sub, struct sl_sub_stats *ret);
