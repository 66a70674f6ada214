/* SPDX-License-Identifier: MIT */
#include "rate/trend.h"

#include <math.h>

#define POINTS_MIN 5
#define WINDOW SL_SEC /* a slow stream does not wait 4 s for its 20 frames */
#define BASE_SPAN (15 * SL_SEC)
/* On a path with 5 ms of jitter the rise over 20 frames at 30/s has a deviation of 1 ms; a link of
 * 800 kb/s under 2 Mb/s rises by 40 ms in two frames. */
#define THRESHOLD_START_MS 25.0
#define THRESHOLD_MIN_MS 15.0
#define THRESHOLD_MAX_MS 100.0
/* As draft-ietf-rmcat-gcc-02 section 5.4, but slower: upwards so slowly that a queue that builds up
 * over a second is not taken for noise. Outliers do not count. */
#define THRESHOLD_UP_MS 3000.0
#define THRESHOLD_DOWN_MS 1000.0
#define THRESHOLD_OUTLIER_MS 15.0
/* A rise that is not yet a queue of this much is left alone: neither age nor a queue of 50 ms
 * suffers, and beside someone who fills the queue in turns we would starve. */
#define RISING_QUEUE_MS 30.0
#define STANDING_SPAN (500 * SL_MS)
#define STANDING_MS 40.0
#define QUEUE_POINTS 5

void sl_trend_init(struct sl_trend *trend)
{
    *trend = (struct sl_trend){.threshold_ms = THRESHOLD_START_MS};
}

void sl_trend_clear(struct sl_trend *trend)
{
    trend->count = 0;
    trend->rise_ms = 0;
}

/* The `back`th newest. */
static size_t index_of(const struct sl_trend *trend, size_t back)
{
    return (trend->next + SL_TREND_POINTS - 1 - back) % SL_TREND_POINTS;
}

static double base(const struct sl_trend *trend)
{
    return fmin(trend->base_ms[0], trend->base_ms[1]);
}

static double least(const struct sl_trend *trend, size_t points)
{
    double value = INFINITY;
    for (size_t i = 0; i < points && i < trend->count; i++)
        value = fmin(value, trend->points[index_of(trend, i)].delay_ms);
    return value;
}

sl_ns sl_trend_queue(const struct sl_trend *trend)
{
    if (trend->count == 0)
        return 0;
    const double queue = least(trend, QUEUE_POINTS) - base(trend);
    return queue > 0 ? (sl_ns)(queue * 1e6) : 0;
}

sl_ns sl_trend_excess(const struct sl_trend *trend, sl_ns delay)
{
    if (!trend->started || delay == SL_NEVER)
        return 0;
    const double excess = (double)(delay - trend->zero) / 1e6 - base(trend);
    return excess > 0 ? (sl_ns)(excess * 1e6) : 0;
}

void sl_trend_rebase(struct sl_trend *trend)
{
    const double now = least(trend, trend->count);
    if (trend->count == 0)
        return;
    trend->base_ms[0] = trend->base_ms[1] = now;
    sl_trend_clear(trend);
}

static void follow_base(struct sl_trend *trend, sl_ns at, double delay_ms)
{
    if (at - trend->base_since >= BASE_SPAN) {
        trend->base_ms[1] = trend->base_ms[0];
        trend->base_ms[0] = delay_ms;
        trend->base_since = at;
    }
    trend->base_ms[0] = fmin(trend->base_ms[0], delay_ms);
}

/* How many of the newest points lie within `span` of the newest. */
static size_t within(const struct sl_trend *trend, sl_ns span)
{
    const sl_ns newest = trend->points[index_of(trend, 0)].at;
    size_t n = 0;
    while (n < trend->count && newest - trend->points[index_of(trend, n)].at <= span)
        n++;
    return n;
}

/* Least squares: how far the line rises from the oldest of `n` points to the newest. */
static double rise(const struct sl_trend *trend, size_t n)
{
    const sl_ns newest = trend->points[index_of(trend, 0)].at;
    double mean_x = 0, mean_y = 0, xy = 0, xx = 0, oldest = 0;
    for (size_t i = 0; i < n; i++) {
        mean_x += (double)(trend->points[index_of(trend, i)].at - newest) / 1e6 / (double)n;
        mean_y += trend->points[index_of(trend, i)].delay_ms / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        const double x = (double)(trend->points[index_of(trend, i)].at - newest) / 1e6;
        xy += (x - mean_x) * (trend->points[index_of(trend, i)].delay_ms - mean_y);
        xx += (x - mean_x) * (x - mean_x);
        oldest = fmin(oldest, x);
    }
    return xx > 0 ? xy / xx * -oldest : 0;
}

static void adapt(struct sl_trend *trend, sl_ns at)
{
    const double size = fabs(trend->rise_ms);
    const double ms = fmin((double)(at - trend->adapted_at) / 1e6, 100);
    trend->adapted_at = at;
    if (size > trend->threshold_ms + THRESHOLD_OUTLIER_MS)
        return;
    /* The rise of mere noise swings about zero: three times its size is what it may reach. */
    const double over = 3 * size - trend->threshold_ms;
    trend->threshold_ms += over * ms / (over > 0 ? THRESHOLD_UP_MS : THRESHOLD_DOWN_MS);
    trend->threshold_ms = fmin(fmax(trend->threshold_ms, THRESHOLD_MIN_MS), THRESHOLD_MAX_MS);
}

enum sl_trend_state sl_trend_add(struct sl_trend *trend, sl_ns sent, sl_ns delay)
{
    if (!trend->started) {
        trend->started = true;
        trend->zero = delay;
        trend->base_since = trend->adapted_at = sent;
        trend->base_ms[0] = trend->base_ms[1] = INFINITY;
    }
    const double delay_ms = (double)(delay - trend->zero) / 1e6;
    const double before_ms = trend->count ? trend->last_ms : delay_ms;
    trend->last_ms = delay_ms;
    follow_base(trend, sent, delay_ms);
    const double filtered = fmin(delay_ms, before_ms);
    const double previous = trend->count ? trend->points[index_of(trend, 0)].delay_ms : filtered;
    trend->points[trend->next].at = sent;
    trend->points[trend->next].delay_ms = filtered;
    trend->next = (trend->next + 1) % SL_TREND_POINTS;
    if (trend->count < SL_TREND_POINTS)
        trend->count++;
    const size_t n = within(trend, WINDOW);
    if (n < POINTS_MIN)
        return SL_TREND_STEADY;
    trend->rise_ms = rise(trend, n);
    const bool rising = trend->rise_ms > trend->threshold_ms && filtered >= previous &&
                        filtered - base(trend) > RISING_QUEUE_MS;
    adapt(trend, sent);
    if (rising)
        return SL_TREND_RISING;
    const size_t half = within(trend, STANDING_SPAN);
    if (half < trend->count && least(trend, half + 1) - base(trend) > STANDING_MS)
        return SL_TREND_STANDING;
    return SL_TREND_STEADY;
}
