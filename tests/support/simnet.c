/* SPDX-License-Identifier: MIT */
#include "tests/support/simnet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "tests/support/virtual_clock.h"

#define START (1000 * SL_SEC)
#define UNIX_START (1700000000 * SL_SEC)
#define DATAGRAM_MAX 2048

struct event {
    sl_ns at;
    uint64_t order;
    void (*fire)(void *ctx);
    void *ctx;
    struct sim_link *link; /* set: a datagram for it */
    uint8_t *data;
    size_t len;
};

struct sim {
    sl_ns now;
    struct sl_random random;
    struct event *heap;
    size_t count, room;
    uint64_t order;
};

struct sim *sim_create(uint64_t seed)
{
    struct sim *sim = calloc(1, sizeof(*sim));
    if (!sim)
        abort();
    sim->now = START;
    sl_random_init_seed(&sim->random, seed);
    sl_virtual_clock_set(sim->now);
    return sim;
}

void sim_destroy(struct sim *sim)
{
    if (!sim)
        return;
    for (size_t i = 0; i < sim->count; i++)
        free(sim->heap[i].data);
    free(sim->heap);
    free(sim);
}

sl_ns sim_now(const struct sim *sim)
{
    return sim->now;
}

struct sl_random *sim_random(struct sim *sim)
{
    return &sim->random;
}

bool sim_chance(struct sim *sim, double p)
{
    return p > 0 && sl_random_unit(&sim->random) < p;
}

/* ---- events: a binary heap ---- */

static bool before(const struct event *a, const struct event *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void swap(struct event *a, struct event *b)
{
    const struct event c = *a;
    *a = *b;
    *b = c;
}

static uint64_t push(struct sim *sim, struct event event)
{
    if (sim->count == sim->room) {
        sim->room = sim->room ? 2 * sim->room : 256;
        sim->heap = realloc(sim->heap, sim->room * sizeof(*sim->heap));
        if (!sim->heap)
            abort();
    }
    event.order = ++sim->order;
    if (event.at < sim->now)
        event.at = sim->now;
    size_t i = sim->count++;
    sim->heap[i] = event;
    for (; i > 0 && before(&sim->heap[i], &sim->heap[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&sim->heap[i], &sim->heap[(i - 1) / 2]);
    return event.order;
}

static struct event pop(struct sim *sim)
{
    const struct event first = sim->heap[0];
    sim->heap[0] = sim->heap[--sim->count];
    for (size_t i = 0;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < sim->count; child++)
            if (before(&sim->heap[child], &sim->heap[least]))
                least = child;
        if (least == i)
            return first;
        swap(&sim->heap[i], &sim->heap[least]);
        i = least;
    }
}

void sim_at(struct sim *sim, sl_ns at, void (*fire)(void *ctx), void *ctx)
{
    push(sim, (struct event){.at = at, .fire = fire, .ctx = ctx});
}

static void fire_timer(struct sim *sim, struct sim_timer *timer, uint64_t order)
{
    if (timer->event != order || timer->due > sim->now)
        return; /* set anew since */
    timer->due = SL_NEVER;
    timer->fire(timer->ctx);
}

static void play(struct sim *sim)
{
    struct event event = pop(sim);
    sim->now = event.at;
    sl_virtual_clock_set(sim->now);
    if (event.link) {
        event.link->stats.delivered++;
        event.link->deliver(event.link->ctx, event.data, event.len);
    } else if (event.fire) {
        event.fire(event.ctx);
    } else {
        fire_timer(sim, event.ctx, event.order);
    }
    free(event.data);
}

void sim_run_until(struct sim *sim, sl_ns until)
{
    while (sim->count > 0 && sim->heap[0].at <= until)
        play(sim);
    if (until > sim->now)
        sim->now = until;
    sl_virtual_clock_set(sim->now);
}

void sim_run_for(struct sim *sim, sl_ns span)
{
    sim_run_until(sim, sim->now + span);
}

bool sim_run_while_not(struct sim *sim, bool (*done)(void *ctx), void *ctx, sl_ns limit)
{
    const sl_ns end = sim->now + limit;
    while (!done(ctx)) {
        if (sim->count == 0 || sim->heap[0].at > end) {
            sim_run_until(sim, end);
            return done(ctx);
        }
        play(sim);
    }
    return true;
}

/* ---- clocks ---- */

struct sim_clock sim_clock(struct sim *sim, double ppm, sl_ns skew)
{
    struct sim_clock clock = {.sim = sim, .ppm = ppm};
    clock.start = (sl_ns)sl_random_range(&sim->random, 1, 100000) * SL_SEC;
    clock.epoch = UNIX_START + skew - clock.start;
    return clock;
}

sl_ns sim_clock_now(const struct sim_clock *clock)
{
    const sl_ns since = clock->sim->now - START;
    return clock->start + since + (sl_ns)floor((double)since * clock->ppm / 1e6);
}

sl_ns sim_clock_when(const struct sim_clock *clock, sl_ns local)
{
    if (local == SL_NEVER)
        return SL_NEVER;
    const sl_ns since = local - clock->start;
    const sl_ns ahead = (sl_ns)((double)since * clock->ppm / (1e6 + clock->ppm));
    struct sim moment = {.now = START + since - ahead - 2};
    const struct sim_clock probe = {.sim = &moment, .ppm = clock->ppm, .start = clock->start};
    while (sim_clock_now(&probe) < local)
        moment.now++;
    return moment.now;
}

uint64_t sim_clock_ntp(const struct sim_clock *clock)
{
    return sl_ntp_from_ns(sim_clock_now(clock), clock->epoch);
}

/* ---- timers ---- */

void sim_timer_init(struct sim_timer *timer, struct sim *sim, void (*fire)(void *ctx), void *ctx)
{
    *timer = (struct sim_timer){.sim = sim, .fire = fire, .ctx = ctx, .due = SL_NEVER};
}

void sim_timer_set(struct sim_timer *timer, sl_ns at)
{
    if (timer->due == at)
        return;
    timer->due = at;
    timer->event = 0; /* an event already in the heap finds that it is not meant any more */
    if (at != SL_NEVER)
        timer->event = push(timer->sim, (struct event){.at = at, .ctx = timer});
}

/* ---- links ---- */

void sim_link_init(struct sim_link *link, struct sim *sim, const struct sim_link_config *config,
                   void (*deliver)(void *ctx, uint8_t *data, size_t len), void *ctx)
{
    *link = (struct sim_link){.sim = sim, .deliver = deliver, .ctx = ctx};
    if (config)
        link->config = *config;
}

void sim_link_black_out(struct sim_link *link, sl_ns span)
{
    link->black_until = link->sim->now + span;
}

static bool is_lost(struct sim_link *link)
{
    const struct sim_link_config *config = &link->config;
    if (config->burst_enter > 0) {
        if (sim_chance(link->sim, link->bad ? config->burst_leave : config->burst_enter))
            link->bad = !link->bad;
        if (link->bad && sim_chance(link->sim, config->burst_loss))
            return true;
    }
    return sim_chance(link->sim, config->loss);
}

/* When the datagram has left through the bottleneck, or SL_NEVER if its queue is full. */
static sl_ns leaves(struct sim_link *link, size_t len)
{
    const sl_ns now = link->sim->now;
    const uint64_t rate = link->config.rate_bps;
    if (rate == 0)
        return now;
    const sl_ns start = link->busy_until > now ? link->busy_until : now;
    const double waiting = (double)(start - now) * (double)rate / 8e9;
    if (waiting + (double)len > (double)link->config.queue_bytes)
        return SL_NEVER;
    link->busy_until = start + (sl_ns)((double)len * 8e9 / (double)rate);
    return link->busy_until;
}

static sl_ns arrives(struct sim_link *link, sl_ns left)
{
    struct sl_random *random = &link->sim->random;
    const struct sim_link_config *config = &link->config;
    sl_ns at = left + config->delay;
    if (sim_chance(link->sim, config->reorder))
        return at + (sl_ns)(sl_random_unit(random) * (double)config->reorder_by);
    if (config->jitter > 0)
        at += (sl_ns)(sl_random_unit(random) * (double)config->jitter);
    if (at < link->last_arrival)
        at = link->last_arrival;
    link->last_arrival = at;
    return at;
}

static void put_on_the_way(struct sim_link *link, const uint8_t *data, size_t len, sl_ns at)
{
    uint8_t *copy = malloc(len); /* exactly: a sanitizer sees one byte too far */
    if (!copy)
        abort();
    memcpy(copy, data, len);
    push(link->sim, (struct event){.at = at, .link = link, .data = copy, .len = len});
}

void sim_link_send(struct sim_link *link, const uint8_t *data, size_t len)
{
    link->stats.sent++;
    link->stats.bytes += len;
    if (len == 0 || len > DATAGRAM_MAX)
        abort();
    if (link->filter && link->filter(link->filter_ctx, data, len)) {
        link->stats.filtered++;
        return;
    }
    if (link->sim->now < link->black_until) {
        link->stats.blacked_out++;
        return;
    }
    const sl_ns left = leaves(link, len);
    if (left == SL_NEVER) {
        link->stats.overflowed++;
        return;
    }
    if (is_lost(link)) {
        link->stats.lost++;
        return;
    }
    const sl_ns at = arrives(link, left);
    put_on_the_way(link, data, len, at);
    if (sim_chance(link->sim, link->config.duplicate)) {
        link->stats.duplicated++;
        put_on_the_way(link, data, len, at);
    }
}
