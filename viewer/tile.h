/* SPDX-License-Identifier: MIT */
/*
 * Tile: what is to be told about one camera's picture, so that a frozen picture never looks live.
 *
 *   CONNECTING ─▶ LIVE ◀─▶ STALE (no new picture for 1 s)
 *                   │        └─▶ NO_SIGNAL (neither, for the camera's device is away)
 *                   └─▶ RECONNECTING ─▶ ...
 *
 * Also smooths the age of the picture (capture to present) into a figure that can be read, and
 * keeps the loss mark up long enough to be seen. Time is an argument. Pure.
 */
#pragma once

#include <stdbool.h>

#include "base/types.h"

#define SL_TILE_STALE_AFTER SL_SEC
#define SL_TILE_AGE_EVERY (SL_SEC / 2) /* the figure changes no more often than this */
#define SL_TILE_LOSS_SHOWN SL_SEC      /* the mark stays at least this long          */

enum sl_tile_state {
    SL_TILE_CONNECTING,
    SL_TILE_LIVE,
    SL_TILE_STALE,
    SL_TILE_NO_SIGNAL,
    SL_TILE_RECONNECTING,
};

enum sl_tile_link { SL_TILE_LINK_NEW, SL_TILE_LINK_UP, SL_TILE_LINK_LOST };

struct sl_tile {
    enum sl_tile_link link;
    bool away; /* the camera's device is, as its sender told */
    bool has_picture;
    sl_ns presented; /* the newest picture's moment on screen */
    bool broken;     /* pictures are missing until the next one comes */
    sl_ns broken_at; /* SL_NEVER: never */
    sl_ns age_sum;   /* of the period under way */
    int age_count;
    sl_ns age_since;
    sl_ns age; /* of the last whole period; SL_NEVER: unknown */
};

void sl_tile_init(struct sl_tile *tile);
void sl_tile_link(struct sl_tile *tile, enum sl_tile_link link);
void sl_tile_device(struct sl_tile *tile, bool away);
/* A new picture is about to be on screen. */
void sl_tile_presented(struct sl_tile *tile, sl_ns now);
/* It is on screen. `age`: since its capture, SL_NEVER if that is not known. */
void sl_tile_aged(struct sl_tile *tile, sl_ns now, sl_ns age);
/* A reference was lost: the last good picture stays until a key frame. */
void sl_tile_broken(struct sl_tile *tile, sl_ns now);

struct sl_tile_view {
    enum sl_tile_state state;
    bool has_picture;
    bool grey;     /* the picture is old: dim it */
    bool loss;     /* show the loss mark */
    int stale_s;   /* whole seconds since the picture; 0 unless STALE, NO_SIGNAL or RECONNECTING */
    sl_ns age;     /* SL_NEVER: unknown; only when LIVE */
    sl_ns changes; /* when time alone changes this view; SL_NEVER */
};

struct sl_tile_view sl_tile_view(const struct sl_tile *tile, sl_ns now);
