/* SPDX-License-Identifier: MIT */
#include "jitter/clock.h"

#define BUCKET (2 * SL_SEC)
#define BUCKETS_FOR_SKEW 8
#define SKEW_MAX 500e-6 /* quartz is within 100 ppm; more is a change of path, not of clock */
#define SKEW_GAIN 0.25
#define JUMP (10 * SL_SEC) /* no network holds a frame for so long: the timestamps jumped */

void sl_media_clock_init(struct sl_media_clock *clock, uint32_t hz)
{
    *clock = (struct sl_media_clock){.hz = hz};
}

static int64_t unwrap(const struct sl_media_clock *clock, uint32_t timestamp)
{
    if (!clock->started)
        return timestamp;
    return clock->ticks + (int32_t)(timestamp - clock->last_timestamp);
}

static sl_ns stream_time(const struct sl_media_clock *clock, int64_t ticks)
{
    return ticks / clock->hz * SL_SEC + ticks % clock->hz * SL_SEC / clock->hz;
}

static sl_ns take_timestamp(struct sl_media_clock *clock, uint32_t timestamp)
{
    const int64_t ticks = unwrap(clock, timestamp);
    if (!clock->started || ticks > clock->ticks) {
        clock->ticks = ticks;
        clock->last_timestamp = timestamp;
    }
    clock->started = true;
    return stream_time(clock, ticks);
}

void sl_media_clock_began(struct sl_media_clock *clock, uint32_t timestamp, sl_ns arrival)
{
    const sl_ns transit = arrival - take_timestamp(clock, timestamp);
    if (clock->jitter_started) {
        const sl_ns change = transit - clock->jitter_transit;
        clock->jitter += ((double)(change < 0 ? -change : change) - clock->jitter) / 16;
    }
    clock->jitter_started = true;
    clock->jitter_transit = transit;
}

static double tilted(const struct sl_media_clock *clock, size_t bucket, sl_ns at)
{
    return (double)clock->buckets[bucket].transit +
           clock->skew * (double)(at - clock->buckets[bucket].at);
}

/* The bucket with the smallest transit, skew taken out, of `count` from age `from` on. */
static size_t lowest(const struct sl_media_clock *clock, size_t from, size_t count)
{
    const sl_ns at = clock->buckets[clock->newest].at;
    size_t best = 0;
    for (size_t age = from; age < from + count; age++) {
        const size_t i = (clock->newest + SL_MEDIA_CLOCK_BUCKETS - age) % SL_MEDIA_CLOCK_BUCKETS;
        if (age == from || tilted(clock, i, at) < tilted(clock, best, at))
            best = i;
    }
    return best;
}

static void measure_skew(struct sl_media_clock *clock)
{
    if (clock->count < BUCKETS_FOR_SKEW)
        return;
    const size_t half = clock->count / 2;
    const size_t newer = lowest(clock, 0, half);
    const size_t older = lowest(clock, half, clock->count - half);
    const sl_ns span = clock->buckets[newer].at - clock->buckets[older].at;
    if (span < BUCKET)
        return;
    const double slope =
        (double)(clock->buckets[newer].transit - clock->buckets[older].transit) / (double)span;
    if (slope < SKEW_MAX && slope > -SKEW_MAX)
        clock->skew += (slope - clock->skew) * SKEW_GAIN;
}

void sl_media_clock_observe(struct sl_media_clock *clock, uint32_t timestamp, sl_ns arrival)
{
    const sl_ns at = take_timestamp(clock, timestamp);
    const sl_ns transit = arrival - at;
    const sl_ns behind = clock->count ? arrival - sl_media_clock_fastest(clock, timestamp) : 0;
    if (behind > JUMP || behind < -JUMP) {
        clock->count = 0;
        clock->skew = 0;
    }
    const int64_t number = arrival / BUCKET;
    if (clock->count == 0 || number > clock->bucket_number) {
        measure_skew(clock);
        clock->bucket_number = number;
        clock->newest = (clock->newest + 1) % SL_MEDIA_CLOCK_BUCKETS;
        if (clock->count < SL_MEDIA_CLOCK_BUCKETS)
            clock->count++;
    } else if (transit >= clock->buckets[clock->newest].transit) {
        return;
    }
    clock->buckets[clock->newest].at = at;
    clock->buckets[clock->newest].transit = transit;
}

sl_ns sl_media_clock_fastest(const struct sl_media_clock *clock, uint32_t timestamp)
{
    if (clock->count == 0)
        return SL_NEVER;
    const sl_ns at = stream_time(clock, unwrap(clock, timestamp));
    double best = 0;
    for (size_t age = 0; age < clock->count; age++) {
        const size_t i = (clock->newest + SL_MEDIA_CLOCK_BUCKETS - age) % SL_MEDIA_CLOCK_BUCKETS;
        const double transit = tilted(clock, i, at);
        if (age == 0 || transit < best)
            best = transit;
    }
    return at + (sl_ns)best;
}
