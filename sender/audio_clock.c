/* SPDX-License-Identifier: MIT */
#include "sender/audio_clock.h"

#include <math.h>

#define WINDOW SL_SEC
#define OBSERVATIONS_MIN 10 /* of fewer the earliest may still be late */
/* The gains of the n-th window are those of a straight line fitted to all so far (expanding-memory
 * polynomial filter of first degree), as if two had been seen before it; they stop falling there:
 */
#define WINDOWS_MAX 20 /* phase 0.19, speed 0.014 */
#define SPEED_MAX 5e-3 /* an emulated card may be this far off; no real one is */
#define SLEW_TIME SL_SEC
#define SLEW_MAX_PPM 3000.0 /* half of what begins to be heard as a change of pitch */

static void begin_window(struct sl_audio_clock *clock, sl_ns at)
{
    clock->began = at;
    clock->least = SL_NEVER;
    clock->count = 0;
}

static void start(struct sl_audio_clock *clock, int64_t frame, sl_ns at)
{
    clock->started = clock->first = true;
    clock->settled = false;
    clock->frame = frame;
    clock->at = at;
    clock->settled_at = at + SL_AUDIO_SETTLE;
    begin_window(clock, at);
}

void sl_audio_clock_init(struct sl_audio_clock *clock, int rate_hz)
{
    const double nominal = (double)SL_SEC / rate_hz;
    *clock = (struct sl_audio_clock){.nominal = nominal, .period = nominal};
}

void sl_audio_clock_restart(struct sl_audio_clock *clock)
{
    clock->started = clock->settled = false;
}

static void adjust_speed(struct sl_audio_clock *clock, double late)
{
    const double low = clock->nominal * (1 - SPEED_MAX), high = clock->nominal * (1 + SPEED_MAX);
    const double period = clock->period * (1 + late);
    clock->period = period < low ? low : period > high ? high : period;
}

/* The line goes on from the end of the window that has passed. */
static void end_window(struct sl_audio_clock *clock, int64_t frame, sl_ns at)
{
    const double late = (double)clock->least, span = (double)(at - clock->began);
    const double n = clock->windows + 3;
    const double phase = 2 * (2 * n - 1) / (n * (n + 1)), speed = 6 / (n * (n + 1));
    const sl_ns here = sl_audio_clock_at(clock, frame);
    const bool lost = clock->least > SL_AUDIO_JUMP;
    clock->frame = frame;
    clock->at = here + (lost ? clock->least : (sl_ns)(phase * late));
    if (!lost) {
        adjust_speed(clock, speed * late / span);
        clock->windows += clock->windows + 3 < WINDOWS_MAX;
    }
    clock->first = false;
    begin_window(clock, at);
}

void sl_audio_clock_observe(struct sl_audio_clock *clock, int64_t frame, sl_ns at)
{
    if (!clock->started)
        start(clock, frame, at);
    sl_ns late = at - sl_audio_clock_at(clock, frame);
    if (late < -SL_AUDIO_JUMP) { /* more than it can have heard: another count than before */
        start(clock, frame, at);
        return;
    }
    if (clock->first && late < 0) { /* nothing is averaged yet: nearer to the truth is better */
        clock->at += late;
        clock->least = late = 0;
    }
    clock->least = late < clock->least ? late : clock->least;
    clock->count++;
    clock->settled |= at >= clock->settled_at;
    if (at - clock->began >= WINDOW && clock->count >= OBSERVATIONS_MIN)
        end_window(clock, frame, at);
}

bool sl_audio_clock_settled(const struct sl_audio_clock *clock)
{
    return clock->settled;
}

sl_ns sl_audio_clock_at(const struct sl_audio_clock *clock, int64_t frame)
{
    return clock->at + (sl_ns)llround((double)(frame - clock->frame) * clock->period);
}

double sl_audio_clock_ppm(const struct sl_audio_clock *clock)
{
    return (clock->nominal / clock->period - 1) * 1e6;
}

struct sl_audio_pace sl_audio_clock_pace(const struct sl_audio_clock *clock, sl_ns heard, sl_ns due)
{
    const sl_ns behind = heard - due; /* what is given out would be called older than it is */
    if (behind > SL_AUDIO_JUMP || behind < -SL_AUDIO_JUMP)
        return (struct sl_audio_pace){.jump = true};
    double slew = (double)behind / (double)SLEW_TIME * 1e6;
    slew = slew > SLEW_MAX_PPM ? SLEW_MAX_PPM : slew < -SLEW_MAX_PPM ? -SLEW_MAX_PPM : slew;
    return (struct sl_audio_pace){.ppm = sl_audio_clock_ppm(clock) - slew};
}
