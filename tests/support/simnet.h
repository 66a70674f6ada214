/* SPDX-License-Identifier: MIT */
/*
 * A network in virtual time: events, clocks that drift, links that lose, delay and reorder.
 *
 *     sim ── events in order of time, one seeded generator
 *      ├─ sim_clock  a machine's monotonic clock and its idea of NTP time
 *      ├─ sim_timer  one shot, moved at will
 *      └─ sim_link   one direction: queue and rate ─▶ loss ─▶ delay ─▶ deliver()
 *
 * The same seed gives the same run. Nothing sleeps: an hour takes as long as its work.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "base/types.h"

struct sim;

/* Starts at 1000 s: moments near 0 hide mistakes. Aborts without memory, as all of sim does. */
struct sim *sim_create(uint64_t seed);
/* Links and timers of the sim must be gone or must not be used any more. */
void sim_destroy(struct sim *sim);
sl_ns sim_now(const struct sim *sim);
struct sl_random *sim_random(struct sim *sim);
/* True with probability `p`. */
bool sim_chance(struct sim *sim, double p);

/* Calls `fire` once at `at` (now if past); events of one moment in the order they were made. */
void sim_at(struct sim *sim, sl_ns at, void (*fire)(void *ctx), void *ctx);
/* Plays all events up to and including `until`, which is then the time. */
void sim_run_until(struct sim *sim, sl_ns until);
void sim_run_for(struct sim *sim, sl_ns span);
/* Plays until `done` says so (looked at after each event) or `limit` passed; true if it did. */
bool sim_run_while_not(struct sim *sim, bool (*done)(void *ctx), void *ctx, sl_ns limit);

/* ---- clocks ---- */

struct sim_clock {
    struct sim *sim;
    double ppm;  /* how much too fast it runs */
    sl_ns start; /* local time at the sim's start: machines booted at different times */
    sl_ns epoch; /* for sl_ntp_from_ns(): local monotonic time to Unix time */
};

/* A clock that runs `ppm` too fast and whose NTP time is `skew` ahead of the true one. */
struct sim_clock sim_clock(struct sim *sim, double ppm, sl_ns skew);
sl_ns sim_clock_now(const struct sim_clock *clock);
/* The first moment of the sim at which the clock shows `local` or more. */
sl_ns sim_clock_when(const struct sim_clock *clock, sl_ns local);
/* What the machine takes for NTP time now. */
uint64_t sim_clock_ntp(const struct sim_clock *clock);

/* ---- timers ---- */

struct sim_timer {
    struct sim *sim;
    void (*fire)(void *ctx);
    void *ctx;
    sl_ns due; /* SL_NEVER: not set */
    uint64_t event;
};

void sim_timer_init(struct sim_timer *timer, struct sim *sim, void (*fire)(void *ctx), void *ctx);
/* Must outlive its due time, or be set to SL_NEVER before it goes. */
void sim_timer_set(struct sim_timer *timer, sl_ns at);

/* ---- links ---- */

struct sim_link_config {
    sl_ns delay;        /* one way */
    sl_ns jitter;       /* uniform in 0..jitter on top, order kept */
    double loss;        /* of each datagram, independently */
    double burst_enter; /* Gilbert: from good to bad, per datagram; 0: no bursts */
    double burst_leave; /* and back */
    double burst_loss;  /* while bad (1: all) */
    double duplicate;   /* comes twice, the copy right behind */
    double reorder;     /* is held back ... */
    sl_ns reorder_by;   /* ... by up to this, uniform; later ones pass */
    uint64_t rate_bps;  /* 0: no limit */
    size_t queue_bytes; /* with a rate: what does not fit is dropped */
};

struct sim_link_stats {
    /* sent == delivered - duplicated + lost + overflowed + blacked_out + filtered + in flight */
    uint64_t sent, delivered, duplicated, lost, overflowed, blacked_out, filtered;
    uint64_t bytes;
};

struct sim_link {
    struct sim *sim;
    struct sim_link_config config; /* may be changed while it runs */
    void (*deliver)(void *ctx, uint8_t *data, size_t len);
    void *ctx;
    /* Optional: true drops the datagram (targeted loss); it may look, not change. */
    bool (*filter)(void *ctx, const uint8_t *data, size_t len);
    void *filter_ctx;
    sl_ns black_until; /* set by sim_link_black_out() */
    sl_ns busy_until, last_arrival;
    bool bad; /* Gilbert's state */
    struct sim_link_stats stats;
};

void sim_link_init(struct sim_link *link, struct sim *sim, const struct sim_link_config *config,
                   void (*deliver)(void *ctx, uint8_t *data, size_t len), void *ctx);
void sim_link_send(struct sim_link *link, const uint8_t *data, size_t len);
/* Nothing gets through from now on for `span`. */
void sim_link_black_out(struct sim_link *link, sl_ns span);
