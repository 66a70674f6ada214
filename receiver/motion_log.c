/* SPDX-License-Identifier: MIT */
#include "receiver/motion_log.h"

#include <stdio.h>

static char *next_line(struct sl_motion_lines *lines)
{
    return lines->text[lines->count++];
}

/* Its times are the sender's word. */
static double seconds_of(const struct sl_motion_event *event)
{
    const int64_t span = (int64_t)(event->last_ntp - event->start_ntp);
    return span > 0 ? (double)span / 4294967296.0 : 0;
}

static void say_start(const struct sl_motion_log *log, const char *camera,
                      struct sl_motion_lines *lines)
{
    snprintf(next_line(lines), SL_MOTION_LOG_TEXT, "motion %s started score=%.2f", camera,
             sl_motion_percent(log->event.score));
}

static void end(struct sl_motion_log *log, const char *camera, const char *why,
                struct sl_motion_lines *lines)
{
    log->moving = false;
    snprintf(next_line(lines), SL_MOTION_LOG_TEXT, "motion %s ended lasted_s=%.1f score=%.2f%s",
             camera, seconds_of(&log->event), sl_motion_percent(log->event.score), why);
}

/* Of an event before the one that is known. */
static bool is_old(const struct sl_motion_log *log, const struct sl_motion_event *event)
{
    return log->any && (int32_t)(event->id - log->event.id) < 0;
}

void sl_motion_log_hear(struct sl_motion_log *log, const char *camera,
                        const struct sl_motion_event *event, sl_ns now, struct sl_motion_lines *ret)
{
    ret->count = 0;
    if (is_old(log, event))
        return;
    if (log->moving && event->id != log->event.id)
        end(log, camera, "", ret);
    const bool is_new = !log->any || event->id != log->event.id;
    log->any = true;
    log->heard = now;
    log->event = *event;
    if (event->state == SL_MOTION_ENDED) {
        if (log->moving)
            end(log, camera, "", ret);
    } else if (is_new) {
        log->moving = true;
        say_start(log, camera, ret);
    }
}

sl_ns sl_motion_log_due(const struct sl_motion_log *log)
{
    return log->moving ? log->heard + SL_MOTION_LOG_SILENCE : SL_NEVER;
}

void sl_motion_log_tick(struct sl_motion_log *log, const char *camera, sl_ns now,
                        struct sl_motion_lines *ret)
{
    ret->count = 0;
    if (now >= sl_motion_log_due(log))
        end(log, camera, " not heard of any more", ret);
}

void sl_motion_log_stop(struct sl_motion_log *log, const char *camera, struct sl_motion_lines *ret)
{
    ret->count = 0;
    if (log->moving)
        end(log, camera, " with its sender", ret);
    *log = (struct sl_motion_log){0};
}
