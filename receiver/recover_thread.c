/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "receiver/recover.h"

struct sl_recover_thread {
    pthread_t thread;
    pthread_cond_t turn;
    struct sl_catalogue *catalogue;
    struct sl_recover_gate gate; /* its mutex guards what follows as well */
    int next;                    /* the store that is to be looked at; -1: none */
    bool busy, stop, started;
    atomic_bool abandon; /* what is at hand: there is something newer */
};

static void work_on(struct sl_recover_thread *thread, int dir)
{
    struct sl_recover recover = {.catalogue = thread->catalogue,
                                 .dir = dir,
                                 .gate = &thread->gate,
                                 .stop = &thread->abandon};
    const int err = sl_recover_all(&recover);
    if (err != 0 && err != -ECANCELED)
        sl_error("recordings: those that are in no catalogue wait for the next start: %s",
                 err == -ENOMEM ? strerror(ENOMEM) : sl_catalogue_why(thread->catalogue));
    close(dir);
}

static void end_turn(struct sl_recover_thread *thread)
{
    thread->busy = thread->next >= 0;
    if (thread->busy)
        return;
    sl_path_set_fini(&thread->gate.ours);
    thread->gate.ours = (struct sl_path_set){0};
    thread->gate.all = false;
}

static void *work(void *ctx)
{
    struct sl_recover_thread *thread = ctx;
    (void)pthread_setname_np(pthread_self(), "recover");
    pthread_mutex_lock(&thread->gate.mutex);
    while (!thread->stop) {
        const int dir = thread->next;
        if (dir < 0) {
            pthread_cond_wait(&thread->turn, &thread->gate.mutex);
            continue;
        }
        thread->next = -1;
        atomic_store(&thread->abandon, false);
        pthread_mutex_unlock(&thread->gate.mutex);
        work_on(thread, dir);
        pthread_mutex_lock(&thread->gate.mutex);
        end_turn(thread);
    }
    pthread_mutex_unlock(&thread->gate.mutex);
    return NULL;
}

int sl_recover_create(struct sl_recover_thread **ret, const char *data, char why[SL_STORE_WHY])
{
    struct sl_recover_thread *thread = calloc(1, sizeof(*thread));
    if (!thread) {
        snprintf(why, SL_STORE_WHY, "out of memory");
        return -ENOMEM;
    }
    thread->next = -1;
    (void)pthread_mutex_init(&thread->gate.mutex, NULL); /* neither can fail on Linux */
    (void)pthread_cond_init(&thread->turn, NULL);
    int err = sl_catalogue_open(&thread->catalogue, data, true, why);
    if (err == 0) {
        err = -pthread_create(&thread->thread, NULL, work, thread);
        thread->started = err == 0;
        if (err != 0)
            snprintf(why, SL_STORE_WHY, "the thread that recovers recordings: %s", strerror(-err));
    }
    if (err != 0) {
        sl_recover_destroy(thread);
        return err;
    }
    *ret = thread;
    return 0;
}

void sl_recover_destroy(struct sl_recover_thread *thread)
{
    if (!thread)
        return;
    pthread_mutex_lock(&thread->gate.mutex);
    thread->stop = true;
    atomic_store(&thread->abandon, true);
    pthread_cond_signal(&thread->turn);
    pthread_mutex_unlock(&thread->gate.mutex);
    if (thread->started)
        pthread_join(thread->thread, NULL);
    if (thread->next >= 0)
        close(thread->next);
    sl_catalogue_close(thread->catalogue);
    sl_path_set_fini(&thread->gate.ours);
    pthread_cond_destroy(&thread->turn);
    pthread_mutex_destroy(&thread->gate.mutex);
    free(thread);
}

int sl_recover_begin(struct sl_recover_thread *thread, int dir)
{
    const int own = fcntl(dir, F_DUPFD_CLOEXEC, 0);
    if (own < 0)
        return -errno;
    pthread_mutex_lock(&thread->gate.mutex);
    if (thread->next >= 0)
        close(thread->next);
    thread->next = own;
    thread->busy = true;
    atomic_store(&thread->abandon, true);
    pthread_cond_signal(&thread->turn);
    pthread_mutex_unlock(&thread->gate.mutex);
    return 0;
}

void sl_recover_hold(struct sl_recover_thread *thread)
{
    pthread_mutex_lock(&thread->gate.mutex);
}

void sl_recover_release(struct sl_recover_thread *thread, const char *path)
{
    if (thread->busy && path && sl_path_set_add(&thread->gate.ours, path) < 0)
        thread->gate.all = true;
    pthread_mutex_unlock(&thread->gate.mutex);
}

bool sl_recover_busy(struct sl_recover_thread *thread)
{
    pthread_mutex_lock(&thread->gate.mutex);
    const bool busy = thread->busy;
    pthread_mutex_unlock(&thread->gate.mutex);
    return busy;
}
