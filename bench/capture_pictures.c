/* SPDX-License-Identifier: MIT */
#include "bench/capture_pictures.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavutil/frame.h>
#include <libavutil/imgutils.h>
#include <libswscale/swscale.h>

#include "bench/scene.h"

#define JPEG_QUALITY 4 /* of 2 (best) to 31: what webcams send, 2 to 3 bits a pixel */

struct sl_capture_pictures {
    const struct sl_v4l2_format *format;
    struct sl_v4l2_shape shape;
    int count;
    struct picture {
        uint8_t *data;
        size_t len;
    } list[];
};

/* What it is all made by; frames are libavutil's own, with room for libswscale. */
struct maker {
    AVFrame *plain, *made;
    struct SwsContext *sws;
    AVCodecContext *jpeg; /* NULL: not compressed */
    AVPacket *packet;
};

static AVFrame *take_frame(enum AVPixelFormat pixels, int width, int height)
{
    AVFrame *frame = av_frame_alloc();
    if (!frame)
        return NULL;
    frame->format = pixels;
    frame->width = width;
    frame->height = height;
    if (av_frame_get_buffer(frame, 0))
        av_frame_free(&frame);
    return frame;
}

static int open_jpeg(struct maker *maker, enum AVPixelFormat pixels, int width, int height)
{
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
    if (!codec)
        return -ENOTSUP;
    maker->jpeg = avcodec_alloc_context3(codec);
    maker->packet = av_packet_alloc();
    if (!maker->jpeg || !maker->packet)
        return -ENOMEM;
    maker->jpeg->width = width;
    maker->jpeg->height = height;
    maker->jpeg->pix_fmt = pixels;
    maker->jpeg->time_base = (AVRational){1, 30};
    maker->jpeg->color_range = AVCOL_RANGE_JPEG;
    maker->jpeg->flags |= AV_CODEC_FLAG_QSCALE;
    maker->jpeg->global_quality = JPEG_QUALITY * FF_QP2LAMBDA;
    maker->jpeg->thread_count = 1;
    return avcodec_open2(maker->jpeg, codec, NULL) ? -ENOTSUP : 0;
}

static int open_maker(struct maker *maker, const struct sl_capture_pictures *pictures,
                      enum AVPixelFormat jpeg)
{
    const int width = pictures->shape.width, height = pictures->shape.height;
    const bool compressed = pictures->format->pixels == AV_PIX_FMT_NONE;
    const enum AVPixelFormat pixels = compressed ? jpeg : pictures->format->pixels;
    maker->plain = take_frame(AV_PIX_FMT_YUV420P, width, height);
    maker->made = take_frame(pixels, width, height);
    maker->sws = sws_getContext(width, height, AV_PIX_FMT_YUV420P, width, height, pixels,
                                SWS_BILINEAR, NULL, NULL, NULL);
    if (!maker->plain || !maker->made || !maker->sws)
        return -ENOMEM;
    maker->made->quality = JPEG_QUALITY * FF_QP2LAMBDA;
    const int *matrix = sws_getCoefficients(SWS_CS_DEFAULT);
    const bool rgb = pixels == AV_PIX_FMT_RGB24 || pixels == AV_PIX_FMT_BGR24;
    sws_setColorspaceDetails(maker->sws, matrix, 0, matrix, compressed || rgb, 0, 1 << 16, 1 << 16);
    return compressed ? open_jpeg(maker, jpeg, width, height) : 0;
}

static void close_maker(struct maker *maker)
{
    av_frame_free(&maker->plain);
    av_frame_free(&maker->made);
    sws_freeContext(maker->sws);
    avcodec_free_context(&maker->jpeg);
    av_packet_free(&maker->packet);
}

static int keep_raw(const struct sl_capture_pictures *pictures, const AVFrame *made,
                    struct picture *ret)
{
    const int bytes = sl_v4l2_format_bytes(pictures->format, &pictures->shape);
    ret->data = bytes > 0 ? malloc((size_t)bytes) : NULL;
    AVFrame *view = av_frame_alloc();
    int error = bytes < 0 ? bytes : ret->data && view ? 0 : -ENOMEM;
    if (!error)
        error = sl_v4l2_format_view(pictures->format, &pictures->shape, ret->data, view);
    if (!error)
        av_image_copy(view->data, view->linesize, (const uint8_t **)(uintptr_t)made->data,
                      made->linesize, made->format, made->width, made->height);
    av_frame_free(&view);
    ret->len = (size_t)bytes;
    return error;
}

static int keep_jpeg(struct maker *maker, struct picture *ret)
{
    if (avcodec_send_frame(maker->jpeg, maker->made) ||
        avcodec_receive_packet(maker->jpeg, maker->packet))
        return -EINVAL;
    ret->len = (size_t)maker->packet->size;
    ret->data = malloc(ret->len);
    if (ret->data)
        memcpy(ret->data, maker->packet->data, ret->len);
    av_packet_unref(maker->packet);
    return ret->data ? 0 : -ENOMEM;
}

static int make(struct sl_capture_pictures *pictures, struct maker *maker,
                const struct sl_scene *scene, int index)
{
    const int width = pictures->shape.width, height = pictures->shape.height;
    uint8_t *plane[4] = {NULL};
    int stride[4] = {0};
    sl_scene_planes(scene, sl_scene_frame(scene, (uint32_t)index), plane, stride);
    av_image_copy(maker->plain->data, maker->plain->linesize, (const uint8_t **)plane, stride,
                  AV_PIX_FMT_YUV420P, width, height);
    if (av_frame_make_writable(maker->made)) /* the encoder may hold on to the one before */
        return -ENOMEM;
    sws_scale(maker->sws, (const uint8_t *const *)maker->plain->data, maker->plain->linesize, 0,
              height, maker->made->data, maker->made->linesize);
    maker->made->pts = index;
    struct picture *picture = &pictures->list[index];
    return maker->jpeg ? keep_jpeg(maker, picture) : keep_raw(pictures, maker->made, picture);
}

int sl_capture_pictures_create(struct sl_capture_pictures **ret,
                               const struct sl_v4l2_format *format, enum AVPixelFormat jpeg,
                               const struct sl_scene *scene, int width, int height, int count)
{
    if (format->encoded)
        return -ENOTSUP;
    struct sl_capture_pictures *pictures =
        calloc(1, sizeof(*pictures) + (size_t)count * sizeof(pictures->list[0]));
    if (!pictures)
        return -ENOMEM;
    struct maker maker = {NULL};
    pictures->format = format;
    pictures->count = count;
    pictures->shape = (struct sl_v4l2_shape){
        .width = width,
        .height = height,
        .stride = sl_v4l2_format_stride(format, width),
        .full_range = format->pixels == AV_PIX_FMT_NONE,
    };
    int error = open_maker(&maker, pictures, jpeg);
    for (int i = 0; i < count && !error; i++)
        error = make(pictures, &maker, scene, i);
    close_maker(&maker);
    if (error) {
        sl_capture_pictures_destroy(pictures);
        return error;
    }
    *ret = pictures;
    return 0;
}

void sl_capture_pictures_destroy(struct sl_capture_pictures *pictures)
{
    if (!pictures)
        return;
    for (int i = 0; i < pictures->count; i++)
        free(pictures->list[i].data);
    free(pictures);
}

const struct sl_v4l2_shape *sl_capture_pictures_shape(const struct sl_capture_pictures *pictures)
{
    return &pictures->shape;
}

struct sl_capture_bytes sl_capture_picture(const struct sl_capture_pictures *pictures,
                                           uint32_t index)
{
    const struct picture *picture = &pictures->list[index % (uint32_t)pictures->count];
    return (struct sl_capture_bytes){.data = picture->data, .len = picture->len};
}

double sl_capture_pictures_mean(const struct sl_capture_pictures *pictures)
{
    double sum = 0;
    for (int i = 0; i < pictures->count; i++)
        sum += (double)pictures->list[i].len;
    return sum / pictures->count;
}
