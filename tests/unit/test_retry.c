/* SPDX-License-Identifier: MIT */
/* How long an endpoint waits before it tries again, and when it gives up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "whip/retry.h"

#define DRAWS 200

static struct sl_random rng;

static void check_delay(const struct sl_retry *retry, sl_ns most)
{
    for (int i = 0; i < DRAWS; i++) {
        const sl_ns delay = sl_retry_delay(retry, &rng);
        assert_in_range(delay, most / 2, most);
    }
}

static void waits_grow_to_a_second(void **state)
{
    (void)state;
    struct sl_retry retry = {.limit = -1};
    const sl_ns most[] = {200 * SL_MS, 400 * SL_MS, 800 * SL_MS, SL_SEC, SL_SEC};
    for (int i = 0; i < 5; i++) {
        assert_false(sl_retry_failed(&retry));
        check_delay(&retry, most[i]);
    }
    sl_retry_anew(&retry);
    assert_false(sl_retry_failed(&retry));
    check_delay(&retry, most[0]);
}

static void half_of_it_where_pictures_are_missed(void **state)
{
    (void)state;
    struct sl_retry retry = {.limit = -1};
    sl_retry_lived(&retry);
    for (int i = 0; i < 5; i++)
        assert_false(sl_retry_failed(&retry));
    check_delay(&retry, 500 * SL_MS);
}

static void gives_up_at_the_limit(void **state)
{
    (void)state;
    struct sl_retry retry = {.limit = 3};
    assert_false(sl_retry_failed(&retry));
    assert_false(sl_retry_failed(&retry));
    assert_true(sl_retry_failed(&retry));
}

static void not_live_is_no_failure(void **state)
{
    (void)state;
    struct sl_retry retry = {.limit = 2};
    for (int i = 0; i < DRAWS; i++) {
        assert_false(sl_retry_failed(&retry));
        assert_in_range(sl_retry_not_live(&retry, 1, &rng), 250 * SL_MS, 500 * SL_MS);
        assert_in_range(sl_retry_not_live(&retry, 0, &rng), 50 * SL_MS, 100 * SL_MS);
    }
}

/* Ten times soon, for the camera looks for the receiver as we did. */
static void soon_after_it_was_live(void **state)
{
    (void)state;
    struct sl_retry retry = {.limit = -1};
    for (int round = 0; round < 2; round++) {
        sl_retry_lived(&retry);
        for (int i = 0; i < 10; i++)
            assert_in_range(sl_retry_not_live(&retry, 1, &rng), 100 * SL_MS, 200 * SL_MS);
        assert_in_range(sl_retry_not_live(&retry, 1, &rng), 250 * SL_MS, 500 * SL_MS);
    }
}

static int slow_tries(struct sl_retry *retry)
{
    int slow = 0;
    for (int i = 0; i < 32; i++) {
        slow += !sl_retry_is_quick(retry);
        assert_false(sl_retry_failed(retry));
    }
    return slow;
}

static void quick_where_the_last_connection_was(void **state)
{
    (void)state;
    struct sl_retry retry = {.limit = -1};
    assert_false(sl_retry_is_quick(&retry));
    sl_retry_lived(&retry);
    assert_int_equal(slow_tries(&retry), 2);
    sl_retry_connected(&retry, 600 * SL_MS);
    sl_retry_connected(&retry, 0); /* a connection that was kept */
    assert_int_equal(slow_tries(&retry), 32);
    sl_retry_connected(&retry, 20 * SL_MS);
    assert_int_equal(slow_tries(&retry), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_grow_to_a_second),
        cmocka_unit_test(half_of_it_where_pictures_are_missed),
        cmocka_unit_test(gives_up_at_the_limit),
        cmocka_unit_test(not_live_is_no_failure),
        cmocka_unit_test(soon_after_it_was_live),
        cmocka_unit_test(quick_where_the_last_connection_was),
    };
    sl_random_init_seed(&rng, 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
