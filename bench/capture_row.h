/* SPDX-License-Identifier: MIT */
/*
 * Capture row: what a picture of one path costs: to capture it, to look for motion in it, to burn
 * words into it, in this order, as the sender does; as processor time of the calling thread.
 */
#pragma once

#include "base/types.h"
#include "bench/capture_path.h"
#include "bench/series.h"
#include "sender/overlay.h"

struct sl_motion;

struct sl_capture_row {
    char name[80];
    struct sl_capture_path *path; /* ours; NULL: it could not be opened, or has failed */
    char why[200];
    struct sl_motion *motion;
    struct sl_overlay overlay;
    uint8_t *pixels;
    int width, height, fps, warm_up;
    sl_ns epoch, begun;
    int64_t number; /* of the picture: by it, not by the clock, motion leaves some out */
    /* In us, of each picture after the warm-up; only `capture` where the path is encoded. */
    struct sl_series capture, motion_cost, burn, burned; /* burned: capture + burn */
};

/* Takes the path; `row` is zero but for its name. 0 or -ENOMEM with nothing kept but the path. */
SL_MUST_CHECK int sl_capture_row_init(struct sl_capture_row *row, struct sl_capture_path *path,
                                      const struct sl_capture_path_config *config);
/* Also of one that was never opened. */
void sl_capture_row_fini(struct sl_capture_row *row);

/* The next picture. When the path fails it is closed, and `why` says so. */
void sl_capture_row_measure(struct sl_capture_row *row);
