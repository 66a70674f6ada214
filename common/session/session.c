/* SPDX-License-Identifier: MIT */
#include "session/session.h"

#include <errno.h>
#include <stdlib.h>

#include "session/internal.h"
#include "stun/stun.h"

#define SETUP_TIMEOUT (10 * SL_SEC)
#define CONSENT_TIMEOUT (30 * SL_SEC)
#define REPAIR_PATIENCE (500 * SL_MS)

static sl_ns or_default(sl_ns value, sl_ns otherwise)
{
    return value > 0 ? value : otherwise;
}

int sl_session_create(struct sl_session **ret, const struct sl_session_config *config, sl_ns now)
{
    if (!config->identity || !config->handler || !config->handler->send || !config->random)
        return -EINVAL;
    struct sl_session *session = calloc(1, sizeof(*session));
    if (!session)
        return -ENOMEM;
    session->config = *config;
    session->config.setup_timeout = or_default(config->setup_timeout, SETUP_TIMEOUT);
    session->config.consent_timeout = or_default(config->consent_timeout, CONSENT_TIMEOUT);
    session->config.repair_patience = or_default(config->repair_patience, REPAIR_PATIENCE);
    session->lite = config->agreed.local.ice_lite;
    session->created = session->heard = now;
    session->report_due = session->feedback_due = session->device.due = SL_NEVER;
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++) {
        session->keyframe[kind].asked = SL_NEVER;
        session->keyframe[kind].fir_seq = -1;
    }
    do
        session->local_ssrc = sl_random_u32(config->random);
    while (session->local_ssrc == 0);
    int r = sl_connect_init(session);
    if (r == 0)
        r = sl_media_init(session);
    if (r < 0) {
        sl_session_destroy(session);
        return r;
    }
    *ret = session;
    return 0;
}

void sl_session_destroy(struct sl_session *session)
{
    if (!session)
        return;
    sl_dtls_destroy(session->dtls);
    sl_srtp_destroy(session->srtp);
    sl_media_fini(session);
    free(session);
}

static bool is_over(const struct sl_session *session)
{
    return session->state == SL_SESSION_CLOSED || session->state == SL_SESSION_FAILED;
}

void sl_session_enter(struct sl_session *session, enum sl_session_state state, const char *reason)
{
    if (is_over(session) || session->state == state)
        return;
    session->state = state;
    if (session->config.handler->state)
        session->config.handler->state(session->config.ctx, state, reason);
}

void sl_session_output(struct sl_session *session, const struct sl_path *path, const uint8_t *data,
                       size_t len)
{
    session->stats.datagrams_out++;
    session->config.handler->send(session->config.ctx, path, data, len);
}

void sl_session_count_refused(struct sl_session *session, int error)
{
    if (error == -EALREADY)
        session->stats.srtp_replayed++;
    else if (error == -EACCES)
        session->stats.srtp_refused++;
    else
        session->stats.malformed++;
}

void sl_session_start(struct sl_session *session, sl_ns now)
{
    sl_connect_start(session, now);
}

/* RFC 7983: the first byte tells the protocols apart. */
void sl_session_receive(struct sl_session *session, sl_ns now, sl_ns arrival,
                        const struct sl_path *path, uint8_t *data, size_t len)
{
    session->stats.datagrams_in++;
    session->arrival = sl_min_ns(arrival, now);
    if (is_over(session)) {
        session->stats.late++;
    } else if (len == 0 || len > SL_SESSION_DATAGRAM) {
        session->stats.malformed++;
    } else if (data[0] <= 3) {
        sl_connect_stun(session, now, path, data, len);
    } else if (data[0] >= 20 && data[0] <= 63) {
        sl_connect_dtls(session, now, path, data, len);
    } else if (data[0] < 128 || data[0] > 191) {
        session->stats.malformed++;
    } else if (!session->srtp || !sl_connect_is_validated(session, path)) {
        session->stats.unknown_source++;
    } else if (sl_rtp_is_rtcp(data, len)) {
        sl_reports_rtcp(session, now, data, len);
    } else {
        sl_media_rtp(session, now, data, len);
    }
}

sl_ns sl_session_due(const struct sl_session *session)
{
    if (is_over(session))
        return SL_NEVER;
    sl_ns due = sl_connect_due(session);
    if (session->state == SL_SESSION_CONNECTED)
        due = sl_min_ns(sl_min_ns(due, sl_sending_due(session)),
                        sl_min_ns(sl_media_due(session), sl_reports_due(session)));
    return due;
}

void sl_session_tick(struct sl_session *session, sl_ns now)
{
    if (is_over(session))
        return;
    sl_connect_tick(session, now);
    if (session->state != SL_SESSION_CONNECTED)
        return;
    sl_sending_tick(session, now);
    sl_media_tick(session, now);
    sl_reports_tick(session, now);
}

void sl_session_close(struct sl_session *session, sl_ns now)
{
    (void)now;
    if (is_over(session))
        return;
    if (session->state == SL_SESSION_CONNECTED) {
        sl_reports_bye(session);
        sl_dtls_close(session->dtls);
    }
    sl_session_enter(session, SL_SESSION_CLOSED, "closed by us");
}

enum sl_session_state sl_session_state(const struct sl_session *session)
{
    return session->state;
}

sl_ns sl_session_heard(const struct sl_session *session)
{
    return session->heard;
}

static sl_ns ticks_to_ns(double ticks, uint32_t clock_hz)
{
    return (sl_ns)(ticks * (double)SL_SEC / clock_hz);
}

static void fill_receive(const struct sl_media_receive *receive, struct sl_session_media_stats *ret)
{
    struct sl_nack_stats nack;
    sl_nack_stats(receive->nack, &nack);
    ret->packets = receive->packets;
    ret->bytes = receive->bytes;
    ret->expected = nack.expected;
    ret->received = nack.received;
    ret->repaired_resend = nack.mended;
    ret->repaired_fec = nack.restored;
    ret->repaired = nack.mended + nack.restored;
    ret->late = nack.late;
    ret->fec_rows = receive->rows;
    ret->fec_bytes = receive->row_bytes;
    ret->missing = nack.missing;
    ret->given_up = nack.given_up;
    ret->duplicate = receive->duplicate;
    ret->jitter = ticks_to_ns(receive->reception.jitter, receive->media->clock_hz);
}

static void fill_controlled(const struct sl_pace *pace, struct sl_session_rate_stats *ret)
{
    struct sl_rate_stats rate;
    sl_rate_stats(pace->rate, &rate);
    ret->controlled = true;
    ret->target_bps = sl_rate_bitrate(pace->rate);
    ret->estimate_bps = rate.estimate.known ? rate.estimate.bps : 0;
    ret->outage = rate.estimate.outage;
    ret->skipped = rate.skipped_pacer + rate.skipped_flight + rate.skipped_outage;
    ret->paced = pace->paced;
    ret->pacing_delay = sl_pace_delay(pace);
}

static void fill_rate(const struct sl_session *session, struct sl_session_rate_stats *ret)
{
    struct sl_redundancy_stats redundancy;
    if (session->pace) {
        struct sl_rate_stats rate;
        fill_controlled(session->pace, ret);
        sl_rate_stats(session->pace->rate, &rate);
        redundancy = rate.redundancy;
        ret->fec_share = sl_rate_share(session->pace->rate);
    } else {
        sl_redundancy_stats(&session->redundancy, &redundancy);
        ret->fec_share = sl_redundancy_share(&session->redundancy);
    }
    ret->remote_loss = redundancy.loss;
    ret->remote_burst = redundancy.burst;
    const uint64_t media = session->counts[SL_VIDEO].sent_bytes;
    const uint64_t repair =
        session->counts[SL_VIDEO].resent_bytes + session->counts[SL_VIDEO].fec_bytes;
    ret->overhead = media ? (double)repair / (double)media : 0;
}

void sl_session_stats(const struct sl_session *session, struct sl_session_stats *ret)
{
    struct sl_session_stats stats = session->stats;
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++) {
        struct sl_session_media_stats *media = &stats.media[kind];
        media->packets = session->counts[kind].packets;
        media->bytes = session->counts[kind].bytes;
        media->sent_bytes = session->counts[kind].sent_bytes;
        media->resent = session->counts[kind].resent;
        media->resent_bytes = session->counts[kind].resent_bytes;
        media->fec_rows = session->counts[kind].fec_rows;
        media->fec_bytes = session->counts[kind].fec_bytes;
        media->nacks = session->counts[kind].nacks;
        media->keyframe_requests = session->counts[kind].keyframe_requests;
        media->remote_fraction_lost = session->counts[kind].remote_fraction_lost;
        if (session->receive[kind])
            fill_receive(session->receive[kind], media);
        else if (session->send[kind])
            media->jitter = ticks_to_ns(session->counts[kind].remote_jitter,
                                        session->send[kind]->media->clock_hz);
    }
    if (session->send[SL_VIDEO])
        fill_rate(session, &stats.rate);
    if (session->loss.has_report)
        stats.remote = session->loss.report;
    stats.rtt = session->clock.rtt;
    stats.clock_known = sl_peer_clock_offset(&session->clock, &stats.clock_offset);
    const struct sl_path *path = sl_connect_path(session);
    if (path)
        stats.path = *path;
    *ret = stats;
}
