/* SPDX-License-Identifier: MIT */
#include "viewer/wall.h"

#include <stdint.h>

static int divide_up(int a, int b)
{
    return (a + b - 1) / b;
}

/* Area of a 16:9 picture in a cell of a grid that holds all tiles. */
static int64_t area_with(const struct sl_wall *wall, int columns)
{
    const int rows = divide_up(wall->tiles, columns);
    const int64_t width = wall->width / columns, height = wall->height / rows;
    return width * 9 < height * 16 ? width * width * 9 / 16 : height * height * 16 / 9;
}

static int best_columns(const struct sl_wall *wall)
{
    int best = 1;
    for (int columns = 2; columns <= wall->tiles; columns++)
        if (area_with(wall, columns) > area_with(wall, best))
            best = columns;
    return best;
}

void sl_wall_grid(const struct sl_wall *wall, int *rows, int *columns)
{
    if (wall->rows > 0 && wall->columns > 0) {
        *rows = wall->rows;
        *columns = wall->columns;
        return;
    }
    *columns = best_columns(wall);
    *rows = wall->tiles > 0 ? divide_up(wall->tiles, *columns) : 1;
}

bool sl_wall_cell(const struct sl_wall *wall, int tile, struct sl_rect *ret)
{
    if (tile < 0 || tile >= wall->tiles)
        return false;
    if (wall->enlarged) {
        if (tile != wall->selected)
            return false;
        *ret = (struct sl_rect){0, 0, wall->width, wall->height};
        return true;
    }
    int rows, columns;
    sl_wall_grid(wall, &rows, &columns);
    const int page = rows * columns;
    if (tile / page != wall->selected / page)
        return false;
    const int row = tile % page / columns, column = tile % page % columns;
    const int left = wall->width * column / columns, top = wall->height * row / rows;
    const int right = wall->width * (column + 1) / columns;
    const int bottom = wall->height * (row + 1) / rows;
    *ret = (struct sl_rect){left, top, right - left, bottom - top};
    return true;
}

/* Rounds down to even, but not to nothing. */
static int even(int64_t value)
{
    return value < 2 ? 2 : (int)(value & ~(int64_t)1);
}

static bool nearly_equal(int64_t a, int64_t b)
{
    const int64_t difference = a > b ? a - b : b - a;
    return difference * 100 < b;
}

struct sl_rect sl_wall_fit(const struct sl_rect *cell, int picture_width, int picture_height)
{
    int width = even(cell->width), height = even(cell->height);
    const int64_t across = (int64_t)cell->width * picture_height;
    const int64_t down = (int64_t)cell->height * picture_width;
    if (!nearly_equal(across, down)) {
        if (across < down)
            height = even(across / picture_width);
        else
            width = even(down / picture_height);
    }
    return (struct sl_rect){
        .x = cell->x + (cell->width - width) / 2,
        .y = cell->y + (cell->height - height) / 2,
        .width = width,
        .height = height,
    };
}

int sl_wall_at(const struct sl_wall *wall, int x, int y)
{
    for (int tile = 0; tile < wall->tiles; tile++) {
        struct sl_rect cell;
        if (sl_wall_cell(wall, tile, &cell) && x >= cell.x && x < cell.x + cell.width &&
            y >= cell.y && y < cell.y + cell.height)
            return tile;
    }
    return -1;
}

int sl_wall_step(const struct sl_wall *wall, enum sl_wall_step step)
{
    int rows, columns;
    sl_wall_grid(wall, &rows, &columns);
    int to = wall->selected;
    switch (step) {
    case SL_WALL_LEFT:
        to -= 1;
        break;
    case SL_WALL_RIGHT:
        to += 1;
        break;
    case SL_WALL_UP:
        to -= columns;
        break;
    case SL_WALL_DOWN:
        to += columns;
        break;
    case SL_WALL_NEXT:
        to = wall->tiles > 0 ? (to + 1) % wall->tiles : 0;
        break;
    }
    return to >= 0 && to < wall->tiles ? to : wall->selected;
}
