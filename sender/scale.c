/* SPDX-License-Identifier: MIT */
#include "sender/scale.h"

#include <errno.h>
#include <stdlib.h>

#include <libavutil/frame.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

#include "sender/font.h"

struct sl_scaler {
    int width, height;
    bool full_range;
    struct SwsContext *sws;
};

int sl_scaler_create(struct sl_scaler **ret, int width, int height, bool full_range)
{
    struct sl_scaler *scaler = calloc(1, sizeof(*scaler));
    if (!scaler)
        return -ENOMEM;
    *scaler = (struct sl_scaler){.width = width, .height = height, .full_range = full_range};
    *ret = scaler;
    return 0;
}

void sl_scaler_destroy(struct sl_scaler *scaler)
{
    if (!scaler)
        return;
    sws_freeContext(scaler->sws);
    free(scaler);
}

static bool is_full_range(const AVFrame *frame)
{
    return frame->color_range == AVCOL_RANGE_JPEG || frame->format == AV_PIX_FMT_YUVJ420P ||
           frame->format == AV_PIX_FMT_YUVJ422P || frame->format == AV_PIX_FMT_YUVJ444P;
}

static bool fits_as_it_is(const struct sl_scaler *scaler, const AVFrame *frame)
{
    return frame->width == scaler->width && frame->height == scaler->height &&
           (frame->format == AV_PIX_FMT_YUV420P || frame->format == AV_PIX_FMT_YUVJ420P) &&
           is_full_range(frame) == scaler->full_range;
}

static int prepare(struct sl_scaler *scaler, const AVFrame *frame)
{
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(frame->format);
    const bool same_size = frame->width == scaler->width && frame->height == scaler->height;
    scaler->sws = sws_getCachedContext(scaler->sws, frame->width, frame->height, frame->format,
                                       scaler->width, scaler->height, AV_PIX_FMT_YUV420P,
                                       same_size ? SWS_POINT : SWS_BILINEAR, NULL, NULL, NULL);
    if (!scaler->sws)
        return -EINVAL;
    const bool rgb = format && (format->flags & AV_PIX_FMT_FLAG_RGB);
    const int *matrix = sws_getCoefficients(SWS_CS_DEFAULT);
    sws_setColorspaceDetails(scaler->sws, matrix, rgb || is_full_range(frame), matrix,
                             scaler->full_range, 0, 1 << 16, 1 << 16);
    return 0;
}

int sl_scaler_run(struct sl_scaler *scaler, const AVFrame *frame, uint8_t *pixels)
{
    const struct sl_canvas canvas = sl_canvas(pixels, scaler->width, scaler->height);
    uint8_t *planes[4] = {canvas.plane[0], canvas.plane[1], canvas.plane[2]};
    int strides[4] = {canvas.stride[0], canvas.stride[1], canvas.stride[2]};
    if (fits_as_it_is(scaler, frame)) {
        const uint8_t *from[4] = {frame->data[0], frame->data[1], frame->data[2]};
        av_image_copy(planes, strides, from, frame->linesize, AV_PIX_FMT_YUV420P, scaler->width,
                      scaler->height);
        return 0;
    }
    const int error = prepare(scaler, frame);
    if (error)
        return error;
    sws_scale(scaler->sws, (const uint8_t *const *)frame->data, frame->linesize, 0, frame->height,
              planes, strides);
    return 0;
}
