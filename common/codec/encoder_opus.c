/* SPDX-License-Identifier: MIT */
/* Opus through libavcodec's libopus. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>

#include "codec/encoder.h"

struct sl_audio_encoder {
    AVCodecContext *codec;
    AVFrame *frame;
    AVPacket *packet;
    int64_t pts;
};

/* In-band FEC exists only where SILK takes part, so not with application lowdelay. voip makes Opus
 * keep it in at 64 kb/s, and costs 4 ms of look-ahead more than lowdelay. */
static int set_options(AVCodecContext *codec, int64_t bitrate_bps)
{
    void *priv = codec->priv_data;
    codec->sample_rate = SL_AUDIO_RATE_HZ;
    codec->sample_fmt = AV_SAMPLE_FMT_S16;
    codec->bit_rate = bitrate_bps;
    codec->time_base = (AVRational){1, SL_AUDIO_RATE_HZ};
    av_channel_layout_default(&codec->ch_layout, SL_AUDIO_CHANNELS);
    int error = av_opt_set(priv, "application", "voip", 0);
    error = error ? error : av_opt_set(priv, "frame_duration", "20", 0);
    error = error ? error : av_opt_set(priv, "fec", "1", 0);
    return error ? error : av_opt_set(priv, "packet_loss", "10", 0);
}

static int make_frame(struct sl_audio_encoder *encoder)
{
    encoder->frame = av_frame_alloc();
    encoder->packet = av_packet_alloc();
    if (!encoder->frame || !encoder->packet)
        return -ENOMEM;
    encoder->frame->format = AV_SAMPLE_FMT_S16;
    encoder->frame->sample_rate = SL_AUDIO_RATE_HZ;
    encoder->frame->nb_samples = SL_AUDIO_FRAME_SAMPLES;
    av_channel_layout_default(&encoder->frame->ch_layout, SL_AUDIO_CHANNELS);
    return av_frame_get_buffer(encoder->frame, 0) ? -ENOMEM : 0;
}

static int open_codec(struct sl_audio_encoder *encoder, int64_t bitrate_bps, char *why,
                      size_t why_len)
{
    const AVCodec *codec = avcodec_find_encoder_by_name("libopus");
    if (!codec) {
        snprintf(why, why_len, "this FFmpeg has no libopus");
        return -ENOENT;
    }
    encoder->codec = avcodec_alloc_context3(codec);
    if (!encoder->codec)
        return -ENOMEM;
    int error = set_options(encoder->codec, bitrate_bps);
    error = error ? error : avcodec_open2(encoder->codec, codec, NULL);
    if (error) {
        snprintf(why, why_len, "libopus refuses %lld bit/s: %s", (long long)bitrate_bps,
                 av_err2str(error));
        return -EINVAL;
    }
    return make_frame(encoder);
}

int sl_audio_encoder_create(struct sl_audio_encoder **ret, int64_t bitrate_bps, char *why,
                            size_t why_len)
{
    snprintf(why, why_len, "out of memory");
    struct sl_audio_encoder *encoder = calloc(1, sizeof(*encoder));
    if (!encoder)
        return -ENOMEM;
    const int error = open_codec(encoder, bitrate_bps, why, why_len);
    if (error) {
        sl_audio_encoder_destroy(encoder);
        return error;
    }
    *ret = encoder;
    return 0;
}

void sl_audio_encoder_destroy(struct sl_audio_encoder *encoder)
{
    if (!encoder)
        return;
    avcodec_free_context(&encoder->codec);
    av_frame_free(&encoder->frame);
    av_packet_free(&encoder->packet);
    free(encoder);
}

int sl_audio_encoder_encode(struct sl_audio_encoder *encoder, const int16_t *samples,
                            struct sl_encoded *ret)
{
    if (av_frame_make_writable(encoder->frame)) /* the codec may still hold the last one */
        return -ENOMEM;
    memcpy(encoder->frame->data[0], samples,
           SL_AUDIO_FRAME_SAMPLES * SL_AUDIO_CHANNELS * sizeof(*samples));
    encoder->frame->pts = encoder->pts;
    encoder->pts += SL_AUDIO_FRAME_SAMPLES;
    av_packet_unref(encoder->packet);
    int error = avcodec_send_frame(encoder->codec, encoder->frame);
    error = error ? error : avcodec_receive_packet(encoder->codec, encoder->packet);
    if (error)
        return error == AVERROR(ENOMEM) ? -ENOMEM : -EIO;
    ret->data = encoder->packet->data;
    ret->len = (size_t)encoder->packet->size;
    ret->key = true;
    return 0;
}
