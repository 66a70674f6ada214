/* SPDX-License-Identifier: MIT */
#include "receiver/limiter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WAYS 4

struct bucket {
    struct sl_addr host; /* port 0; unset: free */
    sl_ns full_at;       /* when the bucket will be full again; the past: it is */
    sl_ns used;
};

struct sl_limiter {
    sl_ns span;  /* from empty to full */
    sl_ns price; /* of one */
    size_t mask; /* sets - 1 */
    struct sl_limiter_stats stats;
    struct bucket buckets[];
};

int sl_limiter_create(struct sl_limiter **ret, const struct sl_limiter_config *config)
{
    if (!config->burst || !config->per_sec || !config->hosts || config->hosts > (1u << 20))
        return -EINVAL;
    size_t sets = 1;
    while (sets * WAYS < config->hosts)
        sets *= 2;
    struct sl_limiter *limiter = calloc(1, sizeof(*limiter) + sets * WAYS * sizeof(struct bucket));
    if (!limiter)
        return -ENOMEM;
    limiter->price = SL_SEC / config->per_sec;
    limiter->span = limiter->price * config->burst;
    limiter->mask = sets - 1;
    *ret = limiter;
    return 0;
}

void sl_limiter_destroy(struct sl_limiter *limiter)
{
    free(limiter);
}

/* The part of an address that one subscriber of a provider cannot change at will. */
static struct sl_addr host_of(const struct sl_addr *addr)
{
    struct sl_addr host = *addr;
    sl_addr_set_port(&host, 0);
    if (host.sa.sa_family == AF_INET6) {
        memset(host.in6.sin6_addr.s6_addr + 8, 0, 8);
        host.in6.sin6_scope_id = 0;
    }
    return host;
}

static struct bucket *find(struct sl_limiter *limiter, const struct sl_addr *host)
{
    struct bucket *set = &limiter->buckets[(sl_addr_hash(host) & limiter->mask) * WAYS];
    struct bucket *oldest = set;
    for (int i = 0; i < WAYS; i++) {
        if (sl_addr_is_set(&set[i].host) && sl_addr_same_host(&set[i].host, host))
            return &set[i];
        if (!sl_addr_is_set(&set[i].host)) {
            oldest = &set[i];
            break;
        }
        if (set[i].used < oldest->used)
            oldest = &set[i];
    }
    if (sl_addr_is_set(&oldest->host))
        limiter->stats.evicted++;
    *oldest = (struct bucket){.host = *host};
    return oldest;
}

bool sl_limiter_take(struct sl_limiter *limiter, const struct sl_addr *addr, sl_ns now)
{
    const struct sl_addr host = host_of(addr);
    struct bucket *bucket = find(limiter, &host);
    bucket->used = now;
    limiter->stats.offered++;
    const sl_ns full_at = bucket->full_at > now ? bucket->full_at : now;
    if (full_at + limiter->price > now + limiter->span) {
        limiter->stats.refused++;
        return false;
    }
    bucket->full_at = full_at + limiter->price;
    limiter->stats.allowed++;
    return true;
}

void sl_limiter_stats(const struct sl_limiter *limiter, struct sl_limiter_stats *ret)
{
    *ret = limiter->stats;
}
