/* SPDX-License-Identifier: MIT */
#include "session/media_receive.h"

#include "base/bytes.h"

int sl_media_receive_init(struct sl_media_receive *receive, const struct sl_sdp_media *media,
                          bool relayed, sl_ns patience)
{
    *receive = (struct sl_media_receive){.media = media, .ssrc = media->ssrc};
    sl_reception_init(&receive->reception, media->clock_hz);
    const bool video = media->kind == SL_VIDEO;
    const struct sl_nack_config config = {
        .head = video, .tail = video, .relayed = relayed, .patience = patience};
    return sl_nack_create(&receive->nack, &config);
}

void sl_media_receive_fini(struct sl_media_receive *receive)
{
    sl_nack_destroy(receive->nack);
    receive->nack = NULL;
}

void sl_media_receive_restart(struct sl_media_receive *receive, uint32_t ssrc)
{
    receive->ssrc = ssrc;
    receive->unwrap = (struct sl_unwrap){0};
    sl_reception_init(&receive->reception, receive->media->clock_hz);
    sl_nack_reset(receive->nack);
    receive->last_sr = 0;
}

/* RFC 4588 section 4: the payload begins with the original sequence number. */
static enum sl_received undo_rtx(struct sl_media_receive *receive, struct sl_rtp_packet *packet)
{
    if (packet->payload_len == 0)
        return SL_RECEIVED_NOTHING; /* a bandwidth probe: padding only */
    if (packet->payload_len < 2)
        return SL_RECEIVED_BAD;
    if (!receive->unwrap.started)
        return SL_RECEIVED_NOTHING; /* of a stream that we have not seen */
    packet->seq = sl_get16(packet->payload);
    packet->payload += 2;
    packet->payload_len -= 2;
    packet->pt = receive->media->pt;
    packet->ssrc = receive->ssrc;
    return SL_RECEIVED_REPAIRED;
}

enum sl_received sl_media_receive_packet(struct sl_media_receive *receive,
                                         struct sl_rtp_packet *packet, bool rtx, sl_ns now)
{
    if (rtx) {
        const enum sl_received undone = undo_rtx(receive, packet);
        if (undone != SL_RECEIVED_REPAIRED)
            return undone;
    }
    packet->seq = sl_unwrap_next(&receive->unwrap, (uint16_t)packet->seq);
    if (!rtx) /* what the RR says is the network's loss, not what is left of it after repair */
        sl_reception_update(&receive->reception, packet->seq, packet->timestamp, now);
    /* Without RTX a resend looks like any packet: nack then tells by whether it had asked. */
    const bool resend = rtx || receive->media->rtx_pt == 0;
    const enum sl_nack_arrival arrival =
        sl_nack_arrived(receive->nack, packet->seq, packet->marker, resend, now);
    if (arrival == SL_NACK_DUPLICATE || arrival == SL_NACK_OLD) {
        receive->duplicate++;
        return SL_RECEIVED_NOTHING;
    }
    receive->packets++;
    receive->bytes += packet->payload_len;
    return rtx || arrival == SL_NACK_MENDED ? SL_RECEIVED_REPAIRED : SL_RECEIVED_PACKET;
}

void sl_media_receive_sr(struct sl_media_receive *receive, uint64_t ntp, sl_ns now)
{
    receive->last_sr = (uint32_t)(ntp >> 16);
    receive->last_sr_at = now;
}

bool sl_media_receive_report(struct sl_media_receive *receive, sl_ns now,
                             struct sl_rtcp_report_block *ret)
{
    if (!receive->reception.started)
        return false;
    const struct sl_reception_report report = sl_reception_report(&receive->reception);
    *ret = (struct sl_rtcp_report_block){.ssrc = receive->ssrc,
                                         .fraction_lost = report.fraction_lost,
                                         .cumulative_lost = report.cumulative_lost,
                                         .highest = report.highest,
                                         .jitter = report.jitter,
                                         .lsr = receive->last_sr};
    if (receive->last_sr)
        ret->dlsr = (uint32_t)(((__int128)(now - receive->last_sr_at) << 16) / SL_SEC);
    return true;
}
