/* SPDX-License-Identifier: MIT */
#include "sender/capture_v4l2_encoder.h"

#include <limits.h>

#include <linux/videodev2.h>

#define CHANGE_EVERY (250 * SL_MS)
#define CHANGE_PERCENT 3

/* ---- Controls ---- */

static bool query(const struct sl_v4l2_ops *ops, int fd, uint32_t id, struct v4l2_queryctrl *ret)
{
    *ret = (struct v4l2_queryctrl){.id = id};
    return sl_v4l2_ioctl(ops, fd, VIDIOC_QUERYCTRL, ret) == 0 &&
           !(ret->flags & (V4L2_CTRL_FLAG_DISABLED | V4L2_CTRL_FLAG_READ_ONLY));
}

static bool set(const struct sl_v4l2_ops *ops, int fd, uint32_t id, int32_t value)
{
    struct v4l2_control control = {.id = id, .value = value};
    return sl_v4l2_ioctl(ops, fd, VIDIOC_S_CTRL, &control) == 0;
}

static int64_t within(int64_t value, int64_t least, int64_t most, int64_t step)
{
    if (value <= least || most <= least)
        return least;
    const int64_t above = (value < most ? value : most) - least;
    return least + (step > 1 ? above / step * step : above);
}

static bool set_number(const struct sl_v4l2_ops *ops, int fd, uint32_t id, int64_t value)
{
    struct v4l2_queryctrl is;
    return query(ops, fd, id, &is) &&
           set(ops, fd, id, (int32_t)within(value, is.minimum, is.maximum, is.step));
}

/* The first of the choices that the menu has. */
static void choose(const struct sl_v4l2_ops *ops, int fd, uint32_t id, const int *choices,
                   int count)
{
    struct v4l2_queryctrl is;
    if (!query(ops, fd, id, &is))
        return;
    for (int i = 0; i < count; i++) {
        struct v4l2_querymenu item = {.id = id, .index = (uint32_t)choices[i]};
        if (choices[i] >= is.minimum && choices[i] <= is.maximum &&
            sl_v4l2_ioctl(ops, fd, VIDIOC_QUERYMENU, &item) == 0 && set(ops, fd, id, choices[i]))
            return;
    }
}

/* ---- What is wanted of it ---- */

/* By what they cost the picture; all of them every receiver can show. */
static const int profiles[] = {V4L2_MPEG_VIDEO_H264_PROFILE_HIGH, V4L2_MPEG_VIDEO_H264_PROFILE_MAIN,
                               V4L2_MPEG_VIDEO_H264_PROFILE_CONSTRAINED_BASELINE,
                               V4L2_MPEG_VIDEO_H264_PROFILE_BASELINE};
static const int rate_modes[] = {V4L2_MPEG_VIDEO_BITRATE_MODE_CBR};

static bool set_gop(const struct sl_v4l2_ops *ops, int fd, const struct sl_v4l2_coding *coding)
{
    const double seconds = (double)coding->gop / SL_SEC;
    const double pictures =
        coding->fps_num ? seconds * coding->fps_num / coding->fps_den : 30 * seconds;
    const int64_t count = pictures < 1 ? 1 : pictures > INT_MAX ? INT_MAX : (int64_t)pictures;
    const bool size = set_number(ops, fd, V4L2_CID_MPEG_VIDEO_GOP_SIZE, count);
    return set_number(ops, fd, V4L2_CID_MPEG_VIDEO_H264_I_PERIOD, count) || size;
}

static bool apply_bitrate(struct sl_v4l2_encoder *encoder, const struct sl_v4l2_ops *ops, int fd,
                          int64_t bps)
{
    const int64_t set_to = within(bps, encoder->least_bps, encoder->most_bps, encoder->step_bps);
    if (!set(ops, fd, V4L2_CID_MPEG_VIDEO_BITRATE, (int32_t)set_to))
        return false;
    encoder->bitrate_bps = set_to;
    return true;
}

static void set_up_bitrate(struct sl_v4l2_encoder *encoder, const struct sl_v4l2_ops *ops, int fd,
                           int64_t bps)
{
    struct v4l2_queryctrl is;
    (void)set_number(ops, fd, V4L2_CID_MPEG_VIDEO_FRAME_RC_ENABLE, 1);
    choose(ops, fd, V4L2_CID_MPEG_VIDEO_BITRATE_MODE, rate_modes, SL_COUNT(rate_modes));
    if (!query(ops, fd, V4L2_CID_MPEG_VIDEO_BITRATE, &is) || is.maximum <= 0)
        return;
    encoder->least_bps = is.minimum > 0 ? is.minimum : 1;
    encoder->most_bps = is.maximum;
    encoder->step_bps = is.step;
    (void)apply_bitrate(encoder, ops, fd, bps);
}

void sl_v4l2_encoder_set_up(struct sl_v4l2_encoder *ret, const struct sl_v4l2_ops *ops, int fd,
                            const struct sl_v4l2_coding *coding)
{
    struct v4l2_queryctrl is;
    *ret = (struct sl_v4l2_encoder){0};
    choose(ops, fd, V4L2_CID_MPEG_VIDEO_H264_PROFILE, profiles, SL_COUNT(profiles));
    (void)set_number(ops, fd, V4L2_CID_MPEG_VIDEO_B_FRAMES, 0);
    (void)set_number(ops, fd, V4L2_CID_MPEG_VIDEO_REPEAT_SEQ_HEADER, 1);
    (void)set_number(ops, fd, V4L2_CID_MPEG_VIDEO_PREPEND_SPSPPS_TO_IDR, 1);
    if (coding->gop)
        ret->gop = set_gop(ops, fd, coding);
    if (coding->bitrate_bps)
        set_up_bitrate(ret, ops, fd, coding->bitrate_bps);
    ret->key = query(ops, fd, V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME, &is);
}

bool sl_v4l2_encoder_force_key(const struct sl_v4l2_encoder *encoder, const struct sl_v4l2_ops *ops,
                               int fd)
{
    return encoder->key && set(ops, fd, V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME, 1);
}

void sl_v4l2_encoder_set_bitrate(struct sl_v4l2_encoder *encoder, const struct sl_v4l2_ops *ops,
                                 int fd, int64_t bps, sl_ns now)
{
    const int64_t was = encoder->bitrate_bps;
    const int64_t wanted = within(bps, encoder->least_bps, encoder->most_bps, encoder->step_bps);
    const int64_t off = wanted > was ? wanted - was : was - wanted;
    if (!was || off * 100 <= was * CHANGE_PERCENT ||
        (encoder->changed && now - encoder->changed < CHANGE_EVERY))
        return;
    encoder->changed = now;
    (void)apply_bitrate(encoder, ops, fd, bps);
}
