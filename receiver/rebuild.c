/* SPDX-License-Identifier: MIT */
#include "receiver/rebuild.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "receiver/datadir.h"
#include "receiver/recover.h"
#include "receiver/salvage.h"
#include "receiver/storage.h"
#include "receiver/storage_walk.h"

#define PAGE_ROWS 256
#define PROGRESS_FILES 64 /* between two words about how far it is */

struct rebuild {
    FILE *out, *err;
    struct sl_datadir datadir;
    struct sl_catalogue *catalogue;
    struct sl_storage storage;
    struct sl_recover recover;
    struct sl_recover_names files;
    struct sl_path_set listed; /* UUIDs */
    int troubles;              /* parts of the store that could not be read */
    int64_t dropped, kept;     /* rows without a file */
    char aside[64];            /* the file that the old catalogue is now; "": it is in use */
    struct sl_salvage_counts salvaged;
    char why[SL_STORE_WHY];
};

static int fail(const struct rebuild *r, const char *what)
{
    fprintf(r->err, "sightline-receiver: rebuild: %s\n", what);
    return 2;
}

/* ---- What is there ---- */

/* Its locks, marks, events and sessions are read out of it there; the rest is for who knows how. */
static int set_aside(struct rebuild *r)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char from[40], to[80];
    snprintf(r->aside, sizeof(r->aside), "catalogue.db.aside-%" PRId64, (int64_t)time(NULL));
    for (size_t i = 0; i < SL_COUNT(ends); i++) {
        snprintf(from, sizeof(from), "catalogue.db%s", ends[i]);
        snprintf(to, sizeof(to), "%.60s%s", r->aside, ends[i]);
        if (renameat(r->datadir.dir, from, r->datadir.dir, to) != 0 && errno != ENOENT) {
            const int err = -errno;
            snprintf(r->why, sizeof(r->why), "%s: cannot be renamed: %s", from, strerror(-err));
            return err;
        }
    }
    fprintf(r->err, "sightline-receiver: rebuild: %s; it is %s now\n", r->why, r->aside);
    return 0;
}

/* One that can be opened and is damaged further in is no better than one that cannot. */
static int open_sane(struct rebuild *r)
{
    const int err = sl_catalogue_open(&r->catalogue, r->datadir.path, true, r->why);
    if (err != 0 || sl_catalogue_check(r->catalogue) != -EBADMSG)
        return err;
    snprintf(r->why, sizeof(r->why), "%.200s", sl_catalogue_why(r->catalogue));
    sl_catalogue_close(r->catalogue);
    r->catalogue = NULL;
    return -EBADMSG;
}

static int open_catalogue(struct rebuild *r)
{
    int err = open_sane(r);
    if (err == -EBADMSG && (err = set_aside(r)) == 0)
        err = sl_catalogue_open(&r->catalogue, r->datadir.path, true, r->why);
    return err;
}

static int open_all(struct rebuild *r, const char *data, const char *store)
{
    char beside[4096];
    if (sl_datadir_open(&r->datadir, data, r->why) != 0)
        return fail(r, r->why);
    const int err = sl_datadir_lock(&r->datadir, r->why);
    if (err == -EBUSY)
        snprintf(r->why, sizeof(r->why),
                 "--data %.100s: a receiver runs on it and records; stop it first", data);
    if (err != 0 || open_catalogue(r) != 0)
        return fail(r, r->why);
    if (snprintf(beside, sizeof(beside), "%s/recordings", data) >= (int)sizeof(beside))
        return fail(r, "the path is too long");
    if (sl_storage_open(&r->storage, store ? store : beside, r->catalogue, r->why) != 0)
        return fail(r, r->why);
    return 0;
}

/* ---- Files ---- */

static int note_file(void *ctx, const char *path)
{
    struct rebuild *r = ctx;
    return sl_recover_names_add(&r->files, path);
}

static void note_trouble(void *ctx, const char *what)
{
    struct rebuild *r = ctx;
    r->troubles++;
    sl_warn("recordings: %s", what);
}

static void show_progress(const struct rebuild *r, size_t done)
{
    if ((done % PROGRESS_FILES == 0 || done == r->files.count) && isatty(fileno(r->err)))
        fprintf(r->err, "\r%zu of %zu files%s", done, r->files.count,
                done == r->files.count ? "\n" : "");
}

static int list_files(struct rebuild *r)
{
    int err = sl_storage_walk(r->storage.dir, note_file, note_trouble, r);
    for (size_t i = 0; i < r->files.count && err == 0; i++) {
        err = sl_recover_file(&r->recover, r->files.items[i]);
        show_progress(r, i + 1);
    }
    return err;
}

/* ---- Rows ---- */

/* Unless its file may be where nothing could be read. */
static int drop_row(struct rebuild *r, const char *uuid)
{
    if (r->troubles > 0 || r->recover.counts.unreadable > 0) {
        r->kept++;
        return 0;
    }
    r->dropped++;
    return sl_catalogue_remove(r->catalogue, uuid);
}

static int drop_rows(struct rebuild *r)
{
    const struct sl_segment_filter all = {0};
    struct sl_catalogue_cursor cursor = {0};
    struct sl_segment_row *rows = calloc(PAGE_ROWS, sizeof(*rows));
    int err = rows ? 0 : -ENOMEM, count = PAGE_ROWS;
    while (err == 0 && count == PAGE_ROWS) {
        count = sl_catalogue_page(r->catalogue, &all, &cursor, rows, PAGE_ROWS);
        err = count < 0 ? count : 0;
        for (int i = 0; i < count && err == 0; i++)
            if (!sl_path_set_has(&r->listed, rows[i].info.meta.uuid))
                err = drop_row(r, rows[i].info.meta.uuid);
    }
    free(rows);
    return err;
}

/* What only the old one knows, if it is another. */
static int take_over(struct rebuild *r)
{
    char path[4096];
    if (!r->aside[0] ||
        snprintf(path, sizeof(path), "%s/%s", r->datadir.path, r->aside) >= (int)sizeof(path))
        return 0;
    return sl_salvage(r->catalogue, path, &r->salvaged);
}

static int rebuild(struct rebuild *r)
{
    r->recover =
        (struct sl_recover){.catalogue = r->catalogue, .dir = r->storage.dir, .listed = &r->listed};
    int err = sl_catalogue_begin(r->catalogue);
    if (err == 0)
        err = list_files(r);
    if (err == 0)
        err = drop_rows(r);
    if (err == 0)
        err = take_over(r);
    if (err == 0)
        err = sl_catalogue_commit(r->catalogue);
    if (err == 0)
        return 0;
    const char *what = err == -ENOMEM ? "out of memory" : sl_catalogue_why(r->catalogue);
    const int status = fail(r, what);
    sl_catalogue_rollback(r->catalogue);
    return status;
}

static void say_salvaged(const struct rebuild *r)
{
    const struct sl_salvage_counts *n = &r->salvaged;
    fprintf(r->err,
            "sightline-receiver: rebuild: taken over from %s: %" PRId64 " locks, %" PRId64
            " marks, %" PRId64 " events, %" PRId64 " sessions%s\n",
            r->aside, n->locks, n->marks, n->events, n->sessions,
            n->whole ? "" : "; the rest of it cannot be read");
}

static int say_counts(const struct rebuild *r)
{
    if (r->aside[0])
        say_salvaged(r);
    const struct sl_recover_counts *n = &r->recover.counts;
    fprintf(r->out, "files        %" PRId64 "\n", n->files);
    fprintf(r->out, "listed       %" PRId64 "\n", n->listed);
    fprintf(r->out, "tails cut    %" PRId64 "\n", n->cut);
    fprintf(r->out, "damaged      %" PRId64 "\n", n->damaged);
    fprintf(r->out, "moved        %" PRId64 "\n", n->moved);
    fprintf(r->out, "copies       %" PRId64 "\n", n->copies);
    fprintf(r->out, "empty        %" PRId64 "\n", n->removed);
    fprintf(r->out, "unplayable   %" PRId64 "\n", n->unplayable);
    fprintf(r->out, "rows dropped %" PRId64 "\n", r->dropped);
    if (r->kept > 0)
        fprintf(r->out, "rows kept    %" PRId64 " (not all of the store could be read)\n", r->kept);
    return fflush(r->out) == 0 ? 0 : fail(r, "stdout cannot be written");
}

int sl_rebuild_run(const char *data, const char *store, FILE *out, FILE *err)
{
    struct rebuild r = {.out = out, .err = err, .storage = {.dir = -1}};
    int status = open_all(&r, data, store);
    if (status == 0)
        status = rebuild(&r);
    if (status == 0)
        status = say_counts(&r);
    sl_recover_names_free(&r.files);
    sl_path_set_fini(&r.listed);
    if (r.storage.dir >= 0)
        sl_storage_close(&r.storage);
    sl_catalogue_close(r.catalogue);
    sl_datadir_close(&r.datadir);
    return status;
}
