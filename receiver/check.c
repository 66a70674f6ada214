/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"
#include "receiver/datadir.h"
#include "receiver/rebuild.h"
#include "receiver/recover.h"
#include "receiver/segment_file.h"
#include "receiver/segment_verify.h"
#include "receiver/storage_walk.h"

#define PAGE_ROWS 256
#define CAMERAS_MAX (8 * SL_STORE_CAMERAS_MAX) /* with those that were removed */
#define DRAW_EVERY (200 * SL_MS)
#define CATCH_UP_SECONDS 2 /* what a running receiver takes to write a row, twice */

struct check {
    FILE *out, *err;
    struct sl_catalogue *catalogue;
    int dir;                             /* of the store */
    bool live;                           /* a receiver runs: what it just does is no difference */
    bool say;                            /* the differences, now; else they are only noted */
    bool deep;                           /* every byte is read */
    bool draws;                          /* how far it is, while nothing is said yet */
    int64_t bytes, all_files, all_bytes; /* read; and of the catalogue */
    sl_ns draw_at;
    struct sl_path_set seen;          /* UUIDs of all files */
    struct sl_recover_names suspects; /* paths of files that differ */
    struct sl_recover_names absent;   /* UUIDs of rows without a file */
    int64_t files, rows, differences;
    int error; /* of the catalogue */
};

static SL_PRINTF(3, 4) void differ(struct check *check, const char *path, const char *format, ...)
{
    char what[SL_STORE_WHY];
    va_list args;
    if (!check->say)
        return;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    fprintf(check->out, "%s: %s\n", path, what);
    check->differences++;
}

/* ---- How far it is ---- */

static void draw(struct check *check, int64_t bytes)
{
    check->bytes += bytes;
    if (!check->draws || sl_time_now() < check->draw_at)
        return;
    check->draw_at = sl_time_now() + DRAW_EVERY;
    fprintf(check->err, "\r%" PRId64 " of %" PRId64 " files, %" PRId64 " of %" PRId64 " MB ",
            check->files, check->all_files, check->bytes / 1000000, check->all_bytes / 1000000);
    fflush(check->err);
}

static void draw_end(struct check *check)
{
    if (check->draws)
        fprintf(check->err, "\r\033[K");
    check->draws = false;
}

static int start_drawing(struct check *check)
{
    struct sl_catalogue_camera *rows = calloc(CAMERAS_MAX, sizeof(*rows));
    const int count = rows ? sl_catalogue_cameras(check->catalogue, rows, CAMERAS_MAX) : -ENOMEM;
    for (int i = 0; i < count; i++) {
        check->all_files += rows[i].segments;
        check->all_bytes += rows[i].bytes;
    }
    free(rows);
    check->draws = count >= 0;
    return count < 0 ? count : 0;
}

/* ---- Files ---- */

/* True if it is as the row says. */
static bool compare(struct check *check, const char *path, const struct sl_segment_info *info,
                    const struct sl_segment_row *row)
{
    const struct sl_segment_info *known = &row->info;
    bool same = true;
    if (strcmp(row->path, path) != 0) {
        differ(check, path, "the catalogue has it as %s", row->path);
        same = false;
    }
    if (info->meta.start_us != known->meta.start_us) {
        differ(check, path, "starts at %" PRId64 " us, the catalogue says %" PRId64,
               info->meta.start_us, known->meta.start_us);
        same = false;
    }
    if (row->open && check->live) /* it grows as we look */
        return same;
    if (info->bytes != known->bytes) {
        differ(check, path, "has %" PRId64 " bytes, the catalogue says %" PRId64, info->bytes,
               known->bytes);
        same = false;
    }
    if (info->duration_us != known->duration_us) {
        differ(check, path, "lasts %" PRId64 " us, the catalogue says %" PRId64, info->duration_us,
               known->duration_us);
        same = false;
    }
    return same;
}

static bool check_tail(struct check *check, const char *path, int fd,
                       const struct sl_segment_info *info, const struct sl_segment_row *row)
{
    struct stat stat;
    if ((row->open && check->live) || fstat(fd, &stat) != 0 || stat.st_size <= info->bytes)
        return true;
    const bool torn = sl_segment_tail_torn(fd, info->bytes) == 1;
    differ(check, path, "%s: %" PRId64 " bytes behind its last whole fragment",
           torn ? "torn tail" : "damaged", (int64_t)stat.st_size - info->bytes);
    return false;
}

struct deep {
    struct check *check;
    const char *path;
    bool same;
};

static void deep_differs(void *ctx, const char *what)
{
    struct deep *deep = ctx;
    deep->same = false;
    differ(deep->check, deep->path, "%s", what);
}

static void deep_reads(void *ctx, int64_t bytes)
{
    const struct deep *deep = ctx;
    draw(deep->check, bytes);
}

/* What it holds against what it says, and what the catalogue says. */
static bool check_deep(struct check *check, const char *path, int fd,
                       const struct sl_segment_row *row)
{
    struct deep deep = {.check = check, .path = path, .same = true};
    const struct sl_segment_verify verify = {
        .differ = deep_differs, .done = deep_reads, .ctx = &deep};
    struct sl_segment_info counted;
    if (!check->deep)
        return true;
    const int err = sl_segment_verify(fd, &verify, &counted);
    if (err != 0)
        check->error = err;
    if (err != 0 || !deep.same || (row->open && check->live))
        return deep.same;
    if (counted.frames == row->info.frames && counted.sounds == row->info.sounds)
        return true;
    differ(check, path,
           "has %" PRId64 " pictures and %" PRId64 " packets of sound, the catalogue says %" PRId64
           " and %" PRId64,
           counted.frames, counted.sounds, row->info.frames, row->info.sounds);
    return false;
}

static bool check_playable(struct check *check, const char *path, int fd,
                           const struct sl_segment_info *info)
{
    struct sl_segment_row row;
    const int err = sl_catalogue_get(check->catalogue, info->meta.uuid, &row);
    if (err == -ENOENT) {
        differ(check, path, "not in the catalogue");
        return false;
    }
    if (err != 0) {
        check->error = err;
        return true;
    }
    bool same = compare(check, path, info, &row);
    same &= check_tail(check, path, fd, info, &row);
    return check_deep(check, path, fd, &row) && same;
}

/* True if there is no difference, or no longer such a file. */
static bool check_file(struct check *check, const char *path)
{
    struct sl_segment_info info;
    char why[SL_STORE_WHY];
    const int fd = openat(check->dir, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return true;
    if (fd < 0) {
        differ(check, path, "cannot be opened: %s", strerror(errno));
        return false;
    }
    bool same = false;
    const int err = sl_segment_scan(fd, &info, why);
    if ((err == 0 || err == -ENODATA) && sl_path_set_add(&check->seen, info.meta.uuid) < 0)
        check->error = -ENOMEM;
    if (err == 0)
        same = check_playable(check, path, fd, &info);
    else
        differ(check, path, "cannot be played: %s", why);
    close(fd);
    return same;
}

static int first_look(void *ctx, const char *path)
{
    struct check *check = ctx;
    check->files++;
    const bool same = check_file(check, path);
    draw(check, 0);
    if (check->error != 0)
        return check->error;
    return same ? 0 : sl_recover_names_add(&check->suspects, path);
}

static void note_trouble(void *ctx, const char *what)
{
    struct check *check = ctx;
    fprintf(check->err, "sightline-receiver: check: %s\n", what);
    check->differences++;
}

/* ---- Rows ---- */

static int look_at_rows(struct check *check)
{
    const struct sl_segment_filter all = {0};
    struct sl_catalogue_cursor cursor = {0};
    struct sl_segment_row *rows = calloc(PAGE_ROWS, sizeof(*rows));
    int err = rows ? 0 : -ENOMEM, count = PAGE_ROWS;
    while (err == 0 && count == PAGE_ROWS) {
        count = sl_catalogue_page(check->catalogue, &all, &cursor, rows, PAGE_ROWS);
        err = count < 0 ? count : 0;
        check->rows += count > 0 ? count : 0;
        for (int i = 0; i < count && err == 0; i++)
            if (!sl_path_set_has(&check->seen, rows[i].info.meta.uuid))
                err = sl_recover_names_add(&check->absent, rows[i].info.meta.uuid);
    }
    free(rows);
    return err;
}

/* A file that came since, or a row that went, is none. */
static int check_absent(struct check *check, const char *uuid)
{
    struct sl_segment_row row;
    struct stat stat;
    const int err = sl_catalogue_get(check->catalogue, uuid, &row);
    if (err != 0)
        return err == -ENOENT ? 0 : err;
    if (fstatat(check->dir, row.path, &stat, AT_SYMLINK_NOFOLLOW) != 0)
        differ(check, row.path, "missing, the catalogue lists %" PRId64 " s of camera %s",
               row.info.duration_us / 1000000, row.info.meta.camera);
    else if (!check->live)
        differ(check, row.path, "not the recording that the catalogue lists there");
    return 0;
}

/* ---- All of it ---- */

/* Beside a receiver, what it did as we looked is looked at once more, when it has written it down.
 */
static int check_all(struct check *check)
{
    int err = check->deep && isatty(fileno(check->err)) == 1 ? start_drawing(check) : 0;
    if (err == 0)
        err = sl_storage_walk(check->dir, first_look, note_trouble, check);
    draw_end(check);
    if (err == 0)
        err = look_at_rows(check);
    if (err == 0 && check->live && check->suspects.count + check->absent.count > 0)
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){.tv_sec = CATCH_UP_SECONDS},
                              NULL);
    check->say = true;
    for (size_t i = 0; i < check->suspects.count && err == 0; i++) {
        (void)check_file(check, check->suspects.items[i]);
        err = check->error;
    }
    for (size_t i = 0; i < check->absent.count && err == 0; i++)
        err = check_absent(check, check->absent.items[i]);
    return err;
}

static int fail(const struct check *check, const char *what)
{
    fprintf(check->err, "sightline-receiver: check: %s\n", what);
    return 2;
}

static int report(struct check *check, int err)
{
    if (err != 0)
        return fail(check, err == -ENOMEM ? "out of memory" : sl_catalogue_why(check->catalogue));
    fprintf(check->out, "%" PRId64 " files, %" PRId64 " rows, %" PRId64 " difference%s\n",
            check->files, check->rows, check->differences, check->differences == 1 ? "" : "s");
    if (fflush(check->out) != 0)
        return fail(check, "stdout cannot be written");
    return check->differences > 0;
}

/* Whether a receiver has the directory. The lock is let go at once: one may start any time. */
static bool receiver_runs(const char *data)
{
    struct sl_datadir datadir;
    char why[SL_STORE_WHY];
    if (sl_datadir_open(&datadir, data, why) != 0)
        return false;
    const bool runs = sl_datadir_lock(&datadir, why) == -EBUSY;
    sl_datadir_close(&datadir);
    return runs;
}

static int open_store(struct check *check, const char *path)
{
    char what[SL_STORE_WHY];
    check->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (check->dir >= 0 && faccessat(check->dir, ".sightline-store", F_OK, 0) == 0)
        return 0;
    snprintf(what, sizeof(what), "%.150s: %s", path,
             check->dir < 0 ? strerror(errno) : "no .sightline-store in it: is it mounted?");
    return fail(check, what);
}

static int open_all(struct check *check, const char *data, const char *store)
{
    char why[SL_STORE_WHY], beside[4096];
    struct stat there;
    if (stat(data, &there) != 0) {
        snprintf(why, sizeof(why), "--data %.150s: %s", data, strerror(errno));
        return fail(check, why);
    }
    if (sl_catalogue_open(&check->catalogue, data, false, why) != 0)
        return fail(check, why);
    if (snprintf(beside, sizeof(beside), "%s/recordings", data) >= (int)sizeof(beside))
        return fail(check, "the path is too long");
    check->live = receiver_runs(data);
    return open_store(check, store ? store : beside);
}

static int run(struct check check, const char *data, const char *store)
{
    int status = open_all(&check, data, store);
    if (status == 0)
        status = report(&check, check_all(&check));
    sl_recover_names_free(&check.suspects);
    sl_recover_names_free(&check.absent);
    sl_path_set_fini(&check.seen);
    if (check.dir >= 0)
        close(check.dir);
    sl_catalogue_close(check.catalogue);
    return status;
}

int sl_check_run(const char *data, const char *store, FILE *out, FILE *err)
{
    return run((struct check){.out = out, .err = err, .dir = -1}, data, store);
}

int sl_check_deep_run(const char *data, const char *store, FILE *out, FILE *err)
{
    return run((struct check){.out = out, .err = err, .dir = -1, .deep = true}, data, store);
}
