/* SPDX-License-Identifier: MIT */
/*
 * What load.c, load_cameras.c and load_viewers.c share. For them only.
 *
 * A side is a thread with a loop that all its endpoints live in. Others talk to it by asking: they
 * put a question, wake it, and wait until it has been answered in its own turn, so that nothing
 * that the threads touch per packet is shared.
 */
#pragma once

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "base/random.h"
#include "base/wake.h"
#include "bench/load.h"
#include "net/loop.h"
#include "rtp/history.h"
#include "whip/endpoint.h"

enum load_question { LOAD_FIGURES, LOAD_DELAYS, LOAD_REST, LOAD_STOP, LOAD_END };

struct load_side {
    struct sl_load *load;
    const char *name; /* of the thread */
    struct sl_loop *loop;
    struct sl_http *http;
    struct sl_random random;
    pthread_t thread;
    bool running;
    struct sl_wake wake;
    struct sl_watch watch;

    enum load_question question;
    sem_t answered;
    atomic_int ready, refused; /* of its endpoints */
    char reason[200];          /* why the first of the refused was; written before `refused` */

    /* In the thread. */
    int count;   /* endpoints it is to have */
    int begun;   /* of these, started */
    int pending; /* begun and not live yet */
    void (*begin)(struct load_side *side, int index);
    void (*answer)(struct load_side *side, enum load_question question);
};

struct load_camera {
    struct sl_load *load;
    struct sl_endpoint *endpoint;
    struct sl_history *history;
    struct sl_timer timer;
    bool live, connected;
    int64_t seq; /* of the next packet */
    uint32_t unit;
    uint32_t timestamp_base;
    uint64_t frame; /* since it became live last */
    uint64_t whole; /* frames of which every packet was sent */
    bool resting;
    sl_ns phase, begun, due;
};

struct load_viewer {
    struct sl_load *load;
    struct sl_endpoint *endpoint;
    bool live, connected, ready;
    uint64_t lost, repaired;           /* of sessions that are over */
    uint64_t lost_last, repaired_last; /* of this one, when it was looked at */
};

#define LOAD_DELAYS_MAX 65536

struct sl_load {
    struct sl_load_config config;
    struct sl_dtls_identity *identity; /* shared: what is measured is not its making */
    sl_ns epoch, period;
    atomic_bool full; /* everybody is there: cameras play at their pace */
    struct load_side cameras_side, viewers_side;
    struct load_camera *cameras;
    struct load_viewer *viewers;

    struct sl_load_figures camera_figures; /* the cameras' thread's */
    struct sl_load_figures viewer_figures; /* the viewers' thread's */
    sl_ns *delays;                         /* the viewers' thread's, LOAD_DELAYS_MAX */
    size_t delay_count;
    struct sl_load_figures answer_cameras, answer_viewers; /* read once answered */
    sl_ns *answer_delays;
    size_t answer_delay_count;
};

/* Starts as many as may be under way at a time. */
void load_side_begin(struct load_side *side);
/* For the first time one of its endpoints is connected, and all that is wanted of it has come. */
void load_side_connected(struct load_side *side);
void load_side_ready(struct load_side *side);
/* It will never be. */
void load_side_refused(struct load_side *side, const char *reason);

int load_cameras_create(struct sl_load *load);
void load_cameras_destroy(struct sl_load *load);
int load_viewers_create(struct sl_load *load);
void load_viewers_destroy(struct sl_load *load);
