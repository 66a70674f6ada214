/* SPDX-License-Identifier: MIT */
#include "receiver/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "receiver/storage_marker.h"

#define MARKER ".sightline-store"

static SL_PRINTF(4, 5) int fail(const struct sl_storage *storage, int err, char *why,
                                const char *format, ...)
{
    char what[150];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    snprintf(why, SL_STORE_WHY, "recordings %.90s: %s", storage->path, what);
    return err;
}

/* ---- The marker ---- */

/* -ENOENT: there is none; -EBADMSG: it says nothing of ours. */
static int read_marker(int dir, char uuid[SL_SEGMENT_UUID_BYTES])
{
    char text[SL_STORAGE_MARKER_BYTES];
    const int fd = openat(dir, MARKER, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    const ssize_t len = read(fd, text, sizeof(text));
    const int err = errno;
    close(fd);
    if (len < 0)
        return -err;
    return sl_storage_marker_parse(text, (size_t)len, uuid) ? 0 : -EBADMSG;
}

static int write_text(int fd, const char *text)
{
    const ssize_t len = (ssize_t)strlen(text);
    const ssize_t got = write(fd, text, (size_t)len);
    if (got != len)
        return got < 0 ? -errno : -ENOSPC;
    return fsync(fd) == 0 ? 0 : -errno;
}

/* Whole or not at all: written beside, and linked, which overwrites nothing. */
static int write_marker(int dir, const char *uuid)
{
    char text[96];
    const char *beside = MARKER ".new";
    snprintf(text, sizeof(text), "{\"uuid\": \"%s\"}\n", uuid);
    const int fd = openat(dir, beside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int err = write_text(fd, text);
    close(fd);
    if (err == 0 && linkat(dir, beside, dir, MARKER, 0) != 0)
        err = -errno;
    (void)unlinkat(dir, beside, 0);
    return err == 0 && fsync(dir) != 0 ? -errno : err;
}

/* ---- The first start, and each after it ---- */

/* A new catalogue takes the store that it finds: its rows are made anew from the files. */
static int adopt_store(struct sl_storage *storage, struct sl_catalogue *catalogue,
                       const char *marker, char *why)
{
    const int err = sl_catalogue_meta_set(catalogue, "store", marker);
    if (err == 0)
        memmove(storage->uuid, marker, SL_SEGMENT_UUID_BYTES);
    else
        storage->uuid[0] = '\0';
    return err == 0 ? 0 : fail(storage, err, why, "%s", sl_catalogue_why(catalogue));
}

/* The marker first: one that the catalogue does not know of yet is adopted by the next start. */
static int make_store(struct sl_storage *storage, struct sl_catalogue *catalogue, char *why)
{
    struct sl_random random;
    sl_random_init_system(&random);
    sl_segment_uuid(storage->uuid, &random);
    int err = write_marker(storage->dir, storage->uuid);
    if (err == 0)
        return adopt_store(storage, catalogue, storage->uuid, why);
    storage->uuid[0] = '\0';
    return fail(storage, err, why, "cannot write " MARKER ": %s", strerror(-err));
}

static int match_store(struct sl_storage *storage, const char *marker, int read, char *why)
{
    if (read == -ENOENT)
        return fail(storage, -ENOENT, why,
                    "no marker file " MARKER " there, is the disk mounted? "
                    "(wanted %s)",
                    storage->uuid);
    if (read == -EBADMSG)
        return fail(storage, -EBADMSG, why, MARKER " is damaged, wanted uuid %s", storage->uuid);
    if (read != 0)
        return fail(storage, read, why, MARKER ": %s", strerror(-read));
    if (strcmp(marker, storage->uuid) != 0)
        return fail(storage, -ESTALE, why, "another store, %s, wanted %s", marker, storage->uuid);
    return 0;
}

static int check_store(struct sl_storage *storage, struct sl_catalogue *catalogue, char *why)
{
    char marker[SL_SEGMENT_UUID_BYTES] = "";
    const int read = read_marker(storage->dir, marker);
    if (storage->uuid[0])
        return match_store(storage, marker, read, why);
    if (read == -ENOENT)
        return make_store(storage, catalogue, why);
    return read == 0 ? adopt_store(storage, catalogue, marker, why)
                     : fail(storage, read, why, MARKER ": %s",
                            read == -EBADMSG ? "damaged" : strerror(-read));
}

/* An unmounted disk's directory is made by nobody: only the first start makes one. */
static int open_dir(struct sl_storage *storage, struct sl_catalogue *catalogue, char *why)
{
    const int told =
        sl_catalogue_meta_get(catalogue, "store", storage->uuid, sizeof(storage->uuid));
    if (told != 0 && told != -ENOENT)
        return fail(storage, told, why, "%s", sl_catalogue_why(catalogue));
    if (!storage->uuid[0] && mkdir(storage->path, 0700) != 0 && errno != EEXIST)
        return fail(storage, -errno, why, "cannot make the directory: %s", strerror(errno));
    storage->dir = open(storage->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return storage->dir >= 0 ? 0 : fail(storage, -errno, why, "%s", strerror(errno));
}

int sl_storage_open(struct sl_storage *ret, const char *path, struct sl_catalogue *catalogue,
                    char why[SL_STORE_WHY])
{
    struct sl_storage storage = {.dir = -1};
    if (snprintf(storage.path, sizeof(storage.path), "%s", path) >= (int)sizeof(storage.path))
        return fail(&storage, -ENAMETOOLONG, why, "the path is too long");
    int err = open_dir(&storage, catalogue, why);
    if (err == 0)
        err = check_store(&storage, catalogue, why);
    if (err != 0)
        sl_storage_close(&storage);
    if (err == 0 || storage.uuid[0])
        *ret = storage;
    return err;
}

void sl_storage_close(struct sl_storage *storage)
{
    if (!storage || storage->dir < 0)
        return;
    close(storage->dir);
    storage->dir = -1;
}

/* ---- Whether it is still there ---- */

static enum sl_storage_state state_of(int err)
{
    switch (-err) {
    case EIO:
    case EUCLEAN:
        return SL_STORAGE_BROKEN;
    case EROFS:
        return SL_STORAGE_READ_ONLY;
    case ENOSPC:
    case EDQUOT:
        return SL_STORAGE_FULL;
    default:
        return SL_STORAGE_GONE;
    }
}

/* By the same mount, as far as it matters: one may be mounted read-only on top of itself. */
static bool same_directory(int a, int b)
{
    struct stat one, two;
    struct statvfs of_one, of_two;
    return fstat(a, &one) == 0 && fstat(b, &two) == 0 && one.st_dev == two.st_dev &&
           one.st_ino == two.st_ino && fstatvfs(a, &of_one) == 0 && fstatvfs(b, &of_two) == 0 &&
           (of_one.f_flag & ST_RDONLY) == (of_two.f_flag & ST_RDONLY);
}

static enum sl_storage_state forget(struct sl_storage *storage, int err)
{
    sl_storage_close(storage); /* or the disk could not be unmounted */
    return state_of(err);
}

static enum sl_storage_state look_at_space(const struct sl_storage *storage, char *why)
{
    struct statvfs fs;
    if (fstatvfs(storage->dir, &fs) != 0)
        return state_of(fail(storage, -errno, why, "%s", strerror(errno)));
    if (fs.f_flag & ST_RDONLY)
        return state_of(fail(storage, -EROFS, why, "mounted read-only"));
    if (fs.f_bavail == 0 || (fs.f_files && fs.f_favail == 0))
        return state_of(
            fail(storage, -ENOSPC, why,
                 fs.f_bavail ? "no file can be made, all are taken" : "the disk is full"));
    return SL_STORAGE_FINE;
}

enum sl_storage_state sl_storage_look(struct sl_storage *storage, char why[SL_STORE_WHY])
{
    char marker[SL_SEGMENT_UUID_BYTES] = "";
    const int dir = open(storage->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return forget(storage, fail(storage, -errno, why, "%s", strerror(errno)));
    const int err = match_store(storage, marker, read_marker(dir, marker), why);
    if (err != 0) {
        close(dir);
        return forget(storage, err);
    }
    if (storage->dir >= 0 && same_directory(dir, storage->dir)) {
        close(dir);
    } else {
        sl_storage_close(storage);
        storage->dir = dir;
    }
    return look_at_space(storage, why);
}

int sl_storage_free(const struct sl_storage *storage, int64_t *free_bytes, int64_t *total_bytes)
{
    struct statvfs fs;
    if (storage->dir < 0)
        return -ENOENT;
    if (fstatvfs(storage->dir, &fs) != 0)
        return -errno;
    *free_bytes = (int64_t)(fs.f_bavail * fs.f_frsize);
    *total_bytes = (int64_t)(fs.f_blocks * fs.f_frsize);
    return 0;
}
