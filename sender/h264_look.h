/* SPDX-License-Identifier: MIT */
/* What the first units of H.264 that others encoded tell of the stream. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sender/h264_pass.h"

struct sl_h264_look {
    bool reordered; /* a B slice was seen */
    int units;
    size_t key_bytes, other_bytes; /* the largest key frame; all others */
    int others;
};

void sl_h264_look_note(struct sl_h264_look *look, const struct sl_h264_passed *passed);
/* A guess: what was seen is a short time of one scene. */
int64_t sl_h264_look_bitrate_bps(const struct sl_h264_look *look, double fps);
