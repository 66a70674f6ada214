/* SPDX-License-Identifier: MIT */
#include "sender/motion_mark.h"

static const struct sl_color green = {150, 90, 60};

static void fill(void *ctx, int x, int y, int width, int height)
{
    sl_canvas_fill(ctx, x, y, width, height, green);
}

void sl_motion_mark(const struct sl_canvas *canvas, const struct sl_motion_map *map)
{
    const int thickness = canvas->width < 960 ? 2 : 4;
    struct sl_canvas own = *canvas;
    sl_motion_map_outline(map, canvas->width, canvas->height, thickness, fill, &own);
}
