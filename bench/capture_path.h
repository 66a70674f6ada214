/* SPDX-License-Identifier: MIT */
/*
 * Capture path: one of the ways in which the sender comes by a picture, by the sender's own code.
 *
 *     source   test, y4m: (a file in memory), v4l2:DEVICE     sender/capture, whole
 *     format   what lies in a V4L2 device's buffer            sender/capture_v4l2_picture, scale
 *     pass     H.264 that came encoded                        sender/h264_pass
 *
 * A source keeps its own time: next() waits until its picture is due. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libavutil/pixfmt.h>

#include "base/types.h"

struct sl_capture_path;
struct sl_halt;
struct sl_scene;
struct sl_v4l2_format;

struct sl_capture_path_config {
    const struct sl_scene *scene; /* what is filmed; needed by open only */
    int width, height, fps;
    int pictures; /* of the scene that are taken, again and again */
    uint64_t seed;
    const struct sl_halt *halt; /* outlives the path */
};

/* Each: 0, or -errno with one sentence in `why`. `source` as the sender's --video. */
SL_MUST_CHECK int sl_capture_path_source(struct sl_capture_path **ret, const char *source,
                                         const struct sl_capture_path_config *config, char *why,
                                         size_t why_len);
SL_MUST_CHECK int sl_capture_path_y4m(struct sl_capture_path **ret,
                                      const struct sl_capture_path_config *config, char *why,
                                      size_t why_len);
/* `jpeg` as for sl_capture_pictures_create(). */
SL_MUST_CHECK int sl_capture_path_format(struct sl_capture_path **ret,
                                         const struct sl_v4l2_format *format,
                                         enum AVPixelFormat jpeg,
                                         const struct sl_capture_path_config *config, char *why,
                                         size_t why_len);
SL_MUST_CHECK int sl_capture_path_pass(struct sl_capture_path **ret,
                                       const struct sl_capture_path_config *config, char *why,
                                       size_t why_len);
/* NULL is fine. */
void sl_capture_path_close(struct sl_capture_path *path);

/* 0: a picture of I420 is in `pixels`, or a unit was made ready if the path is encoded. -errno. */
SL_MUST_CHECK int sl_capture_path_next(struct sl_capture_path *path, uint8_t *pixels);
/* It gives no pictures, but units to be sent as they are. */
bool sl_capture_path_encoded(const struct sl_capture_path *path);
/* Bytes of a picture as it comes in, on average; NAN: not known. */
double sl_capture_path_bytes(const struct sl_capture_path *path);

/* ---- For its kinds ---- */

struct sl_capture_path_kind {
    int (*next)(struct sl_capture_path *path, uint8_t *pixels);
    void (*close)(struct sl_capture_path *path);
};

struct sl_capture_path {
    const struct sl_capture_path_kind *kind;
    bool encoded;
    double bytes;
};
