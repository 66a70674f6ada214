/* SPDX-License-Identifier: MIT */
/*
 * Screen: the main thread's side of the wall. Takes the newest picture of each tile, draws what
 * changed straight into the window's memory, and brings just that to the screen, at once.
 *
 *     lanes ──▶ take ──▶ paint, grey, write ──▶ present ──▶ ages
 *
 * Draws on events only (a picture, a second of staleness, input), never in a rhythm of its own.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "base/types.h"
#include "viewer/event.h"
#include "viewer/hud.h"
#include "viewer/render.h"

struct sl_screen;
struct sl_trace;

struct sl_screen_config {
    const struct sl_render_kind *kind;
    struct sl_render_config window;
    enum sl_hud_level hud;
    int rows, columns; /* 0: auto */
    int cores;         /* that a picture alone on the wall may take */
    bool mute;
    const char *snapshot_dir; /* NULL: no snapshots */
    struct sl_trace *trace;   /* or NULL */
    const char *receiver;     /* HOST:PORT, written where there is no camera */
    sl_ns (*clock)(void);     /* read before drawing, and when it is visible */
    /* The feed whose sound is to be heard, -1: none. */
    void (*listen)(void *ctx, int feed);
    /* How old that feed's picture is, each time one is shown; SL_NEVER: not known. */
    void (*age)(void *ctx, sl_ns age);
    /* The main thread is done with a feed that was removed. */
    void (*release)(void *ctx, int feed);
    void *ctx;
};

/* Opens the window. 0, or -errno with one sentence in `why`. */
SL_MUST_CHECK int sl_screen_create(struct sl_screen **ret, const struct sl_screen_config *config,
                                   char *why, size_t why_len);
void sl_screen_destroy(struct sl_screen *screen);

/* Anything but FAILED. */
void sl_screen_event(struct sl_screen *screen, const struct sl_event *event, sl_ns now);
/* Handles what keys and mouse ask. False: the user leaves. */
bool sl_screen_input(struct sl_screen *screen);
/* Readable when there may be input; -1: look each 10 ms. */
int sl_screen_input_fd(const struct sl_screen *screen);

/* Draws and presents what changed. */
void sl_screen_draw(struct sl_screen *screen);
/* New pictures are to wait until then: a wall of many tiles is presented some tiles at a time. A
 * tile that has the window to itself, or shares it with few, never waits. */
sl_ns sl_screen_rest(const struct sl_screen *screen);
/* When there is something to draw though nothing happens. */
sl_ns sl_screen_due(const struct sl_screen *screen, sl_ns now);

/* One line a camera; the counts are of the time since the last call. */
void sl_screen_report(struct sl_screen *screen, FILE *out, sl_ns now);
/* What the window shows, as PNG. 0 or -errno. */
SL_MUST_CHECK int sl_screen_save(struct sl_screen *screen, const char *path);
