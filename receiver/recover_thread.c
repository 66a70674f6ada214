/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "receiver/recover.h"

struct sl_recover_thread {
    pthread_t thread;
    struct sl_recover recover;
    struct sl_recover_names names;
    atomic_bool stop, done;
};

static void say_end(const struct sl_recover_thread *thread, int err)
{
    const struct sl_recover_counts *counts = &thread->recover.counts;
    if (err != 0)
        sl_error("recordings: those that are in no catalogue wait for the next start: %s",
                 sl_catalogue_why(thread->recover.catalogue));
    else
        sl_info("recordings: %" PRId64 " of %zu files taken into the catalogue", counts->listed,
                thread->names.count);
}

static void *work(void *ctx)
{
    struct sl_recover_thread *thread = ctx;
    int err = 0;
    (void)pthread_setname_np(pthread_self(), "recover");
    sl_info("recordings: %zu files are in no catalogue, and are taken in now", thread->names.count);
    for (size_t i = 0; i < thread->names.count && err == 0 && !atomic_load(&thread->stop); i++)
        err = sl_recover_file(&thread->recover, thread->names.items[i]);
    if (!atomic_load(&thread->stop))
        say_end(thread, err);
    atomic_store(&thread->done, true);
    return NULL;
}

static void destroy(struct sl_recover_thread *thread)
{
    sl_catalogue_close(thread->recover.catalogue);
    if (thread->recover.dir >= 0)
        close(thread->recover.dir);
    sl_recover_names_free(&thread->names);
    free(thread);
}

int sl_recover_start(struct sl_recover_thread **ret, const char *data, int dir,
                     struct sl_recover_names *rest)
{
    char why[SL_STORE_WHY];
    struct sl_recover_thread *thread = calloc(1, sizeof(*thread));
    if (!thread)
        return -ENOMEM;
    thread->names = *rest;
    *rest = (struct sl_recover_names){0};
    thread->recover.dir = fcntl(dir, F_DUPFD_CLOEXEC, 0);
    int err = thread->recover.dir < 0 ? -errno : 0;
    if (err == 0)
        err = sl_catalogue_open(&thread->recover.catalogue, data, true, why);
    if (err == 0)
        err = -pthread_create(&thread->thread, NULL, work, thread);
    if (err != 0) {
        destroy(thread);
        return err;
    }
    *ret = thread;
    return 0;
}

void sl_recover_stop(struct sl_recover_thread *thread)
{
    if (!thread)
        return;
    atomic_store(&thread->stop, true);
    pthread_join(thread->thread, NULL);
    destroy(thread);
}

bool sl_recover_done(const struct sl_recover_thread *thread)
{
    return atomic_load(&thread->done);
}
