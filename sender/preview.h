/* SPDX-License-Identifier: MIT */
/*
 * Preview (--preview): a small window beside the camera that shows what it sees, in a frame that
 * says whether anybody receives it: grey while connecting, red while live, amber while
 * reconnecting. The key m switches to the motion view, in which what moves is outlined, and back.
 *
 *     encode thread ──▶ a thumb of every so many pictures, with its map ──▶ mailbox of 1 ──▶
 * preview thread (SDL) loop ──▶ state, one atomic word ──────────────────────────────────────▶
 *
 * The camera never depends on it: with no display there is one warning, and when its window is
 * closed or its screen goes away one line; from then on a picture costs one look at a flag.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"
#include "rtp/motion_map.h"
#include "whip/endpoint.h"

struct sl_preview;

struct sl_preview_config {
    const char *camera; /* for the window's title; outlives the preview */
    int width, height;  /* of the pictures, both even */
    bool full_range;
    bool motion; /* motion is looked for: there is a motion view */
};

/* Starts the thread, which opens the window. 0 or -errno; no display is no failure. */
SL_MUST_CHECK int sl_preview_create(struct sl_preview **ret,
                                    const struct sl_preview_config *config);
/* After the last sl_preview_offer(). A screen that does not answer is not waited for. NULL is fine.
 */
void sl_preview_destroy(struct sl_preview *preview);

/* A picture, tightly packed I420, and where something moves in it; both read before this returns.
 * At most ten a second are looked at. From one thread, in order of `captured`. NULL is fine. */
void sl_preview_offer(struct sl_preview *preview, const uint8_t *pixels,
                      const struct sl_motion_map *moved, sl_ns captured);

/* Any thread. NULL is fine. */
void sl_preview_set_state(struct sl_preview *preview, enum sl_endpoint_state state);

/* Whether the window is there, and whether it shows the motion view. */
bool sl_preview_is_open(const struct sl_preview *preview);
bool sl_preview_shows_motion(const struct sl_preview *preview);
