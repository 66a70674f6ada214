/* SPDX-License-Identifier: MIT */
/*
 * Encoders: video (H.264) and audio (Opus) behind a face, by libavcodec.
 *
 * One picture in, one access unit out, at once: no reordering, no look-ahead. SPS and PPS come
 * with every IDR. One thread owns an encoder.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "codec/picture.h"

struct sl_encoded {
    const uint8_t *data; /* Annex B access unit, or an Opus packet; valid until the next encode */
    size_t len;
    bool key;
};

struct sl_video_encoder_config {
    const char *encoder; /* "auto", "libx264", ... */
    const char *preset;  /* "auto", "ultrafast", "superfast", ... */
    int width, height;
    int fps_num, fps_den;
    int64_t bitrate_bps;
    sl_ns gop;       /* time between IDRs */
    int vbv_frames;  /* 0: 10 */
    int threads;     /* 0: by cores and frame size, as slices; each slice is one thread's */
    bool full_range; /* written into the SPS; the pictures have to agree */
};

struct sl_video_encoder;

/* 0, -ENOENT (no such encoder), -EINVAL; `why` gets one sentence. */
SL_MUST_CHECK int sl_video_encoder_create(struct sl_video_encoder **ret,
                                          const struct sl_video_encoder_config *config, char *why,
                                          size_t why_len);
void sl_video_encoder_destroy(struct sl_video_encoder *encoder);
/*
 * The rate from the next picture on: of the stream, and of the VBV, which keeps its length in
 * frames. Parameter sets stay as they are and no key frame comes of it. Beyond what the encoder was
 * opened with it stays at that; what the picture cannot be coded at comes out larger.
 */
void sl_video_encoder_set_bitrate(struct sl_video_encoder *encoder, int64_t bps);
/* 0 or -errno. */
SL_MUST_CHECK int sl_video_encoder_encode(struct sl_video_encoder *encoder,
                                          const struct sl_picture *picture, bool key,
                                          struct sl_encoded *ret);
/* "42e01f": profile-level-id of what it makes (RFC 6184 section 8.1). */
const char *sl_video_encoder_profile(const struct sl_video_encoder *encoder);

struct sl_audio_encoder;
#define SL_AUDIO_RATE_HZ 48000
#define SL_AUDIO_CHANNELS 2
#define SL_AUDIO_FRAME_SAMPLES 960 /* 20 ms per channel */

SL_MUST_CHECK int sl_audio_encoder_create(struct sl_audio_encoder **ret, int64_t bitrate_bps,
                                          char *why, size_t why_len);
void sl_audio_encoder_destroy(struct sl_audio_encoder *encoder);
/* 960 interleaved stereo samples in, one Opus packet out (in-band FEC on). */
SL_MUST_CHECK int sl_audio_encoder_encode(struct sl_audio_encoder *encoder, const int16_t *samples,
                                          struct sl_encoded *ret);
