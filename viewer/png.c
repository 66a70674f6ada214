/* SPDX-License-Identifier: MIT */
#include "viewer/png.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include <libavcodec/avcodec.h>

static AVFrame *rgb_frame(const struct sl_canvas *canvas)
{
    AVFrame *frame = av_frame_alloc();
    if (!frame)
        return NULL;
    frame->format = AV_PIX_FMT_RGB24;
    frame->width = canvas->width;
    frame->height = canvas->height;
    if (av_frame_get_buffer(frame, 0) < 0) {
        av_frame_free(&frame);
        return NULL;
    }
    for (int y = 0; y < canvas->height; y++) {
        const uint8_t *in = canvas->pixels + (size_t)y * (size_t)canvas->stride;
        uint8_t *out = frame->data[0] + (ptrdiff_t)y * frame->linesize[0];
        for (int x = 0; x < canvas->width; x++, in += 4, out += 3) {
            out[0] = in[2];
            out[1] = in[1];
            out[2] = in[0];
        }
    }
    return frame;
}

static AVCodecContext *open_encoder(const AVFrame *frame)
{
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_PNG);
    AVCodecContext *context = codec ? avcodec_alloc_context3(codec) : NULL;
    if (!context)
        return NULL;
    context->width = frame->width;
    context->height = frame->height;
    context->pix_fmt = frame->format;
    context->time_base = (AVRational){1, 1};
    if (avcodec_open2(context, codec, NULL) < 0)
        avcodec_free_context(&context);
    return context;
}

static int write_file(const char *path, const uint8_t *data, size_t len)
{
    char beside[PATH_MAX];
    if (snprintf(beside, sizeof(beside), "%s.part", path) >= (int)sizeof(beside))
        return -ENAMETOOLONG;
    FILE *file = fopen(beside, "wb");
    if (!file)
        return -errno;
    int error = fwrite(data, 1, len, file) == len ? 0 : -EIO;
    if (fclose(file) && !error)
        error = -errno;
    if (!error && rename(beside, path))
        error = -errno;
    if (error)
        unlink(beside);
    return error;
}

int sl_png_write(const char *path, const struct sl_canvas *canvas)
{
    int error = -ENOMEM;
    AVCodecContext *context = NULL;
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = rgb_frame(canvas);
    if (!packet || !frame)
        goto out;
    error = -EIO;
    context = open_encoder(frame);
    if (!context || avcodec_send_frame(context, frame) < 0 ||
        avcodec_receive_packet(context, packet) < 0)
        goto out;
    error = write_file(path, packet->data, (size_t)packet->size);
out:
    avcodec_free_context(&context);
    av_frame_free(&frame);
    av_packet_free(&packet);
    return error;
}
