/* SPDX-License-Identifier: MIT */
#include "receiver/retention.h"

#include <stdio.h>
#include <string.h>

#include "receiver/amount.h"

static struct sl_retention_camera *find(const struct sl_retention *retention, const char *name)
{
    for (int i = 0; i < retention->camera_count; i++)
        if (strcmp(retention->cameras[i].name, name) == 0)
            return &retention->cameras[i];
    return NULL;
}

int64_t sl_retention_keep(const struct sl_retention *retention,
                          const struct sl_retention_camera *camera)
{
    return camera && camera->limits.keep_us != SL_RETENTION_AS_ALL ? camera->limits.keep_us
                                                                   : retention->limits.keep_us;
}

enum sl_retention_why sl_retention_of_camera(struct sl_retention *retention,
                                             struct sl_retention_camera *camera,
                                             const struct sl_retention_row *row)
{
    const int64_t keep_us = sl_retention_keep(retention, camera);
    enum sl_retention_why why = SL_RETENTION_STAYS;
    if (keep_us > 0 && row->end_us < retention->now_us - keep_us)
        why = SL_RETENTION_OLD;
    else if (camera->limits.keep_bytes > 0 && camera->bytes > camera->limits.keep_bytes)
        why = SL_RETENTION_CAMERA_BYTES;
    if (why == SL_RETENTION_STAYS)
        return why;
    sl_retention_let_go(retention, row);
    camera->gone_start_us = row->start_us;
    camera->gone_id = row->id;
    return why;
}

enum sl_retention_why sl_retention_of_all(const struct sl_retention *retention)
{
    if (retention->limits.keep_bytes > 0 && retention->bytes > retention->limits.keep_bytes)
        return SL_RETENTION_BYTES;
    if (retention->min_free > 0 && retention->free_bytes < retention->min_free)
        return SL_RETENTION_FREE;
    return SL_RETENTION_STAYS;
}

bool sl_retention_went(const struct sl_retention *retention, const struct sl_retention_row *row)
{
    const struct sl_retention_camera *camera = find(retention, row->camera);
    if (!camera || camera->gone_id == 0)
        return false;
    return row->start_us != camera->gone_start_us ? row->start_us < camera->gone_start_us
                                                  : row->id <= camera->gone_id;
}

void sl_retention_let_go(struct sl_retention *retention, const struct sl_retention_row *row)
{
    struct sl_retention_camera *camera = find(retention, row->camera);
    if (camera)
        camera->bytes -= row->bytes;
    retention->bytes -= row->bytes;
    retention->free_bytes += row->bytes;
}

const char *sl_retention_text(const struct sl_retention *retention,
                              const struct sl_retention_row *row, enum sl_retention_why why,
                              char out[64])
{
    const struct sl_retention_camera *camera = find(retention, row->camera);
    char amount[SL_AMOUNT_TEXT];
    switch (why) {
    case SL_RETENTION_STAYS:
        snprintf(out, 64, "stays");
        break;
    case SL_RETENTION_OLD:
        snprintf(out, 64, "older than %s",
                 sl_amount_duration(sl_retention_keep(retention, camera), amount));
        break;
    case SL_RETENTION_CAMERA_BYTES:
        snprintf(out, 64, "the camera has more than %s",
                 sl_amount_size(camera ? camera->limits.keep_bytes : 0, amount));
        break;
    case SL_RETENTION_BYTES:
        snprintf(out, 64, "all have more than %s",
                 sl_amount_size(retention->limits.keep_bytes, amount));
        break;
    case SL_RETENTION_FREE:
        snprintf(out, 64, "less than %s free", sl_amount_size(retention->min_free, amount));
        break;
    }
    return out;
}

int64_t sl_retention_floor(bool given, int64_t min_free, int64_t total_bytes)
{
    return given || min_free < total_bytes / 10 ? min_free : total_bytes / 10;
}
