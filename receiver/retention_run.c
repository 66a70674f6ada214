/* SPDX-License-Identifier: MIT */
#include "receiver/retention_run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "receiver/segment_file.h"
#include "receiver/storage_walk.h"

#define CAMERAS_MAX (4 * SL_STORE_CAMERAS_MAX) /* with those that were removed */
#define PAGE_ROWS 64
#define CLOCK_KEY "clock_us"

_Static_assert(SL_RETENTION_AS_ALL == SL_STORE_AS_ALL, "one word for it");

/* ---- What there is ---- */

static void load_camera(struct sl_retention *retention, const struct sl_catalogue_camera *row,
                        const struct sl_snapshot *accounts)
{
    struct sl_retention_camera *camera = &retention->cameras[retention->camera_count++];
    const struct sl_camera_entry *entry = sl_snapshot_camera(accounts, row->name);
    *camera = (struct sl_retention_camera){.limits = {.keep_us = SL_RETENTION_AS_ALL},
                                           .bytes = row->bytes,
                                           .segments = row->segments,
                                           .locked_bytes = row->locked_bytes};
    snprintf(camera->name, sizeof(camera->name), "%s", row->name);
    if (entry) {
        camera->limits.keep_us = entry->keep_us;
        camera->limits.keep_bytes = entry->keep_bytes > 0 ? entry->keep_bytes : 0;
    }
    retention->bytes += row->bytes;
}

static int load_cameras(struct sl_retention *retention, struct sl_catalogue *catalogue,
                        struct sl_store *store)
{
    struct sl_snapshot *accounts = NULL;
    struct sl_catalogue_camera *rows = calloc(CAMERAS_MAX, sizeof(*rows));
    retention->cameras = calloc(CAMERAS_MAX, sizeof(*retention->cameras));
    int count = rows && retention->cameras ? sl_store_snapshot(store, &accounts) : -ENOMEM;
    if (count == 0)
        count = sl_catalogue_cameras(catalogue, rows, CAMERAS_MAX);
    for (int i = 0; i < count; i++)
        load_camera(retention, &rows[i], accounts);
    free(accounts);
    free(rows);
    return count < 0 ? count : 0;
}

int sl_retention_load(struct sl_retention *ret, const struct sl_retention_config *config,
                      struct sl_catalogue *catalogue, struct sl_store *store,
                      const struct sl_storage *storage, int64_t age_now_us)
{
    struct sl_retention retention = {.now_us = age_now_us, .limits = config->limits};
    int64_t total = 0;
    int err = storage ? sl_storage_free(storage, &retention.free_bytes, &total) : 0;
    if (storage)
        retention.min_free = sl_retention_floor(config->min_free_given, config->min_free, total);
    if (err == 0)
        err = load_cameras(&retention, catalogue, store);
    if (err != 0)
        sl_retention_free(&retention);
    else
        *ret = retention;
    return err;
}

void sl_retention_free(struct sl_retention *retention)
{
    free(retention->cameras);
    retention->cameras = NULL;
    retention->camera_count = 0;
}

/* ---- The time ---- */

int sl_retention_clock_load(struct sl_retention_clock *ret, struct sl_catalogue *catalogue)
{
    char text[24];
    int64_t known_us = 0;
    int err = sl_catalogue_meta_get(catalogue, CLOCK_KEY, text, sizeof(text));
    if (err == 0)
        known_us = strtoll(text, NULL, 10);
    else if (err == -ENOENT)
        err = sl_catalogue_newest(catalogue, &known_us);
    if (err != 0 && err != -ENOENT)
        return err;
    *ret = (struct sl_retention_clock){.known_us = known_us};
    return 0;
}

int sl_retention_clock_save(const struct sl_retention_clock *clock, struct sl_catalogue *catalogue)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, clock->known_us);
    return sl_catalogue_meta_set(catalogue, CLOCK_KEY, text);
}

/* ---- The walk ---- */

static struct sl_retention_row row_of(const struct sl_segment_row *row)
{
    const struct sl_segment_info *info = &row->info;
    return (struct sl_retention_row){.id = row->id,
                                     .start_us = info->meta.start_us,
                                     .end_us = info->meta.start_us + info->duration_us,
                                     .bytes = info->bytes,
                                     .camera = info->meta.camera};
}

/* Its bytes are back in the sums. */
static void stays_after_all(struct sl_retention *retention, const struct sl_retention_row *row)
{
    struct sl_retention_row back = *row;
    back.bytes = -row->bytes;
    sl_retention_let_go(retention, &back);
}

static int hand_over(struct sl_retention *retention, const struct sl_segment_row *segment,
                     enum sl_retention_why why, sl_retention_take take, void *ctx)
{
    const struct sl_retention_row row = row_of(segment);
    const int took = take(ctx, segment, why);
    if (took == 1)
        stays_after_all(retention, &row);
    return took == 1 ? 0 : took;
}

static int walk_camera(struct sl_retention *retention, struct sl_retention_camera *camera,
                       struct sl_catalogue *catalogue, struct sl_segment_row *rows,
                       sl_retention_take take, void *ctx)
{
    struct sl_catalogue_cursor cursor = {0};
    int count;
    do {
        count = sl_catalogue_oldest(catalogue, camera->name, &cursor, rows, PAGE_ROWS);
        for (int i = 0; i < count; i++) {
            const struct sl_retention_row row = row_of(&rows[i]);
            const enum sl_retention_why why = sl_retention_of_camera(retention, camera, &row);
            if (why == SL_RETENTION_STAYS)
                return 0;
            const int err = hand_over(retention, &rows[i], why, take, ctx);
            if (err != 0)
                return err;
        }
    } while (count == PAGE_ROWS);
    return count < 0 ? count : 0;
}

static int walk_all(struct sl_retention *retention, struct sl_catalogue *catalogue,
                    struct sl_segment_row *rows, sl_retention_take take, void *ctx)
{
    struct sl_catalogue_cursor cursor = {0};
    int count;
    if (sl_retention_of_all(retention) == SL_RETENTION_STAYS)
        return 0;
    do {
        count = sl_catalogue_oldest(catalogue, NULL, &cursor, rows, PAGE_ROWS);
        for (int i = 0; i < count; i++) {
            const struct sl_retention_row row = row_of(&rows[i]);
            const enum sl_retention_why why = sl_retention_of_all(retention);
            if (why == SL_RETENTION_STAYS)
                return 0;
            if (sl_retention_went(retention, &row))
                continue;
            sl_retention_let_go(retention, &row);
            const int err = hand_over(retention, &rows[i], why, take, ctx);
            if (err != 0)
                return err;
        }
    } while (count == PAGE_ROWS);
    return count < 0 ? count : 0;
}

int sl_retention_walk(struct sl_retention *retention, struct sl_catalogue *catalogue,
                      sl_retention_take take, void *ctx)
{
    struct sl_segment_row *rows = calloc(PAGE_ROWS, sizeof(*rows));
    int err = rows ? 0 : -ENOMEM;
    for (int i = 0; i < retention->camera_count && err == 0; i++)
        err = walk_camera(retention, &retention->cameras[i], catalogue, rows, take, ctx);
    if (err == 0)
        err = walk_all(retention, catalogue, rows, take, ctx);
    free(rows);
    return err;
}

/* ---- What happened ---- */

int sl_retention_prune(const struct sl_retention *retention, struct sl_catalogue *catalogue,
                       const atomic_bool *stop)
{
    int went = 0;
    for (int i = 0; i < retention->camera_count; i++) {
        const struct sl_retention_camera *camera = &retention->cameras[i];
        const int64_t keep_us = sl_retention_keep(retention, camera);
        int count = 1;
        while (count > 0 && !atomic_load(stop)) {
            count = sl_catalogue_prune(catalogue, camera->name,
                                       keep_us > 0 ? retention->now_us - keep_us : INT64_MIN);
            went += count > 0 ? count : 0;
        }
        if (count < 0)
            return count;
    }
    return went;
}

/* ---- One file ---- */

/* 0: it is that recording; -ENOENT: there is no file; -ESTALE. */
static int check_file(const struct sl_storage *storage, const struct sl_segment_row *row, char *why)
{
    struct sl_segment_info info;
    const int fd = openat(storage->dir, row->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        const int err = errno == ENOENT || errno == ENOTDIR ? -ENOENT : -ESTALE;
        snprintf(why, SL_STORE_WHY, "%s", strerror(errno));
        return err;
    }
    const int err = sl_segment_scan(fd, &info, why);
    close(fd);
    if (err != 0 && err != -ENODATA)
        return -ESTALE;
    if (strcmp(info.meta.uuid, row->info.meta.uuid) == 0)
        return 0;
    snprintf(why, SL_STORE_WHY, "it is another recording, %s", info.meta.uuid);
    return -ESTALE;
}

/* Of a day that is over, so that nobody is about to make a file there. */
static void remove_day(const struct sl_storage *storage, const char *path, int64_t now_us)
{
    const time_t seconds = (time_t)(now_us / 1000000);
    char directory[SL_SEGMENT_PATH_BYTES], today[16];
    struct tm utc;
    snprintf(directory, sizeof(directory), "%s", path);
    char *slash = strrchr(directory, '/');
    if (!slash || !sl_storage_path_ours(path) || !gmtime_r(&seconds, &utc))
        return;
    *slash = '\0';
    strftime(today, sizeof(today), "%Y-%m-%d", &utc);
    const char *day = strrchr(directory, '/');
    if (day && strcmp(day + 1, today) < 0)
        (void)unlinkat(storage->dir, directory, AT_REMOVEDIR); /* fails if it is not empty */
}

int sl_retention_delete(struct sl_catalogue *catalogue, const struct sl_storage *storage,
                        const struct sl_segment_row *row, int64_t now_us, char why[SL_STORE_WHY])
{
    struct sl_segment_row now;
    int err = sl_catalogue_get(catalogue, row->info.meta.uuid, &now);
    if (err == -ENOENT)
        return 0;
    if (err == 0 && (now.locked || now.open)) { /* since the page was read */
        snprintf(why, SL_STORE_WHY, "it was locked a moment ago");
        return -EBUSY;
    }
    if (err == 0)
        err = check_file(storage, &now, why);
    if (err == 0 && unlinkat(storage->dir, now.path, 0) != 0) {
        err = errno == ENOENT ? -ENOENT : -errno;
        snprintf(why, SL_STORE_WHY, "%s", strerror(-err));
    }
    if (err != 0 && err != -ENOENT)
        return err;
    err = sl_catalogue_remove(catalogue, row->info.meta.uuid);
    remove_day(storage, now.path, now_us);
    if (err != 0 && err != -ENOENT)
        snprintf(why, SL_STORE_WHY, "%s", sl_catalogue_why(catalogue));
    return err == -ENOENT ? 0 : err;
}
