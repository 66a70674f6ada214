/* SPDX-License-Identifier: MIT */
#include "receiver/usage.h"

#define FAR_US (INT64_C(1000000) * 100 * 365 * 86400)

static void sooner(struct sl_usage_forecast *forecast, const struct sl_usage *usage, int64_t at_us,
                   enum sl_usage_why why)
{
    const int64_t at = at_us < usage->now_us ? usage->now_us : at_us;
    if (at - usage->now_us > FAR_US || (forecast->why != SL_USAGE_NEVER && forecast->at_us <= at))
        return;
    *forecast = (struct sl_usage_forecast){.at_us = at, .why = why};
}

/* When `room` bytes are filled. */
static int64_t filled_us(const struct sl_usage *usage, int64_t room)
{
    if (room <= 0)
        return usage->now_us;
    const double hours = (double)room / (double)usage->bytes_per_hour;
    return hours > 1e6 ? INT64_MAX : usage->now_us + (int64_t)(hours * 3600e6);
}

struct sl_usage_forecast sl_usage_forecast(const struct sl_usage *usage)
{
    struct sl_usage_forecast forecast = {.why = SL_USAGE_NEVER};
    if (usage->expires_us)
        sooner(&forecast, usage, usage->expires_us, SL_USAGE_AGE);
    if (usage->bytes_per_hour <= 0)
        return forecast;
    if (usage->keep_bytes > 0)
        sooner(&forecast, usage, filled_us(usage, usage->keep_bytes - usage->bytes),
               SL_USAGE_BYTES);
    if (usage->free_bytes >= 0)
        sooner(&forecast, usage, filled_us(usage, usage->free_bytes - usage->min_free),
               SL_USAGE_FREE);
    return forecast;
}
