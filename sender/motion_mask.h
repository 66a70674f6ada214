/* SPDX-License-Identifier: MIT */
/*
 * Motion mask: a PGM picture (P2 or P5, netpbm) of any size whose dark places are not looked at.
 * It is laid over the whole picture, whatever the sizes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

#define SL_MOTION_MASK_SIDE_MAX 8192

struct sl_motion_mask {
    int width, height;
    uint8_t *looked_at; /* 0 or 1, row by row */
};

/* 0 or -errno with one sentence in `why`: no such file, not a PGM picture, cut off, too large. */
SL_MUST_CHECK int sl_motion_mask_read(struct sl_motion_mask *ret, const char *path, char *why,
                                      size_t why_len);
/* The same of the file's bytes. Pure. */
SL_MUST_CHECK int sl_motion_mask_parse(struct sl_motion_mask *ret, const uint8_t *data, size_t len,
                                       char *why, size_t why_len);
/* Zeroed is fine. */
void sl_motion_mask_fini(struct sl_motion_mask *mask);

/* At x/width, y/height of the picture: is it looked at? */
bool sl_motion_mask_at(const struct sl_motion_mask *mask, int x, int width, int y, int height);
