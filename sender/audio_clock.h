/* SPDX-License-Identifier: MIT */
/*
 * Audio clock: the arithmetic that ties a sound card's clock to CLOCK_MONOTONIC.
 *
 *     frames counted by the card, and when ──▶ observe ──▶ at(frame): the moment it was heard
 *     a sample, and the moment it is to have ──▶ pace ──▶ play so much faster, or jump
 *
 * A card's clock is up to 500 ppm off, and changes with temperature only. A count may be told late,
 * by up to tens of ms where a plugin has no timestamps, but never early: so of each second the
 * earliest observation counts, and a line is fitted to those: to all of them in the first seconds,
 * then with a memory of about ten. What is further off than SL_AUDIO_JUMP is lost sound, no drift:
 * it is jumped over at once. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"

#define SL_AUDIO_JUMP (15 * SL_MS)
#define SL_AUDIO_SETTLE (100 * SL_MS) /* what is observed before it is believed */

struct sl_audio_clock {
    double nominal;   /* ns a frame, as the card is called */
    double period;    /* ns a frame, as measured */
    int windows;      /* seconds that the measure stands on, up to a limit */
    bool started;     /* since init or restart */
    bool first;       /* no second has passed yet */
    int64_t frame;    /* this frame ... */
    sl_ns at;         /* ... was heard then */
    sl_ns began;      /* of this second */
    sl_ns settled_at; /* when there is enough to go by */
    sl_ns least;      /* how late the earliest observation of this second was */
    int count;
    bool settled;
};

void sl_audio_clock_init(struct sl_audio_clock *clock, int rate_hz);

/* Frames were lost. What is known of the speed stays. */
void sl_audio_clock_restart(struct sl_audio_clock *clock);

/* `frame` frames had been heard at `at`: both never less than the last time since restart. */
void sl_audio_clock_observe(struct sl_audio_clock *clock, int64_t frame, sl_ns at);

/* Whether at() can be relied on. */
bool sl_audio_clock_settled(const struct sl_audio_clock *clock);
/* After the first observation only. */
sl_ns sl_audio_clock_at(const struct sl_audio_clock *clock, int64_t frame);
/* How much faster than CLOCK_MONOTONIC the card is. */
double sl_audio_clock_ppm(const struct sl_audio_clock *clock);

struct sl_audio_pace {
    double ppm; /* take the card's frames so much faster than they are called */
    bool jump;  /* too far apart for that */
};

/* For a sample that was `heard` and will be given out as of `due`. */
struct sl_audio_pace sl_audio_clock_pace(const struct sl_audio_clock *clock, sl_ns heard,
                                         sl_ns due);
