/* SPDX-License-Identifier: MIT */
#include "session/media_receive.h"

#include "base/bytes.h"

static int make_decoder(struct sl_media_receive *receive, sl_media_restored_fn *restored,
                        void *user)
{
    struct sl_fec_decoder_config config = sl_fec_decoder_config_default();
    config.scheme = receive->media->fec == SL_SDP_FEC_RS ? &sl_fec_rs : &sl_fec_flexfec;
    config.ssrc = receive->ssrc;
    config.restored = restored;
    config.user = user;
    return sl_fec_decoder_create(&receive->decoder, &config);
}

int sl_media_receive_init(struct sl_media_receive *receive, const struct sl_sdp_media *media,
                          bool relayed, sl_ns patience, sl_media_restored_fn *restored, void *user)
{
    *receive = (struct sl_media_receive){.media = media, .ssrc = media->ssrc};
    sl_reception_init(&receive->reception, media->clock_hz);
    const bool video = media->kind != SL_AUDIO;
    const struct sl_nack_config config = {
        .head = video, .tail = video, .relayed = relayed, .patience = patience};
    const int r = sl_nack_create(&receive->nack, &config);
    return r < 0 || media->fec_pt == 0 ? r : make_decoder(receive, restored, user);
}

void sl_media_receive_fini(struct sl_media_receive *receive)
{
    sl_nack_destroy(receive->nack);
    sl_fec_decoder_destroy(receive->decoder);
    receive->nack = NULL;
    receive->decoder = NULL;
}

void sl_media_receive_restart(struct sl_media_receive *receive, uint32_t ssrc)
{
    receive->ssrc = ssrc;
    receive->unwrap = (struct sl_unwrap){0};
    sl_reception_init(&receive->reception, receive->media->clock_hz);
    sl_nack_reset(receive->nack);
    sl_frames_restart(&receive->frames);
    if (receive->decoder)
        sl_fec_decoder_reset(receive->decoder, ssrc);
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

/* `packet` with its extended number. */
static enum sl_received take(struct sl_media_receive *receive, const struct sl_rtp_packet *packet,
                             enum sl_nack_how how, sl_ns now)
{
    enum sl_frame_packet frame = SL_FRAME_PLAIN;
    const enum sl_nack_arrival arrival =
        sl_nack_arrived(receive->nack, packet->seq, packet->marker, how, now);
    switch (arrival) {
    case SL_NACK_DUPLICATE:
    case SL_NACK_OLD:
        receive->duplicate++;
        return SL_RECEIVED_NOTHING;
    case SL_NACK_NEW:
        break;
    case SL_NACK_MENDED:
        frame = SL_FRAME_BY_RESEND;
        break;
    case SL_NACK_RESTORED:
        frame = SL_FRAME_BY_FEC;
        break;
    }
    receive->packets++;
    receive->bytes += packet->payload_len;
    if (receive->media->kind == SL_VIDEO)
        sl_frames_packet(&receive->frames, packet->seq, packet->timestamp, packet->marker, frame,
                         frame != SL_FRAME_PLAIN && sl_nack_was_late(receive->nack), now);
    return frame == SL_FRAME_PLAIN ? SL_RECEIVED_PACKET : SL_RECEIVED_REPAIRED;
}

enum sl_received sl_media_receive_packet(struct sl_media_receive *receive,
                                         struct sl_rtp_packet *packet, bool rtx, sl_ns arrival,
                                         sl_ns now)
{
    if (rtx) {
        const enum sl_received undone = undo_rtx(receive, packet);
        if (undone != SL_RECEIVED_REPAIRED)
            return undone;
    }
    packet->seq = sl_unwrap_next(&receive->unwrap, (uint16_t)packet->seq);
    if (!rtx) /* what the RR says is the network's loss, not what is left of it after repair */
        sl_reception_update(&receive->reception, packet->seq, packet->timestamp, arrival);
    /* Without RTX a resend looks like any packet: nack then tells by whether it had asked. */
    const bool resend = rtx || receive->media->rtx_pt == 0;
    const enum sl_received received =
        take(receive, packet, resend ? SL_NACK_RESENT : SL_NACK_SENT, now);
    return rtx && received == SL_RECEIVED_PACKET ? SL_RECEIVED_REPAIRED : received;
}

void sl_media_receive_protected(struct sl_media_receive *receive, int64_t seq, const uint8_t *data,
                                size_t len)
{
    if (receive->decoder)
        sl_fec_decoder_packet(receive->decoder, seq, data, len);
}

void sl_media_receive_row(struct sl_media_receive *receive, const uint8_t *payload, size_t len,
                          size_t bytes, sl_ns now)
{
    if (!receive->decoder)
        return;
    receive->rows++;
    receive->row_bytes += bytes;
    /* First, so that what it does not restore waits for the next one. */
    if (sl_fec_decoder_repair(receive->decoder, payload, len) != SL_FEC_REFUSED)
        sl_nack_row(receive->nack, sl_fec_decoder_row_last(receive->decoder), now);
}

enum sl_received sl_media_receive_restored(struct sl_media_receive *receive,
                                           struct sl_rtp_packet *packet, sl_ns now)
{
    packet->seq = sl_unwrap_next(&receive->unwrap, (uint16_t)packet->seq);
    return take(receive, packet, SL_NACK_BY_PARITY, now);
}

void sl_media_receive_sr(struct sl_media_receive *receive, uint64_t ntp, sl_ns arrival)
{
    receive->last_sr = (uint32_t)(ntp >> 16);
    receive->last_sr_at = arrival;
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

bool sl_media_receive_repairs(struct sl_media_receive *receive, sl_ns now,
                              struct sl_repair_report *ret)
{
    if (!receive->reception.started)
        return false;
    struct sl_nack_stats nack;
    struct sl_losses *losses = sl_nack_losses(receive->nack);
    const struct sl_frames *frames = &receive->frames;
    sl_frames_settle(&receive->frames, now);
    sl_nack_stats(receive->nack, &nack);
    *ret = (struct sl_repair_report){.ssrc = receive->ssrc,
                                     .whole = frames->whole,
                                     .by_fec = frames->by_fec,
                                     .by_resend = frames->by_resend,
                                     .late = frames->late,
                                     .lost = frames->lost,
                                     .packets = (uint32_t)nack.expected,
                                     .packets_lost = losses->lost,
                                     .burst = sl_losses_burst(losses, now),
                                     .runs = losses->runs};
    return true;
}
