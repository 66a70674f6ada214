/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench/relay_cell.h"

static const struct sl_relay_cell fine = {
    .cameras = 2,
    .viewers = 3,
    .published = 100,
    .wanted = 300,
    .received = 300,
    .delays.p99 = 4 * SL_MS,
    .receiver_cores = 0.5,
    .load_cores = 0.5,
};

static void nothing_may_be_lost_on_any_way(void **state)
{
    (void)state;
    assert_true(sl_relay_cell_clean(&fine));
    assert_string_equal(sl_relay_cell_limit(&fine), "");
    struct sl_relay_cell cell = fine;
    cell.lost = 1;
    assert_false(sl_relay_cell_clean(&cell));
    cell = fine;
    cell.repaired = 1; /* it was lost at first */
    assert_false(sl_relay_cell_clean(&cell));
    cell = fine;
    cell.broken = 1;
    assert_false(sl_relay_cell_clean(&cell));
    cell = fine;
    cell.delays.p99 = SL_SEC; /* a queue that grows */
    assert_false(sl_relay_cell_clean(&cell));
    assert_string_equal(sl_relay_cell_limit(&cell), "machine");
    cell = (struct sl_relay_cell){.cameras = 2, .viewers = 3};
    assert_false(sl_relay_cell_clean(&cell));
    assert_string_equal(sl_relay_cell_limit(&cell), "connecting");
}

static void says_who_was_at_its_end(void **state)
{
    (void)state;
    struct sl_relay_cell cell = fine;
    cell.receiver_drops = 1;
    assert_false(sl_relay_cell_clean(&cell));
    assert_string_equal(sl_relay_cell_limit(&cell), "machine"); /* it had time left */
    cell.receiver_cores = 0.8;
    assert_string_equal(sl_relay_cell_limit(&cell), "receiver");
    cell.load_drops = 5; /* follows from it */
    assert_string_equal(sl_relay_cell_limit(&cell), "receiver");
    cell = fine;
    cell.load_drops = 1;
    assert_false(sl_relay_cell_clean(&cell));
    assert_string_equal(sl_relay_cell_limit(&cell), "machine");
    cell.load_cores = 0.8;
    assert_string_equal(sl_relay_cell_limit(&cell), "load");
    cell = fine;
    cell.late_ticks = 1;
    assert_string_equal(sl_relay_cell_limit(&cell), ""); /* and nothing came of it */
    cell.delays.p99 = SL_SEC;
    cell.load_cores = 0.8;
    assert_string_equal(sl_relay_cell_limit(&cell), "load");
    cell = fine;
    cell.receiver_cores = 0.99;
    assert_string_equal(sl_relay_cell_limit(&cell), "receiver");
    cell.load_cores = 1;
    assert_string_equal(sl_relay_cell_limit(&cell), "load");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_may_be_lost_on_any_way),
        cmocka_unit_test(says_who_was_at_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
