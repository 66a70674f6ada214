/* SPDX-License-Identifier: MIT */
#include "net/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/time.h"
#include "base/wake.h"

#define EVENTS_MAX 64 /* a turn; the rest waits for the next one */
#define FLUSH_MAX 8

struct flush {
    void (*call)(void *ctx);
    void *ctx;
};

struct sl_loop {
    int epoll_fd;
    int timer_fd; /* -1 while epoll_pwait2 serves */
    sl_ns now;
    atomic_bool stop;
    struct sl_wake stop_wake;
    struct sl_watch stop_watch;
    struct sl_watch timer_watch;
    struct sl_watch signal_watch;

    struct epoll_event events[EVENTS_MAX]; /* of this turn; data.ptr NULL: its watch is gone */
    int event_count;

    struct sl_timer **heap; /* binary heap by due, from 1; heap[i]->heap_index == i */
    uint32_t timer_count;
    uint32_t timer_room;
    bool firing;

    struct flush flushes[FLUSH_MAX];
    int flush_count;
};

/* ---- Timers ---- */

static void heap_put(struct sl_loop *loop, uint32_t index, struct sl_timer *timer)
{
    loop->heap[index] = timer;
    timer->heap_index = index;
}

static void heap_up(struct sl_loop *loop, uint32_t index, struct sl_timer *timer)
{
    for (; index > 1 && loop->heap[index / 2]->due > timer->due; index /= 2)
        heap_put(loop, index, loop->heap[index / 2]);
    heap_put(loop, index, timer);
}

static void heap_down(struct sl_loop *loop, uint32_t index, struct sl_timer *timer)
{
    for (;;) {
        uint32_t child = index * 2;
        if (child > loop->timer_count)
            break;
        if (child < loop->timer_count && loop->heap[child + 1]->due < loop->heap[child]->due)
            child++;
        if (loop->heap[child]->due >= timer->due)
            break;
        heap_put(loop, index, loop->heap[child]);
        index = child;
    }
    heap_put(loop, index, timer);
}

static void heap_settle(struct sl_loop *loop, uint32_t index, struct sl_timer *timer)
{
    if (index > 1 && loop->heap[index / 2]->due > timer->due)
        heap_up(loop, index, timer);
    else
        heap_down(loop, index, timer);
}

static int heap_reserve(struct sl_loop *loop)
{
    if (loop->timer_count + 1 < loop->timer_room)
        return 0;
    const uint32_t room = loop->timer_room ? loop->timer_room * 2 : 64;
    struct sl_timer **heap = realloc(loop->heap, room * sizeof(struct sl_timer *));
    if (!heap)
        return -ENOMEM;
    loop->heap = heap;
    loop->timer_room = room;
    return 0;
}

void sl_timer_init(struct sl_timer *timer, struct sl_loop *loop, void (*fire)(void *ctx, sl_ns now),
                   void *ctx)
{
    *timer = (struct sl_timer){.due = SL_NEVER, .fire = fire, .ctx = ctx, .loop = loop};
}

int sl_timer_set(struct sl_timer *timer, sl_ns due)
{
    if (due == SL_NEVER) {
        sl_timer_clear(timer);
        return 0;
    }
    struct sl_loop *loop = timer->loop;
    /* A timer that sets itself to a past moment waits for the next turn, lest it starve the rest.
     */
    if (loop->firing && due <= loop->now)
        due = loop->now + 1;
    if (timer->heap_index) {
        timer->due = due;
        heap_settle(loop, timer->heap_index, timer);
        return 0;
    }
    if (heap_reserve(loop) != 0)
        return -ENOMEM;
    timer->due = due;
    heap_up(loop, ++loop->timer_count, timer);
    return 0;
}

void sl_timer_clear(struct sl_timer *timer)
{
    const uint32_t index = timer->heap_index;
    if (!index)
        return;
    struct sl_loop *loop = timer->loop;
    struct sl_timer *last = loop->heap[loop->timer_count--];
    timer->heap_index = 0;
    timer->due = SL_NEVER;
    if (last != timer)
        heap_settle(loop, index, last);
}

static void fire_timers(struct sl_loop *loop)
{
    loop->firing = true;
    while (loop->timer_count && loop->heap[1]->due <= loop->now) {
        struct sl_timer *timer = loop->heap[1];
        sl_timer_clear(timer);
        timer->fire(timer->ctx, loop->now);
    }
    loop->firing = false;
}

/* ---- Watches ---- */

int sl_loop_watch(struct sl_loop *loop, struct sl_watch *watch, int fd, uint32_t events,
                  void (*ready)(void *ctx, uint32_t events), void *ctx)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        return -errno;
    *watch = (struct sl_watch){.fd = fd, .ready = ready, .ctx = ctx, .loop = loop};
    return 0;
}

int sl_loop_rewatch(struct sl_watch *watch, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};
    if (!watch->loop)
        return -EINVAL;
    return epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) == 0 ? 0 : -errno;
}

void sl_loop_unwatch(struct sl_watch *watch)
{
    struct sl_loop *loop = watch->loop;
    if (!loop)
        return;
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    /* Its event may still wait in this turn, and its owner may be freed before we get there. */
    for (int i = 0; i < loop->event_count; i++)
        if (loop->events[i].data.ptr == watch)
            loop->events[i].data.ptr = NULL;
    watch->loop = NULL;
}

static void dispatch_events(struct sl_loop *loop)
{
    for (int i = 0; i < loop->event_count; i++) {
        struct sl_watch *watch = loop->events[i].data.ptr;
        if (watch)
            watch->ready(watch->ctx, loop->events[i].events);
    }
    loop->event_count = 0;
}

/* ---- Waiting ---- */

static void timer_fd_ready(void *ctx, uint32_t events)
{
    (void)events;
    struct sl_loop *loop = ctx;
    uint64_t count;
    ssize_t got = read(loop->timer_fd, &count, sizeof(count));
    (void)got;
}

/* Kernels before 5.11 have no epoll_pwait2, and epoll_wait counts in milliseconds. */
static int start_timer_fd(struct sl_loop *loop)
{
    loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (loop->timer_fd < 0)
        return -errno;
    return sl_loop_watch(loop, &loop->timer_watch, loop->timer_fd, EPOLLIN, timer_fd_ready, loop);
}

static int wait_with_timer_fd(struct sl_loop *loop, sl_ns due)
{
    struct itimerspec when = {.it_value = {0}}; /* all zero disarms */
    if (due != SL_NEVER && due > loop->now) {
        when.it_value.tv_sec = due / SL_SEC;
        when.it_value.tv_nsec = due % SL_SEC;
    }
    timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
    const int timeout = due <= loop->now ? 0 : -1;
    return epoll_wait(loop->epoll_fd, loop->events, EVENTS_MAX, timeout);
}

/* Number of events, or -errno. */
static int wait_events(struct sl_loop *loop)
{
    const sl_ns due = loop->timer_count ? loop->heap[1]->due : SL_NEVER;
    int got;
    if (loop->timer_fd >= 0) {
        got = wait_with_timer_fd(loop, due);
    } else {
        /* From the clock, not from `now`: the callbacks have taken time since. */
        const sl_ns left = due == SL_NEVER ? 0 : due - sl_loop_refresh(loop);
        const struct timespec ts = {.tv_sec = left > 0 ? left / SL_SEC : 0,
                                    .tv_nsec = left > 0 ? left % SL_SEC : 0};
        got = epoll_pwait2(loop->epoll_fd, loop->events, EVENTS_MAX, due == SL_NEVER ? NULL : &ts,
                           NULL);
        if (got < 0 && (errno == ENOSYS || errno == EPERM)) {
            const int err = start_timer_fd(loop);
            return err ? err : wait_events(loop);
        }
    }
    if (got < 0)
        return errno == EINTR ? 0 : -errno;
    return got;
}

static void run_flushes(struct sl_loop *loop)
{
    for (int i = 0; i < loop->flush_count; i++)
        loop->flushes[i].call(loop->flushes[i].ctx);
}

int sl_loop_run(struct sl_loop *loop)
{
    /* The default slack lets the kernel wake us 50 us late. */
    prctl(PR_SET_TIMERSLACK, 1);
    sl_loop_refresh(loop);
    run_flushes(loop); /* what was queued before the first turn */
    while (!atomic_exchange_explicit(&loop->stop, false, memory_order_acq_rel)) {
        const int got = wait_events(loop);
        if (got < 0)
            return got;
        sl_loop_refresh(loop);
        loop->event_count = got;
        dispatch_events(loop);
        fire_timers(loop);
        run_flushes(loop);
    }
    return 0;
}

sl_ns sl_loop_now(const struct sl_loop *loop)
{
    return loop->now;
}

sl_ns sl_loop_refresh(struct sl_loop *loop)
{
    loop->now = sl_time_now();
    return loop->now;
}

int sl_loop_add_flush(struct sl_loop *loop, void (*flush)(void *ctx), void *ctx)
{
    if (loop->flush_count == FLUSH_MAX)
        return -ENOSPC;
    loop->flushes[loop->flush_count++] = (struct flush){.call = flush, .ctx = ctx};
    return 0;
}

void sl_loop_remove_flush(struct sl_loop *loop, void *ctx)
{
    int kept = 0;
    for (int i = 0; i < loop->flush_count; i++)
        if (loop->flushes[i].ctx != ctx)
            loop->flushes[kept++] = loop->flushes[i];
    loop->flush_count = kept;
}

/* ---- Stopping ---- */

void sl_loop_stop(struct sl_loop *loop)
{
    atomic_store_explicit(&loop->stop, true, memory_order_release);
    sl_wake_signal(&loop->stop_wake);
}

static void stop_ready(void *ctx, uint32_t events)
{
    (void)events;
    struct sl_loop *loop = ctx;
    sl_wake_clear(&loop->stop_wake);
}

static void signal_ready(void *ctx, uint32_t events)
{
    (void)events;
    struct sl_loop *loop = ctx;
    struct signalfd_siginfo info;
    while (read(loop->signal_watch.fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        sl_loop_stop(loop);
}

int sl_loop_stop_on_signals(struct sl_loop *loop)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    const int err = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (err != 0)
        return -err;
    signal(SIGPIPE, SIG_IGN);
    const int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    const int watched = sl_loop_watch(loop, &loop->signal_watch, fd, EPOLLIN, signal_ready, loop);
    if (watched != 0)
        close(fd);
    return watched;
}

int sl_loop_create(struct sl_loop **ret)
{
    struct sl_loop *loop = calloc(1, sizeof(*loop));
    if (!loop)
        return -ENOMEM;
    loop->timer_fd = -1;
    loop->stop_wake.fd = -1;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int err = loop->epoll_fd < 0 ? -errno : sl_wake_init(&loop->stop_wake);
    if (err == 0)
        err = sl_loop_watch(loop, &loop->stop_watch, loop->stop_wake.fd, EPOLLIN, stop_ready, loop);
    if (err != 0) {
        sl_loop_destroy(loop);
        return err;
    }
    sl_loop_refresh(loop);
    *ret = loop;
    return 0;
}

void sl_loop_destroy(struct sl_loop *loop)
{
    if (!loop)
        return;
    if (loop->signal_watch.loop)
        close(loop->signal_watch.fd);
    if (loop->timer_fd >= 0)
        close(loop->timer_fd);
    sl_wake_fini(&loop->stop_wake);
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    free(loop->heap);
    free(loop);
}
