/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/time.h"
#include "receiver/amount.h"
#include "receiver/recordings_command.h"
#include "receiver/wall_clock.h"
#include "receiver/when.h"

#define PAGE_ROWS 500

static int print_json(FILE *out, cJSON *json)
{
    char *text = cJSON_PrintUnformatted(json);
    const int err = text ? fprintf(out, "%s\n", text) < 0 : 1;
    cJSON_free(text);
    cJSON_Delete(json);
    return err;
}

/* One object a line, so that a million need no memory. */
static int print_row_json(FILE *out, const struct sl_segment_row *row)
{
    const struct sl_segment_info *info = &row->info;
    char start[SL_WHEN_TEXT], end[SL_WHEN_TEXT];
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "uuid", info->meta.uuid);
    cJSON_AddStringToObject(json, "camera", info->meta.camera);
    cJSON_AddStringToObject(json, "location", info->meta.location);
    cJSON_AddStringToObject(json, "start", sl_when_text(info->meta.start_us, start));
    cJSON_AddStringToObject(json, "end",
                            sl_when_text(info->meta.start_us + info->duration_us, end));
    cJSON_AddNumberToObject(json, "duration_s", (double)info->duration_us / 1e6);
    cJSON_AddNumberToObject(json, "bytes", (double)info->bytes);
    cJSON_AddNumberToObject(json, "frames", (double)info->frames);
    cJSON_AddNumberToObject(json, "gaps", info->gaps);
    cJSON_AddNumberToObject(json, "gaps_s", (double)info->gaps_us / 1e6);
    cJSON_AddBoolToObject(json, "open", row->open);
    cJSON_AddBoolToObject(json, "locked", row->locked);
    cJSON_AddStringToObject(json, "path", row->path);
    return print_json(out, json);
}

static int print_row(FILE *out, const struct sl_segment_row *row)
{
    const struct sl_segment_info *info = &row->info;
    char start[SL_WHEN_TEXT], end[SL_WHEN_TEXT], size[SL_AMOUNT_TEXT], gaps[48] = "";
    if (info->gaps > 0)
        snprintf(gaps, sizeof(gaps), "\t%d gaps, %.1f s", info->gaps, (double)info->gaps_us / 1e6);
    return fprintf(out, "%s\t%s\t%s\t%.1f s\t%s\t%s%s%s%s\n", info->meta.camera,
                   sl_when_text(info->meta.start_us, start),
                   sl_when_text(info->meta.start_us + info->duration_us, end),
                   (double)info->duration_us / 1e6, sl_amount_size(info->bytes, size), row->path,
                   row->open ? "\trecording" : "", row->locked ? "\tlocked" : "", gaps) < 0;
}

int sl_recordings_list(const struct sl_recordings *recordings)
{
    const struct sl_segment_filter filter = {.camera = recordings->options->camera,
                                             .from_us = recordings->from_us,
                                             .to_us = recordings->to_us};
    struct sl_catalogue_cursor cursor = {0};
    struct sl_segment_row *rows = calloc(PAGE_ROWS, sizeof(*rows));
    int count = rows ? PAGE_ROWS : -1, failed = 0;
    while (count == PAGE_ROWS && !failed) {
        count = sl_catalogue_page(recordings->catalogue, &filter, &cursor, rows, PAGE_ROWS);
        for (int i = 0; i < count && !failed; i++)
            failed = recordings->options->json ? print_row_json(recordings->out, &rows[i])
                                               : print_row(recordings->out, &rows[i]);
    }
    return sl_recordings_end(recordings, rows, failed, count);
}

/* ---- retention --dry-run ---- */

struct dry_run {
    const struct sl_recordings *recordings;
    const struct sl_retention *retention;
    int64_t files, bytes;
};

static int print_victim(void *ctx, const struct sl_segment_row *row, enum sl_retention_why why)
{
    struct dry_run *run = ctx;
    char start[SL_WHEN_TEXT], text[64];
    const struct sl_retention_row of = {.camera = row->info.meta.camera};
    fprintf(run->recordings->out, "%s\t%s\t%s\t%" PRId64 "\t%s\n", row->path, row->info.meta.camera,
            sl_when_text(row->info.meta.start_us, start), row->info.bytes,
            sl_retention_text(run->retention, &of, why, text));
    run->files++;
    run->bytes += row->info.bytes;
    return 0;
}

/* As the receiver would judge it. */
static int64_t age_now(const struct sl_recordings *recordings, struct sl_retention_clock *clock)
{
    char now[SL_WHEN_TEXT], known[SL_WHEN_TEXT];
    const int64_t age_now_us = sl_retention_clock_look(clock, recordings->now_us, sl_time_now(),
                                                       sl_wall_clock_state() == SL_CLOCK_SYNCED);
    if (clock->doubted)
        fprintf(recordings->err,
                "sightline-receiver: the clock says %s and is not synchronised: ages are counted "
                "as of %s\n",
                sl_when_text(recordings->now_us, now), sl_when_text(age_now_us, known));
    return age_now_us;
}

int sl_recordings_dry_run(const struct sl_recordings *recordings)
{
    struct sl_storage storage = {.dir = -1};
    struct sl_store *store = NULL;
    struct sl_retention retention = {.now_us = 0};
    struct sl_retention_clock clock = {0};
    struct dry_run run = {.recordings = recordings, .retention = &retention};
    char why[SL_STORE_WHY] = "", size[SL_AMOUNT_TEXT];
    int err = sl_storage_open(&storage, recordings->path, recordings->catalogue, why);
    if (err == 0)
        err = sl_store_open(&store, recordings->options->data, false, why);
    if (err == 0)
        err = sl_retention_clock_load(&clock, recordings->catalogue);
    if (err == 0)
        err = sl_retention_load(&retention, &recordings->config, recordings->catalogue, store,
                                &storage, age_now(recordings, &clock));
    if (err == 0)
        err = sl_retention_walk(&retention, recordings->catalogue, print_victim, &run);
    sl_retention_free(&retention);
    sl_store_close(store);
    sl_storage_close(&storage);
    if (err != 0)
        return sl_recordings_fail(recordings, *why ? why : sl_catalogue_why(recordings->catalogue));
    fprintf(recordings->out, "%" PRId64 " recordings, %s, would be deleted\n", run.files,
            sl_amount_size(run.bytes, size));
    return 0;
}
