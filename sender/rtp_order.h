/* SPDX-License-Identifier: MIT */
/*
 * RTP packets that came over UDP back into order. What is missing is waited for for 30 ms, or until
 * 64 packets wait behind it; then it is lost.
 *
 *     put ──▶ [ 64 places by number ] ──take──▶ packets in order, each once
 *
 * Pure: time is an argument; memory is taken by create. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

#define SL_RTP_ORDER_BYTES 9216 /* of a packet; a jumbo frame */

struct sl_rtp_order;

SL_MUST_CHECK int sl_rtp_order_create(struct sl_rtp_order **ret);
/* NULL is fine. */
void sl_rtp_order_destroy(struct sl_rtp_order *order);

/* A datagram with sequence number `seq`. False if it was not kept: late, double or too large. */
bool sl_rtp_order_put(struct sl_rtp_order *order, uint16_t seq, const uint8_t *data, size_t len,
                      sl_ns now);

struct sl_rtp_ordered {
    const uint8_t *data; /* until the next put() */
    size_t len;
    sl_ns arrival;
};

/* The next, if it is there or what is missing before it is given up by now. */
bool sl_rtp_order_take(struct sl_rtp_order *order, sl_ns now, struct sl_rtp_ordered *ret);
/* When take() may have something though nothing is put; SL_NEVER. */
sl_ns sl_rtp_order_due(const struct sl_rtp_order *order);
