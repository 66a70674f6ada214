/* SPDX-License-Identifier: MIT */
/* Picture: one uncompressed video frame, I420 (8 bits, 4:2:0), as a view of somebody's memory. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"

struct sl_picture {
    int width, height;       /* even */
    const uint8_t *plane[3]; /* Y, U, V */
    int stride[3];           /* bytes */
    bool full_range;         /* false: video range (16..235) */
    bool bt709;              /* matrix; false: BT.601 */
    sl_ns captured;          /* CLOCK_MONOTONIC */
};
