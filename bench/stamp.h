/* SPDX-License-Identifier: MIT */
/*
 * Stamp: which frame of which camera this is, written into the picture so that it can be read off
 * a screen.
 *
 *     [black][white][black][5 bits of camera][18 bits of number, high first][8 bits of checksum]
 *
 * A row of square blocks, black or white, that survives lossy coding and scaling. The first three
 * say what black and white look like by now, and how wide a block is. Everything is luma; colour
 * is left neutral.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

#define SL_STAMP_BLOCKS 34
#define SL_STAMP_NUMBER_MAX 0x3ffff
#define SL_STAMP_CAMERAS 32

struct sl_stamp {
    int camera;
    uint32_t number; /* the rest modulo 2^18 */
};

/* Where the stamp is in a picture of a given size. */
struct sl_stamp_place {
    int x, y;  /* of the first block's corner */
    int block; /* side of a block, pixels */
};

/* 0, or -EINVAL: the picture is too small for blocks of 16 pixels. */
SL_MUST_CHECK int sl_stamp_place(struct sl_stamp_place *ret, int width, int height);

/* Into the planes of an I420 picture. */
void sl_stamp_write(const struct sl_stamp_place *place, uint8_t *const plane[3],
                    const int stride[3], struct sl_stamp stamp);
/* The same in parts, for cameras that share a picture: the colour once; the brightness into the
 * `block` rows of the first plane that begin at place->y. */
void sl_stamp_write_colour(const struct sl_stamp_place *place, uint8_t *const plane[3],
                           const int stride[3]);
void sl_stamp_write_rows(const struct sl_stamp_place *place, uint8_t *rows, int stride,
                         struct sl_stamp stamp);

/* Reads a line of 8-bit brightness that runs through the blocks; the first begins at `x`, all are
 * `block` pixels wide (fractions where the picture was scaled). Gives how far the least certain
 * block is from being the other colour, 0 to 0.5 of the contrast; below 0: no stamp. */
double sl_stamp_read(const uint8_t *line, double x, double block, struct sl_stamp *ret);

/* A stamp on the screen. */
struct sl_stamp_found {
    struct sl_stamp stamp;
    double x, block; /* of the first block's left edge; width of a block */
    int top, bottom; /* it can be read on rows top .. bottom - 1 */
};

/*
 * Looks for stamps in a whole screen's brightness: wherever they are, blocks of 4 pixels and more.
 * At most one of each camera, the tallest, and of `max` in all. From the top to the bottom; returns
 * how many.
 */
int sl_stamp_find(const uint8_t *pixels, int width, int height, struct sl_stamp_found *ret,
                  int max);
