/* SPDX-License-Identifier: MIT */
/* YUV4MPEG2 stream headers: 8-bit 4:2:0, any chroma siting. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/types.h"

#define SL_Y4M_LINE_MAX 1024 /* a stream header's line, with its newline */

struct sl_y4m_header {
    int width, height; /* 2..8192; may be odd: chroma planes then round up */
    int fps_num, fps_den;
    bool full_range; /* XCOLORRANGE=FULL */
};

/* Reads the line (newline or not). 0, or -EBADMSG with one sentence in `why`. */
SL_MUST_CHECK int sl_y4m_read_header(struct sl_y4m_header *ret, const char *line, size_t len,
                                     char *why, size_t why_len);

/* Bytes of one frame without its FRAME line: planes Y, U, V. */
size_t sl_y4m_frame_bytes(const struct sl_y4m_header *header);
