/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "receiver/retention_clock.h"

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)
#define YEAR (365 * DAY)
#define NOW (56 * YEAR)

static void look(struct sl_retention_clock *clock, int64_t now_us, sl_ns now, bool synchronised,
                 int64_t wanted_us)
{
    assert_int_equal(sl_retention_clock_look(clock, now_us, now, synchronised), wanted_us);
}

static void without_any_knowledge_the_clock_is_gone_by(void **state)
{
    (void)state;
    struct sl_retention_clock clock = {0};
    look(&clock, NOW, SL_SEC, false, NOW);
    assert_false(clock.doubted);
    assert_int_equal(clock.known_us, NOW);
}

static void a_start_years_ahead_counts_from_what_is_known(void **state)
{
    (void)state;
    struct sl_retention_clock clock = {.known_us = NOW};
    look(&clock, NOW + 14 * YEAR, 100 * SL_SEC, false, NOW);
    assert_true(clock.doubted);
    look(&clock, NOW + 14 * YEAR + 2 * SECOND, 102 * SL_SEC, false, NOW + 2 * SECOND);
    assert_int_equal(clock.known_us, NOW + 2 * SECOND);
    struct sl_retention_clock again = {.known_us = clock.known_us}; /* another start */
    look(&again, NOW + 14 * YEAR + 9 * SECOND, 5 * SL_SEC, false, NOW + 2 * SECOND);
    assert_true(again.doubted);
    look(&again, NOW + 10 * SECOND, 6 * SL_SEC, false, NOW + 10 * SECOND); /* set right */
    assert_false(again.doubted);
}

static void a_month_off_with_a_synchronised_clock_is_a_month(void **state)
{
    (void)state;
    struct sl_retention_clock clock = {.known_us = NOW};
    look(&clock, NOW + 30 * DAY, SL_SEC, true, NOW + 30 * DAY);
    assert_false(clock.doubted);
    assert_int_equal(clock.known_us, NOW + 30 * DAY);
}

static void an_unsynchronised_clock_that_runs_on_is_gone_by(void **state)
{
    (void)state;
    struct sl_retention_clock clock = {.known_us = NOW};
    int64_t now_us = NOW + DAY; /* as far ahead as may be */
    for (int i = 1; i <= 1000; i++, now_us += 3600 * SECOND) {
        look(&clock, now_us, i * 3600 * SL_SEC, false, now_us);
        assert_false(clock.doubted);
    }
}

static void a_step_of_more_than_a_day_while_running_is_a_jump(void **state)
{
    (void)state;
    struct sl_retention_clock clock = {.known_us = NOW};
    look(&clock, NOW, SL_SEC, false, NOW);
    look(&clock, NOW + DAY + 2 * SECOND, 3 * SL_SEC, false, NOW + DAY + 2 * SECOND);
    look(&clock, NOW + 2 * DAY + 5 * SECOND, 5 * SL_SEC, false, NOW + DAY + 4 * SECOND);
    assert_true(clock.doubted);
    look(&clock, NOW + 2 * DAY + 6 * SECOND, 6 * SL_SEC, true, NOW + 2 * DAY + 6 * SECOND);
    assert_false(clock.doubted);
}

static void a_clock_that_is_behind_deletes_less_and_loses_nothing_known(void **state)
{
    (void)state;
    struct sl_retention_clock clock = {.known_us = NOW};
    look(&clock, 0, SL_SEC, false, 0); /* no battery: 1970 */
    assert_false(clock.doubted);
    look(&clock, NOW + 14 * YEAR, 2 * SL_SEC, false, NOW + SECOND);
    assert_true(clock.doubted);
    look(&clock, NOW - YEAR, 3 * SL_SEC, true, NOW - YEAR); /* it was all wrong */
    assert_int_equal(clock.known_us, NOW - YEAR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_any_knowledge_the_clock_is_gone_by),
        cmocka_unit_test(a_start_years_ahead_counts_from_what_is_known),
        cmocka_unit_test(a_month_off_with_a_synchronised_clock_is_a_month),
        cmocka_unit_test(an_unsynchronised_clock_that_runs_on_is_gone_by),
        cmocka_unit_test(a_step_of_more_than_a_day_while_running_is_a_jump),
        cmocka_unit_test(a_clock_that_is_behind_deletes_less_and_loses_nothing_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
