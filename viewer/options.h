/* SPDX-License-Identifier: MIT */
/* Options of sightline-viewer: one table for flags, config file, --help and the man page. */
#pragma once

#include <stdbool.h>

#include "base/option.h"
#include "base/types.h"
#include "viewer/feed.h"
#include "viewer/hud.h"

#define SL_LATENCY_AUTO (-1)

struct sl_viewer_options {
    const char *from; /* LINK or @FILE */
    const char *via;
    const char *cameras; /* "a,b,c"; NULL: all */
    int rows, columns;   /* 0: auto */
    struct sl_frame_size size;
    bool fullscreen;
    enum sl_layer layer;
    sl_ns latency; /* SL_LATENCY_AUTO */
    enum sl_hud_level hud;
    bool mute;
    const char *snapshot_dir;
    const char *trace; /* file, or NULL */
    sl_ns stats;       /* 0: off */
    sl_ns exit_after;  /* 0: never */
    const char *screenshot;
};

extern const struct sl_option_table sl_viewer_option_table;

/* What the table cannot say: --from is needed, --cameras are names. 0, or -EINVAL with one sentence
 * in `why`. */
SL_MUST_CHECK int sl_viewer_options_check(const struct sl_viewer_options *options, char *why,
                                          size_t why_len);
