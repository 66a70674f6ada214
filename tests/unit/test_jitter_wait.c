/* SPDX-License-Identifier: MIT */
/* Jitter buffer: what is waited for, for how long, and what is given up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/jitter_rig.h"

static void nothing_comes_out_before_a_key_frame(void **state)
{
    (void)state;
    struct rig rig;
    rig_setup(&rig);
    rig_make(&rig, (struct sl_test_frame){0});
    rig_put_all(&rig);
    rig_expect_wait(&rig);
    assert_true(sl_jitter_due(rig.jitter) == rig.now + 20 * SL_MS);
    rig.now = sl_jitter_due(rig.jitter);
    assert_int_equal(rig_pop(&rig), SL_JITTER_BROKEN); /* it began in the middle: ask */
    rig_expect_wait(&rig);
    rig_make(&rig, (struct sl_test_frame){0});
    rig_put_all(&rig);
    rig_expect_wait(&rig);
    rig_make(&rig, (struct sl_test_frame){.key = true});
    rig_put_all(&rig);
    rig_expect_frame(&rig, 2);
    assert_int_equal(rig_stats(&rig).breaks, 1);
    assert_int_equal(rig_stats(&rig).frames_dropped, 2);
    rig_teardown(&rig);
}

static void the_first_key_frame_waits_for_its_overtaken_start(void **state)
{
    (void)state;
    struct rig rig;
    rig_setup(&rig);
    rig_make(&rig, (struct sl_test_frame){.key = true});
    struct sl_test_video key = rig.video;
    for (size_t i = 0; i < key.count; i++)
        key.packets[i].payload = key.bytes[i];
    for (size_t i = 1; i < key.count; i++)
        rig_put(&rig, i);
    rig_expect_wait(&rig);
    rig_make(&rig, (struct sl_test_frame){0});
    rig_put_all(&rig);
    rig_expect_wait(&rig);
    assert_int_equal(sl_jitter_put(rig.jitter, &key.packets[0], rig.now), SL_JITTER_KEPT);
    rig_expect_frame(&rig, 0);
    assert_true(rig.frame.late);
    rig_expect_frame(&rig, 1);
    assert_false(rig.frame.late);
    assert_int_equal(rig_stats(&rig).breaks, 0);
    rig_teardown(&rig);
}

static void a_first_key_frame_that_stays_torn_is_asked_for_again(void **state)
{
    (void)state;
    struct rig rig;
    rig_setup(&rig);
    rig_make(&rig, (struct sl_test_frame){.key = true});
    const sl_ns begun = rig.now;
    for (size_t i = 1; i < rig.video.count; i++)
        rig_put(&rig, i);
    rig_expect_wait(&rig);
    assert_true(sl_jitter_due(rig.jitter) == begun + 500 * SL_MS);
    rig.now = begun + 500 * SL_MS - 1;
    rig_expect_wait(&rig);
    rig.now++;
    assert_int_equal(rig_pop(&rig), SL_JITTER_BROKEN);
    rig_expect_wait(&rig);
    assert_true(sl_jitter_needs_key(rig.jitter));
    rig_teardown(&rig);
}

static void a_hole_is_waited_for_and_then_breaks_once(void **state)
{
    (void)state;
    struct rig rig;
    rig_setup(&rig);
    rig_make(&rig, (struct sl_test_frame){.key = true});
    rig_put_all(&rig);
    rig_expect_frame(&rig, 0);
    rig_make(&rig, (struct sl_test_frame){0}); /* wholly lost */
    rig_make(&rig, (struct sl_test_frame){0});
    rig_put_all(&rig);
    const sl_ns begun = rig.now;
    rig_expect_wait(&rig);
    while (rig.now + RIG_FRAME < begun + 500 * SL_MS) {
        rig_make(&rig, (struct sl_test_frame){0});
        rig_put_all(&rig);
        rig_expect_wait(&rig);
    }
    assert_true(sl_jitter_due(rig.jitter) == begun + 500 * SL_MS);
    rig.now = begun + 500 * SL_MS;
    assert_int_equal(rig_pop(&rig), SL_JITTER_BROKEN);
    rig_expect_wait(&rig);
    assert_true(sl_jitter_needs_key(rig.jitter));
    for (int i = 0; i < 30; i++) { /* one second on: still told only once */
        rig_make(&rig, (struct sl_test_frame){0});
        rig_put_all(&rig);
        rig_expect_wait(&rig);
    }
    const uint32_t number = rig.video.number;
    rig_make(&rig, (struct sl_test_frame){.key = true});
    rig_put_all(&rig);
    rig_expect_frame(&rig, number);
    assert_false(rig.frame.late);
    rig_make(&rig, (struct sl_test_frame){0});
    rig_put_all(&rig);
    rig_expect_frame(&rig, number + 1);
    assert_int_equal(rig_stats(&rig).breaks, 1);
    rig_teardown(&rig);
}

/* Puts frames 1 (torn: its packet 1 is missing) to `last`; returns the missing one in `lost`. */
static void tear(struct rig *rig, uint32_t last, struct sl_rtp_packet *lost, uint8_t *bytes)
{
    rig_make(rig, (struct sl_test_frame){.key = true});
    rig_put_all(rig);
    rig_expect_frame(rig, 0);
    rig_make(rig, (struct sl_test_frame){0});
    *lost = rig->video.packets[1];
    memcpy(bytes, lost->payload, lost->payload_len);
    lost->payload = bytes;
    for (size_t i = 0; i < rig->video.count; i++)
        if (i != 1)
            rig_put(rig, i);
    while (rig->video.number <= last) {
        rig_make(rig, (struct sl_test_frame){0});
        rig_put_all(rig);
        rig_expect_wait(rig);
    }
}

static void after_a_repair_all_but_the_newest_are_late(void **state)
{
    (void)state;
    struct rig rig;
    rig_setup(&rig);
    struct sl_rtp_packet lost;
    uint8_t bytes[SL_RTP_PLAIN_MAX];
    tear(&rig, 4, &lost, bytes);
    assert_int_equal(sl_jitter_put(rig.jitter, &lost, rig.now), SL_JITTER_KEPT);
    for (uint32_t n = 1; n <= 4; n++) {
        rig_expect_frame(&rig, n);
        assert_int_equal(rig.frame.late, n < 4);
    }
    rig_expect_wait(&rig);
    assert_int_equal(rig_stats(&rig).delivered_late, 3);
    assert_int_equal(rig_stats(&rig).breaks, 0);
    rig_teardown(&rig);
}

static void with_a_delay_a_repair_in_time_is_not_late(void **state)
{
    (void)state;
    struct rig rig;
    rig_setup_with(&rig, 100 * SL_MS, 0);
    struct sl_rtp_packet lost;
    uint8_t bytes[SL_RTP_PLAIN_MAX];
    tear(&rig, 3, &lost, bytes);
    sl_jitter_put(rig.jitter, &lost, rig.now);
    const sl_ns first = rig.now - 2 * RIG_FRAME;
    for (uint32_t n = 1; n <= 3; n++) {
        rig_expect_frame(&rig, n);
        assert_false(rig.frame.late);
        /* Frame n came, or could have come, at its own time; 11 us is one tick of the clock. */
        assert_in_range(rig.frame.due - (first + (n - 1) * RIG_FRAME + 100 * SL_MS) + 11112, 0,
                        2 * 11112);
    }
    rig_teardown(&rig);
}

static void with_a_delay_what_is_past_due_is_late(void **state)
{
    (void)state;
    struct rig rig;
    rig_setup_with(&rig, 100 * SL_MS, 0);
    struct sl_rtp_packet lost;
    uint8_t bytes[SL_RTP_PLAIN_MAX];
    tear(&rig, 8, &lost, bytes);
    sl_jitter_put(rig.jitter, &lost, rig.now);
    for (uint32_t n = 1; n <= 8; n++) {
        rig_expect_frame(&rig, n);
        /* Frame n was due at 100 ms after it, one interval more is forgiven: 4 frames back. */
        assert_int_equal(rig.frame.late, n + 4 < 8);
    }
    rig_teardown(&rig);
}

static void a_whole_key_frame_behind_a_hole_is_taken_at_once(void **state)
{
    (void)state;
    struct rig rig;
    rig_setup(&rig);
    struct sl_rtp_packet lost;
    uint8_t bytes[SL_RTP_PLAIN_MAX];
    tear(&rig, 3, &lost, bytes);
    rig_make(&rig, (struct sl_test_frame){.key = true});
    for (size_t i = 0; i + 1 < rig.video.count; i++) {
        rig_put(&rig, i);
        rig_expect_wait(&rig);
    }
    rig_put(&rig, rig.video.count - 1);
    rig_expect_frame(&rig, 4);
    assert_false(rig.frame.late);
    assert_int_equal(rig_stats(&rig).breaks, 0);
    assert_int_equal(rig_stats(&rig).frames_dropped, 3);
    rig_teardown(&rig);
}

static void with_a_delay_the_key_frame_is_taken_when_due(void **state)
{
    (void)state;
    struct rig rig;
    rig_setup_with(&rig, 100 * SL_MS, 0);
    struct sl_rtp_packet lost;
    uint8_t bytes[SL_RTP_PLAIN_MAX];
    tear(&rig, 2, &lost, bytes);
    rig_make(&rig, (struct sl_test_frame){.key = true});
    rig_put_all(&rig);
    rig_expect_wait(&rig);
    const sl_ns due = sl_jitter_due(rig.jitter);
    assert_in_range(due, rig.now + 99 * SL_MS, rig.now + 100 * SL_MS);
    rig.now = due - 1;
    rig_expect_wait(&rig);
    rig.now = due;
    rig_expect_frame(&rig, 3);
    assert_true(rig.frame.due == due);
    rig_teardown(&rig);
}

static void a_torn_unreferenced_frame_is_passed_over(void **state)
{
    (void)state;
    struct rig rig;
    rig_setup(&rig);
    rig_make(&rig, (struct sl_test_frame){.key = true});
    rig_put_all(&rig);
    rig_expect_frame(&rig, 0);
    rig_make(&rig, (struct sl_test_frame){.unreferenced = true, .bytes = 5000});
    for (size_t i = 0; i < rig.video.count; i++)
        if (i != 2)
            rig_put(&rig, i);
    rig_expect_wait(&rig);
    rig_make(&rig, (struct sl_test_frame){0});
    rig_put_all(&rig);
    rig_expect_frame(&rig, 2);
    assert_int_equal(rig_stats(&rig).breaks, 0);
    assert_int_equal(rig_stats(&rig).frames_dropped, 1);
    rig_teardown(&rig);
}

static void an_unreferenced_frame_torn_at_an_edge_may_hide_another(void **state)
{
    (void)state;
    for (int edge = 0; edge < 2; edge++) {
        struct rig rig;
        rig_setup(&rig);
        rig_make(&rig, (struct sl_test_frame){.key = true});
        rig_put_all(&rig);
        rig_expect_frame(&rig, 0);
        rig_make(&rig, (struct sl_test_frame){.unreferenced = true, .bytes = 5000});
        for (size_t i = 0; i < rig.video.count; i++)
            if (i != (edge ? rig.video.count - 1 : 0))
                rig_put(&rig, i);
        rig_make(&rig, (struct sl_test_frame){0});
        rig_put_all(&rig);
        rig_expect_wait(&rig);
        rig.now += 500 * SL_MS;
        assert_int_equal(rig_pop(&rig), SL_JITTER_BROKEN);
        rig_teardown(&rig);
    }
}

/* A key frame of 12 packets or more, of which one comes every `apart` until `last` is in. The time
 * of the first. */
static sl_ns trickle(struct rig *rig, sl_ns apart, size_t last)
{
    rig_make(rig, (struct sl_test_frame){.key = true, .bytes = 20000});
    assert_true(rig->video.count > 12);
    const sl_ns begun = rig->now;
    for (size_t i = 0; i <= last; i++) {
        rig->now = begun + (sl_ns)i * apart;
        rig_expect_wait(rig);
        rig_put(rig, i);
    }
    return begun;
}

static void a_frame_that_goes_on_coming_is_waited_for(void **state)
{
    (void)state;
    struct rig rig;
    rig_setup(&rig);
    const sl_ns begun = trickle(&rig, 60 * SL_MS, 11);
    assert_true(rig.now > begun + 500 * SL_MS);
    for (size_t i = 12; i < rig.video.count; i++)
        rig_put(&rig, i);
    rig_expect_frame(&rig, 0);
    assert_int_equal(rig_stats(&rig).breaks, 0);
    rig_teardown(&rig);
}

static void a_frame_that_stops_coming_is_given_up(void **state)
{
    (void)state;
    struct rig rig;
    rig_setup(&rig);
    trickle(&rig, 60 * SL_MS, 10);
    const sl_ns end = rig.now + 100 * SL_MS;
    assert_true(sl_jitter_due(rig.jitter) == end);
    rig.now = end - 1;
    rig_expect_wait(&rig);
    rig.now = end;
    assert_int_equal(rig_pop(&rig), SL_JITTER_BROKEN);
    rig_teardown(&rig);
}

static void a_frame_may_not_come_for_ever(void **state)
{
    (void)state;
    struct rig rig;
    rig_setup(&rig);
    const sl_ns begun = trickle(&rig, 90 * SL_MS, 11);
    assert_true(sl_jitter_due(rig.jitter) == begun + SL_SEC);
    rig.now = begun + SL_SEC;
    assert_int_equal(rig_pop(&rig), SL_JITTER_BROKEN);
    rig_teardown(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_comes_out_before_a_key_frame),
        cmocka_unit_test(the_first_key_frame_waits_for_its_overtaken_start),
        cmocka_unit_test(a_first_key_frame_that_stays_torn_is_asked_for_again),
        cmocka_unit_test(a_hole_is_waited_for_and_then_breaks_once),
        cmocka_unit_test(after_a_repair_all_but_the_newest_are_late),
        cmocka_unit_test(with_a_delay_a_repair_in_time_is_not_late),
        cmocka_unit_test(with_a_delay_what_is_past_due_is_late),
        cmocka_unit_test(a_whole_key_frame_behind_a_hole_is_taken_at_once),
        cmocka_unit_test(with_a_delay_the_key_frame_is_taken_when_due),
        cmocka_unit_test(a_torn_unreferenced_frame_is_passed_over),
        cmocka_unit_test(an_unreferenced_frame_torn_at_an_edge_may_hide_another),
        cmocka_unit_test(a_frame_that_goes_on_coming_is_waited_for),
        cmocka_unit_test(a_frame_that_stops_coming_is_given_up),
        cmocka_unit_test(a_frame_may_not_come_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
