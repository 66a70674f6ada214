/* SPDX-License-Identifier: MIT */
/*
 * Wall: where each tile lies in the window. Arithmetic only; no drawing, no state.
 *
 *     window ──▶ rows x columns of cells ──▶ the picture in its cell, aspect ratio kept
 *
 * Cells part the window without a pixel left over. Tiles beyond the cells lie on further pages;
 * the page shown is the selected tile's. An enlarged tile has the window to itself. Pure.
 */
#pragma once

#include <stdbool.h>

struct sl_rect {
    int x, y, width, height;
};

struct sl_wall {
    int width, height; /* of the window */
    int rows, columns; /* 0: chosen for the number of tiles */
    int tiles;
    int selected;  /* 0..tiles-1 */
    bool enlarged; /* the selected tile has the window to itself */
};

/* Rows and columns in force (at least 1 each): as asked for, or so that 16:9 pictures are
 * largest. */
void sl_wall_grid(const struct sl_wall *wall, int *rows, int *columns);

/* The cell of `tile`, or false if it is not on the page that is shown. */
bool sl_wall_cell(const struct sl_wall *wall, int tile, struct sl_rect *ret);

/* The largest rectangle of even size and the picture's aspect ratio within `cell`, centred; all of
 * `cell` if the ratios differ by under 1 %. */
struct sl_rect sl_wall_fit(const struct sl_rect *cell, int picture_width, int picture_height);

/* The tile at a point of the window, or -1. */
int sl_wall_at(const struct sl_wall *wall, int x, int y);

enum sl_wall_step { SL_WALL_LEFT, SL_WALL_RIGHT, SL_WALL_UP, SL_WALL_DOWN, SL_WALL_NEXT };

/* The tile that is selected after a step: stays within the wall; NEXT goes round. */
int sl_wall_step(const struct sl_wall *wall, enum sl_wall_step step);
