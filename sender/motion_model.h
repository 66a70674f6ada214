/* SPDX-License-Identifier: MIT */
/*
 * Motion model: which places of a picture differ from what is usually there.
 *
 *     luma ─▶ cells (means of 4x4 to 16x16 pixels) ─▶ light taken out ─▶ usual brightness and noise
 *                                                                            │
 *                                           changed cells ◀── |difference| > threshold
 *
 * Averaging takes most of a sensor's noise away; a cell's threshold is k times the noise that it
 * has shown, and not less than what the sensitivity says. What changes the light of all (sun,
 * exposure) is the median ratio of all cells, which moves all that is usual. If half of the picture
 * changes at once all the same, a lamp was switched: what is there is usual from now on. What has
 * changed and stays becomes usual within half a minute; what flutters becomes noise within minutes.
 * Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"
#include "sender/motion_mask.h"

struct sl_motion_model;

/* sensitivity 1..100; `mask` or NULL, not kept. 0 or -ENOMEM. */
SL_MUST_CHECK int sl_motion_model_create(struct sl_motion_model **ret, int width, int height,
                                         int sensitivity, const struct sl_motion_mask *mask);
void sl_motion_model_destroy(struct sl_motion_model *model);

enum sl_motion_sight {
    SL_MOTION_LEARNING, /* not seen for a second yet, since the beginning or SL_MOTION_LIGHT */
    SL_MOTION_SEEN,
    SL_MOTION_LIGHT, /* the light of the whole was switched */
};

/* One picture, `since` after the last. */
enum sl_motion_sight sl_motion_model_see(struct sl_motion_model *model, const uint8_t *luma,
                                         int stride, sl_ns since);

struct sl_motion_cells {
    int columns, rows;
    uint8_t *changed; /* 0 or 1, row by row; the caller may write more into it until the next see */
};
/* Of the last picture. */
struct sl_motion_cells sl_motion_model_cells(struct sl_motion_model *model);
