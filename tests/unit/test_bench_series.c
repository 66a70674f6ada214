/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench/series.h"

static void fill(struct sl_series *series, int count)
{
    for (int i = 0; i < count; i++) /* 0 99 1 98 ... at 0, 1, 2 ... s */
        assert_int_equal(sl_series_add(series, i * SL_SEC, i % 2 ? count - 1 - i / 2 : i / 2), 0);
}

static void means_and_quantiles(void **state)
{
    (void)state;
    struct sl_series series = {.count = 0};
    assert_true(isnan(sl_series_mean(&series, 0, SL_NEVER)));
    assert_true(isnan(sl_series_quantile(&series, 0.5)));
    fill(&series, 100); /* more than there is room for at first */
    assert_true(sl_series_mean(&series, 0, SL_NEVER) == 49.5);
    assert_true(sl_series_mean(&series, SL_SEC, 3 * SL_SEC) == 50); /* 99 and 1 */
    assert_true(isnan(sl_series_mean(&series, 100 * SL_SEC, SL_NEVER)));
    assert_true(sl_series_quantile(&series, 0) == 0);
    assert_true(sl_series_quantile(&series, 0.5) == 49);
    assert_true(sl_series_quantile(&series, 0.99) == 98);
    assert_true(sl_series_quantile(&series, 1) == 99);
    assert_true(series.value[1] == 99); /* still in its order */
    sl_series_free(&series);
    assert_int_equal(series.count, 0);
}

static void parts_and_origins(void **state)
{
    (void)state;
    struct sl_series series = {.count = 0}, part = {.count = 0};
    fill(&series, 10);
    sl_series_since(&series, 4 * SL_SEC);
    assert_int_equal(series.at[0], -4 * SL_SEC);
    assert_int_equal(sl_series_append(&part, &series, 0, 2 * SL_SEC), 0);
    assert_int_equal(sl_series_append(&part, &series, -SL_SEC, 0), 0);
    assert_int_equal(part.count, 3);
    assert_int_equal(part.at[0], 0);
    assert_int_equal(part.at[2], -SL_SEC);
    assert_true(part.value[0] == 2 && part.value[1] == 7 && part.value[2] == 8);
    sl_series_free(&series);
    sl_series_free(&part);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means_and_quantiles),
        cmocka_unit_test(parts_and_origins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
