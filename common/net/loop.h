/* SPDX-License-Identifier: MIT */
/*
 * Event loop: epoll, timers with nanosecond due times, wake-ups, signals.
 *
 * One thread owns a loop and everything registered with it; only
 * sl_loop_stop() and sl_wake_signal() may be called from elsewhere. Watches and
 * timers are embedded in their owners' structs; the loop never allocates for
 * them. A callback may add or remove any watch or timer, its own included.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"

struct sl_loop;

/* 0 or -errno. */
SL_MUST_CHECK int sl_loop_create(struct sl_loop **ret);
void sl_loop_destroy(struct sl_loop *loop);

/* Runs callbacks until sl_loop_stop(). Returns 0 or -errno. */
SL_MUST_CHECK int sl_loop_run(struct sl_loop *loop);

/* Any thread, and signal handlers. */
void sl_loop_stop(struct sl_loop *loop);

/* CLOCK_MONOTONIC read after the last wait, the time all callbacks of a turn share. */
sl_ns sl_loop_now(const struct sl_loop *loop);
/* Reads the clock anew (and updates sl_loop_now). */
sl_ns sl_loop_refresh(struct sl_loop *loop);

struct sl_watch {
    int fd;
    void (*ready)(void *ctx, uint32_t events);
    void *ctx;
    struct sl_loop *loop; /* NULL when not watched */
};

/* `events` are EPOLLIN and so on; level-triggered. 0 or -errno. */
SL_MUST_CHECK int sl_loop_watch(struct sl_loop *loop, struct sl_watch *watch, int fd,
                                uint32_t events, void (*ready)(void *ctx, uint32_t events),
                                void *ctx);
SL_MUST_CHECK int sl_loop_rewatch(struct sl_watch *watch, uint32_t events);
/* Harmless when not watched. Does not close the descriptor. */
void sl_loop_unwatch(struct sl_watch *watch);

struct sl_timer {
    sl_ns due;
    void (*fire)(void *ctx, sl_ns now);
    void *ctx;
    struct sl_loop *loop;
    uint32_t heap_index; /* 0: not set */
};

void sl_timer_init(struct sl_timer *timer, struct sl_loop *loop, void (*fire)(void *ctx, sl_ns now),
                   void *ctx);
/* Fires once at `due` (at once if past). Setting again moves it; SL_NEVER clears.
 * 0, or -ENOMEM when the heap cannot grow (only when more timers than ever are set). */
int sl_timer_set(struct sl_timer *timer, sl_ns due);
void sl_timer_clear(struct sl_timer *timer);

/* After each turn's callbacks, before sleeping: the place to flush batches. At most 8. */
SL_MUST_CHECK int sl_loop_add_flush(struct sl_loop *loop, void (*flush)(void *ctx), void *ctx);
void sl_loop_remove_flush(struct sl_loop *loop, void *ctx);

/* SIGINT and SIGTERM stop this loop (signalfd); SIGPIPE is ignored. Call before
 * starting threads, so that all inherit the mask. 0 or -errno. */
SL_MUST_CHECK int sl_loop_stop_on_signals(struct sl_loop *loop);
