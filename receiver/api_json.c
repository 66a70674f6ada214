/* SPDX-License-Identifier: MIT */
#include "receiver/api_json.h"

#include <cjson/cJSON.h>
#include <stdio.h>

static void add_time(cJSON *object, const char *key, int64_t us)
{
    char text[SL_API_TIME_TEXT];
    sl_api_time_text(us, text);
    cJSON_AddStringToObject(object, key, text);
}

static void add_segment(cJSON *object, const struct sl_segment_row *row)
{
    static const char *const clocks[] = {
        [SL_CLOCK_UNKNOWN] = "unknown", [SL_CLOCK_FREE] = "free", [SL_CLOCK_SYNCED] = "synced"};
    const struct sl_segment_info *info = &row->info;
    char media[64];
    snprintf(media, sizeof(media), "/api/v1/segments/%s/media", info->meta.uuid);
    cJSON_AddStringToObject(object, "uuid", info->meta.uuid);
    cJSON_AddStringToObject(object, "camera", info->meta.camera);
    cJSON_AddStringToObject(object, "location", info->meta.location);
    add_time(object, "start", info->meta.start_us);
    add_time(object, "end", info->meta.start_us + info->duration_us);
    cJSON_AddNumberToObject(object, "duration", (double)info->duration_us / 1e6);
    cJSON_AddNumberToObject(object, "bytes", (double)info->bytes);
    cJSON_AddNumberToObject(object, "frames", (double)info->frames);
    cJSON_AddNumberToObject(object, "width", info->width);
    cJSON_AddNumberToObject(object, "height", info->height);
    cJSON_AddBoolToObject(object, "sound", info->sound);
    cJSON_AddNumberToObject(object, "gaps", info->gaps);
    cJSON_AddNumberToObject(object, "gaps_duration", (double)info->gaps_us / 1e6);
    cJSON_AddStringToObject(object, "clock",
                            clocks[info->meta.clock < SL_COUNT(clocks) ? info->meta.clock : 0]);
    cJSON_AddBoolToObject(object, "open", row->open);
    cJSON_AddBoolToObject(object, "locked", row->locked);
    cJSON_AddStringToObject(object, "media", media);
}

static void add_event(cJSON *object, const struct sl_catalogue_event *row)
{
    cJSON_AddNumberToObject(object, "id", (double)row->id);
    cJSON_AddStringToObject(object, "camera", row->camera);
    cJSON_AddStringToObject(object, "type", row->type);
    add_time(object, "start", row->start_us);
    if (row->end_us)
        add_time(object, "end", row->end_us);
    cJSON_AddNumberToObject(object, "score", row->score);
    if (row->detail[0])
        cJSON_AddStringToObject(object, "detail", row->detail);
}

static void add_mark(cJSON *object, const struct sl_catalogue_mark *row)
{
    cJSON_AddNumberToObject(object, "id", (double)row->id);
    cJSON_AddStringToObject(object, "camera", row->camera);
    add_time(object, "at", row->at_us);
    cJSON_AddStringToObject(object, "text", row->text);
}

/* Fewer than asked for: there are no more. */
static char *finish(cJSON *root, const struct sl_api_query *query, int count,
                    const struct sl_catalogue_cursor *next)
{
    char cursor[SL_API_CURSOR_TEXT], *text = NULL;
    bool ok = root != NULL;
    if (ok && count == query->limit) {
        sl_api_cursor_text(query, next, cursor);
        ok = cJSON_AddStringToObject(root, "next", cursor) != NULL;
    }
    if (ok)
        text = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    return text;
}

static cJSON *add_object(cJSON *list)
{
    cJSON *object = cJSON_CreateObject();
    if (object && !cJSON_AddItemToArray(list, object)) {
        cJSON_Delete(object);
        object = NULL;
    }
    return object;
}

char *sl_api_segments_json(const struct sl_api_query *query, const struct sl_segment_row *rows,
                           int count, const struct sl_catalogue_cursor *next)
{
    cJSON *root = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(root, "segments");
    for (int i = 0; i < count; i++)
        add_segment(add_object(list), &rows[i]);
    return finish(root, query, count, next);
}

char *sl_api_events_json(const struct sl_api_query *query, const struct sl_catalogue_event *rows,
                         int count, const struct sl_catalogue_cursor *next)
{
    cJSON *root = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(root, "events");
    for (int i = 0; i < count; i++)
        add_event(add_object(list), &rows[i]);
    return finish(root, query, count, next);
}

char *sl_api_marks_json(const struct sl_api_query *query, const struct sl_catalogue_mark *rows,
                        int count, const struct sl_catalogue_cursor *next)
{
    cJSON *root = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(root, "marks");
    for (int i = 0; i < count; i++)
        add_mark(add_object(list), &rows[i]);
    return finish(root, query, count, next);
}
