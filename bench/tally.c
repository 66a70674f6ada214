/* SPDX-License-Identifier: MIT */
#include "bench/tally.h"

#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

struct sl_tally {
    uint32_t room;
    _Atomic uint32_t handed_count;
    sl_ns *handed;   /* written before handed_count tells of it */
    sl_ns *seen;     /* 0: not seen */
    uint32_t newest; /* seen, plus one */
    uint32_t out_of_order, misread;
};

int sl_tally_create(struct sl_tally **ret, uint32_t frames)
{
    if (!frames)
        return -EINVAL;
    struct sl_tally *tally = calloc(1, sizeof(*tally));
    if (!tally)
        return -ENOMEM;
    tally->room = frames;
    tally->handed = calloc(frames, sizeof(sl_ns));
    tally->seen = calloc(frames, sizeof(sl_ns));
    if (!tally->handed || !tally->seen) {
        sl_tally_destroy(tally);
        return -ENOMEM;
    }
    *ret = tally;
    return 0;
}

void sl_tally_destroy(struct sl_tally *tally)
{
    if (!tally)
        return;
    free(tally->handed);
    free(tally->seen);
    free(tally);
}

void sl_tally_handed(struct sl_tally *tally, uint32_t number, sl_ns now)
{
    if (number >= tally->room)
        return;
    tally->handed[number] = now;
    atomic_store_explicit(&tally->handed_count, number + 1, memory_order_release);
}

uint32_t sl_tally_handed_count(const struct sl_tally *tally)
{
    return atomic_load_explicit(&tally->handed_count, memory_order_acquire);
}

sl_ns sl_tally_handed_at(const struct sl_tally *tally, uint32_t number)
{
    return tally->handed[number];
}

bool sl_tally_seen(struct sl_tally *tally, uint32_t number, sl_ns now)
{
    if (number >= sl_tally_handed_count(tally)) {
        tally->misread++;
        return false;
    }
    if (number + 1 == tally->newest)
        return false;
    if (number + 1 < tally->newest) {
        tally->out_of_order++;
        return false;
    }
    tally->newest = number + 1;
    tally->seen[number] = now;
    return true;
}

static int compare_times(const void *a, const void *b)
{
    const sl_ns x = *(const sl_ns *)a, y = *(const sl_ns *)b;
    return (x > y) - (x < y);
}

void sl_sort_times(sl_ns *values, size_t count)
{
    qsort(values, count, sizeof(*values), compare_times);
}

sl_ns sl_quantile(const sl_ns *values, size_t count, double q)
{
    size_t rank = (size_t)ceil(q * (double)count);
    rank = rank < 1 ? 1 : rank > count ? count : rank;
    return values[rank - 1];
}

/* The longest time in [from, to) during which the newest picture stayed the same. */
static sl_ns longest_freeze(const struct sl_tally *tally, sl_ns from, sl_ns to)
{
    sl_ns last = from, longest = 0;
    for (uint32_t i = 0; i < tally->newest; i++) {
        if (!tally->seen[i] || tally->seen[i] < from)
            continue;
        const sl_ns until = tally->seen[i] < to ? tally->seen[i] : to;
        if (until - last > longest)
            longest = until - last;
        last = until;
    }
    return to - last > longest ? to - last : longest;
}

static void collect(const struct sl_tally *tally, uint32_t count, sl_ns from, sl_ns to,
                    struct sl_tally_result *result)
{
    for (uint32_t i = 0; i < count; i++) {
        const sl_ns handed = tally->handed[i], seen = tally->seen[i];
        if (handed < from && seen - from > result->before)
            result->before = seen - from;
        if (handed < from || handed >= to)
            continue;
        result->frames[result->handed++] =
            (struct sl_tally_frame){i, handed - from, seen ? seen - from : SL_NEVER};
        if (seen)
            result->ages[result->shown++] = seen - handed;
    }
}

int sl_tally_result(const struct sl_tally *tally, sl_ns from, sl_ns to, struct sl_tally_result *ret)
{
    const uint32_t count = sl_tally_handed_count(tally);
    const size_t room = count ? count : 1;
    struct sl_tally_result result = {.out_of_order = tally->out_of_order,
                                     .misread = tally->misread};
    result.ages = malloc(room * sizeof(*result.ages));
    result.frames = malloc(room * sizeof(*result.frames));
    if (!result.ages || !result.frames) {
        sl_tally_result_free(&result);
        return -ENOMEM;
    }
    collect(tally, count, from, to, &result);
    if (!result.shown) {
        sl_tally_result_free(&result);
        return -ENODATA;
    }
    const size_t shown = result.shown;
    sl_sort_times(result.ages, shown);
    result.not_shown = result.handed - result.shown;
    result.shown_per_s = (double)shown * SL_SEC / (double)(to - from);
    result.p50 = sl_quantile(result.ages, shown, 0.50);
    result.p95 = sl_quantile(result.ages, shown, 0.95);
    result.p99 = sl_quantile(result.ages, shown, 0.99);
    result.max = result.ages[shown - 1];
    result.freeze = longest_freeze(tally, from, to);
    *ret = result;
    return 0;
}

void sl_tally_result_free(struct sl_tally_result *result)
{
    free(result->ages);
    free(result->frames);
    result->ages = NULL;
    result->frames = NULL;
}
