/* SPDX-License-Identifier: MIT */
#include "receiver/jpeg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libswscale/swscale.h>

/* Of 1 to 31: text on a sign 20 pixels high stays sharp, and 1280x720 takes about 100 kB. */
#define QUALITY 4
#define PLANES 3

static AVFrame *make_frame(const struct sl_picture *picture)
{
    AVFrame *frame = av_frame_alloc();
    if (!frame)
        return NULL;
    frame->width = picture->width;
    frame->height = picture->height;
    frame->format = AV_PIX_FMT_YUVJ420P;
    frame->color_range = AVCOL_RANGE_JPEG;
    frame->quality = QUALITY * FF_QP2LAMBDA;
    if (av_frame_get_buffer(frame, 0) < 0)
        av_frame_free(&frame);
    return frame;
}

/* Into the range and the matrix that JFIF has. */
static int convert(AVFrame *frame, const struct sl_picture *picture)
{
    /* The formats tell the ranges: told later, swscale would merely copy. */
    struct SwsContext *scaler = sws_getContext(
        picture->width, picture->height,
        picture->full_range ? AV_PIX_FMT_YUVJ420P : AV_PIX_FMT_YUV420P, picture->width,
        picture->height, AV_PIX_FMT_YUVJ420P, SWS_BILINEAR, NULL, NULL, NULL);
    if (!scaler)
        return -ENOMEM;
    const int *from = sws_getCoefficients(picture->bt709 ? SWS_CS_ITU709 : SWS_CS_DEFAULT);
    (void)sws_setColorspaceDetails(scaler, from, picture->full_range,
                                   sws_getCoefficients(SWS_CS_DEFAULT), 1, 0, 1 << 16, 1 << 16);
    sws_scale(scaler, picture->plane, picture->stride, 0, picture->height, frame->data,
              frame->linesize);
    sws_freeContext(scaler);
    return 0;
}

static int open_encoder(AVCodecContext **ret, const AVFrame *frame)
{
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
    AVCodecContext *context = codec ? avcodec_alloc_context3(codec) : NULL;
    if (!context)
        return codec ? -ENOMEM : -ENOENT;
    context->width = frame->width;
    context->height = frame->height;
    context->pix_fmt = frame->format;
    context->color_range = frame->color_range;
    context->time_base = (AVRational){1, 25};
    context->flags |= AV_CODEC_FLAG_QSCALE;
    context->global_quality = frame->quality;
    context->thread_count = 1;
    *ret = context;
    return avcodec_open2(context, codec, NULL) < 0 ? -EIO : 0;
}

static int take_out(AVCodecContext *context, const AVFrame *frame, uint8_t **data, size_t *len)
{
    AVPacket *packet = av_packet_alloc();
    if (!packet)
        return -ENOMEM;
    int err = avcodec_send_frame(context, frame) < 0 ? -EIO : 0;
    if (err == 0)
        err = avcodec_receive_packet(context, packet) < 0 ? -EIO : 0;
    uint8_t *copy = err == 0 ? malloc((size_t)packet->size) : NULL;
    if (copy) {
        memcpy(copy, packet->data, (size_t)packet->size);
        *data = copy;
        *len = (size_t)packet->size;
    } else if (err == 0) {
        err = -ENOMEM;
    }
    av_packet_free(&packet);
    return err;
}

int sl_jpeg_encode(const struct sl_picture *picture, uint8_t **data, size_t *len)
{
    AVFrame *frame = make_frame(picture);
    AVCodecContext *context = NULL;
    if (!frame)
        return -ENOMEM;
    int err = convert(frame, picture);
    if (err == 0)
        err = open_encoder(&context, frame);
    if (err == 0)
        err = take_out(context, frame, data, len);
    avcodec_free_context(&context);
    av_frame_free(&frame);
    return err;
}
