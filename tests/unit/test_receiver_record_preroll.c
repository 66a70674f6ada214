/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "receiver/record_preroll.h"

static struct sl_record_preroll preroll;
static uint8_t data[1 << 20];

/* Ten units a second, a key frame each two, of `bytes` each. */
static void add(int from, int to, size_t bytes)
{
    for (int i = from; i < to; i++)
        sl_record_preroll_add(&preroll, i % 2 == 1, i % 20 == 0, i * SL_SEC / 10, data, bytes,
                              5 * SL_SEC);
}

static void it_begins_with_a_key_frame_and_holds_enough(void **state)
{
    (void)state;
    add(3, 20, 10);
    assert_null(preroll.first); /* nothing before a key frame */
    for (int until = 101; until < 140; until++) {
        add(until == 101 ? 20 : until - 1, until, 10);
        assert_true(preroll.first->key && !preroll.first->sound);
        const sl_ns held = preroll.last->time - preroll.first->time;
        assert_true(held >= 5 * SL_SEC && held <= 8 * SL_SEC);
    }
    struct sl_record_unit *unit;
    sl_ns last = 0;
    int count = 0;
    while ((unit = sl_record_preroll_take(&preroll))) {
        assert_true(unit->time > last);
        last = unit->time;
        count++;
        free(unit);
    }
    assert_in_range(count, 50, 80);
    assert_int_equal(preroll.bytes, 0);
    add(141, 150, 10);
    assert_null(preroll.first);
}

static void it_never_holds_more_than_it_may(void **state)
{
    (void)state;
    preroll = (struct sl_record_preroll){0};
    for (int i = 0; i < 200; i++) {
        add(i, i + 1, sizeof(data)); /* 20 MB a GOP: never two */
        assert_true(preroll.bytes <= SL_RECORD_PREROLL_BYTES);
        assert_true(!preroll.first || preroll.first->key);
    }
    assert_true(preroll.too_many > 0);
    sl_record_preroll_clear(&preroll);
    /* A GOP that is too large alone: up to the next key frame there is nothing. */
    sl_record_preroll_add(&preroll, false, true, 0, data, sizeof(data), SL_SEC);
    for (int i = 1; i < 30; i++)
        sl_record_preroll_add(&preroll, false, false, i, data, sizeof(data), SL_SEC);
    assert_null(preroll.first);
    assert_int_equal(preroll.bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_begins_with_a_key_frame_and_holds_enough),
        cmocka_unit_test(it_never_holds_more_than_it_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
