/* SPDX-License-Identifier: MIT */
/*
 * Audio sync: the arithmetic that keeps sound in step with its picture, against a sender's clock
 * that runs at another speed than the sound card's.
 *
 *   each packet: how late against its picture ──▶ step ──▶ change of speed, or a jump
 *   each time the card is served: what is left ─────▲
 *
 * A change of speed is one that nobody hears (at most 0.5 %); a jump is for sound and picture that
 * are far apart and stay so: one picture that came late is no reason. Sound cannot be earlier than
 * the network brings it: the least that was left of late is what it may be hurried by, but for a
 * reserve, and where less than that is left it is slowed down. So what is left takes the place of a
 * jitter buffer: it is as long as the packets' jitter of late. The reserve grows by what was
 * missing when sound ran dry for a packet that came after all, as far as sound stays within
 * SL_AUDIO_JUMP_BEYOND of its picture by it, and shrinks in the course of minutes. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"

#define SL_AUDIO_SPEED_MAX_PPM 5000
#define SL_AUDIO_JUMP_BEYOND (40 * SL_MS) /* more than that apart can be seen */
#define SL_AUDIO_CUT_BEYOND (120 * SL_MS) /* of sound left, where nothing says how late it is */
#define SL_AUDIO_RESERVE (4 * SL_MS)      /* of what is left, that is left alone: at least ... */
#define SL_AUDIO_RESERVE_MAX (40 * SL_MS) /* ... and at most */
#define SL_AUDIO_LEFT_PACKETS 50          /* the least left during the last so many counts */

struct sl_audio_sync {
    bool started;
    double error;  /* ns, smoothed */
    sl_ns left[2]; /* least of the window before, and of this one */
    int in_window;
    sl_ns extra;     /* reserve beyond SL_AUDIO_RESERVE */
    double phase;    /* of the interpolation, in input samples */
    int16_t last[2]; /* the sample before the next block */
};

void sl_audio_sync_init(struct sl_audio_sync *sync);

/* The card was served; so much sound is there and waits for the next time. */
void sl_audio_sync_left(struct sl_audio_sync *sync, sl_ns left);
/* The packet that comes now was missed for so long. */
void sl_audio_sync_missed(struct sl_audio_sync *sync, sl_ns missing);

struct sl_audio_step {
    int ppm;    /* play so much faster */
    sl_ns skip; /* leave out so much sound; negative: insert so much silence. Then ppm is 0 */
};

/* One packet. `late`: its sound behind its picture; SL_NEVER if it does not say when it was
 * captured. */
struct sl_audio_step sl_audio_sync_step(struct sl_audio_sync *sync, sl_ns late);

/* Room for this many samples is enough for `count`. */
#define SL_AUDIO_STRETCHED_MAX(count) ((count) + (count) / 100 + 2)

/* Plays `count` interleaved stereo samples `ppm` faster into `out`; returns how many came out. */
int sl_audio_stretch(struct sl_audio_sync *sync, const int16_t *in, int count, int ppm,
                     int16_t *out);
