/* SPDX-License-Identifier: MIT */
/*
 * Canvas: drawing into 32-bit pixels (bytes B G R x) that belong to someone else: the window's
 * memory, or an array of a test. Everything is clipped to the canvas. Pure.
 */
#pragma once

#include <stdint.h>

#include "viewer/wall.h"

struct sl_canvas {
    uint8_t *pixels;
    int width, height;
    int stride; /* bytes */
};

/* Coverage, 0..255 a pixel: a rendered text. */
struct sl_bitmap {
    uint8_t *alpha;
    int width, height; /* stride is width */
};

/* Colours are 0xRRGGBB. */
void sl_canvas_fill(const struct sl_canvas *canvas, struct sl_rect rect, uint32_t colour);
/* A frame of `thickness` within `rect`. */
void sl_canvas_outline(const struct sl_canvas *canvas, struct sl_rect rect, int thickness,
                       uint32_t colour);
/* Darkens to `keep`/256 of the brightness. */
void sl_canvas_shade(const struct sl_canvas *canvas, struct sl_rect rect, int keep);
/* Takes the colour out and darkens to `keep`/256. */
void sl_canvas_grey(const struct sl_canvas *canvas, struct sl_rect rect, int keep);
/* Paints `colour` through the bitmap with its top left corner at x, y. */
void sl_canvas_blend(const struct sl_canvas *canvas, int x, int y, const struct sl_bitmap *bitmap,
                     uint32_t colour);
