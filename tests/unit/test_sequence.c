/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rtp/sequence.h"

static void unwraps_forward_and_back(void **state)
{
    (void)state;
    struct sl_unwrap u = {0};
    assert_int_equal(sl_unwrap_next(&u, 65534), 65534);
    assert_int_equal(sl_unwrap_next(&u, 1), 65537);
    assert_int_equal(sl_unwrap_peek(&u, 65535), 65535);
    assert_int_equal(sl_unwrap_next(&u, 65535), 65535);
    assert_int_equal(u.highest, 65537);
    assert_int_equal(sl_unwrap_next(&u, 2), 65538);
}

static void unwraps_below_zero(void **state)
{
    (void)state;
    struct sl_unwrap u = {0};
    assert_int_equal(sl_unwrap_next(&u, 3), 3);
    assert_int_equal(sl_unwrap_next(&u, 65530), -6);
    assert_int_equal(u.highest, 3);
}

static void follows_many_wraps(void **state)
{
    (void)state;
    struct sl_unwrap u = {0};
    for (int64_t seq = 100; seq < 5 * 65536; seq += 77)
        assert_int_equal(sl_unwrap_next(&u, (uint16_t)seq), seq);
}

static void reports_loss(void **state)
{
    (void)state;
    struct sl_reception r;
    sl_reception_init(&r, 90000);
    assert_int_equal(sl_reception_report(&r).highest, 0);
    for (int64_t seq = 65530; seq < 65630; seq++)
        if (seq % 4 != 0) /* 25 of 100 */
            sl_reception_update(&r, seq, (uint32_t)(seq * 3000), (seq - 65530) * 33333333);
    struct sl_reception_report report = sl_reception_report(&r);
    assert_int_equal(report.highest, 65629);
    assert_int_equal(report.cumulative_lost, 25);
    assert_int_equal(report.fraction_lost, 64);
    for (int64_t seq = 65630; seq < 65730; seq++)
        sl_reception_update(&r, seq, 0, 0);
    report = sl_reception_report(&r);
    assert_int_equal(report.cumulative_lost, 25);
    assert_int_equal(report.fraction_lost, 0);
    for (int i = 0; i < 50; i++) /* duplicates */
        sl_reception_update(&r, 65729, 0, 0);
    report = sl_reception_report(&r);
    assert_int_equal(report.cumulative_lost, -25);
    assert_int_equal(report.fraction_lost, 0);
}

static void an_overtaken_first_packet_counts(void **state)
{
    (void)state;
    struct sl_reception r;
    sl_reception_init(&r, 90000);
    sl_reception_update(&r, 11, 0, 0);
    sl_reception_update(&r, 10, 0, 0);
    assert_int_equal(sl_reception_report(&r).cumulative_lost, 0);
}

static void clamps_the_loss_to_24_bits(void **state)
{
    (void)state;
    struct sl_reception r;
    sl_reception_init(&r, 90000);
    sl_reception_update(&r, 0, 0, 0);
    sl_reception_update(&r, 0x2000000, 0, 0);
    assert_int_equal(sl_reception_report(&r).cumulative_lost, 0x7fffff);
}

static void measures_jitter_across_the_timestamp_wrap(void **state)
{
    (void)state;
    struct sl_reception r;
    sl_reception_init(&r, 90000);
    uint32_t timestamp = UINT32_MAX - 5000;
    for (int i = 0; i < 3000; i++, timestamp += 3000) {
        /* Every second packet 1 ms (90 ticks) late: the mean change is 90. */
        sl_reception_update(&r, i, timestamp, i * (SL_SEC / 30) + (i % 2) * SL_MS);
    }
    const uint32_t jitter = sl_reception_report(&r).jitter;
    assert_in_range(jitter, 88, 92);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unwraps_forward_and_back),
        cmocka_unit_test(unwraps_below_zero),
        cmocka_unit_test(follows_many_wraps),
        cmocka_unit_test(reports_loss),
        cmocka_unit_test(an_overtaken_first_packet_counts),
        cmocka_unit_test(clamps_the_loss_to_24_bits),
        cmocka_unit_test(measures_jitter_across_the_timestamp_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
