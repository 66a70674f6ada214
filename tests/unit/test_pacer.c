/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rate/pacer.h"
#include "tests/support/alloc_count.h"

#define T0 (1000 * SL_SEC)
#define MBPS UINT64_C(1000000)

static struct sl_pacer pacer;

static void balances(void)
{
    struct sl_pacer_stats s;
    sl_pacer_stats(&pacer, &s);
    assert_true(s.pushed == s.popped + s.cleared + s.held);
}

static void push(enum sl_pacer_kind kind, size_t count, size_t bytes)
{
    for (uint32_t i = 0; i < count; i++) {
        assert_true(sl_pacer_push(&pacer, kind, i, bytes));
        balances();
    }
}

static void push_frame(size_t count, bool key)
{
    sl_pacer_frame(&pacer, count * 1000, key);
    push(SL_PACER_MEDIA, count, 1000);
}

/* Pops whenever due until nothing is left: how long that took; the most that left at one moment. */
static sl_ns drain(sl_ns now, size_t *most)
{
    const sl_ns start = now;
    struct sl_pacer_token token;
    *most = 0;
    while (sl_pacer_due(&pacer) != SL_NEVER) {
        if (sl_pacer_due(&pacer) > now)
            now = sl_pacer_due(&pacer);
        size_t batch = 0;
        while (sl_pacer_pop(&pacer, now, &token)) {
            batch++;
            balances();
        }
        assert_true(batch > 0);
        if (batch > *most)
            *most = batch;
    }
    return now - start;
}

static void a_wide_link_gets_a_frame_at_once(void **state)
{
    (void)state;
    size_t most;
    sl_pacer_init(&pacer, 2 * MBPS);
    sl_pacer_rates(&pacer, 2 * MBPS, 8 * MBPS);
    push_frame(10, false);
    assert_int_equal(drain(T0, &most), 0);
    assert_int_equal(most, 10);
}

static void a_narrow_or_unknown_link_gets_it_spread(void **state)
{
    (void)state;
    size_t most;
    sl_pacer_init(&pacer, 2 * MBPS);
    push_frame(10, false); /* 9 gaps of 8000 bits at 5 Mb/s */
    assert_in_range(drain(T0, &most), 14400 * SL_US, 14400 * SL_US + 10);
    assert_int_equal(most, 1);
    sl_pacer_rates(&pacer, 2 * MBPS, 3 * MBPS); /* 3.3 Mb/s */
    push_frame(10, false);
    assert_in_range(drain(T0 + SL_SEC, &most), 21800 * SL_US, 21900 * SL_US);
    sl_pacer_rates(&pacer, 2 * MBPS, MBPS); /* a quarter over the bitrate at the least */
    push_frame(10, false);
    assert_in_range(drain(T0 + 2 * SL_SEC, &most), 28800 * SL_US, 28800 * SL_US + 10);
}

static void a_key_frame_takes_8_ms_where_that_is_slower_than_its_pace(void **state)
{
    (void)state;
    size_t most;
    sl_pacer_init(&pacer, 2 * MBPS);
    push_frame(40, true);
    assert_in_range(drain(T0, &most), 7700 * SL_US, 8 * SL_MS);
    sl_pacer_rates(&pacer, 2 * MBPS, 100 * MBPS);
    push_frame(40, true);
    assert_in_range(drain(T0 + SL_SEC, &most), 7700 * SL_US, 8 * SL_MS);
    /* Known to be narrow: not into a queue that may not hold it. */
    sl_pacer_rates(&pacer, 2 * MBPS, 3 * MBPS);
    push_frame(40, true);
    assert_true(drain(T0 + 2 * SL_SEC, &most) > 90 * SL_MS);
}

/* promises.md, 4: 8 Mb/s through a queue of 64 kB at 100 Mb/s loses nothing, 8 ms at the most. */
static void a_key_frame_of_8_mbps_fits_a_small_queue(void **state)
{
    (void)state;
    double queue = 0, worst = 0;
    sl_ns before = T0;
    struct sl_pacer_token token;
    sl_pacer_init(&pacer, 8 * MBPS);
    sl_pacer_rates(&pacer, 8 * MBPS, 90 * MBPS);
    push_frame(140, true);
    while (sl_pacer_due(&pacer) != SL_NEVER) {
        const sl_ns now = sl_pacer_due(&pacer) > T0 ? sl_pacer_due(&pacer) : T0;
        assert_true(now <= T0 + 8 * SL_MS);
        queue -= (double)(now - before) * 100e6 / 8e9;
        before = now;
        if (queue < 0)
            queue = 0;
        while (sl_pacer_pop(&pacer, now, &token))
            queue += token.bytes;
        if (queue > worst)
            worst = queue;
    }
    assert_true(worst <= 64000);
}

static void repair_goes_first_and_audio_never_waits(void **state)
{
    (void)state;
    struct sl_pacer_token token;
    sl_pacer_init(&pacer, 2 * MBPS);
    push_frame(2, false);
    assert_true(sl_pacer_pop(&pacer, T0, &token));
    assert_int_equal(token.kind, SL_PACER_MEDIA);
    assert_false(sl_pacer_pop(&pacer, T0, &token));
    push(SL_PACER_AUDIO, 1, 100);
    assert_true(sl_pacer_due(&pacer) <= T0);
    assert_true(sl_pacer_pop(&pacer, T0, &token));
    assert_int_equal(token.kind, SL_PACER_AUDIO);
    push(SL_PACER_RESEND, 1, 1000);
    assert_false(sl_pacer_pop(&pacer, T0, &token));
    assert_true(sl_pacer_pop(&pacer, sl_pacer_due(&pacer), &token));
    assert_int_equal(token.kind, SL_PACER_RESEND);
    assert_true(sl_pacer_pop(&pacer, sl_pacer_due(&pacer), &token));
    assert_int_equal(token.kind, SL_PACER_MEDIA);
    assert_int_equal(token.token, 1);
}

/* What a black-out left to be sent again does not hold up the picture that is. */
static void resends_and_media_take_turns(void **state)
{
    (void)state;
    struct sl_pacer_token token;
    sl_pacer_init(&pacer, MBPS);
    push(SL_PACER_RESEND, 20, 1000);
    push_frame(5, false);
    sl_ns now = T0;
    for (int i = 0; i < 10; i++, now = sl_pacer_due(&pacer)) {
        assert_true(sl_pacer_pop(&pacer, now, &token));
        assert_int_equal(token.kind, i % 2 ? SL_PACER_MEDIA : SL_PACER_RESEND);
    }
    for (; sl_pacer_pop(&pacer, now, &token); now = sl_pacer_due(&pacer))
        assert_int_equal(token.kind, SL_PACER_RESEND);
    balances();
}

/* That of the first part of a long frame does not wait for the last. */
static void early_parity_leaves_amid_its_frame(void **state)
{
    (void)state;
    struct sl_pacer_token token;
    sl_pacer_init(&pacer, 2 * MBPS);
    push_frame(10, true);
    sl_ns now = T0;
    for (int i = 0; i < 4; i++, now = sl_pacer_due(&pacer))
        assert_true(sl_pacer_pop(&pacer, now, &token));
    push(SL_PACER_EARLY, 3, 1000);
    for (int i = 0; i < 9; i++, now = sl_pacer_due(&pacer)) {
        assert_true(sl_pacer_pop(&pacer, now, &token));
        assert_int_equal(token.kind, i < 6 && i % 2 == 0 ? SL_PACER_EARLY : SL_PACER_MEDIA);
    }
    balances();
}

static void parity_is_spread_behind_its_frame(void **state)
{
    (void)state;
    size_t most;
    sl_pacer_init(&pacer, 2 * MBPS);
    sl_pacer_rates(&pacer, 2 * MBPS, 100 * MBPS);
    push_frame(10, false);
    push(SL_PACER_PARITY, 3, 1000);
    /* 10 Mb/s, 8 ms for the frame's 10 kB: 0.8 ms each; the first is due with the frame. */
    assert_in_range(drain(T0, &most), 1600 * SL_US, 1600 * SL_US + 10);
    assert_int_equal(most, 11);
}

static void counts_frames_held_and_clears_them(void **state)
{
    (void)state;
    struct sl_pacer_token token;
    sl_pacer_init(&pacer, 2 * MBPS);
    assert_int_equal(sl_pacer_frames(&pacer), 0);
    push_frame(3, false);
    push_frame(3, false);
    push(SL_PACER_AUDIO, 1, 100);
    assert_int_equal(sl_pacer_frames(&pacer), 2);
    for (int i = 0; i < 3; i++) {
        assert_true(sl_pacer_clear(&pacer, &token));
        assert_int_equal(token.token, i);
        balances();
    }
    assert_int_equal(sl_pacer_frames(&pacer), 1);
    while (sl_pacer_clear(&pacer, &token))
        balances();
    assert_int_equal(sl_pacer_frames(&pacer), 0);
    assert_true(sl_pacer_pop(&pacer, T0, &token));
    assert_int_equal(token.kind, SL_PACER_AUDIO);
    assert_true(sl_pacer_due(&pacer) == SL_NEVER);
}

static void one_more_than_it_holds_is_refused(void **state)
{
    (void)state;
    const uint64_t before = sl_alloc_count();
    sl_pacer_init(&pacer, 2 * MBPS);
    sl_pacer_frame(&pacer, 1, false);
    for (uint32_t i = 0; i < SL_PACER_TOKENS; i++)
        assert_true(sl_pacer_push(&pacer, SL_PACER_MEDIA, i, 1));
    assert_false(sl_pacer_push(&pacer, SL_PACER_PARITY, 1, 1));
    assert_true(sl_pacer_push(&pacer, SL_PACER_AUDIO, 1, 1));
    struct sl_pacer_stats s;
    sl_pacer_stats(&pacer, &s);
    assert_int_equal(s.refused, 1);
    balances();
    assert_int_equal(sl_alloc_count(), before);
}

/* A timer that fires late must not slow the stream down, nor what was idle make a burst. */
static void late_timers_cost_no_rate_and_idle_time_earns_none(void **state)
{
    (void)state;
    struct sl_pacer_token token;
    size_t most;
    sl_pacer_init(&pacer, 2 * MBPS);
    push_frame(100, false);
    sl_ns now = T0;
    size_t sent = 0;
    for (; sl_pacer_due(&pacer) != SL_NEVER; now += SL_MS / 2)
        while (sl_pacer_pop(&pacer, now, &token))
            sent++;
    assert_int_equal(sent, 100);
    assert_true(now - T0 <= 160 * SL_MS); /* 158.4 by the rate */
    push_frame(10, false);
    drain(now + SL_SEC, &most);
    assert_int_equal(most, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wide_link_gets_a_frame_at_once),
        cmocka_unit_test(a_narrow_or_unknown_link_gets_it_spread),
        cmocka_unit_test(a_key_frame_takes_8_ms_where_that_is_slower_than_its_pace),
        cmocka_unit_test(a_key_frame_of_8_mbps_fits_a_small_queue),
        cmocka_unit_test(repair_goes_first_and_audio_never_waits),
        cmocka_unit_test(resends_and_media_take_turns),
        cmocka_unit_test(early_parity_leaves_amid_its_frame),
        cmocka_unit_test(parity_is_spread_behind_its_frame),
        cmocka_unit_test(counts_frames_held_and_clears_them),
        cmocka_unit_test(one_more_than_it_holds_is_refused),
        cmocka_unit_test(late_timers_cost_no_rate_and_idle_time_earns_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
