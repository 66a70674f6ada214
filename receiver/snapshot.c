/* SPDX-License-Identifier: MIT */
#include "receiver/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mailbox.h"
#include "base/wake.h"
#include "codec/decoder.h"
#include "receiver/jpeg.h"
#include "receiver/snapshot_files.h"
#include "whip/link.h"

#define PADDING 64 /* as sl_video_decoder_decode() wants it */

struct unit {
    int64_t at_us;
    size_t len;
    uint8_t data[];
};

struct sl_snapshot_slot {
    char name[SL_NAME_BYTES];
    struct sl_mailbox newest; /* struct unit */
    int64_t period;           /* the one that was last due; the recorder's thread */
    atomic_bool due, wanted;
    _Atomic int64_t newest_us; /* of what was offered; 0: nothing was */
    uint64_t served;           /* how often `wanted` was seen to; under the lock */
    bool failing;
};

struct sl_snapshots {
    int dir;
    char path[512];
    int64_t every_us;
    struct sl_video_decoder *decoder;
    struct sl_wake wake;
    pthread_t thread;
    bool running;
    atomic_bool stop;
    pthread_mutex_t
        lock; /* of `served`: between this thread and those who ask, never the recorder */
    pthread_cond_t told;
    atomic_int count;
    struct sl_snapshot_slot *cameras[SL_SNAPSHOT_CAMERAS];
    _Atomic uint64_t offered, written, failed, replaced, refused;
};

/* ---- The recorder's thread ---- */

static struct sl_snapshot_slot *find(const struct sl_snapshots *snapshots, const char *name)
{
    const int count = atomic_load_explicit(&snapshots->count, memory_order_acquire);
    for (int i = 0; i < count; i++)
        if (strcmp(snapshots->cameras[i]->name, name) == 0)
            return snapshots->cameras[i];
    return NULL;
}

struct sl_snapshot_slot *sl_snapshot_slot(struct sl_snapshots *snapshots, const char *name)
{
    struct sl_snapshot_slot *camera = find(snapshots, name);
    const int count = atomic_load_explicit(&snapshots->count, memory_order_relaxed);
    if (camera || count == SL_SNAPSHOT_CAMERAS)
        return camera;
    camera = calloc(1, sizeof(*camera));
    if (!camera)
        return NULL;
    snprintf(camera->name, sizeof(camera->name), "%s", name);
    sl_mailbox_init(&camera->newest);
    camera->period = -1;
    snapshots->cameras[count] = camera;
    atomic_store_explicit(&snapshots->count, count + 1, memory_order_release);
    return camera;
}

static bool becomes_due(const struct sl_snapshots *snapshots, struct sl_snapshot_slot *camera,
                        int64_t at_us)
{
    if (snapshots->every_us == 0 || at_us / snapshots->every_us == camera->period)
        return false;
    camera->period = at_us / snapshots->every_us;
    return true;
}

void sl_snapshot_offer(struct sl_snapshots *snapshots, struct sl_snapshot_slot *camera,
                       int64_t at_us, const uint8_t *data, size_t len)
{
    atomic_fetch_add(&snapshots->offered, 1);
    struct unit *unit = camera && len <= SL_SNAPSHOT_UNIT_BYTES
                            ? malloc(sizeof(struct unit) + len + PADDING)
                            : NULL;
    if (!unit) {
        atomic_fetch_add(&snapshots->refused, 1);
        return;
    }
    unit->at_us = at_us;
    unit->len = len;
    memcpy(unit->data, data, len);
    memset(unit->data + len, 0, PADDING);
    atomic_store(&camera->newest_us, at_us);
    struct unit *unread = sl_mailbox_put(&camera->newest, unit);
    if (unread)
        atomic_fetch_add(&snapshots->replaced, 1);
    free(unread);
    if (!becomes_due(snapshots, camera, at_us))
        return;
    atomic_store(&camera->due, true);
    sl_wake_signal(&snapshots->wake);
}

/* ---- The thread ---- */

static int make_jpeg(struct sl_snapshots *snapshots, const struct unit *unit, uint8_t **jpeg,
                     size_t *len)
{
    struct sl_picture picture;
    sl_video_decoder_reset(snapshots->decoder);
    const int got = sl_video_decoder_decode(snapshots->decoder, unit->data, unit->len, &picture);
    if (got <= 0)
        return got < 0 ? got : -EBADMSG;
    return sl_jpeg_encode(&picture, jpeg, len);
}

/* Said when it begins and when it is over. */
static void say(struct sl_snapshots *snapshots, struct sl_snapshot_slot *camera, int err)
{
    if (err != 0 && !camera->failing)
        sl_warn("snapshot %s: %s/%s: %s", camera->name, snapshots->path, camera->name,
                strerror(-err));
    else if (err == 0 && camera->failing)
        sl_info("snapshot %s: works again", camera->name);
    camera->failing = err != 0;
}

static void develop(struct sl_snapshots *snapshots, struct sl_snapshot_slot *camera, bool dated)
{
    struct unit *unit = sl_mailbox_take(&camera->newest);
    uint8_t *jpeg = NULL;
    size_t len = 0;
    if (!unit)
        return;
    int err = make_jpeg(snapshots, unit, &jpeg, &len);
    if (err == 0)
        err = sl_snapshot_put(snapshots->dir, camera->name, unit->at_us, dated, jpeg, len);
    atomic_fetch_add(err == 0 ? &snapshots->written : &snapshots->failed, 1);
    say(snapshots, camera, err);
    free(jpeg);
    free(unit);
}

static void serve(struct sl_snapshots *snapshots, struct sl_snapshot_slot *camera)
{
    const bool due = atomic_exchange(&camera->due, false);
    const bool wanted = atomic_exchange(&camera->wanted, false);
    if (due || wanted)
        develop(snapshots, camera, due);
    if (!wanted)
        return;
    pthread_mutex_lock(&snapshots->lock);
    camera->served++;
    pthread_cond_broadcast(&snapshots->told);
    pthread_mutex_unlock(&snapshots->lock);
}

static void *work(void *ctx)
{
    struct sl_snapshots *snapshots = ctx;
    while (!atomic_load(&snapshots->stop)) {
        const int count = atomic_load_explicit(&snapshots->count, memory_order_acquire);
        for (int i = 0; i < count; i++)
            serve(snapshots, snapshots->cameras[i]);
        (void)sl_wake_wait(&snapshots->wake, SL_NEVER);
    }
    const int count = atomic_load_explicit(&snapshots->count, memory_order_acquire);
    for (int i = 0; i < count; i++)
        develop(snapshots, snapshots->cameras[i], false);
    return NULL;
}

/* ---- Any thread ---- */

static struct timespec until(sl_ns patience)
{
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    const int64_t ns = end.tv_nsec + patience % SL_SEC;
    end.tv_sec += (time_t)(patience / SL_SEC + ns / SL_SEC);
    end.tv_nsec = (long)(ns % SL_SEC);
    return end;
}

/* Asks for it; comes back when it is done, or when `patience` is at its end. */
static void renew(struct sl_snapshots *snapshots, struct sl_snapshot_slot *camera, sl_ns patience)
{
    const struct timespec end = until(patience);
    pthread_mutex_lock(&snapshots->lock);
    const uint64_t before = camera->served;
    atomic_store(&camera->wanted, true);
    sl_wake_signal(&snapshots->wake);
    while (camera->served == before &&
           pthread_cond_timedwait(&snapshots->told, &snapshots->lock, &end) == 0)
        ;
    pthread_mutex_unlock(&snapshots->lock);
}

int sl_snapshot_latest(struct sl_snapshots *snapshots, const char *name, sl_ns patience)
{
    struct sl_snapshot_slot *camera = find(snapshots, name);
    if (!sl_name_valid(name))
        return -ENOENT;
    if (camera)
        renew(snapshots, camera, patience);
    return sl_snapshot_open(snapshots->dir, name);
}

int64_t sl_snapshot_newest(const struct sl_snapshots *snapshots, const char *name)
{
    const struct sl_snapshot_slot *camera = find(snapshots, name);
    return camera ? atomic_load(&camera->newest_us) : 0;
}

void sl_snapshot_stats(const struct sl_snapshots *snapshots, struct sl_snapshot_stats *ret)
{
    *ret = (struct sl_snapshot_stats){.offered = atomic_load(&snapshots->offered),
                                      .written = atomic_load(&snapshots->written),
                                      .failed = atomic_load(&snapshots->failed),
                                      .replaced = atomic_load(&snapshots->replaced),
                                      .refused = atomic_load(&snapshots->refused)};
}

/* ---- Set-up ---- */

static int open_directory(struct sl_snapshots *snapshots, const char *path)
{
    snprintf(snapshots->path, sizeof(snapshots->path), "%s", path);
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return -errno;
    snapshots->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return snapshots->dir >= 0 ? 0 : -errno;
}

static int init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    int err = pthread_condattr_init(&attributes);
    if (err != 0)
        return -err;
    err = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (err == 0)
        err = pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
    return -err;
}

int sl_snapshots_create(struct sl_snapshots **ret, const struct sl_snapshot_config *config,
                        char why[SL_STORE_WHY])
{
    struct sl_snapshots *snapshots = calloc(1, sizeof(*snapshots));
    if (!snapshots)
        return -ENOMEM;
    snapshots->dir = -1;
    snapshots->wake.fd = -1;
    snapshots->every_us = config->every / SL_US;
    pthread_mutex_init(&snapshots->lock, NULL);
    int err = init_condition(&snapshots->told);
    if (err == 0)
        err = open_directory(snapshots, config->path);
    if (err == 0)
        err = sl_wake_init(&snapshots->wake);
    if (err == 0)
        err = sl_video_decoder_create(&snapshots->decoder, 1);
    if (err != 0) {
        snprintf(why, SL_STORE_WHY, "%.180s: %s", config->path, strerror(-err));
        sl_snapshots_destroy(snapshots);
        return err;
    }
    *ret = snapshots;
    return 0;
}

int sl_snapshots_start(struct sl_snapshots *snapshots)
{
    const int err = pthread_create(&snapshots->thread, NULL, work, snapshots);
    if (err != 0)
        return -err;
    pthread_setname_np(snapshots->thread, "snapshot");
    snapshots->running = true;
    return 0;
}

void sl_snapshots_stop(struct sl_snapshots *snapshots)
{
    if (!snapshots || !snapshots->running)
        return;
    atomic_store(&snapshots->stop, true);
    sl_wake_signal(&snapshots->wake);
    pthread_join(snapshots->thread, NULL);
    snapshots->running = false;
}

void sl_snapshots_destroy(struct sl_snapshots *snapshots)
{
    if (!snapshots)
        return;
    sl_snapshots_stop(snapshots);
    const int count = atomic_load(&snapshots->count);
    for (int i = 0; i < count; i++) {
        free(sl_mailbox_take(&snapshots->cameras[i]->newest));
        free(snapshots->cameras[i]);
    }
    sl_video_decoder_destroy(snapshots->decoder);
    if (snapshots->wake.fd >= 0)
        sl_wake_fini(&snapshots->wake);
    if (snapshots->dir >= 0)
        close(snapshots->dir);
    pthread_cond_destroy(&snapshots->told);
    pthread_mutex_destroy(&snapshots->lock);
    free(snapshots);
}
