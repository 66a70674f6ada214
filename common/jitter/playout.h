/* SPDX-License-Identifier: MIT */
/*
 * Playout: how long whole frames are held back so that the late ones still come in time.
 *
 *   each frame: late by ... ─▶ window of 300 ─▶ wanted ─▶ goal: 0, or wanted ─▶ delay in force
 *
 * "Late" is measured from the fastest transit, the sender's clock skew taken out (jitter/clock.h).
 * A frame is held back for two things only. Nearly all (97 %) are to come no more than half a frame
 * interval after they were due: less unevenness is not seen. And all but one in a hundred are to be
 * seen at all: one that comes when the next is due as well is not. Whichever asks for more is
 * wanted; most networks ask for nothing, and then the newest frame wins. The 97 % are those of the
 * last 300 frames, or the few worst of the last second if those need more, or unrepaired big frames
 * on a link that is narrow for them (1 in 60 is a key frame: the 97 % would leave them out).
 *
 * The delay rises at once and falls by SL_PLAYOUT_FALL_PPM of the time, which sound can follow by
 * resampling. A slower path is taken for lateness until the clock believes it; then the delay goes
 * down by as much as the estimate goes up, and nothing moves on screen. What a stall held back
 * comes out in one run: such a run counts as two frames, and what is later than SL_PLAYOUT_MAX not
 * at all, so the delay after a stall is that before it. The same holds for a link that chokes,
 * where frame after frame is far later than what is held back: only when that has lasted for
 * SL_PLAYOUT_EPISODE it is how the link is now. Pure; fixed memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

#define SL_PLAYOUT_WINDOW 300
#define SL_PLAYOUT_START 30 /* frames: the first ones come as the link and both ends wake up */
#define SL_PLAYOUT_BIG 8    /* big frames kept */
#define SL_PLAYOUT_MAX (500 * SL_MS)
#define SL_PLAYOUT_FAR (100 * SL_MS)        /* beyond what is held back ... */
#define SL_PLAYOUT_EPISODE (3 * SL_SEC / 2) /* ... for so long, to be believed */
#define SL_PLAYOUT_RISE (40 * SL_MS)        /* at most, with one frame */
#define SL_PLAYOUT_FALL_PPM 4000            /* sound may be hurried by 5000 */

struct sl_playout {
    sl_ns delay;    /* in force */
    sl_ns interval; /* from frame to frame; 0: not known yet */
    sl_ns base;     /* what the estimate of the fastest transit has risen by in all */
    bool started;
    sl_ns ready, late; /* of the frame before */
    int run;           /* frames that came out on the heels of one another, or all far late */
    sl_ns usual;       /* the delay in force, rising slowly: what far is measured from */
    sl_ns far_since;   /* frames are far late; SL_NEVER: not now */
    int first;         /* frames of the start seen: SL_PLAYOUT_START of them do not count */
    double mean_bytes;
    size_t newest, count;
    sl_ns window[SL_PLAYOUT_WINDOW]; /* late + base */
    size_t big_newest, big_count;
    struct {
        sl_ns ready, late; /* late + base */
    } big[SL_PLAYOUT_BIG];
};

void sl_playout_init(struct sl_playout *playout);

/* Another stream, or the same after a break: what was measured is forgotten. The delay in force
 * stays, for the link is likely the same, and falls if it is not needed. */
void sl_playout_restart(struct sl_playout *playout);

struct sl_playout_frame {
    sl_ns ready;    /* when it was whole, and all before it */
    sl_ns late;     /* ready, less the fastest transit as known with this frame */
    sl_ns rise;     /* of the estimate of the fastest transit by this frame; negative: it fell */
    sl_ns interval; /* by the timestamps, from the frame before; 0: not known */
    size_t bytes;
    bool repaired; /* a part of it came out of order */
};

/* Frames in the order of decoding. */
void sl_playout_observe(struct sl_playout *playout, const struct sl_playout_frame *frame);

/* What the frames observed ask for, 0 to SL_PLAYOUT_MAX, before smoothing. */
sl_ns sl_playout_wanted(const struct sl_playout *playout);
