/* SPDX-License-Identifier: MIT */
#include "session/media_send.h"

#include <errno.h>
#include <string.h>

#include "base/time.h"

/* Resends may cost half of what the media costs, and this much at once (0.25 s of 4 Mb/s). */
#define TOKENS_CAP (128 * 1024)
#define RESEND_GAP_MIN (10 * SL_MS)
/* protocol.md: the first number lies in 1..32767. From 128, so that a packet that was overtaken at
 * the start does not fall below zero, where the roll-over counter would have to be -1. */
#define FIRST_LOW 128
#define FIRST_HIGH 32767

static uint32_t random_ssrc(struct sl_random *random)
{
    uint32_t ssrc;
    do
        ssrc = sl_random_u32(random);
    while (ssrc == 0);
    return ssrc;
}

void sl_media_send_init(struct sl_media_send *send, const struct sl_sdp_media *media,
                        struct sl_random *random)
{
    *send = (struct sl_media_send){.media = media, .tokens = TOKENS_CAP};
    send->ssrc = media->ssrc ? media->ssrc : random_ssrc(random);
    send->rtx_ssrc = media->rtx_ssrc ? media->rtx_ssrc : random_ssrc(random);
    send->rtx_seq = sl_random_range(random, 1, FIRST_HIGH);
    send->offset = sl_random_range(random, FIRST_LOW, FIRST_HIGH);
    for (size_t i = 0; i < SL_RESENDS_REMEMBERED; i++)
        send->resent[i].seq = INT64_MIN;
}

static struct sl_rtp_packet numbered(const struct sl_media_send *send,
                                     const struct sl_rtp_packet *packet)
{
    struct sl_rtp_packet out = *packet;
    out.seq = packet->seq + send->offset;
    out.pt = send->media->pt;
    out.ssrc = send->ssrc;
    memcpy(out.mid, send->media->mid, sizeof(out.mid));
    out.has_playout_delay = true; /* shown at once; written where negotiated */
    out.playout_min_10ms = out.playout_max_10ms = 0;
    return out;
}

/* An SR maps RTP time to the time of capture where that is known: that is what peers align sound
 * and picture by. */
static void remember_mapping(struct sl_media_send *send, const struct sl_rtp_packet *packet,
                             uint64_t ntp)
{
    send->has_mapping = true;
    send->mapped_timestamp = packet->timestamp;
    send->mapped_ntp =
        packet->has_capture ? packet->capture_ntp - (uint64_t)packet->capture_offset : ntp;
}

int sl_media_send_write(struct sl_media_send *send, const struct sl_rtp_packet *packet,
                        uint64_t ntp, uint8_t *out, size_t size)
{
    if (!send->sent.started)
        send->offset -= packet->seq; /* was the first wire number */
    const struct sl_rtp_packet mine = numbered(send, packet);
    const int n = mine.seq < 0 ? -ERANGE : sl_rtp_write(&mine, &send->media->ids, -1, out, size);
    if (n < 0) {
        if (!send->sent.started)
            send->offset += packet->seq;
        return n;
    }
    if (!send->sent.started || mine.seq > send->sent.highest) {
        send->sent.highest = mine.seq;
        remember_mapping(send, packet, ntp);
    }
    send->sent.started = true;
    send->packets++;
    send->octets += (uint32_t)packet->payload_len;
    send->tokens += n / 2;
    if (send->tokens > TOKENS_CAP)
        send->tokens = TOKENS_CAP;
    return n;
}

bool sl_media_send_unmap(const struct sl_media_send *send, uint16_t wire, int64_t *seq)
{
    if (!send->sent.started)
        return false;
    const int64_t number = sl_unwrap_peek(&send->sent, wire);
    if (number > send->sent.highest || number < 0)
        return false;
    *seq = number - send->offset;
    return true;
}

static size_t slot_of(int64_t seq)
{
    return (size_t)((uint64_t)seq % SL_RESENDS_REMEMBERED);
}

bool sl_media_send_is_due(const struct sl_media_send *send, int64_t seq, sl_ns rtt, sl_ns now)
{
    /* The peer asks again after one RTT by its own measure; a quarter is left for both measures
     * and for jitter. */
    const sl_ns gap = (rtt > RESEND_GAP_MIN ? rtt : RESEND_GAP_MIN) * 3 / 4;
    return !sl_media_send_was_asked(send, seq) || now - send->resent[slot_of(seq)].at >= gap;
}

bool sl_media_send_may_resend(const struct sl_media_send *send, int64_t seq, sl_ns rtt, sl_ns now)
{
    return sl_media_send_is_due(send, seq, rtt, now) && send->tokens > 0;
}

bool sl_media_send_was_asked(const struct sl_media_send *send, int64_t seq)
{
    return send->resent[slot_of(seq)].seq == seq;
}

void sl_media_send_note(struct sl_media_send *send, int64_t seq, sl_ns now)
{
    send->resent[slot_of(seq)].seq = seq;
    send->resent[slot_of(seq)].at = now;
}

void sl_media_send_spend(struct sl_media_send *send, size_t bytes)
{
    send->tokens -= (int64_t)bytes;
}

int sl_media_send_resend(struct sl_media_send *send, const struct sl_rtp_packet *packet, sl_ns now,
                         uint8_t *out, size_t size)
{
    const bool rtx = send->media->rtx_pt != 0;
    struct sl_rtp_packet mine = numbered(send, packet);
    const int32_t osn = (int32_t)(mine.seq & 0xffff);
    if (mine.seq < 0)
        return -ERANGE;
    if (rtx) {
        mine.seq = send->rtx_seq;
        mine.pt = send->media->rtx_pt;
        mine.ssrc = send->rtx_ssrc;
    }
    const int n = sl_rtp_write(&mine, &send->media->ids, rtx ? osn : -1, out, size);
    if (n < 0)
        return n;
    if (rtx)
        send->rtx_seq++;
    send->tokens -= n;
    sl_media_send_note(send, packet->seq, now);
    return n;
}

void sl_media_send_report(const struct sl_media_send *send, uint64_t ntp, struct sl_writer *w)
{
    if (!send->has_mapping)
        return;
    const sl_ns since = sl_ntp_span_to_ns((int64_t)(ntp - send->mapped_ntp));
    const int64_t ticks = since / SL_US * (int64_t)send->media->clock_hz / 1000000;
    sl_rtcp_write_sr(w, send->ssrc, ntp, send->mapped_timestamp + (uint32_t)ticks, send->packets,
                     send->octets, NULL, 0);
}
