/* SPDX-License-Identifier: MIT */
/*
 * A media file, demultiplexed and decoded: pictures in the order they are shown, and sound as
 * 48 kHz stereo in blocks of 20 ms, both on one timeline that begins at 0 and goes on over loops.
 *
 *     file ──▶ packets ──▶ decoder ──▶ sl_media_file_picture()
 *                     └──▶ decoder ──▶ resampler ──▶ sl_media_file_sound()
 *
 * Reads ahead only as far as the interleaving asks for. Keeps no time. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "sender/audio.h"
#include "sender/halt.h"

struct AVFrame;
struct sl_media_file;

struct sl_media_info {
    int width, height; /* as shown: with square pixels; may be odd */
    int fps_num, fps_den;
    bool full_range;
    bool sound;
};

/* 0 or -errno with one sentence in `why`: no such file, not a media file, no video in it. `halt`
 * ends reads that block. */
SL_MUST_CHECK int sl_media_file_open(struct sl_media_file **ret, const char *path, bool sound,
                                     bool loop, const struct sl_halt *halt, char *why,
                                     size_t why_len);
void sl_media_file_close(struct sl_media_file *file);

void sl_media_file_info(const struct sl_media_file *file, struct sl_media_info *ret);

/* 1: the next picture, valid until the next call; 0: the end; -ECANCELED or -errno. */
SL_MUST_CHECK int sl_media_file_picture(struct sl_media_file *file, const struct AVFrame **ret,
                                        sl_ns *at);

/* The next block of sound that begins before `until`; block->captured is its place on the
 * timeline. False if there is none (yet). */
SL_MUST_CHECK bool sl_media_file_sound(struct sl_media_file *file, sl_ns until,
                                       struct sl_audio_block *block);
