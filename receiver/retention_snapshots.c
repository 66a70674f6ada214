/* SPDX-License-Identifier: MIT */
#include "receiver/retention_snapshots.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "receiver/snapshot_files.h"

#define SECOND_US INT64_C(1000000)
#define HOUR_US (3600 * SECOND_US)
#define STEP_US (60 * SECOND_US) /* recordings that end together are one look at all cameras */
#define NEW_US (60 * SECOND_US)  /* may be under way to its name */

static int open_dir(const struct sl_retention_snapshots *snapshots)
{
    return snapshots->path ? open(snapshots->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
}

static int prune(const struct sl_retention_snapshots *snapshots, int dir, int64_t before_us,
                 int64_t *bytes)
{
    const int removed = sl_snapshot_prune(dir, before_us, bytes);
    if (removed < 0)
        sl_warn("snapshots: %s: old ones cannot be removed: %s", snapshots->path,
                strerror(-removed));
    return removed;
}

void sl_retention_snapshots_old(const struct sl_retention_snapshots *snapshots, int64_t age_now_us)
{
    int64_t bytes = 0;
    const int dir = snapshots->keep_us > 0 ? open_dir(snapshots) : -1;
    if (dir < 0)
        return;
    const int64_t before_us = age_now_us - snapshots->keep_us;
    const int removed = prune(
        snapshots, dir, before_us < age_now_us - NEW_US ? before_us : age_now_us - NEW_US, &bytes);
    if (removed > 0)
        sl_debug("snapshots: %d old ones removed", removed);
    close(dir);
}

/* ---- For room ---- */

/* -1: there are none, or removing them frees nothing for the recordings. */
static int open_beside(const struct sl_retention_snapshots *snapshots,
                       const struct sl_storage *storage)
{
    struct stat here, there;
    const int dir = open_dir(snapshots);
    if (dir < 0)
        return -1;
    if (fstat(dir, &here) == 0 && fstat(storage->dir, &there) == 0 && here.st_dev == there.st_dev)
        return dir;
    close(dir);
    return -1;
}

static int make_room(const struct sl_retention_snapshots *snapshots, struct sl_retention *retention,
                     int dir, int64_t before_us)
{
    int64_t bytes = 0;
    const int removed = prune(snapshots, dir, before_us, &bytes);
    if (removed > 0)
        sl_info("retention: %d snapshots deleted, %lld bytes", removed, (long long)bytes);
    retention->free_bytes += bytes;
    return removed;
}

void sl_retention_snapshots_before(struct sl_retention_snapshots *snapshots,
                                   struct sl_retention *retention, const struct sl_storage *storage,
                                   int64_t end_us)
{
    const int64_t newest_us = retention->now_us - NEW_US;
    const int64_t before_us = end_us < newest_us ? end_us : newest_us;
    if (before_us < snapshots->before_us + STEP_US)
        return;
    const int dir = open_beside(snapshots, storage);
    if (dir < 0)
        return;
    snapshots->before_us = before_us;
    (void)make_room(snapshots, retention, dir, before_us);
    close(dir);
}

void sl_retention_snapshots_rest(struct sl_retention_snapshots *snapshots,
                                 struct sl_retention *retention, const struct sl_storage *storage)
{
    int64_t oldest_us = 0;
    const int dir = open_beside(snapshots, storage);
    if (dir < 0)
        return;
    while (retention->free_bytes < retention->min_free &&
           sl_snapshot_oldest(dir, &oldest_us) == 0 &&
           oldest_us + HOUR_US < retention->now_us - NEW_US &&
           make_room(snapshots, retention, dir, oldest_us + HOUR_US) > 0)
        ;
    close(dir);
}
