/* SPDX-License-Identifier: MIT */
/*
 * Wall, one step: so many cameras played by a load, shown by a real viewer, watched for a while.
 *
 *     load ══WHIP══▶ receiver ══WHEP══▶ sightline-viewer ──▶ display
 *
 * The window of the figures is a whole number of the viewer's own periods (--stats), so that
 * frames and processor time are of the same seconds.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/option.h"
#include "base/types.h"
#include "bench/wall_stats.h"

struct sl_clip;
struct sl_site;

struct sl_wall_step_config {
    const struct sl_site *site; /* with at least so many cameras */
    const struct sl_clip *clip;
    const char *display;
    int width, height; /* of the window */
    int tiles;
    int seconds;
    const struct sl_option_list *viewer_words;
    const atomic_bool *stop;
};

/* Processor time in cores: 1.0 is one core all the time. */
struct sl_wall_step {
    struct sl_wall_figures figures;
    double seconds;
    double decode, main_thread, net, other; /* of the viewer's threads */
    double viewer;                          /* all of them */
    double receiver, load, server;          /* NAN: not known */
    double busy;                            /* of the machine, 0 to 1 */
    int64_t rss;                            /* of the viewer */
};

/* 0; -EINTR; -errno with `why`. */
SL_MUST_CHECK int sl_wall_step_run(struct sl_wall_step *ret,
                                   const struct sl_wall_step_config *config, char *why,
                                   size_t why_len);
