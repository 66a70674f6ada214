/* SPDX-License-Identifier: MIT */
#include "receiver/snapshot_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "whip/link.h"

#define LATEST "latest.jpg"
#define BESIDE ".new" /* what is being written; one thread writes */
#define BESIDE_LATEST ".new-latest"
#define DAY_BYTES 11 /* 2026-11-20 and NUL */
#define DAY_CHARS "0123456789-"

int sl_snapshot_name(char name[SL_SNAPSHOT_PATH_BYTES], int64_t at_us)
{
    const time_t seconds = (time_t)(at_us / 1000000);
    struct tm utc;
    if (at_us < 0 || !gmtime_r(&seconds, &utc) ||
        strftime(name, SL_SNAPSHOT_PATH_BYTES, "%Y-%m-%d/%H_%M_%S.jpg", &utc) == 0)
        return -EINVAL;
    return 0;
}

/* ---- Writing ---- */

static int open_dir(int dir, const char *name)
{
    const int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return fd >= 0 ? fd : -errno;
}

static int make_dir(int dir, const char *name)
{
    if (mkdirat(dir, name, 0700) != 0 && errno != EEXIST)
        return -errno;
    return open_dir(dir, name);
}

static int write_all(int fd, const uint8_t *data, size_t len)
{
    while (len > 0) {
        const ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

/* Under a name that nobody looks for. What a crash left there gives way. */
static int write_beside(int dir, const char *name, int64_t at_us, const uint8_t *jpeg, size_t len)
{
    const struct timespec at = {.tv_sec = (time_t)(at_us / 1000000),
                                .tv_nsec = (long)(at_us % 1000000) * 1000};
    const struct timespec times[2] = {at, at};
    (void)unlinkat(dir, name, 0);
    const int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int err = write_all(fd, jpeg, len);
    if (err == 0 && futimens(fd, times) != 0)
        err = -errno;
    if (close(fd) != 0 && err == 0)
        err = -errno;
    if (err != 0)
        (void)unlinkat(dir, name, 0);
    return err;
}

static int rename_at(int dir, const char *from, const char *to)
{
    if (renameat(dir, from, dir, to) == 0)
        return 0;
    const int err = -errno;
    (void)unlinkat(dir, from, 0);
    return err;
}

/* The dated one, whose file latest.jpg shares where links can be made. */
static int put_dated(int camera, int64_t at_us, const uint8_t *jpeg, size_t len)
{
    char name[SL_SNAPSHOT_PATH_BYTES], day[DAY_BYTES];
    int err = sl_snapshot_name(name, at_us);
    if (err != 0)
        return err;
    snprintf(day, sizeof(day), "%.10s", name);
    const int fd = make_dir(camera, day);
    if (fd < 0)
        return fd;
    close(fd);
    err = write_beside(camera, BESIDE, at_us, jpeg, len);
    if (err != 0)
        return err;
    (void)unlinkat(camera, BESIDE_LATEST, 0);
    if (linkat(camera, BESIDE, camera, BESIDE_LATEST, 0) != 0)
        err = write_beside(camera, BESIDE_LATEST, at_us, jpeg, len);
    const int renamed = rename_at(camera, BESIDE, name);
    return renamed != 0 ? renamed : err;
}

int sl_snapshot_put(int dir, const char *camera, int64_t at_us, bool dated, const uint8_t *jpeg,
                    size_t len)
{
    const int fd = make_dir(dir, camera);
    if (fd < 0)
        return fd;
    int err =
        dated ? put_dated(fd, at_us, jpeg, len) : write_beside(fd, BESIDE_LATEST, at_us, jpeg, len);
    if (err == 0)
        err = rename_at(fd, BESIDE_LATEST, LATEST);
    close(fd);
    return err;
}

int sl_snapshot_open(int dir, const char *camera)
{
    const int fd = open_dir(dir, camera);
    if (fd < 0)
        return fd;
    const int file = openat(fd, LATEST, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    const int err = -errno;
    close(fd);
    return file >= 0 ? file : err;
}

int sl_snapshot_taken(const char *path, const char *camera, int64_t *at_us)
{
    char file[4400];
    struct stat status;
    if (!sl_name_valid(camera) ||
        snprintf(file, sizeof(file), "%s/%s/" LATEST, path, camera) >= (int)sizeof(file))
        return -EINVAL;
    if (lstat(file, &status) != 0)
        return -errno;
    if (!S_ISREG(status.st_mode))
        return -EBADMSG;
    *at_us = status.st_mtim.tv_sec * INT64_C(1000000) + status.st_mtim.tv_nsec / 1000;
    return 0;
}

/* ---- Removing ---- */

static bool is_day(const char *name)
{
    return strlen(name) == DAY_BYTES - 1 && strspn(name, DAY_CHARS) == DAY_BYTES - 1 &&
           name[4] == '-' && name[7] == '-';
}

static bool is_picture(const char *name)
{
    return strlen(name) == 12 && strspn(name, "0123456789_") == 8 && strcmp(name + 8, ".jpg") == 0;
}

/* Calls `each` for all that is in the directory; the sum of what it gives, or the first -errno. */
static int walk(int dir, const char *name, int (*each)(int dir, const char *name, void *ctx),
                void *ctx)
{
    const int fd = open_dir(dir, name);
    DIR *listing = fd >= 0 ? fdopendir(fd) : NULL;
    int sum = 0;
    if (fd < 0)
        return fd;
    if (!listing) {
        close(fd);
        return -ENOMEM;
    }
    for (struct dirent *entry; sum >= 0 && (entry = readdir(listing)) != NULL;) {
        const int n = each(fd, entry->d_name, ctx);
        sum = n < 0 ? n : sum + n;
    }
    closedir(listing);
    return sum;
}

/* Names sort as times do. */
struct limit {
    const char *day, *time;
    int64_t *bytes;
};

/* What is latest.jpg too stays on the disk. */
static int prune_picture(int dir, const char *name, void *ctx)
{
    const struct limit *limit = ctx;
    struct stat status;
    if (!is_picture(name) || (limit->time && strcmp(name, limit->time) >= 0))
        return 0;
    const bool last = fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_nlink == 1;
    if (unlinkat(dir, name, 0) != 0)
        return -errno;
    *limit->bytes += last ? (int64_t)status.st_blocks * 512 : 0;
    return 1;
}

static int prune_day(int dir, const char *name, void *ctx)
{
    const struct limit *limit = ctx;
    const int order = is_day(name) ? strcmp(name, limit->day) : 1;
    if (order > 0)
        return 0;
    struct limit within = *limit;
    if (order < 0)
        within.time = NULL;
    const int removed = walk(dir, name, prune_picture, &within);
    if (removed >= 0 && order < 0)
        (void)unlinkat(dir, name, AT_REMOVEDIR); /* stays if there is something else in it */
    return removed;
}

static int prune_camera(int dir, const char *name, void *ctx)
{
    if (!sl_name_valid(name))
        return 0;
    const int removed = walk(dir, name, prune_day, ctx);
    return removed == -ENOTDIR ? 0 : removed;
}

int sl_snapshot_prune(int dir, int64_t before_us, int64_t *bytes)
{
    char name[SL_SNAPSHOT_PATH_BYTES];
    const int err = sl_snapshot_name(name, before_us);
    if (err != 0)
        return err == -EINVAL && before_us < 0 ? 0 : err;
    name[DAY_BYTES - 1] = '\0';
    struct limit limit = {.day = name, .time = name + DAY_BYTES, .bytes = bytes};
    return walk(dir, ".", prune_camera, &limit);
}

/* ---- The oldest ---- */

struct oldest {
    char day[DAY_BYTES], time[16]; /* "": none so far */
    const char *in;                /* the day that is looked at */
};

static int look_at_picture(int dir, const char *name, void *ctx)
{
    struct oldest *oldest = ctx;
    (void)dir;
    if (!is_picture(name))
        return 0;
    const int order = oldest->day[0] ? strcmp(oldest->in, oldest->day) : -1;
    if (order > 0 || (order == 0 && strcmp(name, oldest->time) >= 0))
        return 0;
    snprintf(oldest->day, sizeof(oldest->day), "%s", oldest->in);
    snprintf(oldest->time, sizeof(oldest->time), "%s", name);
    return 0;
}

static int look_at_day(int dir, const char *name, void *ctx)
{
    struct oldest *oldest = ctx;
    if (!is_day(name) || (oldest->day[0] && strcmp(name, oldest->day) > 0))
        return 0;
    oldest->in = name;
    return walk(dir, name, look_at_picture, oldest);
}

static int look_at_camera(int dir, const char *name, void *ctx)
{
    if (!sl_name_valid(name))
        return 0;
    const int err = walk(dir, name, look_at_day, ctx);
    return err == -ENOTDIR ? 0 : err;
}

int sl_snapshot_oldest(int dir, int64_t *at_us)
{
    struct oldest oldest = {.in = ""};
    char name[32];
    struct tm utc = {0};
    const int err = walk(dir, ".", look_at_camera, &oldest);
    if (err < 0)
        return err;
    if (!oldest.day[0])
        return -ENOENT;
    snprintf(name, sizeof(name), "%s/%s", oldest.day, oldest.time);
    if (!strptime(name, "%Y-%m-%d/%H_%M_%S", &utc))
        return -EBADMSG;
    *at_us = (int64_t)timegm(&utc) * 1000000;
    return 0;
}
