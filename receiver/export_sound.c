/* SPDX-License-Identifier: MIT */
#include "receiver/export_sound.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "codec/decoder.h"
#include "codec/encoder.h"

#define PACKET_SAMPLES 5760 /* the most that a packet of Opus has */
#define NEAR_SAMPLES 960    /* 20 ms off are followed by counting on */
#define PAUSE_MAX (10 * SL_AUDIO_RATE_HZ)
#define BIT_RATE 128000

/* What is decoded waits in `pcm` until the encoder's frame is full. */
struct sl_export_sound {
    struct sl_audio_decoder *decoder;
    AVCodecContext *context;
    AVFrame *frame; /* being filled */
    int filled;     /* samples in it */
    int64_t next;   /* place of the sample that comes next */
    int16_t pcm[PACKET_SAMPLES * SL_AUDIO_CHANNELS];
    int pcm_at, pcm_count;
    int64_t silence; /* samples of it that go before those */
    bool ending, ended;
};

static int open_encoder(struct sl_export_sound *sound, enum AVCodecID id)
{
    const AVCodec *codec = id == AV_CODEC_ID_MP3 ? avcodec_find_encoder_by_name("libmp3lame")
                                                 : avcodec_find_encoder(id);
    if (!codec)
        return -ENOENT;
    sound->context = avcodec_alloc_context3(codec);
    if (!sound->context)
        return -ENOMEM;
    sound->context->sample_fmt = AV_SAMPLE_FMT_FLTP;
    sound->context->sample_rate = SL_AUDIO_RATE_HZ;
    sound->context->time_base = (AVRational){1, SL_AUDIO_RATE_HZ};
    sound->context->bit_rate = BIT_RATE;
    if (id == AV_CODEC_ID_AAC)
        sound->context->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    av_channel_layout_default(&sound->context->ch_layout, SL_AUDIO_CHANNELS);
    return avcodec_open2(sound->context, codec, NULL) < 0 ? -EIO : 0;
}

static int open_frame(struct sl_export_sound *sound)
{
    sound->frame = av_frame_alloc();
    if (!sound->frame)
        return -ENOMEM;
    sound->frame->nb_samples = sound->context->frame_size;
    sound->frame->format = sound->context->sample_fmt;
    sound->frame->sample_rate = SL_AUDIO_RATE_HZ;
    if (av_channel_layout_copy(&sound->frame->ch_layout, &sound->context->ch_layout) < 0 ||
        av_frame_get_buffer(sound->frame, 0) < 0)
        return -ENOMEM;
    return 0;
}

int sl_export_sound_create(struct sl_export_sound **ret, enum AVCodecID codec)
{
    struct sl_export_sound *sound = calloc(1, sizeof(*sound));
    if (!sound)
        return -ENOMEM;
    int err = sl_audio_decoder_create(&sound->decoder);
    if (err == 0)
        err = open_encoder(sound, codec);
    if (err == 0)
        err = open_frame(sound);
    if (err != 0) {
        sl_export_sound_destroy(sound);
        return err;
    }
    /* What the encoder puts before the first sample is cut by a MOV's edit list; an AVI has none,
     * so as much of the beginning is left out. */
    if (codec == AV_CODEC_ID_MP3)
        sound->next = sound->context->initial_padding;
    *ret = sound;
    return 0;
}

void sl_export_sound_destroy(struct sl_export_sound *sound)
{
    if (!sound)
        return;
    sl_audio_decoder_destroy(sound->decoder);
    avcodec_free_context(&sound->context);
    av_frame_free(&sound->frame);
    free(sound);
}

static bool has_times(const struct sl_export_sound *sound)
{
    return sound->context->codec_id == AV_CODEC_ID_AAC;
}

/* ---- Filling frames ---- */

static int send_frame(struct sl_export_sound *sound)
{
    AVFrame *frame = sound->frame;
    frame->pts = sound->next - sound->filled;
    sound->filled = 0;
    if (avcodec_send_frame(sound->context, frame) < 0)
        return -EIO;
    return av_frame_make_writable(frame) < 0 ? -ENOMEM : 0;
}

static float *lane(const struct sl_export_sound *sound, int channel)
{
    return (float *)(void *)sound->frame->data[channel] + sound->filled;
}

/* Up to `count` samples, from `pcm` or (NULL) silent; how many went in. */
static int fill(struct sl_export_sound *sound, const int16_t *pcm, int64_t count)
{
    const int room = sound->frame->nb_samples - sound->filled;
    const int n = count < room ? (int)count : room;
    for (int c = 0; c < SL_AUDIO_CHANNELS; c++) {
        float *out = lane(sound, c);
        for (int i = 0; i < n; i++)
            out[i] = pcm ? (float)pcm[i * SL_AUDIO_CHANNELS + c] / 32768 : 0;
    }
    sound->filled += n;
    sound->next += n;
    return n;
}

/* Moves what waits into the frame and, when that is full, on into the encoder. 1: it took one. */
static int feed(struct sl_export_sound *sound)
{
    if (sound->silence > 0)
        sound->silence -= fill(sound, NULL, sound->silence);
    if (sound->silence == 0 && sound->pcm_at < sound->pcm_count)
        sound->pcm_at += fill(sound, sound->pcm + sound->pcm_at * SL_AUDIO_CHANNELS,
                              sound->pcm_count - sound->pcm_at);
    if (sound->filled == sound->frame->nb_samples) {
        const int err = send_frame(sound);
        return err == 0 ? 1 : err;
    }
    if (!sound->ending || sound->ended)
        return 0;
    if (sound->filled > 0) {
        (void)fill(sound, NULL, INT64_MAX);
        const int err = send_frame(sound);
        return err == 0 ? 1 : err;
    }
    sound->ended = true;
    return avcodec_send_frame(sound->context, NULL) < 0 ? -EIO : 1;
}

/* A new place, with the frame under way filled up: the file says where it is. */
static int jump(struct sl_export_sound *sound, int64_t at)
{
    int err = 0;
    if (sound->filled > 0) {
        (void)fill(sound, NULL, INT64_MAX);
        err = send_frame(sound);
    }
    sound->next = at;
    return err;
}

int sl_export_sound_send(struct sl_export_sound *sound, const uint8_t *data, size_t len,
                         int64_t at_us)
{
    if (!data) {
        sound->ending = true;
        return 0;
    }
    const int64_t at = (at_us * SL_AUDIO_RATE_HZ + 500000) / 1000000;
    int count =
        sl_audio_decoder_decode(sound->decoder, data, len, false, sound->pcm, PACKET_SAMPLES);
    if (count < 0)
        return 0; /* silence will stand for it */
    const int64_t ahead = at - sound->next;
    sound->pcm_at = 0;
    sound->pcm_count = count;
    if (ahead > PAUSE_MAX && has_times(sound))
        return jump(sound, at);
    if (ahead > NEAR_SAMPLES)
        sound->silence = ahead;
    else if (ahead < -NEAR_SAMPLES) /* only the part that is not past */
        sound->pcm_at = -ahead < count ? (int)-ahead : count;
    return 0;
}

int sl_export_sound_receive(struct sl_export_sound *sound, AVPacket *ret)
{
    for (;;) {
        const int err = avcodec_receive_packet(sound->context, ret);
        if (err == 0)
            return 1;
        if (err != AVERROR(EAGAIN))
            return err == AVERROR_EOF ? 0 : -EIO;
        const int fed = feed(sound);
        if (fed <= 0)
            return fed;
    }
}

const AVCodecContext *sl_export_sound_context(const struct sl_export_sound *sound)
{
    return sound->context;
}
