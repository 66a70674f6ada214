/* SPDX-License-Identifier: MIT */
#include "sender/capture_v4l2_modes.h"

#include <errno.h>
#include <stdlib.h>

#include <linux/videodev2.h>

#define SIDE_MAX 8192
#define ENTRIES_MAX 256 /* of one list: a driver that never says "no more" */

struct reading {
    const struct sl_v4l2_ops *ops;
    int fd;
    const struct sl_v4l2_wish *wish;
    struct sl_v4l2_modes modes;
};

/* Any other answer ends a list; this one ends everything. */
static bool is_gone(int error)
{
    return error == -ENODEV || error == -ENOMEM;
}

static int add(struct reading *reading, const struct sl_v4l2_mode *mode)
{
    struct sl_v4l2_modes *modes = &reading->modes;
    if (mode->width < 1 || mode->height < 1 || mode->width > SIDE_MAX || mode->height > SIDE_MAX ||
        modes->count == SL_V4L2_MODES_MAX)
        return 0;
    if ((modes->count & (modes->count - 1)) == 0) { /* doubles when it is full */
        const size_t room = modes->count ? 2 * modes->count : 1;
        struct sl_v4l2_mode *list = reallocarray(modes->list, room, sizeof(*list));
        if (!list)
            return -ENOMEM;
        modes->list = list;
    }
    modes->list[modes->count++] = *mode;
    return 0;
}

/* A driver tells what lies between two pictures. */
static int add_interval(struct reading *reading, struct sl_v4l2_mode mode,
                        const struct v4l2_fract *interval)
{
    if (!sl_v4l2_set_interval(&mode, interval->numerator, interval->denominator))
        return 0;
    return add(reading, &mode);
}

static bool is_longer(const struct v4l2_fract *a, const struct v4l2_fract *b)
{
    return (uint64_t)a->numerator * b->denominator > (uint64_t)b->numerator * a->denominator;
}

/* A range: its ends, and the rate wished for if that is between them. */
static int add_interval_range(struct reading *reading, const struct sl_v4l2_mode *mode,
                              const struct v4l2_frmival_stepwise *range)
{
    const int fps = reading->wish->fps ? reading->wish->fps : SL_V4L2_FPS;
    const struct v4l2_fract wanted = {1, (unsigned)fps};
    int error = 0;
    if (is_longer(&wanted, &range->min) && is_longer(&range->max, &wanted))
        error = add_interval(reading, *mode, &wanted);
    error = error ? error : add_interval(reading, *mode, &range->min);
    return error ? error : add_interval(reading, *mode, &range->max);
}

static int read_intervals(struct reading *reading, const struct sl_v4l2_mode *mode)
{
    const size_t before = reading->modes.count;
    struct v4l2_frmivalenum entry = {
        .pixel_format = mode->fourcc,
        .width = (unsigned)mode->width,
        .height = (unsigned)mode->height,
    };
    int error = 0;
    for (; !error && entry.index < ENTRIES_MAX; entry.index++) {
        error = sl_v4l2_ioctl(reading->ops, reading->fd, VIDIOC_ENUM_FRAMEINTERVALS, &entry);
        if (error)
            break;
        if (entry.type != V4L2_FRMIVAL_TYPE_DISCRETE) {
            error = add_interval_range(reading, mode, &entry.stepwise);
            break;
        }
        error = add_interval(reading, *mode, &entry.discrete);
    }
    if (is_gone(error))
        return error;
    return reading->modes.count == before ? add(reading, mode) : 0;
}

static struct sl_frame_size wanted_size(const struct sl_v4l2_wish *wish)
{
    const struct sl_frame_size usual = {SL_V4L2_WIDTH, SL_V4L2_HEIGHT};
    return wish->size.width ? wish->size : usual;
}

static int clamp_side(uint32_t side)
{
    return side < SIDE_MAX ? (int)side : SIDE_MAX;
}

static int read_size_range(struct reading *reading, struct sl_v4l2_mode mode,
                           const struct v4l2_frmsize_stepwise *range)
{
    const struct sl_frame_size wanted = wanted_size(reading->wish);
    mode.least =
        (struct sl_frame_size){clamp_side(range->min_width), clamp_side(range->min_height)};
    mode.most = (struct sl_frame_size){clamp_side(range->max_width), clamp_side(range->max_height)};
    mode.width = sl_v4l2_nearest(wanted.width, mode.least.width, mode.most.width,
                                 clamp_side(range->step_width));
    mode.height = sl_v4l2_nearest(wanted.height, mode.least.height, mode.most.height,
                                  clamp_side(range->step_height));
    return read_intervals(reading, &mode);
}

/* A driver that lists no sizes still makes the best of one that is asked for. */
static int try_size(struct reading *reading, struct sl_v4l2_mode mode)
{
    const struct sl_frame_size wanted = wanted_size(reading->wish);
    struct v4l2_format format = {
        .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
        .fmt.pix =
            {
                .width = (unsigned)wanted.width,
                .height = (unsigned)wanted.height,
                .pixelformat = mode.fourcc,
                .field = V4L2_FIELD_NONE,
            },
    };
    const int error = sl_v4l2_ioctl(reading->ops, reading->fd, VIDIOC_TRY_FMT, &format);
    if (error || format.fmt.pix.pixelformat != mode.fourcc)
        return is_gone(error) ? error : 0;
    mode.width = clamp_side(format.fmt.pix.width);
    mode.height = clamp_side(format.fmt.pix.height);
    return read_intervals(reading, &mode);
}

static int read_sizes(struct reading *reading, struct sl_v4l2_mode mode)
{
    const size_t before = reading->modes.count;
    struct v4l2_frmsizeenum entry = {.pixel_format = mode.fourcc};
    int error = 0;
    for (; !error && entry.index < ENTRIES_MAX; entry.index++) {
        error = sl_v4l2_ioctl(reading->ops, reading->fd, VIDIOC_ENUM_FRAMESIZES, &entry);
        if (error)
            break;
        if (entry.type != V4L2_FRMSIZE_TYPE_DISCRETE) {
            error = read_size_range(reading, mode, &entry.stepwise);
            break;
        }
        mode.width = clamp_side(entry.discrete.width);
        mode.height = clamp_side(entry.discrete.height);
        error = read_intervals(reading, &mode);
    }
    if (is_gone(error))
        return error;
    return reading->modes.count == before ? try_size(reading, mode) : 0;
}

int sl_v4l2_modes_read(struct sl_v4l2_modes *ret, const struct sl_v4l2_ops *ops, int fd,
                       const struct sl_v4l2_wish *wish)
{
    struct reading reading = {.ops = ops, .fd = fd, .wish = wish};
    struct v4l2_fmtdesc entry = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    int error = 0;
    for (; !error && entry.index < ENTRIES_MAX; entry.index++) {
        error = sl_v4l2_ioctl(ops, fd, VIDIOC_ENUM_FMT, &entry);
        if (error)
            break;
        const struct sl_v4l2_mode mode = {
            .fourcc = entry.pixelformat,
            .emulated = entry.flags & V4L2_FMT_FLAG_EMULATED,
            .fps_den = 1,
        };
        error = read_sizes(&reading, mode);
    }
    if (is_gone(error)) {
        sl_v4l2_modes_free(&reading.modes);
        return error;
    }
    *ret = reading.modes;
    return 0;
}

void sl_v4l2_modes_free(struct sl_v4l2_modes *modes)
{
    free(modes->list);
    *modes = (struct sl_v4l2_modes){0};
}
