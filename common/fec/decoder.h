/* SPDX-License-Identifier: MIT */
/*
 * FEC decoder of one received stream: takes packets and repair payloads in whatever order and
 * number the network delivers them, and gives each lost packet back the moment all that came
 * suffices for it, whichever runs it came from.
 *
 *     packet (plaintext RTP) ──▶ [ last packets ] ─┐
 *     repair payload         ──▶ [ equations over what is missing ] ──▶ restored(packet)
 *
 * It keeps no time, asks for nothing and does not know what was lost for good: a packet that
 * came by a resend is given to it like any other, and what has got old is forgotten.
 *
 * Repair payloads come out of authenticated packets and are believed nothing all the same: they
 * are bounded by what create took, a run must lie around the newest packet, and a restored packet
 * must be RTP with the number and SSRC that it has to have, padded with zeros. A peer that lies
 * damages only what it sent itself.
 *
 * One thread owns a decoder. All memory is taken by create. A packet costs at most one operation
 * on a region for each equation held; a repair payload one more for each packet of its run.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "fec/scheme.h"

/* A run may end this far ahead of the newest packet: a whole frame may be lost. */
#define SL_FEC_AHEAD 128

struct sl_fec_decoder;

struct sl_fec_decoder_config {
    const struct sl_fec_scheme *scheme;
    uint32_t ssrc;  /* of the packets */
    size_t packets; /* reach: packets back from the newest, and SL_FEC_AHEAD; 256 to 4096,
                       a power of two */
    size_t rows;    /* equations held at most; 1 to 256 */

    /*
     * Called from inside of packet() and repair(), oldest first. `packet` is plaintext RTP as it
     * was sent and lives until the call returns. Must not call the decoder, which knows it.
     */
    void (*restored)(void *user, int64_t seq, const uint8_t *packet, size_t len);
    void *user;
};

/* Reed-Solomon, 512 packets, 64 rows: 0.8 MB. */
struct sl_fec_decoder_config sl_fec_decoder_config_default(void);

/* 0, -EINVAL if `config` makes no sense, or -ENOMEM. */
SL_MUST_CHECK int sl_fec_decoder_create(struct sl_fec_decoder **ret,
                                        const struct sl_fec_decoder_config *config);
void sl_fec_decoder_destroy(struct sl_fec_decoder *decoder);

/* What became of what was offered. None is an error; each has its counter. */
enum sl_fec_taken {
    SL_FEC_KEPT,
    SL_FEC_DUPLICATE, /* packets: held already, perhaps because it was restored */
    SL_FEC_LATE,      /* packets: older than the reach; repair: of packets older than that */
    SL_FEC_UNNEEDED,  /* repair: says nothing that is not known */
    SL_FEC_REFUSED,   /* makes no sense */
};

/*
 * A packet that arrived, or a resend of it put back into exactly the bytes it was first sent in
 * (else it is better not given). `seq` is the number on the wire, extended to 64 bits.
 */
enum sl_fec_taken sl_fec_decoder_packet(struct sl_fec_decoder *decoder, int64_t seq,
                                        const uint8_t *packet, size_t len);

/* The payload of a packet of the repair stream. Refused before the first packet came. */
enum sl_fec_taken sl_fec_decoder_repair(struct sl_fec_decoder *decoder, const uint8_t *payload,
                                        size_t len);

/* Number of the last packet that the repair payload taken last tells of: it was sent. */
int64_t sl_fec_decoder_row_last(const struct sl_fec_decoder *decoder);

/* Forgets the stream but keeps memory and counters. */
void sl_fec_decoder_reset(struct sl_fec_decoder *decoder, uint32_t ssrc);

/*
 * Counters since create. They always balance:
 *
 *     packets == kept + duplicate + late + oversize
 *     repairs == restored + bad + unneeded + forgotten + refused + held
 */
struct sl_fec_decoder_stats {
    uint64_t packets;
    uint64_t kept;
    uint64_t duplicate;
    uint64_t late;
    uint64_t oversize; /* too short or long to be protected */
    uint64_t repairs;
    uint64_t restored;  /* each by the sum of rows that makes one */
    uint64_t bad;       /* gave no valid packet, or contradicted what is known */
    uint64_t unneeded;  /* nothing was missing, or not any more */
    uint64_t forgotten; /* older than the reach, crowded out, or dropped by reset */
    uint64_t refused;   /* no repair payload, or of a run that cannot be */
    uint32_t held;      /* gauge */
};

void sl_fec_decoder_stats(const struct sl_fec_decoder *decoder, struct sl_fec_decoder_stats *ret);
