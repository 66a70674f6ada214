/* SPDX-License-Identifier: MIT */
/* Means of squares against plain arithmetic, and which factor is taken. */
#include "viewer/shrink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GUARD 0xa5

static int mean(const uint8_t *from, int stride, int x, int y, int factor)
{
    int sum = 0;
    for (int j = 0; j < factor; j++)
        for (int i = 0; i < factor; i++)
            sum += from[(y * factor + j) * stride + x * factor + i];
    return (sum + factor * factor / 2) / (factor * factor);
}

/* Noise with both ends of the range in it; the byte behind each row must stay. */
static void check(int width, int height, int factor)
{
    const int from_stride = width * factor + 5, to_stride = width + 1;
    uint8_t *from = malloc((size_t)(from_stride * height * factor));
    uint8_t *to = malloc((size_t)(to_stride * height));
    uint32_t seed = (uint32_t)(width * 31 + height * 7 + factor);
    for (int i = 0; i < from_stride * height * factor; i++) {
        seed = seed * 1664525 + 1013904223;
        from[i] = (uint8_t)(i % 11 == 0 ? 255 : i % 13 == 0 ? 0 : seed >> 24);
    }
    for (int i = 0; i < width * factor; i++) /* the largest sum there is */
        for (int j = 0; j < factor; j++)
            from[j * from_stride + i] = 255;
    memset(to, GUARD, (size_t)(to_stride * height));
    sl_shrink_plane(from, from_stride, to, to_stride, width, height, factor);
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++)
            assert_int_equal(to[y * to_stride + x], mean(from, from_stride, x, y, factor));
        assert_int_equal(to[y * to_stride + width], GUARD);
    }
    free(from);
    free(to);
}

static void takes_the_mean(void **state)
{
    (void)state;
    static const int widths[] = {1, 2, 3, 7, 15, 16, 17, 80, 160, 163};
    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++)
        for (int factor = 2; factor <= 4; factor += 2) {
            check(widths[i], 1, factor);
            check(widths[i], 5, factor);
        }
}

static void takes_the_largest_factor_that_fits(void **state)
{
    (void)state;
    assert_int_equal(sl_shrink_factor(640, 360, 160, 90), 4);
    assert_int_equal(sl_shrink_factor(640, 360, 162, 90), 2);
    assert_int_equal(sl_shrink_factor(640, 360, 320, 180), 2);
    assert_int_equal(sl_shrink_factor(640, 360, 240, 134), 2);
    assert_int_equal(sl_shrink_factor(640, 360, 426, 240), 1);
    assert_int_equal(sl_shrink_factor(640, 360, 1280, 720), 1);
    assert_int_equal(sl_shrink_factor(1920, 1080, 160, 90), 4);
    assert_int_equal(sl_shrink_factor(320, 180, 80, 44), 2);   /* 90 rows of chroma */
    assert_int_equal(sl_shrink_factor(642, 362, 100, 100), 1); /* 321 columns of chroma */
    assert_int_equal(sl_shrink_factor(644, 364, 100, 100), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_mean),
        cmocka_unit_test(takes_the_largest_factor_that_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
