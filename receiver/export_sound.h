/* SPDX-License-Identifier: MIT */
/*
 * Export sound: Opus made into what a container takes that has no Opus: AAC (MOV) or MP3 (AVI).
 * Pauses become silence, so that the sound stays where it belongs also in a file without times of
 * its own; a pause of more than 10 s is left out where the file has them (AAC). One thread.
 */
#pragma once

#include <stdint.h>

#include <libavcodec/avcodec.h>

#include "base/types.h"

struct sl_export_sound;

/* AV_CODEC_ID_AAC or AV_CODEC_ID_MP3. -ENOENT: this libavcodec cannot; -EIO; -ENOMEM. */
SL_MUST_CHECK int sl_export_sound_create(struct sl_export_sound **ret, enum AVCodecID codec);
void sl_export_sound_destroy(struct sl_export_sound *sound);
/* A packet of Opus at `at_us` since the beginning; NULL: no more come. */
SL_MUST_CHECK int sl_export_sound_send(struct sl_export_sound *sound, const uint8_t *data,
                                       size_t len, int64_t at_us);
/* 1: a packet, in 48 kHz samples; 0: none until more is sent. */
SL_MUST_CHECK int sl_export_sound_receive(struct sl_export_sound *sound, AVPacket *ret);
const AVCodecContext *sl_export_sound_context(const struct sl_export_sound *sound);
