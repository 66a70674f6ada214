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

static struct sl_reading reading_at(sl_ns at, uint64_t expected, uint64_t bytes)
{
    return (struct sl_reading){.at = at, .repairs = {.expected = expected, .bytes = bytes}};
}

static void test_rates_between_readings(void **state)
{
    (void)state;
    const struct sl_reading then = reading_at(10 * SL_SEC, 0, 1000);
    const struct sl_reading now = reading_at(12 * SL_SEC, 0, 501000);
    assert_float_equal(sl_reading_kbps(&now, &then), 2000, 1e-9);
    assert_float_equal(sl_reading_kbps(&now, &now), 0, 0);
    const struct sl_reading anew = reading_at(13 * SL_SEC, 0, 0);
    assert_float_equal(sl_reading_kbps(&anew, &now), 0, 0);
}

static void test_the_last_seconds(void **state)
{
    (void)state;
    struct sl_recent recent = {.count = 0};
    for (uint64_t i = 0; i < 20; i++) {
        const struct sl_reading reading = reading_at((sl_ns)i * SL_SEC, 10 * i, 0);
        assert_true(sl_recent_add(&recent, &reading) == (i > 0));
        const uint64_t oldest = i < 5 ? 0 : i - 5;
        assert_true(recent.reading[0].repairs.expected == 10 * oldest);
        assert_true(recent.reading[recent.count - 1].repairs.expected == 10 * i);
    }
    /* After a pause nothing old is compared with. */
    const struct sl_reading late = reading_at(60 * SL_SEC, 1000, 0);
    assert_false(sl_recent_add(&recent, &late));
    const struct sl_reading next = reading_at(61 * SL_SEC, 1010, 0);
    assert_true(sl_recent_add(&recent, &next));
    assert_true(recent.reading[0].repairs.expected == 1000);
}

/* Readings a little further apart or closer together than a second stay in bounds, too. */
static void test_uneven_seconds(void **state)
{
    (void)state;
    struct sl_recent recent = {.count = 0};
    sl_ns at = 0;
    for (int i = 0; i < 1000; i++) {
        at += SL_MS * (i * 37 % 1500);
        const struct sl_reading reading = reading_at(at, (uint64_t)i, 0);
        (void)sl_recent_add(&recent, &reading);
        assert_in_range(recent.count, 1, SL_RECENT_READINGS);
        assert_true(at - recent.reading[0].at <= SL_RECENT_SPAN);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_shown),
        cmocka_unit_test(test_median_and_largest),
        cmocka_unit_test(test_a_long_period_stays_in_bounds),
        cmocka_unit_test(test_rates_between_readings),
        cmocka_unit_test(test_the_last_seconds),
        cmocka_unit_test(test_uneven_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
