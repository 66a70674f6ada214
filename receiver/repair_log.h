/* SPDX-License-Identifier: MIT */
/*
 * Repair log: what is told of a session's losses and their repair, and how loudly.
 *
 *     counters ──each 10 s──▶ lost anything since? ──▶ a line ──▶ warning: something was given up
 *        └──at the end─────▶ of the whole session ──▶ a line      info: 1 % and more was lost
 *                                                                  debug: less
 *
 * So a session has at most one line in 10 s and one at its end. Figures are of the video. Pure.
 */
#pragma once

#include <stdbool.h>

#include "base/log.h"
#include "base/types.h"
#include "session/repairs.h"

#define SL_REPAIR_LOG_EVERY (10 * SL_SEC)
#define SL_REPAIR_LOG_NOTABLE 1.0 /* percent */
#define SL_REPAIR_LOG_TEXT 400

/* Of one session; zero-initialised but for `began` and `looked`, which are when it connected. */
struct sl_repair_log {
    sl_ns began, looked;
    struct sl_repairs then; /* as of `looked` */
};

struct sl_repair_line {
    enum sl_log_level level;
    char text[SL_REPAIR_LOG_TEXT];
};

/* A publisher's session, each SL_REPAIR_LOG_EVERY: `repairs CAMERA lost=N by_fec=N by_resend=N
 * late=N given_up=N rtt_ms=X loss_pct=X kbps=N overhead_pct=X over_s=N` of the time since the last
 * call. False: nothing was lost. */
bool sl_repair_log_look(struct sl_repair_log *log, const char *camera,
                        const struct sl_session_stats *stats, sl_ns now,
                        struct sl_repair_line *ret);

/* The same of all of it, with `ended` behind; also if nothing was lost. */
void sl_repair_log_end(const struct sl_repair_log *log, const char *camera,
                       const struct sl_session_stats *stats, sl_ns now, struct sl_repair_line *ret);

/* A viewer's session at its end: `repairs CAMERA to VIEWER sent=N fec_rows=N resent=N lost=N
 * frames_by_fec=N ... ended`. What was lost is what the viewer said last: one that is not of ours
 * says the share of loss in its last report only. Always debug. */
void sl_repair_log_viewer_end(const struct sl_repair_log *log, const char *camera,
                              const char *viewer, const struct sl_session_stats *stats, sl_ns now,
                              struct sl_repair_line *ret);
