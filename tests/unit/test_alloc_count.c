/* SPDX-License-Identifier: MIT */
/* The counter itself: a proof of nothing allocated is worth nothing if it cannot see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "rtp/history.h"
#include "tests/support/alloc_count.h"

static void counts_each_call(void **state)
{
    (void)state;
    void *volatile block = malloc(1);
    uint64_t before = sl_alloc_count();
    block = realloc(block, 10);
    assert_int_equal(sl_alloc_count() - before, 1);
    free(block);
    char *volatile text = strdup("x");
    assert_int_equal(sl_alloc_count() - before, 2);
    free(text);
}

static void sees_into_the_library(void **state)
{
    (void)state;
    const uint64_t before = sl_alloc_count();
    struct sl_history *history = NULL;
    assert_int_equal(sl_history_create(&history, 4), 0);
    assert_int_equal(sl_alloc_count() - before, 1);
    sl_history_destroy(history);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_each_call),
        cmocka_unit_test(sees_into_the_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
