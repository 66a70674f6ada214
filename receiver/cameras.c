/* SPDX-License-Identifier: MIT */
#include "receiver/cameras.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

struct sl_cameras_item {
    struct sl_camera *camera;
    struct sl_cameras_item *next;
};

void sl_cameras_init(struct sl_cameras *cameras, const struct sl_camera_config *config, int limit)
{
    *cameras = (struct sl_cameras){.config = *config, .limit = limit};
}

static void free_cameras(struct sl_cameras *cameras, bool all)
{
    struct sl_cameras_item **at = &cameras->first;
    while (*at) {
        struct sl_cameras_item *item = *at;
        if (!all && (!sl_camera_is_removed(item->camera) || !sl_camera_is_empty(item->camera))) {
            at = &item->next;
            continue;
        }
        *at = item->next;
        sl_camera_destroy(item->camera);
        free(item);
    }
}

void sl_cameras_fini(struct sl_cameras *cameras)
{
    free_cameras(cameras, true);
}

void sl_cameras_sweep(struct sl_cameras *cameras)
{
    free_cameras(cameras, false);
    for (struct sl_cameras_item *item = cameras->first; item; item = item->next)
        sl_camera_rest(item->camera);
}

static struct sl_camera *add(struct sl_cameras *cameras, const char *name)
{
    if (cameras->count >= cameras->limit) {
        sl_error("camera %s: left out, at most %d cameras", name, cameras->limit);
        return NULL;
    }
    struct sl_cameras_item *item = calloc(1, sizeof(*item));
    if (!item || sl_camera_create(&item->camera, &cameras->config, name) != 0) {
        sl_error("camera %s: left out, out of memory", name);
        free(item);
        return NULL;
    }
    item->next = cameras->first;
    cameras->first = item;
    cameras->count++;
    return item->camera;
}

static void update(struct sl_cameras *cameras, const struct sl_camera_entry *entry)
{
    struct sl_camera *camera = sl_cameras_find(cameras, entry->name);
    if (!camera)
        camera = add(cameras, entry->name);
    if (camera)
        sl_camera_update(camera, entry);
}

void sl_cameras_apply(struct sl_cameras *cameras, const struct sl_snapshot *snapshot)
{
    for (int i = 0; i < snapshot->camera_count; i++)
        update(cameras, &snapshot->cameras[i]);
    for (struct sl_cameras_item *item = cameras->first; item; item = item->next) {
        if (sl_camera_is_removed(item->camera) ||
            sl_snapshot_camera(snapshot, sl_camera_name(item->camera)))
            continue;
        sl_camera_remove(item->camera);
        cameras->count--;
    }
}

struct sl_camera *sl_cameras_find(const struct sl_cameras *cameras, const char *name)
{
    for (const struct sl_cameras_item *item = cameras->first; item; item = item->next)
        if (!sl_camera_is_removed(item->camera) && strcmp(sl_camera_name(item->camera), name) == 0)
            return item->camera;
    return NULL;
}

int sl_cameras_live(const struct sl_cameras *cameras)
{
    int live = 0;
    for (const struct sl_cameras_item *item = cameras->first; item; item = item->next)
        live += sl_camera_is_live(item->camera);
    return live;
}
