/* SPDX-License-Identifier: MIT */
/*
 * Screen: reads pixels off an X display through shared memory (MIT-SHM), and starts an
 * Xvfb of its own where there is none. One thread owns a screen.
 */
#pragma once

#include <stdint.h>

#include "base/types.h"

struct sl_child;
struct sl_screen;

/* An Xvfb of this size on a free display number; `display` gets ":N". 0 or -errno. */
SL_MUST_CHECK int sl_screen_start_xvfb(struct sl_child *ret, int width, int height,
                                       char display[16]);

/* 0; -ENODEV: no such display or no MIT-SHM; -ENOTSUP: not 32 bits a pixel. */
SL_MUST_CHECK int sl_screen_open(struct sl_screen **ret, const char *display);
void sl_screen_close(struct sl_screen *screen);

int sl_screen_width(const struct sl_screen *screen);
int sl_screen_height(const struct sl_screen *screen);

/* Brightness (the green channel) of a rectangle as of now, row by row without gaps; valid until
 * the next call. NULL: it is not on the screen, or the display is gone. */
const uint8_t *sl_screen_grab(struct sl_screen *screen, int x, int y, int width, int height);
