/* SPDX-License-Identifier: MIT */
/*
 * Source: a thread that plays a stamped scene as y4m down a pipe, like a camera: at its own pace,
 * whoever reads. A frame that the reader is late for is not made up for.
 */
#pragma once

#include <stdbool.h>

#include "base/types.h"

struct sl_scene;
struct sl_tally;
struct sl_source;

struct sl_source_config {
    const struct sl_scene *scene; /* its colour made ready: sl_stamp_write_colour() */
    struct sl_tally *tally;
    int fd; /* is written to, and stays the caller's */
    int width, height, fps;
    int camera; /* in the stamp */
    sl_ns from; /* when the first frame is handed over */
};

/* What the config points to outlives the source. 0 or -errno. */
SL_MUST_CHECK int sl_source_start(struct sl_source **ret, const struct sl_source_config *config);
/* Ends the thread. NULL is fine. */
void sl_source_stop(struct sl_source *source);

/* False once the reader has gone. */
bool sl_source_alive(const struct sl_source *source);
