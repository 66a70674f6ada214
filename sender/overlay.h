/* SPDX-License-Identifier: MIT */
/* What --burn writes into every picture: time, name, location, frame rate. Drawn by the encode
 * thread into the picture it is about to encode. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"
#include "sender/font.h"

struct sl_overlay {
    bool time, name, location, fps;
    const char *name_text, *location_text;
    sl_ns epoch;
    /* Kept by draw: pictures drawn in the second that ends. */
    sl_ns second_began;
    int count, shown_fps;
};

/* "time,name,location,fps" in any order; NULL or "" is nothing. 0 or -EINVAL. */
SL_MUST_CHECK int sl_overlay_parse(struct sl_overlay *overlay, const char *list);

bool sl_overlay_wanted(const struct sl_overlay *overlay);

void sl_overlay_draw(struct sl_overlay *overlay, const struct sl_canvas *canvas, sl_ns captured);
