/* SPDX-License-Identifier: MIT */
/*
 * The cameras of the hub: those of the newest snapshot, and those that it removed for as long as
 * sessions point to them. The hub's thread.
 */
#pragma once

#include "receiver/camera.h"
#include "receiver/store.h"

struct sl_cameras_item;

struct sl_cameras {
    struct sl_camera_config config;
    int limit, count; /* of those not removed */
    struct sl_cameras_item *first;
};

void sl_cameras_init(struct sl_cameras *cameras, const struct sl_camera_config *config, int limit);
/* Their sessions are gone. */
void sl_cameras_fini(struct sl_cameras *cameras);

/* Adds, updates and removes; the sessions of what it removes are the caller's to close. What is
 * beyond the limit is left out and logged. */
void sl_cameras_apply(struct sl_cameras *cameras, const struct sl_snapshot *snapshot);
/* Frees the removed that no session points to any more, and what others held that nobody uses. */
void sl_cameras_sweep(struct sl_cameras *cameras);

/* NULL: there is none, or it was removed. */
struct sl_camera *sl_cameras_find(const struct sl_cameras *cameras, const char *name);
int sl_cameras_live(const struct sl_cameras *cameras);
