/* SPDX-License-Identifier: MIT */
/*
 * A hash table of links embedded in what it finds: no allocation after init, O(1) to put in and to
 * take out. Keys are compared by the caller, who walks the few links of one chain:
 *
 *     for (struct sl_table_link *at = sl_table_first(&table, hash); at; at = sl_table_next(at))
 */
#pragma once

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/types.h"

struct sl_table_link {
    struct sl_table_link *next;
    struct sl_table_link **before; /* NULL: not in a table */
    uint32_t hash;
    void *owner;
};

struct sl_table {
    struct sl_table_link **chains;
    uint32_t mask;
    size_t count;
};

/* `expected` links make chains of about one. 0 or -ENOMEM. */
SL_MUST_CHECK static inline int sl_table_init(struct sl_table *table, size_t expected)
{
    size_t chains = 16;
    while (chains < expected)
        chains *= 2;
    table->chains = calloc(chains, sizeof(struct sl_table_link *));
    table->mask = (uint32_t)chains - 1;
    table->count = 0;
    return table->chains ? 0 : -ENOMEM;
}

static inline void sl_table_fini(struct sl_table *table)
{
    free(table->chains);
    table->chains = NULL;
}

static inline void sl_table_put(struct sl_table *table, struct sl_table_link *link, uint32_t hash,
                                void *owner)
{
    struct sl_table_link **chain = &table->chains[hash & table->mask];
    link->hash = hash;
    link->owner = owner;
    link->next = *chain;
    link->before = chain;
    if (link->next)
        link->next->before = &link->next;
    *chain = link;
    table->count++;
}

/* Harmless when it is in none. */
static inline void sl_table_take(struct sl_table *table, struct sl_table_link *link)
{
    if (!link->before)
        return;
    *link->before = link->next;
    if (link->next)
        link->next->before = link->before;
    link->before = NULL;
    table->count--;
}

static inline struct sl_table_link *sl_table_from(struct sl_table_link *link, uint32_t hash)
{
    while (link && link->hash != hash)
        link = link->next;
    return link;
}

static inline struct sl_table_link *sl_table_first(const struct sl_table *table, uint32_t hash)
{
    return sl_table_from(table->chains[hash & table->mask], hash);
}

static inline struct sl_table_link *sl_table_next(const struct sl_table_link *link)
{
    return sl_table_from(link->next, link->hash);
}

/* FNV-1a. For keys that we made up ourselves. */
static inline uint32_t sl_table_hash(const void *key, size_t len)
{
    const uint8_t *bytes = key;
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * 16777619u;
    return hash ^ (hash >> 15);
}
