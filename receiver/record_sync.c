/* SPDX-License-Identifier: MIT */
#include "receiver/record_sync.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/ring.h"
#include "base/time.h"
#include "base/wake.h"

#define CAPACITY 256           /* descriptors held */
#define ONE_BY_ONE 4           /* files; more are quicker by one syncfs() */
#define GATHER (100 * SL_MS)   /* requests that one turn serves */
#define CROWDED (CAPACITY / 4) /* so many descriptors do not wait */

struct request {
    int fd; /* ours */
    bool created;
};

struct sl_record_sync {
    struct sl_ring *ring;
    struct sl_wake wake;
    pthread_t thread;
    bool started;
    atomic_bool stop;
    uint64_t asked, left_out; /* of whoever asks */
    _Atomic uint64_t done, turns;
    atomic_int error;
    struct request batch[CAPACITY];
};

/* ---- The thread ---- */

static int sync_batch(const struct request *batch, int count)
{
    bool all = count > ONE_BY_ONE;
    for (int i = 0; i < count; i++)
        all |= batch[i].created;
    if (all)
        return syncfs(batch[0].fd) == 0 ? 0 : -errno;
    int err = 0;
    for (int i = 0; i < count; i++)
        if (fdatasync(batch[i].fd) != 0)
            err = -errno;
    return err;
}

static void take_turn(struct sl_record_sync *sync)
{
    int count = 0;
    while (count < CAPACITY && sl_ring_pop(sync->ring, &sync->batch[count]))
        count++;
    if (count == 0)
        return;
    const int err = sync_batch(sync->batch, count);
    if (err != 0)
        atomic_store(&sync->error, err);
    for (int i = 0; i < count; i++)
        close(sync->batch[i].fd);
    sync->done += (uint64_t)count;
    sync->turns++;
}

/* More cameras' fragments go to the disk by one turn, whose price hardly rises. */
static void gather(struct sl_record_sync *sync)
{
    const sl_ns until = sl_time_now() + GATHER;
    while (!atomic_load(&sync->stop) && sl_ring_held(sync->ring) < CROWDED) {
        const sl_ns left = until - sl_time_now();
        if (left <= 0 || !sl_wake_wait(&sync->wake, left))
            return;
    }
}

static void *run(void *arg)
{
    struct sl_record_sync *sync = arg;
    pthread_setname_np(pthread_self(), "sync");
    while (!atomic_load(&sync->stop)) {
        take_turn(sync);
        (void)sl_wake_wait(&sync->wake, SL_NEVER);
        gather(sync);
    }
    take_turn(sync);
    return NULL;
}

/* ---- Life ---- */

int sl_record_sync_create(struct sl_record_sync **ret)
{
    struct sl_record_sync *sync = calloc(1, sizeof(*sync));
    if (!sync)
        return -ENOMEM;
    sync->wake.fd = -1;
    int err = sl_ring_create(&sync->ring, CAPACITY, sizeof(struct request));
    if (err == 0)
        err = sl_wake_init(&sync->wake);
    if (err != 0) {
        sl_record_sync_destroy(sync);
        return err;
    }
    *ret = sync;
    return 0;
}

int sl_record_sync_start(struct sl_record_sync *sync)
{
    const int err = pthread_create(&sync->thread, NULL, run, sync);
    sync->started = err == 0;
    return -err;
}

void sl_record_sync_stop(struct sl_record_sync *sync)
{
    if (!sync || !sync->started)
        return;
    atomic_store(&sync->stop, true);
    sl_wake_signal(&sync->wake);
    pthread_join(sync->thread, NULL);
    sync->started = false;
}

void sl_record_sync_destroy(struct sl_record_sync *sync)
{
    if (!sync)
        return;
    sl_record_sync_stop(sync);
    if (sync->ring)
        take_turn(sync); /* if it never ran */
    if (sync->wake.fd >= 0)
        sl_wake_fini(&sync->wake);
    sl_ring_destroy(sync->ring);
    free(sync);
}

/* ---- Whoever asks ---- */

void sl_record_sync_ask(struct sl_record_sync *sync, int fd, bool created)
{
    const struct request request = {.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0), .created = created};
    sync->asked++;
    if (request.fd < 0 || !sl_ring_push(sync->ring, &request)) {
        sync->left_out++;
        if (request.fd >= 0)
            close(request.fd);
    }
    sl_wake_signal(&sync->wake);
}

void sl_record_sync_stats(const struct sl_record_sync *sync, struct sl_record_sync_stats *ret)
{
    *ret = (struct sl_record_sync_stats){.asked = sync->asked,
                                         .left_out = sync->left_out,
                                         .done = atomic_load(&sync->done),
                                         .turns = atomic_load(&sync->turns),
                                         .error = atomic_load(&sync->error)};
}
