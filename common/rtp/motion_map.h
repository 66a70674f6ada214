/* SPDX-License-Identifier: MIT */
/*
 * Motion map: where a picture changed, in 32 x 18 cells that divide it evenly. A row is a word, its
 * highest bit the leftmost cell. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SL_MOTION_COLUMNS 32
#define SL_MOTION_ROWS 18

struct sl_motion_map {
    uint32_t rows[SL_MOTION_ROWS];
};

static inline bool sl_motion_map_get(const struct sl_motion_map *map, int column, int row)
{
    return map->rows[row] >> (SL_MOTION_COLUMNS - 1 - column) & 1;
}

static inline void sl_motion_map_set(struct sl_motion_map *map, int column, int row)
{
    map->rows[row] |= 1u << (SL_MOTION_COLUMNS - 1 - column);
}

/* The outline of what is set, on a picture of width x height, as rectangles to fill: lines of
 * `thickness` pixels just inside. */
void sl_motion_map_outline(const struct sl_motion_map *map, int width, int height, int thickness,
                           void (*fill)(void *ctx, int x, int y, int width, int height), void *ctx);
