/* SPDX-License-Identifier: MIT */
#include "base/ring.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define LINE 64 /* bytes: producer and consumer write to lines of their own */

struct sl_ring {
    uint8_t *elements;
    size_t mask;
    size_t element_bytes;

    /* Counts of elements since create; only the low bits index the array. */
    _Alignas(LINE) _Atomic uint64_t pushed; /* producer writes */
    _Atomic uint64_t refused;
    uint64_t popped_seen; /* producer's last look at `popped` */

    _Alignas(LINE) _Atomic uint64_t popped; /* consumer writes */
    uint64_t pushed_seen;                   /* consumer's last look at `pushed` */
};

static uint8_t *element_at(const struct sl_ring *ring, uint64_t index)
{
    return ring->elements + (size_t)(index & ring->mask) * ring->element_bytes;
}

int sl_ring_create(struct sl_ring **ret, size_t capacity, size_t element_bytes)
{
    if (!capacity || !element_bytes || capacity > SIZE_MAX / 4)
        return -EINVAL;
    size_t rounded = 1;
    while (rounded < capacity)
        rounded *= 2;
    struct sl_ring *ring = aligned_alloc(LINE, sizeof(*ring));
    if (!ring)
        return -ENOMEM;
    memset(ring, 0, sizeof(*ring));
    ring->elements = calloc(rounded, element_bytes);
    if (!ring->elements) {
        free(ring);
        return -ENOMEM;
    }
    ring->mask = rounded - 1;
    ring->element_bytes = element_bytes;
    *ret = ring;
    return 0;
}

void sl_ring_destroy(struct sl_ring *ring)
{
    if (!ring)
        return;
    free(ring->elements);
    free(ring);
}

bool sl_ring_push(struct sl_ring *ring, const void *element)
{
    const uint64_t pushed = atomic_load_explicit(&ring->pushed, memory_order_relaxed);
    if (pushed - ring->popped_seen > ring->mask) {
        ring->popped_seen = atomic_load_explicit(&ring->popped, memory_order_acquire);
        if (pushed - ring->popped_seen > ring->mask) {
            atomic_fetch_add_explicit(&ring->refused, 1, memory_order_relaxed);
            return false;
        }
    }
    memcpy(element_at(ring, pushed), element, ring->element_bytes);
    atomic_store_explicit(&ring->pushed, pushed + 1, memory_order_release);
    return true;
}

bool sl_ring_peek(struct sl_ring *ring, void *element)
{
    const uint64_t popped = atomic_load_explicit(&ring->popped, memory_order_relaxed);
    if (popped == ring->pushed_seen) {
        ring->pushed_seen = atomic_load_explicit(&ring->pushed, memory_order_acquire);
        if (popped == ring->pushed_seen)
            return false;
    }
    memcpy(element, element_at(ring, popped), ring->element_bytes);
    return true;
}

bool sl_ring_pop(struct sl_ring *ring, void *element)
{
    if (!sl_ring_peek(ring, element))
        return false;
    const uint64_t popped = atomic_load_explicit(&ring->popped, memory_order_relaxed);
    atomic_store_explicit(&ring->popped, popped + 1, memory_order_release);
    return true;
}

size_t sl_ring_held(const struct sl_ring *ring)
{
    /* popped first: it never passes pushed, so the difference is never negative. */
    const uint64_t popped = atomic_load_explicit(&ring->popped, memory_order_acquire);
    return (size_t)(atomic_load_explicit(&ring->pushed, memory_order_acquire) - popped);
}

void sl_ring_stats(const struct sl_ring *ring, struct sl_ring_stats *ret)
{
    const uint64_t popped = atomic_load_explicit(&ring->popped, memory_order_acquire);
    const uint64_t pushed = atomic_load_explicit(&ring->pushed, memory_order_acquire);
    const uint64_t refused = atomic_load_explicit(&ring->refused, memory_order_relaxed);
    *ret = (struct sl_ring_stats){
        .offered = pushed + refused,
        .popped = popped,
        .refused = refused,
        .held = pushed - popped,
    };
}
