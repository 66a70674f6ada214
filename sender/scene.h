/* SPDX-License-Identifier: MIT */
/*
 * The test source's picture: an evening landscape with moving things, a clock, the camera's name
 * and a frame counter, as a pure function of time and number. What stands still is painted once.
 */
#pragma once

#include <stdint.h>

#include "base/types.h"

struct sl_scene;

/* 0, -EINVAL (sides odd or under 16) or -ENOMEM. `name` is copied. */
SL_MUST_CHECK int sl_scene_create(struct sl_scene **ret, int width, int height, const char *name);
void sl_scene_destroy(struct sl_scene *scene);

/* Draws tightly packed I420. `wall` is the time the clock shows, in ns since 1970 (local time). */
void sl_scene_draw(const struct sl_scene *scene, uint8_t *pixels, sl_ns wall, uint64_t number);
