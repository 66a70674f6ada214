/* SPDX-License-Identifier: MIT */
/*
 * The jitter buffer against a model that knows every frame, on networks made by chance: loss with
 * and without repair, reordering, duplicates. The model says in a few lines over whole frames what
 * the buffer has to find out from packets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "jitter/jitter.h"
#include "tests/support/alloc_count.h"
#include "tests/support/video.h"

#define FRAMES 600
#define FRAME_NS (SL_SEC / 30)
#define WAIT_MAX (300 * SL_MS)
#define PENDING_MAX 4096

struct network {
    double loss, repair_loss, duplicate, unreferenced, padding;
    sl_ns jitter, rtt;
    int gop;       /* a key frame each so many */
    int clean_end; /* the last so many frames meet no loss */
};

struct pending {
    sl_ns at;
    uint32_t frame;
    int index; /* packet of the frame; -1: padding */
    struct sl_rtp_packet packet;
    uint8_t bytes[SL_RTP_PLAIN_MAX];
};

/* What the model knows of a frame. */
struct fact {
    bool key, unreferenced;
    int packets;
    uint64_t arrived;                   /* a bit each */
    bool padding_sent, padding_arrived; /* after it: nobody knows that it is only padding */
    sl_ns begun;
};

struct world {
    struct network net;
    struct sl_random random;
    struct sl_jitter *jitter;
    sl_ns delay;
    struct sl_test_video video;
    struct pending *pending;
    size_t pending_count;
    struct fact facts[FRAMES];
    uint32_t made;
    sl_ns now;
    sl_ns key_wanted; /* SL_NEVER: not */
    int64_t last;     /* frame that came out last */
    bool shown[FRAMES];
    bool running; /* of the model */
    int64_t floor;
    uint64_t delivered, breaks;
};

static void check_balance(const struct world *world)
{
    struct sl_jitter_stats s;
    sl_jitter_stats(world->jitter, &s);
    assert_int_equal(s.offered, s.released + s.held + s.duplicate + s.late + s.ahead + s.dropped);
    assert_int_equal(s.frames_begun, s.delivered + s.frames_dropped + s.frames_held);
    assert_int_equal(s.delivered, world->delivered);
    assert_int_equal(s.breaks, world->breaks);
    assert_int_equal(s.malformed, 0);
}

static void send(struct world *world, const struct sl_rtp_packet *packet, int index, sl_ns at)
{
    assert_true(world->pending_count < PENDING_MAX);
    struct pending *p = &world->pending[world->pending_count++];
    p->at = at;
    p->frame = world->made;
    p->index = index;
    p->packet = *packet;
    if (packet->payload_len)
        memcpy(p->bytes, packet->payload, packet->payload_len);
}

/* One packet onto the network: its copies, each with its delay, and the repair of a lost one. */
static void transmit(struct world *world, const struct sl_rtp_packet *packet, int index)
{
    struct sl_random *random = &world->random;
    const struct network *net = &world->net;
    const bool clean = world->made + (uint32_t)net->clean_end >= FRAMES;
    const sl_ns spread = (sl_ns)(sl_random_unit(random) * (double)net->jitter);
    if (!clean && sl_random_unit(random) < net->loss) {
        if (sl_random_unit(random) >= net->repair_loss)
            send(world, packet, index, world->now + net->rtt + spread);
        return;
    }
    send(world, packet, index, world->now + spread);
    if (sl_random_unit(random) < net->duplicate)
        send(world, packet, index, world->now + 2 * spread + SL_MS);
}

static void make_frame(struct world *world)
{
    struct sl_random *random = &world->random;
    struct sl_test_frame frame = {
        .key = world->made % (uint32_t)world->net.gop == 0 || world->key_wanted <= world->now,
        .slices = (int)sl_random_range(random, 1, 3),
        .bytes = sl_random_range(random, 100, 6000),
    };
    frame.unreferenced = !frame.key && sl_random_unit(random) < world->net.unreferenced;
    if (frame.key)
        world->key_wanted = SL_NEVER;
    sl_test_video_frame(&world->video, &frame);
    struct fact *fact = &world->facts[world->made];
    fact->key = frame.key;
    fact->unreferenced = frame.unreferenced;
    fact->packets = (int)world->video.count;
    for (size_t i = 0; i < world->video.count; i++)
        transmit(world, &world->video.packets[i], (int)i);
    if (sl_random_unit(random) < world->net.padding) {
        const struct sl_rtp_packet probe = {.seq = world->video.seq++,
                                            .timestamp = world->video.packets[0].timestamp};
        fact->padding_sent = true;
        transmit(world, &probe, -1);
    }
    world->made++;
}

static bool is_whole(const struct fact *fact)
{
    return fact->packets && fact->arrived == ((uint64_t)1 << fact->packets) - 1;
}

static bool is_next_ready(const struct world *world)
{
    const struct fact *last = &world->facts[world->last];
    return world->last + 1 < world->made && is_whole(last + 1) &&
           last->padding_sent == last->padding_arrived;
}

/* The frame that the model lets out now, or -1. */
static int64_t model_pop(struct world *world)
{
    if (world->running && is_next_ready(world))
        return ++world->last;
    const int64_t from = world->running ? world->last + 1 : world->floor;
    for (int64_t n = from; n < world->made; n++) {
        if (!world->facts[n].key || !is_whole(&world->facts[n]))
            continue;
        world->running = true;
        return world->last = n;
    }
    int64_t expired = -1;
    for (int64_t n = from; n < world->made; n++)
        if (world->facts[n].arrived && world->facts[n].begun + WAIT_MAX <= world->now)
            expired = n;
    if (expired >= 0) {
        if (world->running)
            world->floor = world->last + 1;
        world->running = false;
        if (expired >= world->floor)
            world->floor = expired + 1;
    }
    return -1;
}

/* No frame in between that this one may refer to. */
static void check_references(const struct world *world, int64_t number, int64_t before)
{
    if (world->facts[number].key)
        return;
    assert_true(before >= 0);
    for (int64_t n = before + 1; n < number; n++)
        assert_true(world->facts[n].unreferenced);
}

static void pop_all(struct world *world, bool exact)
{
    struct sl_jitter_frame frame;
    bool late = false;
    for (;;) {
        const int64_t before = world->last;
        const enum sl_jitter_pop got = sl_jitter_pop(world->jitter, world->now, &frame);
        world->delivered += got == SL_JITTER_FRAME;
        world->breaks += got == SL_JITTER_BROKEN;
        check_balance(world);
        if (got == SL_JITTER_BROKEN) {
            if (world->key_wanted == SL_NEVER)
                world->key_wanted = world->now + world->net.rtt;
            continue;
        }
        const int64_t expected = exact ? model_pop(world) : -1;
        if (got == SL_JITTER_WAIT) {
            assert_int_equal(expected, -1);
            break;
        }
        const int64_t number = sl_test_video_check(frame.data, frame.len);
        if (exact)
            assert_int_equal(number, expected);
        world->last = number;
        assert_true(number > before);
        check_references(world, number, before);
        assert_int_equal(frame.key, world->facts[number].key);
        assert_int_equal(frame.reference, !world->facts[number].unreferenced);
        assert_true(frame.due <= world->now || world->delay > 0);
        if (frame.has_capture)
            assert_int_equal(frame.capture_ntp >> 32, number);
        world->shown[number] = !frame.late;
        late = frame.late;
    }
    /* The newest of what came out at once is for showing; with delay 0 it is the only one. */
    assert_false(late);
}

static void deliver(struct world *world, const struct pending *p)
{
    struct sl_rtp_packet packet = p->packet;
    packet.payload = packet.payload_len ? p->bytes : NULL;
    (void)sl_jitter_put(world->jitter, &packet, world->now);
    check_balance(world);
    struct fact *fact = &world->facts[p->frame];
    if (p->index < 0) {
        fact->padding_arrived = true;
        return;
    }
    if (!fact->arrived)
        fact->begun = world->now;
    fact->arrived |= (uint64_t)1 << p->index;
}

static size_t earliest(const struct world *world)
{
    size_t best = 0;
    for (size_t i = 1; i < world->pending_count; i++)
        if (world->pending[i].at < world->pending[best].at)
            best = i;
    return best;
}

static void run(struct world *world, const struct network *net, uint64_t seed, sl_ns delay,
                bool exact)
{
    struct pending *pending = world->pending;
    memset(world, 0, sizeof(*world));
    world->pending = pending;
    world->net = *net;
    world->delay = delay;
    world->now = SL_SEC;
    world->key_wanted = SL_NEVER;
    world->last = -1;
    sl_random_init_seed(&world->random, seed);
    sl_test_video_init(&world->video, 65530, UINT32_MAX - 500000);
    const struct sl_jitter_config config = {
        .clock_hz = 90000, .delay = delay, .wait_max = WAIT_MAX};
    assert_int_equal(sl_jitter_create(&world->jitter, &config), 0);
    const uint64_t allocations = sl_alloc_count();
    sl_ns next_frame = world->now;
    for (;;) {
        const size_t i = earliest(world);
        const sl_ns arrival = world->pending_count ? world->pending[i].at : SL_NEVER;
        const sl_ns frame = world->made < FRAMES ? next_frame : SL_NEVER;
        const sl_ns due = sl_jitter_due(world->jitter);
        if (arrival == SL_NEVER && frame == SL_NEVER)
            break;
        world->now = frame < arrival ? frame : arrival;
        if (due < world->now && due > 0)
            world->now = due;
        if (world->now == frame) {
            make_frame(world);
            next_frame += FRAME_NS;
        } else if (world->now == arrival) {
            deliver(world, &world->pending[i]);
            world->pending[i] = world->pending[--world->pending_count];
        }
        pop_all(world, exact);
    }
    assert_int_equal(sl_alloc_count() - allocations, 0);
}

static void end(struct world *world)
{
    sl_jitter_destroy(world->jitter);
}

static struct world *create(void)
{
    struct world *world = calloc(1, sizeof(*world));
    assert_non_null(world);
    world->pending = calloc(PENDING_MAX, sizeof(*world->pending));
    assert_non_null(world->pending);
    return world;
}

static void destroy(struct world *world)
{
    free(world->pending);
    free(world);
}

static int count_shown(const struct world *world, int from, int to)
{
    int shown = 0;
    for (int n = from; n < to; n++)
        shown += world->shown[n];
    return shown;
}

static void a_clean_link_shows_every_frame(void **state)
{
    (void)state;
    struct world *world = create();
    const struct network net = {.gop = 60, .duplicate = 0.1, .jitter = 20 * SL_MS, .padding = 0.2};
    for (uint64_t seed = 1; seed <= 5; seed++) {
        run(world, &net, seed, 0, true);
        assert_int_equal(world->delivered, FRAMES);
        assert_int_equal(world->breaks, 0);
        assert_int_equal(count_shown(world, 0, FRAMES), FRAMES);
        end(world);
    }
    destroy(world);
}

static void repaired_loss_costs_no_frame(void **state)
{
    (void)state;
    struct world *world = create();
    const struct network net = {
        .gop = 60, .loss = 0.05, .rtt = 12 * SL_MS, .jitter = 5 * SL_MS, .padding = 0.1};
    for (uint64_t seed = 1; seed <= 5; seed++) {
        run(world, &net, seed, 0, true);
        assert_int_equal(world->delivered, FRAMES);
        assert_int_equal(count_shown(world, 0, FRAMES), FRAMES); /* 17 ms is under a frame */
        end(world);
    }
    destroy(world);
}

static void on_bad_links_it_does_what_the_model_does(void **state)
{
    (void)state;
    struct world *world = create();
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct sl_random random;
        sl_random_init_seed(&random, seed * 77);
        const struct network net = {
            .gop = (int)sl_random_range(&random, 5, 90),
            .loss = sl_random_unit(&random) * 0.3,
            .repair_loss = sl_random_unit(&random) * 0.5,
            .duplicate = sl_random_unit(&random) * 0.2,
            .padding = sl_random_unit(&random) * 0.3,
            .jitter = sl_random_range(&random, 0, 80) * SL_MS,
            .rtt = sl_random_range(&random, 1, 250) * SL_MS,
            .clean_end = 100,
        };
        run(world, &net, seed, 0, true);
        /* Whole again after the last loss: a break is noticed, a key frame asked for. */
        const int healed =
            FRAMES - 100 + (int)((WAIT_MAX + 2 * net.rtt + net.jitter) / FRAME_NS) + 4;
        for (int n = healed; n < FRAMES - 5; n++)
            assert_true(world->shown[n] || net.jitter > FRAME_NS);
        assert_int_equal(world->last, FRAMES - 1);
        end(world);
    }
    destroy(world);
}

static void no_frame_comes_out_without_its_references(void **state)
{
    (void)state;
    struct world *world = create();
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct sl_random random;
        sl_random_init_seed(&random, seed * 99);
        const struct network net = {
            .gop = (int)sl_random_range(&random, 20, 200),
            .loss = sl_random_unit(&random) * 0.2,
            .repair_loss = sl_random_unit(&random),
            .duplicate = sl_random_unit(&random) * 0.2,
            .unreferenced = 0.5,
            .padding = sl_random_unit(&random) * 0.3,
            .jitter = sl_random_range(&random, 0, 60) * SL_MS,
            .rtt = sl_random_range(&random, 1, 150) * SL_MS,
            .clean_end = 100,
        };
        run(world, &net, seed, sl_random_range(&random, 0, 120) * SL_MS, false);
        assert_int_equal(world->last, FRAMES - 1);
        assert_true(count_shown(world, FRAMES - 60, FRAMES) > 30);
        end(world);
    }
    destroy(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clean_link_shows_every_frame),
        cmocka_unit_test(repaired_loss_costs_no_frame),
        cmocka_unit_test(on_bad_links_it_does_what_the_model_does),
        cmocka_unit_test(no_frame_comes_out_without_its_references),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
