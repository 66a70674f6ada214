/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bench/tally.h"

static void quantiles(void **state)
{
    (void)state;
    sl_ns values[100];
    for (int i = 0; i < 100; i++)
        values[i] = 100 - i;
    sl_sort_times(values, 100);
    assert_int_equal(sl_quantile(values, 100, 0.50), 50);
    assert_int_equal(sl_quantile(values, 100, 0.95), 95);
    assert_int_equal(sl_quantile(values, 100, 0.99), 99);
    assert_int_equal(sl_quantile(values, 100, 0), 1);
    assert_int_equal(sl_quantile(values, 1, 0.99), 1);
}

/* 100 frames, 10 ms apart; every one takes 3 ms but: 40 is lost, 41 takes 9. */
static void ages_and_freezes(void **state)
{
    (void)state;
    struct sl_tally *tally;
    struct sl_tally_result r;
    assert_int_equal(sl_tally_create(&tally, 100), 0);
    assert_int_equal(sl_tally_result(tally, 0, SL_SEC, &r), -ENODATA);
    for (uint32_t i = 0; i < 100; i++) {
        const sl_ns at = (i + 1) * 10 * SL_MS;
        sl_tally_handed(tally, i, at);
        assert_int_equal(sl_tally_handed_count(tally), i + 1);
        if (i != 40)
            assert_true(sl_tally_seen(tally, i, at + (i == 41 ? 9 : 3) * SL_MS));
        assert_false(sl_tally_seen(tally, i > 40 ? i : 0, at + 9 * SL_MS));
    }
    sl_tally_handed(tally, 100, 0); /* no room: ignored */
    assert_int_equal(sl_tally_handed_count(tally), 100);
    assert_false(sl_tally_seen(tally, 5000, 0));

    assert_int_equal(sl_tally_result(tally, 200 * SL_MS, 600 * SL_MS, &r), 0);
    assert_int_equal(r.handed, 40);
    assert_int_equal(r.shown, 39);
    assert_int_equal(r.not_shown, 1);
    assert_int_equal(r.misread, 1);
    assert_int_equal(r.p50, 3 * SL_MS);
    assert_int_equal(r.max, 9 * SL_MS);
    assert_int_equal(r.p99, 9 * SL_MS);
    assert_int_equal(r.freeze, 26 * SL_MS); /* from 403 to 429 ms */
    assert_int_equal((int)(r.shown_per_s * 10 + 0.5), 975);
    assert_int_equal(r.ages[0], 3 * SL_MS);
    assert_int_equal(r.frames[0].number, 19); /* handed over at 200 ms */
    assert_int_equal(r.frames[0].handed, 0);
    assert_int_equal(r.frames[0].seen, 3 * SL_MS);
    assert_int_equal(r.frames[40 - 19].seen, SL_NEVER);
    assert_int_equal(r.frames[39].handed, 390 * SL_MS);
    assert_int_equal(r.before, 0); /* at 193 ms */
    sl_tally_result_free(&r);
    assert_int_equal(sl_tally_result(tally, 201 * SL_MS, 600 * SL_MS, &r), 0);
    assert_int_equal(r.before, 2 * SL_MS);
    sl_tally_result_free(&r);
    /* Nothing new at the end of the window is a freeze, too. */
    assert_int_equal(sl_tally_result(tally, 900 * SL_MS, 1500 * SL_MS, &r), 0);
    assert_int_equal(r.freeze, 1500 * SL_MS - 1003 * SL_MS);
    sl_tally_result_free(&r);
    sl_tally_destroy(tally);
}

static void order(void **state)
{
    (void)state;
    struct sl_tally *tally;
    struct sl_tally_result r;
    assert_int_equal(sl_tally_create(&tally, 10), 0);
    for (uint32_t i = 0; i < 10; i++)
        sl_tally_handed(tally, i, i + 1);
    assert_true(sl_tally_seen(tally, 3, 20));
    assert_false(sl_tally_seen(tally, 2, 21)); /* back in time */
    assert_true(sl_tally_seen(tally, 4, 22));
    assert_int_equal(sl_tally_result(tally, 0, 100, &r), 0);
    assert_int_equal(r.out_of_order, 1);
    assert_int_equal(r.shown, 2);
    assert_int_equal(r.handed, r.shown + r.not_shown);
    sl_tally_result_free(&r);
    sl_tally_destroy(tally);
    sl_tally_destroy(NULL);
    assert_int_equal(sl_tally_create(&tally, 0), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles),
        cmocka_unit_test(ages_and_freezes),
        cmocka_unit_test(order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
