/* SPDX-License-Identifier: MIT */
#include "sender/capture_v4l2_h264.h"

#include <errno.h>
#include <stdlib.h>

#include "sender/h264_look.h"

#define UNIT_MAX (4 << 20)
#define LOOK_PICTURES 8 /* a stream with B slices shows one among so many */
#define LOOK_IN_ORDER 2
#define KEY_SPACING (100 * SL_MS)
#define ASK_EVERY (500 * SL_MS)
#define KEY_PATIENCE (10 * SL_SEC)

struct sl_v4l2_h264 {
    struct sl_h264_pass *pass;
    struct sl_h264_look seen;
    uint32_t usually_missed; /* by a driver that does not number one by one */
    bool any, only_key;
    bool wanted, asked, had_key;
    sl_ns wanted_since, asked_at, last_key;
};

int sl_v4l2_h264_create(struct sl_v4l2_h264 **ret)
{
    struct sl_v4l2_h264 *h264 = calloc(1, sizeof(*h264));
    if (!h264)
        return -ENOMEM;
    const int error = sl_h264_pass_create(&h264->pass, UNIT_MAX);
    if (error) {
        free(h264);
        return error;
    }
    *ret = h264;
    return 0;
}

void sl_v4l2_h264_destroy(struct sl_v4l2_h264 *h264)
{
    if (!h264)
        return;
    sl_h264_pass_destroy(h264->pass);
    free(h264);
}

/* ---- Key frames ---- */

void sl_v4l2_h264_want_key(struct sl_v4l2_h264 *h264, sl_ns now)
{
    if (h264->wanted)
        return;
    h264->wanted = true;
    h264->wanted_since = now;
}

bool sl_v4l2_h264_ask(struct sl_v4l2_h264 *h264, sl_ns now)
{
    if (!h264->wanted || (h264->had_key && now - h264->last_key < KEY_SPACING) ||
        (h264->asked && now - h264->asked_at < ASK_EVERY))
        return false;
    h264->asked = true;
    h264->asked_at = now;
    return true;
}

bool sl_v4l2_h264_is_starved(const struct sl_v4l2_h264 *h264, sl_ns now)
{
    return h264->wanted && now - h264->wanted_since >= KEY_PATIENCE;
}

static void lose_track(struct sl_v4l2_h264 *h264, sl_ns now)
{
    h264->only_key = true;
    sl_v4l2_h264_want_key(h264, now);
}

static void note_key(struct sl_v4l2_h264 *h264, sl_ns now)
{
    h264->only_key = h264->wanted = h264->asked = false;
    h264->had_key = true;
    h264->last_key = now;
}

void sl_v4l2_h264_begin(struct sl_v4l2_h264 *h264, sl_ns now)
{
    h264->any = h264->wanted = h264->asked = h264->had_key = false;
    lose_track(h264, now);
}

/* ---- Units ---- */

/* Drivers that count what they never encoded leave out the same each time. */
static bool is_gap(struct sl_v4l2_h264 *h264, uint32_t missed)
{
    if (h264->seen.units < LOOK_PICTURES &&
        (h264->seen.units == 1 || missed < h264->usually_missed))
        h264->usually_missed = missed;
    const bool gap = h264->any && missed > h264->usually_missed;
    h264->any = true;
    return gap;
}

enum sl_v4l2_h264_found sl_v4l2_h264_take(struct sl_v4l2_h264 *h264,
                                          const struct sl_v4l2_h264_buffer *buffer, sl_ns now,
                                          struct sl_h264_passed *ret)
{
    struct sl_h264_passed passed;
    if (is_gap(h264, buffer->missed) || buffer->damaged)
        lose_track(h264, now);
    const int error = sl_h264_pass_unit(h264->pass, buffer->data, buffer->len, &passed);
    if (error == -EMSGSIZE)
        lose_track(h264, now);
    if (error)
        return error == -EMSGSIZE ? SL_V4L2_H264_KEYLESS : SL_V4L2_H264_NO_SLICE;
    sl_h264_look_note(&h264->seen, &passed);
    if (h264->only_key && !passed.key)
        return SL_V4L2_H264_KEYLESS;
    if (passed.reordered)
        return SL_V4L2_H264_REORDERED;
    if (passed.key)
        note_key(h264, now);
    *ret = passed;
    return SL_V4L2_H264_UNIT;
}

bool sl_v4l2_h264_is_known(const struct sl_v4l2_h264 *h264)
{
    const struct sl_sps *sps = sl_h264_pass_sps(h264->pass);
    return sps && (h264->seen.reordered ||
                   h264->seen.units >= (sps->in_order ? LOOK_IN_ORDER : LOOK_PICTURES));
}

bool sl_v4l2_h264_is_reordered(const struct sl_v4l2_h264 *h264)
{
    return h264->seen.reordered;
}

const struct sl_sps *sl_v4l2_h264_sps(const struct sl_v4l2_h264 *h264)
{
    return sl_h264_pass_sps(h264->pass);
}

int64_t sl_v4l2_h264_bitrate_bps(const struct sl_v4l2_h264 *h264, double fps)
{
    return sl_h264_look_bitrate_bps(&h264->seen, fps);
}
