/* SPDX-License-Identifier: MIT */
#include "viewer/wall.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct sl_wall wall_of(int tiles)
{
    return (struct sl_wall){.width = 1280, .height = 720, .tiles = tiles};
}

static void assert_rect(struct sl_rect rect, int x, int y, int width, int height)
{
    assert_int_equal(rect.x, x);
    assert_int_equal(rect.y, y);
    assert_int_equal(rect.width, width);
    assert_int_equal(rect.height, height);
}

static void test_one_tile_has_the_window(void **state)
{
    (void)state;
    const struct sl_wall wall = wall_of(1);
    struct sl_rect cell;
    assert_true(sl_wall_cell(&wall, 0, &cell));
    assert_rect(cell, 0, 0, 1280, 720);
    assert_rect(sl_wall_fit(&cell, 1280, 720), 0, 0, 1280, 720);
    assert_rect(sl_wall_fit(&cell, 640, 360), 0, 0, 1280, 720);
    assert_rect(sl_wall_fit(&cell, 768, 576), 160, 0, 960, 720);
    assert_rect(sl_wall_fit(&cell, 360, 720), 460, 0, 360, 720);
    assert_rect(sl_wall_fit(&cell, 1280, 360), 0, 180, 1280, 360);
    /* 1366x768 is 16:9 to within 1 %: no border. */
    const struct sl_rect odd = {0, 0, 1366, 768};
    assert_rect(sl_wall_fit(&odd, 1280, 720), 0, 0, 1366, 768);
}

static void test_automatic_grids(void **state)
{
    (void)state;
    const struct {
        int tiles, rows, columns;
    } expected[] = {{0, 1, 1}, {1, 1, 1}, {2, 2, 1},  {3, 2, 2},
                    {4, 2, 2}, {9, 3, 3}, {16, 4, 4}, {64, 8, 8}};
    for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
        const struct sl_wall wall = wall_of(expected[i].tiles);
        int rows, columns;
        sl_wall_grid(&wall, &rows, &columns);
        assert_int_equal(rows, expected[i].rows);
        assert_int_equal(columns, expected[i].columns);
    }
    struct sl_wall wide = wall_of(2);
    wide.height = 300;
    int rows, columns;
    sl_wall_grid(&wide, &rows, &columns);
    assert_int_equal(rows, 1);
    assert_int_equal(columns, 2);
}

/* Every pixel of the window belongs to exactly one cell of a full grid. */
static void test_cells_part_the_window(void **state)
{
    (void)state;
    for (int rows = 1; rows <= 5; rows++) {
        for (int columns = 1; columns <= 5; columns++) {
            const struct sl_wall wall = {.width = 101,
                                         .height = 67,
                                         .rows = rows,
                                         .columns = columns,
                                         .tiles = rows * columns};
            uint8_t seen[67][101];
            memset(seen, 0, sizeof(seen));
            for (int tile = 0; tile < wall.tiles; tile++) {
                struct sl_rect cell;
                assert_true(sl_wall_cell(&wall, tile, &cell));
                for (int y = cell.y; y < cell.y + cell.height; y++)
                    for (int x = cell.x; x < cell.x + cell.width; x++)
                        seen[y][x]++;
                assert_int_equal(sl_wall_at(&wall, cell.x, cell.y), tile);
                assert_int_equal(
                    sl_wall_at(&wall, cell.x + cell.width - 1, cell.y + cell.height - 1), tile);
            }
            for (int y = 0; y < 67; y++)
                for (int x = 0; x < 101; x++)
                    assert_int_equal(seen[y][x], 1);
        }
    }
}

static void test_fit_stays_inside_and_keeps_the_ratio(void **state)
{
    (void)state;
    srand(7);
    for (int i = 0; i < 20000; i++) {
        const struct sl_rect cell = {rand() % 50, rand() % 50, 2 + rand() % 900, 2 + rand() % 900};
        const int width = 2 + rand() % 2000, height = 2 + rand() % 2000;
        const struct sl_rect fit = sl_wall_fit(&cell, width, height);
        assert_true(fit.width >= 2 && fit.height >= 2);
        assert_int_equal(fit.width % 2 + fit.height % 2, 0);
        assert_true(fit.x >= cell.x && fit.x + fit.width <= cell.x + cell.width);
        assert_true(fit.y >= cell.y && fit.y + fit.height <= cell.y + cell.height);
        assert_true(fit.width >= (cell.width & ~1) || fit.height >= (cell.height & ~1));
        if (fit.width > 100 && fit.height > 100) {
            const double ratio = (double)fit.width * height / ((double)fit.height * width);
            assert_true(ratio > 0.97 && ratio < 1.03);
        }
    }
}

static void test_enlarged_and_pages(void **state)
{
    (void)state;
    struct sl_wall wall = wall_of(6);
    struct sl_rect cell;
    wall.selected = 4;
    wall.enlarged = true;
    for (int tile = 0; tile < 6; tile++)
        assert_int_equal(sl_wall_cell(&wall, tile, &cell), tile == 4);
    assert_true(sl_wall_cell(&wall, 4, &cell));
    assert_rect(cell, 0, 0, 1280, 720);
    wall.enlarged = false;
    wall.rows = wall.columns = 2;
    wall.selected = 0;
    for (int tile = 0; tile < 6; tile++)
        assert_int_equal(sl_wall_cell(&wall, tile, &cell), tile < 4);
    wall.selected = 5;
    for (int tile = 0; tile < 6; tile++)
        assert_int_equal(sl_wall_cell(&wall, tile, &cell), tile >= 4);
    assert_int_equal(sl_wall_at(&wall, 10, 10), 4);
    assert_int_equal(sl_wall_at(&wall, 1270, 710), -1);
    assert_false(sl_wall_cell(&wall, 6, &cell));
    assert_false(sl_wall_cell(&wall, -1, &cell));
}

static void test_steps(void **state)
{
    (void)state;
    struct sl_wall wall = wall_of(5); /* 3 columns: 0 1 2 / 3 4 */
    wall.rows = 2;
    wall.columns = 3;
    const struct {
        int from;
        enum sl_wall_step step;
        int to;
    } expected[] = {
        {0, SL_WALL_LEFT, 0}, {0, SL_WALL_RIGHT, 1}, {0, SL_WALL_UP, 0},   {0, SL_WALL_DOWN, 3},
        {2, SL_WALL_DOWN, 2}, {4, SL_WALL_UP, 1},    {4, SL_WALL_NEXT, 0}, {2, SL_WALL_NEXT, 3},
    };
    for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
        wall.selected = expected[i].from;
        assert_int_equal(sl_wall_step(&wall, expected[i].step), expected[i].to);
    }
    const struct sl_wall empty = wall_of(0);
    assert_int_equal(sl_wall_step(&empty, SL_WALL_NEXT), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_tile_has_the_window),
        cmocka_unit_test(test_automatic_grids),
        cmocka_unit_test(test_cells_part_the_window),
        cmocka_unit_test(test_fit_stays_inside_and_keeps_the_ratio),
        cmocka_unit_test(test_enlarged_and_pages),
        cmocka_unit_test(test_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
