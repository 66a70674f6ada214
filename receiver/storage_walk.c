/* SPDX-License-Identifier: MIT */
#include "receiver/storage_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "whip/link.h"

struct walk {
    sl_walk_take take;
    sl_walk_trouble trouble;
    void *ctx;
};

static void complain(const struct walk *walk, const char *path, const char *what)
{
    char text[SL_STORE_WHY];
    snprintf(text, sizeof(text), "%.150s: %.80s", *path ? path : "the store", what);
    walk->trouble(walk->ctx, text);
}

static bool is_recording(const char *name)
{
    const size_t len = strlen(name);
    return len > 4 && strcmp(name + len - 4, ".mp4") == 0;
}

/* DT_DIR, DT_REG, or anything else. Some file systems do not say. */
static int kind_of(int dir, const struct dirent *entry)
{
    struct stat stat;
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type;
    if (fstatat(dir, entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) != 0)
        return DT_UNKNOWN;
    return S_ISDIR(stat.st_mode) ? DT_DIR : S_ISREG(stat.st_mode) ? DT_REG : DT_UNKNOWN;
}

static int walk_directory(const struct walk *walk, int dir, const char *path, int depth);

static int visit(const struct walk *walk, int dir, const char *path, const struct dirent *entry,
                 int depth)
{
    char inner[SL_SEGMENT_PATH_BYTES];
    if (entry->d_name[0] == '.')
        return 0;
    const int kind = kind_of(dir, entry);
    if (kind != DT_DIR && (kind != DT_REG || !is_recording(entry->d_name)))
        return 0;
    if (snprintf(inner, sizeof(inner), "%s%s%s", path, *path ? "/" : "", entry->d_name) >=
        (int)sizeof(inner)) {
        complain(walk, path, "a name in it is too long, left alone");
        return 0;
    }
    if (kind == DT_REG)
        return walk->take(walk->ctx, inner);
    if (depth == SL_WALK_DEPTH) {
        complain(walk, inner, "too deep below the store, left alone");
        return 0;
    }
    const int fd = openat(dir, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        complain(walk, inner, strerror(errno));
        return 0;
    }
    return walk_directory(walk, fd, inner, depth + 1);
}

/* Takes `dir`. */
static int walk_directory(const struct walk *walk, int dir, const char *path, int depth)
{
    DIR *stream = fdopendir(dir);
    struct dirent *entry;
    int err = 0;
    if (!stream) {
        complain(walk, path, strerror(errno));
        close(dir);
        return 0;
    }
    while (err == 0 && (errno = 0, entry = readdir(stream)))
        err = visit(walk, dir, path, entry, depth);
    if (err == 0 && errno != 0)
        complain(walk, path, strerror(errno));
    closedir(stream);
    return err;
}

int sl_storage_walk(int dir, sl_walk_take take, sl_walk_trouble trouble, void *ctx)
{
    const struct walk walk = {.take = take, .trouble = trouble, .ctx = ctx};
    const int own = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* a place of its own */
    if (own < 0) {
        complain(&walk, "", strerror(errno));
        return 0;
    }
    return walk_directory(&walk, own, "", 0);
}

/* `pattern` with 0 for a digit. */
static const char *matches(const char *text, const char *pattern)
{
    for (; *pattern; pattern++, text++)
        if (*pattern == '0' ? *text < '0' || *text > '9' : *text != *pattern)
            return NULL;
    return text;
}

bool sl_storage_path_ours(const char *path)
{
    char camera[SL_NAME_BYTES];
    const size_t len = strcspn(path, "/");
    if (len >= sizeof(camera))
        return false;
    snprintf(camera, sizeof(camera), "%.*s", (int)len, path);
    const char *rest = matches(path + len, "/0000-00-00/00-00-00Z");
    if (!sl_name_valid(camera) || !rest)
        return false;
    if (*rest == '-')
        rest += 1 + strspn(rest + 1, "0123456789");
    return strcmp(rest, ".mp4") == 0;
}
