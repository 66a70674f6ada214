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
    AVFrame *copy; /* of the last frame that was not libavutil's; NULL: there was none */
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
    av_frame_free(&scaler->copy);
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
           is_full_range(frame) == scaler->full_range;
}

/* By hand: libswscale 6 crashes where rows of chroma are not multiples of its registers, as those
 * of 848x480 are not. */
static void split_chroma(const struct sl_canvas *canvas, const AVFrame *frame)
{
    const int first = frame->format == AV_PIX_FMT_NV12 ? 1 : 2;
    for (int y = 0; y < canvas->height / 2; y++) {
        const uint8_t *from = frame->data[1] + y * frame->linesize[1];
        uint8_t *even = canvas->plane[first] + y * canvas->stride[first];
        uint8_t *odd = canvas->plane[3 - first] + y * canvas->stride[3 - first];
        for (int x = 0; x < canvas->width / 2; x++) {
            even[x] = from[2 * x];
            odd[x] = from[2 * x + 1];
        }
    }
}

/* What needs neither scaling nor arithmetic. False: it does. */
static bool run_plain(const struct sl_scaler *scaler, const struct sl_canvas *canvas,
                      const AVFrame *frame)
{
    const bool semi = frame->format == AV_PIX_FMT_NV12 || frame->format == AV_PIX_FMT_NV21;
    const bool planar = frame->format == AV_PIX_FMT_YUV420P || frame->format == AV_PIX_FMT_YUVJ420P;
    if (!fits_as_it_is(scaler, frame) || (!semi && !planar))
        return false;
    av_image_copy_plane(canvas->plane[0], canvas->stride[0], frame->data[0], frame->linesize[0],
                        canvas->width, canvas->height);
    if (semi)
        split_chroma(canvas, frame);
    for (int i = 1; planar && i < 3; i++)
        av_image_copy_plane(canvas->plane[i], canvas->stride[i], frame->data[i], frame->linesize[i],
                            canvas->width / 2, canvas->height / 2);
    return true;
}

/* libswscale reads beyond the end of rows. libavutil's own frames have room for that; one that is
 * a view of somebody's memory is copied. 0 or -ENOMEM. */
static int make_room(struct sl_scaler *scaler, const AVFrame **frame)
{
    const AVFrame *from = *frame;
    AVFrame *copy = scaler->copy;
    if (from->buf[0])
        return 0;
    if (!copy || copy->width != from->width || copy->height != from->height ||
        copy->format != from->format) {
        av_frame_free(&scaler->copy);
        copy = scaler->copy = av_frame_alloc();
        if (!copy)
            return -ENOMEM;
        copy->width = from->width;
        copy->height = from->height;
        copy->format = from->format;
        if (av_frame_get_buffer(copy, 0)) {
            av_frame_free(&scaler->copy);
            return -ENOMEM;
        }
    }
    copy->color_range = from->color_range;
    *frame = copy;
    return av_frame_copy(copy, from) < 0 ? -ENOMEM : 0;
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
    if (run_plain(scaler, &canvas, frame))
        return 0;
    int error = make_room(scaler, &frame);
    error = error ? error : prepare(scaler, frame);
    if (error)
        return error;
    uint8_t *planes[4] = {canvas.plane[0], canvas.plane[1], canvas.plane[2]};
    int strides[4] = {canvas.stride[0], canvas.stride[1], canvas.stride[2]};
    sws_scale(scaler->sws, (const uint8_t *const *)frame->data, frame->linesize, 0, frame->height,
              planes, strides);
    return 0;
}
