/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/impairment.h"

#define PACKETS 200000

static void assert_balanced(const struct sl_impairment *impairment)
{
    const struct sl_impairment_stats *s = &impairment->stats;
    assert_int_equal(s->received + s->duplicated,
                     s->passed + s->lost + s->queue_dropped + s->outage_dropped);
}

static struct sl_impairment_config config_of(const char *text)
{
    struct sl_impairment_config config = sl_impairment_config_default();
    char words[256];
    snprintf(words, sizeof(words), "%s", text);
    for (char *save, *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save))
        assert_int_equal(sl_impairment_config_set(&config, word), 0);
    return config;
}

/* Loss rate, and mean length of the runs of lost packets. */
static void measure(const char *text, double *rate, double *burst)
{
    const struct sl_impairment_config config = config_of(text);
    struct sl_impairment impairment;
    sl_impairment_init(&impairment, &config, 0);
    int lost = 0, runs = 0;
    bool before = false;
    for (int i = 0; i < PACKETS; i++) {
        const bool gone = sl_impairment_decide(&impairment, i * SL_MS, 1000).copies == 0;
        lost += gone;
        runs += gone && !before;
        before = gone;
        assert_balanced(&impairment);
    }
    assert_int_equal(impairment.stats.lost, lost);
    *rate = (double)lost / PACKETS;
    *burst = (double)lost / runs;
}

static void loss_and_bursts(void **state)
{
    (void)state;
    double rate, burst;
    measure("loss=5", &rate, &burst);
    assert_true(fabs(rate - 0.05) < 0.003);
    assert_true(fabs(burst - 1 / 0.95) < 0.03);
    measure("loss=5 burst=4", &rate, &burst);
    assert_true(fabs(rate - 0.05) < 0.006);
    assert_true(fabs(burst - 4) < 0.3);
    measure("loss=20 burst=2 seed=9", &rate, &burst);
    assert_true(fabs(rate - 0.20) < 0.01);
    assert_true(fabs(burst - 2) < 0.1);
    measure("loss=75 burst=3", &rate, &burst); /* as high as bursts of 3 go */
    assert_true(fabs(rate - 0.75) < 0.01);
    assert_true(fabs(burst - 3) < 0.1);
    measure("loss=5 burst=1", &rate, &burst); /* never two in a row */
    assert_true(fabs(rate - 0.05) < 0.003 && burst == 1);
    measure("loss=100", &rate, &burst);
    assert_true(rate == 1);
}

static void one_seed_one_fate(void **state)
{
    (void)state;
    const struct sl_impairment_config config = config_of("loss=10 jitter=20 dup=3 seed=42");
    const struct sl_impairment_config other = config_of("loss=10 jitter=20 dup=3 seed=43");
    struct sl_impairment a, b, c;
    sl_impairment_init(&a, &config, 0);
    sl_impairment_init(&b, &config, 0);
    sl_impairment_init(&c, &other, 0);
    int differ = 0;
    for (int i = 0; i < 10000; i++) {
        const struct sl_impairment_verdict x = sl_impairment_decide(&a, i * SL_MS, 1000);
        /* Other times and sizes: the same luck. */
        const struct sl_impairment_verdict y = sl_impairment_decide(&b, i * 7 * SL_MS, 50);
        const struct sl_impairment_verdict z = sl_impairment_decide(&c, i * SL_MS, 1000);
        assert_int_equal(x.copies, y.copies);
        if (x.copies)
            assert_int_equal(x.due[0] - i * SL_MS, y.due[0] - i * 7 * SL_MS);
        differ += x.copies != z.copies;
    }
    assert_true(differ > 1000);
}

static void delay_jitter_duplicates(void **state)
{
    (void)state;
    const struct sl_impairment_config config = config_of("delay=10 jitter=5 dup=10");
    struct sl_impairment impairment;
    sl_impairment_init(&impairment, &config, 0);
    double sum = 0;
    int doubled = 0;
    for (int i = 0; i < 20000; i++) {
        const sl_ns now = i * SL_MS;
        const struct sl_impairment_verdict v = sl_impairment_decide(&impairment, now, 1000);
        for (int j = 0; j < v.copies; j++)
            assert_in_range(v.due[j] - now, 10 * SL_MS, 15 * SL_MS);
        sum += (double)(v.due[0] - now);
        doubled += v.copies == 2;
        assert_balanced(&impairment);
    }
    assert_true(fabs(sum / 20000 - 12.5 * SL_MS) < 0.1 * SL_MS);
    assert_true(fabs(doubled / 20000.0 - 0.1) < 0.01);
}

static void bottleneck(void **state)
{
    (void)state;
    /* 1000 bytes with headers at 800 kbit/s: 10 ms each; at most 50 ms of waiting. */
    const struct sl_impairment_config config = config_of("rate=800 queue=50");
    struct sl_impairment impairment;
    sl_impairment_init(&impairment, &config, 0);
    for (int i = 0; i < 10; i++) {
        const struct sl_impairment_verdict v = sl_impairment_decide(&impairment, 0, 972);
        assert_int_equal(v.copies, i < 6);
        if (i < 6)
            assert_int_equal(v.due[0], (i + 1) * 10 * SL_MS);
        assert_balanced(&impairment);
    }
    assert_int_equal(impairment.stats.queue_dropped, 4);
    /* Emptied: the next one waits for nothing but itself. */
    assert_int_equal(sl_impairment_decide(&impairment, SL_SEC, 972).due[0], SL_SEC + 10 * SL_MS);
}

/* What comes faster than the bottleneck leaves at its rate; what waits too long is dropped. */
static void bottleneck_rate(void **state)
{
    (void)state;
    const struct sl_impairment_config config = config_of("rate=1000 queue=100 loss=10");
    struct sl_impairment impairment;
    sl_impairment_init(&impairment, &config, 0);
    uint64_t bits = 0;
    for (int i = 0; i < 20000; i++) { /* 1028 bytes each ms: 8.2 Mb/s, for 20 s */
        const sl_ns now = i * SL_MS;
        const struct sl_impairment_verdict v = sl_impairment_decide(&impairment, now, 1000);
        if (v.copies && v.due[0] <= 20 * SL_SEC)
            bits += 1028 * 8;
        if (v.copies) /* its wait, and its own time */
            assert_in_range(v.due[0] - now, 0, 100 * SL_MS + 1028 * 8 * SL_US);
        assert_balanced(&impairment);
    }
    assert_true(fabs((double)bits / 20 / 1e6 - 1) < 0.01);
}

/*
 * The n-th packet's fate is the seed's alone: neither an outage nor a full queue before it moves
 * the losses after it.
 */
static void fate_is_the_seeds(void **state)
{
    (void)state;
    const struct sl_impairment_config plain = config_of("loss=10 burst=3 seed=42");
    const struct sl_impairment_config busy =
        config_of("loss=10 burst=3 seed=42 outage=1,1 rate=5000 queue=10 jitter=7 dup=20");
    struct sl_impairment a, b;
    sl_impairment_init(&a, &plain, 0);
    sl_impairment_init(&b, &busy, 0);
    int lost = 0;
    for (int i = 0; i < 20000; i++) {
        const sl_ns now = i * SL_MS;
        const bool passed = sl_impairment_decide(&a, now, 1000).copies > 0;
        const uint64_t outage = b.stats.outage_dropped, queue = b.stats.queue_dropped;
        const bool passed_busy = sl_impairment_decide(&b, now, 1000).copies > 0;
        if (b.stats.outage_dropped == outage && b.stats.queue_dropped == queue)
            assert_int_equal(passed, passed_busy);
        lost += !passed;
    }
    assert_true(lost > 1000 && b.stats.queue_dropped > 1000 && b.stats.outage_dropped > 500);
}

static void outage(void **state)
{
    (void)state;
    const struct sl_impairment_config config = config_of("outage=5,2");
    struct sl_impairment impairment;
    const sl_ns start = 100 * SL_SEC;
    sl_impairment_init(&impairment, &config, start);
    for (int ms = 0; ms < 10000; ms += 10) {
        const int copies = sl_impairment_decide(&impairment, start + ms * SL_MS, 100).copies;
        assert_int_equal(copies, ms < 5000 || ms >= 7000);
        assert_balanced(&impairment);
    }
    assert_int_equal(impairment.stats.outage_dropped, 200);
}

static void outages_add_up(void **state)
{
    (void)state;
    const struct sl_impairment_config config = config_of("outage=1,1 outage=4,0.5 outage=1.5,1");
    struct sl_impairment impairment;
    sl_impairment_init(&impairment, &config, 7 * SL_SEC);
    for (int ms = 0; ms < 6000; ms += 10)
        assert_int_equal(sl_impairment_decide(&impairment, 7 * SL_SEC + ms * SL_MS, 100).copies,
                         !((ms >= 1000 && ms < 2500) || (ms >= 4000 && ms < 4500)));
    assert_balanced(&impairment);
}

/* What passes each second of a link that is 4 Mb/s wide, for a while 800 kb/s, and is always full.
 */
static void squeeze(void **state)
{
    (void)state;
    const struct sl_impairment_config config = config_of("rate=4000 squeeze=2,3,800 queue=50");
    struct sl_impairment impairment;
    const sl_ns start = 100 * SL_SEC;
    double bits[8] = {0};
    sl_ns last = start;
    sl_impairment_init(&impairment, &config, start);
    for (int i = 0; i < 8000; i++) { /* 8 Mb/s */
        const sl_ns now = start + i * SL_MS;
        const struct sl_impairment_verdict v = sl_impairment_decide(&impairment, now, 972);
        assert_balanced(&impairment);
        if (!v.copies)
            continue;
        /* In order, and what waits at the edge waits as long as the narrow link takes for it. */
        assert_true(v.due[0] > last && v.due[0] - now <= 50 * SL_MS + 10 * SL_MS);
        last = v.due[0];
        if (v.due[0] < start + 8 * SL_SEC)
            bits[(v.due[0] - start) / SL_SEC] += 8000;
    }
    for (int i = 0; i < 8; i++)
        if (fabs(bits[i] - (i < 2 || i > 4 ? 4e6 : 8e5)) > 16000)
            fail_msg("second %d: %.0f bits", i, bits[i]);
}

/* A packet that is on its way at an edge takes its time of both sides. */
static void squeeze_in_a_packet(void **state)
{
    (void)state;
    struct sl_impairment_config config = config_of("rate=1000 squeeze=1,1,500 queue=9000");
    struct sl_impairment impairment;
    sl_impairment_init(&impairment, &config, 0);
    /* 8000 bits: 4 ms at 1000 kbit/s, and the other half in 8 ms. */
    assert_int_equal(sl_impairment_decide(&impairment, 996 * SL_MS, 972).due[0], 1008 * SL_MS);
    /* 4 ms of 500 kbit/s and 6 of 1000. */
    assert_int_equal(sl_impairment_decide(&impairment, 1996 * SL_MS, 972).due[0], 2006 * SL_MS);
    /* 1.6 Mbit from 0 on: 1 in the first second, 0.5 in the next, 0.1 in what follows. */
    sl_ns due = 0;
    sl_impairment_init(&impairment, &config, 0);
    for (int i = 0; i < 200; i++)
        due = sl_impairment_decide(&impairment, 0, 972).due[0];
    assert_int_equal(due, 2100 * SL_MS);
    /* Without `rate` there is no bottleneck before and after, but what waits is not overtaken. */
    config = config_of("squeeze=1,1,500 squeeze=1.5,0.1,80 queue=9000");
    sl_impairment_init(&impairment, &config, 0);
    assert_int_equal(sl_impairment_decide(&impairment, 500 * SL_MS, 972).due[0], 500 * SL_MS);
    assert_int_equal(sl_impairment_decide(&impairment, SL_SEC, 972).due[0], 1016 * SL_MS);
    /* The narrowest: 8000 bits in the 100 ms of 80 kbit/s. */
    assert_int_equal(sl_impairment_decide(&impairment, 1500 * SL_MS, 972).due[0], 1600 * SL_MS);
    for (int i = 0; i < 100; i++)
        due = sl_impairment_decide(&impairment, 1900 * SL_MS, 972).due[0];
    assert_int_equal(due, 2 * SL_SEC);
    assert_int_equal(sl_impairment_decide(&impairment, 1950 * SL_MS, 972).due[0], 2 * SL_SEC);
    assert_int_equal(sl_impairment_decide(&impairment, 3 * SL_SEC, 972).due[0], 3 * SL_SEC);
}

static void words(void **state)
{
    (void)state;
    struct sl_impairment_config config = sl_impairment_config_default();
    static const char *const bad[] = {
        "loss=",          "loss=x",        "loss=-1",         "loss=101",     "loss=5x",
        "burst=0",        "rate=0",        "outage=5",        "outage=5,",    "outage=a,1",
        "delay=nan",      "outage=1,2,3",  "squeeze=1,2",     "squeeze=1,2,", "squeeze=1,2,0",
        "squeeze=-1,2,3", "squeeze=1,2,x", "squeeze=1,2,3,4", "squeeze="};
    for (size_t i = 0; i < SL_COUNT(bad); i++)
        if (sl_impairment_config_set(&config, bad[i]) != -EINVAL)
            fail_msg("'%s' was taken", bad[i]);
    assert_int_equal(sl_impairment_config_set(&config, "los=5"), -ENOENT);
    assert_int_equal(sl_impairment_config_set(&config, "loss"), -ENOENT);
    assert_int_equal(sl_impairment_config_set(&config, "=5"), -ENOENT);
    const struct sl_impairment_config clean = sl_impairment_config_default();
    assert_memory_equal(&config, &clean, sizeof(config));
    assert_int_equal(sl_impairment_config_set(&config, "delay=0.5"), 0);
    assert_int_equal(config.delay, 500 * SL_US);
    for (int i = 0; i < SL_IMPAIRMENT_SPANS; i++)
        assert_int_equal(
            sl_impairment_config_set(&config, i % 2 ? "outage=1,2" : "squeeze=1,2,300"), 0);
    const struct sl_impairment_config full = config;
    assert_int_equal(sl_impairment_config_set(&config, "outage=1,2"), -E2BIG);
    assert_memory_equal(&config, &full, sizeof(config));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_and_bursts),
        cmocka_unit_test(one_seed_one_fate),
        cmocka_unit_test(delay_jitter_duplicates),
        cmocka_unit_test(bottleneck),
        cmocka_unit_test(bottleneck_rate),
        cmocka_unit_test(fate_is_the_seeds),
        cmocka_unit_test(outage),
        cmocka_unit_test(outages_add_up),
        cmocka_unit_test(squeeze),
        cmocka_unit_test(squeeze_in_a_packet),
        cmocka_unit_test(words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
