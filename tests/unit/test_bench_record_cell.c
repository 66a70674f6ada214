/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench/record_cell.h"

static const struct sl_record_cell fine = {.recording = true,
                                           .cameras = 2,
                                           .published = 100,
                                           .frames = 20,
                                           .recorded = {.files = 3, .closed = 3, .frames = 20}};

static void everything_is_relayed_and_recorded(void **state)
{
    (void)state;
    assert_true(sl_record_cell_clean(&fine));
    struct sl_record_cell cell = fine;
    cell.repaired = cell.receiver_drops = 5; /* it came all the same */
    assert_true(sl_record_cell_clean(&cell));
    cell.lost = 1;
    assert_false(sl_record_cell_clean(&cell));
    cell = fine;
    cell.broken = 1;
    assert_false(sl_record_cell_clean(&cell));
    cell = fine;
    cell.short_of = 1;
    assert_false(sl_record_cell_clean(&cell));
    cell = fine;
    cell.left_out = 1;
    assert_false(sl_record_cell_clean(&cell));
    cell = fine;
    cell.recorded.bad = 1;
    assert_false(sl_record_cell_clean(&cell));
    cell = fine;
    cell.recorded.closed--;
    assert_false(sl_record_cell_clean(&cell));
    cell = fine;
    cell.recorded = (struct sl_recorded){0};
    assert_false(sl_record_cell_clean(&cell));
    cell.recording = false; /* then there is nothing to find */
    assert_true(sl_record_cell_clean(&cell));
    cell.published = 0;
    assert_false(sl_record_cell_clean(&cell));
}

static void threads_have_their_place(void **state)
{
    (void)state;
    assert_int_equal(sl_record_group_of("sightline-recei", true), SL_RECORD_HUB);
    assert_int_equal(sl_record_group_of("record", false), SL_RECORD_RECORD);
    assert_int_equal(sl_record_group_of("sync", false), SL_RECORD_SYNC);
    assert_int_equal(sl_record_group_of("store", false), SL_RECORD_STORE);
    assert_int_equal(sl_record_group_of("http", false), SL_RECORD_OTHER);
    assert_int_equal(sl_record_group_of("hub", false), SL_RECORD_OTHER); /* by place, not by name */
    assert_string_equal(sl_record_group_name(SL_RECORD_OTHER), "others");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_relayed_and_recorded),
        cmocka_unit_test(threads_have_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
