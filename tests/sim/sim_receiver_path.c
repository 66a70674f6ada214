/* SPDX-License-Identifier: MIT */
/*
 * What is promised of a camera's picture on bad networks, over the whole path: camera, relay,
 * viewer. All by seed, in virtual time. Ages are the network's: encoder and screen are left out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/simpath.h"
#include "tests/support/span.h"

#define SPAN SIM_SPAN(300 * SL_SEC, 40 * SL_SEC)
#define SEEDS SIM_SPAN(3, 1)
#ifdef __SANITIZE_THREAD__
#define LONG (90 * SL_SEC)
#else
#define LONG (1800 * SL_SEC) /* also for whoever looks after memory */
#endif
#define WARM (3 * SL_SEC / 2) /* as in sightline-bench loss */
#define HZ 30

static struct sim_path path; /* one at a time */

/* The usual bad link: 20 ms each way, packets that overtake each other within 5 ms, on the uplink.
 */
static struct sim_path_config usual(uint64_t seed, double loss, sl_ns span)
{
    return (struct sim_path_config){
        .seed = seed,
        .up = {.delay = 20 * SL_MS, .reorder = 1, .reorder_by = 5 * SL_MS, .loss = loss},
        .up_back = {.delay = 20 * SL_MS},
        .down = SIM_PATH_CLEAN_LAN,
        .down_back = SIM_PATH_CLEAN_LAN,
        .camera = {.frames = (size_t)((span + 20 * SL_SEC) / SL_SEC * HZ)},
        .fec_percent = SL_FEC_AUTO,
        .latency = SL_JITTER_AUTO};
}

static struct sim_path_figures play(const char *name, const struct sim_path_config *config,
                                    sl_ns span)
{
    sim_path_open(&path, config);
    const sl_ns from = sim_now(path.sim) + WARM;
    sim_run_until(path.sim, from + span + SL_SEC);
    const struct sim_path_figures figures = sim_path_judge(&path, from, from + span);
    sim_path_print(name, &path, &figures);
    return figures;
}

static void a_clean_link_pays_nothing_for_fec(void **state)
{
    (void)state;
    struct sim_path_config config = usual(1, 0, SPAN);
    const struct sim_path_figures with = play("clean", &config, SPAN);
    assert_true(sim_path_overhead(&path) <= 0.05);
    assert_true(with.lost == 0);
    sim_path_close(&path);
    config.no_fec = true;
    const struct sim_path_figures without = play("clean, no FEC", &config, SPAN);
    sim_path_close(&path);
    assert_true(with.p50 - without.p50 <= SL_MS / 2 && without.p50 - with.p50 <= SL_MS / 2);
}

static void a_clean_lan_adds_nothing(void **state)
{
    (void)state;
    struct sim_path_config config = usual(1, 0, SPAN);
    config.up = config.up_back = SIM_PATH_CLEAN_LAN;
    const struct sim_path_figures automatic = play("LAN", &config, SPAN);
    sim_path_close(&path);
    config.latency = 0;
    const struct sim_path_figures at_once = play("LAN, delay 0", &config, SPAN);
    sim_path_close(&path);
    assert_true(automatic.p50 - at_once.p50 <= 2 * SL_MS);
    assert_true(automatic.p99 - at_once.p99 <= 5 * SL_MS);
}

static void five_percent(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        const struct sim_path_config config = usual(seed, 0.05, SPAN);
        const struct sim_path_figures f = play("5 %", &config, SPAN);
        assert_true(f.decoded >= 29.9 && f.shown >= 29.6);
        assert_true(f.lost <= 0.001);
        assert_true(f.p50 <= 45 * SL_MS && f.p99 <= 90 * SL_MS);
        assert_true(f.calm_minutes >= 0.95);
        assert_true(sim_path_overhead(&path) <= 0.30);
        sim_path_close(&path);
    }
}

static void ten_percent(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        const struct sim_path_config config = usual(seed, 0.10, SPAN);
        const struct sim_path_figures f = play("10 %", &config, SPAN);
        assert_true(f.lost <= 0.003);
        assert_true(f.freeze <= 200 * SL_MS);
        assert_true(sim_path_overhead(&path) <= 0.45);
        sim_path_close(&path);
    }
}

static void five_percent_in_bursts(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim_path_config config = usual(seed, 0, SPAN);
        config.up.burst_leave = 1 / 3.0;
        config.up.burst_enter = 0.05 / 0.95 / 3;
        config.up.burst_loss = 1;
        const struct sim_path_figures f = play("5 % in bursts of 3", &config, SPAN);
        assert_true(f.lost <= 0.005);
        assert_true(f.shown >= 29.6);
        sim_path_close(&path);
    }
}

static void twenty_percent(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        const struct sim_path_config config = usual(seed, 0.20, SPAN);
        const struct sim_path_figures f = play("20 %", &config, SPAN);
        assert_true(f.decoded >= 28 && f.shown >= 28);
        assert_true(sim_path_overhead(&path) <= 0.65);
        sim_path_close(&path);
    }
}

/* Both legs lose: the viewer's repairs what the relay lacked and lost. */
static void both_legs(void **state)
{
    (void)state;
    struct sim_path_config config = usual(1, 0.05, SPAN);
    config.down = config.up;
    config.down_back = config.up_back;
    const struct sim_path_figures f = play("5 % on both legs", &config, SPAN);
    assert_true(f.lost <= 0.002);
    assert_true(f.shown >= 29.4);
    assert_true(f.p50 <= 90 * SL_MS);
    sim_path_close(&path);
}

/* Rows for 100 packets of the uplink in the `span` from now. */
static double parity_of(sl_ns span)
{
    const struct sl_session_media_stats before = sim_end_stats(&path.in.client).media[SL_VIDEO];
    sim_run_for(path.sim, span);
    const struct sl_session_media_stats after = sim_end_stats(&path.in.client).media[SL_VIDEO];
    return 100. * (double)(after.fec_rows - before.fec_rows) /
           (double)(after.packets - before.packets);
}

/* Parity is at its full height half a second after loss began, and gone two seconds after it ended;
 * a round trip, within which nobody can know of either, is on top. */
static void parity_follows_the_loss(void **state)
{
    (void)state;
    const double losses[] = {0.05, 0.10, 0.20};
    const sl_ns unknown = 50 * SL_MS;
    for (size_t i = 0; i < SL_COUNT(losses); i++) {
        double soon = 0, steady = 0, after = 0;
        for (uint64_t seed = 1; seed <= SIM_SPAN(12, 1); seed++) {
            const struct sim_path_config config = usual(seed, 0, 40 * SL_SEC);
            sim_path_open(&path, &config);
            assert_true(parity_of(10 * SL_SEC) == 0);
            path.in.up.config.loss = losses[i];
            sim_run_for(path.sim, 500 * SL_MS + unknown);
            soon += parity_of(500 * SL_MS);
            sim_run_for(path.sim, 5 * SL_SEC);
            steady += parity_of(10 * SL_SEC);
            path.in.up.config.loss = 0;
            sim_run_for(path.sim, 2 * SL_SEC + unknown);
            after += parity_of(10 * SL_SEC);
            sim_path_close(&path);
        }
        printf("%2.0f %% loss: parity %.1f %% 0.5 s after it began, %.1f %% later, %.1f %% 2 s "
               "after it ended\n",
               100 * losses[i], soon / SIM_SPAN(12, 1), steady / SIM_SPAN(12, 1),
               after / SIM_SPAN(12, 1));
        assert_true(soon >= 0.8 * steady);
        assert_true(after == 0);
    }
}

/* Mean of what the camera was told to make in the `span` from now. */
static double bitrate_of(sl_ns span)
{
    double sum = 0;
    int looks = 0;
    for (const sl_ns until = sim_now(path.sim) + span; sim_now(path.sim) < until; looks++) {
        sum += (double)sl_session_bitrate(path.in.client.session);
        sim_run_for(path.sim, 50 * SL_MS);
    }
    return sum / looks;
}

static void squeeze(uint64_t seed, uint64_t wide_bps)
{
    /* On a link no wider than the ceiling the estimate swings between 0.85 and 1 of it. */
    const double enough = wide_bps > 2000000 ? 0.95 : 0.85;
    struct sim_path_config config = usual(seed, 0, 80 * SL_SEC);
    config.up = (struct sim_link_config){.delay = 20 * SL_MS,
                                         .jitter = 2 * SL_MS,
                                         .rate_bps = wide_bps,
                                         .queue_bytes = wide_bps / 8 / 2};
    sim_path_open(&path, &config);
    sim_run_for(path.sim, 10 * SL_SEC + (sl_ns)(seed % 60) * SL_SEC / HZ);
    const double full = bitrate_of(10 * SL_SEC);
    const sl_ns drop = sim_now(path.sim);
    path.in.up.config.rate_bps = 800000;
    sim_run_for(path.sim, 20 * SL_SEC);
    path.in.up.config.rate_bps = wide_bps;
    sl_ns back = 0;
    for (; sl_session_bitrate(path.in.client.session) < enough * full && back < 20 * SL_SEC;
         back += 100 * SL_MS)
        sim_run_for(path.sim, 100 * SL_MS);
    const double again = bitrate_of(10 * SL_SEC);
    sim_run_for(path.sim, 10 * SL_SEC);
    const struct sim_path_figures narrow =
        sim_path_judge(&path, drop + 2 * SL_SEC, drop + 20 * SL_SEC);
    const struct sim_path_figures all = sim_path_judge(&path, drop - SL_SEC, drop + 35 * SL_SEC);
    sim_path_print("800 kb/s, from 2 s on", &path, &narrow);
    printf("    of %.0f kb/s before; freeze %.0f ms; full rate %.1f s "
           "after the end, %.0f kb/s then\n",
           full / 1e3, (double)all.freeze / 1e6, (double)back / 1e9, again / 1e3);
    assert_true(narrow.most <= 300 * SL_MS);
    assert_true(all.freeze <= 500 * SL_MS);
    assert_true(back <= 10 * SL_SEC);
    assert_true(again >= enough * full);
    sim_path_close(&path);
}

/* 2 Mb/s of video on a link that is 800 kb/s for 20 s: one that else has room, and one that has as
 * much as that. */
static void a_squeezed_link(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SIM_SPAN(12, 1); seed++) {
        squeeze(seed, 4000000);
        squeeze(seed, 2000000);
    }
}

/* The longest freeze when a link of 4 Mb/s gets as narrow as 800 kb/s and its queue holds `queue`
 * bytes, `phase` frames after a key frame of 45 kB, as x264 makes them at 2 Mb/s: such a one takes
 * 475 ms on the narrow link. */
static sl_ns squeezed_freeze(int phase, size_t queue)
{
    const size_t key = 45000, second = 250000;
    struct sim_path_config config = usual((uint64_t)phase + 1, 0, 30 * SL_SEC);
    config.up = (struct sim_link_config){
        .delay = 20 * SL_MS, .rate_bps = 4000000, .queue_bytes = 4000000 / 8 / 5};
    config.camera.key_bytes = key;
    config.camera.picture_bytes = (2 * second - key) / (2 * HZ - 1);
    sim_path_open(&path, &config);
    sim_run_for(path.sim, 10 * SL_SEC + phase * SL_SEC / HZ);
    const sl_ns drop = sim_now(path.sim);
    path.in.up.config.rate_bps = 800000;
    path.in.up.config.queue_bytes = queue;
    sim_run_for(path.sim, 10 * SL_SEC);
    const struct sim_path_figures narrow =
        sim_path_judge(&path, drop + 2 * SL_SEC, drop + 10 * SL_SEC);
    const struct sim_path_figures all = sim_path_judge(&path, drop - SL_SEC, drop + 10 * SL_SEC);
    assert_true(narrow.most <= 300 * SL_MS);
    sim_path_close(&path);
    return all.freeze;
}

static void a_squeeze_that_meets_a_large_key_frame(void **state)
{
    (void)state;
    const size_t queues[] = {20000, 50000, 250000}; /* 0.2 s of the narrow link and more */
    const sl_ns most[] = {900 * SL_MS, 600 * SL_MS, 550 * SL_MS};
    for (size_t i = 0; i < SL_COUNT(queues); i++) {
        int phases = 0, over = 0;
        sl_ns longest = 0;
        for (int phase = 0; phase < 2 * HZ; phase += (int)SIM_SPAN(1, 6)) {
            const sl_ns freeze = squeezed_freeze(phase, queues[i]);
            phases++;
            over += freeze > 500 * SL_MS;
            longest = freeze > longest ? freeze : longest;
        }
        printf("squeeze with large key frames, queue %zu bytes: %d of %d freezes over 500 ms, "
               "longest %.0f ms\n",
               queues[i], over, phases, (double)longest / 1e6);
        assert_true(over * 10 <= phases);
        assert_true(longest <= most[i]);
    }
}

/* Promise 1: nothing creeps, be the clocks as they may; 50 ms of jitter and 1 % loss. */
static void nothing_creeps(void **state)
{
    (void)state;
    const sl_ns part = LONG / 6;
    for (int ppm = -200; ppm <= 200; ppm += 400) {
        struct sim_path_config config = usual(1, 0.01, LONG + 30 * SL_SEC);
        config.up.reorder = 0;
        config.up.jitter = 50 * SL_MS;
        config.camera_ppm = ppm;
        config.viewer_ppm = -ppm;
        sim_path_open(&path, &config);
        const sl_ns from = sim_now(path.sim) + 30 * SL_SEC, until = from + LONG;
        sim_run_until(path.sim, until + SL_SEC);
        const struct sim_path_figures first = sim_path_judge(&path, from, from + part);
        const struct sim_path_figures last = sim_path_judge(&path, until - part, until);
        sim_path_print("first sixth", &path, &first);
        sim_path_print("last sixth", &path, &last);
        assert_true(last.p99 - first.p99 <= 20 * SL_MS);
        assert_true(last.p50 - first.p50 <= 20 * SL_MS);
        assert_true(last.shown >= 29);
        sim_path_close(&path);
    }
}

/* Promises 1 and 3: a link that is gone heals within a second, by skipping. */
static void gone_links_heal(void **state)
{
    (void)state;
    const sl_ns spans[] = {SL_SEC, 5 * SL_SEC, 10 * SL_SEC, 25 * SL_SEC};
    for (size_t i = 0; i < SL_COUNT(spans); i++) {
        const struct sim_path_config config = usual(20 + i, 0.01, 60 * SL_SEC);
        sim_path_open(&path, &config);
        sim_run_for(path.sim, 20 * SL_SEC);
        const sl_ns gone = sim_now(path.sim);
        sim_link_black_out(&path.in.up, spans[i]);
        sim_link_black_out(&path.in.down, spans[i]);
        sim_run_for(path.sim, spans[i] + 20 * SL_SEC);
        const sl_ns there = gone + spans[i];
        const struct sim_path_figures before =
            sim_path_judge(&path, gone - 10 * SL_SEC, gone - SL_SEC);
        const struct sim_path_figures after =
            sim_path_judge(&path, there + SL_SEC, there + 10 * SL_SEC);
        sim_path_print("1 s after the link is back", &path, &after);
        assert_true(after.shown >= 29);
        assert_true(after.p50 <= before.p50 + 10 * SL_MS);
        assert_true(after.p99 <= before.p99 + 25 * SL_MS);
        sim_path_close(&path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clean_link_pays_nothing_for_fec),
        cmocka_unit_test(a_clean_lan_adds_nothing),
        cmocka_unit_test(five_percent),
        cmocka_unit_test(ten_percent),
        cmocka_unit_test(five_percent_in_bursts),
        cmocka_unit_test(twenty_percent),
        cmocka_unit_test(both_legs),
        cmocka_unit_test(parity_follows_the_loss),
        cmocka_unit_test(a_squeezed_link),
        cmocka_unit_test(a_squeeze_that_meets_a_large_key_frame),
        cmocka_unit_test(nothing_creeps),
        cmocka_unit_test(gone_links_heal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
