/* SPDX-License-Identifier: MIT */
/*
 * Export codec: pictures of a recording decoded, and made anew: as H.264 of the camera's own kind
 * for the beginning of a remuxed file, as VP8 for a WebM, as MPEG-4 for an AVI. Encoders hold no
 * picture back. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <libavcodec/avcodec.h>

#include "base/types.h"
#include "receiver/export_avc.h"
#include "receiver/segment_file.h"

struct sl_export_decoder;

/* `video`: of a segment. -ENOMEM, -EIO. */
SL_MUST_CHECK int sl_export_decoder_create(struct sl_export_decoder **ret,
                                           const struct sl_segment_samples *video);
void sl_export_decoder_destroy(struct sl_export_decoder *decoder);
/* A unit, with zeros behind it; data NULL: no more come until a rewind. 0 or -EBADMSG. */
SL_MUST_CHECK int sl_export_decoder_send(struct sl_export_decoder *decoder, const uint8_t *data,
                                         size_t len, int64_t at);
/* 1: a picture in *ret, whose pts is its unit's `at`, until the next call; 0: none yet. */
SL_MUST_CHECK int sl_export_decoder_receive(struct sl_export_decoder *decoder, AVFrame **ret);
/* Forgets all but the parameters. */
void sl_export_decoder_rewind(struct sl_export_decoder *decoder);

struct sl_export_encoder;

struct sl_export_encoder_config {
    enum AVCodecID codec;            /* H264, VP8, MPEG4 */
    const AVFrame *like;             /* size, and with H.264 also format and colours */
    const struct sl_export_avc *avc; /* H.264 */
    AVRational base;                 /* of times */
    AVRational rate;                 /* pictures a second */
};

/* -ENOENT: this libavcodec cannot; -EIO; -ENOMEM. */
SL_MUST_CHECK int sl_export_encoder_create(struct sl_export_encoder **ret,
                                           const struct sl_export_encoder_config *config);
void sl_export_encoder_destroy(struct sl_export_encoder *encoder);
/* A picture of any size, in whose place comes one of the encoder's; NULL: no more come. */
SL_MUST_CHECK int sl_export_encoder_send(struct sl_export_encoder *encoder, const AVFrame *frame,
                                         int64_t at);
/* 1: a packet; 0: none. H.264 comes with 4-byte lengths and without parameter sets. */
SL_MUST_CHECK int sl_export_encoder_receive(struct sl_export_encoder *encoder, AVPacket *ret);
const AVCodecContext *sl_export_encoder_context(const struct sl_export_encoder *encoder);
