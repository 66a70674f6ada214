/* SPDX-License-Identifier: MIT */
#include "viewer/motion_view.h"

#define GREEN 0x30e060u
#define LARGE 640 /* a picture that wide has thicker lines */

struct view {
    const struct sl_canvas *canvas;
    struct sl_rect picture;
};

static void fill(void *ctx, int x, int y, int width, int height)
{
    const struct view *view = ctx;
    sl_canvas_fill(view->canvas,
                   (struct sl_rect){view->picture.x + x, view->picture.y + y, width, height},
                   GREEN);
}

void sl_motion_view_draw(const struct sl_canvas *canvas, struct sl_rect picture,
                         const struct sl_motion_map *map)
{
    struct view view = {canvas, picture};
    sl_motion_map_outline(map, picture.width, picture.height, picture.width < LARGE ? 1 : 2, fill,
                          &view);
}
