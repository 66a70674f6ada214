/* SPDX-License-Identifier: MIT */
/*
 * Shrink: a plane of 8-bit samples made smaller by a whole factor; each sample is the mean of the
 * square it stands for. Most of a wall is such: 640x360 on 320x180 or 160x90. Pure.
 */
#pragma once

#include <stdint.h>

/* 4, 2 or 1: the largest that divides all planes of a 4:2:0 picture and leaves neither side
 * smaller than is wanted. */
int sl_shrink_factor(int from_width, int from_height, int to_width, int to_height);

/* `width` and `height` are those of `to`; `from` is `factor` (2 or 4) times as large. */
void sl_shrink_plane(const uint8_t *from, int from_stride, uint8_t *to, int to_stride, int width,
                     int height, int factor);
