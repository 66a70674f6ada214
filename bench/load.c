/* SPDX-License-Identifier: MIT */
#include "bench/load.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "base/time.h"
#include "bench/load_side.h"
#include "bench/tally.h"
#include "srtp/srtp.h"

/* A handshake takes the receiver about 1 ms: so many at a time neither wait long nor starve it. */
#define PENDING_MAX 16
#define PATIENCE (10 * SL_SEC) /* without a single one more that is ready */
#define GOODBYE (300 * SL_MS)
#define SPARE_FILES 64

/* ---- In a side's thread ---- */

void load_side_begin(struct load_side *side)
{
    while (side->begun < side->count && side->pending < PENDING_MAX) {
        side->pending++;
        side->begin(side, side->begun++);
    }
}

void load_side_connected(struct load_side *side)
{
    side->pending--;
    load_side_begin(side);
}

void load_side_ready(struct load_side *side)
{
    atomic_fetch_add(&side->ready, 1);
}

void load_side_refused(struct load_side *side, const char *reason)
{
    if (atomic_load(&side->refused) == 0)
        snprintf(side->reason, sizeof(side->reason), "%s", reason);
    atomic_fetch_add(&side->refused, 1);
}

static void asked(void *ctx, uint32_t events)
{
    (void)events;
    struct load_side *side = ctx;
    sl_wake_clear(&side->wake);
    if (side->question == LOAD_END)
        sl_loop_stop(side->loop);
    else
        side->answer(side, side->question);
    sem_post(&side->answered);
}

static void *run(void *ctx)
{
    struct load_side *side = ctx;
    pthread_setname_np(pthread_self(), side->name);
    sl_loop_refresh(side->loop);
    load_side_begin(side);
    const int error = sl_loop_run(side->loop);
    if (error)
        load_side_refused(side, strerror(-error));
    return NULL;
}

/* ---- From outside ---- */

static void ask(struct load_side *side, enum load_question question)
{
    if (!side->running)
        return;
    side->question = question;
    sl_wake_signal(&side->wake);
    while (sem_wait(&side->answered) != 0)
        ; /* a signal */
}

static int create_side(struct load_side *side, struct sl_load *load, const char *name)
{
    side->load = load;
    side->name = name;
    sl_random_init_system(&side->random);
    int error = sl_loop_create(&side->loop);
    if (!error)
        error = sl_wake_init(&side->wake);
    if (!error)
        error = sl_loop_watch(side->loop, &side->watch, side->wake.fd, EPOLLIN, asked, side);
    return error ? error : sl_http_create(&side->http, side->loop);
}

static int start_side(struct load_side *side, int processor)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    if (processor >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((unsigned)processor, &set);
        pthread_attr_setaffinity_np(&attributes, sizeof(set), &set);
    }
    const int error = pthread_create(&side->thread, &attributes, run, side);
    pthread_attr_destroy(&attributes);
    side->running = error == 0;
    return -error;
}

static void end_side(struct load_side *side)
{
    if (!side->running)
        return;
    ask(side, LOAD_END);
    pthread_join(side->thread, NULL);
    side->running = false;
}

static void destroy_side(struct load_side *side)
{
    sl_http_destroy(side->http);
    sl_loop_unwatch(&side->watch);
    if (side->wake.fd >= 0)
        sl_wake_fini(&side->wake);
    sl_loop_destroy(side->loop);
    sem_destroy(&side->answered);
}

/* A socket for each session, and what else is open. */
static int allow_files(int sessions)
{
    struct rlimit limit;
    const rlim_t wanted = (rlim_t)sessions + SPARE_FILES;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return -errno;
    if (limit.rlim_cur >= wanted)
        return 0;
    limit.rlim_cur = wanted;
    if (limit.rlim_max < wanted)
        limit.rlim_max = wanted;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? 0 : -EMFILE;
}

static int create_all(struct sl_load *load)
{
    const struct sl_load_config *config = &load->config;
    int error = allow_files(config->cameras * (1 + config->viewers));
    (void)!sl_srtp_library_init(); /* for the process's life; again changes nothing and fails */
    if (!error)
        error = sl_dtls_identity_generate(&load->identity, "sightline-bench");
    if (!error)
        error = create_side(&load->cameras_side, load, "load-cameras");
    if (!error)
        error = create_side(&load->viewers_side, load, "load-viewers");
    if (!error)
        error = load_cameras_create(load);
    if (!error && config->viewers)
        error = load_viewers_create(load);
    return error;
}

/* Until all of the side is ready. */
static int await(struct load_side *side, const char *what, char *why, size_t why_len)
{
    const atomic_bool *stop = side->load->config.stop;
    struct timespec nap = {.tv_nsec = 5 * SL_MS};
    sl_ns since = sl_time_now();
    int before = 0;
    for (;;) {
        const int ready = atomic_load(&side->ready);
        if (ready == side->count)
            return 0;
        if (stop && atomic_load(stop))
            return -EINTR;
        if (atomic_load(&side->refused)) {
            snprintf(why, why_len, "%s: %s", what, side->reason);
            return -ECONNREFUSED;
        }
        if (ready > before)
            since = sl_time_now();
        before = ready;
        if (sl_time_now() - since > PATIENCE) {
            snprintf(why, why_len, "%d of %d %s are not connected", side->count - ready,
                     side->count, what);
            return -ETIMEDOUT;
        }
        nanosleep(&nap, NULL);
    }
}

int sl_load_start(struct sl_load **ret, const struct sl_load_config *config, char *why,
                  size_t why_len)
{
    if (config->cameras < 1 || config->viewers < 0 || !config->clip || !(config->speed > 0)) {
        snprintf(why, why_len, "no load: at least one camera, a clip and a speed");
        return -EINVAL;
    }
    struct sl_load *load = calloc(1, sizeof(*load));
    if (!load)
        return -ENOMEM;
    load->config = *config;
    load->epoch = sl_time_epoch();
    load->period = (sl_ns)((double)SL_SEC / sl_clip_fps(config->clip) / config->speed);
    load->cameras_side.wake.fd = load->viewers_side.wake.fd = -1;
    sem_init(&load->cameras_side.answered, 0, 0);
    sem_init(&load->viewers_side.answered, 0, 0);
    int error = create_all(load);
    if (error)
        snprintf(why, why_len, "the load cannot be made: %s", strerror(-error));
    atomic_store(&load->full, config->viewers == 0);
    if (!error)
        error = start_side(&load->cameras_side, config->processor);
    if (!error)
        error = await(&load->cameras_side, "cameras", why, why_len);
    if (!error && config->viewers)
        error = start_side(&load->viewers_side, config->processor);
    if (!error && config->viewers)
        error = await(&load->viewers_side, "viewers", why, why_len);
    if (error) {
        sl_load_stop(load);
        return error;
    }
    atomic_store(&load->full, true);
    *ret = load;
    return 0;
}

void sl_load_rest(struct sl_load *load)
{
    ask(&load->cameras_side, LOAD_REST);
}

uint64_t sl_load_frames(const struct sl_load *load, int camera)
{
    return load->cameras[camera].whole;
}

void sl_load_stop(struct sl_load *load)
{
    if (!load)
        return;
    ask(&load->viewers_side, LOAD_STOP);
    ask(&load->cameras_side, LOAD_STOP);
    /* Every session has said BYE by now, which is all the receiver needs; the requests that end
     * them once more get a moment, so that their connections do not die half-way. */
    nanosleep(&(struct timespec){.tv_nsec = GOODBYE}, NULL);
    end_side(&load->viewers_side);
    end_side(&load->cameras_side);
    load_viewers_destroy(load);
    load_cameras_destroy(load);
    destroy_side(&load->viewers_side);
    destroy_side(&load->cameras_side);
    sl_dtls_identity_destroy(load->identity);
    free(load);
}

void sl_load_figures(struct sl_load *load, struct sl_load_figures *ret)
{
    ask(&load->cameras_side, LOAD_FIGURES);
    ask(&load->viewers_side, LOAD_FIGURES);
    const struct sl_load_figures *viewers = &load->answer_viewers;
    struct sl_load_figures figures = load->answer_cameras;
    figures.received = viewers->received;
    figures.received_bytes = viewers->received_bytes;
    figures.lost = viewers->lost;
    figures.repaired = viewers->repaired;
    figures.broken += viewers->broken;
    figures.viewer_cpu = viewers->viewer_cpu;
    *ret = figures;
}

int sl_load_delays(struct sl_load *load, struct sl_load_delays *ret)
{
    *ret = (struct sl_load_delays){0};
    load->answer_delays = NULL;
    load->answer_delay_count = 0;
    ask(&load->viewers_side, LOAD_DELAYS);
    sl_ns *delays = load->answer_delays;
    if (!delays) /* no memory, or no viewers */
        return load->answer_delay_count > 0 ? -ENOMEM : 0;
    ret->count = load->answer_delay_count;
    if (ret->count > 0) {
        sl_sort_times(delays, ret->count);
        ret->p50 = sl_quantile(delays, ret->count, 0.50);
        ret->p99 = sl_quantile(delays, ret->count, 0.99);
    }
    free(delays);
    return 0;
}
