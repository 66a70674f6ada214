/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/loss_figures.h"

#define FRAME (SL_SEC / 30)

/* A round of 30 frames in a second; `age` of each, 0: not shown. */
static void make(struct sl_round_result *round, const sl_ns age[30])
{
    struct sl_tally_result *tally = &round->camera[0].tally;
    memset(round, 0, sizeof(*round));
    round->cameras = 1;
    round->window = SL_SEC;
    tally->handed = 30;
    tally->ages = calloc(30, sizeof(*tally->ages));
    tally->frames = calloc(30, sizeof(*tally->frames));
    for (uint32_t i = 0; i < 30; i++) {
        const sl_ns handed = i * FRAME;
        tally->frames[i] = (struct sl_tally_frame){
            .number = i, .handed = handed, .seen = age[i] ? handed + age[i] : SL_NEVER};
        if (age[i])
            tally->ages[tally->shown++] = age[i];
    }
    tally->not_shown = 30 - tally->shown;
    sl_sort_times(tally->ages, tally->shown);
    round->counted = (struct sl_counters){
        .seconds = 2,
        .sent_bytes = 1100,
        .media_bytes = 1000,
        .repair_bytes = 30,
        .sent_packets = 200,
        .lost_packets = 10,
        .resent = 9,
        .decoded = 29,
        .decoded_seconds = 1,
        .frames_by_fec = 3,
    };
    round->repairs = (struct sl_told_repairs){.lost = 12, .by_fec = 11, .given_up = 1};
    for (int i = 0; i < 4; i++) /* the first and the last are outside the window */
        assert_int_equal(
            sl_series_add(&round->told[SL_RIG_DELAY_MS], (2 * i - 1) * SL_SEC / 4, 10 * i), 0);
}

static void near(double value, double wanted)
{
    if (!(fabs(value - wanted) < 1e-6))
        fail_msg("%f, wanted %f", value, wanted);
}

static void one_round(void **state)
{
    (void)state;
    struct sl_round_result round;
    struct sl_loss_figures f;
    sl_ns age[30];
    for (int i = 0; i < 30; i++)
        age[i] = (40 + i) * SL_MS;
    age[10] = age[11] = age[12] = 0; /* 134 ms from the one before to the one after */
    age[20] = 0;                     /* 68 ms: no freeze */
    age[29] = SL_LOSS_ON_TIME + 1;
    make(&round, age);
    round.camera[0].tally.freeze = 137 * SL_MS;
    sl_loss_figures_init(&f);
    assert_int_equal(sl_loss_figures_add(&f, &round), 0);
    near(sl_loss_shown_per_s(&f), 26);
    near(sl_loss_on_time_per_s(&f), 25);
    near(sl_loss_not_shown_percent(&f), 100 * 4 / 30.0);
    near(sl_loss_decoded_per_s(&f), 29);
    near(sl_loss_residual_percent(&f), 100 / 30.0);
    near(sl_loss_overhead_percent(&f), 10);
    near(sl_loss_link_percent(&f), 5);
    near(sl_loss_repair_percent(&f), 3);
    near(sl_loss_kbps(&f), 4);
    near(f.counted.frames_by_fec, 3);
    near(f.repairs.lost, 12);
    near(sl_series_quantile(&f.delay_ms, 0), 10);
    near(sl_series_quantile(&f.delay_ms, 1), 20);
    assert_true(isnan(sl_series_quantile(&f.rtt_ms, 0.5)));
    /* The last one appears 217 ms after the one before it. */
    assert_int_equal(f.freezes, 2);
    assert_int_equal(f.freeze, 137 * SL_MS);
    assert_int_equal(sl_loss_age(&f, 0), 40 * SL_MS);
    assert_int_equal(sl_loss_age(&f, 1), SL_LOSS_ON_TIME + 1);
    sl_round_free(&round);
    sl_loss_figures_free(&f);
}

/* The picture that stays until the end of the window is a freeze, too. */
static void frozen_at_the_end(void **state)
{
    (void)state;
    struct sl_round_result round;
    struct sl_loss_figures f;
    sl_ns age[30] = {0};
    for (int i = 0; i < 20; i++)
        age[i] = 10 * SL_MS;
    make(&round, age);
    sl_loss_figures_init(&f);
    assert_int_equal(sl_loss_figures_add(&f, &round), 0);
    assert_int_equal(f.freezes, 1);
    sl_round_free(&round);
    sl_loss_figures_free(&f);
}

/* So is that which was there when the window began, unless one of before still comes in it. */
static void frozen_at_the_begin(void **state)
{
    (void)state;
    struct sl_round_result round;
    struct sl_loss_figures f;
    sl_ns age[30] = {0};
    for (int i = 5; i < 30; i++)
        age[i] = 10 * SL_MS; /* the first appears after 177 ms */
    sl_loss_figures_init(&f);
    make(&round, age);
    assert_int_equal(sl_loss_figures_add(&f, &round), 0);
    assert_int_equal(f.freezes, 1);
    assert_int_equal(f.calm, 0);
    round.camera[0].tally.before = 60 * SL_MS;
    assert_int_equal(sl_loss_figures_add(&f, &round), 0);
    assert_int_equal(f.freezes, 1);
    assert_int_equal(f.calm, 1);
    sl_round_free(&round);
    sl_loss_figures_free(&f);
}

/* Of a window of so many seconds: pieces, and those without a freeze; freezes from .. to, in s. */
static void calm(int seconds, const double freeze[][2], int freezes, uint32_t pieces, uint32_t calm,
                 int piece)
{
    struct sl_round_result round;
    struct sl_loss_figures f;
    memset(&round, 0, sizeof(round));
    round.cameras = 1;
    round.window = seconds * SL_SEC;
    struct sl_tally_result *tally = &round.camera[0].tally;
    tally->ages = calloc((size_t)seconds * 30, sizeof(*tally->ages));
    tally->frames = calloc((size_t)seconds * 30, sizeof(*tally->frames));
    for (int i = 0; i < seconds * 30; i++) {
        struct sl_tally_frame *frame = &tally->frames[tally->handed++];
        *frame = (struct sl_tally_frame){(uint32_t)i, i * FRAME, i * FRAME + SL_MS};
        for (int k = 0; k < freezes; k++)
            if (i >= freeze[k][0] * 30 && i < freeze[k][1] * 30)
                frame->seen = SL_NEVER;
        if (frame->seen != SL_NEVER)
            tally->ages[tally->shown++] = SL_MS;
    }
    sl_loss_figures_init(&f);
    assert_int_equal(sl_loss_figures_add(&f, &round), 0);
    assert_int_equal(f.pieces, pieces);
    assert_int_equal(f.calm, calm);
    assert_int_equal(f.piece, piece * SL_SEC);
    near(sl_loss_calm_percent(&f), 100.0 * calm / pieces);
    sl_loss_figures_free(&f);
    sl_round_free(&round);
}

static void calm_pieces(void **state)
{
    (void)state;
    calm(60, (const double[][2]){{0, 0}}, 0, 1, 1, 60);
    calm(310, (const double[][2]){{5, 5.2}, {59.9, 60.1}}, 2, 5, 3, 60); /* in 1; in 1 and 2 */
    calm(310, (const double[][2]){{305, 306}}, 1, 5, 5, 60);             /* in no whole minute */
    calm(35, (const double[][2]){{5, 5.2}, {5.5, 6}, {20, 20.06}}, 3, 3, 2, 10);
    calm(30, (const double[][2]){{29.5, 30}}, 1, 3, 2, 10); /* to the end */
    calm(5, (const double[][2]){{1, 1.06}}, 1, 1, 1, 5);    /* 2 pictures less: 100 ms */
    calm(5, (const double[][2]){{1, 1.1}}, 1, 1, 0, 5);     /* 3: 133 */
}

static void rounds_are_pooled(void **state)
{
    (void)state;
    struct sl_round_result round;
    struct sl_loss_figures f;
    sl_loss_figures_init(&f);
    assert_true(isnan(sl_loss_shown_per_s(&f)) && isnan(sl_loss_overhead_percent(&f)));
    assert_int_equal(sl_loss_age(&f, 0.5), 0);
    for (int r = 0; r < 5; r++) {
        sl_ns age[30];
        for (int i = 0; i < 30; i++)
            age[i] = (100 - 10 * r) * SL_MS;
        make(&round, age);
        round.camera[0].tally.freeze = r == 1 ? 90 * SL_MS : 40 * SL_MS;
        if (r == 4) /* a path that does not tell in one round does not in all */
            round.counted.media_bytes = NAN;
        assert_int_equal(sl_loss_figures_add(&f, &round), 0);
        sl_round_free(&round);
    }
    assert_int_equal(f.rounds, 5);
    assert_int_equal(f.shown, 150);
    near(sl_loss_shown_per_s(&f), 30);
    near(sl_loss_link_percent(&f), 5);
    assert_true(isnan(sl_loss_overhead_percent(&f)));
    assert_int_equal(f.freeze, 90 * SL_MS);
    near(f.counted.resent, 45);
    near(f.repairs.by_fec, 55);
    assert_true(isnan(sl_loss_repair_percent(&f)) && isnan(sl_loss_kbps(&f)));
    assert_int_equal(f.delay_ms.count, 10);
    for (uint32_t i = 1; i < f.shown; i++)
        assert_true(f.ages[i - 1] <= f.ages[i]);
    assert_int_equal(sl_loss_age(&f, 0.5), 80 * SL_MS);
    sl_loss_figures_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_round),           cmocka_unit_test(frozen_at_the_end),
        cmocka_unit_test(frozen_at_the_begin), cmocka_unit_test(calm_pieces),
        cmocka_unit_test(rounds_are_pooled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
