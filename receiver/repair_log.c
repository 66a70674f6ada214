/* SPDX-License-Identifier: MIT */
#include "receiver/repair_log.h"

#include <stdio.h>

static double ms(sl_ns span)
{
    return (double)span / (double)SL_MS;
}

static int seconds(sl_ns span)
{
    return (int)((span + SL_SEC / 2) / SL_SEC);
}

static enum sl_log_level level_of(const struct sl_repairs *repairs)
{
    if (repairs->given_up > 0)
        return SL_LOG_WARN;
    return sl_repairs_loss_percent(repairs) >= SL_REPAIR_LOG_NOTABLE ? SL_LOG_INFO : SL_LOG_DEBUG;
}

/* Of pictures alone, as the viewer tells it. */
static double kbps(const struct sl_repairs *repairs, sl_ns span)
{
    return span > 0 ? 8e6 * (double)repairs->bytes / (double)span : 0;
}

static struct sl_repair_line line_of(const char *camera, const struct sl_repairs *repairs,
                                     sl_ns rtt, sl_ns span, const char *end)
{
    struct sl_repair_line line = {.level = level_of(repairs)};
    snprintf(line.text, sizeof(line.text),
             "repairs %s lost=%llu by_fec=%llu by_resend=%llu late=%llu given_up=%llu rtt_ms=%.1f "
             "loss_pct=%.2f kbps=%.0f overhead_pct=%.1f over_s=%d%s",
             camera, (unsigned long long)sl_repairs_lost(repairs),
             (unsigned long long)repairs->by_fec, (unsigned long long)repairs->by_resend,
             (unsigned long long)repairs->late, (unsigned long long)repairs->given_up, ms(rtt),
             sl_repairs_loss_percent(repairs), kbps(repairs, span),
             sl_repairs_overhead_percent(repairs), seconds(span), end);
    return line;
}

bool sl_repair_log_look(struct sl_repair_log *log, const char *camera,
                        const struct sl_session_stats *stats, sl_ns now, struct sl_repair_line *ret)
{
    const struct sl_repairs all = sl_repairs_of(&stats->media[SL_VIDEO]);
    const struct sl_repairs since = sl_repairs_since(&all, &log->then);
    const sl_ns span = now - log->looked;
    log->then = all;
    log->looked = now;
    if (sl_repairs_lost(&since) == 0)
        return false;
    *ret = line_of(camera, &since, stats->rtt, span, "");
    return true;
}

void sl_repair_log_end(const struct sl_repair_log *log, const char *camera,
                       const struct sl_session_stats *stats, sl_ns now, struct sl_repair_line *ret)
{
    const struct sl_repairs all = sl_repairs_of(&stats->media[SL_VIDEO]);
    *ret = line_of(camera, &all, stats->rtt, now - log->began, " ended");
}

void sl_repair_log_viewer_end(const struct sl_repair_log *log, const char *camera,
                              const char *viewer, const struct sl_session_stats *stats, sl_ns now,
                              struct sl_repair_line *ret)
{
    const struct sl_session_media_stats *video = &stats->media[SL_VIDEO];
    const struct sl_repair_report *remote = &stats->remote;
    ret->level = SL_LOG_DEBUG;
    snprintf(ret->text, sizeof(ret->text),
             "repairs %s to %s sent=%llu fec_rows=%llu resent=%llu lost=%u frames_by_fec=%u "
             "frames_by_resend=%u frames_late=%u frames_lost=%u rtt_ms=%.1f last_loss_pct=%.1f "
             "overhead_pct=%.1f over_s=%d ended",
             camera, viewer, (unsigned long long)video->packets,
             (unsigned long long)video->fec_rows, (unsigned long long)video->resent,
             remote->packets_lost, remote->by_fec, remote->by_resend, remote->late, remote->lost,
             ms(stats->rtt), video->remote_fraction_lost * 100.0 / 256, 100 * stats->rate.overhead,
             seconds(now - log->began));
}
