/* SPDX-License-Identifier: MIT */
/* Thumb: an I420 picture made smaller by a whole factor, each sample the mean of the square that it
 * stands for. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct sl_motion_map;

struct sl_thumb {
    int factor;        /* 1: as large as the picture */
    int width, height; /* both even, at least 2; what does not divide is left out at the edges */
};

/* The largest thumb of a picture (both sides even, 16 to 8192) that is at most `most` wide and
 * high. */
struct sl_thumb sl_thumb(int width, int height, int most);

/* Of a thumb, tightly packed. */
size_t sl_thumb_bytes(const struct sl_thumb *thumb);

/* `pixels`: the picture, tightly packed, width x height as it was given to sl_thumb(). */
void sl_thumb_make(const struct sl_thumb *thumb, uint8_t *ret, const uint8_t *pixels, int width,
                   int height);

/* Outlines in a thumb what moved in its picture. */
void sl_thumb_mark(const struct sl_thumb *thumb, uint8_t *pixels,
                   const struct sl_motion_map *moved);
