/* SPDX-License-Identifier: MIT */
/* From a picture in which something moves to the far end that hears of it, over a network that
 * loses what it can. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "sender/motion.h"
#include "tests/support/simhop.h"

#define WIDTH 320
#define HEIGHT 180
#define PICTURE (SL_SEC / 10)

/* What the far end hears. */
struct ear {
    int heard, begun, ended;
    bool going_on;
    sl_ns at;
    struct sl_motion_event last;
};

static void hear(void *ctx, struct sim_end *end, const struct sl_motion_event *event, sl_ns now)
{
    struct ear *ear = ctx;
    const bool going_on = event->state == SL_MOTION_GOES_ON;
    (void)end;
    ear->heard++;
    ear->begun += going_on && (!ear->going_on || event->id != ear->last.id);
    ear->ended += !going_on && ear->going_on;
    ear->going_on = going_on;
    ear->last = *event;
    ear->at = now;
}

static const struct sim_end_handler ears = {.event = hear};

static struct sim_hop_config hop_with(struct ear *ear)
{
    return (struct sim_hop_config){.client_sends = true,
                                   .up = {.delay = 20 * SL_MS},
                                   .down = {.delay = 20 * SL_MS},
                                   .lite_handler = &ears,
                                   .client_handler = &ears,
                                   .client_ctx = ear,
                                   .lite_ctx = ear};
}

static void open_connected(struct sim_hop *hop, struct sim *sim,
                           const struct sim_hop_config *config)
{
    sim_hop_open(hop, sim, config);
    assert_true(sim_hop_connect(hop, 10 * SL_SEC) >= 0);
}

/* ---- A camera ---- */

static struct sl_motion *make_motion(const struct sim_end *end)
{
    const struct sl_motion_config config = {.width = WIDTH,
                                            .height = HEIGHT,
                                            .sensitivity = 50,
                                            .min_area = 0.002,
                                            .first_id = UINT32_MAX,
                                            .epoch = end->clock.epoch};
    struct sl_motion *motion;
    assert_int_equal(sl_motion_create(&motion, &config), 0);
    return motion;
}

/* Pictures for `span`: a square goes through them, or not. */
static void film(struct sim_hop *hop, struct sl_motion *motion, sl_ns span, bool square)
{
    static uint8_t luma[WIDTH * HEIGHT];
    for (int i = 0; i < span / PICTURE; i++) {
        struct sl_motion_event event;
        memset(luma, 90, sizeof(luma));
        for (int y = 60; square && y < 100; y++)
            memset(luma + y * WIDTH + 20 + 5 * i, 200, 40);
        const sl_ns now = sim_clock_now(&hop->client.clock);
        if (sl_motion_look(motion, luma, WIDTH, now, &event))
            assert_int_equal(sim_end_send_event(&hop->client, &event), 0);
        sim_run_for(hop->client.sim, PICTURE);
    }
}

/* RTCP APP: the header is in the clear. */
static bool is_event(const uint8_t *data, size_t len)
{
    return len > 8 && data[0] >> 6 == 2 && data[1] == 204;
}

/* Of five packets in a row one comes through: of an end that is told five times it is one. */
struct dropper {
    int seen;
};

static bool drop_but_one(void *ctx, const uint8_t *data, size_t len)
{
    struct dropper *dropper = ctx;
    return is_event(data, len) && dropper->seen++ % 5 != 4;
}

static void what_is_lost_is_told_again(void **state)
{
    (void)state;
    struct sim *sim = sim_create(61);
    struct sim_hop hop;
    struct ear ear = {0};
    struct dropper dropper = {0};
    const struct sim_hop_config config = hop_with(&ear);
    open_connected(&hop, sim, &config);
    struct sl_motion *motion = make_motion(&hop.client);
    hop.up.filter = drop_but_one;
    hop.up.filter_ctx = &dropper;
    film(&hop, motion, 3 * SL_SEC, false);
    assert_int_equal(dropper.seen, 0);
    for (int i = 1; i <= 3; i++) {
        film(&hop, motion, 3 * SL_SEC, true);
        assert_int_equal(ear.begun, i);
        assert_int_equal(ear.last.id, (uint32_t)(UINT32_MAX + i - 1));
        film(&hop, motion, 10 * SL_SEC, false);
        assert_int_equal(ear.ended, i);
        assert_int_equal(ear.last.id, (uint32_t)(UINT32_MAX + i - 1));
    }
    assert_int_equal(ear.heard, dropper.seen / 5);
    sl_motion_destroy(motion);
    sim_hop_close(&hop);
    sim_destroy(sim);
}

/* The camera's clock is an hour off; its events are told by ours. */
static void times_are_told_by_the_clock_of_the_far_end(void **state)
{
    (void)state;
    struct sim *sim = sim_create(62);
    struct sim_hop hop;
    struct ear ear = {0};
    struct sim_hop_config config = hop_with(&ear);
    const struct sim_clock wrong = sim_clock(sim, 0, 3600 * SL_SEC);
    config.client_clock = &wrong;
    open_connected(&hop, sim, &config);
    struct sim_flow flow;
    const struct sim_flow_config media = {.packets = 30 * 8 * 60};
    sim_flow_init(&flow, &media, &hop.client, &hop.lite);
    sim_flow_start(&flow);
    struct sl_motion *motion = make_motion(&hop.client);
    film(&hop, motion, 5 * SL_SEC, false);
    const sl_ns begun = sim_clock_now(&hop.lite.clock);
    film(&hop, motion, 3 * SL_SEC, true);
    assert_int_equal(ear.begun, 1);
    const sl_ns start = sl_ntp_to_ns(ear.last.start_ntp, hop.lite.clock.epoch);
    const sl_ns last = sl_ntp_to_ns(ear.last.last_ntp, hop.lite.clock.epoch);
    assert_true(llabs(start - begun) <= 25 * SL_MS);
    assert_true(llabs(last - (ear.at - 20 * SL_MS)) <= 25 * SL_MS);
    flow.stopped = true;
    sl_motion_destroy(motion);
    sim_run_for(sim, SL_SEC);
    sim_flow_fini(&flow);
    sim_hop_close(&hop);
    sim_destroy(sim);
}

static void more_than_ten_a_second_are_refused(void **state)
{
    (void)state;
    struct sim *sim = sim_create(63);
    struct sim_hop hop;
    struct ear ear = {0};
    const struct sim_hop_config config = hop_with(&ear);
    const struct sl_motion_event event = {.id = 1, .state = SL_MOTION_GOES_ON};
    open_connected(&hop, sim, &config);
    for (int i = 0; i < 11; i++)
        assert_int_equal(sim_end_send_event(&hop.client, &event), 0);
    sim_run_for(sim, 500 * SL_MS);
    assert_int_equal(ear.heard, 10);
    sim_run_for(sim, SL_SEC);
    for (int i = 0; i < 10; i++)
        assert_int_equal(sim_end_send_event(&hop.client, &event), 0);
    sim_run_for(sim, 500 * SL_MS);
    assert_int_equal(ear.heard, 20);
    const struct sl_session_stats stats = sim_end_stats(&hop.lite);
    assert_int_equal(stats.events, 20);
    assert_int_equal(stats.events_refused, 1);
    sim_hop_close(&hop);
    sim_destroy(sim);
}

static void only_our_own_are_told_and_only_by_who_sends_pictures(void **state)
{
    (void)state;
    struct sim *sim = sim_create(64);
    struct sim_hop hop;
    struct ear ear = {0};
    struct sim_hop_config config = hop_with(&ear);
    const struct sl_motion_event event = {.id = 1, .state = SL_MOTION_GOES_ON};
    sim_hop_open(&hop, sim, &config);
    assert_int_equal(sim_end_send_event(&hop.client, &event), -ENOTCONN);
    sim_hop_close(&hop);
    open_connected(&hop, sim, &config);
    assert_int_equal(sim_end_send_event(&hop.lite, &event), -ENOTSUP);
    sim_hop_close(&hop);
    config.foreign = true;
    open_connected(&hop, sim, &config);
    assert_int_equal(sim_end_send_event(&hop.client, &event), -ENOTSUP);
    sim_run_for(sim, SL_SEC);
    assert_int_equal(ear.heard, 0);
    sim_hop_close(&hop);
    sim_destroy(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_lost_is_told_again),
        cmocka_unit_test(times_are_told_by_the_clock_of_the_far_end),
        cmocka_unit_test(more_than_ten_a_second_are_refused),
        cmocka_unit_test(only_our_own_are_told_and_only_by_who_sends_pictures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
