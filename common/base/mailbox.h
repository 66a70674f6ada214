/* SPDX-License-Identifier: MIT */
/*
 * Mailbox of one: the newest item wins.
 *
 * put() hands an item over and returns the unread one it replaced (the caller
 * disposes of it, and counts it). Any thread may call either; no lock.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>

struct sl_mailbox {
    _Atomic(void *) item;
};

static inline void sl_mailbox_init(struct sl_mailbox *box)
{
    atomic_init(&box->item, NULL);
}

/* Returns the unread item that was replaced, or NULL. */
static inline void *sl_mailbox_put(struct sl_mailbox *box, void *item)
{
    return atomic_exchange_explicit(&box->item, item, memory_order_acq_rel);
}

/* The newest item, now the caller's, or NULL. */
static inline void *sl_mailbox_take(struct sl_mailbox *box)
{
    return atomic_exchange_explicit(&box->item, NULL, memory_order_acq_rel);
}
