/* SPDX-License-Identifier: MIT */
/* Usage: when retention will begin to delete, from what is there and what comes in. Pure. */
#pragma once

#include "receiver/retention.h"

struct sl_usage {
    int64_t now_us;
    int64_t expires_us; /* when the first that may go is older than its keep; 0: none will be */
    int64_t bytes, bytes_per_hour;
    int64_t free_bytes, min_free; /* free -1: not known */
    int64_t keep_bytes;           /* 0: no limit */
};

enum sl_usage_why { SL_USAGE_NEVER, SL_USAGE_AGE, SL_USAGE_BYTES, SL_USAGE_FREE };

struct sl_usage_forecast {
    int64_t at_us; /* not before now */
    enum sl_usage_why why;
};

/* What comes first. */
struct sl_usage_forecast sl_usage_forecast(const struct sl_usage *usage);
