/* SPDX-License-Identifier: MIT */
/* The motion view of a tile: what moves is outlined in its picture. Pure. */
#pragma once

#include "rtp/motion_map.h"
#include "viewer/canvas.h"

/* `picture`: where on the canvas the picture is. */
void sl_motion_view_draw(const struct sl_canvas *canvas, struct sl_rect picture,
                         const struct sl_motion_map *map);
