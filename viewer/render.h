/* SPDX-License-Identifier: MIT */
/*
 * Render: the face of a window that is drawn by software: memory to draw into, rectangles of it to
 * bring to the screen at once, input.
 *
 * Why no GPU renderer: under a software X server SDL's renderers take 2.4 ms (OpenGL) and 4.1 ms
 * (software) for 1280x720; converting into the window's shared memory and presenting it takes 0.7
 * back to back, 1.0 to 1.5 after a pause of a frame. Measured on 2 cores and of no use: presenting
 * in bands while the rest is converted, converting by two threads, stores past the caches, and
 * leaving out what has not changed (sensor noise leaves a fifth of a quiet scene unchanged).
 * Main thread only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/types.h"
#include "viewer/canvas.h"
#include "viewer/input.h"

struct sl_render_config {
    const char *title;
    int width, height;
    bool fullscreen;
};

struct sl_render_kind {
    const char *name;
    /* 0, or -errno with one sentence in `why`. */
    int (*open)(void **ret, const struct sl_render_config *config, char *why, size_t why_len);
    void (*close)(void *render);
    /* The window's memory, which may move when the window changes its size: ask each time. False
     * if there is none just now. */
    bool (*canvas)(void *render, struct sl_canvas *ret);
    /* Visible when it returns. */
    int (*present)(void *render, const struct sl_rect *rects, int count);
    /* Readable when there may be input; -1: look each 10 ms. */
    int (*input_fd)(void *render);
    bool (*input)(void *render, struct sl_input *ret);
    void (*toggle_fullscreen)(void *render);
};

extern const struct sl_render_kind sl_render_sdl;
