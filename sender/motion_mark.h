/* SPDX-License-Identifier: MIT */
/* The motion view of a picture that is shown here: what moves is outlined in it. */
#pragma once

#include "rtp/motion_map.h"
#include "sender/font.h"

void sl_motion_mark(const struct sl_canvas *canvas, const struct sl_motion_map *map);
