/* SPDX-License-Identifier: MIT */
#include "codec/decoder.h"

#include <errno.h>
#include <stdlib.h>

#include <opus/opus.h>

#include "codec/encoder.h"

struct sl_audio_decoder {
    OpusDecoder *opus;
};

int sl_audio_decoder_create(struct sl_audio_decoder **ret)
{
    struct sl_audio_decoder *decoder = calloc(1, sizeof(*decoder));
    if (!decoder)
        return -ENOMEM;
    int error;
    decoder->opus = opus_decoder_create(SL_AUDIO_RATE_HZ, SL_AUDIO_CHANNELS, &error);
    if (!decoder->opus) {
        free(decoder);
        return error == OPUS_ALLOC_FAIL ? -ENOMEM : -EINVAL;
    }
    *ret = decoder;
    return 0;
}

void sl_audio_decoder_destroy(struct sl_audio_decoder *decoder)
{
    if (!decoder)
        return;
    opus_decoder_destroy(decoder->opus);
    free(decoder);
}

int sl_audio_decoder_decode(struct sl_audio_decoder *decoder, const uint8_t *data, size_t len,
                            bool fec, int16_t *out, int max_samples)
{
    if (data && (!len || len > INT16_MAX))
        return -EBADMSG;
    const int samples = opus_decode(decoder->opus, data, (opus_int32)len, out, max_samples, fec);
    return samples < 0 ? -EBADMSG : samples;
}
