/* SPDX-License-Identifier: MIT */
/*
 * Ring: one producer thread, one consumer thread, no lock.
 *
 *     push ──▶ [ e e e e . . . ] ──▶ pop
 *
 * Elements are copied in and out by value. A full ring refuses; what its
 * producer then does is written beside the ring and counted there. Memory is
 * taken by create; push and pop never allocate. Pair with base/wake to sleep.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

struct sl_ring;

/* `capacity` is rounded up to a power of two. 0, -EINVAL (0 of either) or -ENOMEM. */
SL_MUST_CHECK int sl_ring_create(struct sl_ring **ret, size_t capacity, size_t element_bytes);
void sl_ring_destroy(struct sl_ring *ring);

/* Producer: false if full (counted in refused). */
SL_MUST_CHECK bool sl_ring_push(struct sl_ring *ring, const void *element);

/* Consumer: false if empty. */
SL_MUST_CHECK bool sl_ring_pop(struct sl_ring *ring, void *element);

/* Consumer: the element that pop would give, left where it is. False if empty. */
SL_MUST_CHECK bool sl_ring_peek(struct sl_ring *ring, void *element);

/* Either side; exact only when the other is idle. */
size_t sl_ring_held(const struct sl_ring *ring);

/* offered == popped + held + refused */
struct sl_ring_stats {
    uint64_t offered;
    uint64_t popped;
    uint64_t refused;
    uint64_t held;
};

void sl_ring_stats(const struct sl_ring *ring, struct sl_ring_stats *ret);
