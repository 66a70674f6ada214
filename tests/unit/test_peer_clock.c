/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "session/peer_clock.h"

#define START (1000 * SL_SEC)

static void test_rtt_is_smoothed(void **state)
{
    (void)state;
    struct sl_peer_clock clock = {0};
    sl_peer_clock_rtt(&clock, 80 * SL_MS);
    assert_int_equal(clock.rtt, 80 * SL_MS);
    sl_peer_clock_rtt(&clock, 160 * SL_MS);
    assert_int_equal(clock.rtt, 90 * SL_MS);
    struct sl_peer_clock none = {0};
    sl_peer_clock_rtt(&none, 0);
    assert_true(none.rtt > 0); /* measured, so not unknown */
}

static void test_smallest_round_trip_wins(void **state)
{
    (void)state;
    struct sl_peer_clock clock = {0};
    sl_ns offset = 42;
    assert_false(sl_peer_clock_offset(&clock, &offset));
    assert_int_equal(offset, 42);
    /* The remote clock is 5 s ahead; the way here took 10 ms of 12. */
    const sl_ns ahead = 5 * SL_SEC;
    sl_peer_clock_sr(&clock, START + 10 * SL_MS, START + ahead, 12 * SL_MS);
    assert_true(sl_peer_clock_offset(&clock, &offset));
    assert_int_equal(offset, ahead - 4 * SL_MS);
    sl_peer_clock_sr(&clock, START + SL_SEC + 2 * SL_MS, START + SL_SEC + ahead, 4 * SL_MS);
    assert_true(sl_peer_clock_offset(&clock, &offset));
    assert_int_equal(offset, ahead);
    sl_peer_clock_sr(&clock, START + 2 * SL_SEC + 50 * SL_MS, START + 2 * SL_SEC + ahead,
                     60 * SL_MS);
    assert_true(sl_peer_clock_offset(&clock, &offset));
    assert_int_equal(offset, ahead);
}

static void test_old_knowledge_wears_off(void **state)
{
    (void)state;
    struct sl_peer_clock clock = {0};
    sl_ns offset = 0;
    sl_peer_clock_sr(&clock, START, START, 2 * SL_MS);
    /* 10 s at 200 ppm are 2 ms: now 6 ms of round trip are as good. */
    const sl_ns later = START + 10 * SL_SEC;
    sl_peer_clock_sr(&clock, later, later + SL_MS, 7 * SL_MS);
    assert_true(sl_peer_clock_offset(&clock, &offset));
    assert_int_equal(offset, SL_MS);
    sl_peer_clock_sr(&clock, later, later + SL_MS, 5 * SL_MS);
    assert_true(sl_peer_clock_offset(&clock, &offset));
    assert_int_equal(offset, SL_MS + 5 * SL_MS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rtt_is_smoothed),
        cmocka_unit_test(test_smallest_round_trip_wins),
        cmocka_unit_test(test_old_knowledge_wears_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
