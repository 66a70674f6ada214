/* SPDX-License-Identifier: MIT */
/*
 * Retry: how long an endpoint waits before it tries again, and when it gives up. For endpoint.c.
 * Pure.
 */
#pragma once

#include <stdbool.h>

#include "base/random.h"
#include "base/types.h"

#define SL_RETRY_MIN (100 * SL_MS)
#define SL_RETRY_MAX SL_SEC
#define SL_RETRY_REACH (500 * SL_MS)

/* Zero-initialised but for `limit`. */
struct sl_retry {
    int limit;        /* failures in a row that are too many; -1: none are */
    int failures;     /* in a row */
    int not_live_yet; /* answers of that kind since it was live */
    bool was_live;    /* ever: pictures are missed */
    sl_ns connect;    /* what TCP took to connect when it last did */
};

void sl_retry_lived(struct sl_retry *retry);
/* A session that lasted is over: the next try is a first one. */
void sl_retry_anew(struct sl_retry *retry);
/* A try failed. True: it was the last. */
bool sl_retry_failed(struct sl_retry *retry);

/* From the start of a failed try to that of the next. */
sl_ns sl_retry_delay(const struct sl_retry *retry, struct sl_random *random);
/* The same after an answer that the camera is not live, which is no failure. `retry_after_s` as
 * the answer said; -1: nothing. */
sl_ns sl_retry_not_live(struct sl_retry *retry, int retry_after_s, struct sl_random *random);
/* TCP took so long to connect; 0, which says nothing, is ignored. */
void sl_retry_connected(struct sl_retry *retry, sl_ns took);
/* The next try had better be short, of SL_RETRY_REACH for TCP. */
bool sl_retry_is_quick(const struct sl_retry *retry);
