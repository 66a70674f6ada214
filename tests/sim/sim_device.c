/* SPDX-License-Identifier: MIT */
/* That a device is away, told over a network that loses what it can, and to whom it is not told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "tests/support/simhop.h"

#define ONE_WAY (20 * SL_MS)

/* What the far end hears. */
struct ear {
    int heard, changes;
    struct sl_device_watch watch;
};

static void hear(void *ctx, struct sim_end *end, uint32_t flags, sl_ns now)
{
    struct ear *ear = ctx;
    (void)end;
    ear->heard++;
    ear->changes += sl_device_watch_hear(&ear->watch, flags, now);
}

static const struct sim_end_handler ears = {.device = hear};

static struct sim_hop_config hop_with(struct ear *ear)
{
    return (struct sim_hop_config){.client_sends = true,
                                   .up = {.delay = ONE_WAY},
                                   .down = {.delay = ONE_WAY},
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

/* No picture has ever been sent: so there are no sender reports either. */
static void a_change_is_told_at_once_and_repeated(void **state)
{
    (void)state;
    struct sim *sim = sim_create(71);
    struct sim_hop hop;
    struct ear ear = {0};
    const struct sim_hop_config config = hop_with(&ear);
    open_connected(&hop, sim, &config);
    assert_int_equal(sim_end_set_device(&hop.client, 0), 0);
    sim_run_for(sim, 5 * SL_SEC);
    assert_int_equal(ear.heard, 0); /* that all is well is not told */
    assert_int_equal(sim_end_set_device(&hop.client, SL_DEVICE_AWAY), 0);
    sim_run_for(sim, ONE_WAY + 5 * SL_MS);
    assert_int_equal(ear.watch.flags, SL_DEVICE_AWAY);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(sim_end_set_device(&hop.client, SL_DEVICE_AWAY), 0); /* costs nothing */
        sim_run_for(sim, SL_SEC / 10);
    }
    assert_int_equal(ear.heard, 11);
    assert_int_equal(sim_end_set_device(&hop.client, 0), 0);
    sim_run_for(sim, ONE_WAY + 5 * SL_MS);
    assert_int_equal(ear.watch.flags, 0);
    sim_run_for(sim, 10 * SL_SEC);
    assert_int_equal(ear.heard, 14); /* three times */
    assert_int_equal(ear.changes, 2);
    sim_hop_close(&hop);
    sim_destroy(sim);
}

/* RTCP APP: the header is in the clear. */
static bool is_app(const uint8_t *data, size_t len)
{
    return len > 8 && data[0] >> 6 == 2 && data[1] == 204;
}

struct dropper {
    int seen, lost; /* the first so many are lost */
};

static bool drop_first(void *ctx, const uint8_t *data, size_t len)
{
    struct dropper *dropper = ctx;
    return is_app(data, len) && dropper->seen++ < dropper->lost;
}

static void what_is_lost_is_told_again(void **state)
{
    (void)state;
    struct sim *sim = sim_create(72);
    struct sim_hop hop;
    struct ear ear = {0};
    struct dropper dropper = {.lost = 2};
    const struct sim_hop_config config = hop_with(&ear);
    open_connected(&hop, sim, &config);
    hop.up.filter = drop_first;
    hop.up.filter_ctx = &dropper;
    for (int i = 0; i < 4; i++) {
        dropper.seen = 0;
        const uint32_t flags = i % 2 ? 0 : SL_DEVICE_AWAY;
        assert_int_equal(sim_end_set_device(&hop.client, flags), 0);
        sim_run_for(sim, 2 * SL_SEC + ONE_WAY + 5 * SL_MS);
        assert_int_equal(dropper.seen, 3);
        assert_int_equal(ear.watch.flags, flags);
    }
    assert_int_equal(ear.changes, 4);
    sim_hop_close(&hop);
    sim_destroy(sim);
}

static void more_than_five_a_second_are_refused(void **state)
{
    (void)state;
    struct sim *sim = sim_create(73);
    struct sim_hop hop;
    struct ear ear = {0};
    const struct sim_hop_config config = hop_with(&ear);
    open_connected(&hop, sim, &config);
    for (uint32_t i = 1; i <= 8; i++) /* a device with a loose contact */
        assert_int_equal(sim_end_set_device(&hop.client, i % 2), 0);
    assert_int_equal(sim_end_set_device(&hop.client, SL_DEVICE_AWAY), 0);
    sim_run_for(sim, 500 * SL_MS);
    assert_int_equal(ear.heard, 5);
    struct sl_session_stats stats = sim_end_stats(&hop.lite);
    assert_int_equal(stats.states, 5);
    assert_int_equal(stats.states_refused, 4);
    sim_run_for(sim, 2 * SL_SEC);
    assert_int_equal(ear.watch.flags,
                     SL_DEVICE_AWAY); /* how it was in the end is known all the same */
    sim_hop_close(&hop);
    sim_destroy(sim);
}

static void only_our_own_are_told_and_only_by_who_sends_pictures(void **state)
{
    (void)state;
    struct sim *sim = sim_create(74);
    struct sim_hop hop;
    struct ear ear = {0};
    struct sim_hop_config config = hop_with(&ear);
    sim_hop_open(&hop, sim, &config);
    assert_int_equal(sim_end_set_device(&hop.client, SL_DEVICE_AWAY), -ENOTCONN);
    sim_hop_close(&hop);
    open_connected(&hop, sim, &config);
    assert_int_equal(sim_end_set_device(&hop.lite, SL_DEVICE_AWAY), -ENOTSUP);
    sim_hop_close(&hop);
    config.foreign = true;
    open_connected(&hop, sim, &config);
    assert_int_equal(sim_end_set_device(&hop.client, SL_DEVICE_AWAY), -ENOTSUP);
    sim_run_for(sim, 3 * SL_SEC);
    assert_int_equal(ear.heard, 0);
    sim_hop_close(&hop);
    sim_destroy(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_is_told_at_once_and_repeated),
        cmocka_unit_test(what_is_lost_is_told_again),
        cmocka_unit_test(more_than_five_a_second_are_refused),
        cmocka_unit_test(only_our_own_are_told_and_only_by_who_sends_pictures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
