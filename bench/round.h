/* SPDX-License-Identifier: MIT */
/*
 * Round: one path from sources to the screen, set up, watched for a while, taken down, and what was
 * seen. Every bench that reads the screen is made of rounds.
 */
#pragma once

#include <stddef.h>

#include "base/types.h"
#include "bench/rig.h"
#include "bench/stage.h"
#include "bench/tally.h"
#include "bench/usage.h"

#define SL_ROUND_CAMERAS_MAX 16

struct sl_round_config {
    const struct sl_rig_path *path;
    struct sl_rig_config rig; /* size, bitrate, preset, cameras, impairment, peers' options;
                                 `display` is the stage's */
    int fps;
    sl_ns warm_up;    /* after the first picture */
    sl_ns seconds;    /* measured */
    sl_ns link_until; /* if set: measured until so long after rig.impair began, at most for
                         `seconds` */
    bool trace;       /* Sightline's programs note stages */
};

/* Where the time of a frame went. SEEN is the watcher's own: the display had the picture, the
 * watcher had not looked yet. */
enum sl_stage_name {
    SL_STAGE_CAPTURE,   /* handed over -> the whole picture at the sender (a pipe)  */
    SL_STAGE_ENCODE,    /* -> its access unit                                       */
    SL_STAGE_PACKETISE, /* -> packets made, encrypted, with the kernel              */
    SL_STAGE_NETWORK,   /* -> read by the receiver; and receiver -> viewer          */
    SL_STAGE_RELAY,     /* receiver: read -> with the kernel for the viewer         */
    SL_STAGE_BUFFER,    /* viewer: read -> a decoder takes it                       */
    SL_STAGE_DECODE,    /* -> decoded and scaled                                    */
    SL_STAGE_PRESENT,   /* -> painted, and the display has it                       */
    SL_STAGE_SEEN,
    SL_STAGES,
};

extern const char *const sl_stage_names[SL_STAGES];

struct sl_round_camera {
    struct sl_tally_result tally; /* has the ages, and each frame's time line */
};

struct sl_round_result {
    int cameras;
    struct sl_round_camera camera[SL_ROUND_CAMERAS_MAX];

    /* Of frames whose every moment is known, all cameras; `traced` of them, in order of time. */
    size_t traced, untraced;
    sl_ns *handed;           /* [traced], since the window began  */
    sl_ns *total;            /* [traced], handed over -> seen     */
    sl_ns *stage[SL_STAGES]; /* [traced]; their sum is the total  */

    struct sl_usage usage[SL_RIG_CHILDREN]; /* of each program over the window */
    int usages;
    sl_ns window;
    double busy; /* of all cores over the window, 0 to 1: the machine, not only these programs */

    sl_ns link_began; /* rig.impair, since the window began: less than 0 */

    /* What the path tells of itself, with rig.count: in a span that begins some 0.5 s before the
     * window and ends some 0.5 s after it; moments are since the window began. */
    struct sl_counters counted;
    struct sl_series told[SL_RIG_TOLD];
    struct sl_told_repairs repairs; /* of all of the session */
};

/* 0; -EINTR (told to stop) or -errno with `why`: what failed, and the end of what the programs
 * said goes to stderr. */
SL_MUST_CHECK int sl_round_run(struct sl_round_result *ret, struct sl_stage *stage,
                               const struct sl_round_config *config, char *why, size_t why_len);
void sl_round_free(struct sl_round_result *result);
