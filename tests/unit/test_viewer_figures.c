/* SPDX-License-Identifier: MIT */
#include "viewer/figures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_nothing_shown(void **state)
{
    (void)state;
    static struct sl_figures figures;
    sl_figures_clear(&figures);
    assert_true(sl_figures_median(&figures) == SL_NEVER);
    sl_figures_add(&figures, SL_NEVER);
    assert_int_equal(figures.shown, 1);
    assert_true(sl_figures_median(&figures) == SL_NEVER);
    assert_true(figures.largest == SL_NEVER);
}

static void test_median_and_largest(void **state)
{
    (void)state;
    static struct sl_figures figures;
    sl_figures_clear(&figures);
    for (int i = 0; i < 30; i++)
        sl_figures_add(&figures, (i * 7 % 30 + 1) * SL_MS); /* 1..30 ms in some order */
    assert_int_equal(figures.shown, 30);
    assert_true(sl_figures_median(&figures) == 16 * SL_MS);
    assert_true(figures.largest == 30 * SL_MS);
    sl_figures_clear(&figures);
    sl_figures_add(&figures, SL_MS);
    assert_true(sl_figures_median(&figures) == SL_MS);
}

static void test_a_long_period_stays_in_bounds(void **state)
{
    (void)state;
    static struct sl_figures figures;
    sl_figures_clear(&figures);
    for (int i = 0; i < 100000; i++) {
        sl_figures_add(&figures, (i % 1000) * SL_US);
        assert_true(figures.held < SL_FIGURES_MAX);
    }
    assert_int_equal(figures.shown, 100000);
    assert_true(figures.largest == 999 * SL_US);
    const sl_ns median = sl_figures_median(&figures);
    assert_true(median > 400 * SL_US && median < 600 * SL_US);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_shown),
        cmocka_unit_test(test_median_and_largest),
        cmocka_unit_test(test_a_long_period_stays_in_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
