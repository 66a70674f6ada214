/* SPDX-License-Identifier: MIT */
/* RTP of a session that receives: media, repair, NACKs and key-frame requests. */
#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/time.h"
#include "session/internal.h"

#define KEYFRAME_GAP (200 * SL_MS)
#define NACK_BATCH 128 /* numbers a NACK; at worst 4 bytes each */

/* ------------------------------------------------------------------ life */

static void on_restored(void *user, int64_t seq, const uint8_t *data, size_t len);

static int init_receive(struct sl_session *session, const struct sl_sdp_media *media)
{
    struct sl_media_receive *receive = calloc(1, sizeof(*receive));
    if (!receive)
        return -ENOMEM;
    session->receive[media->kind] = receive;
    if (media->ssrc)
        sl_sources_add(&session->sources, media->ssrc, media->kind, SL_SOURCE_MEDIA);
    if (media->rtx_ssrc)
        sl_sources_add(&session->sources, media->rtx_ssrc, media->kind, SL_SOURCE_RTX);
    if (media->fec_pt && media->fec_ssrc)
        sl_sources_add(&session->sources, media->fec_ssrc, media->kind, SL_SOURCE_FEC);
    if (media->ccfb && !session->recorder) {
        session->recorder = malloc(sizeof(*session->recorder));
        if (!session->recorder)
            return -ENOMEM;
        sl_ccfb_recorder_init(session->recorder);
    }
    /* A client receives from a relay, which may be waiting itself; the relay from the source. */
    return sl_media_receive_init(receive, media, !session->lite, session->config.repair_patience,
                                 on_restored, session);
}

int sl_media_init(struct sl_session *session)
{
    const struct sl_sdp_agreed *agreed = &session->config.agreed;
    for (int i = 0; i < agreed->media_count; i++) {
        const struct sl_sdp_media *media = &agreed->media[i];
        if ((unsigned)media->kind >= SL_MEDIA_KINDS || media->clock_hz == 0 ||
            session->send[media->kind] || session->receive[media->kind] ||
            (media->fec_pt && (media->kind != SL_VIDEO || media->fec == SL_SDP_FEC_NONE)))
            return -EINVAL;
        const int r = agreed->local_sends ? sl_sending_init(session, media, session->created)
                                          : init_receive(session, media);
        if (r < 0)
            return r;
        session->reports_rrtr |= media->rrtr;
    }
    return 0;
}

void sl_media_fini(struct sl_session *session)
{
    sl_sending_fini(session);
    free(session->recorder);
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++) {
        if (session->receive[kind])
            sl_media_receive_fini(session->receive[kind]);
        free(session->receive[kind]);
    }
}

/* ------------------------------------------------------------- receiving */

/* An authenticated packet of an unknown SSRC: its payload type says what it is. */
static const struct sl_source *learn(struct sl_session *session, const uint8_t *data)
{
    const uint32_t ssrc = sl_get32(data + 8);
    const uint8_t pt = data[1] & 0x7f;
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++) {
        struct sl_media_receive *receive = session->receive[kind];
        if (receive && receive->media->pt == pt) {
            sl_media_receive_restart(receive, ssrc);
            return sl_sources_add(&session->sources, ssrc, kind, SL_SOURCE_MEDIA);
        }
        if (receive && receive->media->rtx_pt != 0 && receive->media->rtx_pt == pt)
            return sl_sources_add(&session->sources, ssrc, kind, SL_SOURCE_RTX);
        if (receive && receive->media->fec_pt != 0 && receive->media->fec_pt == pt)
            return sl_sources_add(&session->sources, ssrc, kind, SL_SOURCE_FEC);
    }
    return NULL;
}

static void hand_on(struct sl_session *session, enum sl_media_kind kind,
                    struct sl_rtp_packet *packet, bool repaired)
{
    if (packet->has_capture) {
        /* Always there, so that a relayed packet's size does not change when the clock is known. */
        packet->has_capture_offset = true;
        packet->capture_offset += session->clock_span;
    }
    if (session->config.handler->packet)
        session->config.handler->packet(session->config.ctx, kind, packet, repaired,
                                        session->arrival);
}

/* Video that lacks a packet for good needs a key frame. */
static void follow_given_up(struct sl_session *session, struct sl_media_receive *receive, sl_ns now)
{
    if (sl_nack_given_up(receive->nack) > 0 && receive->media->kind != SL_AUDIO)
        sl_session_request_keyframe(session, receive->media->kind, now);
}

static void record(struct sl_session *session, const uint8_t *data, sl_ns now)
{
    if (!session->recorder)
        return;
    sl_ccfb_record(session->recorder, sl_get32(data + 8), sl_get16(data + 2), 0, session->arrival);
    if (session->feedback_due == SL_NEVER)
        session->feedback_due = now + SL_SESSION_FEEDBACK;
}

/* From inside of the decoder. */
static void on_restored(void *user, int64_t seq, const uint8_t *data, size_t len)
{
    struct sl_session *session = user;
    struct sl_media_receive *receive = session->receive[SL_VIDEO];
    struct sl_rtp_packet packet;
    (void)seq;
    if (sl_rtp_read(&packet, data, len, &receive->media->ids) < 0)
        return;
    if (sl_media_receive_restored(receive, &packet, session->now) == SL_RECEIVED_REPAIRED)
        hand_on(session, SL_VIDEO, &packet, true);
}

static void count_datagram(struct sl_session *session, enum sl_media_kind kind, bool rtx,
                           size_t bytes)
{
    session->counts[kind].resent += rtx;
    *(rtx ? &session->counts[kind].resent_bytes : &session->counts[kind].sent_bytes) += bytes;
}

/* What an authenticated packet of `source` holds. False: nothing that makes sense. */
static bool take_packet(struct sl_session *session, const struct sl_source *source,
                        const uint8_t *data, size_t len, size_t sealed, sl_ns now)
{
    struct sl_media_receive *receive = session->receive[source->kind];
    struct sl_rtp_packet packet;
    if (sl_rtp_read(&packet, data, len, &receive->media->ids) < 0)
        return false;
    session->now = now;
    if (source->role == SL_SOURCE_FEC) {
        sl_media_receive_row(receive, packet.payload, packet.payload_len, sealed, now);
        return true;
    }
    const bool rtx = source->role == SL_SOURCE_RTX;
    count_datagram(session, source->kind, rtx, sealed);
    const enum sl_received received =
        sl_media_receive_packet(receive, &packet, rtx, session->arrival, now);
    if (received == SL_RECEIVED_BAD)
        return false;
    if (received == SL_RECEIVED_NOTHING)
        return true;
    const int64_t seq = packet.seq;
    hand_on(session, source->kind, &packet, received == SL_RECEIVED_REPAIRED);
    if (!rtx) /* after it is on its way: its bytes are for what is lost */
        sl_media_receive_protected(receive, seq, data, len);
    return true;
}

void sl_media_rtp(struct sl_session *session, sl_ns now, uint8_t *data, size_t len)
{
    if (len < SL_RTP_HEADER_BYTES) {
        session->stats.malformed++;
        return;
    }
    const struct sl_source *source = sl_sources_find(&session->sources, sl_get32(data + 8));
    if (session->config.agreed.local_sends || (source && source->role == SL_SOURCE_RETIRED) ||
        (!source && session->sources.count == SL_SOURCES_MAX)) {
        session->stats.unknown_source++;
        return;
    }
    const int n = sl_srtp_unprotect(session->srtp, data, len);
    if (n < 0) {
        sl_session_count_refused(session, n);
        return;
    }
    session->heard = now;
    if (!source)
        source = learn(session, data);
    if (!source) {
        session->stats.unknown_source++;
        return;
    }
    record(session, data, now);
    if (!take_packet(session, source, data, (size_t)n, len, now)) {
        session->stats.malformed++;
        return;
    }
    session->stats.rtp_accepted++;
    follow_given_up(session, session->receive[source->kind], now); /* a jump gives up at once */
}

/* ---------------------------------------------------- NACKs and requests */

static void send_nacks(struct sl_session *session, struct sl_media_receive *receive, sl_ns now)
{
    /* Each turn asks for something or gives it up, so this ends; the bound is for certainty. */
    for (int i = 0; i < 8 && sl_nack_due(receive->nack) <= now; i++) {
        int64_t seqs[NACK_BATCH];
        const size_t count =
            sl_nack_take(receive->nack, now, session->clock.rtt, seqs, SL_COUNT(seqs));
        if (count == 0 || !receive->media->nack)
            continue;
        uint8_t out[SL_SESSION_DATAGRAM];
        struct sl_writer w = sl_writer(out, SL_SESSION_PLAIN_MAX);
        sl_rtcp_write_nack(&w, session->local_ssrc, receive->ssrc, seqs, count);
        sl_reports_send(session, &w);
        session->counts[receive->media->kind].nacks += count;
    }
}

static sl_ns keyframe_allowed(const struct sl_session *session, enum sl_media_kind kind)
{
    const sl_ns gap = session->clock.rtt > KEYFRAME_GAP ? session->clock.rtt : KEYFRAME_GAP;
    const sl_ns asked = session->keyframe[kind].asked;
    return asked == SL_NEVER ? 0 : asked + gap;
}

static sl_ns keyframe_request_due(const struct sl_session *session, enum sl_media_kind kind)
{
    return session->keyframe[kind].due && session->receive[kind]->ssrc
               ? keyframe_allowed(session, kind)
               : SL_NEVER;
}

static void send_keyframe_request(struct sl_session *session, enum sl_media_kind kind, sl_ns now)
{
    const struct sl_media_receive *receive = session->receive[kind];
    uint8_t out[SL_SESSION_DATAGRAM];
    struct sl_writer w = sl_writer(out, SL_SESSION_PLAIN_MAX);
    sl_rtcp_write_pli(&w, session->local_ssrc, receive->ssrc);
    sl_reports_send(session, &w);
    session->keyframe[kind].due = false;
    session->keyframe[kind].asked = now;
    session->counts[kind].keyframe_requests++;
}

void sl_session_request_keyframe(struct sl_session *session, enum sl_media_kind kind, sl_ns now)
{
    const struct sl_media_receive *receive = session->receive[kind];
    if (session->state != SL_SESSION_CONNECTED || !receive || !receive->media->pli)
        return;
    session->keyframe[kind].due = true;
    if (keyframe_request_due(session, kind) <= now)
        send_keyframe_request(session, kind, now);
}

void sl_session_skip(struct sl_session *session)
{
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++)
        if (session->receive[kind])
            sl_nack_reset(session->receive[kind]->nack);
}

sl_ns sl_media_due(const struct sl_session *session)
{
    sl_ns due = SL_NEVER;
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++)
        if (session->receive[kind])
            due = sl_min_ns(due, sl_min_ns(sl_nack_due(session->receive[kind]->nack),
                                           keyframe_request_due(session, kind)));
    return due;
}

void sl_media_tick(struct sl_session *session, sl_ns now)
{
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++) {
        struct sl_media_receive *receive = session->receive[kind];
        if (!receive)
            continue;
        send_nacks(session, receive, now);
        follow_given_up(session, receive, now);
        if (keyframe_request_due(session, kind) <= now)
            send_keyframe_request(session, kind, now);
    }
}
