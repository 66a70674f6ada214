/* SPDX-License-Identifier: MIT */
/* The search for the highest rate that holds, and what it is judged by. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/fps_search.h"
#include "bench/fps_step.h"
#include "bench/tally.h"
#include "bench/usage.h"

/* Tries all that is asked for, with a machine that can do `limit`. Returns how many tries. */
static int search_all(struct sl_fps_search *search, int limit)
{
    int tries = 0;
    for (int rate; (rate = sl_fps_search_next(search)) != 0; tries++) {
        assert_in_range(rate, search->lowest, search->highest);
        assert_in_range(tries, 0, 20);
        sl_fps_search_tried(search, rate <= limit);
    }
    return tries;
}

static void finds_the_limit_from_any_estimate(void **state)
{
    (void)state;
    static const double estimates[] = {0.3, 0.7, 0.9, 1, 1.1, 1.5, 2};
    for (int limit = 20; limit <= 900; limit += 11) {
        for (size_t i = 0; i < SL_COUNT(estimates); i++) {
            struct sl_fps_search search;
            sl_fps_search_init(&search, estimates[i] * limit, 2, 1000, 20);
            const int tries = search_all(&search, limit);
            assert_true(tries <= 16);
            assert_true(search.held <= limit);
            assert_true(search.held >= 0.95 * limit - 1);
        }
    }
}

static void a_good_estimate_takes_few_tries(void **state)
{
    (void)state;
    struct sl_fps_search search;
    sl_fps_search_init(&search, 100, 2, 1000, 3);
    assert_int_equal(sl_fps_search_next(&search), 95);
    assert_true(search_all(&search, 100) <= 3);
    assert_in_range(search.held, 95, 100);
    sl_fps_search_init(&search, 130, 2, 1000, 3); /* too good */
    assert_int_equal(search_all(&search, 100), 3);
    assert_in_range(search.held, 70, 100);
}

static void keeps_to_its_bounds(void **state)
{
    (void)state;
    struct sl_fps_search search;
    sl_fps_search_init(&search, 5000, 2, 1000, 10);
    assert_int_equal(search_all(&search, 100000), 1); /* no more than the highest */
    assert_int_equal(search.held, 1000);
    sl_fps_search_init(&search, 0, 2, 1000, 10);
    assert_int_equal(search_all(&search, 0), 1); /* no less than the lowest */
    assert_int_equal(search.held, 0);
    sl_fps_search_init(&search, 100, 2, 1000, 4);
    assert_int_equal(search_all(&search, 1), 5);
    assert_int_equal(search.held, 0);
    sl_fps_search_init(&search, 100, 2, 1000, 0);
    assert_int_equal(sl_fps_search_next(&search), 0);
}

static void judges_a_step(void **state)
{
    (void)state;
    const struct sl_fps_step good = {.offered = 100, .done = 98, .worst = 95, .replaced = 0.01};
    assert_true(sl_fps_step_holds(&good));
    struct sl_fps_step step = good;
    step.done = 97.9;
    assert_false(sl_fps_step_holds(&step));
    step = good;
    step.worst = 94;
    assert_false(sl_fps_step_holds(&step));
    step = good;
    step.replaced = 0.011;
    assert_false(sl_fps_step_holds(&step));
}

static void finds_the_worst_second(void **state)
{
    (void)state;
    struct sl_tally_frame frames[40];
    for (int i = 0; i < 40; i++) {
        frames[i] = (struct sl_tally_frame){.handed = i * SL_SEC / 10, .seen = SL_SEC};
        if (i >= 10 && i < 14)
            frames[i].seen = SL_NEVER;
    }
    const struct sl_tally_result tally = {.handed = 40, .frames = frames};
    assert_float_equal(sl_fps_worst_second(&tally, 4 * SL_SEC), 6, 0);
    assert_float_equal(sl_fps_worst_second(&tally, SL_SEC), 10, 0);
    assert_float_equal(sl_fps_worst_second(&tally, 5 * SL_SEC), 0, 0); /* none in the last */
    assert_true(isnan(sl_fps_worst_second(&tally, SL_SEC / 2)));
}

static void names_the_busiest_thread(void **state)
{
    (void)state;
    struct sl_fps_step step = {.offered = 1};
    struct sl_usage usage = {.program = "sightline-sender",
                             .pid = 7,
                             .at = SL_SEC,
                             .threads = 3,
                             .thread = {{7, "sightline-sende", SL_SEC / 10},
                                        {8, "encode", SL_SEC / 5},
                                        {9, "sightline-sende", SL_SEC / 2}}};
    sl_fps_note_busiest(&step, &usage);
    assert_string_equal(step.busiest, "x264 (sightline-sender)");
    assert_float_equal(step.busiest_share, .5, 1e-9);
    usage.thread[2].cpu = SL_SEC / 4; /* no busier than what has been found already */
    usage.thread[1].cpu = SL_SEC / 3;
    sl_fps_note_busiest(&step, &usage);
    assert_string_equal(step.busiest, "x264 (sightline-sender)");
    usage.thread[1].cpu = SL_SEC;
    sl_fps_note_busiest(&step, &usage);
    assert_string_equal(step.busiest, "encode (sightline-sender)");
    usage.thread[0].cpu = 2 * SL_SEC;
    sl_fps_note_busiest(&step, &usage);
    assert_string_equal(step.busiest, "main (sightline-sender)");
}

static void reads_a_senders_line(void **state)
{
    (void)state;
    struct sl_fps_line line = {.fps = -1};
    assert_true(sl_fps_line_read(
        "stats fps=29.9 kbps=1987 encode_ms=3.2/4.6 age_ms=4.1/6.0 keys=1 key_requests=0 nacked=0 "
        "resent=0 loss=0.0% rtt_ms=0.2 replaced=3 dropped=4 audio=0 losses=0 bytes=1234",
        &line));
    assert_float_equal(line.fps, 29.9, 1e-9);
    assert_float_equal(line.kbps, 1987, 1e-9);
    assert_float_equal(line.encode_ms, 3.2, 1e-9);
    assert_true(line.replaced == 3 && line.dropped == 4);
    static const char *const others[] = {"",
                                         "live yard",
                                         "stats fps=3",
                                         "stats fps=3 kbps=4 ",
                                         "stats fps=nan kbps=4 encode_ms=1/2 replaced=1 dropped=2",
                                         "stats fps=3 kbps=4 encode_ms=1/2 replaced=x dropped=2",
                                         "stats fps=3 kbps=4 encode_ms=1/2 replaced=1 drop=2",
                                         "stats fps=3 kbps=4 replaced=1 dropped=2"};
    for (size_t i = 0; i < SL_COUNT(others); i++)
        assert_false(sl_fps_line_read(others[i], &line));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_limit_from_any_estimate),
        cmocka_unit_test(a_good_estimate_takes_few_tries),
        cmocka_unit_test(keeps_to_its_bounds),
        cmocka_unit_test(judges_a_step),
        cmocka_unit_test(finds_the_worst_second),
        cmocka_unit_test(names_the_busiest_thread),
        cmocka_unit_test(reads_a_senders_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
