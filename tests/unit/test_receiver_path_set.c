/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "receiver/path_set.h"

static const char *path_of(char path[64], int i)
{
    snprintf(path, 64, "yard/2026-11-20/14-%02d-00Z-%d.mp4", i % 60, i);
    return path;
}

static void it_has_what_was_added_and_nothing_else(void **state)
{
    (void)state;
    struct sl_path_set set = {0};
    char path[64];
    assert_false(sl_path_set_has(&set, "yard"));
    for (int i = 0; i < 100000; i++)
        assert_int_equal(sl_path_set_add(&set, path_of(path, i)), 1);
    assert_int_equal(sl_path_set_add(&set, path_of(path, 77)), 0);
    assert_int_equal(set.count, 100000);
    for (int i = 0; i < 200000; i++)
        assert_int_equal(sl_path_set_has(&set, path_of(path, i)), i < 100000);
    sl_path_set_fini(&set);
    assert_false(sl_path_set_has(&set, path_of(path, 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(it_has_what_was_added_and_nothing_else)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
