/* SPDX-License-Identifier: MIT */
/*
 * What a video encoder is to codec/encoder: a name, and how to open, feed and close one. The list
 * in encoder.c is in order of preference; "auto" takes the first that opens.
 */
#pragma once

#include "codec/encoder.h"

struct sl_video_encoder_kind {
    const char *name;
    /* 0 or -errno with a sentence in `why`. `config` has no zero left in it but `threads`. */
    int (*open)(struct sl_video_encoder **ret, const struct sl_video_encoder_config *config,
                char *why, size_t why_len);
    int (*encode)(struct sl_video_encoder *encoder, const struct sl_picture *picture, bool key,
                  struct sl_encoded *ret);
    void (*set_bitrate)(struct sl_video_encoder *encoder, int64_t bps);
    const char *(*profile)(const struct sl_video_encoder *encoder);
    void (*close)(struct sl_video_encoder *encoder);
};

/* First member of every kind's own struct. */
struct sl_video_encoder {
    const struct sl_video_encoder_kind *kind;
};

extern const struct sl_video_encoder_kind sl_encoder_x264;
