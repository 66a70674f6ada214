/* SPDX-License-Identifier: MIT */
/*
 * The encoder inside a V4L2 camera, by its controls: each is set only where the driver offers it,
 * and none of them has to be there. Most UVC cameras offer none.
 *
 * No state but in the struct; time is an argument. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"
#include "sender/capture_v4l2_ops.h"

struct sl_v4l2_coding {
    int64_t bitrate_bps; /* 0: as it is */
    sl_ns gop;           /* 0: as it is */
    int fps_num, fps_den;
};

struct sl_v4l2_encoder {
    bool key;            /* a key frame can be asked for */
    bool gop;            /* was set */
    int64_t bitrate_bps; /* as it is set; 0: there is no such control */
    int64_t least_bps, most_bps, step_bps;
    sl_ns changed;
};

/* Before the device streams, with its format and rate set. */
void sl_v4l2_encoder_set_up(struct sl_v4l2_encoder *ret, const struct sl_v4l2_ops *ops, int fd,
                            const struct sl_v4l2_coding *coding);
/* While it streams. False: it cannot be asked. */
bool sl_v4l2_encoder_force_key(const struct sl_v4l2_encoder *encoder, const struct sl_v4l2_ops *ops,
                               int fd);
/* The nearest that the driver can. What hardly differs, or comes within 250 ms of the last change,
 * waits to be asked for again: each change costs a camera some quality. */
void sl_v4l2_encoder_set_bitrate(struct sl_v4l2_encoder *encoder, const struct sl_v4l2_ops *ops,
                                 int fd, int64_t bps, sl_ns now);
