/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "receiver/amount.h"
#include "receiver/recordings_command.h"
#include "receiver/usage.h"
#include "receiver/when.h"

#define CAMERAS_MAX 1024
#define HOUR_US (3600 * INT64_C(1000000))
#define HOURS 24

struct figures {
    const struct sl_recordings *recordings;
    struct sl_catalogue_camera *cameras;
    int64_t *day_bytes; /* of each camera, lately */
    int count;
    int64_t hours[HOURS]; /* of all, the oldest first */
    struct sl_usage usage;
    struct sl_usage_forecast forecast;
};

static int read_hours(struct figures *figures)
{
    const struct sl_recordings *r = figures->recordings;
    int err = 0;
    for (int i = 0; i < HOURS && err == 0; i++) {
        const int64_t from = r->now_us - (HOURS - i) * HOUR_US;
        err = sl_catalogue_bytes(r->catalogue, NULL, from, from + HOUR_US, &figures->hours[i]);
    }
    for (int i = 0; i < figures->count && err == 0; i++)
        err = sl_catalogue_bytes(r->catalogue, figures->cameras[i].name,
                                 r->now_us - HOURS * HOUR_US, r->now_us, &figures->day_bytes[i]);
    return err;
}

/* What was recorded in the last day, over the hours since the first of it. */
static int64_t per_hour(const struct figures *figures, int64_t bytes, int64_t oldest_us)
{
    const int64_t since = (figures->recordings->now_us - oldest_us + HOUR_US - 1) / HOUR_US;
    return bytes / (since < 1 ? 1 : since > HOURS ? HOURS : since);
}

static void sum_up(struct figures *figures)
{
    const struct sl_retention_config *config = &figures->recordings->config;
    struct sl_usage *usage = &figures->usage;
    int64_t day_bytes = 0, oldest_us = 0;
    *usage = (struct sl_usage){.now_us = figures->recordings->now_us,
                               .keep_bytes = config->limits.keep_bytes,
                               .free_bytes = -1};
    for (int i = 0; i < figures->count; i++) {
        usage->bytes += figures->cameras[i].bytes;
        const int64_t oldest = figures->cameras[i].oldest_us;
        if (oldest && (!oldest_us || oldest < oldest_us))
            oldest_us = oldest;
        day_bytes += figures->day_bytes[i];
    }
    usage->bytes_per_hour = per_hour(figures, day_bytes, oldest_us);
}

/* By each camera's own rule. */
static int look_at_ages(struct figures *figures, char *why)
{
    const struct sl_recordings *r = figures->recordings;
    struct sl_retention rules = {0};
    struct sl_store *store = NULL;
    int err = sl_store_open(&store, r->options->data, false, why);
    if (err == 0)
        err = sl_retention_load(&rules, &r->config, r->catalogue, store, NULL, r->now_us);
    for (int i = 0; i < rules.camera_count && err == 0; i++) {
        const int64_t keep_us = sl_retention_keep(&rules, &rules.cameras[i]);
        int64_t end_us = 0;
        err = sl_catalogue_first_unlocked(r->catalogue, rules.cameras[i].name, &end_us);
        if (err == -ENOENT) {
            err = 0;
            continue;
        }
        int64_t *expires_us = &figures->usage.expires_us;
        if (err == 0 && keep_us > 0 && (!*expires_us || end_us + keep_us < *expires_us))
            *expires_us = end_us + keep_us;
    }
    sl_retention_free(&rules);
    sl_store_close(store);
    return err;
}

static void look_at_disk(struct figures *figures, char *why)
{
    const struct sl_recordings *r = figures->recordings;
    struct sl_storage storage = {.dir = -1};
    int64_t total = 0;
    if (sl_storage_open(&storage, r->path, r->catalogue, why) != 0)
        return;
    if (sl_storage_free(&storage, &figures->usage.free_bytes, &total) == 0)
        figures->usage.min_free =
            sl_retention_floor(r->config.min_free_given, r->config.min_free, total);
    sl_storage_close(&storage);
}

static const char *forecast_text(const struct sl_usage_forecast *forecast, char out[160])
{
    static const char *const reasons[] = {[SL_USAGE_NEVER] = "",
                                          [SL_USAGE_AGE] = "by age",
                                          [SL_USAGE_BYTES] = "as --keep-bytes is reached",
                                          [SL_USAGE_FREE] = "as --min-free is reached"};
    char when[SL_WHEN_TEXT];
    if (forecast->why == SL_USAGE_NEVER)
        snprintf(out, 160, "nothing will be deleted as it goes now");
    else
        snprintf(out, 160, "the oldest is deleted from %s on, %s",
                 sl_when_text(forecast->at_us, when), reasons[forecast->why]);
    return out;
}

/* With --camera that one is shown alone; the sums and the forecast are of all. */
static bool wanted(const struct figures *figures, const struct sl_catalogue_camera *camera)
{
    const char *name = figures->recordings->options->camera;
    return !name || strcmp(name, camera->name) == 0;
}

static void print_text(const struct figures *figures, const char *why)
{
    FILE *out = figures->recordings->out;
    const struct sl_usage *usage = &figures->usage;
    char a[SL_AMOUNT_TEXT], b[SL_AMOUNT_TEXT], c[SL_AMOUNT_TEXT], when[SL_WHEN_TEXT], text[160];
    fprintf(out, "camera\tbytes\tlocked\tper hour\trecordings\toldest\n");
    for (int i = 0; i < figures->count; i++) {
        const struct sl_catalogue_camera *camera = &figures->cameras[i];
        if (!wanted(figures, camera))
            continue;
        fprintf(out, "%s\t%s\t%s\t%s\t%" PRId64 "\t%s\n", camera->name,
                sl_amount_size(camera->bytes, a), sl_amount_size(camera->locked_bytes, b),
                sl_amount_size(per_hour(figures, figures->day_bytes[i], camera->oldest_us), c),
                camera->segments, camera->oldest_us ? sl_when_text(camera->oldest_us, when) : "-");
    }
    fprintf(out, "all\t%s, %s per hour lately\n", sl_amount_size(usage->bytes, a),
            sl_amount_size(usage->bytes_per_hour, b));
    if (usage->free_bytes >= 0)
        fprintf(out, "disk\t%s free, %s of it are kept free\n",
                sl_amount_size(usage->free_bytes, a), sl_amount_size(usage->min_free, b));
    else
        fprintf(out, "disk\t%s\n", why);
    fprintf(out, "forecast\t%s\n", forecast_text(&figures->forecast, text));
}

static cJSON *camera_json(const struct sl_catalogue_camera *camera, int64_t day_bytes)
{
    char when[SL_WHEN_TEXT];
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "name", camera->name);
    cJSON_AddNumberToObject(json, "bytes", (double)camera->bytes);
    cJSON_AddNumberToObject(json, "locked_bytes", (double)camera->locked_bytes);
    cJSON_AddNumberToObject(json, "last_day_bytes", (double)day_bytes);
    cJSON_AddNumberToObject(json, "recordings", (double)camera->segments);
    if (camera->oldest_us)
        cJSON_AddStringToObject(json, "oldest", sl_when_text(camera->oldest_us, when));
    return json;
}

static int print_json(const struct figures *figures)
{
    const struct sl_usage *usage = &figures->usage;
    char text[160], when[SL_WHEN_TEXT];
    cJSON *json = cJSON_CreateObject(), *cameras = cJSON_AddArrayToObject(json, "cameras"),
          *hours = cJSON_AddArrayToObject(json, "hours");
    for (int i = 0; i < figures->count; i++)
        if (wanted(figures, &figures->cameras[i]))
            cJSON_AddItemToArray(cameras, camera_json(&figures->cameras[i], figures->day_bytes[i]));
    for (int i = 0; i < HOURS; i++)
        cJSON_AddItemToArray(hours, cJSON_CreateNumber((double)figures->hours[i]));
    cJSON_AddNumberToObject(json, "bytes", (double)usage->bytes);
    cJSON_AddNumberToObject(json, "bytes_per_hour", (double)usage->bytes_per_hour);
    if (usage->free_bytes >= 0) {
        cJSON_AddNumberToObject(json, "free_bytes", (double)usage->free_bytes);
        cJSON_AddNumberToObject(json, "min_free", (double)usage->min_free);
    }
    if (figures->forecast.why != SL_USAGE_NEVER)
        cJSON_AddStringToObject(json, "deletes_from", sl_when_text(figures->forecast.at_us, when));
    cJSON_AddStringToObject(json, "forecast", forecast_text(&figures->forecast, text));
    char *printed = cJSON_PrintUnformatted(json);
    const int err = printed ? fprintf(figures->recordings->out, "%s\n", printed) < 0 : 1;
    cJSON_free(printed);
    cJSON_Delete(json);
    return err;
}

int sl_recordings_usage(const struct sl_recordings *recordings)
{
    struct figures figures = {.recordings = recordings,
                              .cameras = calloc(CAMERAS_MAX, sizeof(*figures.cameras)),
                              .day_bytes = calloc(CAMERAS_MAX, sizeof(*figures.day_bytes))};
    char why[SL_STORE_WHY] = "out of memory";
    int err = figures.cameras && figures.day_bytes ? 0 : -1;
    if (err == 0) {
        figures.count = sl_catalogue_cameras(recordings->catalogue, figures.cameras, CAMERAS_MAX);
        err = figures.count < 0 ? figures.count : read_hours(&figures);
        snprintf(why, sizeof(why), "%.200s", sl_catalogue_why(recordings->catalogue));
    }
    if (err == 0) {
        sum_up(&figures);
        err = look_at_ages(&figures, why);
    }
    if (err == 0) {
        look_at_disk(&figures, why);
        figures.forecast = sl_usage_forecast(&figures.usage);
        if (recordings->options->json)
            err = print_json(&figures);
        else
            print_text(&figures, why);
    }
    free(figures.cameras);
    free(figures.day_bytes);
    return err != 0 ? sl_recordings_fail(recordings, why) : 0;
}
