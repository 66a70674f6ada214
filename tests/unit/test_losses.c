/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "session/losses.h"

#define START (1000 * SL_SEC)

static void neighbours_are_one_run_in_whatever_order(void **state)
{
    (void)state;
    struct sl_losses losses = {0};
    sl_losses_add(&losses, 65536, START);
    assert_int_equal(losses.runs, 1);
    sl_losses_add(&losses, 65538, START);
    assert_int_equal(losses.runs, 2);
    sl_losses_add(&losses, 65537, START); /* two become one */
    assert_int_equal(losses.runs, 1);
    assert_int_equal(losses.lost, 3);
    assert_int_equal(sl_losses_burst(&losses, START), 3);
    sl_losses_add(&losses, 65535, START);
    assert_int_equal(losses.runs, 1);
    sl_losses_add(&losses, 65533, START);
    assert_int_equal(losses.runs, 2);
}

static void bursts_are_forgotten(void **state)
{
    (void)state;
    struct sl_losses losses = {0};
    for (int64_t seq = 1; seq <= 4; seq++)
        sl_losses_add(&losses, seq, START);
    assert_int_equal(sl_losses_burst(&losses, START + 400 * SL_MS), 4);
    sl_losses_add(&losses, 10, START + 600 * SL_MS);
    assert_int_equal(sl_losses_burst(&losses, START + 900 * SL_MS), 4);
    assert_int_equal(sl_losses_burst(&losses, START + 1200 * SL_MS), 1);
    assert_int_equal(sl_losses_burst(&losses, START + 3 * SL_SEC), 0);
}

/* Against a list of flags. */
static void counts_what_a_list_counts(void **state)
{
    (void)state;
    static bool lost[5002];
    struct sl_random random;
    struct sl_losses losses = {0};
    uint32_t count = 0, runs = 0;
    memset(lost, 0, sizeof(lost));
    sl_random_init_seed(&random, 3);
    for (int64_t seq = 1; seq <= 5000; seq++) {
        /* Mostly upwards, some of them late by up to 500. */
        const int64_t at = seq > 600 ? seq - sl_random_range(&random, 0, 500) : seq;
        if (lost[at] || sl_random_unit(&random) > 0.3)
            continue;
        lost[at] = true;
        sl_losses_add(&losses, at, START);
    }
    for (int64_t seq = 1; seq <= 5000; seq++) {
        count += lost[seq];
        runs += lost[seq] && !lost[seq - 1];
    }
    assert_true(count > 1000);
    assert_int_equal(losses.lost, count);
    assert_int_equal(losses.runs, runs);
}

static void a_jump_forgets_what_was_before(void **state)
{
    (void)state;
    struct sl_losses losses = {0};
    sl_losses_add(&losses, 5, START);
    sl_losses_add(&losses, 5 + SL_LOSSES_WINDOW, START); /* in the same slot */
    sl_losses_add(&losses, 6 + SL_LOSSES_WINDOW, START);
    assert_int_equal(losses.runs, 2);
    sl_losses_add(&losses, 4, START); /* too old to have neighbours */
    assert_int_equal(losses.runs, 3);
    assert_int_equal(losses.lost, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_are_one_run_in_whatever_order),
        cmocka_unit_test(bursts_are_forgotten),
        cmocka_unit_test(counts_what_a_list_counts),
        cmocka_unit_test(a_jump_forgets_what_was_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
