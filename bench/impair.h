/* SPDX-License-Identifier: MIT */
/*
 * The relay of `sightline-bench impair`: a UDP hop on 127.0.0.1 with an impairment each way.
 *
 *     clients ──▶ LISTEN_PORT ──[up]──▶ one socket per client ──▶ TARGET_PORT
 *             ◀──            ◀─[down]──                      ◀──
 *
 * Like a NAT: the target sees another port for every client. The longest idle client gives way
 * when the table is full. What waits for its delay is bounded, too, and counted when refused.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "base/types.h"
#include "bench/impairment.h"

#define SL_IMPAIR_CLIENTS_MAX 64

enum sl_impair_direction { SL_IMPAIR_UP, SL_IMPAIR_DOWN, SL_IMPAIR_DIRECTIONS };

struct sl_impair_config {
    uint16_t listen_port; /* 0: the kernel picks */
    uint16_t target_port;
    struct sl_impairment_config direction[SL_IMPAIR_DIRECTIONS];
};

/* From the words after "impair". 0, or -EINVAL with one line on `err`. */
SL_MUST_CHECK int sl_impair_parse(struct sl_impair_config *ret, const char *const *words, int count,
                                  FILE *err);

struct sl_impair;
struct sl_loop;

SL_MUST_CHECK int sl_impair_create(struct sl_impair **ret, struct sl_loop *loop,
                                   const struct sl_impair_config *config);
void sl_impair_destroy(struct sl_impair *impair);
uint16_t sl_impair_port(const struct sl_impair *impair);

struct sl_impair_stats { /* link.passed == forwarded + undelivered + waiting */
    struct sl_impairment_stats link;
    uint64_t forwarded;
    uint64_t undelivered; /* too large, no room to wait, its client was evicted, or the kernel
                             refused it */
    uint64_t waiting;
    uint64_t received_bytes, forwarded_bytes; /* UDP payload */
    uint64_t overflowed; /* not among the received: the kernel had no room for them, so this
                            process was too slow */
};

void sl_impair_stats(const struct sl_impair *impair, enum sl_impair_direction direction,
                     struct sl_impair_stats *ret);
uint64_t sl_impair_evicted(const struct sl_impair *impair);

/* `sightline-bench impair`: runs until SIGINT or SIGTERM; a line on its stdin, if that is a pipe,
 * asks for the tally.
 * The process's exit status. */
int sl_impair_main(const char *const *words, int count);
