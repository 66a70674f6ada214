/* SPDX-License-Identifier: MIT */
/* A canvas as a PNG file, by libavcodec. */
#pragma once

#include "base/types.h"
#include "viewer/canvas.h"

/* 0 or -errno; what was there before stays whole unless the new file is. */
SL_MUST_CHECK int sl_png_write(const char *path, const struct sl_canvas *canvas);
