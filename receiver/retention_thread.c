/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/time.h"
#include "base/wake.h"
#include "receiver/retention_run.h"
#include "receiver/retention_snapshots.h"
#include "receiver/wall_clock.h"
#include "receiver/when.h"

#define EVERY (2 * SL_SEC)
#define PAUSE (50 * SL_MS) /* between files: unlinking a large one keeps a disk busy */
#define TURN_FILES 100     /* then what is free is asked anew */
#define LEFT_OUT 256
#define CLOCK_SAVED_EVERY (60 * SL_SEC)
#define PRUNED_EVERY (600 * SL_SEC)
#define ENOUGH 2 /* of a walk: for this turn */

struct sl_retention_thread {
    struct sl_retention_config config;
    struct sl_catalogue *catalogue;
    struct sl_store *store;
    struct sl_storage storage;
    struct sl_retention retention;
    struct sl_retention_clock clock;
    struct sl_retention_snapshots snapshots;
    sl_ns clock_saved, pruned; /* 0: not in this run */
    struct sl_wake wake;
    pthread_t thread;
    bool started;
    atomic_bool stop;
    bool failing;           /* said already */
    int64_t left[LEFT_OUT]; /* rows whose files are not theirs, said already; a ring */
    int left_count;
    int files; /* of this turn */
    int64_t turn_bytes;
};

static bool left_out(const struct sl_retention_thread *thread, int64_t id)
{
    for (int i = 0; i < LEFT_OUT; i++)
        if (thread->left[i] == id)
            return true;
    return false;
}

/* Whether the row may stay, since older snapshots went for it; its bytes are off the sums. */
static bool snapshots_suffice(struct sl_retention_thread *thread, const struct sl_segment_row *row,
                              enum sl_retention_why reason)
{
    struct sl_retention *retention = &thread->retention;
    if (reason != SL_RETENTION_FREE)
        return false;
    sl_retention_snapshots_before(&thread->snapshots, retention, &thread->storage,
                                  row->info.meta.start_us + row->info.duration_us);
    return retention->free_bytes - row->info.bytes >= retention->min_free;
}

static int take(void *ctx, const struct sl_segment_row *row, enum sl_retention_why reason)
{
    struct sl_retention_thread *thread = ctx;
    char why[SL_STORE_WHY] = "", text[64];
    if (atomic_load(&thread->stop) || thread->files >= TURN_FILES)
        return ENOUGH;
    if (left_out(thread, row->id) || snapshots_suffice(thread, row, reason))
        return 1;
    const int err =
        sl_retention_delete(thread->catalogue, &thread->storage, row, sl_wall_clock_us(), why);
    if (err == -EBUSY)
        return 1;
    if (err == -ESTALE) {
        sl_warn("retention: %s: left alone: %s", row->path, why);
        thread->left[thread->left_count++ % LEFT_OUT] = row->id;
        return 1;
    }
    if (err != 0) {
        if (!thread->failing)
            sl_error("retention: %s: cannot be deleted: %s", row->path, why);
        thread->failing = true;
        return ENOUGH;
    }
    const struct sl_retention_row of = {.camera = row->info.meta.camera};
    sl_debug("retention: %s: deleted, %" PRId64 " bytes: %s", row->path, row->info.bytes,
             sl_retention_text(&thread->retention, &of, reason, text));
    thread->failing = false;
    thread->files++;
    thread->turn_bytes += row->info.bytes;
    (void)sl_wake_wait(&thread->wake, PAUSE);
    return 0;
}

static void say_clock(const struct sl_retention_clock *clock, int64_t now_us)
{
    char now[SL_WHEN_TEXT], known[SL_WHEN_TEXT];
    if (clock->doubted)
        sl_warn("retention: the clock says %s, but %s was the last that was known, and it is not "
                "synchronised: ages are counted from there on; let it be synchronised (NTP), or "
                "set it right",
                sl_when_text(now_us, now), sl_when_text(clock->known_us, known));
    else
        sl_info("retention: the clock is gone by again, it says %s", sl_when_text(now_us, now));
}

static void save_clock(struct sl_retention_thread *thread, sl_ns now)
{
    if (sl_retention_clock_save(&thread->clock, thread->catalogue) == 0)
        thread->clock_saved = now;
}

/* What time it is for ages. It is written down now and then, for the next run. */
static int64_t look_at_clock(struct sl_retention_thread *thread)
{
    struct sl_retention_clock *clock = &thread->clock;
    const bool doubted = clock->doubted;
    const int64_t now_us = sl_wall_clock_us();
    const sl_ns now = sl_time_now();
    const int64_t age_now_us =
        sl_retention_clock_look(clock, now_us, now, sl_wall_clock_state() == SL_CLOCK_SYNCED);
    if (clock->doubted != doubted)
        say_clock(clock, now_us);
    if (thread->clock_saved == 0 || now - thread->clock_saved >= CLOCK_SAVED_EVERY)
        save_clock(thread, now);
    return age_now_us;
}

/* Old events, sessions and snapshots, once in a while, also while the storage is away. */
static void prune(struct sl_retention_thread *thread, int64_t age_now_us)
{
    const sl_ns now = sl_time_now();
    struct sl_retention retention;
    if (thread->pruned && now - thread->pruned < PRUNED_EVERY)
        return;
    sl_retention_snapshots_old(&thread->snapshots, age_now_us);
    if (sl_retention_load(&retention, &thread->config, thread->catalogue, thread->store, NULL,
                          age_now_us) != 0)
        return; /* the next one that looks after files says so */
    const int went = sl_retention_prune(&retention, thread->catalogue, &thread->stop);
    sl_retention_free(&retention);
    thread->pruned = now;
    if (went < 0)
        sl_warn("retention: events and sessions: %s", sl_catalogue_why(thread->catalogue));
    else if (went > 0)
        sl_info("retention: %d events and sessions taken out", went);
}

static void turn(struct sl_retention_thread *thread)
{
    const int64_t age_now_us = look_at_clock(thread);
    char why[SL_STORE_WHY] = "";
    thread->files = 0;
    thread->turn_bytes = 0;
    thread->snapshots.before_us = 0;
    prune(thread, age_now_us);
    if (thread->storage.dir < 0 &&
        sl_storage_open(&thread->storage, thread->config.recordings, thread->catalogue, why) != 0)
        return; /* whoever records says so */
    const enum sl_storage_state state = sl_storage_look(&thread->storage, why);
    if (state != SL_STORAGE_FINE && state != SL_STORAGE_FULL)
        return;
    int err = sl_retention_load(&thread->retention, &thread->config, thread->catalogue,
                                thread->store, &thread->storage, age_now_us);
    if (err == 0)
        err = sl_retention_walk(&thread->retention, thread->catalogue, take, thread);
    if (err == 0 && !atomic_load(&thread->stop))
        sl_retention_snapshots_rest(&thread->snapshots, &thread->retention, &thread->storage);
    if (err < 0 && !thread->failing)
        sl_error("retention: %s", sl_catalogue_why(thread->catalogue));
    if (err < 0)
        thread->failing = true;
    if (thread->files > 0)
        sl_info("retention: %d recordings deleted, %" PRId64 " bytes", thread->files,
                thread->turn_bytes);
    sl_retention_free(&thread->retention);
}

static void *run(void *arg)
{
    struct sl_retention_thread *thread = arg;
    pthread_setname_np(pthread_self(), "retention");
    while (!atomic_load(&thread->stop)) {
        turn(thread);
        if (!atomic_load(&thread->stop))
            (void)sl_wake_wait(&thread->wake, EVERY); /* only stop() signals */
    }
    if (thread->clock_saved)
        save_clock(thread, sl_time_now());
    return NULL;
}

/* So that commands beside it know by what rules it goes. */
static int tell_commands(struct sl_retention_thread *thread)
{
    const struct sl_retention_config *config = &thread->config;
    const struct {
        const char *key;
        int64_t value;
    } numbers[] = {{"keep_us", config->limits.keep_us},
                   {"keep_bytes", config->limits.keep_bytes},
                   {"min_free", config->min_free},
                   {"min_free_given", config->min_free_given}};
    char text[24], path[4096];
    int err = sl_catalogue_meta_set(thread->catalogue, "recordings",
                                    realpath(config->recordings, path) ? path : config->recordings);
    for (size_t i = 0; i < SL_COUNT(numbers) && err == 0; i++) {
        snprintf(text, sizeof(text), "%" PRId64, numbers[i].value);
        err = sl_catalogue_meta_set(thread->catalogue, numbers[i].key, text);
    }
    return err;
}

static int start(struct sl_retention_thread *thread, char *why)
{
    int err = sl_wake_init(&thread->wake);
    if (err != 0) {
        snprintf(why, SL_STORE_WHY, "retention: %s", strerror(-err));
        return err;
    }
    err = sl_catalogue_open(&thread->catalogue, thread->config.data, true, why);
    if (err == 0)
        err = sl_store_open(&thread->store, thread->config.data, false, why);
    if (err != 0)
        return err;
    err = tell_commands(thread);
    if (err == 0) /* before anything is recorded by a clock that is to be doubted */
        err = sl_retention_clock_load(&thread->clock, thread->catalogue);
    if (err != 0) {
        snprintf(why, SL_STORE_WHY, "%.200s", sl_catalogue_why(thread->catalogue));
        return err;
    }
    err = -pthread_create(&thread->thread, NULL, run, thread);
    thread->started = err == 0;
    if (err != 0)
        snprintf(why, SL_STORE_WHY, "retention: %s", strerror(-err));
    return err;
}

int sl_retention_start(struct sl_retention_thread **ret, const struct sl_retention_config *config,
                       char why[SL_STORE_WHY])
{
    struct sl_retention_thread *thread = calloc(1, sizeof(*thread));
    if (!thread) {
        snprintf(why, SL_STORE_WHY, "out of memory");
        return -ENOMEM;
    }
    thread->config = *config;
    thread->snapshots = (struct sl_retention_snapshots){.path = config->snapshots,
                                                        .keep_us = config->snapshot_keep_us};
    thread->storage.dir = -1;
    thread->wake.fd = -1;
    const int err = start(thread, why);
    if (err != 0)
        sl_retention_stop(thread);
    else
        *ret = thread;
    return err;
}

void sl_retention_stop(struct sl_retention_thread *thread)
{
    if (!thread)
        return;
    atomic_store(&thread->stop, true);
    if (thread->started) {
        sl_wake_signal(&thread->wake);
        pthread_join(thread->thread, NULL);
    }
    if (thread->wake.fd >= 0)
        sl_wake_fini(&thread->wake);
    sl_storage_close(&thread->storage);
    sl_store_close(thread->store);
    sl_catalogue_close(thread->catalogue);
    free(thread);
}
