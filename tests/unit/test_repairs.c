/* SPDX-License-Identifier: MIT */
#include "session/repairs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct sl_repairs counts(uint64_t expected, uint64_t by_fec, uint64_t given_up)
{
    return (struct sl_repairs){.expected = expected, .by_fec = by_fec, .given_up = given_up};
}

static void test_what_a_session_counts(void **state)
{
    (void)state;
    const struct sl_session_media_stats media = {.expected = 1000,
                                                 .received = 940,
                                                 .repaired_fec = 40,
                                                 .repaired_resend = 15,
                                                 .repaired = 55,
                                                 .missing = 2,
                                                 .given_up = 3,
                                                 .late = 4,
                                                 .bytes = 900000,
                                                 .sent_bytes = 800000,
                                                 .fec_bytes = 100000,
                                                 .resent_bytes = 20000};
    const struct sl_repairs r = sl_repairs_of(&media);
    assert_int_equal(sl_repairs_lost(&r), 58); /* what is missing may be on its way */
    assert_int_equal(r.late, 4);
    assert_int_equal(r.bytes, 900000);
    assert_float_equal(sl_repairs_loss_percent(&r), 5.8, 1e-9);
    assert_float_equal(sl_repairs_overhead_percent(&r), 15, 1e-9);
}

static void test_nothing_came(void **state)
{
    (void)state;
    const struct sl_repairs r = {.given_up = 7, .repair_bytes = 100};
    assert_float_equal(sl_repairs_loss_percent(&r), 0, 0);
    assert_float_equal(sl_repairs_overhead_percent(&r), 0, 0);
}

static void test_a_span(void **state)
{
    (void)state;
    const struct sl_repairs then = {.expected = 100,
                                    .by_fec = 5,
                                    .by_resend = 2,
                                    .late = 1,
                                    .given_up = 3,
                                    .bytes = 10,
                                    .media_bytes = 20,
                                    .repair_bytes = 30};
    struct sl_repairs now = {.expected = 300,
                             .by_fec = 15,
                             .by_resend = 4,
                             .late = 2,
                             .given_up = 4,
                             .bytes = 110,
                             .media_bytes = 220,
                             .repair_bytes = 330};
    const struct sl_repairs of = sl_repairs_since(&now, &then);
    assert_int_equal(of.expected, 200);
    assert_int_equal(sl_repairs_lost(&of), 10 + 2 + 1);
    assert_int_equal(of.late, 1);
    assert_int_equal(of.bytes, 100);
    assert_int_equal(of.media_bytes, 200);
    assert_int_equal(of.repair_bytes, 300);
    now.given_up = 1; /* two came after all */
    assert_int_equal(sl_repairs_since(&now, &then).given_up, 0);
    const struct sl_repairs more_than_expected = counts(10, 11, 0);
    assert_float_equal(sl_repairs_loss_percent(&more_than_expected), 100, 0);
}

static void test_the_sum_goes_on_over_sessions(void **state)
{
    (void)state;
    struct sl_repairs_total total = {.session = 0};
    const struct {
        uint64_t session;
        struct sl_repairs now;
        uint64_t expected, lost;
    } looks[] = {
        {0, counts(0, 0, 0), 0, 0},       /* not connected yet */
        {1, counts(100, 2, 1), 100, 3},   /* the first session */
        {1, counts(200, 4, 1), 200, 5},   /* it goes on */
        {1, counts(0, 0, 0), 200, 5},     /* it is gone */
        {1, counts(0, 0, 0), 200, 5},     /* still */
        {2, counts(50, 1, 0), 250, 6},    /* the second */
        {3, counts(500, 20, 5), 750, 31}, /* the third has counted more since the last look */
        {3, counts(600, 21, 5), 850, 32},
    };
    for (size_t i = 0; i < SL_COUNT(looks); i++) {
        const struct sl_repairs sum = sl_repairs_sum(&total, &looks[i].now, looks[i].session);
        assert_int_equal(sum.expected, looks[i].expected);
        assert_int_equal(sl_repairs_lost(&sum), looks[i].lost);
    }
}

/* One that was given up and comes after all is no new session. */
static void test_given_up_may_fall(void **state)
{
    (void)state;
    struct sl_repairs_total total = {.session = 0};
    const struct sl_repairs before = counts(100, 0, 5), after = counts(101, 1, 4);
    (void)sl_repairs_sum(&total, &before, 1);
    const struct sl_repairs sum = sl_repairs_sum(&total, &after, 1);
    assert_int_equal(sum.expected, 101);
    assert_int_equal(sum.given_up, 4);
    assert_int_equal(sl_repairs_lost(&sum), 5);
}

static void test_every_member_is_summed(void **state)
{
    (void)state;
    struct sl_repairs_total total = {.session = 0};
    const struct sl_repairs one = {1, 1, 1, 1, 1, 1, 1, 1};
    _Static_assert(sizeof(one) == 8 * sizeof(uint64_t), "a new member is looked at here as well");
    (void)sl_repairs_sum(&total, &one, 1);
    const struct sl_repairs sum = sl_repairs_sum(&total, &one, 2);
    uint64_t members[8];
    memcpy(members, &sum, sizeof(members));
    for (int i = 0; i < 8; i++)
        assert_int_equal(members[i], 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_session_counts),
        cmocka_unit_test(test_nothing_came),
        cmocka_unit_test(test_a_span),
        cmocka_unit_test(test_the_sum_goes_on_over_sessions),
        cmocka_unit_test(test_given_up_may_fall),
        cmocka_unit_test(test_every_member_is_summed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
