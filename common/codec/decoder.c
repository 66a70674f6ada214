/* SPDX-License-Identifier: MIT */
#include "codec/decoder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavutil/pixdesc.h>

#include "media/nal.h"

#define PIXELS_MAX ((int64_t)4096 * 4096) /* what a peer's SPS can make us allocate */
#define SPS_GROWTH 64                     /* a VUI with bitstream restriction is under 32 bytes */

struct sl_video_decoder {
    AVCodecContext *context;
    AVPacket *packet;
    AVFrame *frame;
    uint8_t *rewritten; /* an access unit whose SPS had to be changed */
    size_t rewritten_size;
    int threads;
};

static int open_context(struct sl_video_decoder *decoder)
{
    const AVCodec *codec = avcodec_find_decoder(AV_CODEC_ID_H264);
    if (!codec)
        return -ENOENT;
    AVCodecContext *context = avcodec_alloc_context3(codec);
    if (!context)
        return -ENOMEM;
    context->flags |= AV_CODEC_FLAG_LOW_DELAY;
    context->thread_type = FF_THREAD_SLICE; /* frame threads cost a frame of delay each */
    context->thread_count = decoder->threads;
    context->err_recognition |= AV_EF_EXPLODE; /* rather no picture than a mended-looking one */
    context->max_pixels = PIXELS_MAX;
    const int error = avcodec_open2(context, codec, NULL);
    if (error < 0) {
        avcodec_free_context(&context);
        return -EIO;
    }
    decoder->context = context;
    return 0;
}

int sl_video_decoder_create(struct sl_video_decoder **ret, int threads)
{
    if (threads < 1 || threads > 16)
        return -EINVAL;
    struct sl_video_decoder *decoder = calloc(1, sizeof(*decoder));
    if (!decoder)
        return -ENOMEM;
    decoder->threads = threads;
    decoder->packet = av_packet_alloc();
    decoder->frame = av_frame_alloc();
    int error = decoder->packet && decoder->frame ? open_context(decoder) : -ENOMEM;
    if (error) {
        sl_video_decoder_destroy(decoder);
        return error;
    }
    *ret = decoder;
    return 0;
}

void sl_video_decoder_destroy(struct sl_video_decoder *decoder)
{
    if (!decoder)
        return;
    avcodec_free_context(&decoder->context);
    av_packet_free(&decoder->packet);
    av_frame_free(&decoder->frame);
    free(decoder->rewritten);
    free(decoder);
}

void sl_video_decoder_reset(struct sl_video_decoder *decoder)
{
    av_frame_unref(decoder->frame);
    avcodec_flush_buffers(decoder->context);
}

void sl_video_decoder_ease(struct sl_video_decoder *decoder, bool on)
{
    decoder->context->skip_loop_filter = on ? AVDISCARD_ALL : AVDISCARD_DEFAULT;
}

/* Type of the NAL whose start code is at `at` (zeros, then 1), or -1. */
static int nal_type(const uint8_t *at, const uint8_t *end)
{
    while (at < end && !*at)
        at++;
    return end - at >= 2 && *at == 1 ? at[1] & 0x1f : -1;
}

/*
 * A decoder holds pictures back as long as the SPS allows reordering, and a missing restriction
 * allows all of it. No stream of ours reorders, so an SPS without the promise is given it.
 */
static bool sps_holds_back(const struct sl_nal *nal)
{
    struct sl_sps sps;
    if (sl_sps_read(&sps, nal->data, nal->len))
        return false;
    return !sps.bitstream_restriction || sps.num_reorder_frames > 0;
}

static int reserve(struct sl_video_decoder *decoder, size_t size)
{
    if (size <= decoder->rewritten_size)
        return 0;
    uint8_t *bigger = realloc(decoder->rewritten, size);
    if (!bigger)
        return -ENOMEM;
    decoder->rewritten = bigger;
    decoder->rewritten_size = size;
    return 0;
}

/* Copies the unit with `nal` replaced. Returns the new length or -errno. */
static int replace_sps(struct sl_video_decoder *decoder, const uint8_t *data, size_t len,
                       const struct sl_nal *nal)
{
    const size_t size = len + SPS_GROWTH + AV_INPUT_BUFFER_PADDING_SIZE;
    int error = reserve(decoder, size);
    if (error)
        return error;
    const size_t before = (size_t)(nal->data - data);
    const size_t after = len - before - nal->len;
    uint8_t *out = decoder->rewritten;
    memcpy(out, data, before);
    const int sps_len = sl_sps_no_reorder(nal->data, nal->len, out + before, nal->len + SPS_GROWTH);
    if (sps_len < 0)
        return sps_len;
    memcpy(out + before + sps_len, nal->data + nal->len, after);
    const size_t total = before + (size_t)sps_len + after;
    memset(out + total, 0, AV_INPUT_BUFFER_PADDING_SIZE);
    return (int)total;
}

/* libavcodec keeps what a stream said of its colours when the next one says nothing (no VUI). */
static void forget_colours(struct sl_video_decoder *decoder)
{
    decoder->context->color_range = AVCOL_RANGE_UNSPECIFIED;
    decoder->context->colorspace = AVCOL_SPC_UNSPECIFIED;
}

/* Points *data at a rewritten copy if the unit's SPS asks for it; else leaves all as it is. */
static void take_sps(struct sl_video_decoder *decoder, const uint8_t **data, size_t *len)
{
    const uint8_t *at = *data, *end = *data + *len;
    struct sl_nal nal;
    for (;;) {
        const int type = nal_type(at, end);
        if (type < 0 || (type >= SL_NAL_SLICE && type <= SL_NAL_IDR))
            return; /* parameter sets come before slices; spare scanning those */
        if (!sl_nal_next(&at, end, &nal))
            return;
        if (type != SL_NAL_SPS)
            continue;
        forget_colours(decoder);
        if (sps_holds_back(&nal))
            break;
    }
    const int total = replace_sps(decoder, *data, *len, &nal);
    if (total > 0) {
        *data = decoder->rewritten;
        *len = (size_t)total;
    }
}

static void keep(void *opaque, uint8_t *data)
{
    (void)opaque;
    (void)data;
}

/* Lends the caller's bytes to libavcodec, which would copy what is not reference-counted. */
static int send_unit(struct sl_video_decoder *decoder, const uint8_t *data, size_t len)
{
    AVPacket *packet = decoder->packet;
    packet->buf = av_buffer_create((uint8_t *)(uintptr_t)data, len + AV_INPUT_BUFFER_PADDING_SIZE,
                                   keep, NULL, AV_BUFFER_FLAG_READONLY);
    if (!packet->buf)
        return -ENOMEM;
    packet->data = packet->buf->data;
    packet->size = (int)len;
    const int error = avcodec_send_packet(decoder->context, packet);
    av_packet_unref(packet);
    return error < 0 ? -EBADMSG : 0;
}

static int view_frame(const AVFrame *frame, struct sl_picture *ret)
{
    /* Which of the two formats it is may be left over from a stream before; color_range is not. */
    if (frame->format != AV_PIX_FMT_YUVJ420P && frame->format != AV_PIX_FMT_YUV420P)
        return -ENOTSUP;
    if ((frame->flags & AV_FRAME_FLAG_CORRUPT) || frame->decode_error_flags)
        return -EBADMSG;
    *ret = (struct sl_picture){
        .width = frame->width,
        .height = frame->height,
        .full_range = frame->color_range == AVCOL_RANGE_JPEG,
        .bt709 = frame->colorspace == AVCOL_SPC_BT709,
    };
    for (int i = 0; i < 3; i++) {
        ret->plane[i] = frame->data[i];
        ret->stride[i] = frame->linesize[i];
    }
    return 1;
}

int sl_video_decoder_decode(struct sl_video_decoder *decoder, const uint8_t *data, size_t len,
                            struct sl_picture *ret)
{
    if (!len || len > INT32_MAX / 2)
        return -EBADMSG;
    take_sps(decoder, &data, &len);
    const int error = send_unit(decoder, data, len);
    if (error)
        return error;
    const int got = avcodec_receive_frame(decoder->context, decoder->frame);
    if (got == AVERROR(EAGAIN))
        return 0;
    return got < 0 ? -EBADMSG : view_frame(decoder->frame, ret);
}

struct sl_video_hold {
    AVFrame *frame;
};

int sl_video_hold_create(struct sl_video_hold **ret)
{
    struct sl_video_hold *hold = calloc(1, sizeof(*hold));
    if (!hold)
        return -ENOMEM;
    hold->frame = av_frame_alloc();
    if (!hold->frame) {
        free(hold);
        return -ENOMEM;
    }
    *ret = hold;
    return 0;
}

void sl_video_hold_destroy(struct sl_video_hold *hold)
{
    if (!hold)
        return;
    av_frame_free(&hold->frame);
    free(hold);
}

void sl_video_hold_keep(struct sl_video_hold *hold, struct sl_video_decoder *decoder)
{
    av_frame_unref(hold->frame);
    av_frame_move_ref(hold->frame, decoder->frame);
}

void sl_video_hold_drop(struct sl_video_hold *hold)
{
    av_frame_unref(hold->frame);
}
