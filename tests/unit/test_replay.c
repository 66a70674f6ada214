/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "srtp/replay.h"

#define NUMBERS 400000

/* Against a list of everything that was ever used. */
static void agrees_with_a_list(void **state)
{
    (void)state;
    static bool used[NUMBERS];
    struct sl_replay replay = {.started = false};
    struct sl_random random;
    sl_random_init_seed(&random, 3);
    memset(used, 0, sizeof(used));
    int64_t highest = -1, middle = 5000;
    int fresh = 0, again = 0, old = 0;
    while (middle < NUMBERS - 5000) {
        /* Mostly a little ahead, sometimes behind, now and then a leap of more than a window. */
        const uint32_t kind = sl_random_range(&random, 0, 999);
        middle += kind == 0 ? 3000 : kind < 400 ? 1 : 0;
        const int64_t number = middle + (int64_t)sl_random_range(&random, 0, 1300) - 1290;
        const enum sl_replay_verdict verdict = sl_replay_check(&replay, number);
        const enum sl_replay_verdict wanted = number > highest ? SL_REPLAY_FRESH
                                              : highest >= 0 && highest - number >= SL_REPLAY_WINDOW
                                                  ? SL_REPLAY_OLD
                                              : used[number] ? SL_REPLAY_USED
                                                             : SL_REPLAY_FRESH;
        assert_int_equal(verdict, wanted);
        assert_int_equal(sl_replay_check(&replay, number), wanted); /* looking changes nothing */
        fresh += verdict == SL_REPLAY_FRESH;
        again += verdict == SL_REPLAY_USED;
        old += verdict == SL_REPLAY_OLD;
        if (verdict != SL_REPLAY_FRESH)
            continue;
        sl_replay_commit(&replay, number);
        used[number] = true;
        highest = number > highest ? number : highest;
        assert_int_equal(replay.highest, highest);
        assert_int_equal(sl_replay_check(&replay, number), SL_REPLAY_USED);
    }
    assert_true(fresh > 1000 && again > 1000 && old > 1000);
}

static void numbers_are_extended_to_the_nearest(void **state)
{
    (void)state;
    struct sl_replay replay = {.started = false};
    assert_int_equal(sl_replay_extend(&replay, 65535), 65535); /* the first as it is */
    sl_replay_commit(&replay, 65535);
    assert_int_equal(sl_replay_extend(&replay, 0), 65536);
    assert_int_equal(sl_replay_extend(&replay, 32766), 65536 + 32766);
    assert_int_equal(sl_replay_extend(&replay, 32768), 32768);
    sl_replay_commit(&replay, 65536 + 10);
    assert_int_equal(sl_replay_extend(&replay, 65000), 65000);
    assert_int_equal(sl_replay_extend(&replay, 11), 65536 + 11);

    replay = (struct sl_replay){.started = false};
    sl_replay_commit(&replay, 100);
    assert_int_equal(sl_replay_extend(&replay, 65500), 65500); /* there is nothing below 0 */
    assert_int_equal(sl_replay_extend(&replay, 0), 0);
}

static void a_resend_may_be_noted_twice(void **state)
{
    (void)state;
    struct sl_replay replay = {.started = false};
    sl_replay_commit(&replay, 7);
    sl_replay_commit(&replay, 900);
    sl_replay_commit(&replay, 7);
    assert_int_equal(replay.highest, 900);
    assert_int_equal(sl_replay_check(&replay, 7), SL_REPLAY_USED);
    assert_int_equal(sl_replay_check(&replay, 8), SL_REPLAY_FRESH);
    sl_replay_commit(&replay, 7 + SL_REPLAY_WINDOW);
    assert_int_equal(sl_replay_check(&replay, 7), SL_REPLAY_OLD);
    assert_int_equal(sl_replay_check(&replay, 8), SL_REPLAY_FRESH);
    assert_int_equal(sl_replay_check(&replay, 900), SL_REPLAY_USED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_list),
        cmocka_unit_test(numbers_are_extended_to_the_nearest),
        cmocka_unit_test(a_resend_may_be_noted_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
