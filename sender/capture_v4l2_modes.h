/* SPDX-License-Identifier: MIT */
/*
 * All modes that an open V4L2 device offers, as its driver lists them.
 *
 * Where a driver tells a range of sizes or rates, it stands with those of them that are nearest to
 * the wish. What a driver does not list at all is asked for by VIDIOC_TRY_FMT.
 */
#pragma once

#include <stddef.h>

#include "base/types.h"
#include "sender/capture_v4l2_choose.h"
#include "sender/capture_v4l2_ops.h"

#define SL_V4L2_MODES_MAX 4096 /* what is beyond is left out */

struct sl_v4l2_modes {
    struct sl_v4l2_mode *list;
    size_t count;
};

/* 0 (also where there are none) or -errno: -ENODEV when the device went away meanwhile. */
SL_MUST_CHECK int sl_v4l2_modes_read(struct sl_v4l2_modes *ret, const struct sl_v4l2_ops *ops,
                                     int fd, const struct sl_v4l2_wish *wish);
void sl_v4l2_modes_free(struct sl_v4l2_modes *modes);
