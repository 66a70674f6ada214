/* SPDX-License-Identifier: MIT */
/* The model's rows, judged by throwing dice: an independent loop over single packets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <string.h>

#include "base/random.h"
#include "rate/redundancy.h"
#include "tests/support/alloc_count.h"

#define T0 (1000 * SL_SEC)
#define FRAME (SL_SEC / 30)

/* A path that loses in runs of mean `burst`; 1: each packet by itself. */
struct path {
    struct sl_random random;
    double loss, burst;
    bool bad;
};

static bool loses(struct path *path)
{
    if (path->burst <= 1)
        return sl_random_unit(&path->random) < path->loss;
    const double leave = 1 / path->burst, enter = path->loss / (1 - path->loss) * leave;
    if (sl_random_unit(&path->random) < (path->bad ? leave : enter))
        path->bad = !path->bad;
    return path->bad;
}

struct play {
    struct path path;
    struct sl_redundancy redundancy;
    sl_ns now, rtt;
    struct sl_loss_counts counts; /* since the last report */
    bool last_lost;
    size_t media, extra, frames, waited, lost;
};

static void start(struct play *play, uint64_t seed, int percent, sl_ns rtt, double loss,
                  double burst)
{
    const struct sl_redundancy_config config = {.percent = percent, .frame_interval = FRAME};
    memset(play, 0, sizeof(*play));
    sl_random_init_seed(&play->path.random, seed);
    play->path.loss = loss;
    play->path.burst = burst;
    play->now = T0;
    play->rtt = rtt;
    sl_redundancy_init(&play->redundancy, &config);
}

/* How many of `count` packets come. */
static size_t send(struct play *play, size_t count)
{
    size_t came = 0;
    for (size_t i = 0; i < count; i++) {
        const bool lost = loses(&play->path);
        came += !lost;
        play->counts.known++;
        play->counts.lost += lost;
        play->counts.runs += lost && !play->last_lost;
        play->last_lost = lost;
    }
    return came;
}

/* One frame: packets, rows, and at most two rounds of fresh rows after NACKs. */
static void frame(struct play *play, size_t packets)
{
    const unsigned rows = sl_redundancy_rows(&play->redundancy, packets, packets);
    size_t came = send(play, packets + rows);
    play->media += packets;
    play->extra += rows;
    play->frames++;
    play->waited += came < packets;
    for (int round = 0; round < 2 && came < packets; round++) {
        const size_t missing = packets - came, fresh = (3 * missing + 1) / 2 + 1;
        came += send(play, fresh);
        play->extra += fresh;
        sl_redundancy_resent(&play->redundancy, fresh);
    }
    play->lost += came < packets;
    play->now += FRAME;
    sl_redundancy_loss(&play->redundancy, play->counts, play->rtt, play->now);
    play->counts = (struct sl_loss_counts){0};
}

static double overhead(const struct play *play)
{
    return (double)play->extra / (double)play->media;
}

static void forget_figures(struct play *play)
{
    play->media = play->extra = play->frames = play->waited = play->lost = 0;
}

/* 59 small frames and a key frame, for a while; then the figures. */
static void check(double loss, double burst, size_t packets, double most, double waits,
                  double residual)
{
    static struct play play;
    start(&play, 3, SL_FEC_AUTO, 44 * SL_MS, loss, burst);
    for (int i = 0; i < 300; i++)
        frame(&play, packets);
    forget_figures(&play);
    for (int i = 0; i < 60000; i++)
        frame(&play, i % 60 == 0 ? 4 * packets : packets);
    printf("  %4.1f %% loss, bursts of %.0f, %2zu packets: overhead %4.1f %%, waited %4.1f %%, "
           "lost %.3f %%\n",
           100 * loss, burst, packets, 100 * overhead(&play),
           100 * (double)play.waited / (double)play.frames,
           100 * (double)play.lost / (double)play.frames);
    assert_true(overhead(&play) <= most);
    assert_true((double)play.waited <= waits * (double)play.frames);
    assert_true((double)play.lost <= residual * (double)play.frames);
    struct sl_redundancy_stats stats;
    sl_redundancy_stats(&play.redundancy, &stats);
    assert_true(stats.rows > 0 && stats.resent > 0);
    assert_true(stats.burst > burst * 0.7 && stats.burst < burst * 1.6);
}

static void meets_the_targets_of_random_loss(void **state)
{
    (void)state;
    check(0.05, 1, 8, 0.30, 0.025, 0.001);
    check(0.10, 1, 8, 0.45, 0.03, 0.003);
    check(0.20, 1, 8, 0.65, 0.09, 0.01);
    check(0.05, 1, 20, 0.22, 0.02, 0.001);
    check(0.01, 1, 8, 0.15, 0.04, 0.001);
    check(0.10, 1, 40, 0.27, 0.03, 0.003);
}

static void meets_the_targets_of_bursts(void **state)
{
    (void)state;
    check(0.05, 3, 8, 0.30, 0.1, 0.005);
    check(0.05, 2, 40, 0.30, 0.03, 0.001);
    check(0.05, 3, 20, 0.30, 0.1, 0.005);
}

static void small_frames_save_up_for_rows(void **state)
{
    (void)state;
    static struct play play;
    start(&play, 5, SL_FEC_AUTO, 44 * SL_MS, 0.05, 1);
    for (int i = 0; i < 20000; i++) {
        /* Runs that reach back over 8 packets; what they mend is not judged here. */
        const unsigned rows = sl_redundancy_rows(&play.redundancy, 2, 8);
        send(&play, 2 + rows);
        play.media += 2;
        play.extra += rows;
        play.now += FRAME;
        sl_redundancy_loss(&play.redundancy, play.counts, play.rtt, play.now);
        play.counts = (struct sl_loss_counts){0};
    }
    assert_true(overhead(&play) <= 0.30);
    assert_true(overhead(&play) >= 0.15);
}

static void costs_nothing_on_a_clean_link(void **state)
{
    (void)state;
    static struct play play;
    start(&play, 7, SL_FEC_AUTO, 44 * SL_MS, 0, 1);
    for (int i = 0; i < 5000; i++)
        frame(&play, 8);
    assert_int_equal(play.extra, 0);
    /* One packet in 2000 is no reason either. */
    play.path.loss = 0.0005;
    for (int i = 0; i < 20000; i++)
        frame(&play, 8);
    assert_true(overhead(&play) <= 0.02);
}

static void leaves_rare_loss_to_quick_resends(void **state)
{
    (void)state;
    static struct play play;
    start(&play, 9, SL_FEC_AUTO, 5 * SL_MS, 0.008, 1);
    for (int i = 0; i < 3000; i++)
        frame(&play, 20); /* one in seven has to wait, but not for long */
    struct sl_redundancy_stats stats;
    sl_redundancy_stats(&play.redundancy, &stats);
    assert_true(stats.rows <= stats.packets / 50); /* when chance made it look like 2 % */
    play.rtt = 44 * SL_MS;
    const uint64_t before = stats.rows;
    for (int i = 0; i < 3000; i++)
        frame(&play, 8);
    sl_redundancy_stats(&play.redundancy, &stats);
    assert_true(stats.rows - before > 1000);
}

static void resends_that_miss_their_time_bring_parity(void **state)
{
    (void)state;
    static struct play play;
    start(&play, 9, SL_FEC_AUTO, 5 * SL_MS, 0.008, 1);
    struct sl_repair_report report = {.ssrc = 1, .lost = 0xffffffff};
    sl_redundancy_report(&play.redundancy, &report, play.now);
    for (int i = 0; i < 3000; i++) {
        if (i % 30 == 0) {
            report.late++;
            report.lost++; /* wraps */
            sl_redundancy_report(&play.redundancy, &report, play.now);
        }
        frame(&play, 8);
    }
    struct sl_redundancy_stats stats;
    sl_redundancy_stats(&play.redundancy, &stats);
    assert_true(stats.rows > 1000);
}

static void goes_up_in_half_a_second_and_down_in_two(void **state)
{
    (void)state;
    static struct play play;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        start(&play, seed, SL_FEC_AUTO, 44 * SL_MS, 0, 1);
        for (int i = 0; i < 300; i++)
            frame(&play, 8);
        play.path.loss = 0.08;
        for (int i = 0; i < 15; i++)
            frame(&play, 8);
        assert_true(sl_redundancy_rows(&play.redundancy, 8, 8) >= 1);
        for (int i = 0; i < 300; i++)
            frame(&play, 8);
        play.path.loss = 0;
        for (int i = 0; i < 62; i++)
            frame(&play, 8);
        assert_int_equal(sl_redundancy_rows(&play.redundancy, 8, 8), 0);
    }
}

static void a_fixed_share_is_kept_and_off_is_off(void **state)
{
    (void)state;
    static struct play play;
    start(&play, 1, 25, 44 * SL_MS, 0, 1);
    for (int i = 0; i < 1000; i++)
        frame(&play, 3);
    assert_int_equal(play.extra, 750);
    assert_true(sl_redundancy_share(&play.redundancy) > 0.2 &&
                sl_redundancy_share(&play.redundancy) < 0.3);
    start(&play, 1, 0, 44 * SL_MS, 0.1, 1);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(sl_redundancy_rows(&play.redundancy, 8, 8), 0);
}

/* A key frame takes its share as any other, however large, and leaves the others theirs. */
static void large_frames_get_their_share(void **state)
{
    (void)state;
    static struct play play;
    const int percents[] = {10, 25, 50, 100};
    for (size_t i = 0; i < SL_COUNT(percents); i++) {
        start(&play, 1, percents[i], 44 * SL_MS, 0, 1);
        size_t packets = 0, rows = 0;
        for (int n = 0; n < 600; n++) {
            const size_t size = n % 60 == 0 ? 120 : 8;
            const unsigned got = sl_redundancy_rows(&play.redundancy, size, size);
            if (size == 120)
                assert_in_range(got, 120 * percents[i] / 100, 120 * percents[i] / 100 + 1);
            packets += size;
            rows += got;
        }
        const double share = 100. * (double)rows / (double)packets;
        assert_true(share > percents[i] - 0.1 && share <= percents[i]);
    }
    /* More than what may be saved up. */
    start(&play, 2, SL_FEC_AUTO, 44 * SL_MS, 0.10, 1);
    for (int i = 0; i < 300; i++)
        frame(&play, 8);
    assert_true(sl_redundancy_rows(&play.redundancy, 120, 120) >= 18);
}

/* With a round trip beyond the deadline nothing but parity helps. */
static void a_long_way_gets_more(void **state)
{
    (void)state;
    static struct play near_play, far_play;
    start(&near_play, 1, SL_FEC_AUTO, 44 * SL_MS, 0.05, 1);
    start(&far_play, 1, SL_FEC_AUTO, 300 * SL_MS, 0.05, 1);
    for (int i = 0; i < 3000; i++) {
        frame(&near_play, 20);
        frame(&far_play, 20);
    }
    struct sl_redundancy_stats near_stats, far_stats;
    sl_redundancy_stats(&near_play.redundancy, &near_stats);
    sl_redundancy_stats(&far_play.redundancy, &far_stats);
    assert_true(far_stats.rows > near_stats.rows * 5 / 4);
}

/* Rows that are not sent along for want of means cost more resends, which cost more means ... */
static void resends_do_not_take_what_rows_need(void **state)
{
    (void)state;
    static struct play play;
    start(&play, 11, SL_FEC_AUTO, 44 * SL_MS, 0.20, 1);
    for (int i = 0; i < 300; i++)
        frame(&play, 8);
    sl_redundancy_resent(&play.redundancy, 200);
    unsigned rows = 0;
    for (int i = 0; i < 30; i++) {
        rows += sl_redundancy_rows(&play.redundancy, 8, 8);
        sl_redundancy_resent(&play.redundancy, 5);
    }
    assert_true(rows >= 30 * 4);
}

static void any_run_is_answered_without_memory(void **state)
{
    (void)state;
    static struct play play;
    const uint64_t before = sl_alloc_count();
    start(&play, 1, SL_FEC_AUTO, 44 * SL_MS, 0.3, 8);
    for (int i = 0; i < 200; i++)
        frame(&play, 8);
    for (size_t run = 0; run <= 2 * SL_REDUNDANCY_RUN_MAX; run++)
        assert_true(sl_redundancy_rows(&play.redundancy, run, run) <= 64);
    assert_int_equal(sl_alloc_count(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(meets_the_targets_of_random_loss),
        cmocka_unit_test(meets_the_targets_of_bursts),
        cmocka_unit_test(small_frames_save_up_for_rows),
        cmocka_unit_test(costs_nothing_on_a_clean_link),
        cmocka_unit_test(leaves_rare_loss_to_quick_resends),
        cmocka_unit_test(resends_that_miss_their_time_bring_parity),
        cmocka_unit_test(goes_up_in_half_a_second_and_down_in_two),
        cmocka_unit_test(a_fixed_share_is_kept_and_off_is_off),
        cmocka_unit_test(large_frames_get_their_share),
        cmocka_unit_test(a_long_way_gets_more),
        cmocka_unit_test(resends_do_not_take_what_rows_need),
        cmocka_unit_test(any_run_is_answered_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
