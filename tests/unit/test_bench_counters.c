/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench/counters.h"

static void differences_and_sums(void **state)
{
    (void)state;
    struct sl_counters then = sl_counters_unknown(), now = then;
    assert_true(isnan(then.seconds) && isnan(then.frames_lost) && isnan(then.sent_bytes));
    then.seconds = 10;
    then.sent_bytes = 1000;
    then.frames_lost = 5;
    then.resent = 7;
    now.seconds = 12;
    now.sent_bytes = 1500;
    now.frames_lost = 5;
    now.resent = 3; /* a new connection */
    now.decoded = 9;
    const struct sl_counters since = sl_counters_since(&now, &then);
    assert_true(since.seconds == 2 && since.sent_bytes == 500 && since.frames_lost == 0);
    assert_true(isnan(since.resent) && isnan(since.decoded) && isnan(since.media_bytes));
    const struct sl_counters sum = sl_counters_sum(&since, &now);
    assert_true(sum.seconds == 14 && sum.sent_bytes == 2000 && sum.frames_lost == 5);
    assert_true(isnan(sum.resent) && isnan(sum.decoded));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(differences_and_sums)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
