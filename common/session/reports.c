/* SPDX-License-Identifier: MIT */
/* RTCP of a session, both ways: reports, clocks, and what the peer asks for. */
#include <errno.h>

#include "base/time.h"
#include "session/internal.h"

#define SR_INTERVAL SL_SEC
#define RR_INTERVAL SL_SEC                  /* to others */
#define RR_INTERVAL_SIGHTLINE (200 * SL_MS) /* on our own hops */
#define RRTR_ANSWER_GAP (20 * SL_MS)        /* however often a peer asks */
#define NACKED_MAX 1024                     /* numbers looked at per datagram */
#define EVENTS_A_SECOND 10                  /* of motion: our own programs send 5 */
#define RTT_MAX (60 * SL_SEC)               /* a larger one is a lie */

void sl_reports_send(struct sl_session *session, struct sl_writer *w)
{
    if (w->failed || sl_writer_len(w) == 0 || !session->srtp)
        return;
    const int n =
        sl_srtp_protect_rtcp(session->srtp, w->start, sl_writer_len(w), SL_SESSION_DATAGRAM);
    if (n > 0)
        sl_session_output(session, sl_connect_path(session), w->start, (size_t)n);
}

/* --------------------------------------------------------------- sending */

static const char *cname(const struct sl_session *session)
{
    return session->config.agreed.media_count ? session->config.agreed.media[0].cname : "";
}

static void write_dlrr(struct sl_session *session, sl_ns now, uint32_t ssrc, struct sl_writer *w)
{
    if (session->rrtr.at == 0)
        return;
    const uint32_t since = (uint32_t)(((__int128)(now - session->rrtr.at) << 16) / SL_SEC);
    sl_rtcp_write_dlrr(w, ssrc, session->rrtr.ssrc, session->rrtr.ntp, since);
    session->rrtr.at = 0;
    session->rrtr.answered = now;
}

static void write_sender_report(struct sl_session *session, sl_ns now, struct sl_writer *w)
{
    const uint64_t ntp = sl_ntp_from_ns(now, session->config.epoch);
    uint32_t ssrc = 0;
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++) {
        const struct sl_media_send *send = session->send[kind];
        if (!send)
            continue;
        if (ssrc == 0)
            ssrc = send->ssrc;
        sl_media_send_report(send, ntp, w);
    }
    if (sl_writer_len(w) == 0) /* nothing sent yet: a compound begins with a report all the same */
        sl_rtcp_write_rr(w, ssrc, NULL, 0);
    sl_rtcp_write_sdes(w, ssrc, cname(session));
    write_dlrr(session, now, ssrc, w);
}

static void write_repair_report(struct sl_session *session, sl_ns now, struct sl_writer *w)
{
    struct sl_repair_report report;
    if (session->config.agreed.sightline && session->receive[SL_VIDEO] &&
        sl_media_receive_repairs(session->receive[SL_VIDEO], now, &report))
        sl_repair_report_write(&report, session->local_ssrc, w);
}

/* Which packets came, and when; on its own, as it goes out more often than all else. */
static void send_feedback(struct sl_session *session, sl_ns now)
{
    uint8_t out[SL_SESSION_DATAGRAM];
    struct sl_writer w = sl_writer(out, SL_SESSION_PLAIN_MAX);
    session->feedback_due = SL_NEVER;
    const uint64_t ntp = sl_ntp_from_ns(now, session->config.epoch);
    if (sl_ccfb_write(session->recorder, session->local_ssrc, now, ntp, &w) > 0)
        sl_reports_send(session, &w);
}

static void write_receiver_report(struct sl_session *session, sl_ns now, struct sl_writer *w)
{
    struct sl_rtcp_report_block blocks[SL_MEDIA_KINDS];
    size_t count = 0;
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++)
        if (session->receive[kind] &&
            sl_media_receive_report(session->receive[kind], now, &blocks[count]))
            count++;
    sl_rtcp_write_rr(w, session->local_ssrc, blocks, count);
    sl_rtcp_write_sdes(w, session->local_ssrc, cname(session));
    write_repair_report(session, now, w);
    if (session->reports_rrtr)
        sl_rtcp_write_rrtr(w, session->local_ssrc, sl_ntp_from_ns(now, session->config.epoch));
}

static void send_report(struct sl_session *session, sl_ns now)
{
    uint8_t out[SL_SESSION_DATAGRAM];
    struct sl_writer w = sl_writer(out, SL_SESSION_PLAIN_MAX);
    if (session->config.agreed.local_sends) {
        write_sender_report(session, now, &w);
        session->report_due = now + SR_INTERVAL;
    } else {
        write_receiver_report(session, now, &w);
        session->report_due =
            now + (session->config.agreed.sightline ? RR_INTERVAL_SIGHTLINE : RR_INTERVAL);
    }
    sl_reports_send(session, &w);
}

void sl_reports_start(struct sl_session *session, sl_ns now)
{
    if (session->config.agreed.local_sends)
        session->report_due = SL_NEVER; /* until the first packet */
    else
        send_report(session, now); /* the round trip is known before the first loss */
}

void sl_reports_bye(struct sl_session *session)
{
    uint8_t out[SL_SESSION_DATAGRAM];
    struct sl_writer w = sl_writer(out, SL_SESSION_PLAIN_MAX);
    uint32_t ssrcs[SL_MEDIA_KINDS];
    size_t count = 0;
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++)
        if (session->send[kind])
            ssrcs[count++] = session->send[kind]->ssrc;
    if (count == 0)
        ssrcs[count++] = session->local_ssrc;
    sl_rtcp_write_rr(&w, ssrcs[0], NULL, 0);
    sl_rtcp_write_bye(&w, ssrcs, count);
    sl_reports_send(session, &w);
}

/* On its own (RFC 5506), as it is for our own programs only. */
int sl_session_send_event(struct sl_session *session, const struct sl_motion_event *event)
{
    uint8_t out[SL_SESSION_DATAGRAM];
    struct sl_writer w = sl_writer(out, SL_SESSION_PLAIN_MAX);
    if (session->state != SL_SESSION_CONNECTED)
        return -ENOTCONN;
    if (!session->config.agreed.sightline || !session->send[SL_VIDEO])
        return -ENOTSUP;
    sl_motion_event_write(event, session->send[SL_VIDEO]->ssrc, &w);
    sl_reports_send(session, &w);
    return 0;
}

/* When a peer's RRTR is to be answered. */
static sl_ns answer_due(const struct sl_session *session)
{
    return session->rrtr.at == 0 ? SL_NEVER : session->rrtr.answered + RRTR_ANSWER_GAP;
}

static sl_ns report_due(const struct sl_session *session)
{
    return sl_min_ns(answer_due(session), session->report_due);
}

sl_ns sl_reports_due(const struct sl_session *session)
{
    return sl_min_ns(sl_device_due(session), sl_min_ns(session->feedback_due, report_due(session)));
}

void sl_reports_tick(struct sl_session *session, sl_ns now)
{
    if (session->feedback_due <= now)
        send_feedback(session, now);
    if (report_due(session) <= now)
        send_report(session, now);
    sl_device_tick(session, now);
}

/* ------------------------------------------------------------- receiving */

/* One compound being read. */
struct reading {
    struct sl_session *session;
    sl_ns now;
    bool has_sr;
    uint64_t sr_ntp;
    sl_ns rtt; /* of a DLRR in the same compound; 0: none */
    unsigned nacked;
    bool bye;
};

static struct sl_media_receive *receiver_of(struct sl_session *session, uint32_t ssrc)
{
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++)
        if (session->receive[kind] && session->receive[kind]->ssrc == ssrc)
            return session->receive[kind];
    return NULL;
}

/* From the middle 32 bits of an NTP time that came back, and how long the peer held it. -1: none.
 */
static sl_ns round_trip(const struct reading *reading, uint32_t sent, uint32_t held)
{
    const uint64_t ntp = sl_ntp_from_ns(reading->session->arrival, reading->session->config.epoch);
    const int32_t ticks = (int32_t)((uint32_t)(ntp >> 16) - sent - held);
    const sl_ns rtt = ticks < 0 ? 0 : (sl_ns)(((int64_t)ticks * SL_SEC) >> 16);
    return sent == 0 || rtt > RTT_MAX ? -1 : rtt;
}

static void read_sr(struct reading *reading, const struct sl_rtcp_item *item)
{
    struct sl_media_receive *receive = receiver_of(reading->session, item->sender_ssrc);
    if (!receive)
        return;
    sl_media_receive_sr(receive, item->ntp, reading->session->arrival);
    reading->has_sr = true;
    reading->sr_ntp = item->ntp;
}

static void read_block(struct reading *reading, const struct sl_rtcp_report_block *block)
{
    struct sl_session *session = reading->session;
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++) {
        if (!session->send[kind] || session->send[kind]->ssrc != block->ssrc)
            continue;
        session->counts[kind].remote_fraction_lost = block->fraction_lost;
        session->counts[kind].remote_jitter = block->jitter;
        if (kind == SL_VIDEO)
            sl_sending_lost(session, block->cumulative_lost);
        const sl_ns rtt = round_trip(reading, block->lsr, block->dlsr);
        if (rtt >= 0)
            sl_peer_clock_rtt(&session->clock, rtt);
    }
}

static void read_dlrr(struct reading *reading, const struct sl_rtcp_item *item)
{
    if (item->media_ssrc != reading->session->local_ssrc)
        return;
    const sl_ns rtt = round_trip(reading, item->lrr, item->dlrr);
    if (rtt < 0)
        return;
    sl_peer_clock_rtt(&reading->session->clock, rtt);
    reading->rtt = rtt > 0 ? rtt : 1;
}

static void read_rrtr(struct reading *reading, const struct sl_rtcp_item *item)
{
    struct sl_session *session = reading->session;
    if (!session->config.agreed.local_sends)
        return;
    session->rrtr.ssrc = item->sender_ssrc;
    session->rrtr.ntp = (uint32_t)(item->ntp >> 16);
    session->rrtr.at = session->arrival;
}

static void read_nack(struct reading *reading, const struct sl_rtcp_item *item)
{
    reading->nacked += 1 + (unsigned)__builtin_popcount(item->nack_blp);
    if (reading->nacked <= NACKED_MAX)
        sl_sending_nack(reading->session, reading->now, item->media_ssrc, item->nack_pid,
                        item->nack_blp);
}

static bool is_picture(const struct sl_session *session, enum sl_media_kind kind, uint32_t ssrc)
{
    return kind != SL_AUDIO && session->send[kind] && session->send[kind]->ssrc == ssrc;
}

static void read_keyframe_request(struct reading *reading, const struct sl_rtcp_item *item)
{
    struct sl_session *session = reading->session;
    enum sl_media_kind kind = SL_VIDEO;
    while (kind < SL_MEDIA_KINDS && !is_picture(session, kind, item->media_ssrc))
        kind++;
    if (kind == SL_MEDIA_KINDS)
        return;
    if (item->type == SL_RTCP_FIR) { /* repeated until it is seen to work (RFC 5104 4.3.1.2) */
        if (session->keyframe[kind].fir_seq == item->fir_seq)
            return;
        session->keyframe[kind].fir_seq = item->fir_seq;
    }
    session->counts[kind].keyframe_requests++;
    if (session->config.handler->keyframe_wanted)
        session->config.handler->keyframe_wanted(session->config.ctx, kind, reading->now);
}

static void read_bye(struct reading *reading, const struct sl_rtcp_item *item)
{
    /* A source that leaves takes the session along; a resend stream does not. */
    if (reading->session->config.agreed.local_sends ||
        receiver_of(reading->session, item->media_ssrc))
        reading->bye = true;
}

static bool one_event_more(struct sl_session *session, sl_ns now)
{
    if (session->events.count == 0 || now - session->events.since >= SL_SEC) {
        session->events.since = now;
        session->events.count = 0;
    }
    return session->events.count < EVENTS_A_SECOND && ++session->events.count;
}

static void read_event(struct reading *reading, const struct sl_rtcp_item *item)
{
    struct sl_session *session = reading->session;
    struct sl_motion_event event;
    if (!session->config.agreed.sightline || !session->receive[SL_VIDEO] ||
        sl_motion_event_read(item->data, item->data_len, &event))
        return;
    if (!one_event_more(session, reading->now)) {
        session->stats.events_refused++;
        return;
    }
    session->stats.events++;
    event.start_ntp -= (uint64_t)session->clock_span;
    event.last_ntp -= (uint64_t)session->clock_span;
    if (session->config.handler->event)
        session->config.handler->event(session->config.ctx, &event, reading->now);
}

static void read_app(struct reading *reading, const struct sl_rtcp_item *item)
{
    if (item->app_name == SL_MOTION_EVENT_NAME)
        read_event(reading, item);
    if (item->app_name == SL_DEVICE_STATE_NAME)
        sl_device_read(reading->session, item->data, item->data_len, reading->now);
    struct sl_repair_report report;
    if (item->app_name == SL_REPAIR_REPORT_NAME &&
        sl_repair_report_read(item->data, item->data_len, &report) == 0)
        sl_sending_repair_report(reading->session, &report, reading->now);
}

static void read_item(void *ctx, const struct sl_rtcp_item *item)
{
    struct reading *reading = ctx;
    switch (item->type) {
    case SL_RTCP_SR:
        read_sr(reading, item);
        break;
    case SL_RTCP_REPORT_BLOCK:
        read_block(reading, &item->block);
        break;
    case SL_RTCP_NACK:
        read_nack(reading, item);
        break;
    case SL_RTCP_PLI:
    case SL_RTCP_FIR:
        read_keyframe_request(reading, item);
        break;
    case SL_RTCP_XR_RRTR:
        read_rrtr(reading, item);
        break;
    case SL_RTCP_XR_DLRR:
        read_dlrr(reading, item);
        break;
    case SL_RTCP_BYE:
        read_bye(reading, item);
        break;
    case SL_RTCP_RR:
    case SL_RTCP_SDES_CNAME:
    case SL_RTCP_REMB:
        break;
    case SL_RTCP_CCFB:
        sl_sending_feedback(reading->session, item->data, item->data_len, reading->now);
        break;
    case SL_RTCP_APP:
        read_app(reading, item);
        break;
    }
}

static void learn_clock(struct sl_session *session, const struct reading *reading)
{
    const sl_ns rtt = reading->rtt ? reading->rtt : session->clock.rtt;
    if (!reading->has_sr || rtt == 0)
        return;
    sl_peer_clock_sr(&session->clock, session->arrival,
                     sl_ntp_to_ns(reading->sr_ntp, session->config.epoch), rtt);
    sl_ns offset;
    if (sl_peer_clock_offset(&session->clock, &offset))
        session->clock_span = sl_ntp_span_from_ns(offset);
}

void sl_reports_rtcp(struct sl_session *session, sl_ns now, uint8_t *data, size_t len)
{
    const int n = sl_srtp_unprotect_rtcp(session->srtp, data, len);
    if (n < 0) {
        sl_session_count_refused(session, n);
        return;
    }
    session->heard = now;
    struct reading reading = {.session = session, .now = now};
    if (sl_rtcp_read(data, (size_t)n, read_item, &reading) < 0)
        session->stats.malformed++; /* what was read before the fault stands */
    else
        session->stats.rtcp_accepted++;
    learn_clock(session, &reading);
    sl_sending_answer(session, now);
    sl_sending_heard(session, now);
    if (reading.bye)
        sl_session_enter(session, SL_SESSION_CLOSED, "the peer said goodbye");
    else if (answer_due(session) <= now)
        send_report(session, now);
}
