/* SPDX-License-Identifier: MIT */
#include "base/pool.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_ALIGN 64

/*
 * The free blocks are a stack of block numbers. `top` holds the number of the
 * first free block plus one in its low half and, in its high half, a count of
 * changes, so that a thread that slept between reading `top` and replacing it
 * cannot mistake a block that went out and came back for an untouched stack.
 */
struct sl_pool {
    uint8_t *blocks;
    _Atomic uint32_t *next; /* per block: the one below it in the stack, plus one; 0: none */
    size_t count;
    size_t stride;
    _Alignas(64) _Atomic uint64_t top;
    _Atomic size_t used;
};

static uint64_t top_of(uint64_t previous, uint32_t number)
{
    return (((previous >> 32) + 1) << 32) | number;
}

int sl_pool_create(struct sl_pool **ret, size_t blocks, size_t block_bytes)
{
    if (!blocks || !block_bytes || blocks >= UINT32_MAX || block_bytes > SIZE_MAX / 2)
        return -EINVAL;
    const size_t stride = (block_bytes + BLOCK_ALIGN - 1) / BLOCK_ALIGN * BLOCK_ALIGN;
    if (blocks > SIZE_MAX / 2 / stride)
        return -EINVAL;
    struct sl_pool *pool = aligned_alloc(64, sizeof(*pool));
    if (!pool)
        return -ENOMEM;
    memset(pool, 0, sizeof(*pool));
    pool->blocks = aligned_alloc(BLOCK_ALIGN, blocks * stride);
    pool->next = calloc(blocks, sizeof(*pool->next));
    if (!pool->blocks || !pool->next) {
        sl_pool_destroy(pool);
        return -ENOMEM;
    }
    pool->count = blocks;
    pool->stride = stride;
    for (size_t i = 0; i < blocks; i++)
        atomic_init(&pool->next[i], i + 1 < blocks ? (uint32_t)(i + 2) : 0);
    atomic_init(&pool->top, 1);
    *ret = pool;
    return 0;
}

void sl_pool_destroy(struct sl_pool *pool)
{
    if (!pool)
        return;
    assert(sl_pool_used(pool) == 0);
    free(pool->blocks);
    free(pool->next);
    free(pool);
}

void *sl_pool_take(struct sl_pool *pool)
{
    uint64_t top = atomic_load_explicit(&pool->top, memory_order_acquire);
    for (;;) {
        const uint32_t number = (uint32_t)top;
        if (!number)
            return NULL;
        const uint32_t below = atomic_load_explicit(&pool->next[number - 1], memory_order_relaxed);
        if (atomic_compare_exchange_weak_explicit(&pool->top, &top, top_of(top, below),
                                                  memory_order_acq_rel, memory_order_acquire)) {
            atomic_fetch_add_explicit(&pool->used, 1, memory_order_relaxed);
            return pool->blocks + (size_t)(number - 1) * pool->stride;
        }
    }
}

void sl_pool_give(struct sl_pool *pool, void *block)
{
    const size_t index = (size_t)((uint8_t *)block - pool->blocks) / pool->stride;
    assert(index < pool->count && (uint8_t *)block == pool->blocks + index * pool->stride);
    /* Before the block can be taken again, so `used` never goes below zero. */
    atomic_fetch_sub_explicit(&pool->used, 1, memory_order_relaxed);
    uint64_t top = atomic_load_explicit(&pool->top, memory_order_relaxed);
    do
        atomic_store_explicit(&pool->next[index], (uint32_t)top, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&pool->top, &top,
                                                  top_of(top, (uint32_t)(index + 1)),
                                                  memory_order_acq_rel, memory_order_relaxed));
}

size_t sl_pool_used(const struct sl_pool *pool)
{
    return atomic_load_explicit(&pool->used, memory_order_relaxed);
}
