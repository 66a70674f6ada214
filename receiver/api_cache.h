/* SPDX-License-Identifier: MIT */
/*
 * Media that is open: ranges once built, kept for the requests that follow (a player asks anew for
 * each seek), dropped when nobody has asked for a while. Bounded in number and memory: what is not
 * in use makes room, else the newest is refused. One thread; time is an argument.
 */
#pragma once

#include "receiver/media_range.h"
#include "receiver/ticket.h"

struct sl_api_cache;

struct sl_api_cache_limits {
    int entries;
    size_t bytes; /* of memory */
    sl_ns keep;   /* after the last use */
};

/* One open range. Stays as long as it is held; never changes. */
struct sl_api_media {
    struct sl_media_target target;
    struct sl_media_range *range;
    bool settled; /* built anew it would be the same */
    sl_ns built;
};

SL_MUST_CHECK int sl_api_cache_create(struct sl_api_cache **ret,
                                      const struct sl_api_cache_limits *limits);
/* Nothing is held any more. */
void sl_api_cache_destroy(struct sl_api_cache *cache);

/* What was put in for that target last, held; NULL. */
struct sl_api_media *sl_api_cache_find(struct sl_api_cache *cache,
                                       const struct sl_media_target *target, sl_ns now);
/* Takes the range, and lends it. NULL: no room, and the range is gone. */
struct sl_api_media *sl_api_cache_put(struct sl_api_cache *cache,
                                      const struct sl_media_target *target,
                                      struct sl_media_range *range, bool settled, sl_ns now);
void sl_api_cache_release(struct sl_api_cache *cache, struct sl_api_media *media, sl_ns now);
/* Its files are not what they were: nobody is to find it again. */
void sl_api_cache_spoil(struct sl_api_cache *cache, struct sl_api_media *media);

/* Drops what has not been used for long. */
void sl_api_cache_tidy(struct sl_api_cache *cache, sl_ns now);

int sl_api_cache_count(const struct sl_api_cache *cache);
