/* SPDX-License-Identifier: MIT */
/*
 * One received stream: from the wire's numbers to a stream of packets that each come once.
 *
 *     RTP ──▶ unwrap ──▶┐
 *     RTX ──▶ undo  ──▶ ├──▶ nack: new, mended, restored, duplicate ──▶ packet
 *     FEC ──▶ decoder ─▶┤
 *                       └──▶ reception: the RR; frames: the report of repair
 *
 * Takes plaintext. Allocates in init only. A new SSRC starts a new stream (reset). Packets mended
 * by RTX are not given to the decoder: they come in other bytes than they were first sent in.
 *
 * The decoder (0.8 MB, of which the system gives only what is used) sees every packet that arrives,
 * rows or no rows: those that come in answer to the first NACK are of no use without the packets
 * before it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"
#include "fec/decoder.h"
#include "rtp/packet.h"
#include "rtp/repair_report.h"
#include "rtp/rtcp.h"
#include "rtp/sequence.h"
#include "sdp/sdp.h"
#include "session/frames.h"
#include "session/nack.h"

struct sl_media_receive {
    const struct sl_sdp_media *media;
    uint32_t ssrc; /* 0: not known yet */
    struct sl_unwrap unwrap;
    struct sl_reception reception;
    struct sl_nack *nack;
    struct sl_fec_decoder *decoder; /* NULL: no FEC was agreed */
    struct sl_frames frames;        /* of video */
    uint32_t last_sr;               /* middle 32 bits of its NTP time; 0 none */
    sl_ns last_sr_at;
    uint64_t packets, bytes, duplicate, rows, row_bytes;
};

/* As in fec/decoder.h. */
typedef void sl_media_restored_fn(void *user, int64_t seq, const uint8_t *packet, size_t len);

/* `relayed` as in nack.h. 0 or -ENOMEM. */
SL_MUST_CHECK int sl_media_receive_init(struct sl_media_receive *receive,
                                        const struct sl_sdp_media *media, bool relayed,
                                        sl_ns patience, sl_media_restored_fn *restored, void *user);
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
                                         struct sl_rtp_packet *packet, bool rtx, sl_ns arrival,
                                         sl_ns now);

/* The bytes of what sl_media_receive_packet() took as it was first sent: for the decoder, which may
 * call `restored` at once. */
void sl_media_receive_protected(struct sl_media_receive *receive, int64_t seq, const uint8_t *data,
                                size_t len);

/* The payload of a repair packet, of a datagram of `bytes`; may call `restored` as well. */
void sl_media_receive_row(struct sl_media_receive *receive, const uint8_t *payload, size_t len,
                          size_t bytes, sl_ns now);

/* `packet` as read from restored bytes; PACKET is never the answer. */
enum sl_received sl_media_receive_restored(struct sl_media_receive *receive,
                                           struct sl_rtp_packet *packet, sl_ns now);

void sl_media_receive_sr(struct sl_media_receive *receive, uint64_t ntp, sl_ns arrival);

/* A report block; false if nothing was received. */
bool sl_media_receive_report(struct sl_media_receive *receive, sl_ns now,
                             struct sl_rtcp_report_block *ret);

/* What became of the frames so far; false if nothing was received. */
bool sl_media_receive_repairs(struct sl_media_receive *receive, sl_ns now,
                              struct sl_repair_report *ret);
