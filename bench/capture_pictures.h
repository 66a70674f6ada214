/* SPDX-License-Identifier: MIT */
/*
 * Capture pictures: the bench's scene as a V4L2 device delivers it in one of its formats, made
 * beforehand and in memory, then again from the first.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <libavutil/pixfmt.h>

#include "base/types.h"
#include "sender/capture_v4l2_format.h"

struct sl_scene;
struct sl_capture_pictures;

/* `count` pictures of `scene`, which is not needed afterwards. `jpeg` is what a compressed format
 * holds (AV_PIX_FMT_YUVJ422P as most webcams, AV_PIX_FMT_YUVJ420P); of others it means nothing.
 * 0, -ENOTSUP (a format that is encoded, no encoder), -EINVAL or -ENOMEM. */
SL_MUST_CHECK int sl_capture_pictures_create(struct sl_capture_pictures **ret,
                                             const struct sl_v4l2_format *format,
                                             enum AVPixelFormat jpeg, const struct sl_scene *scene,
                                             int width, int height, int count);
void sl_capture_pictures_destroy(struct sl_capture_pictures *pictures);

/* Of all of them; rows lie close to each other. */
const struct sl_v4l2_shape *sl_capture_pictures_shape(const struct sl_capture_pictures *pictures);

struct sl_capture_bytes {
    const uint8_t *data;
    size_t len;
};

/* Picture `index`, which may be beyond the last. */
struct sl_capture_bytes sl_capture_picture(const struct sl_capture_pictures *pictures,
                                           uint32_t index);
/* Of a picture, on average. */
double sl_capture_pictures_mean(const struct sl_capture_pictures *pictures);
