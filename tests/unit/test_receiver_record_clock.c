/* SPDX-License-Identifier: MIT */
/* Hours of drift and jumps are in sim/sim_receiver_record.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "receiver/record_clock.h"

#define FRAME (40 * SL_MS)
#define TICKS 3600

static struct sl_record_clock rec;
static uint32_t timestamp;
static sl_ns now, last;

static void begin(void)
{
    sl_record_clock_init(&rec, 90000);
    timestamp = UINT32_MAX - 5 * TICKS; /* it wraps soon */
    now = 100 * SL_SEC;
    last = 0;
}

/* One unit later by both clocks; `off`: what is wrong with its capture time. */
static sl_ns next(sl_ns off, sl_ns late)
{
    timestamp += TICKS;
    now += FRAME;
    const sl_ns time = sl_record_clock_next(&rec, timestamp, now + off, now + 20 * SL_MS + late);
    assert_true(time > last);
    last = time;
    return time;
}

static void steady(int count)
{
    for (int i = 0; i < count; i++)
        assert_in_range(next(0, 0) - now + SL_MS, 0, 2 * SL_MS);
}

static void times_are_those_of_capture(void **state)
{
    (void)state;
    begin();
    steady(100);
    /* A stamp that wavers hardly shows. */
    assert_in_range(next(30 * SL_MS, 0) - now, 0, SL_MS);
    steady(10);
}

static void the_network_stands_still(void **state)
{
    (void)state;
    begin();
    steady(100);
    for (int i = 0; i < 50; i++)
        assert_in_range(next(0, (50 - i) * FRAME) - now + SL_MS, 0, 2 * SL_MS);
    steady(10);
}

static void timestamps_that_jump_are_counted_anew(void **state)
{
    (void)state;
    begin();
    steady(100);
    timestamp += 90000 * 5;
    steady(100);
    timestamp -= 90000 * 60;
    steady(100);
    assert_int_equal(rec.jumps, 2);
}

static void capture_times_that_jump_are_believed_when_they_insist(void **state)
{
    (void)state;
    begin();
    steady(100);
    for (int i = 0; i < 100; i++) /* 4 s, and right again */
        assert_in_range(next(-2 * SL_SEC, 0) - now + SL_MS, 0, 2 * SL_MS);
    steady(100);
    for (int i = 0; i < 1000; i++)
        (void)next(-2 * SL_SEC, 0);
    assert_in_range(next(-2 * SL_SEC, 0) - (now - 2 * SL_SEC) + 20 * SL_MS, 0, 40 * SL_MS);
}

/* Of the future, or of yesterday: as if there were none. */
static void nonsense_is_not_taken(void **state)
{
    (void)state;
    begin();
    steady(100);
    for (int i = 0; i < 1000; i++)
        assert_in_range(next(3600 * SL_SEC, 0) - now, 0, 25 * SL_MS);
    for (int i = 0; i < 1000; i++)
        assert_in_range(next(-86400 * SL_SEC, 0) - now, 0, 25 * SL_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_those_of_capture),
        cmocka_unit_test(the_network_stands_still),
        cmocka_unit_test(timestamps_that_jump_are_counted_anew),
        cmocka_unit_test(capture_times_that_jump_are_believed_when_they_insist),
        cmocka_unit_test(nonsense_is_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
