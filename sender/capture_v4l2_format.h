/* SPDX-License-Identifier: MIT */
/*
 * The pixel formats that are taken from V4L2 devices: one table from a driver's code to
 * libavutil's and libavcodec's, and how a picture lies in a driver's buffer. Pure.
 *
 * A further format is a line in the table if libavutil has it, or if the difference is that two
 * planes are exchanged.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libavcodec/codec_id.h>
#include <libavutil/pixfmt.h>

#include "base/types.h"

struct AVFrame;

struct sl_v4l2_format {
    uint32_t fourcc;
    const char *name;          /* of --format */
    enum AVPixelFormat pixels; /* AV_PIX_FMT_NONE: compressed */
    enum AVCodecID codec;      /* of compressed ones */
    bool swapped;              /* the second and the third plane have changed places */
    bool grey;
    bool encoded; /* an access unit of a stream, which nothing here makes a picture of */
};

/* NULL if there is none. Of two that are equally good, the one earlier in the table is cheaper. */
const struct sl_v4l2_format *sl_v4l2_format_find(uint32_t fourcc);
const struct sl_v4l2_format *sl_v4l2_format_named(const char *name);
/* Walks the table: NULL gives the first, the last gives NULL. */
const struct sl_v4l2_format *sl_v4l2_format_after(const struct sl_v4l2_format *format);

/* "YUYV"; what cannot be printed becomes '?'. */
#define SL_V4L2_FOURCC_TEXT 5
const char *sl_v4l2_fourcc_text(uint32_t fourcc, char text[SL_V4L2_FOURCC_TEXT]);

struct sl_v4l2_shape {
    int width, height;
    int stride; /* bytes from one row of the first plane to the next */
    bool full_range;
};

/* The least `stride` there can be. */
int sl_v4l2_format_stride(const struct sl_v4l2_format *format, int width);

/* Bytes of a picture that is not compressed, or -EINVAL if there is none of that shape. */
SL_MUST_CHECK int sl_v4l2_format_bytes(const struct sl_v4l2_format *format,
                                       const struct sl_v4l2_shape *shape);

/* Makes `frame` a view of such a picture at `data`, which it does not own. 0 or -EINVAL. */
SL_MUST_CHECK int sl_v4l2_format_view(const struct sl_v4l2_format *format,
                                      const struct sl_v4l2_shape *shape, const uint8_t *data,
                                      struct AVFrame *frame);
