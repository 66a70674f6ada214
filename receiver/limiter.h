/* SPDX-License-Identifier: MIT */
/*
 * Limiter: a token bucket per source address (IPv6: per /64) in a table of fixed size, for what
 * strangers may make us do. A full set gives the place of the address that was quiet longest, so
 * a flood from many addresses costs accuracy, never memory. One thread; no allocation after create.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/types.h"

struct sl_limiter;

struct sl_limiter_config {
    uint32_t burst;   /* allowed at once */
    uint32_t per_sec; /* refill */
    uint32_t hosts;   /* remembered; rounded up to a multiple of 4, a power of two */
};

/* 0, -EINVAL (a zero) or -ENOMEM. */
SL_MUST_CHECK int sl_limiter_create(struct sl_limiter **ret,
                                    const struct sl_limiter_config *config);
void sl_limiter_destroy(struct sl_limiter *limiter);

/* False if `addr` has used up what it may do at `now`. */
SL_MUST_CHECK bool sl_limiter_take(struct sl_limiter *limiter, const struct sl_addr *addr,
                                   sl_ns now);

/* offered == allowed + refused */
struct sl_limiter_stats {
    uint64_t offered, allowed, refused;
    uint64_t evicted; /* addresses forgotten for want of room */
};
void sl_limiter_stats(const struct sl_limiter *limiter, struct sl_limiter_stats *ret);
