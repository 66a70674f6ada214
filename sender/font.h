/* SPDX-License-Identifier: MIT */
/*
 * Text in pictures: a 5x7 bitmap font (8th row for descenders) drawn into the planes of an I420
 * picture at whole-number scales. Letters and marks of Latin (sender/letters); all else is '?'.
 */
#pragma once

#include <stdint.h>

#include "base/types.h"

/* A picture that may be drawn into. Planes are Y, U, V; strides in bytes. */
struct sl_canvas {
    int width, height;
    uint8_t *plane[3];
    int stride[3];
};

/* A canvas over `pixels`: tightly packed I420 of width x height, both even. */
struct sl_canvas sl_canvas(uint8_t *pixels, int width, int height);

struct sl_color {
    uint8_t y, u, v;
};

/* Fills a rectangle, clipped to the canvas. Chroma is set where a 2x2 block begins inside. */
void sl_canvas_fill(const struct sl_canvas *canvas, int x, int y, int width, int height,
                    struct sl_color color);

/* Halves the contrast towards dark grey, for text to stand on; clipped. */
void sl_canvas_shade(const struct sl_canvas *canvas, int x, int y, int width, int height);

#define SL_FONT_ADVANCE 6 /* pixels from one character to the next, at scale 1 */
#define SL_FONT_HEIGHT 8
#define SL_FONT_RISE 2 /* rows above that which the marks of capitals may take */

/* Width in pixels of `text` (UTF-8) at `scale`. */
int sl_font_width(const char *text, int scale);

/* Draws grey text of brightness `luma` with its upper left corner at x, y; clipped. */
void sl_font_draw(const struct sl_canvas *canvas, int x, int y, int scale, uint8_t luma,
                  const char *text);
