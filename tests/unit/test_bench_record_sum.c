/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench/record_sum.h"

#define ASKED (64 * 2e6)

static struct sl_record_cell cell(bool recording, double hub, double record)
{
    return (struct sl_record_cell){.recording = recording,
                                   .cores = {[SL_RECORD_HUB] = hub,
                                             [SL_RECORD_RECORD] = record,
                                             [SL_RECORD_SYNC] = recording ? 0.01 : 0},
                                   .all_cores = hub + record + (recording ? 0.01 : 0)};
}

static bool is(double value, double wanted)
{
    return fabs(value - wanted) < 1e-6;
}

static void medians_of_the_rounds(void **state)
{
    (void)state;
    const struct sl_record_cell cells[] = {cell(false, 0.30, 0),   cell(true, 0.31, 0.02),
                                           cell(true, 0.90, 0.50), cell(false, 0.80, 0),
                                           cell(false, 0.20, 0),   cell(true, 0.21, 0.01)};
    struct sl_record_sum sum;
    sl_record_sum(&sum, cells, 6);
    assert_true(is(sum.alone[SL_RECORD_HUB], 30) && is(sum.with[SL_RECORD_HUB], 31));
    assert_true(is(sum.with[SL_RECORD_RECORD], 2) && is(sum.own, 3));
    assert_true(is(sum.alone_all, 30) && is(sum.with_all, 34));
    assert_true(is(sum.more, 1) && is(sum.over, 4));
    sl_record_sum(&sum, cells, 5); /* of two: between them */
    assert_true(is(sum.with[SL_RECORD_HUB], 60.5));
}

static void others_that_do_less_are_no_gain(void **state)
{
    (void)state;
    const struct sl_record_cell cells[] = {cell(false, 0.30, 0), cell(true, 0.10, 0.06)};
    struct sl_record_sum sum;
    sl_record_sum(&sum, cells, 2);
    assert_true(is(sum.more, -20) && is(sum.over, 7));
    assert_string_equal(sl_record_goal(&sum, 64, ASKED), "MISSED");
}

static void the_goal_is_for_what_it_says(void **state)
{
    (void)state;
    const struct sl_record_cell cells[] = {cell(false, 0.30, 0), cell(true, 0.31, 0.02)};
    struct sl_record_sum sum;
    sl_record_sum(&sum, cells, 2);
    assert_string_equal(sl_record_goal(&sum, 64, ASKED), "met");
    assert_null(sl_record_goal(&sum, 63, ASKED));
    assert_null(sl_record_goal(&sum, 64, 0.5 * ASKED));
    sl_record_sum(&sum, cells, 1);
    assert_true(isnan(sum.over));
    assert_null(sl_record_goal(&sum, 64, ASKED));
    sl_record_sum(&sum, cells, 0);
    assert_true(isnan(sum.alone_all) && isnan(sum.over));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(medians_of_the_rounds),
        cmocka_unit_test(others_that_do_less_are_no_gain),
        cmocka_unit_test(the_goal_is_for_what_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
