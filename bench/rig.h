/* SPDX-License-Identifier: MIT */
/*
 * Rig: the programs of one path from y4m on stdin to a window, set up and taken down.
 *
 *     sightline   sender ──▶ receiver ──▶ viewer
 *     gstreamer   gst-launch ──▶ SRTP, jitter buffer 0 ──▶ gst-launch
 *     floor       gst-launch alone: no codec, no network
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/option.h"
#include "base/types.h"
#include "bench/child.h"
#include "bench/counters.h"
#include "bench/series.h"
#include "bench/told.h"

struct sl_rig_config {
    const char *display;
    int width, height;
    int64_t bitrate_bps;
    const char *preset;
    int cameras;        /* 0 means 1; Sightline only */
    const char *impair; /* words of `impair` on the way from sender to receiver (uplink only unless
                           they say otherwise), blanks between; NULL: a clean link */
    bool trace;         /* Sightline's programs note stages: sl_rig_trace() */
    bool count;         /* programs tell what they do: sl_rig_counters() */
    /* Further words for Sightline's programs, to try things out. */
    const struct sl_option_list *sender_words, *receiver_words, *viewer_words;
};

#define SL_RIG_CAMERAS_MAX 16
#define SL_RIG_CHILDREN (SL_RIG_CAMERAS_MAX + 3)
#define SL_RIG_IMPAIR (SL_RIG_CHILDREN - 1) /* its place, if there is one */

/* What Sightline's programs say again and again, at the moments at which they were heard; one
 * camera only. */
enum sl_rig_told {
    SL_RIG_TARGET_KBPS, /* the encoder's, each 200 ms; 0 (not known) is left out */
    SL_RIG_KBPS,        /* H.264 sent, each 200 ms                               */
    SL_RIG_RTT_MS,      /* sender to receiver, each 200 ms                       */
    SL_RIG_DELAY_MS,    /* how long the viewer holds pictures back, each second  */
    SL_RIG_TOLD,
};

/* What a program has printed lately. */
struct sl_rig_heard {
    char text[1024]; /* a line that is not whole yet */
    size_t len;
};

struct sl_rig {
    struct sl_child children[SL_RIG_CHILDREN]; /* the first `cameras` read y4m; Sightline's then are
                                                  the receiver and the viewer */
    const char *names[SL_RIG_CHILDREN];
    int count;
    char folder[PATH_MAX]; /* temporary: data and logs; gone with the rig */
    int log_fd;
    struct sl_rig_heard heard[SL_RIG_CHILDREN];
    double media_bytes[SL_RIG_CHILDREN]; /* as each sender last told */
    struct sl_counters counted; /* the rest, as last told; what is told of a while is summed up */
    struct sl_series told[SL_RIG_TOLD];
    sl_ns link_ready;               /* when impair began, if there is one */
    struct sl_told_repairs repairs; /* of all of the session, known once the rig has stopped */
};

struct sl_rig_path {
    const char *name;
    /* 0 or -errno with one sentence in `why`. On failure too, sl_rig_stop() follows. */
    int (*start)(struct sl_rig *rig, const struct sl_rig_config *config, char *why, size_t why_len);
};

/* Others: rig_peers.h. */
extern const struct sl_rig_path sl_rig_sightline;

SL_MUST_CHECK int sl_rig_start(struct sl_rig *rig, const struct sl_rig_path *path,
                               const struct sl_rig_config *config, char *why, size_t why_len);
/* The name of a program that has ended by itself, or NULL. */
const char *sl_rig_dead(struct sl_rig *rig);
/* The end of what the programs wrote to stderr, to ours. */
void sl_rig_print_log(const struct sl_rig *rig);
/* The trace file of child `index`, in `rig->folder`; gone with the rig. */
void sl_rig_trace(const struct sl_rig *rig, int index, char path[PATH_MAX + 32]);

/* Takes in what the programs have printed; each few seconds, or their pipes fill. */
void sl_rig_listen(struct sl_rig *rig);
/* Those of a rig with `count`, since the programs' start. Waits for a sender's next line, up to 300
 * ms, so that what was sent and what impair has had are of the same moment. */
void sl_rig_counters(struct sl_rig *rig, struct sl_counters *ret);
/* Where a path's sender may leave a copy of its H.264, which is then counted. */
void sl_rig_media_file(const struct sl_rig *rig, char path[PATH_MAX + 32]);

void sl_rig_stop(struct sl_rig *rig);
