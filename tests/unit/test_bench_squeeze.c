/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/squeeze.h"

#define FPS 25
#define FRAME (SL_SEC / FPS)
#define SECONDS 46 /* 10 before, 20 narrow, 16 after */

static void plans(void **state)
{
    (void)state;
    struct sl_squeeze_plan plan = {0, 0, 0};
    assert_true(sl_squeeze_find(&plan, " dir=both  delay=20 up.outage=1,2 up.squeeze=15,20,800"));
    assert_int_equal(plan.start, 15 * SL_SEC);
    assert_int_equal(plan.len, 20 * SL_SEC);
    assert_int_equal(plan.rate_bps, 800000);
    assert_true(sl_squeeze_find(&plan, "squeeze=1,2,300 squeeze=5,6,700"));
    assert_int_equal(plan.rate_bps, 300000);
    const struct sl_squeeze_plan before = plan;
    assert_false(sl_squeeze_find(&plan, "delay=20 down.squeeze=1,2,300"));
    assert_false(sl_squeeze_find(&plan, "outage=1,2"));
    assert_false(sl_squeeze_find(&plan, "squeeze=1,2"));
    assert_false(sl_squeeze_find(&plan, ""));
    assert_memory_equal(&plan, &before, sizeof(plan));
}

/* The link begins 5 s before the window: the drop is at 10 s. */
static const struct sl_squeeze_plan plan = {15 * SL_SEC, 20 * SL_SEC, 800000};

static void make(struct sl_round_result *round)
{
    struct sl_tally_result *tally = &round->camera[0].tally;
    memset(round, 0, sizeof(*round));
    round->cameras = 1;
    round->window = SECONDS * SL_SEC;
    round->link_began = -5 * SL_SEC;
    tally->handed = SECONDS * FPS;
    tally->frames = calloc(tally->handed, sizeof(*tally->frames));
    for (uint32_t i = 0; i < tally->handed; i++) {
        const sl_ns handed = i * FRAME;
        tally->frames[i] = (struct sl_tally_frame){i, handed, handed + 40 * SL_MS};
    }
    for (int i = 0; i < SECONDS * 5; i++) {
        const sl_ns at = i * SL_SEC / 5;
        const bool narrow = at >= 10 * SL_SEC && at < 34 * SL_SEC; /* 4 s longer than the link */
        assert_int_equal(sl_series_add(&round->told[SL_RIG_KBPS], at, narrow ? 500 : 2000), 0);
        assert_int_equal(sl_series_add(&round->told[SL_RIG_TARGET_KBPS], at, narrow ? 600 : 1950),
                         0);
    }
}

/* Frames handed over in [from, to) are this old when they appear; 0: they do not. */
static void age(struct sl_round_result *round, double from, double to, sl_ns age)
{
    struct sl_tally_frame *frames = round->camera[0].tally.frames;
    for (int i = (int)(from * FPS); i < (int)(to * FPS); i++)
        frames[i].seen = age ? frames[i].handed + age : SL_NEVER;
}

static void three_phases(void **state)
{
    (void)state;
    struct sl_round_result round;
    struct sl_squeeze_figures f = {.rounds = 0};
    make(&round);
    age(&round, 10, 11.6, 400 * SL_MS); /* the last of them is seen 1.56 + 0.4 s after the drop */
    age(&round, 12, 30, 200 * SL_MS);
    age(&round, 20, 20.2, 0); /* 6 frame times of 40 ms */
    age(&round, 35, 35.4, 0); /* after it: 11 */
    age(&round, 41, 42, 90 * SL_MS);
    assert_int_equal(sl_squeeze_add(&f, &plan, &round, 2000000), 0);
    assert_int_equal(f.rounds, 1);
    const struct sl_squeeze_seen *before = &f.phase[SL_SQUEEZE_BEFORE];
    const struct sl_squeeze_seen *narrow = &f.phase[SL_SQUEEZE_NARROW];
    const struct sl_squeeze_seen *after = &f.phase[SL_SQUEEZE_AFTER];
    assert_true(before->seconds == 10 && narrow->seconds == 18 && after->seconds == 6);
    assert_int_equal(before->ages.count, 10 * FPS);
    assert_int_equal(narrow->ages.count, 18 * FPS - 5);
    assert_int_equal(after->ages.count, 6 * FPS);
    assert_true(sl_series_quantile(&before->ages, 1) == 40);
    assert_true(sl_series_quantile(&narrow->ages, 0) == 200);
    assert_true(sl_series_quantile(&after->ages, 1) == 90);
    assert_int_equal(before->freeze, 40 * SL_MS);
    assert_int_equal(narrow->freeze, 240 * SL_MS);
    assert_int_equal(after->freeze, 90 * SL_MS);
    assert_true(sl_series_mean(&before->kbps, 0, SL_NEVER) == 2000);
    assert_true(sl_series_mean(&narrow->kbps, 0, SL_NEVER) == 500);
    assert_true(sl_series_mean(&after->kbps, 0, SL_NEVER) == 2000);
    assert_int_equal(f.settled, 1960 * SL_MS);
    assert_int_equal(f.freeze, 440 * SL_MS);
    assert_int_equal(f.back, 4 * SL_SEC);
    sl_squeeze_free(&f);
    sl_round_free(&round);
}

/* A second round that is worse in all; the first one's good figures do not hide it. */
static void the_worst_round(void **state)
{
    (void)state;
    struct sl_round_result round;
    struct sl_squeeze_figures f = {.rounds = 0};
    make(&round);
    assert_int_equal(sl_squeeze_add(&f, &plan, &round, 2000000), 0);
    assert_int_equal(f.settled, 0);
    assert_int_equal(f.freeze, 40 * SL_MS);
    assert_int_equal(f.back, 4 * SL_SEC);
    age(&round, 25, 26, 301 * SL_MS);
    age(&round, 40, SECONDS, 0);                                     /* to the end */
    assert_int_equal(sl_squeeze_add(&f, &plan, &round, 3000000), 0); /* never reached */
    assert_int_equal(f.rounds, 2);
    assert_int_equal(f.settled, 15 * SL_SEC + 960 * SL_MS + 301 * SL_MS);
    assert_int_equal(f.freeze, SECONDS * SL_SEC - (40 * SL_SEC));
    assert_int_equal(f.back, SL_NEVER);
    assert_int_equal(f.phase[SL_SQUEEZE_NARROW].ages.count, 2 * 18 * FPS);
    sl_squeeze_free(&f);
    sl_round_free(&round);
}

/* What was not watched, and who tells nothing. */
static void little_is_known(void **state)
{
    (void)state;
    struct sl_round_result round;
    struct sl_squeeze_figures f = {.rounds = 0};
    make(&round);
    round.link_began = -20 * SL_SEC; /* the drop was before */
    round.told[SL_RIG_TARGET_KBPS].count = round.told[SL_RIG_KBPS].count = 0;
    assert_int_equal(sl_squeeze_add(&f, &plan, &round, 2000000), 0);
    assert_true(f.phase[SL_SQUEEZE_BEFORE].seconds == 0);
    assert_true(f.phase[SL_SQUEEZE_NARROW].seconds == 15);
    assert_true(isnan(sl_series_mean(&f.phase[SL_SQUEEZE_NARROW].kbps, 0, SL_NEVER)));
    assert_int_equal(f.back, SL_NEVER);
    sl_squeeze_free(&f);
    sl_round_free(&round);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans),
        cmocka_unit_test(three_phases),
        cmocka_unit_test(the_worst_round),
        cmocka_unit_test(little_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
