/* SPDX-License-Identifier: MIT */
/* RTP of a session, both ways: media, resends, NACKs and key-frame requests. */
#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/time.h"
#include "session/internal.h"

#define KEYFRAME_GAP (200 * SL_MS)
#define NACK_BATCH 128 /* numbers a NACK; at worst 4 bytes each */

/* ------------------------------------------------------------------ life */

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
    /* A client receives from a relay, which may be waiting itself; the relay from the source. */
    return sl_media_receive_init(receive, media, !session->lite, session->config.repair_patience);
}

static int init_send(struct sl_session *session, const struct sl_sdp_media *media)
{
    session->send[media->kind] = calloc(1, sizeof(*session->send[0]));
    if (!session->send[media->kind])
        return -ENOMEM;
    sl_media_send_init(session->send[media->kind], media, session->config.random);
    return 0;
}

int sl_media_init(struct sl_session *session)
{
    const struct sl_sdp_agreed *agreed = &session->config.agreed;
    for (int i = 0; i < agreed->media_count; i++) {
        const struct sl_sdp_media *media = &agreed->media[i];
        if ((unsigned)media->kind >= SL_MEDIA_KINDS || media->clock_hz == 0 ||
            session->send[media->kind] || session->receive[media->kind])
            return -EINVAL;
        const int r =
            agreed->local_sends ? init_send(session, media) : init_receive(session, media);
        if (r < 0)
            return r;
        session->reports_rrtr |= media->rrtr;
    }
    return 0;
}

void sl_media_fini(struct sl_session *session)
{
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++) {
        free(session->send[kind]);
        if (session->receive[kind])
            sl_media_receive_fini(session->receive[kind]);
        free(session->receive[kind]);
    }
}

/* --------------------------------------------------------------- sending */

static int seal_and_send(struct sl_session *session, uint8_t *data, size_t len)
{
    const int sealed = sl_srtp_protect(session->srtp, data, len, SL_SESSION_DATAGRAM);
    if (sealed < 0)
        return sealed;
    sl_session_output(session, sl_connect_path(session), data, (size_t)sealed);
    return 0;
}

int sl_session_send(struct sl_session *session, enum sl_media_kind kind,
                    const struct sl_rtp_packet *packet, sl_ns now)
{
    if (session->state != SL_SESSION_CONNECTED)
        return -ENOTCONN;
    struct sl_media_send *send = session->send[kind];
    if (!send)
        return -ENOENT;
    const bool first = !send->sent.started;
    uint8_t out[SL_SESSION_DATAGRAM];
    const uint64_t ntp = packet->has_capture ? 0 : sl_ntp_from_ns(now, session->config.epoch);
    const int n = sl_media_send_write(send, packet, ntp, out, SL_SESSION_PLAIN_MAX);
    if (n < 0)
        return n;
    const int r = seal_and_send(session, out, (size_t)n);
    if (r < 0)
        return r;
    if (first)
        session->report_due = now; /* the peer learns our clock with the first packets */
    session->counts[kind].packets++;
    session->counts[kind].bytes += packet->payload_len;
    return 0;
}

static void resend(struct sl_session *session, enum sl_media_kind kind, uint16_t wire, sl_ns now)
{
    struct sl_media_send *send = session->send[kind];
    int64_t seq;
    session->counts[kind].nacks++;
    if (!sl_media_send_unmap(send, wire, &seq) ||
        !sl_media_send_may_resend(send, seq, session->clock.rtt, now))
        return;
    const struct sl_rtp_packet *packet =
        session->config.handler->resend
            ? session->config.handler->resend(session->config.ctx, kind, seq)
            : NULL;
    if (!packet)
        return;
    uint8_t out[SL_SESSION_DATAGRAM];
    const int n = sl_media_send_resend(send, packet, now, out, SL_SESSION_PLAIN_MAX);
    if (n >= 0 && seal_and_send(session, out, (size_t)n) == 0)
        session->counts[kind].resent++;
}

void sl_media_answer_nack(struct sl_session *session, sl_ns now, uint32_t ssrc, uint16_t pid,
                          uint16_t blp)
{
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++) {
        if (!session->send[kind] || session->send[kind]->ssrc != ssrc)
            continue;
        resend(session, kind, pid, now);
        for (unsigned i = 0; i < 16; i++)
            if (blp >> i & 1)
                resend(session, kind, (uint16_t)(pid + 1 + i), now);
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
    }
    return NULL;
}

static void hand_on(struct sl_session *session, enum sl_media_kind kind,
                    struct sl_rtp_packet *packet, bool repaired, sl_ns now)
{
    if (packet->has_capture) {
        /* Always there, so that a relayed packet's size does not change when the clock is known. */
        packet->has_capture_offset = true;
        packet->capture_offset += session->clock_span;
    }
    if (session->config.handler->packet)
        session->config.handler->packet(session->config.ctx, kind, packet, repaired, now);
}

/* Video that lacks a packet for good needs a key frame. */
static void follow_given_up(struct sl_session *session, struct sl_media_receive *receive, sl_ns now)
{
    if (sl_nack_given_up(receive->nack) > 0 && receive->media->kind == SL_VIDEO)
        sl_session_request_keyframe(session, now);
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
    const enum sl_media_kind kind = source->kind;
    struct sl_media_receive *receive = session->receive[kind];
    struct sl_rtp_packet packet;
    enum sl_received received = SL_RECEIVED_BAD;
    if (sl_rtp_read(&packet, data, (size_t)n, &receive->media->ids) == 0)
        received = sl_media_receive_packet(receive, &packet, source->role == SL_SOURCE_RTX, now);
    if (received == SL_RECEIVED_BAD) {
        session->stats.malformed++;
        return;
    }
    session->stats.rtp_accepted++;
    if (received != SL_RECEIVED_NOTHING)
        hand_on(session, kind, &packet, received == SL_RECEIVED_REPAIRED, now);
    follow_given_up(session, receive, now); /* a jump gives up at once */
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

static sl_ns keyframe_allowed(const struct sl_session *session)
{
    const sl_ns gap = session->clock.rtt > KEYFRAME_GAP ? session->clock.rtt : KEYFRAME_GAP;
    return session->keyframe_asked == SL_NEVER ? 0 : session->keyframe_asked + gap;
}

static void send_keyframe_request(struct sl_session *session, sl_ns now)
{
    const struct sl_media_receive *receive = session->receive[SL_VIDEO];
    uint8_t out[SL_SESSION_DATAGRAM];
    struct sl_writer w = sl_writer(out, SL_SESSION_PLAIN_MAX);
    sl_rtcp_write_pli(&w, session->local_ssrc, receive->ssrc);
    sl_reports_send(session, &w);
    session->keyframe_due = false;
    session->keyframe_asked = now;
    session->counts[SL_VIDEO].keyframe_requests++;
}

void sl_session_request_keyframe(struct sl_session *session, sl_ns now)
{
    const struct sl_media_receive *receive = session->receive[SL_VIDEO];
    if (session->state != SL_SESSION_CONNECTED || !receive || !receive->media->pli)
        return;
    session->keyframe_due = true;
    if (receive->ssrc && keyframe_allowed(session) <= now)
        send_keyframe_request(session, now);
}

sl_ns sl_media_due(const struct sl_session *session)
{
    sl_ns due = SL_NEVER;
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++)
        if (session->receive[kind])
            due = sl_min_ns(due, sl_nack_due(session->receive[kind]->nack));
    if (session->keyframe_due && session->receive[SL_VIDEO]->ssrc)
        due = sl_min_ns(due, keyframe_allowed(session));
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
    }
    if (session->keyframe_due && session->receive[SL_VIDEO]->ssrc &&
        keyframe_allowed(session) <= now)
        send_keyframe_request(session, now);
}
