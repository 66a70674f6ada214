/* SPDX-License-Identifier: MIT */
/*
 * Fps, one step: a rate is offered for a while, and this is what became of it.
 *
 *     sender  y4m ─▶ sightline-sender ══▶ receiver                        (nobody watches)
 *     path    y4m ─▶ sightline-sender ══▶ receiver ══▶ viewer ─▶ screen   (read off it)
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/option.h"
#include "base/types.h"

struct sl_bench;
struct sl_tally_result;
struct sl_usage;

struct sl_fps_step_config {
    struct sl_bench *bench; /* with a stage */
    struct sl_frame_size size;
    int fps;
    const char *preset;
    int64_t bitrate_bps;
    sl_ns warm_up; /* of the whole path, once there is a picture */
    int seconds;
};

struct sl_fps_step {
    int offered;          /* frames/s */
    double handed;        /* frames/s that the source got rid of: fewer, if the reader was late */
    double done;          /* frames/s sent, or shown */
    double worst;         /* the worst second's */
    double replaced;      /* share of the frames: a newer one came before it was sent or seen */
    double bits_per_s;    /* NAN: not known */
    char busiest[48];     /* "encode (sightline-sender)" */
    double busiest_share; /* of a core */
    double encoding; /* share of the time in which a picture is being encoded; NAN: not known */
    double busy;     /* of the machine, 0 to 1 */
    sl_ns age_p50;   /* SL_NEVER: not known */
};

/* 0; -EINTR; -errno with `why`. */
typedef int sl_fps_step_run(struct sl_fps_step *ret, const struct sl_fps_step_config *config,
                            char *why, size_t why_len);
sl_fps_step_run sl_fps_step_sender, sl_fps_step_path;

/* At least 98 % of what was offered, not over 1 % of it replaced, no second under 95 %. */
bool sl_fps_step_holds(const struct sl_fps_step *step);

/* Frames of this window that were seen, in its worst whole second. */
double sl_fps_worst_second(const struct sl_tally_result *tally, sl_ns window);

/* Takes the program's busiest thread for the step's if it is busier. */
void sl_fps_note_busiest(struct sl_fps_step *step, const struct sl_usage *usage);

/* A line of `sightline-sender --stats`. False: no such line. */
struct sl_fps_line {
    double fps, kbps, encode_ms;          /* the mean */
    unsigned long long replaced, dropped; /* since the start */
};
bool sl_fps_line_read(const char *text, struct sl_fps_line *ret);
