/* SPDX-License-Identifier: MIT */
#include "viewer/decode.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/time.h"
#include "viewer/lane.h"

#define WORKERS_MAX 64

struct slot {
    struct sl_lane *lane; /* net writes it while pending is 0 */
    atomic_int pending;
    atomic_bool runnable;
};

struct sl_decode {
    struct slot slots[SL_DECODE_LANES_MAX];
    int tokens; /* eventfd as a semaphore: at least one token for each runnable lane */
    atomic_bool stop;
    pthread_t threads[WORKERS_MAX];
    int workers;
};

static void run_lane(struct sl_decode *decode, struct slot *slot)
{
    do {
        if (atomic_load_explicit(&decode->stop, memory_order_relaxed))
            return;
        (void)sl_lane_run(slot->lane, sl_time_now());
    } while (atomic_fetch_sub_explicit(&slot->pending, 1, memory_order_acq_rel) != 1);
}

static void *work(void *ctx)
{
    struct sl_decode *decode = ctx;
    uint64_t token;
    while (read(decode->tokens, &token, sizeof(token)) == (ssize_t)sizeof(token) ||
           errno == EINTR) {
        if (atomic_load_explicit(&decode->stop, memory_order_relaxed))
            break;
        for (int i = 0; i < SL_DECODE_LANES_MAX; i++) {
            struct slot *slot = &decode->slots[i];
            if (atomic_load_explicit(&slot->runnable, memory_order_relaxed) &&
                atomic_exchange_explicit(&slot->runnable, false, memory_order_acq_rel))
                run_lane(decode, slot);
        }
    }
    return NULL;
}

static int start_workers(struct sl_decode *decode, int workers)
{
    for (; decode->workers < workers; decode->workers++) {
        pthread_t *thread = &decode->threads[decode->workers];
        const int error = pthread_create(thread, NULL, work, decode);
        if (error)
            return -error;
        char name[16];
        snprintf(name, sizeof(name), "decode-%d", decode->workers);
        pthread_setname_np(*thread, name);
    }
    return 0;
}

int sl_decode_create(struct sl_decode **ret, int workers)
{
    if (workers < 1 || workers > WORKERS_MAX)
        return -EINVAL;
    struct sl_decode *decode = calloc(1, sizeof(*decode));
    if (!decode)
        return -ENOMEM;
    decode->tokens = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC);
    const int error = decode->tokens < 0 ? -errno : start_workers(decode, workers);
    if (error) {
        sl_decode_destroy(decode);
        return error;
    }
    *ret = decode;
    return 0;
}

static void add_tokens(struct sl_decode *decode, uint64_t tokens)
{
    const ssize_t written = write(decode->tokens, &tokens, sizeof(tokens));
    (void)written; /* fails only beyond 2^64 tokens */
}

void sl_decode_destroy(struct sl_decode *decode)
{
    if (!decode)
        return;
    atomic_store(&decode->stop, true);
    if (decode->tokens >= 0)
        add_tokens(decode, WORKERS_MAX);
    for (int i = 0; i < decode->workers; i++)
        pthread_join(decode->threads[i], NULL);
    if (decode->tokens >= 0)
        close(decode->tokens);
    free(decode);
}

int sl_decode_attach(struct sl_decode *decode, struct sl_lane *lane)
{
    for (int i = 0; i < SL_DECODE_LANES_MAX; i++) {
        if (!decode->slots[i].lane) {
            decode->slots[i].lane = lane;
            return i;
        }
    }
    return -ENOSPC;
}

void sl_decode_ready(struct sl_decode *decode, int slot)
{
    struct slot *s = &decode->slots[slot];
    if (atomic_fetch_add_explicit(&s->pending, 1, memory_order_acq_rel))
        return; /* its worker will see it */
    atomic_store_explicit(&s->runnable, true, memory_order_release);
    add_tokens(decode, 1);
}

bool sl_decode_detach(struct sl_decode *decode, int slot)
{
    struct slot *s = &decode->slots[slot];
    if (atomic_load_explicit(&s->pending, memory_order_acquire))
        return false;
    s->lane = NULL;
    return true;
}
