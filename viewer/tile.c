/* SPDX-License-Identifier: MIT */
#include "viewer/tile.h"

void sl_tile_init(struct sl_tile *tile)
{
    *tile = (struct sl_tile){.age = SL_NEVER, .broken_at = SL_NEVER};
}

void sl_tile_link(struct sl_tile *tile, enum sl_tile_link link)
{
    tile->link = link;
}

void sl_tile_device(struct sl_tile *tile, bool away)
{
    tile->away = away;
}

void sl_tile_presented(struct sl_tile *tile, sl_ns now)
{
    if (tile->has_picture && now - tile->presented >= SL_TILE_STALE_AFTER) {
        tile->age = SL_NEVER; /* the figure from before the break means nothing now */
        tile->age_count = 0;
    }
    tile->has_picture = true;
    tile->presented = now;
    tile->broken = false;
}

void sl_tile_aged(struct sl_tile *tile, sl_ns now, sl_ns age)
{
    if (age == SL_NEVER) {
        tile->age = SL_NEVER;
        tile->age_count = 0;
        return;
    }
    if (!tile->age_count) {
        tile->age_sum = 0;
        tile->age_since = now;
    }
    tile->age_sum += age;
    tile->age_count++;
    if (tile->age == SL_NEVER || now - tile->age_since >= SL_TILE_AGE_EVERY) {
        tile->age = tile->age_sum / tile->age_count;
        tile->age_count = 0;
    }
}

void sl_tile_broken(struct sl_tile *tile, sl_ns now)
{
    tile->broken = true;
    tile->broken_at = now;
}

static enum sl_tile_state state_at(const struct sl_tile *tile, sl_ns now)
{
    if (tile->link == SL_TILE_LINK_LOST)
        return SL_TILE_RECONNECTING;
    if (tile->has_picture && now - tile->presented < SL_TILE_STALE_AFTER)
        return SL_TILE_LIVE; /* pictures are truer than what is told of them */
    if (tile->away)
        return SL_TILE_NO_SIGNAL;
    return tile->has_picture ? SL_TILE_STALE : SL_TILE_CONNECTING;
}

static sl_ns sooner(sl_ns a, sl_ns b)
{
    return a < b ? a : b;
}

struct sl_tile_view sl_tile_view(const struct sl_tile *tile, sl_ns now)
{
    struct sl_tile_view view = {
        .state = state_at(tile, now),
        .has_picture = tile->has_picture,
        .age = SL_NEVER,
        .changes = SL_NEVER,
    };
    if (view.state == SL_TILE_LIVE) {
        view.age = tile->age;
        view.changes = tile->presented + SL_TILE_STALE_AFTER;
    } else if (tile->has_picture) {
        view.grey = true;
        view.stale_s = (int)((now - tile->presented) / SL_SEC);
        view.changes = tile->presented + (view.stale_s + 1) * SL_SEC;
    }
    if (tile->has_picture && tile->broken_at != SL_NEVER) {
        const sl_ns until = tile->broken_at + SL_TILE_LOSS_SHOWN;
        view.loss = tile->broken || now < until;
        if (view.loss && now < until)
            view.changes = sooner(view.changes, until);
    }
    return view;
}
