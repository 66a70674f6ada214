/* SPDX-License-Identifier: MIT */
#include "bench/scale.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/types.h"

#define HUGE_FIGURE 1e60 /* differences and products of these are still numbers */
#define TINY_FIGURE 1e-60

static const struct {
    double factor;
    const char *suffix;
} multiples[] = {{1e12, " T"}, {1e9, " G"}, {1e6, " M"}, {1e3, " k"}};

/* Thousands stay as they are: 8000 is read faster than 8 k. */
static int multiple_for(double largest)
{
    for (size_t i = 0; largest >= 1e4 && largest < 1e15 && i < SL_COUNT(multiples); i++)
        if (largest >= multiples[i].factor)
            return (int)i;
    return -1;
}

void sl_scale_number(double value, int digits, char *text, size_t size)
{
    const int multiple = multiple_for(fabs(value));
    const double shown = multiple >= 0 ? value / multiples[multiple].factor : value;
    const char *suffix = multiple >= 0 ? multiples[multiple].suffix : "";
    const double size_of = shown == 0 ? 0 : floor(log10(fabs(shown)));
    if (!isfinite(value))
        snprintf(text, size, "-");
    else if (value == floor(value) && fabs(value) < 1e4)
        snprintf(text, size, "%.0f", value == 0 ? 0 : value); /* a count, mostly */
    else if (size_of < -4 || size_of > 9)
        snprintf(text, size, "%.*e", digits - 1, shown);
    else
        snprintf(text, size, "%.*f%s", digits - 1 > size_of ? digits - 1 - (int)size_of : 0, shown,
                 suffix);
}

/* "0.5", "20 k"; all ticks of an axis in the same multiple, and as many decimals as the step has.
 */
static void write_tick(double value, double step, double largest, char text[16])
{
    const int multiple = multiple_for(largest);
    const double factor = multiple >= 0 ? multiples[multiple].factor : 1;
    const double digits = -floor(log10(step / factor) + 1e-9);
    if (digits > 4 || largest >= 1e15)
        snprintf(text, 16, "%.3g", value);
    else if (value == 0)
        snprintf(text, 16, "0");
    else
        snprintf(text, 16, "%.*f%s", digits > 0 ? (int)digits : 0, value / factor,
                 multiple >= 0 ? multiples[multiple].suffix : "");
}

static void add_tick(struct sl_scale *scale, double value, double step)
{
    const double largest = scale->log ? fabs(value) : fmax(fabs(scale->low), fabs(scale->high));
    if (scale->ticks == SL_SCALE_TICKS)
        return;
    char *label = scale->label[scale->ticks];
    write_tick(value, step, largest, label);
    if (scale->ticks && strcmp(label, scale->label[scale->ticks - 1]) == 0)
        return; /* the step is lost in the figure, or in its few digits */
    scale->tick[scale->ticks++] = value;
}

/* 1, 2 or 5 times a power of ten, not under `least`. */
static double round_step(double least)
{
    const double decade = pow(10, floor(log10(least)));
    const double steps[] = {1, 2, 5, 10};
    for (size_t i = 0; i < SL_COUNT(steps); i++)
        if (steps[i] * decade >= least * (1 - 1e-9))
            return steps[i] * decade;
    return 10 * decade;
}

static void add_steps(struct sl_scale *scale, int wanted)
{
    const double step = round_step((scale->high - scale->low) / wanted);
    const double from = ceil(scale->low / step - 1e-9);
    const double to = floor(scale->high / step + 1e-9);
    for (int i = 0; i < SL_SCALE_TICKS && from + i <= to; i++)
        add_tick(scale, (from + i) * step, step);
}

static void fit_linear(struct sl_scale *scale, int wanted, bool snug)
{
    const double step = round_step((scale->high - scale->low) / wanted);
    if (!snug) {
        scale->low = fmin(scale->low, floor(scale->low / step + 1e-9) * step);
        scale->high = fmax(scale->high, ceil(scale->high / step - 1e-9) * step);
    }
    add_steps(scale, wanted);
}

/* Up to 3 decades: 1, 2, 5 of each. More: the decades, or every other. */
static void fit_log(struct sl_scale *scale, int wanted, bool snug)
{
    static const double parts[] = {1, 2, 5};
    const double span = log10(scale->high / scale->low);
    const int count = span <= 3 ? 3 : 1;
    const int stride = (int)ceil(span / (wanted + 1)) > 1 ? (int)ceil(span / (wanted + 1)) : 1;
    const int from = (int)floor(log10(scale->low) + 1e-9), to = (int)ceil(log10(scale->high));
    double low = scale->low, high = INFINITY;
    for (int decade = from; decade <= to; decade += stride)
        for (int i = 0; i < count; i++) {
            const double value = parts[i] * pow(10, decade);
            if (value <= scale->low * (1 + 1e-9))
                low = value;
            if (value >= scale->high * (1 - 1e-9) && value < high)
                high = value;
        }
    if (!snug) {
        scale->low = low;
        scale->high = isfinite(high) ? high : scale->high;
    }
    for (int decade = from; decade <= to; decade += stride)
        for (int i = 0; i < count; i++) {
            const double value = parts[i] * pow(10, decade);
            if (value >= scale->low * (1 - 1e-9) && value <= scale->high * (1 + 1e-9))
                add_tick(scale, value, value);
        }
    if (scale->ticks < 3 && span < 1) { /* 2.1 to 4.9: steps as on a linear axis */
        scale->ticks = 0;
        add_steps(scale, wanted);
    }
}

void sl_scale_fit(struct sl_scale *ret, double low, double high, int wanted,
                  enum sl_scale_flags flags)
{
    struct sl_scale scale = {.log = flags & SL_SCALE_LOG};
    wanted = wanted < 2 ? 2 : wanted > SL_SCALE_TICKS / 2 ? SL_SCALE_TICKS / 2 : wanted;
    if (!isfinite(low) || !isfinite(high)) {
        low = scale.log ? 1 : 0;
        high = scale.log ? 10 : 1;
    }
    low = fmin(fmax(low, -HUGE_FIGURE), HUGE_FIGURE);
    high = fmin(fmax(high, low), HUGE_FIGURE);
    if (scale.log) {
        low = low > TINY_FIGURE ? low : TINY_FIGURE;
        high = high > low ? high : low;
    } else if ((flags & SL_SCALE_ZERO) && low > 0) {
        low = 0;
    } else if ((flags & SL_SCALE_ZERO) && high < 0) {
        high = 0;
    }
    /* All the same figure, or as good as: some room around it. */
    if (!(high - low > fabs(high) * (scale.log ? 1e-6 : 1e-12))) {
        const double room = fabs(high) > TINY_FIGURE ? fabs(high) / 2 : 0.5;
        low = scale.log ? low / 2 : low == 0 ? 0 : low - room;
        high = scale.log ? high * 2 : low == 0 && high == 0 ? 1 : high + room;
    }
    scale.low = low;
    scale.high = high;
    if (scale.log)
        fit_log(&scale, wanted, flags & SL_SCALE_SNUG);
    else
        fit_linear(&scale, wanted, flags & SL_SCALE_SNUG);
    if (!scale.ticks) /* it happens where no round figure is near */
        add_tick(&scale, scale.low, scale.high - scale.low);
    *ret = scale;
}

void sl_scale_tick_at(struct sl_scale *scale, const double *values, size_t count)
{
    scale->ticks = 0;
    for (size_t i = 0; i < count && i < SL_SCALE_TICKS; i++) {
        scale->tick[i] = values[i];
        sl_scale_number(values[i], 3, scale->label[i], sizeof(scale->label[i]));
        scale->ticks++;
    }
}

double sl_scale_place(const struct sl_scale *scale, double value)
{
    if (!isfinite(value) || (scale->log && value <= 0))
        return NAN;
    if (scale->log)
        return log(value / scale->low) / log(scale->high / scale->low);
    return (value - scale->low) / (scale->high - scale->low);
}
