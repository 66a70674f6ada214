/* SPDX-License-Identifier: MIT */
#include "receiver/recover.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "receiver/segment_file.h"
#include "receiver/storage_walk.h"

#define PAGE_ROWS 256
#define SAID_FROM 200 /* files: fewer are through before anybody has read it */

/* ---- One file ---- */

static int open_file(int dir, const char *path)
{
    const int flags = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    const int fd = openat(dir, path, O_RDWR | flags);
    return fd >= 0 || (errno != EROFS && errno != EACCES) ? fd
                                                          : openat(dir, path, O_RDONLY | flags);
}

/* What lies behind the last whole fragment goes, if it was never whole. */
static void cut_tail(struct sl_recover *recover, const char *path, int fd,
                     const struct sl_segment_info *info)
{
    struct stat stat;
    if (fstat(fd, &stat) != 0 || stat.st_size <= info->bytes)
        return;
    const int64_t behind = stat.st_size - info->bytes;
    const int torn = sl_segment_tail_torn(fd, info->bytes);
    if (torn == 1 && ftruncate(fd, info->bytes) == 0 && fsync(fd) == 0) {
        recover->counts.cut++;
        recover->counts.cut_bytes += behind;
        sl_info("recordings: %s: %" PRId64 " bytes of a fragment cut that was not whole", path,
                behind);
        return;
    }
    const char *why = torn == 0 ? "damaged" : torn < 0 ? strerror(-torn) : strerror(errno);
    recover->counts.damaged++;
    sl_warn("recordings: %s: %" PRId64 " bytes behind its last whole fragment cannot be played, "
            "left alone (%s)",
            path, behind, why);
}

/* Whether `path` is there, and the recording of that UUID. */
static bool is_there(int dir, const char *path, const char *uuid)
{
    struct sl_segment_info info;
    char why[SL_STORE_WHY];
    const int fd = openat(dir, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return false;
    const int err = sl_segment_scan(fd, &info, why);
    close(fd);
    return (err == 0 || err == -ENODATA) && strcmp(info.meta.uuid, uuid) == 0;
}

/* 1: put it, 0: the one that is listed is elsewhere, and this is a copy. */
static int look_up(struct sl_recover *recover, const char *path, const char *uuid)
{
    struct sl_segment_row row;
    const int err = sl_catalogue_get(recover->catalogue, uuid, &row);
    if (err != 0)
        return err == -ENOENT ? 1 : err;
    if (strcmp(row.path, path) == 0)
        return 1;
    if (is_there(recover->dir, row.path, uuid)) {
        recover->counts.copies++;
        sl_warn("recordings: %s: a copy of %s, left alone", path, row.path);
        return 0;
    }
    recover->counts.moved++;
    sl_info("recordings: %s: was %s", path, row.path);
    return 1;
}

static int list_file(struct sl_recover *recover, const char *path, int fd,
                     const struct sl_segment_info *info)
{
    struct sl_segment_row row = {.info = *info};
    int err = look_up(recover, path, info->meta.uuid);
    if (err <= 0)
        return err;
    cut_tail(recover, path, fd, info);
    snprintf(row.path, sizeof(row.path), "%s", path);
    err = sl_catalogue_put(recover->catalogue, &row);
    if (err != 0)
        return err;
    recover->counts.listed++;
    err = recover->listed ? sl_path_set_add(recover->listed, info->meta.uuid) : 0;
    return err < 0 ? err : 0;
}

/* Made a moment before a crash: no byte, or a head of ours and no more. */
static bool has_no_media(const char *path, int fd, int err, const struct sl_segment_info *info)
{
    struct stat stat;
    if (fstat(fd, &stat) != 0)
        return false;
    if (err == -ENODATA)
        return info->frames == 0 && info->sounds == 0 && stat.st_size == info->bytes;
    return stat.st_size == 0 && sl_storage_path_ours(path);
}

/* A row that was left open has nothing to name then. */
static int forget(struct sl_recover *recover, const char *uuid)
{
    struct sl_segment_row row;
    int err = sl_catalogue_get(recover->catalogue, uuid, &row);
    if (err == 0 && row.open)
        err = sl_catalogue_remove(recover->catalogue, uuid);
    return err == -ENOENT ? 0 : err;
}

static int leave_out(struct sl_recover *recover, const char *path, int fd, int err,
                     const struct sl_segment_info *info, const char *why)
{
    if (has_no_media(path, fd, err, info) && unlinkat(recover->dir, path, 0) == 0) {
        recover->counts.removed++;
        sl_info("recordings: %s: removed, nothing was recorded into it yet", path);
    } else {
        recover->counts.unplayable++;
        recover->counts.unreadable += err != -ENODATA && err != -EBADMSG;
        sl_warn("recordings: %s: not listed, left alone: %s", path, why);
    }
    return err == -ENODATA ? forget(recover, info->meta.uuid) : 0;
}

/* `known`: what its row tells of it; NULL: it has none. */
static int look_into(struct sl_recover *recover, const char *path,
                     const struct sl_segment_info *known)
{
    struct sl_segment_info info;
    char why[SL_STORE_WHY];
    const int fd = open_file(recover->dir, path);
    recover->counts.files++;
    if (fd < 0) {
        recover->counts.unplayable++;
        recover->counts.unreadable++;
        sl_warn("recordings: %s: not listed: %s", path, strerror(errno));
        return 0;
    }
    int err = known ? sl_segment_scan_on(fd, known, &info, why) : sl_segment_scan(fd, &info, why);
    err = err == 0 ? list_file(recover, path, fd, &info)
                   : leave_out(recover, path, fd, err, &info, why);
    close(fd);
    return err;
}

int sl_recover_file(struct sl_recover *recover, const char *path)
{
    return look_into(recover, path, NULL);
}

/* ---- What a crash left ---- */

void sl_recover_names_free(struct sl_recover_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
    *names = (struct sl_recover_names){0};
}

int sl_recover_names_add(struct sl_recover_names *names, const char *name)
{
    if (names->count == names->room) {
        const size_t room = names->room ? names->room * 2 : 64;
        char **items = realloc(names->items, room * sizeof(*items));
        if (!items)
            return -ENOMEM;
        names->items = items;
        names->room = room;
    }
    names->items[names->count] = strdup(name);
    return names->items[names->count] ? (names->count++, 0) : -ENOMEM;
}

struct search {
    const struct sl_recover *recover;
    struct sl_path_set known;           /* what a row names */
    struct sl_recover_names open_paths; /* of rows that were left open */
    struct sl_recover_names open_uuids; /* in the same order */
    struct sl_recover_names unknown;
};

static void search_free(struct search *search)
{
    sl_path_set_fini(&search->known);
    sl_recover_names_free(&search->open_paths);
    sl_recover_names_free(&search->open_uuids);
    sl_recover_names_free(&search->unknown);
}

static int note_row(struct search *search, const struct sl_segment_row *row)
{
    int err = sl_path_set_add(&search->known, row->path);
    if (err < 0 || !row->open)
        return err < 0 ? err : 0;
    err = sl_recover_names_add(&search->open_paths, row->path);
    return err != 0 ? err : sl_recover_names_add(&search->open_uuids, row->info.meta.uuid);
}

static int read_rows(struct sl_recover *recover, struct search *search)
{
    const struct sl_segment_filter all = {0};
    struct sl_catalogue_cursor cursor = {0};
    struct sl_segment_row *rows = calloc(PAGE_ROWS, sizeof(*rows));
    int err = rows ? 0 : -ENOMEM, count = PAGE_ROWS;
    while (err == 0 && count == PAGE_ROWS) {
        count = sl_catalogue_page(recover->catalogue, &all, &cursor, rows, PAGE_ROWS);
        err = count < 0 ? count : 0;
        for (int i = 0; i < count && err == 0; i++)
            err = note_row(search, &rows[i]);
    }
    free(rows);
    return err;
}

static bool is_stopped(const struct sl_recover *recover)
{
    return recover->stop && atomic_load(recover->stop);
}

static int note_file(void *ctx, const char *path)
{
    struct search *search = ctx;
    if (is_stopped(search->recover))
        return -ECANCELED;
    if (sl_path_set_has(&search->known, path))
        return 0;
    return search->unknown.count < SL_RECOVER_FILES_MAX
               ? sl_recover_names_add(&search->unknown, path)
               : -E2BIG;
}

static void note_trouble(void *ctx, const char *what)
{
    (void)ctx;
    sl_warn("recordings: %s", what);
}

/* A row that is still open has no file, or none that can be played. */
static int drop_row(struct sl_recover *recover, const char *uuid)
{
    struct sl_segment_row row;
    const int err = sl_catalogue_get(recover->catalogue, uuid, &row);
    if (err != 0 || !row.open)
        return err == -ENOENT ? 0 : err;
    sl_warn("recordings: %s: no longer listed, there is no such recording", row.path);
    return sl_catalogue_remove(recover->catalogue, uuid);
}

/* Whether it is being recorded, or was begun since the work began. */
static bool is_ours(const struct sl_recover *recover, const char *path)
{
    struct sl_recover_gate *gate = recover->gate;
    if (!gate)
        return false;
    pthread_mutex_lock(&gate->mutex);
    const bool ours = gate->all || sl_path_set_has(&gate->ours, path);
    pthread_mutex_unlock(&gate->mutex);
    return ours;
}

static int recover_open(struct sl_recover *recover, const struct search *search)
{
    struct sl_segment_row row;
    int err = 0;
    for (size_t i = 0; i < search->open_paths.count && err == 0; i++) {
        const char *path = search->open_paths.items[i];
        if (is_stopped(recover))
            return -ECANCELED;
        if (is_ours(recover, path))
            continue;
        err = sl_catalogue_get(recover->catalogue, search->open_uuids.items[i], &row);
        if (err == 0)
            err = look_into(recover, path, &row.info);
        err = err == -ENOENT ? 0 : err;
    }
    return err;
}

static int recover_unknown(struct sl_recover *recover, const struct search *search)
{
    int err = 0;
    for (size_t i = 0; i < search->unknown.count && err == 0; i++) {
        const char *path = search->unknown.items[i];
        if (is_stopped(recover))
            return -ECANCELED;
        if (!is_ours(recover, path))
            err = sl_recover_file(recover, path);
    }
    return err;
}

/* The rows of what is being recorded are open as well. */
static int drop_rows(struct sl_recover *recover, const struct search *search)
{
    int err = 0;
    for (size_t i = 0; i < search->open_uuids.count && err == 0; i++)
        if (!is_ours(recover, search->open_paths.items[i]))
            err = drop_row(recover, search->open_uuids.items[i]);
    return err;
}

/* 2026-11-20/14-30-00Z.mp4, wherever that is. */
static const char *name_of(const char *path)
{
    const char *at = path + strlen(path);
    for (int slashes = 0; at > path; at--)
        if (at[-1] == '/' && ++slashes == 2)
            break;
    return at;
}

static int compare_newest_first(const void *a, const void *b)
{
    return strcmp(name_of(*(char *const *)b), name_of(*(char *const *)a));
}

static int find_unknown(const struct sl_recover *recover, struct search *search)
{
    const int err = sl_storage_walk(recover->dir, note_file, note_trouble, search);
    if (err == -E2BIG)
        sl_warn("recordings: more than %d files are in no catalogue, the rest waits for the next "
                "start",
                SL_RECOVER_FILES_MAX);
    if (search->unknown.count > 0)
        qsort(search->unknown.items, search->unknown.count, sizeof(*search->unknown.items),
              compare_newest_first);
    if (search->unknown.count >= SAID_FROM)
        sl_info("recordings: %zu files are in no catalogue, and are taken in now",
                search->unknown.count);
    return err == -E2BIG ? 0 : err;
}

/* The open rows that no file closed are dropped at last: theirs may be among the unknown. */
int sl_recover_all(struct sl_recover *recover)
{
    struct search search = {.recover = recover};
    int err = read_rows(recover, &search);
    if (err == 0)
        err = recover_open(recover, &search);
    if (err == 0)
        err = find_unknown(recover, &search);
    if (err == 0)
        err = recover_unknown(recover, &search);
    if (err == 0)
        err = drop_rows(recover, &search);
    if (err == 0 && search.unknown.count >= SAID_FROM)
        sl_info("recordings: %" PRId64 " of %zu files taken into the catalogue",
                recover->counts.listed, search.unknown.count);
    search_free(&search);
    return err;
}
