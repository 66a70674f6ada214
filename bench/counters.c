/* SPDX-License-Identifier: MIT */
#include "bench/counters.h"

#include <math.h>
#include <stddef.h>

#include "base/types.h"

#define AT(field) offsetof(struct sl_counters, field)
static const size_t fields[] = {
    AT(seconds),          AT(sent_bytes),  AT(sent_packets),    AT(lost_packets), AT(media_bytes),
    AT(repair_bytes),     AT(decoded),     AT(decoded_seconds), AT(resent),       AT(frames_by_fec),
    AT(frames_by_resend), AT(frames_late), AT(frames_lost),
};

_Static_assert(sizeof(struct sl_counters) == SL_COUNT(fields) * sizeof(double), "all of them");

static double get(const struct sl_counters *counters, size_t i)
{
    return *(const double *)((const char *)counters + fields[i]);
}

static void set(struct sl_counters *counters, size_t i, double value)
{
    *(double *)((char *)counters + fields[i]) = value;
}

struct sl_counters sl_counters_unknown(void)
{
    struct sl_counters unknown;
    for (size_t i = 0; i < SL_COUNT(fields); i++)
        set(&unknown, i, NAN);
    return unknown;
}

struct sl_counters sl_counters_since(const struct sl_counters *now, const struct sl_counters *then)
{
    struct sl_counters since;
    for (size_t i = 0; i < SL_COUNT(fields); i++) {
        const double grown = get(now, i) - get(then, i);
        set(&since, i, grown >= 0 ? grown : NAN);
    }
    return since;
}

struct sl_counters sl_counters_sum(const struct sl_counters *a, const struct sl_counters *b)
{
    struct sl_counters sum;
    for (size_t i = 0; i < SL_COUNT(fields); i++)
        set(&sum, i, get(a, i) + get(b, i));
    return sum;
}
