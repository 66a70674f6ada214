/* SPDX-License-Identifier: MIT */
/*
 * Motion log: what a camera's sender tells of motion, as a state and as lines of the log.
 *
 *     events, repeated, perhaps out of order ─▶ moving or not ─▶ `motion CAMERA started ...`
 *     none for 3 s while moving ───────────────┘                 `motion CAMERA ended ...`
 *
 * One for each camera, begun anew with each publisher. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"
#include "rtp/motion_event.h"

#define SL_MOTION_LOG_SILENCE (3 * SL_SEC) /* 15 datagrams in a row that were lost, or no sender   \
                                            */
#define SL_MOTION_LOG_TEXT 160

/* Zero-initialised. */
struct sl_motion_log {
    bool any, moving;
    sl_ns heard;                  /* an event, the last time */
    struct sl_motion_event event; /* the newest */
};

struct sl_motion_lines {
    int count;
    char text[2][SL_MOTION_LOG_TEXT];
};

/* What is new by this event: nothing, an end, a beginning, or both, of two events. */
void sl_motion_log_hear(struct sl_motion_log *log, const char *camera,
                        const struct sl_motion_event *event, sl_ns now,
                        struct sl_motion_lines *ret);
/* When an event that is not heard of is over; SL_NEVER: there is none. */
sl_ns sl_motion_log_due(const struct sl_motion_log *log);
void sl_motion_log_tick(struct sl_motion_log *log, const char *camera, sl_ns now,
                        struct sl_motion_lines *ret);
/* The publisher is gone, and its motion with it. */
void sl_motion_log_stop(struct sl_motion_log *log, const char *camera, struct sl_motion_lines *ret);
