/* SPDX-License-Identifier: MIT */
/*
 * Recorded: what is in the files of a recording, by libavformat and their boxes alone, so that the
 * recorder's own way of reading them has no say.
 */
#pragma once

#include <stdint.h>

#include "base/types.h"

struct sl_recorded {
    int files;
    int closed; /* of these: boxes to their very end, the last of them the summary */
    int bad;    /* cannot be read to the end, or do not begin with a key frame */
    int64_t bytes, frames, fragments;
};

/* Of all .mp4 below a folder, added to `ret`. 0; -ENOENT: no folder; -ENOMEM. */
SL_MUST_CHECK int sl_recorded_read(struct sl_recorded *ret, const char *folder);
/* Their size alone, also while they are written; 0: no folder. */
int64_t sl_recorded_bytes(const char *folder);
