/* SPDX-License-Identifier: MIT */
#include "sender/sound.h"

#include <errno.h>
#include <stdlib.h>

#include <libavcodec/avcodec.h>
#include <libavutil/audio_fifo.h>
#include <libavutil/channel_layout.h>
#include <libswresample/swresample.h>

#define FIFO_SAMPLES_MAX (10 * SL_AUDIO_RATE_HZ) /* read while looking for video */
#define SEAM (40 * SL_MS)                        /* times that differ by less are rounding */

struct sl_sound {
    AVCodecContext *decoder;
    AVFrame *heard;
    AVPacket *packet;
    SwrContext *resampler;
    int heard_format, heard_rate, heard_channels; /* what the resampler was made for */
    AVAudioFifo *fifo;
    sl_ns at;      /* where on the timeline its first sample is, less what was taken */
    int64_t taken; /* samples taken since `at` was set: no rounding adds up */
};

sl_ns sl_sound_end(const struct sl_sound *sound)
{
    const int64_t samples = sound->taken + av_audio_fifo_size(sound->fifo);
    return sound->at + samples * SL_SEC / SL_AUDIO_RATE_HZ;
}

bool sl_sound_has_block(const struct sl_sound *sound)
{
    return av_audio_fifo_size(sound->fifo) >= SL_AUDIO_FRAME_SAMPLES;
}

/* Streams may change their format on the way, and swresample would not notice. */
static int fit_resampler(struct sl_sound *sound)
{
    AVChannelLayout stereo = AV_CHANNEL_LAYOUT_STEREO;
    AVFrame *heard = sound->heard;
    if (sound->resampler && heard->format == sound->heard_format &&
        heard->sample_rate == sound->heard_rate &&
        heard->ch_layout.nb_channels == sound->heard_channels)
        return 0;
    swr_free(&sound->resampler);
    int error = swr_alloc_set_opts2(&sound->resampler, &stereo, AV_SAMPLE_FMT_S16, SL_AUDIO_RATE_HZ,
                                    &heard->ch_layout, heard->format, heard->sample_rate, 0, NULL);
    error = error ? error : swr_init(sound->resampler);
    if (error)
        swr_free(&sound->resampler);
    sound->heard_format = heard->format;
    sound->heard_rate = heard->sample_rate;
    sound->heard_channels = heard->ch_layout.nb_channels;
    return error;
}

/* Sound that does not begin where the last ended: a gap becomes silence, an overlap is cut. Returns
 * how many of the new samples to leave out. */
static int mend_seam(struct sl_sound *sound, sl_ns at)
{
    static const int16_t zeros[SL_AUDIO_BLOCK_SAMPLES];
    void *silence[] = {(void *)(uintptr_t)zeros};
    if (av_audio_fifo_size(sound->fifo) == 0) {
        if (llabs(at - sl_sound_end(sound)) > SEAM) {
            sound->at = at;
            sound->taken = 0;
        }
        return 0;
    }
    const sl_ns gap = at - sl_sound_end(sound);
    if (gap < -SEAM)
        return (int)(-gap * SL_AUDIO_RATE_HZ / SL_SEC);
    int64_t left = gap > SEAM ? gap * SL_AUDIO_RATE_HZ / SL_SEC : 0;
    while (left > 0 && av_audio_fifo_size(sound->fifo) < FIFO_SAMPLES_MAX) {
        const int part = left < SL_AUDIO_FRAME_SAMPLES ? (int)left : SL_AUDIO_FRAME_SAMPLES;
        if (av_audio_fifo_write(sound->fifo, silence, part) < 0)
            break;
        left -= part;
    }
    return 0;
}

static void store(struct sl_sound *sound)
{
    const AVFrame *heard = sound->heard;
    if (fit_resampler(sound))
        return;
    uint8_t *samples = NULL;
    const int room = swr_get_out_samples(sound->resampler, heard->nb_samples);
    if (room <= 0 ||
        av_samples_alloc(&samples, NULL, SL_AUDIO_CHANNELS, room, AV_SAMPLE_FMT_S16, 0) < 0)
        return;
    const int made =
        swr_convert(sound->resampler, &samples, room,
                    (const uint8_t **)(uintptr_t)heard->extended_data, heard->nb_samples);
    int skip = 0;
    if (heard->best_effort_timestamp != AV_NOPTS_VALUE)
        skip = mend_seam(sound, heard->best_effort_timestamp);
    if (made > skip && av_audio_fifo_size(sound->fifo) < FIFO_SAMPLES_MAX) {
        void *from[] = {samples + (size_t)skip * SL_AUDIO_CHANNELS * sizeof(int16_t)};
        (void)av_audio_fifo_write(sound->fifo, from, made - skip);
    }
    av_freep(&samples);
}

void sl_sound_put(struct sl_sound *sound, const AVPacket *packet, sl_ns at)
{
    if (av_packet_ref(sound->packet, packet))
        return;
    sound->packet->pts = sound->packet->dts = at == SL_NEVER ? AV_NOPTS_VALUE : at;
    sound->packet->duration = 0;
    const int error = avcodec_send_packet(sound->decoder, sound->packet);
    av_packet_unref(sound->packet);
    while (!error && avcodec_receive_frame(sound->decoder, sound->heard) == 0)
        store(sound);
}

bool sl_sound_take(struct sl_sound *sound, sl_ns until, struct sl_audio_block *ret)
{
    const sl_ns at = sound->at + sound->taken * SL_SEC / SL_AUDIO_RATE_HZ;
    void *to[] = {ret->samples};
    if (at >= until || !sl_sound_has_block(sound) ||
        av_audio_fifo_read(sound->fifo, to, SL_AUDIO_FRAME_SAMPLES) != SL_AUDIO_FRAME_SAMPLES)
        return false;
    ret->captured = at;
    sound->taken += SL_AUDIO_FRAME_SAMPLES;
    return true;
}

void sl_sound_reset(struct sl_sound *sound)
{
    avcodec_flush_buffers(sound->decoder);
    swr_free(&sound->resampler);
}

static int open_decoder(struct sl_sound *sound, const AVCodecParameters *codec)
{
    const AVCodec *decoder = avcodec_find_decoder(codec->codec_id);
    if (!decoder)
        return -ENOTSUP;
    sound->decoder = avcodec_alloc_context3(decoder);
    if (!sound->decoder)
        return -ENOMEM;
    if (avcodec_parameters_to_context(sound->decoder, codec) < 0)
        return -ENOTSUP;
    sound->decoder->pkt_timebase = (AVRational){1, SL_SEC};
    sound->decoder->thread_count = 1;
    return avcodec_open2(sound->decoder, decoder, NULL) ? -ENOTSUP : 0;
}

int sl_sound_create(struct sl_sound **ret, const AVCodecParameters *codec)
{
    struct sl_sound *sound = calloc(1, sizeof(*sound));
    if (!sound)
        return -ENOMEM;
    sound->fifo = av_audio_fifo_alloc(AV_SAMPLE_FMT_S16, SL_AUDIO_CHANNELS, SL_AUDIO_RATE_HZ);
    sound->heard = av_frame_alloc();
    sound->packet = av_packet_alloc();
    int error = sound->fifo && sound->heard && sound->packet ? 0 : -ENOMEM;
    error = error ? error : open_decoder(sound, codec);
    if (error) {
        sl_sound_destroy(sound);
        return error;
    }
    *ret = sound;
    return 0;
}

void sl_sound_destroy(struct sl_sound *sound)
{
    if (!sound)
        return;
    av_packet_free(&sound->packet);
    av_frame_free(&sound->heard);
    swr_free(&sound->resampler);
    if (sound->fifo)
        av_audio_fifo_free(sound->fifo);
    avcodec_free_context(&sound->decoder);
    free(sound);
}
