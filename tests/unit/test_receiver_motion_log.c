/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "receiver/motion_log.h"

static struct sl_motion_event event_of(uint32_t id, enum sl_motion_state state, int seconds)
{
    return (struct sl_motion_event){.id = id,
                                    .state = state,
                                    .score = 655,
                                    .start_ntp = 1000ull << 32,
                                    .last_ntp = (uint64_t)(1000 + seconds) << 32};
}

static struct sl_motion_lines hear(struct sl_motion_log *log, uint32_t id,
                                   enum sl_motion_state state, int seconds)
{
    struct sl_motion_lines lines;
    const struct sl_motion_event event = event_of(id, state, seconds);
    sl_motion_log_hear(log, "yard", &event, seconds * SL_SEC, &lines);
    return lines;
}

static void each_beginning_and_end_is_told_once(void **state)
{
    (void)state;
    struct sl_motion_log log = {0};
    struct sl_motion_lines lines = hear(&log, UINT32_MAX, SL_MOTION_GOES_ON, 1);
    assert_int_equal(lines.count, 1);
    assert_string_equal(lines.text[0], "motion yard started score=1.00");
    assert_true(log.moving);
    assert_int_equal(hear(&log, UINT32_MAX, SL_MOTION_GOES_ON, 2).count, 0);
    lines = hear(&log, UINT32_MAX, SL_MOTION_ENDED, 7);
    assert_int_equal(lines.count, 1);
    assert_string_equal(lines.text[0], "motion yard ended lasted_s=7.0 score=1.00");
    assert_false(log.moving);
    assert_int_equal(hear(&log, UINT32_MAX, SL_MOTION_ENDED, 8).count, 0);
    /* One that was overtaken by its end, and one that was by another event. */
    assert_int_equal(hear(&log, UINT32_MAX, SL_MOTION_GOES_ON, 8).count, 0);
    assert_false(log.moving);
    assert_int_equal(hear(&log, 0, SL_MOTION_GOES_ON, 9).count, 1);
    assert_int_equal(hear(&log, UINT32_MAX, SL_MOTION_ENDED, 9).count, 0);
    assert_true(log.moving);
}

static void a_new_event_ends_the_one_before(void **state)
{
    (void)state;
    struct sl_motion_log log = {0};
    assert_int_equal(hear(&log, 5, SL_MOTION_GOES_ON, 3).count, 1);
    const struct sl_motion_lines lines = hear(&log, 6, SL_MOTION_GOES_ON, 4);
    assert_int_equal(lines.count, 2);
    assert_string_equal(lines.text[0], "motion yard ended lasted_s=3.0 score=1.00");
    assert_string_equal(lines.text[1], "motion yard started score=1.00");
    assert_true(log.moving);
    /* Of the next only the end is heard. */
    assert_int_equal(hear(&log, 7, SL_MOTION_ENDED, 5).count, 1);
    assert_false(log.moving);
    assert_int_equal(hear(&log, 8, SL_MOTION_ENDED, 6).count, 0);
}

static void silence_ends_an_event(void **state)
{
    (void)state;
    struct sl_motion_log log = {0};
    struct sl_motion_lines lines;
    assert_true(sl_motion_log_due(&log) == SL_NEVER);
    assert_int_equal(hear(&log, 5, SL_MOTION_GOES_ON, 3).count, 1);
    assert_true(sl_motion_log_due(&log) == 6 * SL_SEC);
    sl_motion_log_tick(&log, "yard", 6 * SL_SEC - 1, &lines);
    assert_int_equal(lines.count, 0);
    sl_motion_log_tick(&log, "yard", 6 * SL_SEC, &lines);
    assert_int_equal(lines.count, 1);
    assert_string_equal(lines.text[0],
                        "motion yard ended lasted_s=3.0 score=1.00 not heard of any more");
    assert_true(sl_motion_log_due(&log) == SL_NEVER);
}

static void a_publisher_takes_its_motion_along(void **state)
{
    (void)state;
    struct sl_motion_log log = {0};
    struct sl_motion_lines lines;
    assert_int_equal(hear(&log, 500, SL_MOTION_GOES_ON, 3).count, 1);
    sl_motion_log_stop(&log, "yard", &lines);
    assert_int_equal(lines.count, 1);
    assert_false(log.moving);
    sl_motion_log_stop(&log, "yard", &lines);
    assert_int_equal(lines.count, 0);
    assert_int_equal(hear(&log, 4, SL_MOTION_GOES_ON, 4).count, 1); /* the next one's numbers */
}

/* Whatever a sender says of time. */
static void odd_times_do_no_harm(void **state)
{
    (void)state;
    struct sl_motion_log log = {0};
    struct sl_motion_lines lines;
    struct sl_motion_event event = event_of(1, SL_MOTION_GOES_ON, 0);
    event.last_ntp = 0;
    sl_motion_log_hear(&log, "yard", &event, 0, &lines);
    event.state = SL_MOTION_ENDED;
    sl_motion_log_hear(&log, "yard", &event, 0, &lines);
    assert_string_equal(lines.text[0], "motion yard ended lasted_s=0.0 score=1.00");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_beginning_and_end_is_told_once),
        cmocka_unit_test(a_new_event_ends_the_one_before),
        cmocka_unit_test(silence_ends_an_event),
        cmocka_unit_test(a_publisher_takes_its_motion_along),
        cmocka_unit_test(odd_times_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
