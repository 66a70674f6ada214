/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "jitter/playout.h"

#define INTERVAL (SL_SEC / 30)
#define BYTES 8000
#define HALF (INTERVAL / 2) /* of being late is not seen */

struct rig {
    struct sl_playout playout;
    sl_ns due; /* of the next frame, were it on time */
};

static void feed(struct rig *rig, sl_ns late, size_t bytes, bool repaired, sl_ns rise)
{
    const struct sl_playout_frame frame = {.ready = rig->due + late,
                                           .late = late,
                                           .rise = rise,
                                           .interval = INTERVAL,
                                           .bytes = bytes,
                                           .repaired = repaired};
    sl_playout_observe(&rig->playout, &frame);
    rig->due += INTERVAL;
}

static void frames(struct rig *rig, int count, sl_ns late)
{
    for (int i = 0; i < count; i++)
        feed(rig, late, BYTES, false, 0);
}

static void setup(struct rig *rig)
{
    sl_playout_init(&rig->playout);
    rig->due = 100 * SL_SEC;
    frames(rig, SL_PLAYOUT_START, 0);
}

/* The frames that a stall of `length` held back come at once. */
static void stall(struct rig *rig, sl_ns length)
{
    for (; length > 0; length -= INTERVAL)
        feed(rig, length, BYTES, false, 0);
}

static void the_first_second_does_not_count(void **state)
{
    (void)state;
    struct rig rig = {.due = 100 * SL_SEC};
    sl_playout_init(&rig.playout);
    frames(&rig, SL_PLAYOUT_START, 80 * SL_MS);
    frames(&rig, 300, 0);
    assert_int_equal(rig.playout.delay, 0);
}

static void what_is_on_time_is_not_held_back(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig);
    frames(&rig, 1000, 2 * SL_MS);
    assert_int_equal(rig.playout.delay, 0);
    frames(&rig, 1000, HALF);
    assert_int_equal(rig.playout.delay, 0);
    frames(&rig, 1000, HALF + 2 * SL_MS);
    assert_int_equal(rig.playout.delay, 2 * SL_MS);
}

static void three_of_a_hundred_may_be_late(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig);
    for (int i = 0; i < 1000; i++)
        feed(&rig, i % 38 == 0 ? INTERVAL - 5 * SL_MS : SL_MS, BYTES, true, 0);
    assert_int_equal(rig.playout.delay, 0);
    for (int i = 0; i < 300; i++)
        feed(&rig, i % 28 == 0 ? INTERVAL - 5 * SL_MS : SL_MS, BYTES, true, 0);
    assert_int_equal(rig.playout.delay, INTERVAL - 5 * SL_MS - HALF);
}

/* What comes with the next one is not seen: one in a hundred may. */
static void nearly_all_are_to_be_seen(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig);
    for (int i = 0; i < 1000; i++)
        feed(&rig, i % 100 == 0 ? 60 * SL_MS : SL_MS, BYTES, true, 0);
    assert_int_equal(rig.playout.delay, 0);
    for (int i = 0; i < 300; i++)
        feed(&rig, i % 70 == 0 ? 60 * SL_MS : SL_MS, BYTES, true, 0);
    assert_int_equal(rig.playout.delay, 60 * SL_MS - (INTERVAL - 5 * SL_MS));
}

/* Frames that are far apart are seen however late one of them is. */
static void slow_cameras_are_not_held_back(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig);
    for (int i = 0; i < 1000; i++) {
        const struct sl_playout_frame frame = {.ready = rig.due + i % 5 * 20 * SL_MS,
                                               .late = i % 5 * 20 * SL_MS,
                                               .interval = 200 * SL_MS,
                                               .bytes = BYTES};
        sl_playout_observe(&rig.playout, &frame);
        rig.due += 200 * SL_MS;
    }
    assert_int_equal(rig.playout.delay, 0);
}

static void a_few_late_ones_of_a_second_raise_it_step_by_step(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig);
    frames(&rig, 600, 0);
    for (int i = 0; i < 3; i++) {
        frames(&rig, 5, 0);
        frames(&rig, 1, 100 * SL_MS);
        assert_int_equal(rig.playout.delay, 0);
    }
    frames(&rig, 5, 0);
    frames(&rig, 1, 100 * SL_MS);
    assert_int_equal(rig.playout.delay, SL_PLAYOUT_RISE);
    frames(&rig, 1, 0);
    assert_int_equal(rig.playout.delay, 2 * SL_PLAYOUT_RISE);
    frames(&rig, 1, 0);
    assert_int_equal(rig.playout.delay, 100 * SL_MS - HALF);
}

static void it_falls_slowly_and_to_nothing(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig);
    frames(&rig, 10, 80 * SL_MS);
    assert_int_equal(rig.playout.delay, 80 * SL_MS - HALF);
    frames(&rig, 600, SL_MS); /* 300 to forget it, and then 10 s */
    const sl_ns at = rig.playout.delay;
    assert_in_range(at, 15 * SL_MS, 30 * SL_MS);
    frames(&rig, 30, SL_MS);
    assert_in_range(at - rig.playout.delay, 39 * SL_MS / 10, 41 * SL_MS / 10);
    frames(&rig, 300, SL_MS);
    assert_int_equal(rig.playout.delay, 0);
}

static void a_stall_is_one_event(void **state)
{
    (void)state;
    const sl_ns lengths[] = {100 * SL_MS, 400 * SL_MS, SL_PLAYOUT_MAX, 5 * SL_SEC};
    for (size_t i = 0; i < SL_COUNT(lengths); i++) {
        struct rig rig;
        setup(&rig);
        frames(&rig, 600, 0);
        stall(&rig, lengths[i]);
        frames(&rig, 600, 0);
        assert_int_equal(rig.playout.delay, 0);
        /* and leaves a delay as it was */
        frames(&rig, 300, 50 * SL_MS);
        stall(&rig, lengths[i]);
        frames(&rig, 10, 50 * SL_MS);
        assert_int_equal(rig.playout.delay, 50 * SL_MS - HALF);
    }
}

/* A link that chokes for a second: each frame later than the one before, then all is well. */
static void a_choking_link_is_one_event(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig);
    frames(&rig, 600, 0);
    for (int i = 0; i < 30; i++)
        feed(&rig, (i + 1) * 15 * SL_MS, BYTES, false, 0);
    frames(&rig, 60, 0);
    assert_true(rig.playout.delay <= 100 * SL_MS); /* what it began with */
    /* One that stays is how the link is. */
    frames(&rig, 30, 300 * SL_MS);
    assert_true(rig.playout.delay <= 120 * SL_MS);
    frames(&rig, 60, 300 * SL_MS);
    assert_int_equal(rig.playout.delay, 300 * SL_MS - HALF);
}

static void stalls_in_a_row_are_a_habit(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig);
    for (int i = 0; i < 20; i++) {
        stall(&rig, 100 * SL_MS);
        frames(&rig, 12, 0);
    }
    assert_in_range(rig.playout.delay, 60 * SL_MS, 100 * SL_MS);
}

static void what_is_later_than_can_be_waited_for_does_not_count(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig);
    frames(&rig, 300, 20 * SL_MS);
    frames(&rig, 300, SL_PLAYOUT_MAX + SL_MS);
    assert_int_equal(rig.playout.delay, 20 * SL_MS - HALF);
    frames(&rig, 300, SL_PLAYOUT_MAX);
    assert_int_equal(rig.playout.delay, SL_PLAYOUT_MAX - HALF);
}

/* One in 60 takes 25 ms, being four times as big: the quantile would leave it out. */
static void big_frames_are_waited_for(void **state)
{
    (void)state;
    for (int repaired = 0; repaired < 2; repaired++) {
        struct rig rig;
        setup(&rig);
        for (int i = 0; i < 600; i++)
            feed(&rig, i % 60 ? SL_MS : 25 * SL_MS, i % 60 ? BYTES : 4 * BYTES, repaired, 0);
        assert_int_equal(rig.playout.delay, repaired ? 0 : 25 * SL_MS - HALF);
    }
}

static void big_frames_are_forgotten(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig);
    for (int i = 0; i < 600; i++)
        feed(&rig, i % 60 ? SL_MS : 50 * SL_MS, i % 60 ? BYTES : 4 * BYTES, false, 0);
    frames(&rig, 30 * 60, SL_MS);
    assert_int_equal(rig.playout.delay, 0);
}

/* A path that got 30 ms slower is waited for; when the estimate follows, nothing moves on screen.
 */
static void a_slower_path_costs_nothing_once_it_is_believed(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig);
    frames(&rig, 300, SL_MS);
    frames(&rig, 300, 31 * SL_MS);
    assert_int_equal(rig.playout.delay, 31 * SL_MS - HALF);
    feed(&rig, SL_MS, BYTES, false, 30 * SL_MS);
    assert_in_range(rig.playout.delay, 0, SL_MS);
    assert_int_equal(sl_playout_wanted(&rig.playout), 0);
}

static void a_faster_path_does_not_make_the_past_late(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig);
    frames(&rig, 300, SL_MS);
    feed(&rig, 0, BYTES, false, -30 * SL_MS);
    frames(&rig, 60, SL_MS);
    assert_int_equal(rig.playout.delay, 0);
}

static void another_stream_keeps_the_delay_for_a_while(void **state)
{
    (void)state;
    for (int jump = 0; jump < 2; jump++) {
        struct rig rig;
        setup(&rig);
        frames(&rig, 300, 60 * SL_MS + HALF);
        if (!jump)
            sl_playout_restart(&rig.playout);
        feed(&rig, 0, BYTES, false, jump ? 20 * SL_SEC : 0);
        assert_in_range(rig.playout.delay, 59 * SL_MS, 60 * SL_MS);
        assert_int_equal(sl_playout_wanted(&rig.playout), 0);
        frames(&rig, 30 * 16, 0);
        assert_int_equal(rig.playout.delay, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_second_does_not_count),
        cmocka_unit_test(what_is_on_time_is_not_held_back),
        cmocka_unit_test(three_of_a_hundred_may_be_late),
        cmocka_unit_test(nearly_all_are_to_be_seen),
        cmocka_unit_test(slow_cameras_are_not_held_back),
        cmocka_unit_test(a_few_late_ones_of_a_second_raise_it_step_by_step),
        cmocka_unit_test(it_falls_slowly_and_to_nothing),
        cmocka_unit_test(a_stall_is_one_event),
        cmocka_unit_test(a_choking_link_is_one_event),
        cmocka_unit_test(stalls_in_a_row_are_a_habit),
        cmocka_unit_test(what_is_later_than_can_be_waited_for_does_not_count),
        cmocka_unit_test(big_frames_are_waited_for),
        cmocka_unit_test(big_frames_are_forgotten),
        cmocka_unit_test(a_slower_path_costs_nothing_once_it_is_believed),
        cmocka_unit_test(a_faster_path_does_not_make_the_past_late),
        cmocka_unit_test(another_stream_keeps_the_delay_for_a_while),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
