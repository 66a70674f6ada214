/* SPDX-License-Identifier: MIT */
/*
 * Stamp: a frame's number, written into the picture so that it can be read off a screen.
 *
 *     [black][white][24 bits of number, high first][8 bits of checksum]
 *
 * A row of square blocks, black or white, that survives lossy coding. The first two say what black
 * and white look like by now. Everything is luma; colour is left neutral.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"

#define SL_STAMP_BLOCKS 34
#define SL_STAMP_NUMBER_MAX 0xffffff

/* Where the stamp is in a picture of a given size. */
struct sl_stamp_place {
    int x, y;  /* of the first block's corner */
    int block; /* side of a block, pixels */
};

/* 0, or -EINVAL: the picture is too small for blocks of 16 pixels. */
SL_MUST_CHECK int sl_stamp_place(struct sl_stamp_place *ret, int width, int height);

/* Into the planes of an I420 picture. */
void sl_stamp_write(const struct sl_stamp_place *place, uint8_t *const plane[3],
                    const int stride[3], uint32_t number);

/* Reads a line of 8-bit brightness that runs through the middle of the blocks, from the first
 * block's left edge, blocks `block` pixels wide (a fraction where the picture was scaled). */
bool sl_stamp_read(const uint8_t *line, double block, uint32_t *ret);
