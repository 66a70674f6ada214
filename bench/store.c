/* SPDX-License-Identifier: MIT */
#include "bench/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RUN_PATTERN "20[0-9][0-9]-[01][0-9]-[0-3][0-9]T*Z-*.json"

/* ---- One file ---- */

/* Where `path` leads to: a link is followed, so that it stays one. 0 or -errno; `special`: it is
 * there and no plain file, so nothing can be moved over it. */
static int find_target(const char *path, char target[PATH_MAX], bool *special)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        *special = false;
        if (errno != ENOENT || lstat(path, &status) == 0) /* a link to nothing */
            return -errno;
        return snprintf(target, PATH_MAX, "%s", path) < PATH_MAX ? 0 : -ENAMETOOLONG;
    }
    if (S_ISDIR(status.st_mode))
        return -EISDIR;
    *special = !S_ISREG(status.st_mode);
    return realpath(path, target) ? 0 : -errno;
}

static int open_beside(const char *target, char beside[PATH_MAX])
{
    if (snprintf(beside, PATH_MAX, "%s.XXXXXX", target) >= PATH_MAX)
        return -ENAMETOOLONG;
    const int fd = mkostemp(beside, O_CLOEXEC);
    return fd >= 0 ? fd : -errno;
}

int sl_store_check(const char *path)
{
    char target[PATH_MAX], beside[PATH_MAX];
    bool special;
    int err = find_target(path, target, &special);
    if (err != 0)
        return err;
    if (special)
        return access(target, W_OK) == 0 ? 0 : -errno;
    const int fd = open_beside(target, beside);
    if (fd < 0)
        return fd;
    close(fd);
    unlink(beside);
    return 0;
}

static int write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        const ssize_t done = write(fd, text, len);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return done < 0 ? -errno : -EIO;
        text += done;
        len -= (size_t)done;
    }
    return 0;
}

/* As open() would have made it. */
static void give_mode(int fd, const char *target)
{
    struct stat status;
    const mode_t mask = umask(0);
    umask(mask);
    const mode_t mode = stat(target, &status) == 0 ? status.st_mode & 0777 : 0666 & ~mask;
    (void)!fchmod(fd, mode);
}

/* A pipe that nobody reads is an error now, not a wait for ever. */
static int open_special(const char *target)
{
    const int fd = open(target, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    (void)fcntl(fd, F_SETFL, 0); /* a slow reader is waited for */
    return fd;
}

int sl_store_write(const char *path, const char *text, size_t len)
{
    char target[PATH_MAX], beside[PATH_MAX];
    bool special;
    int err = find_target(path, target, &special);
    if (err != 0)
        return err;
    const int fd = special ? open_special(target) : open_beside(target, beside);
    if (fd < 0)
        return fd;
    err = write_all(fd, text, len);
    if (!special && err == 0) {
        give_mode(fd, target);
        err = fsync(fd) == 0 ? 0 : -errno;
    }
    if (close(fd) != 0 && err == 0)
        err = -errno;
    if (special)
        return err;
    if (err == 0 && rename(beside, target) != 0)
        err = -errno;
    if (err != 0)
        unlink(beside);
    return err;
}

int sl_store_read(const char *path, size_t max, char **ret)
{
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t len = 0, room = 0;
    int err = file ? 0 : -errno;
    while (err == 0 && !feof(file)) {
        if (len + 1 >= room) {
            char *more = realloc(text, room = room ? 2 * room : 65536);
            err = more ? 0 : -ENOMEM;
            text = more ? more : text;
        }
        if (err == 0)
            len += fread(text + len, 1, room - 1 - len, file);
        if (err == 0 && ferror(file))
            err = -EIO; /* EISDIR, for one */
        if (err == 0 && len > max)
            err = -EFBIG;
    }
    if (file)
        fclose(file);
    if (err != 0) {
        free(text);
        return err;
    }
    text[len] = '\0';
    *ret = text;
    return 0;
}

/* ---- The state folder ---- */

static int make_folders(char *path)
{
    for (char *at = path + 1;; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        const char kept = *at;
        *at = '\0';
        const int err = mkdir(path, 0700) == 0 || errno == EEXIST ? 0 : -errno;
        *at = kept;
        if (err != 0 || !kept)
            return err;
    }
}

int sl_store_folder(char ret[PATH_MAX])
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int len;
    if (state && state[0] == '/') /* the specification: others are to be ignored */
        len = snprintf(ret, PATH_MAX, "%s/sightline/bench", state);
    else if (home && home[0] == '/')
        len = snprintf(ret, PATH_MAX, "%s/.local/state/sightline/bench", home);
    else
        return -ENOENT;
    return len < PATH_MAX ? make_folders(ret) : -ENAMETOOLONG;
}

int sl_store_name(const char *folder, const char *name, time_t began, char ret[PATH_MAX])
{
    char date[32];
    struct tm parts;
    gmtime_r(&began, &parts);
    strftime(date, sizeof(date), "%Y-%m-%dT%H-%M-%SZ", &parts);
    for (int i = 1; i < 1000; i++) {
        char number[16] = "";
        if (i > 1)
            snprintf(number, sizeof(number), "-%d", i);
        if (snprintf(ret, PATH_MAX, "%s/%s-%s%s.json", folder, date, name, number) >= PATH_MAX)
            return -ENAMETOOLONG;
        if (access(ret, F_OK) != 0)
            return errno == ENOENT ? 0 : -errno;
    }
    return -EEXIST;
}

static int is_run(const struct dirent *entry)
{
    return fnmatch(RUN_PATTERN, entry->d_name, 0) == 0;
}

void sl_store_trim(const char *folder)
{
    struct dirent **entries;
    const int count = scandir(folder, &entries, is_run, alphasort);
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        if (i < count - SL_STORE_KEPT &&
            snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name) < (int)sizeof(path))
            unlink(path);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}
