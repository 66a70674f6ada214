/* SPDX-License-Identifier: MIT */
#include "rtp/motion_map.h"

static bool is_set(const struct sl_motion_map *map, int column, int row)
{
    return column >= 0 && row >= 0 && column < SL_MOTION_COLUMNS && row < SL_MOTION_ROWS &&
           sl_motion_map_get(map, column, row);
}

void sl_motion_map_outline(const struct sl_motion_map *map, int width, int height, int thickness,
                           void (*fill)(void *ctx, int x, int y, int width, int height), void *ctx)
{
    for (int row = 0; row < SL_MOTION_ROWS; row++) {
        const int top = row * height / SL_MOTION_ROWS;
        const int bottom = (row + 1) * height / SL_MOTION_ROWS;
        for (int column = 0; column < SL_MOTION_COLUMNS; column++) {
            const int left = column * width / SL_MOTION_COLUMNS;
            const int right = (column + 1) * width / SL_MOTION_COLUMNS;
            if (!is_set(map, column, row))
                continue;
            if (!is_set(map, column, row - 1))
                fill(ctx, left, top, right - left, thickness);
            if (!is_set(map, column, row + 1))
                fill(ctx, left, bottom - thickness, right - left, thickness);
            if (!is_set(map, column - 1, row))
                fill(ctx, left, top, thickness, bottom - top);
            if (!is_set(map, column + 1, row))
                fill(ctx, right - thickness, top, thickness, bottom - top);
        }
    }
}
