/* SPDX-License-Identifier: MIT */
#include "receiver/directory.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct sl_directory {
    char tag[32], etag[64];
    uint64_t version;
    char *json; /* of this version, or NULL */
    int count;
    struct sl_directory_camera cameras[SL_STORE_CAMERAS_MAX]; /* by name */
};

static void changed(struct sl_directory *directory)
{
    directory->version++;
    snprintf(directory->etag, sizeof(directory->etag), "W/\"%s-%" PRIu64 "\"", directory->tag,
             directory->version);
    cJSON_free(directory->json);
    directory->json = NULL;
}

int sl_directory_create(struct sl_directory **ret, const char *tag)
{
    struct sl_directory *directory = calloc(1, sizeof(*directory));
    if (!directory)
        return -ENOMEM;
    snprintf(directory->tag, sizeof(directory->tag), "%s", tag);
    changed(directory);
    *ret = directory;
    return 0;
}

void sl_directory_destroy(struct sl_directory *directory)
{
    if (!directory)
        return;
    cJSON_free(directory->json);
    free(directory);
}

const struct sl_directory_camera *sl_directory_find(const struct sl_directory *directory,
                                                    const char *name)
{
    for (int i = 0; i < directory->count; i++)
        if (strcmp(directory->cameras[i].entry.name, name) == 0)
            return &directory->cameras[i];
    return NULL;
}

static bool same_entry(const struct sl_camera_entry *a, const struct sl_camera_entry *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->location, b->location) == 0 &&
           a->created_us == b->created_us && a->record.mode == b->record.mode &&
           a->record.pre == b->record.pre && a->record.post == b->record.post;
}

bool sl_directory_apply(struct sl_directory *directory, const struct sl_snapshot *snapshot,
                        int64_t now_us)
{
    bool same = snapshot->camera_count == directory->count;
    for (int i = 0; same && i < directory->count; i++)
        same = same_entry(&directory->cameras[i].entry, &snapshot->cameras[i]);
    if (same)
        return false;

    static const struct sl_directory_camera none;
    struct sl_directory_camera *fresh = calloc(SL_STORE_CAMERAS_MAX, sizeof(*fresh));
    if (!fresh)
        return false; /* the next look at the store tries again */
    for (int i = 0; i < snapshot->camera_count; i++) {
        const struct sl_directory_camera *known =
            sl_directory_find(directory, snapshot->cameras[i].name);
        fresh[i] = known ? *known : none;
        fresh[i].entry = snapshot->cameras[i];
        if (!known)
            fresh[i].since_us = now_us;
    }
    memcpy(directory->cameras, fresh, sizeof(directory->cameras));
    directory->count = snapshot->camera_count;
    free(fresh);
    changed(directory);
    return true;
}

bool sl_directory_state(struct sl_directory *directory, const char *name, bool live, bool sub,
                        int64_t since_us, const char *h264_profile)
{
    struct sl_directory_camera *camera =
        (struct sl_directory_camera *)sl_directory_find(directory, name);
    if (!camera)
        return false; /* removed meanwhile */
    snprintf(camera->h264_profile, sizeof(camera->h264_profile), "%s", h264_profile);
    if (camera->live == live && camera->sub == sub && camera->since_us == since_us)
        return false;
    camera->live = live;
    camera->sub = sub;
    camera->since_us = since_us;
    changed(directory);
    return true;
}

bool sl_directory_motion(struct sl_directory *directory, const char *name, bool moving,
                         int64_t since_us)
{
    struct sl_directory_camera *camera =
        (struct sl_directory_camera *)sl_directory_find(directory, name);
    if (!camera || (camera->moving == moving && camera->moving_since_us == since_us))
        return false;
    camera->moving = moving;
    camera->moving_since_us = since_us;
    changed(directory);
    return true;
}

bool sl_directory_device(struct sl_directory *directory, const char *name, bool away)
{
    struct sl_directory_camera *camera =
        (struct sl_directory_camera *)sl_directory_find(directory, name);
    if (!camera || camera->away == away)
        return false;
    camera->away = away;
    changed(directory);
    return true;
}

void sl_directory_snapshot(struct sl_directory *directory, const char *name, int64_t at_us)
{
    struct sl_directory_camera *camera =
        (struct sl_directory_camera *)sl_directory_find(directory, name);
    if (!camera || camera->snapshot_us == at_us)
        return;
    camera->snapshot_us = at_us;
    cJSON_free(directory->json);
    directory->json = NULL;
}

const struct sl_directory_camera *sl_directory_at(const struct sl_directory *directory, int i)
{
    return i < directory->count ? &directory->cameras[i] : NULL;
}

/* RFC 3339, UTC, milliseconds. */
static void write_time(int64_t us, char out[40])
{
    const time_t seconds = (time_t)(us / 1000000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    const size_t len = strftime(out, 40, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + len, 40 - len, ".%03dZ", (int)(us / 1000 % 1000));
}

/* Of a live camera with more than one. */
static bool add_layers(cJSON *object, const struct sl_directory_camera *camera)
{
    static const char *const both[] = {"main", "sub"};
    if (!camera->live || !camera->sub)
        return true;
    cJSON *layers = cJSON_CreateStringArray(both, SL_COUNT(both));
    if (cJSON_AddItemToObject(object, "layers", layers))
        return true;
    cJSON_Delete(layers);
    return false;
}

static bool add_record(cJSON *object, const struct sl_record_rule *rule)
{
    static const char *const modes[] = {
        [SL_RECORD_ALWAYS] = "always", [SL_RECORD_MOTION] = "motion", [SL_RECORD_OFF] = "off"};
    cJSON *record = cJSON_AddObjectToObject(object, "record");
    return record && cJSON_AddStringToObject(record, "mode", modes[rule->mode]) &&
           cJSON_AddNumberToObject(record, "pre", (double)rule->pre / (double)SL_SEC) &&
           cJSON_AddNumberToObject(record, "post", (double)rule->post / (double)SL_SEC);
}

/* If there is a picture of it. */
static bool add_snapshot(cJSON *object, const struct sl_directory_camera *camera)
{
    char taken[40], url[80];
    if (camera->snapshot_us == 0)
        return true;
    write_time(camera->snapshot_us, taken);
    snprintf(url, sizeof(url), "/api/v1/cameras/%s/snapshot.jpg", camera->entry.name);
    cJSON *snapshot = cJSON_AddObjectToObject(object, "snapshot");
    return snapshot && cJSON_AddStringToObject(snapshot, "time", taken) &&
           cJSON_AddStringToObject(snapshot, "url", url);
}

static bool add_camera(cJSON *list, const struct sl_directory_camera *camera)
{
    char since[40], moving_since[40];
    write_time(camera->since_us, since);
    write_time(camera->moving_since_us, moving_since);
    cJSON *object = cJSON_CreateObject();
    if (!object || !cJSON_AddItemToArray(list, object)) {
        cJSON_Delete(object);
        return false;
    }
    return cJSON_AddStringToObject(object, "name", camera->entry.name) &&
           cJSON_AddStringToObject(object, "location", camera->entry.location) &&
           cJSON_AddStringToObject(object, "state", camera->live ? "live" : "offline") &&
           cJSON_AddStringToObject(object, "since", since) && add_layers(object, camera) &&
           cJSON_AddBoolToObject(object, "signal", camera->live && !camera->away) &&
           cJSON_AddBoolToObject(object, "motion", camera->moving) &&
           (camera->moving_since_us == 0 ||
            cJSON_AddStringToObject(object, "motion_since", moving_since)) &&
           add_record(object, &camera->entry.record) && add_snapshot(object, camera);
}

const char *sl_directory_json(struct sl_directory *directory)
{
    if (directory->json)
        return directory->json;
    cJSON *root = cJSON_CreateObject();
    cJSON *list = NULL;
    bool ok = root && cJSON_AddNumberToObject(root, "version", (double)directory->version) &&
              (list = cJSON_AddArrayToObject(root, "cameras")) != NULL;
    for (int i = 0; ok && i < directory->count; i++)
        ok = add_camera(list, &directory->cameras[i]);
    if (ok)
        directory->json = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    return directory->json;
}

const char *sl_directory_etag(const struct sl_directory *directory)
{
    return directory->etag;
}
