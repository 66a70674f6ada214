/* SPDX-License-Identifier: MIT */
/*
 * What --burn writes into every picture: time, name, location, frame rate. Light text on a darkened
 * box in the upper left corner (the wall writes its labels at the bottom), in lines as the picture
 * is wide; never outside the picture, over half of its height at most, and what finds no room there
 * ends in "..". Drawn by the encode thread into the picture it is about to encode.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"
#include "sender/font.h"

struct sl_overlay {
    bool time, name, location, fps;
    const char *name_text, *location_text; /* UTF-8 or NULL */
    /* Kept by draw: pictures drawn in the second that ends. */
    sl_ns second_began;
    int count, shown_fps;
};

/* "time,name,location,fps" in any order; NULL or "" is nothing. 0 or -EINVAL. */
SL_MUST_CHECK int sl_overlay_parse(struct sl_overlay *overlay, const char *list);

bool sl_overlay_wanted(const struct sl_overlay *overlay);

/* `captured`: by the monotonic clock, for the rate; `wall`: the same moment in ns since 1970, shown
 * in the zone of the process, with its offset. */
void sl_overlay_draw(struct sl_overlay *overlay, const struct sl_canvas *canvas, sl_ns captured,
                     sl_ns wall);

#define SL_OVERLAY_TIME 32 /* "2026-11-28 14:30:05 +01:00" and NUL */
void sl_overlay_time(sl_ns wall, char out[SL_OVERLAY_TIME]);
