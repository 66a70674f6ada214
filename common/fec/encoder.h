/* SPDX-License-Identifier: MIT */
/*
 * FEC encoder of one sent stream: keeps the last packets, and mints repair payloads for runs of
 * them whenever it is asked.
 *
 *     packet (plaintext RTP, as sent) ──▶ [ last packets ]
 *     frame (first, last)             ──▶ runs that protect it ──▶ mint ──▶ repair payloads
 *     NACK ──▶ own_run ─────────────────────────────────────────────┘       (fresh rows)
 *
 * A run is one frame where that is possible, so that as many rows as packets were lost restore
 * it at once. It decides nothing about how many rows: the caller knows the network. Numbering,
 * protecting and sending the repair stream are the session's.
 *
 * One thread owns an encoder. All memory is taken by create. put copies one packet; mint reads
 * each packet of the run once for up to SL_GF256_SUMS rows. Packets of a frame should be equal in
 * size: all rows are as long as the longest.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "fec/scheme.h"

#define SL_FEC_FRAME_SHORT 4 /* frames of so few packets cannot be protected alone */
#define SL_FEC_FRAME_RUNS 64 /* runs of one frame at most */

struct sl_fec_encoder;

struct sl_fec_encoder_config {
    const struct sl_fec_scheme *scheme;
    uint32_t ssrc;  /* of the packets */
    size_t packets; /* kept; 128 to 4096, a power of two */
};

/* Reed-Solomon, 512 packets: 0.7 MB. */
struct sl_fec_encoder_config sl_fec_encoder_config_default(void);

/* 0, -EINVAL if `config` makes no sense, or -ENOMEM. */
SL_MUST_CHECK int sl_fec_encoder_create(struct sl_fec_encoder **ret,
                                        const struct sl_fec_encoder_config *config);
void sl_fec_encoder_destroy(struct sl_fec_encoder *encoder);

enum sl_fec_put {
    SL_FEC_PUT_KEPT,
    SL_FEC_PUT_DUPLICATE, /* held already: what rows were minted from does not change */
    SL_FEC_PUT_LATE,      /* older than what is kept */
    SL_FEC_PUT_OVERSIZE,  /* longer than SL_FEC_PACKET_MAX, or no RTP: cannot be protected */
};

/*
 * A packet in exactly the bytes that srtp_protect will get. `seq` is its number on the wire,
 * extended to 64 bits. Numbers may be left out (a relay's holes) and come later.
 */
enum sl_fec_put sl_fec_encoder_put(struct sl_fec_encoder *encoder, int64_t seq,
                                   const uint8_t *packet, size_t len);

/* Packets held of [from, to). */
size_t sl_fec_encoder_held(const struct sl_fec_encoder *encoder, int64_t from, int64_t to);

/* [base, base + count) */
struct sl_fec_run {
    int64_t base;
    size_t count;
};

/*
 * The runs that protect the frame [first, last], oldest first; returns how many, at most
 * SL_FEC_FRAME_RUNS. Normally one. Packets not held are left out and split the frame; one longer
 * than the scheme's run is cut into equal parts; one of up to SL_FEC_FRAME_SHORT packets reaches
 * back over the packets before it, without a hole, until its run has `reach` packets. So with one
 * row for each `reach` packets a stream of single packets is still protected.
 *
 * Call it for each frame, with or without rows to mint: it is what own_run knows.
 */
size_t sl_fec_encoder_frame(struct sl_fec_encoder *encoder, int64_t first, int64_t last,
                            size_t reach, struct sl_fec_run runs[SL_FEC_FRAME_RUNS]);

/* The run that the frame of `seq` was given: what to mint from for a NACK of it. */
bool sl_fec_encoder_own_run(const struct sl_fec_encoder *encoder, int64_t seq,
                            struct sl_fec_run *ret);

/*
 * `run`, longer by the packets from number `to` on before it, as far as they are held, fit the
 * scheme's run, and are not much larger than its own: a row is as long as the longest.
 */
struct sl_fec_run sl_fec_encoder_reach_back(const struct sl_fec_encoder *encoder,
                                            const struct sl_fec_run *run, int64_t to);

/* Rows to answer a NACK of `missing` packets of one run with: some of them will be lost too. */
static inline size_t sl_fec_rows_for_nack(size_t missing)
{
    return (3 * missing + 1) / 2 + 1;
}

/*
 * Writes up to `rows` repair payloads for `run` (any of at most scheme->run_max packets that are
 * all held, not only one that frame() gave). Returns how many: fewer than asked for if there are
 * no row numbers left that no overlapping run has used (128 in all), or more than one a packet
 * were asked of a scheme whose rows are not numbered; asking such a scheme again gives the same
 * rows. -EINVAL: no such run or 0 rows; -ENOENT: a packet of it is not held.
 */
SL_MUST_CHECK int sl_fec_encoder_mint(struct sl_fec_encoder *encoder, const struct sl_fec_run *run,
                                      size_t rows, struct sl_fec_repair *repairs);

/* Forgets the stream but keeps memory and counters. */
void sl_fec_encoder_reset(struct sl_fec_encoder *encoder, uint32_t ssrc);

/* Counters since create: packets == kept + duplicate + late + oversize; wanted ==
 * minted + withheld. */
struct sl_fec_encoder_stats {
    uint64_t packets;
    uint64_t kept;
    uint64_t duplicate;
    uint64_t late;
    uint64_t oversize;
    uint64_t wanted; /* rows */
    uint64_t minted;
    uint64_t withheld; /* rows that mint could not make */
};

void sl_fec_encoder_stats(const struct sl_fec_encoder *encoder, struct sl_fec_encoder_stats *ret);
