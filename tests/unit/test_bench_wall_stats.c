/* SPDX-License-Identifier: MIT */
/* The viewer's lines of figures, read and summed up. */
#include "bench/wall_stats.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void reads_a_line(void **state)
{
    (void)state;
    struct sl_wall_line line;
    assert_true(sl_wall_line_read(
        "stats yard live shown 29.5/s decoded 30.0/s age 7.1 ms max 9.3 ms lost 4 repaired 5 rtt "
        "0.2 ms late 6 dropped 7 eased 8",
        &line));
    assert_string_equal(line.name, "yard");
    assert_string_equal(line.state, "live");
    assert_float_equal(line.shown, 29.5, 1e-9);
    assert_float_equal(line.decoded, 30, 1e-9);
    assert_float_equal(line.age_ms, 7.1, 1e-9);
    assert_float_equal(line.age_max_ms, 9.3, 1e-9);
    assert_true(line.lost == 4 && line.dropped == 7 && line.eased == 8);
}

static void reads_unknown_ages(void **state)
{
    (void)state;
    struct sl_wall_line line;
    assert_true(sl_wall_line_read("stats gate connecting shown 0.0/s decoded 0.0/s age - max - "
                                  "lost 0 repaired 0 rtt 0.0 ms late 0 dropped 0 eased 0",
                                  &line));
    assert_string_equal(line.state, "connecting");
    assert_true(isnan(line.age_ms) && isnan(line.age_max_ms));
}

static void refuses_what_is_no_line(void **state)
{
    (void)state;
    static const char *const others[] = {
        "",
        "live yard",
        "stats",
        "stats yard live shown",
        "stats yard live shown 1/s decoded 2/s",
        "stats yard live shown 1/s decoded 2/s age",
        "stats yard live shown 1/s decoded 2/s age x ms max 2 ms lost 0",
        "stats yard live shown 1/s decoded 2/s age 1 ms max 2 s lost 0",
        "stats yard live shown 1/s decoded 2/s age 1 ms max 2 ms lost 0 repaired 0",
        "stats yard live shown nan/s decoded 2/s age - max - lost 0 repaired 0 rtt 0.0 ms late 0 "
        "dropped 0",
    };
    struct sl_wall_line line = {.shown = -1};
    for (size_t i = 0; i < SL_COUNT(others); i++)
        assert_false(sl_wall_line_read(others[i], &line));
    assert_float_equal(line.shown, -1, 0);
}

static struct sl_wall_line line_of(const char *name, double shown, double age,
                                   unsigned long long dropped)
{
    struct sl_wall_line line = {.state = "live",
                                .shown = shown,
                                .decoded = 30,
                                .age_ms = age,
                                .age_max_ms = 2 * age,
                                .dropped = dropped,
                                .eased = 2 * dropped};
    snprintf(line.name, sizeof(line.name), "%s", name);
    return line;
}

static void sums_up_tiles_and_periods(void **state)
{
    (void)state;
    struct sl_wall_sum *sum = calloc(1, sizeof(*sum));
    const struct sl_wall_line lines[] = {
        line_of("yard", 30, 5, 11),
        line_of("gate", 20, NAN, 0),
        line_of("yard", 28, 7, 13),
        line_of("gate", 24, 6, 0),
    };
    const struct sl_wall_line before = line_of("yard", 3, 500, 10);
    sl_wall_sum_begin(sum, &before);
    for (size_t i = 0; i < SL_COUNT(lines); i++)
        sl_wall_sum_add(sum, &lines[i]);
    struct sl_wall_figures figures;
    sl_wall_sum_up(sum, &figures);
    assert_float_equal(figures.shown_min, 22, 1e-9);
    assert_float_equal(figures.shown_mean, 25.5, 1e-9);
    assert_float_equal(figures.decoded_mean, 30, 1e-9);
    assert_float_equal(figures.age_p50_ms, 6, 1e-9);
    assert_float_equal(figures.age_p99_ms, 7, 1e-9);
    assert_float_equal(figures.age_max_ms, 14, 1e-9);
    assert_float_equal(figures.dropped, 3, 1e-9);
    assert_float_equal(figures.eased, 6, 1e-9);
    free(sum);
}

static void holds_no_more_than_it_has_room_for(void **state)
{
    (void)state;
    struct sl_wall_sum *sum = calloc(1, sizeof(*sum));
    for (int period = 0; period < 100; period++) {
        for (int tile = 0; tile < SL_WALL_TILES_MAX + 1; tile++) {
            char name[16];
            snprintf(name, sizeof(name), "c%d", tile);
            const struct sl_wall_line line = line_of(name, tile < SL_WALL_TILES_MAX ? 30 : 0, 5, 0);
            sl_wall_sum_add(sum, &line);
        }
    }
    assert_int_equal(sum->tiles, SL_WALL_TILES_MAX);
    assert_int_equal(sum->ages, SL_WALL_PERIODS_MAX);
    struct sl_wall_figures figures;
    sl_wall_sum_up(sum, &figures);
    assert_float_equal(figures.shown_min, 30, 1e-9);
    memset(sum, 0, sizeof(*sum));
    sl_wall_sum_up(sum, &figures);
    assert_true(figures.shown_min == 0 && isnan(figures.age_p50_ms) && isnan(figures.age_max_ms));
    free(sum);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_line),
        cmocka_unit_test(reads_unknown_ages),
        cmocka_unit_test(refuses_what_is_no_line),
        cmocka_unit_test(sums_up_tiles_and_periods),
        cmocka_unit_test(holds_no_more_than_it_has_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
