/* SPDX-License-Identifier: MIT */
#include "sender/capture_v4l2_format.h"

#include <errno.h>
#include <string.h>

#include <libavutil/frame.h>
#include <libavutil/imgutils.h>
#include <linux/videodev2.h>

#define SIDE_MAX 8192

/* By what it costs to make I420 of it: less copying first, formats with less colour after those
 * that have more, decoding last. */
static const struct sl_v4l2_format formats[] = {
    {.fourcc = V4L2_PIX_FMT_YUV420, .name = "yu12", .pixels = AV_PIX_FMT_YUV420P},
    {.fourcc = V4L2_PIX_FMT_YVU420, .name = "yv12", .pixels = AV_PIX_FMT_YUV420P, .swapped = true},
    {.fourcc = V4L2_PIX_FMT_NV12, .name = "nv12", .pixels = AV_PIX_FMT_NV12},
    {.fourcc = V4L2_PIX_FMT_NV21, .name = "nv21", .pixels = AV_PIX_FMT_NV21},
    {.fourcc = V4L2_PIX_FMT_YUYV, .name = "yuyv", .pixels = AV_PIX_FMT_YUYV422},
    {.fourcc = V4L2_PIX_FMT_UYVY, .name = "uyvy", .pixels = AV_PIX_FMT_UYVY422},
    {.fourcc = V4L2_PIX_FMT_YVYU, .name = "yvyu", .pixels = AV_PIX_FMT_YVYU422},
    {.fourcc = V4L2_PIX_FMT_BGR24, .name = "bgr24", .pixels = AV_PIX_FMT_BGR24},
    {.fourcc = V4L2_PIX_FMT_RGB24, .name = "rgb24", .pixels = AV_PIX_FMT_RGB24},
    {.fourcc = V4L2_PIX_FMT_MJPEG,
     .name = "mjpeg",
     .pixels = AV_PIX_FMT_NONE,
     .codec = AV_CODEC_ID_MJPEG},
    {.fourcc = V4L2_PIX_FMT_JPEG,
     .name = "jpeg",
     .pixels = AV_PIX_FMT_NONE,
     .codec = AV_CODEC_ID_MJPEG},
    {.fourcc = V4L2_PIX_FMT_GREY, .name = "grey", .pixels = AV_PIX_FMT_GRAY8, .grey = true},
    {.fourcc = V4L2_PIX_FMT_H264,
     .name = "h264",
     .pixels = AV_PIX_FMT_NONE,
     .codec = AV_CODEC_ID_H264,
     .encoded = true},
};

const struct sl_v4l2_format *sl_v4l2_format_find(uint32_t fourcc)
{
    for (size_t i = 0; i < SL_COUNT(formats); i++)
        if (formats[i].fourcc == fourcc)
            return &formats[i];
    return NULL;
}

const struct sl_v4l2_format *sl_v4l2_format_named(const char *name)
{
    for (size_t i = 0; i < SL_COUNT(formats); i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}

const struct sl_v4l2_format *sl_v4l2_format_after(const struct sl_v4l2_format *format)
{
    const struct sl_v4l2_format *next = format ? format + 1 : formats;
    return next < formats + SL_COUNT(formats) ? next : NULL;
}

const char *sl_v4l2_fourcc_text(uint32_t fourcc, char text[SL_V4L2_FOURCC_TEXT])
{
    for (int i = 0; i < 4; i++) {
        const char c = (char)(fourcc >> (8 * i) & 0x7f);
        text[i] = c < 0x20 || c == 0x7f ? '?' : c;
    }
    for (int i = 4; i >= 0 && (i == 4 || text[i] == ' '); i--)
        text[i] = 0;
    return text;
}

int sl_v4l2_format_stride(const struct sl_v4l2_format *format, int width)
{
    return format->pixels == AV_PIX_FMT_NONE ? 0 : av_image_get_linesize(format->pixels, width, 0);
}

/* A driver tells one stride. The rows of two chroma planes are half as long, those of one that
 * holds both are as long as a row of luma. */
static int strides(const struct sl_v4l2_format *format, const struct sl_v4l2_shape *shape,
                   int ret[4])
{
    if (format->pixels == AV_PIX_FMT_NONE || shape->width < 2 || shape->height < 2 ||
        shape->width > SIDE_MAX || shape->height > SIDE_MAX ||
        shape->stride < sl_v4l2_format_stride(format, shape->width) ||
        shape->stride > 16 * SIDE_MAX)
        return -EINVAL;
    memset(ret, 0, 4 * sizeof(*ret));
    ret[0] = shape->stride;
    switch (av_pix_fmt_count_planes(format->pixels)) {
    case 2:
        ret[1] = shape->stride;
        break;
    case 3:
        ret[1] = ret[2] = shape->stride / 2;
        break;
    }
    /* An odd width has half a pair more of chroma than its luma has room for. */
    return av_image_get_linesize(format->pixels, shape->width, 1) > ret[1] ? -EINVAL : 0;
}

int sl_v4l2_format_bytes(const struct sl_v4l2_format *format, const struct sl_v4l2_shape *shape)
{
    uint8_t *data[4];
    int lines[4];
    if (strides(format, shape, lines))
        return -EINVAL;
    const int bytes = av_image_fill_pointers(data, format->pixels, shape->height, NULL, lines);
    return bytes > 0 ? bytes : -EINVAL;
}

int sl_v4l2_format_view(const struct sl_v4l2_format *format, const struct sl_v4l2_shape *shape,
                        const uint8_t *bytes, AVFrame *frame)
{
    int lines[4];
    if (strides(format, shape, lines))
        return -EINVAL;
    frame->format = format->pixels;
    frame->width = shape->width;
    frame->height = shape->height;
    frame->color_range = shape->full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    memcpy(frame->linesize, lines, sizeof(lines));
    uint8_t *data = (uint8_t *)(uintptr_t)bytes; /* only ever read */
    if (av_image_fill_pointers(frame->data, format->pixels, shape->height, data, lines) <= 0)
        return -EINVAL;
    if (format->swapped) {
        uint8_t *third = frame->data[2];
        frame->data[2] = frame->data[1];
        frame->data[1] = third;
    }
    return 0;
}
