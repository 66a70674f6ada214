/* SPDX-License-Identifier: MIT */
#include "receiver/api_cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    struct sl_api_media media; /* first: lent by its address */
    struct entry *next;        /* newest first */
    int holders;
    bool spoilt;
    sl_ns used;
};

struct sl_api_cache {
    struct sl_api_cache_limits limits;
    struct entry *entries;
    int count;
    size_t bytes;
};

int sl_api_cache_create(struct sl_api_cache **ret, const struct sl_api_cache_limits *limits)
{
    struct sl_api_cache *cache = calloc(1, sizeof(*cache));
    if (!cache)
        return -ENOMEM;
    cache->limits = *limits;
    *ret = cache;
    return 0;
}

static void drop(struct sl_api_cache *cache, struct entry *entry)
{
    struct entry **at = &cache->entries;
    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    cache->count--;
    cache->bytes -= sl_media_range_memory(entry->media.range);
    sl_media_range_destroy(entry->media.range);
    free(entry);
}

void sl_api_cache_destroy(struct sl_api_cache *cache)
{
    if (!cache)
        return;
    while (cache->entries)
        drop(cache, cache->entries);
    free(cache);
}

static bool same(const struct sl_media_target *a, const struct sl_media_target *b)
{
    return a->kind == b->kind && a->from_us == b->from_us && a->to_us == b->to_us &&
           strcmp(a->name, b->name) == 0;
}

struct sl_api_media *sl_api_cache_find(struct sl_api_cache *cache,
                                       const struct sl_media_target *target, sl_ns now)
{
    for (struct entry *entry = cache->entries; entry; entry = entry->next) {
        if (entry->spoilt || !same(&entry->media.target, target))
            continue;
        entry->holders++;
        entry->used = now;
        return &entry->media;
    }
    return NULL;
}

/* False if all that is left is in use. */
static bool make_room(struct sl_api_cache *cache, size_t bytes)
{
    while (cache->count >= cache->limits.entries || cache->bytes + bytes > cache->limits.bytes) {
        struct entry *oldest = NULL;
        for (struct entry *entry = cache->entries; entry; entry = entry->next) {
            if (entry->holders == 0 && (!oldest || entry->used < oldest->used))
                oldest = entry;
        }
        if (!oldest)
            return false;
        drop(cache, oldest);
    }
    return true;
}

struct sl_api_media *sl_api_cache_put(struct sl_api_cache *cache,
                                      const struct sl_media_target *target,
                                      struct sl_media_range *range, bool settled, sl_ns now)
{
    const size_t bytes = sl_media_range_memory(range);
    struct entry *entry = make_room(cache, bytes) ? calloc(1, sizeof(*entry)) : NULL;
    if (!entry) {
        sl_media_range_destroy(range);
        return NULL;
    }
    entry->media =
        (struct sl_api_media){.target = *target, .range = range, .settled = settled, .built = now};
    entry->holders = 1;
    entry->used = now;
    entry->next = cache->entries;
    cache->entries = entry;
    cache->count++;
    cache->bytes += bytes;
    return &entry->media;
}

void sl_api_cache_release(struct sl_api_cache *cache, struct sl_api_media *media, sl_ns now)
{
    struct entry *entry = (struct entry *)media;
    entry->used = now;
    entry->holders--;
    if (entry->spoilt && entry->holders == 0)
        drop(cache, entry);
}

void sl_api_cache_spoil(struct sl_api_cache *cache, struct sl_api_media *media)
{
    (void)cache;
    ((struct entry *)media)->spoilt = true;
}

void sl_api_cache_tidy(struct sl_api_cache *cache, sl_ns now)
{
    for (struct entry *entry = cache->entries, *next; entry; entry = next) {
        next = entry->next;
        if (entry->holders == 0 && now - entry->used >= cache->limits.keep)
            drop(cache, entry);
    }
}

int sl_api_cache_count(const struct sl_api_cache *cache)
{
    return cache->count;
}
