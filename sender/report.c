/* SPDX-License-Identifier: MIT */
#include "sender/report.h"

#include <string.h>

#include "base/log.h"

static void say(struct sl_report *report, const char *line, const char *camera)
{
    fprintf(report->out, "%s%s%s\n", line, camera ? " " : "", camera ? camera : "");
    fflush(report->out); /* whoever waits for the line reads a pipe */
}

/* A reason is said once, however often it comes back. */
static void explain(struct sl_report *report, const char *what, const char *reason)
{
    if (!reason || !*reason || strcmp(report->reason, reason) == 0)
        return;
    snprintf(report->reason, sizeof(report->reason), "%s", reason);
    sl_warn("%s: %s; trying again", what, reason);
}

void sl_report_state(struct sl_report *report, enum sl_endpoint_state state, const char *reason)
{
    const bool changed = state != report->state;
    report->state = state;
    switch (state) {
    case SL_ENDPOINT_CONNECTING:
        explain(report, "cannot connect", reason);
        break;
    case SL_ENDPOINT_LIVE:
        report->reason[0] = 0;
        if (changed)
            say(report, "live", report->camera);
        break;
    case SL_ENDPOINT_RECONNECTING:
        if (changed)
            say(report, "reconnecting", NULL);
        explain(report, "not connected", reason);
        break;
    case SL_ENDPOINT_REFUSED:
        sl_error("%s", reason && *reason ? reason : "refused");
        break;
    case SL_ENDPOINT_STOPPED:
        break;
    }
}

static double ms(sl_ns span)
{
    return (double)span / (double)SL_MS;
}

/* A new connection counts from 0. */
static double grown(uint64_t now, uint64_t last)
{
    return (double)(now >= last ? now - last : now);
}

/* What the link is thought to take, and what repair took of it since the last line. */
static void print_rate(FILE *out, const struct sl_session_stats *session,
                       const struct sl_session_stats *last)
{
    const struct sl_session_media_stats *video = &session->media[SL_VIDEO];
    const struct sl_session_media_stats *then = &last->media[SL_VIDEO];
    const double packets = grown(video->packets, then->packets);
    const double bytes = grown(video->sent_bytes, then->sent_bytes);
    const double repair =
        grown(video->fec_bytes, then->fec_bytes) + grown(video->resent_bytes, then->resent_bytes);
    const double rows = grown(video->fec_rows, then->fec_rows);
    fprintf(out, " target_kbps=%.0f est_kbps=%.0f fec_pct=%.1f overhead_pct=%.1f pacing_ms=%.1f",
            1e-3 * (double)session->rate.target_bps, 1e-3 * (double)session->rate.estimate_bps,
            packets > 0 ? 100 * rows / packets : 0, bytes > 0 ? 100 * repair / bytes : 0,
            ms(session->rate.pacing_delay));
}

/* What it cost to repair, and what became of it at the receiver, by its last report. */
static void print_repairs(FILE *out, const struct sl_session_stats *session)
{
    const struct sl_session_media_stats *video = &session->media[SL_VIDEO];
    const struct sl_repair_report *remote = &session->remote;
    fprintf(out,
            " media_bytes=%llu fec_bytes=%llu resent_bytes=%llu lost=%u frames_by_fec=%u "
            "frames_by_resend=%u frames_late=%u frames_lost=%u",
            (unsigned long long)video->sent_bytes, (unsigned long long)video->fec_bytes,
            (unsigned long long)video->resent_bytes, remote->packets_lost, remote->by_fec,
            remote->by_resend, remote->late, remote->lost);
}

void sl_report_figures(struct sl_report *report, const struct sl_uplink_stats *uplink,
                       const struct sl_pipeline_stats *pipeline, sl_ns now)
{
    const struct sl_uplink_stats *last = &report->uplink;
    const double seconds = (double)(now - report->stats_at) / (double)SL_SEC;
    const struct sl_session_stats *session = &uplink->endpoint.session;
    const struct sl_session_media_stats *video = &session->media[SL_VIDEO];
    const double count = uplink->timed ? (double)uplink->timed : 1;
    if (seconds <= 0)
        return;
    fprintf(report->out,
            "stats fps=%.1f kbps=%.0f encode_ms=%.1f/%.1f age_ms=%.1f/%.1f keys=%llu "
            "key_requests=%llu nacked=%llu resent=%llu loss=%.1f%% rtt_ms=%.1f replaced=%llu "
            "dropped=%llu audio=%llu losses=%llu bytes=%llu",
            (double)(uplink->sent - last->sent) / seconds,
            8e-3 * (double)(uplink->bytes - last->bytes) / seconds, ms(uplink->encode_sum) / count,
            ms(uplink->encode_max), ms(uplink->age_sum) / count, ms(uplink->age_max),
            (unsigned long long)uplink->keys, (unsigned long long)uplink->key_requests,
            (unsigned long long)video->nacks, (unsigned long long)video->resent,
            video->remote_fraction_lost * 100.0 / 256, ms(session->rtt),
            (unsigned long long)pipeline->replaced,
            (unsigned long long)(pipeline->stalled + pipeline->failed + pipeline->keyless +
                                 uplink->dropped),
            (unsigned long long)uplink->audio_packets, (unsigned long long)uplink->endpoint.losses,
            (unsigned long long)uplink->bytes);
    print_rate(report->out, session, &last->endpoint.session);
    fprintf(report->out, " skipped=%llu", (unsigned long long)pipeline->skipped_rate);
    print_repairs(report->out, session);
    if (uplink->sub_sent)
        fprintf(report->out, " sub_fps=%.1f sub_kbps=%.0f",
                (double)(uplink->sub_sent - last->sub_sent) / seconds,
                8e-3 * (double)(uplink->sub_bytes - last->sub_bytes) / seconds);
    fprintf(report->out, "\n");
    fflush(report->out);
    report->uplink = *uplink;
    report->stats_at = now;
}
