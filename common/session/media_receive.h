/* SPDX-License-Identifier: MIT */
/*
 * One received stream: from the wire's numbers to a stream of packets that each come once.
 *
 *     RTP ──▶ unwrap ──▶┐
 *     RTX ──▶ undo  ──▶ ├──▶ nack: new, mended, duplicate ──▶ packet
 *                       └──▶ reception: the RR
 *
 * Takes plaintext. Allocates in init only. A new SSRC starts a new stream (reset).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"
#include "rtp/packet.h"
#include "rtp/rtcp.h"
#include "rtp/sequence.h"
#include "sdp/sdp.h"
#include "session/nack.h"

struct sl_media_receive {
    const struct sl_sdp_media *media;
    uint32_t ssrc; /* 0: not known yet */
    struct sl_unwrap unwrap;
    struct sl_reception reception;
    struct sl_nack *nack;
    uint32_t last_sr; /* middle 32 bits of its NTP time; 0 none */
    sl_ns last_sr_at;
    uint64_t packets, bytes, repaired, duplicate;
};

/* `relayed` as in nack.h. 0 or -ENOMEM. */
SL_MUST_CHECK int sl_media_receive_init(struct sl_media_receive *receive,
                                        const struct sl_sdp_media *media, bool relayed,
                                        sl_ns patience);
void sl_media_receive_fini(struct sl_media_receive *receive);

/* From now on the stream is `ssrc`. */
void sl_media_receive_restart(struct sl_media_receive *receive, uint32_t ssrc);

enum sl_received {
    SL_RECEIVED_PACKET,   /* `packet` is to be handed on */
    SL_RECEIVED_REPAIRED, /* so is this; it was asked for */
    SL_RECEIVED_NOTHING,  /* a duplicate, too old, or a probe */
    SL_RECEIVED_BAD,      /* RTX that makes no sense */
};

/* `packet` as read from the wire; its numbers become those of the media stream, extended. */
enum sl_received sl_media_receive_packet(struct sl_media_receive *receive,
                                         struct sl_rtp_packet *packet, bool rtx, sl_ns now);

void sl_media_receive_sr(struct sl_media_receive *receive, uint64_t ntp, sl_ns now);

/* A report block; false if nothing was received. */
bool sl_media_receive_report(struct sl_media_receive *receive, sl_ns now,
                             struct sl_rtcp_report_block *ret);
