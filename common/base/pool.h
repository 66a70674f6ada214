/* SPDX-License-Identifier: MIT */
/*
 * Pool: a fixed number of equal blocks, taken and given back by any thread
 * without a lock or an allocation. An empty pool returns NULL: that is the
 * limit, and the caller counts what it dropped.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

struct sl_pool;

/* Blocks are aligned to 64 bytes. 0, -EINVAL or -ENOMEM. */
SL_MUST_CHECK int sl_pool_create(struct sl_pool **ret, size_t blocks, size_t block_bytes);

/* All blocks must be back. NULL is fine. */
void sl_pool_destroy(struct sl_pool *pool);

void *sl_pool_take(struct sl_pool *pool);
void sl_pool_give(struct sl_pool *pool, void *block);

/* Blocks in use now. */
size_t sl_pool_used(const struct sl_pool *pool);
