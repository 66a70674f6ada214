/* SPDX-License-Identifier: MIT */
/*
 * Scheme: what tells one erasure code from another. Both of ours are linear over GF(2^8): each
 * packet has a symbol, a repair payload is a sum of symbols times factors behind a header that
 * says which. The encoder and the decoder are the same for all.
 *
 *     packet ──▶ symbol ──▶ row = sum of factor x symbol ──▶ repair payload      (encoder)
 *     packet ◀── symbol ◀── equations  ◀──  row  ◀──────────  repair payload     (decoder)
 *
 * Pure functions; no memory is taken.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "fec/symbols.h"

#define SL_FEC_RUN_MAX 128     /* packets that one row may span */
#define SL_FEC_ROWS_MAX 128    /* rows of one run */
#define SL_FEC_REPAIR_MAX 1312 /* bytes of a repair payload, whatever the scheme */

/* A repair payload. The caller gives the room, mint fills it. */
struct sl_fec_repair {
    uint8_t *payload; /* SL_FEC_REPAIR_MAX bytes */
    size_t len;
};

/* What rows are minted from: `count` packets without a hole. */
struct sl_fec_batch {
    uint16_t base;
    uint32_t ssrc; /* of the packets */
    size_t count;
    size_t len;                             /* the longest symbol */
    const uint8_t *symbols[SL_FEC_RUN_MAX]; /* each zero up to len at least */
    uint8_t *tables;                        /* SL_GF256_TABLES bytes of scratch */
};

/* A repair payload as read: the sum of factors[i] x symbol of base + i. */
struct sl_fec_row {
    uint16_t base;
    size_t count;
    uint8_t factors[SL_FEC_RUN_MAX];
    const uint8_t *head, *tail; /* the sum, in two pieces of the payload */
    size_t head_len, tail_len;  /* together at most SL_FEC_SYMBOL_MAX */
};

struct sl_fec_scheme {
    const char *name; /* as in a=rtpmap */
    size_t run_max;   /* packets of a run */
    bool fresh;       /* rows are numbered, and ever new ones can be minted for a run */

    /* Length of the symbol. `symbol` was zero; `len` is in 12..SL_FEC_PACKET_MAX. */
    size_t (*to_symbol)(uint8_t *symbol, const uint8_t *packet, size_t len);

    /*
     * Length of the packet `seq` of `ssrc`, or -EBADMSG if the symbol is none of an RTP packet
     * with that number.
     */
    int (*to_packet)(uint8_t packet[SL_FEC_PACKET_MAX], const uint8_t *symbol, size_t len,
                     uint16_t seq, uint32_t ssrc);

    /* Writes `rows` repair payloads (at most batch->count if not fresh) with these numbers. */
    void (*mint)(const struct sl_fec_batch *batch, const uint8_t *numbers, size_t rows,
                 struct sl_fec_repair *repairs);

    /* 0, or -EBADMSG if it is no repair payload for `ssrc`. */
    int (*read)(struct sl_fec_row *ret, const uint8_t *payload, size_t len, uint32_t ssrc);
};

/* Reed-Solomon with Cauchy factors between our own programs: docs/protocol.md. */
extern const struct sl_fec_scheme sl_fec_rs; /* "x-rs-fec" */

/*
 * Parity as browsers have it: draft-ietf-payload-flexible-fec-scheme-03, one source stream, masks
 * (R = 0, F = 0). Chromium sets extensions that are changed on the way (transport-wide numbers,
 * absolute send time) to zero before it sums; our own packets carry none of them.
 */
extern const struct sl_fec_scheme sl_fec_flexfec; /* "flexfec-03" */
