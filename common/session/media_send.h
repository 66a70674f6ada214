/* SPDX-License-Identifier: MIT */
/*
 * One sent stream: from the caller's packets to the peer's numbers, and what a NACK may cost.
 *
 *     caller's seq ──+ offset──▶ wire seq (first in 128..32767, holes kept)
 *     NACK's number ──▶ caller's seq ──▶ allowed? ──▶ RTX packet with a number of its own
 *
 * Writes plaintext RTP; protecting and sending are the session's. Pure, no allocation.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "base/types.h"
#include "rtp/packet.h"
#include "rtp/rtcp.h"
#include "rtp/sequence.h"
#include "sdp/sdp.h"

#define SL_RESENDS_REMEMBERED 1024

struct sl_media_send {
    const struct sl_sdp_media *media;
    uint32_t ssrc, rtx_ssrc;
    int64_t offset;        /* wire seq minus caller's */
    struct sl_unwrap sent; /* wire numbers */
    int64_t rtx_seq;
    uint32_t packets, octets; /* as an SR says them */
    bool has_mapping;         /* of RTP time to NTP, from the newest packet */
    uint32_t mapped_timestamp;
    uint64_t mapped_ntp;
    int64_t tokens; /* bytes that may be resent */
    struct {
        int64_t seq;
        sl_ns at;
    } resent[SL_RESENDS_REMEMBERED];
};

void sl_media_send_init(struct sl_media_send *send, const struct sl_sdp_media *media,
                        struct sl_random *random);

/* Length, -EMSGSIZE, or -ERANGE (older than the first packet by more than the numbers reach). */
SL_MUST_CHECK int sl_media_send_write(struct sl_media_send *send,
                                      const struct sl_rtp_packet *packet, uint64_t ntp,
                                      uint8_t *out, size_t size);

/* The caller's number of a number in a NACK; false if it was not sent yet. */
bool sl_media_send_unmap(const struct sl_media_send *send, uint16_t wire, int64_t *seq);

/* True if `seq` may be resent now: not again within an RTT, and tokens are left. */
bool sl_media_send_may_resend(const struct sl_media_send *send, int64_t seq, sl_ns rtt, sl_ns now);
/* The first half of that, for who has a budget of its own. */
bool sl_media_send_is_due(const struct sl_media_send *send, int64_t seq, sl_ns rtt, sl_ns now);
/* True if `seq` was asked for and answered, or noted, before. */
bool sl_media_send_was_asked(const struct sl_media_send *send, int64_t seq);
/* `seq` is answered now, by whatever means, or by nothing yet. */
void sl_media_send_note(struct sl_media_send *send, int64_t seq, sl_ns now);
/* Bytes that were spent on it otherwise. */
void sl_media_send_spend(struct sl_media_send *send, size_t bytes);

/* As RTX, or as a copy where the peer has no RTX. Length or -EMSGSIZE. */
SL_MUST_CHECK int sl_media_send_resend(struct sl_media_send *send,
                                       const struct sl_rtp_packet *packet, sl_ns now, uint8_t *out,
                                       size_t size);

/* An SR as of `ntp`. Nothing before the first packet. */
void sl_media_send_report(const struct sl_media_send *send, uint64_t ntp, struct sl_writer *w);
