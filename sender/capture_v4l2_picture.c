/* SPDX-License-Identifier: MIT */
#include "sender/capture_v4l2_picture.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>

struct sl_v4l2_picture {
    const struct sl_v4l2_format *format;
    AVFrame *frame;
    AVCodecContext *decoder; /* NULL: not compressed */
    AVPacket *packet;
    bool ends; /* the camera's JPEGs end as they should: one that does not was cut off */
};

/* One picture in, one picture out: no threads, which would hold some back. */
static int open_decoder(struct sl_v4l2_picture *picture)
{
    const AVCodec *codec = avcodec_find_decoder(picture->format->codec);
    if (!codec)
        return -ENOTSUP;
    picture->decoder = avcodec_alloc_context3(codec);
    picture->packet = av_packet_alloc();
    if (!picture->decoder || !picture->packet)
        return -ENOMEM;
    picture->decoder->thread_count = 1;
    picture->decoder->err_recognition = AV_EF_EXPLODE; /* else the rest of it is made up */
    return avcodec_open2(picture->decoder, codec, NULL) ? -ENOTSUP : 0;
}

int sl_v4l2_picture_create(struct sl_v4l2_picture **ret, const struct sl_v4l2_format *format)
{
    struct sl_v4l2_picture *picture = calloc(1, sizeof(*picture));
    if (!picture)
        return -ENOMEM;
    picture->format = format;
    picture->frame = av_frame_alloc();
    int error = picture->frame ? 0 : -ENOMEM;
    if (!error && format->pixels == AV_PIX_FMT_NONE)
        error = open_decoder(picture);
    if (error) {
        sl_v4l2_picture_destroy(picture);
        return error;
    }
    *ret = picture;
    return 0;
}

void sl_v4l2_picture_destroy(struct sl_v4l2_picture *picture)
{
    if (!picture)
        return;
    av_packet_free(&picture->packet);
    avcodec_free_context(&picture->decoder);
    av_frame_free(&picture->frame);
    free(picture);
}

/* What is missing at the end libavcodec makes up where it is not much. Some cameras never write an
 * end, others fill up behind it. */
static bool is_cut_off(struct sl_v4l2_picture *picture, const uint8_t *data, size_t len)
{
    bool end = false;
    for (size_t i = len; i >= 2 && !end; i--)
        end = data[i - 2] == 0xff && data[i - 1] == 0xd9;
    picture->ends |= end;
    return picture->ends && !end;
}

/* Into memory of its own: libavcodec reads a little beyond the end of what it is given. */
static int decode(struct sl_v4l2_picture *picture, const uint8_t *data, size_t len)
{
    AVPacket *packet = picture->packet;
    if (is_cut_off(picture, data, len) || len > INT32_MAX - AV_INPUT_BUFFER_PADDING_SIZE ||
        av_new_packet(packet, (int)len))
        return -EBADMSG;
    memcpy(packet->data, data, len);
    packet->flags |= AV_PKT_FLAG_KEY;
    int error = avcodec_send_packet(picture->decoder, packet);
    av_packet_unref(packet);
    error = error ? error : avcodec_receive_frame(picture->decoder, picture->frame);
    if (!error && !(picture->frame->flags & AV_FRAME_FLAG_CORRUPT) &&
        !picture->frame->decode_error_flags)
        return 0;
    avcodec_flush_buffers(picture->decoder);
    return -EBADMSG;
}

int sl_v4l2_picture_read(struct sl_v4l2_picture *picture, const struct sl_v4l2_shape *shape,
                         const uint8_t *data, size_t len, const AVFrame **ret)
{
    int error;
    if (picture->decoder) {
        /* Whatever a damaged header says: a little more than what was agreed is enough. */
        picture->decoder->max_pixels = 2 * (int64_t)shape->width * shape->height;
        error = decode(picture, data, len);
    } else {
        const int bytes = sl_v4l2_format_bytes(picture->format, shape);
        error = bytes < 0 || len < (size_t)bytes ? -EBADMSG : 0;
        error = error ? error : sl_v4l2_format_view(picture->format, shape, data, picture->frame);
    }
    if (error)
        return -EBADMSG;
    *ret = picture->frame;
    return 0;
}
