/* SPDX-License-Identifier: MIT */
#include "receiver/record_clock.h"

#define PULL_SEC 4.0 /* of the loop that follows the reference */
#define SKEW_MAX 2e-3
#define INSISTS (5 * SL_SEC)  /* a reference that says so for so long is right */
#define CATCH_UP 0.2          /* how much slower than real a time may pass that was ahead */
#define AGE_MAX (60 * SL_SEC) /* a capture time older than this, or of the future, is no good */
#define AHEAD_MAX (250 * SL_MS)

void sl_record_clock_init(struct sl_record_clock *clock, uint32_t hz)
{
    *clock = (struct sl_record_clock){.hz = hz, .parted_since = SL_NEVER};
    sl_media_clock_init(&clock->media, hz);
}

static sl_ns interval_of(const struct sl_record_clock *clock, uint32_t timestamp)
{
    return (int32_t)(timestamp - clock->timestamp) * SL_SEC / clock->hz;
}

static bool plausible(sl_ns capture, sl_ns arrived)
{
    return capture != SL_NEVER && capture <= arrived + AHEAD_MAX && capture >= arrived - AGE_MAX;
}

static sl_ns reference_of(struct sl_record_clock *clock, uint32_t timestamp, sl_ns capture,
                          sl_ns arrived)
{
    sl_media_clock_observe(&clock->media, timestamp, arrived);
    return plausible(capture, arrived) ? capture : sl_media_clock_fastest(&clock->media, timestamp);
}

static sl_ns distance(sl_ns a, sl_ns b)
{
    return a < b ? b - a : a - b;
}

/* Gently: the error fades within PULL_SEC, and the rate that made it is learnt. */
static sl_ns follow(struct sl_record_clock *clock, sl_ns predicted, sl_ns error, sl_ns interval)
{
    const double dt = (double)interval / (double)SL_SEC;
    double gain = dt / PULL_SEC;
    if (gain > 0.5)
        gain = 0.5;
    clock->skew += (double)error / (double)SL_SEC * gain / (4 * PULL_SEC);
    if (clock->skew > SKEW_MAX)
        clock->skew = SKEW_MAX;
    if (clock->skew < -SKEW_MAX)
        clock->skew = -SKEW_MAX;
    clock->parted_since = SL_NEVER;
    return predicted + (sl_ns)((double)error * gain);
}

/* The reference jumped: its word is taken when it insists. */
static sl_ns doubt(struct sl_record_clock *clock, sl_ns predicted, sl_ns error, sl_ns interval,
                   sl_ns arrived)
{
    if (clock->parted_since == SL_NEVER)
        clock->parted_since = arrived;
    if (arrived - clock->parted_since < INSISTS)
        return predicted;
    if (error > 0)
        return predicted + error; /* a hole, which is the truth */
    const sl_ns most = (sl_ns)((double)interval * CATCH_UP);
    return predicted - (most < -error ? most : -error);
}

static sl_ns time_of(struct sl_record_clock *clock, sl_ns interval, sl_ns reference, sl_ns arrived)
{
    const sl_ns predicted = clock->time + interval + (sl_ns)((double)interval * clock->skew);
    const sl_ns error = reference - predicted;
    if (distance(error, 0) <= SL_RECORD_CLOCK_TRUST)
        return follow(clock, predicted, error, interval);
    const sl_ns by_arrival = arrived - clock->arrived, by_reference = reference - clock->reference;
    if (distance(interval, by_arrival) <= distance(by_reference, by_arrival))
        return doubt(clock, predicted, error, interval, arrived);
    clock->jumps++;
    return clock->time + by_reference;
}

sl_ns sl_record_clock_next(struct sl_record_clock *clock, uint32_t timestamp, sl_ns capture,
                           sl_ns arrived)
{
    const sl_ns interval = clock->started ? interval_of(clock, timestamp) : 0;
    const bool back = clock->started && interval <= 0;
    if (back) { /* no network does that to units in their order */
        sl_media_clock_init(&clock->media, clock->hz);
        clock->jumps++;
    }
    const sl_ns reference = reference_of(clock, timestamp, capture, arrived);
    sl_ns time;
    if (!clock->started)
        time = reference;
    else if (back)
        time = clock->time + reference - clock->reference;
    else
        time = time_of(clock, interval, reference, arrived);
    /* Never so near to the one before that two would be one tick. */
    const sl_ns least = clock->time + (interval > 0 && interval < SL_SEC ? interval / 2 : SL_MS);
    if (clock->started && time < least)
        time = least;
    clock->started = true;
    clock->timestamp = timestamp;
    clock->reference = reference;
    clock->arrived = arrived;
    clock->time = time;
    return time;
}
