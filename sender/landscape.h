/* SPDX-License-Identifier: MIT */
/*
 * The test source's picture: an evening landscape with moving things, a clock, the camera's name
 * and a frame counter, as a pure function of time and number. What stands still is painted once.
 */
#pragma once

#include <stdint.h>

#include "base/types.h"

struct sl_landscape;

/* 0, -EINVAL (sides odd or under 16) or -ENOMEM. `name` is copied. */
SL_MUST_CHECK int sl_landscape_create(struct sl_landscape **ret, int width, int height,
                                      const char *name);
void sl_landscape_destroy(struct sl_landscape *landscape);

/* Draws tightly packed I420. `wall` is the time the clock shows, in ns since 1970 (local time). */
void sl_landscape_draw(const struct sl_landscape *landscape, uint8_t *pixels, sl_ns wall,
                       uint64_t number);
