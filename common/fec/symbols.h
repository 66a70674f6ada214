/* SPDX-License-Identifier: MIT */
/*
 * Symbols: the newest packets of a stream in the form in which a code sums them up, found by
 * sequence number. What an encoder makes repair from, and what a decoder subtracts.
 *
 *     put ──▶ [ ring of fixed slots, seq mod slots ] ──▶ get
 *
 * Every slot is zero past its symbol, so symbols of unequal packets can be summed to the longest.
 * Memory is taken by create. One thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

#define SL_FEC_PACKET_MAX 1280 /* RTP in plaintext: SL_RTP_FOREIGN_MAX and our extensions */
#define SL_FEC_SYMBOL_MAX 1312 /* with what a code puts before it, in whole 32 bytes */

struct sl_fec_symbols;

struct sl_fec_symbol {
    int64_t seq;
    size_t len;
    uint8_t bytes[SL_FEC_SYMBOL_MAX]; /* zero from len on */
};

/* `slots` is a power of two. 0, -EINVAL or -ENOMEM. */
SL_MUST_CHECK int sl_fec_symbols_create(struct sl_fec_symbols **ret, size_t slots);
void sl_fec_symbols_destroy(struct sl_fec_symbols *symbols);

/* The slot of `seq`, now its own and empty (all zero). The caller fills bytes and len. */
struct sl_fec_symbol *sl_fec_symbols_put(struct sl_fec_symbols *symbols, int64_t seq);

/* The symbol of `seq`, valid until a put into its slot, or NULL. */
const struct sl_fec_symbol *sl_fec_symbols_get(const struct sl_fec_symbols *symbols, int64_t seq);

void sl_fec_symbols_clear(struct sl_fec_symbols *symbols);
