/* SPDX-License-Identifier: MIT */
#include "sender/capture_v4l2_choose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavutil/rational.h>

#define SHAPE_PERCENT 1 /* width to height: 854x480 is the shape of 1280x720 */
#define RATE_PERCENT 2  /* 29.97/s are 30 */
#define INTERVAL_MAX_S 100
#define RATE_MAX 10000
#define TERM_MAX 1000000 /* 1000000/33333 stays as it is */
#define LARGER_MOST 2    /* times as wide or high as the device's picture */

enum fit { FIT_EXACT, FIT_SHAPE_LARGER, FIT_SHAPE_SMALLER, FIT_LARGER, FIT_OTHER };

static struct sl_frame_size wanted_size(const struct sl_v4l2_wish *wish)
{
    const struct sl_frame_size usual = {SL_V4L2_WIDTH, SL_V4L2_HEIGHT};
    return wish->size.width ? wish->size : usual;
}

static int64_t wanted_mhz(const struct sl_v4l2_wish *wish)
{
    return 1000 * (int64_t)(wish->fps ? wish->fps : SL_V4L2_FPS);
}

static int64_t rate_mhz(const struct sl_v4l2_mode *mode)
{
    return 1000 * (int64_t)mode->fps_num / mode->fps_den;
}

bool sl_v4l2_reaches_rate(const struct sl_v4l2_mode *mode, const struct sl_v4l2_wish *wish)
{
    return rate_mhz(mode) * 100 >= wanted_mhz(wish) * (100 - RATE_PERCENT);
}

bool sl_v4l2_mode_usable(const struct sl_v4l2_mode *mode)
{
    const struct sl_v4l2_format *format = sl_v4l2_format_find(mode->fourcc);
    return format && mode->width >= 16 && mode->height >= 16;
}

static bool will_do(const struct sl_v4l2_mode *mode, const struct sl_v4l2_wish *wish)
{
    const struct sl_v4l2_format *format = sl_v4l2_format_find(mode->fourcc);
    if (!sl_v4l2_mode_usable(mode) || (wish->format ? format != wish->format : format->encoded))
        return false;
    return mode->width * LARGER_MOST >= wish->size.width &&
           mode->height * LARGER_MOST >= wish->size.height;
}

static bool same_shape(const struct sl_v4l2_mode *mode, struct sl_frame_size size)
{
    const int64_t across = (int64_t)mode->width * size.height;
    const int64_t down = (int64_t)mode->height * size.width;
    return llabs(across - down) * 100 <= across * SHAPE_PERCENT;
}

static enum fit fit(const struct sl_v4l2_mode *mode, struct sl_frame_size size)
{
    if (mode->width == size.width && mode->height == size.height)
        return FIT_EXACT;
    const bool larger = mode->width >= size.width && mode->height >= size.height;
    if (same_shape(mode, size))
        return larger ? FIT_SHAPE_LARGER : FIT_SHAPE_SMALLER;
    return larger ? FIT_LARGER : FIT_OTHER;
}

/* < 0: `a` is the better. */
static int compare(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_size(const struct sl_v4l2_mode *a, const struct sl_v4l2_mode *b,
                        const struct sl_v4l2_wish *wish)
{
    const struct sl_frame_size size = wanted_size(wish);
    const enum fit kind = fit(a, size);
    if (kind != fit(b, size))
        return compare(kind, fit(b, size));
    const int order = compare((int64_t)a->width * a->height, (int64_t)b->width * b->height);
    return kind == FIT_SHAPE_LARGER || kind == FIT_LARGER ? order : -order;
}

static int compare_rate(const struct sl_v4l2_mode *a, const struct sl_v4l2_mode *b,
                        const struct sl_v4l2_wish *wish)
{
    const bool reached = sl_v4l2_reaches_rate(a, wish);
    if (reached != sl_v4l2_reaches_rate(b, wish))
        return reached ? -1 : 1;
    return reached ? 0 : compare(rate_mhz(b), rate_mhz(a));
}

static int compare_modes(const struct sl_v4l2_mode *a, const struct sl_v4l2_mode *b,
                         const struct sl_v4l2_wish *wish)
{
    const struct sl_v4l2_format *format_a = sl_v4l2_format_find(a->fourcc);
    const struct sl_v4l2_format *format_b = sl_v4l2_format_find(b->fourcc);
    const int size = compare_size(a, b, wish), rate = compare_rate(a, b, wish);
    const int order[] = {
        compare(a->emulated, b->emulated),
        compare(format_a->grey, format_b->grey),
        wish->size.width ? size : rate,
        wish->size.width ? rate : size,
        compare(format_a - format_b, 0),
        compare(rate_mhz(a), rate_mhz(b)), /* both reach it: no more than that */
    };
    for (size_t i = 0; i < SL_COUNT(order); i++)
        if (order[i])
            return order[i];
    return 0;
}

static const struct sl_v4l2_mode *best_of(const struct sl_v4l2_mode *modes, size_t count,
                                          const struct sl_v4l2_wish *wish)
{
    const struct sl_v4l2_mode *best = NULL;
    for (size_t i = 0; i < count; i++)
        if (will_do(&modes[i], wish) && (!best || compare_modes(&modes[i], best, wish) < 0))
            best = &modes[i];
    return best;
}

/* Pictures that are larger than asked for are made smaller; what is encoded stays as it is. */
static bool keeps_to(const struct sl_v4l2_mode *mode, const struct sl_v4l2_wish *wish)
{
    const enum fit kind = fit(mode, wish->size);
    const bool encoded = sl_v4l2_format_find(mode->fourcc)->encoded;
    const bool sized = !wish->size.width || kind == FIT_EXACT ||
                       (!encoded && (kind == FIT_SHAPE_LARGER || kind == FIT_LARGER));
    return sized && sl_v4l2_reaches_rate(mode, wish);
}

const struct sl_v4l2_mode *sl_v4l2_choose(const struct sl_v4l2_mode *modes, size_t count,
                                          const struct sl_v4l2_wish *wish)
{
    const struct sl_v4l2_mode *best = best_of(modes, count, wish);
    if (wish->format || wish->encoded != SL_V4L2_ENCODED_BETTER || !best || keeps_to(best, wish))
        return best;
    struct sl_v4l2_wish encoded = *wish;
    encoded.format = sl_v4l2_format_named("h264");
    const struct sl_v4l2_mode *other = best_of(modes, count, &encoded);
    return other && keeps_to(other, wish) ? other : best;
}

bool sl_v4l2_set_interval(struct sl_v4l2_mode *mode, uint32_t numerator, uint32_t denominator)
{
    int num, den;
    if (!numerator || !denominator || numerator / denominator > INTERVAL_MAX_S)
        return false;
    av_reduce(&num, &den, denominator, numerator, TERM_MAX);
    if (num < 1 || den < 1 || num / den > RATE_MAX)
        return false;
    mode->fps_num = num;
    mode->fps_den = den;
    return true;
}

int sl_v4l2_nearest(int wanted, int least, int most, int step)
{
    if (wanted <= least || most <= least)
        return least;
    const int steps = step > 1 ? step : 1;
    const int above = (wanted > most ? most : wanted) - least;
    const int down = above / steps * steps;
    const bool up = above - down > steps / 2 && least + down + steps <= most;
    return least + down + (up ? steps : 0);
}

/* ---- In words ---- */

/* The smallest and the largest size of a format. */
static void extent(const struct sl_v4l2_mode *modes, size_t count, uint32_t fourcc,
                   struct sl_frame_size *least, struct sl_frame_size *most)
{
    int64_t smallest = INT64_MAX, largest = 0;
    for (size_t i = 0; i < count; i++) {
        const struct sl_v4l2_mode *mode = &modes[i];
        if (mode->fourcc != fourcc)
            continue;
        const struct sl_frame_size own = {mode->width, mode->height};
        const struct sl_frame_size low = mode->most.width ? mode->least : own;
        const struct sl_frame_size high = mode->most.width ? mode->most : own;
        if ((int64_t)low.width * low.height < smallest) {
            smallest = (int64_t)low.width * low.height;
            *least = low;
        }
        if ((int64_t)high.width * high.height > largest) {
            largest = (int64_t)high.width * high.height;
            *most = high;
        }
    }
}

static bool told_before(const struct sl_v4l2_mode *modes, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (modes[i].fourcc == modes[index].fourcc)
            return true;
    return false;
}

void sl_v4l2_describe(const struct sl_v4l2_mode *modes, size_t count, char *text, size_t len)
{
    size_t used = 0;
    bool any = false;
    snprintf(text, len, "nothing");
    for (size_t i = 0; i < count; i++)
        any |= sl_v4l2_mode_usable(&modes[i]);
    for (size_t i = 0; i < count; i++) {
        if (told_before(modes, i) || (any && !sl_v4l2_mode_usable(&modes[i])))
            continue;
        struct sl_frame_size least = {0}, most = {0};
        char fourcc[SL_V4L2_FOURCC_TEXT], part[80];
        extent(modes, count, modes[i].fourcc, &least, &most);
        int size =
            snprintf(part, sizeof(part), "%s%s %dx%d", used ? ", " : "",
                     sl_v4l2_fourcc_text(modes[i].fourcc, fourcc), least.width, least.height);
        if (least.width != most.width || least.height != most.height)
            size += snprintf(part + size, sizeof(part) - (size_t)size, " to %dx%d", most.width,
                             most.height);
        if (used + (size_t)size + sizeof(", ...") > len) {
            if (used)
                snprintf(text + used, len - used, ", ...");
            return;
        }
        memcpy(text + used, part, (size_t)size + 1);
        used += (size_t)size;
    }
}
