/* SPDX-License-Identifier: MIT */
/*
 * Scene: what the bench films. A textured room that stands still, things that move through it, a
 * little noise as of a sensor: about as hard to code as a quiet camera's picture. The pictures are
 * made beforehand and repeat without a jump, so playing them costs nothing but a copy.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

struct sl_scene;

/* `frames` I420 pictures, then again from the first. 0, -EINVAL (odd or tiny sizes), -ENOMEM. */
SL_MUST_CHECK int sl_scene_create(struct sl_scene **ret, int width, int height, int frames,
                                  uint64_t seed);
void sl_scene_destroy(struct sl_scene *scene);

size_t sl_scene_frame_bytes(const struct sl_scene *scene);

/* The picture of moment `index`, planes one after the other; may be written into (the stamp). */
uint8_t *sl_scene_frame(const struct sl_scene *scene, uint32_t index);
/* Its planes and strides. */
void sl_scene_planes(const struct sl_scene *scene, uint8_t *frame, uint8_t *plane[3],
                     int stride[3]);
