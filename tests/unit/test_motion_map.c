/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "rtp/motion_map.h"

#define WIDTH 320
#define HEIGHT 180

static uint8_t picture[HEIGHT][WIDTH];

static void fill(void *ctx, int x, int y, int width, int height)
{
    assert_ptr_equal(ctx, picture);
    assert_true(x >= 0 && y >= 0 && width > 0 && height > 0);
    assert_true(x + width <= WIDTH && y + height <= HEIGHT);
    for (int row = y; row < y + height; row++)
        memset(&picture[row][x], 1, (size_t)width);
}

static int count(int left, int top, int right, int bottom)
{
    int pixels = 0;
    for (int y = top; y < bottom; y++)
        for (int x = left; x < right; x++)
            pixels += picture[y][x];
    return pixels;
}

static void outline(const struct sl_motion_map *map, int thickness)
{
    memset(picture, 0, sizeof(picture));
    sl_motion_map_outline(map, WIDTH, HEIGHT, thickness, fill, picture);
}

static void cells_are_in_their_places(void **state)
{
    (void)state;
    struct sl_motion_map map = {0};
    for (int row = 0; row < SL_MOTION_ROWS; row++)
        for (int column = 0; column < SL_MOTION_COLUMNS; column++) {
            assert_false(sl_motion_map_get(&map, column, row));
            sl_motion_map_set(&map, column, row);
            assert_true(sl_motion_map_get(&map, column, row));
        }
    for (int row = 0; row < SL_MOTION_ROWS; row++)
        assert_int_equal(map.rows[row], UINT32_MAX);
}

static void a_region_has_one_outline(void **state)
{
    (void)state;
    struct sl_motion_map map = {0};
    outline(&map, 2);
    assert_int_equal(count(0, 0, WIDTH, HEIGHT), 0);
    /* 3 x 2 cells of 10 x 10 pixels, at 40, 30. */
    for (int i = 0; i < 6; i++)
        sl_motion_map_set(&map, 4 + i % 3, 3 + i / 3);
    outline(&map, 2);
    assert_int_equal(count(0, 0, WIDTH, HEIGHT), 30 * 20 - 26 * 16);
    assert_int_equal(count(40, 30, 70, 50), 30 * 20 - 26 * 16);
    assert_int_equal(count(42, 32, 68, 48), 0);
}

static void all_and_corners_stay_within(void **state)
{
    (void)state;
    struct sl_motion_map map;
    memset(&map, 0xff, sizeof(map));
    outline(&map, 1);
    assert_int_equal(count(0, 0, WIDTH, HEIGHT), 2 * WIDTH + 2 * HEIGHT - 4);
    map = (struct sl_motion_map){0};
    sl_motion_map_set(&map, 31, 17);
    outline(&map, 1);
    assert_int_equal(count(310, 170, WIDTH, HEIGHT), 36);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_are_in_their_places),
        cmocka_unit_test(a_region_has_one_outline),
        cmocka_unit_test(all_and_corners_stay_within),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
