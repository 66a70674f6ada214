/* SPDX-License-Identifier: MIT */
#include "receiver/export_codec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavutil/opt.h>
#include <libswscale/swscale.h>

#include "base/bytes.h"
#include "media/nal.h"

#define PIXELS_MAX ((int64_t)8192 * 8192)
#define KEY_PICTURES 60
#define VP8_BPS_MAX 16000000 /* quality decides; what it may take at most */
#define LENGTH 4

/* ---- Decoder ---- */

struct sl_export_decoder {
    AVCodecContext *context;
    AVPacket *packet;
    AVFrame *frame;
};

int sl_export_decoder_create(struct sl_export_decoder **ret, const struct sl_segment_samples *video)
{
    struct sl_export_decoder *decoder = calloc(1, sizeof(*decoder));
    if (!decoder)
        return -ENOMEM;
    const AVCodec *codec = avcodec_find_decoder(AV_CODEC_ID_H264);
    decoder->context = codec ? avcodec_alloc_context3(codec) : NULL;
    decoder->packet = av_packet_alloc();
    decoder->frame = av_frame_alloc();
    AVCodecContext *context = decoder->context;
    if (context)
        context->extradata = av_mallocz(video->config_len + AV_INPUT_BUFFER_PADDING_SIZE);
    if (!context || !decoder->packet || !decoder->frame || !context->extradata) {
        sl_export_decoder_destroy(decoder);
        return codec ? -ENOMEM : -ENOENT;
    }
    memcpy(context->extradata, video->config, video->config_len);
    context->extradata_size = (int)video->config_len;
    context->max_pixels = PIXELS_MAX;
    context->thread_count = 1; /* the encoder has the other cores */
    if (avcodec_open2(context, codec, NULL) < 0) {
        sl_export_decoder_destroy(decoder);
        return -EIO;
    }
    *ret = decoder;
    return 0;
}

void sl_export_decoder_destroy(struct sl_export_decoder *decoder)
{
    if (!decoder)
        return;
    avcodec_free_context(&decoder->context);
    av_packet_free(&decoder->packet);
    av_frame_free(&decoder->frame);
    free(decoder);
}

int sl_export_decoder_send(struct sl_export_decoder *decoder, const uint8_t *data, size_t len,
                           int64_t at)
{
    AVPacket *packet = decoder->packet;
    packet->data = (uint8_t *)(uintptr_t)data; /* not counted: libavcodec copies it */
    packet->size = (int)len;
    packet->pts = packet->dts = at;
    const int err = avcodec_send_packet(decoder->context, data ? packet : NULL);
    packet->data = NULL;
    packet->size = 0;
    return err < 0 && err != AVERROR_EOF ? -EBADMSG : 0;
}

int sl_export_decoder_receive(struct sl_export_decoder *decoder, AVFrame **ret)
{
    const int err = avcodec_receive_frame(decoder->context, decoder->frame);
    if (err == AVERROR(EAGAIN) || err == AVERROR_EOF)
        return 0;
    if (err < 0)
        return -EBADMSG;
    *ret = decoder->frame;
    return 1;
}

void sl_export_decoder_rewind(struct sl_export_decoder *decoder)
{
    avcodec_flush_buffers(decoder->context);
}

/* ---- Encoder ---- */

struct sl_export_encoder {
    AVCodecContext *context;
    struct SwsContext *scaler;
    AVFrame *scaled;
};

static int set(AVCodecContext *context, const char *key, const char *value)
{
    return av_opt_set(context->priv_data, key, value, 0) < 0 ? -ENOENT : 0;
}

/* Of the same profile, level and colours as what follows it, and better than it needs to be. */
static int tune_h264(AVCodecContext *context, const struct sl_export_encoder_config *config)
{
    const AVFrame *like = config->like;
    const int profile = config->avc->profile_idc;
    char id[32];
    context->pix_fmt = like->format;
    context->color_range = like->color_range;
    context->color_primaries = like->color_primaries;
    context->color_trc = like->color_trc;
    context->colorspace = like->colorspace;
    context->sample_aspect_ratio = like->sample_aspect_ratio;
    context->level = config->avc->level_idc;
    context->refs = config->avc->references > 0 ? config->avc->references : 1;
    context->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    snprintf(id, sizeof(id), "sps-id=%d", config->avc->free_id);
    int err = set(context, "x264-params", id);
    if (err == 0 && (profile == 66 || profile == 77 || profile == 100))
        err = set(context, "profile", profile == 66 ? "baseline" : profile == 77 ? "main" : "high");
    err = err ? err : set(context, "preset", "veryfast");
    err = err ? err : set(context, "tune", "zerolatency");
    return err ? err : set(context, "crf", "16");
}

static int tune_vp8(AVCodecContext *context)
{
    context->bit_rate = VP8_BPS_MAX;
    context->gop_size = KEY_PICTURES;
    context->thread_count = 1; /* two wait for each other in loops: four times the work */
    int err = set(context, "crf", "10");
    err = err ? err : set(context, "deadline", "realtime");
    err = err ? err : set(context, "cpu-used", "6");
    return err ? err : set(context, "lag-in-frames", "0");
}

/* XviD's tag is known wherever AVI is played. */
static int tune_mpeg4(AVCodecContext *context)
{
    context->codec_tag = MKTAG('X', 'V', 'I', 'D');
    context->flags |= AV_CODEC_FLAG_QSCALE;
    context->global_quality = 3 * FF_QP2LAMBDA;
    context->gop_size = KEY_PICTURES;
    context->max_b_frames = 0;
    return 0;
}

static int tune(AVCodecContext *context, const struct sl_export_encoder_config *config)
{
    context->width = config->like->width;
    context->height = config->like->height;
    context->pix_fmt = AV_PIX_FMT_YUV420P;
    context->time_base = config->base;
    context->framerate = config->rate;
    if (config->codec == AV_CODEC_ID_H264)
        return tune_h264(context, config);
    return config->codec == AV_CODEC_ID_VP8 ? tune_vp8(context) : tune_mpeg4(context);
}

static const AVCodec *find_codec(enum AVCodecID id)
{
    if (id == AV_CODEC_ID_H264)
        return avcodec_find_encoder_by_name("libx264"); /* the one that can be told an id */
    if (id == AV_CODEC_ID_VP8)
        return avcodec_find_encoder_by_name("libvpx");
    return avcodec_find_encoder(id);
}

int sl_export_encoder_create(struct sl_export_encoder **ret,
                             const struct sl_export_encoder_config *config)
{
    const AVCodec *codec = find_codec(config->codec);
    if (!codec)
        return -ENOENT;
    struct sl_export_encoder *encoder = calloc(1, sizeof(*encoder));
    if (!encoder)
        return -ENOMEM;
    encoder->context = avcodec_alloc_context3(codec);
    encoder->scaled = av_frame_alloc();
    int err = encoder->context && encoder->scaled ? tune(encoder->context, config) : -ENOMEM;
    if (err == 0 && avcodec_open2(encoder->context, codec, NULL) < 0)
        err = -EIO;
    if (err != 0) {
        sl_export_encoder_destroy(encoder);
        return err;
    }
    *ret = encoder;
    return 0;
}

void sl_export_encoder_destroy(struct sl_export_encoder *encoder)
{
    if (!encoder)
        return;
    avcodec_free_context(&encoder->context);
    av_frame_free(&encoder->scaled);
    sws_freeContext(encoder->scaler);
    free(encoder);
}

/* VP8 and MPEG-4 say nothing of their matrix: players take it for BT.601. */
static void keep_colours(struct SwsContext *scaler, const AVFrame *frame)
{
    const bool full = frame->color_range == AVCOL_RANGE_JPEG;
    const int *from =
        sws_getCoefficients(frame->colorspace == AVCOL_SPC_BT709 ? SWS_CS_ITU709 : SWS_CS_DEFAULT);
    (void)sws_setColorspaceDetails(scaler, from, full, sws_getCoefficients(SWS_CS_DEFAULT), 0, 0,
                                   1 << 16, 1 << 16);
}

static int scale(struct sl_export_encoder *encoder, const AVFrame *frame)
{
    const AVCodecContext *context = encoder->context;
    AVFrame *scaled = encoder->scaled;
    struct SwsContext *before = encoder->scaler;
    encoder->scaler =
        sws_getCachedContext(before, frame->width, frame->height, frame->format, context->width,
                             context->height, context->pix_fmt, SWS_BICUBIC, NULL, NULL, NULL);
    if (!encoder->scaler)
        return -ENOMEM;
    if (encoder->scaler != before)
        keep_colours(encoder->scaler, frame);
    if (!scaled->data[0]) {
        scaled->width = context->width;
        scaled->height = context->height;
        scaled->format = context->pix_fmt;
        if (av_frame_get_buffer(scaled, 0) < 0)
            return -ENOMEM;
    }
    if (av_frame_make_writable(scaled) < 0)
        return -ENOMEM;
    const uint8_t *const *planes = (const uint8_t *const *)frame->data;
    sws_scale(encoder->scaler, planes, frame->linesize, 0, frame->height, scaled->data,
              scaled->linesize);
    return 0;
}

static bool fits(const AVCodecContext *context, const AVFrame *frame)
{
    return frame->width == context->width && frame->height == context->height &&
           frame->format == context->pix_fmt &&
           (context->codec_id == AV_CODEC_ID_H264 || frame->colorspace != AVCOL_SPC_BT709);
}

int sl_export_encoder_send(struct sl_export_encoder *encoder, const AVFrame *frame, int64_t at)
{
    AVCodecContext *context = encoder->context;
    if (!frame)
        return avcodec_send_frame(context, NULL) < 0 ? -EIO : 0;
    const bool asis = fits(context, frame);
    const int err = asis ? 0 : scale(encoder, frame);
    if (err != 0)
        return err;
    AVFrame *sent = av_frame_clone(asis ? frame : encoder->scaled);
    if (!sent)
        return -ENOMEM;
    sent->pts = at;
    sent->pict_type = AV_PICTURE_TYPE_NONE; /* the encoder's choice, not the camera's */
    sent->quality = context->global_quality;
    const int sent_err = avcodec_send_frame(context, sent);
    av_frame_free(&sent);
    return sent_err < 0 ? -EIO : 0;
}

/* Start codes to lengths. */
static int to_lengths(AVPacket *packet)
{
    const uint8_t *at = packet->data, *end = packet->data + packet->size;
    AVPacket *out = av_packet_alloc();
    struct sl_nal nal;
    size_t len = 0;
    if (!out || av_new_packet(out, packet->size + packet->size / 2 + LENGTH) < 0 ||
        av_packet_copy_props(out, packet) < 0) {
        av_packet_free(&out);
        return -ENOMEM;
    }
    while (sl_nal_next(&at, end, &nal)) {
        const int type = nal.data[0] & 0x1f;
        if (type == SL_NAL_SPS || type == SL_NAL_PPS || type == SL_NAL_AUD)
            continue;
        sl_put32(out->data + len, (uint32_t)nal.len);
        memcpy(out->data + len + LENGTH, nal.data, nal.len);
        len += LENGTH + nal.len;
    }
    av_shrink_packet(out, (int)len);
    av_packet_unref(packet);
    av_packet_move_ref(packet, out);
    av_packet_free(&out);
    return 0;
}

int sl_export_encoder_receive(struct sl_export_encoder *encoder, AVPacket *ret)
{
    const int err = avcodec_receive_packet(encoder->context, ret);
    if (err == AVERROR(EAGAIN) || err == AVERROR_EOF)
        return 0;
    if (err < 0)
        return -EIO;
    if (encoder->context->codec_id != AV_CODEC_ID_H264)
        return 1;
    const int changed = to_lengths(ret);
    return changed == 0 ? 1 : changed;
}

const AVCodecContext *sl_export_encoder_context(const struct sl_export_encoder *encoder)
{
    return encoder->context;
}
