/* SPDX-License-Identifier: MIT */
/*
 * Audio sync: the arithmetic that keeps sound in step with its picture, against a sender's clock
 * that runs at another speed than the sound card's.
 *
 * For each packet the caller tells how late its sound would be heard against the picture of the
 * same moment, and how much sound waits in front of it (the slack). The answer is a change of
 * speed that nobody hears (at most 0.5 %), or a jump when the two are far apart and stay so: one
 * picture that came late is no reason. Sound cannot be
 * earlier than the network brings it: it is hurried only as far as the slack allows. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"

#define SL_AUDIO_SPEED_MAX_PPM 5000
#define SL_AUDIO_JUMP_BEYOND (40 * SL_MS) /* more than that apart can be seen */
#define SL_AUDIO_CUT_BEYOND (120 * SL_MS) /* of slack, where nothing says how late sound is */
#define SL_AUDIO_RESERVE (4 * SL_MS)      /* of slack that is left alone */
#define SL_AUDIO_SLACK_PACKETS 50         /* the least slack of the last so many counts */

struct sl_audio_sync {
    bool started;
    double error;   /* ns, smoothed */
    sl_ns slack[2]; /* least of the window before, and of this one */
    int in_window;
    double phase;    /* of the interpolation, in input samples */
    int16_t last[2]; /* the sample before the next block */
};

void sl_audio_sync_init(struct sl_audio_sync *sync);

struct sl_audio_step {
    int ppm;    /* play so much faster */
    sl_ns skip; /* leave out so much sound; negative: insert so much silence. Then ppm is 0 */
};

/* `late`: SL_NEVER if the sound does not say when it was captured. */
struct sl_audio_step sl_audio_sync_step(struct sl_audio_sync *sync, sl_ns late, sl_ns slack);

/* Room for this many samples is enough for `count`. */
#define SL_AUDIO_STRETCHED_MAX(count) ((count) + (count) / 100 + 2)

/* Plays `count` interleaved stereo samples `ppm` faster into `out`; returns how many came out. */
int sl_audio_stretch(struct sl_audio_sync *sync, const int16_t *in, int count, int ppm,
                     int16_t *out);
