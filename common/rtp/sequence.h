/* SPDX-License-Identifier: MIT */
/*
 * Sequence numbers: 16 bits on the wire, 64 bits inside, and the reception
 * statistics of RFC 3550 appendix A (loss, jitter) that fill an RR.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"

/* Unwraps by nearest distance to the highest seen. Zero-initialised is ready. */
struct sl_unwrap {
    bool started;
    int64_t highest;
};

/* The extended number; the first keeps its 16-bit value. Does not move `highest` back. */
int64_t sl_unwrap_next(struct sl_unwrap *unwrap, uint16_t seq);
/* The same without remembering. */
int64_t sl_unwrap_peek(const struct sl_unwrap *unwrap, uint16_t seq);

struct sl_reception {
    uint32_t clock_hz;
    bool started;
    int64_t base, highest; /* extended */
    uint64_t received;     /* duplicates included, as RFC 3550 has it */
    uint64_t prior_expected, prior_received;
    int64_t transit;
    double jitter; /* in clock ticks */
};

void sl_reception_init(struct sl_reception *reception, uint32_t clock_hz);
void sl_reception_update(struct sl_reception *reception, int64_t seq, uint32_t timestamp,
                         sl_ns now);

struct sl_reception_report {
    uint8_t fraction_lost;
    int32_t cumulative_lost; /* 24-bit clamped */
    uint32_t highest;        /* 16 bits of cycles, 16 bits of seq */
    uint32_t jitter;
};

/* Since the last call, for an RR block. */
struct sl_reception_report sl_reception_report(struct sl_reception *reception);
