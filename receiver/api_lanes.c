/* SPDX-License-Identifier: MIT */
#include "receiver/api_lanes.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/ring.h"

static const struct {
    const char *name;
    int threads;
} kinds[SL_API_LANES] = {
    [SL_API_PAGES] = {"http pages", 1},
    [SL_API_OPENS] = {"http opens", 2},
    [SL_API_READS] = {"http reads", 2},
    [SL_API_PICTURES] = {"http pictures", 1},
};
#define THREADS 6

struct worker {
    struct sl_api_lanes *lanes;
    enum sl_api_lane lane;
    struct sl_ring *jobs, *done; /* struct sl_api_job * */
    struct sl_wake wake;
    struct sl_api_desk desk;
    size_t lent; /* given and not taken; HTTP thread */
    pthread_t thread;
    bool started;
};

struct sl_api_lanes {
    struct sl_wake *done;
    size_t capacity;
    atomic_bool stopping;
    struct worker workers[THREADS];
};

int sl_api_desk_catalogue(struct sl_api_desk *desk, char why[SL_STORE_WHY])
{
    return desk->catalogue ? 0 : sl_catalogue_open(&desk->catalogue, desk->data, false, why);
}

static void *worker_main(void *ctx)
{
    struct worker *worker = ctx;
    struct sl_api_lanes *lanes = worker->lanes;
    struct sl_api_job *job;
    while (!atomic_load(&lanes->stopping)) {
        if (!sl_ring_pop(worker->jobs, &job)) {
            (void)sl_wake_wait(&worker->wake, SL_NEVER);
            continue;
        }
        job->work(job, &worker->desk);
        (void)!sl_ring_push(worker->done, &job); /* has room: no more are lent than fit */
        sl_wake_signal(lanes->done);
    }
    return NULL;
}

static int start_worker(struct worker *worker)
{
    int err = sl_ring_create(&worker->jobs, worker->lanes->capacity, sizeof(struct sl_api_job *));
    if (err == 0)
        err = sl_ring_create(&worker->done, worker->lanes->capacity, sizeof(struct sl_api_job *));
    if (err == 0)
        err = sl_wake_init(&worker->wake);
    if (err != 0)
        return err;
    err = -pthread_create(&worker->thread, NULL, worker_main, worker);
    if (err == 0) {
        worker->started = true;
        (void)pthread_setname_np(worker->thread, kinds[worker->lane].name);
    }
    return err;
}

int sl_api_lanes_create(struct sl_api_lanes **ret, const struct sl_api_lanes_config *config)
{
    struct sl_api_lanes *lanes = calloc(1, sizeof(*lanes));
    if (!lanes)
        return -ENOMEM;
    lanes->done = config->done;
    lanes->capacity = config->capacity;
    for (int i = 0; i < THREADS; i++)
        lanes->workers[i].wake.fd = -1;
    int err = 0, at = 0;
    for (int lane = 0; lane < SL_API_LANES; lane++) {
        for (int i = 0; i < kinds[lane].threads && err == 0; i++, at++) {
            struct worker *worker = &lanes->workers[at];
            worker->lanes = lanes;
            worker->lane = lane;
            worker->desk = (struct sl_api_desk){.data = config->data,
                                                .recordings = config->recordings,
                                                .snapshots = config->snapshots,
                                                .pictures = config->pictures};
            err = start_worker(worker);
        }
    }
    if (err != 0) {
        sl_api_lanes_destroy(lanes);
        return err;
    }
    *ret = lanes;
    return 0;
}

void sl_api_lanes_stop(struct sl_api_lanes *lanes)
{
    if (!lanes)
        return;
    atomic_store(&lanes->stopping, true);
    for (int i = 0; i < THREADS; i++) {
        struct worker *worker = &lanes->workers[i];
        if (!worker->started)
            continue;
        sl_wake_signal(&worker->wake);
        (void)pthread_join(worker->thread, NULL);
        worker->started = false;
    }
}

void sl_api_lanes_destroy(struct sl_api_lanes *lanes)
{
    if (!lanes)
        return;
    sl_api_lanes_stop(lanes);
    for (int i = 0; i < THREADS; i++) {
        struct worker *worker = &lanes->workers[i];
        if (worker->desk.catalogue)
            sl_catalogue_close(worker->desk.catalogue);
        sl_ring_destroy(worker->jobs);
        sl_ring_destroy(worker->done);
        if (worker->wake.fd >= 0)
            sl_wake_fini(&worker->wake);
    }
    free(lanes);
}

bool sl_api_lanes_give(struct sl_api_lanes *lanes, enum sl_api_lane lane, struct sl_api_job *job)
{
    struct worker *least = NULL;
    for (int i = 0; i < THREADS; i++) {
        struct worker *worker = &lanes->workers[i];
        if (worker->lane == lane && (!least || worker->lent < least->lent))
            least = worker;
    }
    if (least->lent >= lanes->capacity || !sl_ring_push(least->jobs, &job))
        return false;
    least->lent++;
    sl_wake_signal(&least->wake);
    return true;
}

struct sl_api_job *sl_api_lanes_take(struct sl_api_lanes *lanes)
{
    struct sl_api_job *job;
    for (int i = 0; i < THREADS; i++) {
        struct worker *worker = &lanes->workers[i];
        if (worker->done && sl_ring_pop(worker->done, &job)) {
            worker->lent--;
            return job;
        }
    }
    return NULL;
}
