/* SPDX-License-Identifier: MIT */
/*
 * History: copies of the packets last sent, in plaintext, found by sequence
 * number: what a NACK is answered from, and what a joiner's first picture is
 * replayed from. Copies, because SRTP protects in place.
 *
 *     put ──▶ [ ring of fixed slots, seq mod slots ] ──▶ get
 *
 * The owner's sequence space; a session that sends under another number
 * subtracts its offset first. Memory is taken by create. One thread.
 */
#pragma once

#include "rtp/packet.h"

struct sl_history;

/* `slots` is rounded up to a power of two. 0, -EINVAL or -ENOMEM. */
SL_MUST_CHECK int sl_history_create(struct sl_history **ret, size_t slots);
void sl_history_destroy(struct sl_history *history);

/* Keeps a copy (payload included). Older than the ring reaches: ignored. */
void sl_history_put(struct sl_history *history, const struct sl_rtp_packet *packet, sl_ns now);

/* The copy of `seq`, valid until the next put, or NULL. `*sent` (optional): when it was put. */
const struct sl_rtp_packet *sl_history_get(const struct sl_history *history, int64_t seq,
                                           sl_ns *sent);
