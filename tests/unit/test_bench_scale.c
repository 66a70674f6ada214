/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bench/scale.h"

/* The labels of an axis, blanks between. */
static const char *labels(double low, double high, int wanted, enum sl_scale_flags flags)
{
    static char text[512];
    struct sl_scale scale;
    sl_scale_fit(&scale, low, high, wanted, flags);
    text[0] = '\0';
    for (int i = 0; i < scale.ticks; i++) {
        if (i)
            strcat(text, "|");
        strcat(text, scale.label[i]);
    }
    return text;
}

static void test_linear(void **state)
{
    (void)state;
    assert_string_equal(labels(0, 9.3, 5, 0), "0|2|4|6|8|10");
    assert_string_equal(labels(8, 9.3, 5, SL_SCALE_ZERO), "0|2|4|6|8|10");
    assert_string_equal(labels(0, 9.3, 5, SL_SCALE_SNUG), "0|2|4|6|8");
    assert_string_equal(labels(0.001, 0.0032, 5, 0), "0.0010|0.0015|0.0020|0.0025|0.0030|0.0035");
    assert_string_equal(labels(-3, 4, 4, SL_SCALE_ZERO), "-4|-2|0|2|4");
    assert_string_equal(labels(0, 312345, 4, 0), "0|100 k|200 k|300 k|400 k");
    assert_string_equal(labels(0, 1.2e6, 3, 0), "0|0.5 M|1.0 M|1.5 M");
}

static void test_log(void **state)
{
    (void)state;
    assert_string_equal(labels(2, 180, 6, SL_SCALE_LOG), "2|5|10|20|50|100|200");
    assert_string_equal(labels(2, 180, 6, SL_SCALE_LOG | SL_SCALE_SNUG), "2|5|10|20|50|100");
    assert_string_equal(labels(1, 1e6, 6, SL_SCALE_LOG), "1|10|100|1000|10 k|100 k|1 M");
    /* Between two round figures: there are ticks all the same. */
    assert_string_equal(labels(2.1, 4.9, 6, SL_SCALE_LOG | SL_SCALE_SNUG), "2.5|3.0|3.5|4.0|4.5");
}

static void test_place(void **state)
{
    (void)state;
    struct sl_scale scale;
    sl_scale_fit(&scale, 0, 10, 5, 0);
    assert_float_equal(sl_scale_place(&scale, 0), 0, 1e-12);
    assert_float_equal(sl_scale_place(&scale, 2.5), 0.25, 1e-12);
    assert_true(isnan(sl_scale_place(&scale, NAN)));
    sl_scale_fit(&scale, 1, 10000, 5, SL_SCALE_LOG);
    assert_float_equal(sl_scale_place(&scale, 100), 0.5, 1e-12);
    assert_true(isnan(sl_scale_place(&scale, 0)));
    assert_true(isnan(sl_scale_place(&scale, -1)));
}

/* Whatever comes: ends that differ, two ticks or more, in order, and within the ends. */
static void test_any_figures(void **state)
{
    (void)state;
    static const double some[] = {
        NAN,    -INFINITY, INFINITY, 0,   1,       -1, 1e-300, 1e300, -1e308, 1e15,   1e15 + 1, 30,
        30.001, 0.1,       5e-324,   1e9, 1e9 + 1, 7,  -1e-9,  1e-60, 123456, 0.9999, 9.9999e59};
    const size_t count = sizeof(some) / sizeof(some[0]);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < count; k++)
            for (int flags = 0; flags < 8; flags++)
                for (int wanted = -1; wanted < 20; wanted += 3) {
                    struct sl_scale s;
                    sl_scale_fit(&s, some[i], some[k], wanted, (enum sl_scale_flags)flags);
                    if (!(s.low < s.high))
                        print_error("%g to %g, flags %d: %g to %g\n", some[i], some[k], flags,
                                    s.low, s.high);
                    assert_true(isfinite(s.low) && isfinite(s.high) && s.low < s.high);
                    assert_true(!s.log || s.low > 0);
                    assert_in_range(s.ticks, 1, SL_SCALE_TICKS);
                    for (int t = 0; t < s.ticks; t++) {
                        const double place = sl_scale_place(&s, s.tick[t]);
                        assert_true(place > -1e-6 && place < 1 + 1e-6);
                        assert_true(t == 0 || s.tick[t] > s.tick[t - 1]);
                        assert_true(t == 0 || strcmp(s.label[t], s.label[t - 1]) != 0);
                    }
                }
}

static void number(double value, int digits, const char *wanted)
{
    char text[32];
    sl_scale_number(value, digits, text, sizeof(text));
    assert_string_equal(text, wanted);
}

static void test_numbers(void **state)
{
    (void)state;
    number(8.1234, 3, "8.12");
    number(8.1, 3, "8.10");
    number(0.00123, 3, "0.00123");
    number(14, 3, "14");
    number(-0.0, 3, "0");
    number(123.456, 3, "123");
    number(1234.56, 3, "1235");
    number(312345, 4, "312.3 k");
    number(1.5e-7, 3, "1.50e-07");
    number(3e20, 3, "3.00e+20");
    number(NAN, 3, "-");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear),  cmocka_unit_test(test_log),
        cmocka_unit_test(test_place),   cmocka_unit_test(test_any_figures),
        cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
