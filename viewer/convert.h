/* SPDX-License-Identifier: MIT */
/*
 * Convert: pictures to the size of their tile (in the decode workers, I420 to I420), and onto the
 * canvas (in the main thread, I420 to BGRx at 1:1, by libswscale's SIMD: 0.25 ms for 1280x720).
 *
 * Each keeps what libswscale prepared for the last sizes. One thread at a time.
 */
#pragma once

#include "base/types.h"
#include "codec/picture.h"
#include "viewer/canvas.h"

struct sl_scaler;

SL_MUST_CHECK int sl_scaler_create(struct sl_scaler **ret);
void sl_scaler_destroy(struct sl_scaler *scaler);

/* Scales `from` into the planes of `to`, whose width, height, plane and stride are set; the rest
 * is copied from `from`. Planes end with at least 32 spare bytes. 0, -EINVAL or -ENOMEM. */
SL_MUST_CHECK int sl_scaler_scale(struct sl_scaler *scaler, const struct sl_picture *from,
                                  struct sl_picture *to, uint8_t *const planes[3]);

struct sl_painter;

SL_MUST_CHECK int sl_painter_create(struct sl_painter **ret);
void sl_painter_destroy(struct sl_painter *painter);

/* Paints the picture at x, y. It must lie within the canvas. 0 or -EINVAL. */
SL_MUST_CHECK int sl_painter_paint(struct sl_painter *painter, const struct sl_canvas *canvas,
                                   int x, int y, const struct sl_picture *picture);
