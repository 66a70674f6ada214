/* SPDX-License-Identifier: MIT */
/*
 * Decoders: H.264 by libavcodec (one access unit in, one picture out at once, no frame threads),
 * Opus by libopus (FEC and concealment). One thread at a time owns a decoder.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "codec/picture.h"

struct sl_video_decoder;

SL_MUST_CHECK int sl_video_decoder_create(struct sl_video_decoder **ret, int threads);
void sl_video_decoder_destroy(struct sl_video_decoder *decoder);

/*
 * `data` is followed by 64 zero bytes. 1: a picture is in *ret, valid until the next decode or
 * reset; 0: none (yet); -EBADMSG: damaged (nothing is shown: frames that libavcodec marks corrupt
 * are dropped).
 */
SL_MUST_CHECK int sl_video_decoder_decode(struct sl_video_decoder *decoder, const uint8_t *data,
                                          size_t len, struct sl_picture *ret);
/* Before a key frame after a break. */
void sl_video_decoder_reset(struct sl_video_decoder *decoder);
/* Leaves out the loop filter, a third of the work, from the next unit on. What is decoded then is
 * not quite what was encoded, and drifts away from it until a key frame. */
void sl_video_decoder_ease(struct sl_video_decoder *decoder, bool on);

/* A place to keep one picture beyond the next decode, without copying it; any thread may have it,
 * and it may outlive the decoder. */
struct sl_video_hold;
SL_MUST_CHECK int sl_video_hold_create(struct sl_video_hold **ret);
void sl_video_hold_destroy(struct sl_video_hold *hold);
/* The picture just decoded stays valid until the next keep() or drop() of `hold`. */
void sl_video_hold_keep(struct sl_video_hold *hold, struct sl_video_decoder *decoder);
void sl_video_hold_drop(struct sl_video_hold *hold);

struct sl_audio_decoder;
SL_MUST_CHECK int sl_audio_decoder_create(struct sl_audio_decoder **ret);
void sl_audio_decoder_destroy(struct sl_audio_decoder *decoder);
/* Interleaved stereo at 48 kHz into `out` (room for `max_samples` per channel). data NULL:
 * concealment of `max_samples`; fec: decode the previous, lost packet out of this one. Samples per
 * channel, or -EBADMSG. */
SL_MUST_CHECK int sl_audio_decoder_decode(struct sl_audio_decoder *decoder, const uint8_t *data,
                                          size_t len, bool fec, int16_t *out, int max_samples);
