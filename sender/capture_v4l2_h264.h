/* SPDX-License-Identifier: MIT */
/*
 * A camera's own H.264, from the driver's buffers to units that can be sent on, and when a key
 * frame has to be asked for.
 *
 *     buffer ──▶ h264_pass ──▶ unit, if nothing that it refers to is missing
 *
 * A buffer holds one access unit, as V4L2 has it, or parameter sets alone. After one that is lost
 * or damaged, and after the stream began anew, there is nothing before the next key frame.
 *
 * Pure: time is an argument. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "sender/h264_pass.h"

struct sl_v4l2_h264;

/* 0 or -ENOMEM. */
SL_MUST_CHECK int sl_v4l2_h264_create(struct sl_v4l2_h264 **ret);
/* NULL is fine. */
void sl_v4l2_h264_destroy(struct sl_v4l2_h264 *h264);

/* The device streams from now on, mid-GOP or not. What parameter sets there were stay known. */
void sl_v4l2_h264_begin(struct sl_v4l2_h264 *h264, sl_ns now);

enum sl_v4l2_h264_found {
    SL_V4L2_H264_UNIT,
    SL_V4L2_H264_KEYLESS,  /* of no use before a key frame */
    SL_V4L2_H264_NO_SLICE, /* parameter sets, or nothing that is known */
    SL_V4L2_H264_REORDERED /* it has B slices */
};

struct sl_v4l2_h264_buffer {
    const uint8_t *data;
    size_t len;
    uint32_t missed; /* numbers that the driver left out before it */
    bool damaged;    /* one before it was */
};

/* *ret is set with SL_V4L2_H264_UNIT only. */
enum sl_v4l2_h264_found sl_v4l2_h264_take(struct sl_v4l2_h264 *h264,
                                          const struct sl_v4l2_h264_buffer *buffer, sl_ns now,
                                          struct sl_h264_passed *ret);

/* A key frame is wanted; asked for until it comes, which also those of its own do. */
void sl_v4l2_h264_want_key(struct sl_v4l2_h264 *h264, sl_ns now);
/* Whether it is to be asked for now: not within 100 ms of the last one, which whoever asks cannot
 * have seen, nor within 500 ms of the last time. True counts as done. */
bool sl_v4l2_h264_ask(struct sl_v4l2_h264 *h264, sl_ns now);
/* Wanted for 10 s: this stream has none to come. */
bool sl_v4l2_h264_is_starved(const struct sl_v4l2_h264 *h264, sl_ns now);

/* Enough has come to know what it is: 8 pictures, or 2 that cannot be reordered, or a B slice. */
bool sl_v4l2_h264_is_known(const struct sl_v4l2_h264 *h264);
bool sl_v4l2_h264_is_reordered(const struct sl_v4l2_h264 *h264);
/* NULL before the first that can be read. */
const struct sl_sps *sl_v4l2_h264_sps(const struct sl_v4l2_h264 *h264);
/* A guess of what it sends. */
int64_t sl_v4l2_h264_bitrate_bps(const struct sl_v4l2_h264 *h264, double fps);
