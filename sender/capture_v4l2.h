/* SPDX-License-Identifier: MIT */
/*
 * The V4L2 camera of sender/capture.h, for whoever brings another face of the machine: tests.
 *
 *     STREAMING ──(gone, failed, or no picture for a while)──▶ closed completely ──┐
 *         ▲                                                                        │
 *         └───────── the same camera is there, under whatever number ◀── looked for four times a s
 *
 * next() comes back with a picture, when halted, or when the tries are used up; a camera that is
 * away looks to its caller like one that is slow. What comes back may offer other modes than
 * before: pictures keep their size.
 *
 * With H.264 that the camera encodes next_unit() takes the place of next(). A camera that gives no
 * key frame for 10 s though one is needed is opened anew, with which each begins.
 */
#pragma once

#include "sender/capture.h"
#include "sender/capture_v4l2_device.h"

/* As sl_capture_v4l2.open(). */
SL_MUST_CHECK int sl_v4l2_capture_open(struct sl_capture **ret, const struct sl_v4l2_ops *ops,
                                       const char *rest, const struct sl_capture_config *config,
                                       char *why, size_t why_len);

/* Of the capture's whole life. device.taken == given + undecodable + keyless + lost
 * + out (0 or 1). */
struct sl_v4l2_capture_stats {
    struct sl_v4l2_stats device;
    uint64_t given;
    uint64_t undecodable; /* encoded: no slice is in it */
    uint64_t keyless;     /* encoded: of no use before a key frame, as those while it is opened */
    uint64_t lost;        /* the device went away while its picture was looked at */
    uint64_t outages;     /* the device was closed because it was gone, failed, or gave nothing */
    uint64_t keys_asked;
    uint64_t searches; /* tries to open it again */
};

void sl_v4l2_capture_stats(const struct sl_capture *capture, struct sl_v4l2_capture_stats *ret);
