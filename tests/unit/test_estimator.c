/* SPDX-License-Identifier: MIT */
/* Estimator and controller, fed by hand: one packet at a time. The loop is closed in sim_rate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "rate/controller.h"
#include "rate/estimator.h"
#include "rtp/ccfb.h"
#include "tests/support/alloc_count.h"

#define FRAME (SL_SEC / 30)
#define BYTES 1000

struct path {
    struct sl_estimator *estimator;
    struct sl_ccfb_recorder recorder;
    sl_ns now, delay;
    uint16_t seq;
    int64_t frame;
    uint8_t wire[SL_CCFB_BYTES_MAX];
};

static struct path path; /* large */

static struct sl_estimate look(void)
{
    struct sl_estimate e;
    sl_estimator_get(path.estimator, &e);
    assert_true(e.sent == e.flying + e.arrived + e.lost + e.forgotten);
    assert_int_equal(e.flying_bytes, e.flying * BYTES);
    return e;
}

static int setup(void **state)
{
    (void)state;
    memset(&path, 0, sizeof(path));
    path.now = 1000 * SL_SEC;
    path.delay = 20 * SL_MS;
    path.seq = 65500;
    const struct sl_estimator_config config = {
        .start_bps = 3000000, .min_bps = 100000, .max_bps = 6000000};
    return sl_estimator_create(&path.estimator, &config);
}

static int teardown(void **state)
{
    (void)state;
    sl_estimator_destroy(path.estimator);
    return 0;
}

static void send_packet(bool comes)
{
    sl_estimator_sent(path.estimator, 1, path.seq, BYTES, path.frame, path.now);
    if (comes)
        sl_ccfb_record(&path.recorder, 1, path.seq, 0, path.now + path.delay);
    path.seq++;
}

/* The report made as soon as all that was sent has come, heard `delay` later. */
static size_t make_report(void)
{
    struct sl_writer w = sl_writer(path.wire, sizeof(path.wire));
    const sl_ns at = path.now + path.delay + SL_MS;
    sl_ccfb_write(&path.recorder, 9, at, (uint64_t)sl_ntp_span_from_ns(at), &w);
    return sl_writer_len(&w);
}

static void hear(size_t len)
{
    if (len)
        assert_int_equal(sl_estimator_feedback(path.estimator, path.wire + 8, len - 8,
                                               path.now + 2 * path.delay + SL_MS),
                         0);
}

static void send_frame(int packets, int lost)
{
    for (int i = 0; i < packets; i++)
        send_packet(i >= lost);
    path.frame++;
}

static void play(int frames, int packets)
{
    for (int i = 0; i < frames; i++) {
        send_frame(packets, 0);
        hear(make_report());
        path.now += FRAME;
    }
}

static void refuses_a_config_that_makes_no_sense(void **state)
{
    (void)state;
    struct sl_estimator *e = NULL;
    static const struct sl_estimator_config bad[] = {
        {.start_bps = 1, .min_bps = 0, .max_bps = 2},
        {.start_bps = 1, .min_bps = 2, .max_bps = 3},
        {.start_bps = 4, .min_bps = 2, .max_bps = 3},
    };
    for (size_t i = 0; i < SL_COUNT(bad); i++)
        assert_int_equal(sl_estimator_create(&e, &bad[i]), -EINVAL);
    assert_null(e);
    sl_estimator_destroy(NULL);
}

static void measures_rtt_and_rate(void **state)
{
    (void)state;
    assert_false(look().known);
    assert_true(sl_estimator_flying_cap(path.estimator, 3000000) == SIZE_MAX);
    play(60, 8);
    const struct sl_estimate e = look();
    assert_true(e.known && !e.outage);
    assert_in_range(e.rtt, 39 * SL_MS, 42 * SL_MS);
    assert_in_range(e.delivered_bps, 1700000, 2150000); /* 1.92 Mb/s */
    /* 1.25 x 3 Mb/s x 107 ms, and a frame. */
    assert_in_range(sl_estimator_flying_cap(path.estimator, 3000000), 56000, 60000);
    assert_int_equal(e.flying, 0);
    assert_int_equal(e.arrived, 480);
    assert_true(e.queue < 2 * SL_MS);
}

static void does_not_run_away_unused_nor_fall(void **state)
{
    (void)state;
    play(900, 8);
    assert_in_range(look().bps, 3000000, 3100000); /* 1.5 x 1.92 is less: it stays */
    play(900, 1);
    assert_in_range(look().bps, 3000000, 3100000);
    play(900, 14); /* 3.36 Mb/s come through: up to 1.5 x that */
    assert_in_range(look().bps, 4500000, 5400000);
}

static void a_rising_delay_cuts_to_what_was_delivered(void **state)
{
    (void)state;
    play(60, 8);
    for (int i = 0; i < 4; i++) {
        path.delay += 40 * SL_MS;
        play(1, 8);
    }
    const struct sl_estimate e = look();
    assert_true(e.overuses >= 1);
    assert_true(e.bps < 3000000 * 0.86);
}

/* A frame of `packets` of which one comes every `apart`, told of every 40 ms for `span`. */
static void trickle(int packets, sl_ns apart, sl_ns span)
{
    const uint16_t first = path.seq;
    int come = 0;
    for (int i = 0; i < packets; i++)
        sl_estimator_sent(path.estimator, 1, path.seq++, BYTES, path.frame, path.now);
    path.frame++;
    for (const sl_ns until = path.now + span; path.now < until;) {
        const sl_ns began = until - span;
        path.now += 40 * SL_MS;
        for (; come < packets && (come + 1) * apart <= path.now - began; come++)
            sl_ccfb_record(&path.recorder, 1, (uint16_t)(first + come), 0,
                           began + path.delay + (come + 1) * apart);
        hear(make_report());
    }
}

static void a_large_frame_that_is_stuck_cuts_before_its_end(void **state)
{
    (void)state;
    play(60, 8);
    trickle(40, 10 * SL_MS, 160 * SL_MS); /* 800 kb/s */
    const struct sl_estimate e = look();
    assert_true(e.flying > 20);
    assert_int_equal(e.overuses, 1);
    assert_in_range(e.bps, 600000, 800000);
}

static void send_one_each(sl_ns apart, int packets)
{
    for (int i = 0; i < packets; i++, path.frame++, path.now += apart)
        send_packet(true);
}

/* As much is out, and as little comes, but nothing is late. */
static void few_bytes_on_a_long_path_cut_nothing(void **state)
{
    (void)state;
    path.delay = 60 * SL_MS;
    play(60, 8);
    for (int i = 0; i < 20; i++) {
        send_one_each(10 * SL_MS, 4);
        const size_t len = make_report();
        send_one_each(10 * SL_MS, 8);
        hear(len);
        assert_int_equal(look().flying, 8);
    }
    assert_int_equal(look().overuses, 0);
    assert_in_range(look().bps, 3000000, 3100000);
}

/* All that comes is late, by as much, and more than a little is out: not taken for a queue of ours
 * that is to be cut again and again. */
static void a_path_that_became_longer_is_not_cut_to_nothing(void **state)
{
    (void)state;
    play(60, 8);
    path.delay += 80 * SL_MS;
    for (int i = 0; i < 60; i++) {
        send_frame(8, 0);
        const size_t len = make_report();
        path.now += FRAME;
        for (int k = 0; k < 8; k++)
            send_packet(true); /* out while the report is heard */
        path.frame++;
        hear(len);
        path.now += FRAME;
    }
    assert_in_range(look().bps, 1800000, 3000000);
    assert_in_range(look().overuses, 1, 4); /* then it is the path's */
}

static void lost_by_the_second_report_that_misses_it(void **state)
{
    (void)state;
    play(10, 8);
    send_frame(8, 3);
    hear(make_report());
    assert_int_equal(look().lost, 0); /* it may have been overtaken */
    path.now += FRAME;
    send_frame(8, 0);
    hear(make_report());
    assert_int_equal(look().lost, 3);
    const struct sl_loss_counts counts = sl_estimator_take_loss(path.estimator);
    assert_int_equal(counts.lost, 3);
    assert_int_equal(counts.known, 96);
    assert_int_equal(counts.runs, 1);
    assert_int_equal(sl_estimator_take_loss(path.estimator).known, 0);
    /* One comes after all. */
    path.now += FRAME;
    sl_ccfb_record(&path.recorder, 1, (uint16_t)(path.seq - 16), 0, path.now);
    hear(make_report());
    assert_int_equal(look().lost, 2);
    assert_int_equal(look().flying, 0);
}

static void reports_lost_in_between_cost_nothing(void **state)
{
    (void)state;
    play(10, 8);
    for (int i = 0; i < 30; i++) {
        send_frame(8, 1);
        const size_t len = make_report();
        if (i % 3 == 2)
            hear(len); /* two of three are lost */
        path.now += FRAME;
    }
    play(3, 8);
    const struct sl_estimate e = look();
    assert_int_equal(e.lost, 30);
    assert_int_equal(e.forgotten, 0);
    assert_int_equal(e.flying, 0);
}

static void silence_is_an_outage_not_loss(void **state)
{
    (void)state;
    play(30, 8);
    const uint64_t before = look().bps;
    for (int i = 0; i < 30; i++) {
        for (int p = 0; p < 8; p++)
            send_packet(false);
        path.frame++;
        path.now += FRAME;
        sl_estimator_tick(path.estimator, path.now);
        assert_int_equal(look().outage, i >= 9); /* 300 ms after the first was sent */
    }
    assert_int_equal(look().flying, 0);
    assert_int_equal(look().outages, 1);
    /* What is said of that time later is no loss; the rate starts lower, once. */
    play(10, 8);
    const struct sl_estimate e = look();
    assert_false(e.outage);
    assert_int_equal(e.lost, 0);
    assert_int_equal(e.loss_cuts + e.overuses, 0);
    assert_in_range(e.bps, before * 6 / 10, before * 8 / 10);
}

static void who_sends_nothing_is_in_no_outage(void **state)
{
    (void)state;
    play(30, 8);
    path.now += 60 * SL_SEC;
    sl_estimator_tick(path.estimator, path.now);
    assert_false(look().outage);
    send_frame(8, 0);
    sl_estimator_tick(path.estimator, path.now + 100 * SL_MS);
    assert_false(look().outage);
    hear(make_report());
    assert_int_equal(look().flying, 0);
}

static void loss_alone_cuts_once_above_a_tenth(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) {
        send_frame(20, i % 5 == 0 ? 9 : 0); /* 9 % */
        hear(make_report());
        path.now += FRAME;
    }
    assert_int_equal(look().loss_cuts, 0);
    for (int i = 0; i < 300; i++) {
        send_frame(20, 5);
        hear(make_report());
        path.now += FRAME;
    }
    assert_int_equal(look().loss_cuts, 1); /* it did not help */
    assert_int_equal(look().overuses, 0);
}

static void lies_are_counted_by_nobody(void **state)
{
    (void)state;
    play(30, 8);
    send_frame(8, 0);
    const struct sl_estimate before = look();
    uint8_t body[8 + 2 * 400 + 4];
    sl_put32(body, 1);
    sl_put16(body + 4, path.seq); /* never sent */
    sl_put16(body + 6, 400);
    memset(body + 8, 0x80, 800);
    sl_put32(body + 808, 0x7fffffff);
    assert_int_equal(sl_estimator_feedback(path.estimator, body, sizeof(body), path.now), 0);
    sl_put32(body, 77); /* nobody's */
    assert_int_equal(sl_estimator_feedback(path.estimator, body, sizeof(body), path.now), 0);
    sl_put16(body + 6, 402);
    assert_int_equal(sl_estimator_feedback(path.estimator, body, sizeof(body), path.now), -EBADMSG);
    assert_int_equal(sl_estimator_feedback(path.estimator, body, 3, path.now), -EBADMSG);
    assert_int_equal(look().arrived, before.arrived);
    assert_int_equal(look().lost, before.lost);
    assert_int_equal(look().bps, before.bps);
    assert_int_equal(look().flying, 8);
}

static void more_than_it_remembers_is_forgotten(void **state)
{
    (void)state;
    play(3, 8);
    for (int i = 0; i < 5000; i++)
        send_packet(false);
    assert_int_equal(look().flying, 2048);
    /* And so is a seventh source's. */
    for (uint32_t ssrc = 2; ssrc < 20; ssrc++)
        sl_estimator_sent(path.estimator, ssrc, 1, BYTES, -1, path.now + ssrc);
    assert_true(look().flying <= 6 * 2048);
    sl_estimator_tick(path.estimator, path.now + 3 * SL_SEC);
    assert_int_equal(look().flying, 0);
}

static void allocates_nothing_after_create(void **state)
{
    (void)state;
    const uint64_t before = sl_alloc_count();
    play(100, 8);
    sl_estimator_tick(path.estimator, path.now);
    assert_int_equal(sl_alloc_count(), before);
}

/* ---- controller ---- */

static const struct sl_rate_config config = {.ceiling_bps = 2000000,
                                             .floor_bps = 300000,
                                             .audio_bps = 64000,
                                             .frame_interval = FRAME,
                                             .fec_percent = SL_FEC_AUTO};

static void a_controller_refuses_what_makes_no_sense(void **state)
{
    (void)state;
    struct sl_rate *rate = NULL;
    struct sl_rate_config bad = config;
    bad.floor_bps = 0;
    assert_int_equal(sl_rate_create(&rate, &bad, 0), -EINVAL);
    bad.floor_bps = bad.ceiling_bps + 1;
    assert_int_equal(sl_rate_create(&rate, &bad, 0), -EINVAL);
    bad = config;
    bad.frame_interval = 0;
    assert_int_equal(sl_rate_create(&rate, &bad, 0), -EINVAL);
    bad = config;
    bad.fec_percent = 101;
    assert_int_equal(sl_rate_create(&rate, &bad, 0), -EINVAL);
    assert_null(rate);
    sl_rate_destroy(NULL);
}

static void a_peer_without_feedback_gets_the_ceiling(void **state)
{
    (void)state;
    struct sl_rate *rate;
    struct sl_rate_stats stats;
    assert_int_equal(sl_rate_create(&rate, &config, path.now), 0);
    for (int i = 0; i < 3000; i++, path.now += FRAME) {
        assert_int_equal(sl_rate_next_frame(rate, path.now), SL_RATE_SEND);
        assert_int_equal(sl_rate_rows(rate, 8, 8), 0);
        for (int p = 0; p < 8; p++)
            sl_rate_sent(rate, SL_PACER_MEDIA, 1, path.seq++, BYTES, i, path.now);
    }
    assert_int_equal(sl_rate_bitrate(rate), 2000000);
    sl_rate_stats(rate, &stats);
    assert_int_equal(stats.sent, 3000);
    assert_int_equal(stats.media_bytes, 24000000);
    assert_int_equal(stats.estimate.outages, 0);
    sl_rate_destroy(rate);
}

static void skips_while_the_pacer_holds_more_than_one_frame(void **state)
{
    (void)state;
    struct sl_rate *rate;
    struct sl_pacer_token token;
    assert_int_equal(sl_rate_create(&rate, &config, path.now), 0);
    struct sl_pacer *pacer = sl_rate_pacer(rate);
    for (int i = 0; i < 2; i++) {
        assert_true(sl_rate_gate(rate, path.now) <= path.now);
        assert_int_equal(sl_rate_next_frame(rate, path.now), SL_RATE_SEND);
        sl_pacer_frame(pacer, 2000, false);
        assert_true(sl_pacer_push(pacer, SL_PACER_MEDIA, 0, BYTES));
        assert_true(sl_pacer_push(pacer, SL_PACER_MEDIA, 1, BYTES));
    }
    assert_true(sl_rate_gate(rate, path.now) == SL_NEVER);
    assert_int_equal(sl_rate_next_frame(rate, path.now), SL_RATE_SKIP_PACER);
    while (sl_pacer_frames(pacer) > 1)
        sl_pacer_pop(pacer, path.now += SL_MS, &token);
    assert_int_equal(sl_rate_next_frame(rate, path.now), SL_RATE_SEND);
    sl_rate_destroy(rate);
}

static void resends_stay_within_their_share(void **state)
{
    (void)state;
    struct sl_rate *rate;
    struct sl_rate_stats stats;
    assert_int_equal(sl_rate_create(&rate, &config, path.now), 0);
    size_t bytes = 0;
    for (int i = 0; i < 10000; i++, path.now += SL_MS) {
        if (!sl_rate_may_resend(rate, BYTES, path.now))
            continue;
        sl_rate_sent(rate, SL_PACER_RESEND, 2, path.seq++, BYTES, -1, path.now);
        bytes += BYTES;
    }
    /* Half of 3.36 Mb/s for 10 s. */
    assert_in_range(bytes, 2000000, 2200000);
    sl_rate_stats(rate, &stats);
    assert_int_equal(stats.resent_bytes, bytes);
    assert_true(stats.resends_refused > 0);
    sl_rate_destroy(rate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(refuses_a_config_that_makes_no_sense),
        TEST(measures_rtt_and_rate),
        TEST(does_not_run_away_unused_nor_fall),
        TEST(a_rising_delay_cuts_to_what_was_delivered),
        TEST(a_large_frame_that_is_stuck_cuts_before_its_end),
        TEST(few_bytes_on_a_long_path_cut_nothing),
        TEST(a_path_that_became_longer_is_not_cut_to_nothing),
        TEST(lost_by_the_second_report_that_misses_it),
        TEST(reports_lost_in_between_cost_nothing),
        TEST(silence_is_an_outage_not_loss),
        TEST(who_sends_nothing_is_in_no_outage),
        TEST(loss_alone_cuts_once_above_a_tenth),
        TEST(lies_are_counted_by_nobody),
        TEST(more_than_it_remembers_is_forgotten),
        TEST(allocates_nothing_after_create),
        TEST(a_controller_refuses_what_makes_no_sense),
        TEST(a_peer_without_feedback_gets_the_ceiling),
        TEST(skips_while_the_pacer_holds_more_than_one_frame),
        TEST(resends_stay_within_their_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
