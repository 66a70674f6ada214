/* SPDX-License-Identifier: MIT */
/*
 * Impairment: what a bad link does to one direction of traffic.
 *
 *     packet ──▶ outage? ──▶ loss? ──▶ bottleneck queue ──▶ delay + jitter ──▶ copies
 *
 * The bottleneck is as wide as the narrowest of `rate` and the squeezes of the moment; what waits
 * in it when that changes goes on at the new rate.
 *
 * Decides only: the caller holds the packets. Each packet draws the same count of random
 * numbers whatever becomes of it, so with one seed the n-th packet's luck never depends
 * on timing. One thread; time is an argument.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "base/types.h"

#define SL_IMPAIRMENT_SPANS 16

/* A time in which the link is worse than else, from the moment given to init. */
struct sl_impairment_span {
    sl_ns start, len;
    int64_t rate_bps; /* what the bottleneck takes meanwhile; 0: nothing passes */
};

struct sl_impairment_config {
    double loss;  /* share of packets, 0 to 1 */
    double burst; /* mean count of packets lost in a row (Gilbert); 0: each on its own */
    sl_ns delay;
    sl_ns jitter;     /* uniform from 0 to this on top of delay; reorders */
    double duplicate; /* share of packets */
    int64_t rate_bps; /* 0: no bottleneck */
    sl_ns queue;      /* longest wait for the bottleneck; more is dropped */
    uint64_t seed;
    struct sl_impairment_span span[SL_IMPAIRMENT_SPANS];
    int spans;
};

struct sl_impairment_stats { /* received + duplicated == passed + lost + queue_dropped + outage */
    uint64_t received, passed, lost, duplicated, queue_dropped, outage_dropped;
};

struct sl_impairment {
    struct sl_impairment_config config;
    struct sl_random random;
    struct sl_impairment_stats stats;
    sl_ns start;
    sl_ns free_at; /* when the bottleneck has sent what it holds */
    bool losing;   /* Gilbert: in a burst */
};

/* No impairment; a queue of 200 ms in case a rate is set. */
struct sl_impairment_config sl_impairment_config_default(void);

/* "loss=5", "burst=3", "delay=10" (ms), "jitter=5" (ms), "dup=1", "rate=2000" (kbit/s), "queue=200"
 * (ms), "seed=7"; "outage=5,2" (s: from, for), "squeeze=5,2,800" (kbit/s), which add up. 0;
 * -EINVAL; -ENOENT: no such name; -E2BIG: more spans than there is room for. */
SL_MUST_CHECK int sl_impairment_config_set(struct sl_impairment_config *config, const char *text);

/* 0, or -EINVAL: a share so high is lost only in longer bursts (loss <= burst / (burst + 1)). */
SL_MUST_CHECK int sl_impairment_config_check(const struct sl_impairment_config *config);

void sl_impairment_init(struct sl_impairment *impairment, const struct sl_impairment_config *config,
                        sl_ns now);

struct sl_impairment_verdict {
    int copies; /* 0: dropped */
    sl_ns due[2];
};

struct sl_impairment_verdict sl_impairment_decide(struct sl_impairment *impairment, sl_ns now,
                                                  size_t bytes);
