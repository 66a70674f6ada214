/* SPDX-License-Identifier: MIT */
#include "viewer/lane.h"

#include <dirent.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libavutil/log.h>

#include "base/wake.h"

/* tests/media/moving-160x120.h264: 20 pictures, a key frame at 0 and 10, an AUD before each. */
struct fixture {
    uint8_t bytes[65536];
    const uint8_t *at[21];
    struct sl_wake shown, wanted;
    struct sl_lane *lane;
    sl_ns now;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    FILE *file = fopen(SL_TEST_DIR "/media/moving-160x120.h264", "rb");
    assert_non_null(file);
    const size_t total = fread(f->bytes, 1, sizeof(f->bytes), file);
    fclose(file);
    int units = 0;
    for (size_t i = 0; i + 5 < total; i++)
        if (!memcmp(f->bytes + i, "\0\0\0\1\11", 5))
            f->at[units++] = f->bytes + i;
    assert_int_equal(units, 20);
    f->at[20] = f->bytes + total;
    assert_int_equal(sl_wake_init(&f->shown), 0);
    assert_int_equal(sl_wake_init(&f->wanted), 0);
    assert_int_equal(sl_lane_create(&f->lane, SL_LANE_UNITS, &f->shown, &f->wanted), 0);
    f->now = SL_SEC;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    sl_lane_destroy(f->lane);
    sl_wake_fini(&f->shown);
    sl_wake_fini(&f->wanted);
    free(f);
    return 0;
}

static struct sl_lane_stats balanced(struct fixture *f)
{
    struct sl_lane_stats s;
    sl_lane_stats(f->lane, &s);
    assert_int_equal(s.offered,
                     s.decoded + s.hidden + s.waiting + s.full + s.overload + s.damaged + s.held);
    assert_int_equal(s.decoded, s.shown + s.late + s.superseded + s.empty);
    return s;
}

static struct sl_unit unit_at(const struct fixture *f, int i)
{
    return (struct sl_unit){.data = f->at[i],
                            .len = (size_t)(f->at[i + 1] - f->at[i]),
                            .key = i % 10 == 0,
                            .has_capture = true,
                            .captured = i * SL_MS,
                            .offered = f->now};
}

static bool offer(struct fixture *f, int i)
{
    const struct sl_unit unit = unit_at(f, i);
    const bool waits = sl_lane_offer(f->lane, &unit);
    balanced(f);
    return waits;
}

static void run_all(struct fixture *f)
{
    while (sl_lane_run(f->lane, f->now))
        balanced(f);
}

static bool woken(struct sl_wake *wake)
{
    struct pollfd entry = {.fd = wake->fd, .events = POLLIN};
    const bool yes = poll(&entry, 1, 0) == 1;
    sl_wake_clear(wake);
    return yes;
}

static int threads_now(void)
{
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    int count = 0;
    while (readdir(tasks))
        count++;
    closedir(tasks);
    return count;
}

/* More threads come with the next key frame, and no picture is lost by it. */
static void test_cores_are_shared_anew_at_a_key_frame(void **state)
{
    struct fixture *f = *state;
    sl_lane_want(f->lane, 160, 120);
    const int before = threads_now();
    for (int i = 0; i < 20; i++) {
        if (i == 5)
            sl_lane_share(f->lane, 2);
        assert_true(offer(f, i));
        run_all(f);
        assert_non_null(sl_lane_take(f->lane, f->now));
        if (i < 10)
            assert_int_equal(threads_now(), before);
        else
            assert_true(threads_now() > before);
    }
    assert_int_equal(balanced(f).shown, 20);
}

/* Offers unit `i` as if it had waited so long. */
static void run_late(struct fixture *f, int i, sl_ns wait)
{
    struct sl_unit unit = unit_at(f, i);
    unit.offered = f->now - wait;
    assert_true(sl_lane_offer(f->lane, &unit));
    run_all(f);
}

/* So many units in a row that have waited long, up to a key frame at most. */
static void hurry(struct fixture *f, int from, int count)
{
    for (int i = from; i < from + count; i++)
        run_late(f, i, SL_LANE_WAIT_LONG + 1);
}

static void test_a_small_tile_is_eased_when_units_wait_long(void **state)
{
    struct fixture *f = *state;
    sl_lane_want(f->lane, 80, 60);
    sl_lane_key_wanted(f->lane);
    run_late(f, 0, SL_LANE_WAIT_LONG);
    hurry(f, 1, SL_LANE_LONG_WAITS - 1);
    run_late(f, 8, 0); /* a burst, no more */
    assert_int_equal(balanced(f).eased, 0);
    hurry(f, 10, SL_LANE_LONG_WAITS);
    assert_int_equal(balanced(f).eased, 1);
    run_late(f, 18, 0); /* refers to what is not quite right */
    assert_int_equal(balanced(f).eased, 2);
    f->now += SL_LANE_CALM;
    run_late(f, 0, 0); /* not calm yet */
    assert_int_equal(balanced(f).eased, 3);
    assert_false(sl_lane_key_wanted(f->lane));
    f->now++;
    run_late(f, 1, 0);
    assert_int_equal(balanced(f).eased, 4);
    assert_true(sl_lane_key_wanted(f->lane)); /* to be mended */
    run_late(f, 2, 0);
    assert_false(sl_lane_key_wanted(f->lane)); /* once is enough for a while */
    run_late(f, 10, 0);
    run_late(f, 11, 0);
    assert_int_equal(balanced(f).eased, 5);
    assert_int_equal(balanced(f).damaged, 0);
}

static void test_a_large_tile_is_never_eased(void **state)
{
    struct fixture *f = *state;
    sl_lane_want(f->lane, 82, 62);
    hurry(f, 0, 10);
    assert_int_equal(balanced(f).eased, 0);
    sl_lane_want(f->lane, 80, 60);
    hurry(f, 10, 2); /* still large, and small from now on */
    assert_int_equal(balanced(f).eased, 1);
    sl_lane_want(f->lane, 160, 120); /* enlarged: to be mended at once */
    run_late(f, 12, 0);
    sl_lane_key_wanted(f->lane);
    hurry(f, 13, 1);
    assert_true(sl_lane_key_wanted(f->lane));
    assert_int_equal(balanced(f).eased, 3);
    hurry(f, 0, 1);
    assert_int_equal(balanced(f).eased, 3);
}

static unsigned sum_of(const struct sl_picture *picture)
{
    unsigned sum = 0;
    for (int y = 0; y < picture->height; y++)
        for (int x = 0; x < picture->width; x++)
            sum = sum * 31 + picture->plane[0][y * picture->stride[0] + x];
    return sum;
}

/* Eased is another picture; after a key frame it is the right one again. */
static void test_easing_ends_with_a_key_frame(void **state)
{
    struct fixture *f = *state;
    unsigned right[20], eased[20];
    sl_lane_want(f->lane, 80, 60);
    for (int i = 0; i < 20; i++) {
        run_late(f, i, 0);
        right[i] = sum_of(&sl_lane_take(f->lane, f->now)->picture);
    }
    for (int i = 0; i < 20; i++) {
        if (i == 10)
            f->now += SL_LANE_CALM + 1;
        run_late(f, i, i < 10 ? SL_LANE_WAIT_LONG + 1 : 0);
        eased[i] = sum_of(&sl_lane_take(f->lane, f->now)->picture);
    }
    for (int i = 0; i < 20; i++)
        assert_true((eased[i] == right[i]) == (i < SL_LANE_LONG_WAITS - 1 || i >= 10));
}

/* At a quarter of its size a picture is always eased, which does not count; enlarged it is asked
 * for anew, and right from the next key frame on. */
static void test_a_tiny_tile_is_always_eased(void **state)
{
    struct fixture *f = *state;
    unsigned right[20];
    sl_lane_want(f->lane, 160, 120);
    for (int i = 0; i < 20; i++) {
        run_late(f, i, 0);
        right[i] = sum_of(&sl_lane_take(f->lane, f->now)->picture);
    }
    sl_lane_want(f->lane, 40, 30);
    for (int i = 0; i < 5; i++) {
        run_late(f, i, 0);
        assert_non_null(sl_lane_take(f->lane, f->now));
    }
    assert_int_equal(balanced(f).eased, 0);
    sl_lane_key_wanted(f->lane);
    sl_lane_want(f->lane, 160, 120);
    for (int i = 5; i < 20; i++) {
        run_late(f, i, 0);
        assert_int_equal(sl_lane_key_wanted(f->lane),
                         i == 6); /* the tile's size is known by then */
        const unsigned got = sum_of(&sl_lane_take(f->lane, f->now)->picture);
        assert_true((got == right[i]) == (i >= 10));
    }
    assert_int_equal(balanced(f).eased, 4);
    assert_int_equal(balanced(f).damaged, 0);
}

static void test_pictures_arrive_in_order(void **state)
{
    struct fixture *f = *state;
    sl_lane_want(f->lane, 160, 120);
    assert_null(sl_lane_take(f->lane, f->now));
    for (int i = 0; i < 20; i++) {
        assert_true(offer(f, i));
        assert_null(sl_lane_take(f->lane, f->now));
        run_all(f);
        assert_true(woken(&f->shown));
        const struct sl_shown *shown = sl_lane_take(f->lane, f->now);
        assert_non_null(shown);
        assert_int_equal(shown->picture.width, 160);
        assert_int_equal(shown->picture.height, 120);
        assert_true(shown->has_capture);
        assert_int_equal(shown->picture.captured, i * SL_MS);
        assert_null(sl_lane_take(f->lane, f->now));
        f->now += 33 * SL_MS;
    }
    assert_int_equal(balanced(f).shown, 20);
}

static void test_scaled_to_the_cell_ratio_kept(void **state)
{
    struct fixture *f = *state;
    const int cells[][4] = {
        {80, 60, 80, 60}, {200, 60, 80, 60}, {320, 240, 320, 240}, {55, 300, 54, 40}};
    for (int i = 0; i < 4; i++) {
        sl_lane_want(f->lane, cells[i][0], cells[i][1]);
        assert_true(offer(f, i));
        run_all(f);
        const struct sl_shown *shown = sl_lane_take(f->lane, f->now);
        assert_non_null(shown);
        assert_int_equal(shown->picture.width, cells[i][2]);
        assert_int_equal(shown->picture.height, cells[i][3]);
        assert_int_equal(shown->source_width, 160);
        f->now += SL_SEC;
    }
}

static void test_newest_wins_and_the_shown_one_stays(void **state)
{
    struct fixture *f = *state;
    sl_lane_want(f->lane, 160, 120);
    assert_true(offer(f, 0));
    run_all(f);
    const struct sl_shown *first = sl_lane_take(f->lane, f->now);
    const uint8_t corner = first->picture.plane[0][0];
    uint8_t *copy = malloc(160 * 120);
    for (int y = 0; y < 120; y++)
        memcpy(copy + y * 160, first->picture.plane[0] + y * first->picture.stride[0], 160);
    for (int i = 1; i < 10; i++) {
        assert_true(offer(f, i));
        run_all(f);
        f->now += 33 * SL_MS;
    }
    /* Nine more were made; the one on screen was left alone. */
    assert_int_equal(first->picture.plane[0][0], corner);
    for (int y = 0; y < 120; y++)
        assert_memory_equal(copy + y * 160, first->picture.plane[0] + y * first->picture.stride[0],
                            160);
    free(copy);
    assert_int_equal(sl_lane_take(f->lane, f->now)->picture.captured, 9 * SL_MS);
    assert_null(sl_lane_take(f->lane, f->now));
    const struct sl_lane_stats s = balanced(f);
    assert_int_equal(s.superseded, 8);
    assert_int_equal(s.shown, 2);
}

static void test_a_backlog_is_decoded_but_only_its_last_is_shown(void **state)
{
    struct fixture *f = *state;
    sl_lane_want(f->lane, 80, 60);
    for (int i = 0; i < 10; i++)
        assert_true(offer(f, i));
    run_all(f);
    const struct sl_lane_stats s = balanced(f);
    assert_int_equal(s.decoded, 10);
    assert_int_equal(sl_lane_take(f->lane, f->now)->picture.captured, 9 * SL_MS);
}

/* The picture came late; the next one is there, but held back: it does not take its place. */
static void test_a_held_unit_does_not_replace_a_late_picture(void **state)
{
    struct fixture *f = *state;
    sl_lane_want(f->lane, 80, 60);
    for (int i = 0; i < 3; i++) {
        struct sl_unit unit = unit_at(f, i);
        unit.due = f->now - 10 * SL_MS + i * 33 * SL_MS;
        unit.offered = i < 1 ? f->now : unit.due - 10 * SL_MS;
        assert_true(sl_lane_offer(f->lane, &unit));
    }
    assert_true(sl_lane_run(f->lane, f->now)); /* publishes: nothing was published before */
    assert_int_equal(sl_lane_take(f->lane, f->now)->picture.captured, 0);
    f->now += 30 * SL_MS; /* the second is late by now, the third not due */
    assert_true(sl_lane_run(f->lane, f->now));
    const struct sl_shown *shown = sl_lane_take(f->lane, f->now);
    assert_non_null(shown);
    assert_int_equal(shown->picture.captured, SL_MS);
    assert_int_equal(balanced(f).superseded, 0);
}

static void test_late_is_decoded_and_not_shown(void **state)
{
    struct fixture *f = *state;
    sl_lane_want(f->lane, 160, 120);
    assert_true(offer(f, 0));
    run_all(f);
    assert_non_null(sl_lane_take(f->lane, f->now));
    struct sl_unit unit = unit_at(f, 1);
    unit.late = true;
    assert_true(sl_lane_offer(f->lane, &unit));
    run_all(f);
    assert_null(sl_lane_take(f->lane, f->now));
    assert_true(offer(f, 2)); /* its reference is there */
    run_all(f);
    assert_non_null(sl_lane_take(f->lane, f->now));
    assert_int_equal(balanced(f).late, 1);
}

static void test_nothing_before_a_key_frame(void **state)
{
    struct fixture *f = *state;
    sl_lane_want(f->lane, 160, 120);
    assert_true(sl_lane_key_wanted(f->lane)); /* a tile that appears asks at once */
    assert_true(woken(&f->wanted));
    assert_false(sl_lane_key_wanted(f->lane));
    for (int i = 1; i < 10; i++)
        assert_false(offer(f, i));
    assert_true(sl_lane_key_wanted(f->lane)); /* once for all nine */
    assert_true(offer(f, 10));
    run_all(f);
    assert_non_null(sl_lane_take(f->lane, f->now));
    assert_int_equal(balanced(f).waiting, 9);
}

static void test_a_break_waits_for_a_key_frame(void **state)
{
    struct fixture *f = *state;
    sl_lane_want(f->lane, 160, 120);
    assert_true(offer(f, 0));
    run_all(f);
    (void)sl_lane_key_wanted(f->lane);
    sl_lane_break(f->lane);
    assert_true(sl_lane_key_wanted(f->lane));
    assert_false(offer(f, 1));
    assert_false(offer(f, 2));
    assert_true(offer(f, 10));
    run_all(f);
    assert_int_equal(sl_lane_take(f->lane, f->now)->picture.captured, 10 * SL_MS);
}

static void test_a_full_ring_breaks_the_chain(void **state)
{
    struct fixture *f = *state;
    sl_lane_want(f->lane, 160, 120);
    assert_true(offer(f, 0));
    for (int i = 1; i < SL_LANE_UNITS; i++)
        assert_true(offer(f, 1));
    (void)sl_lane_key_wanted(f->lane);
    assert_false(offer(f, 1));
    assert_true(sl_lane_key_wanted(f->lane));
    assert_int_equal(balanced(f).full, 1);
    run_all(f); /* the ring is free again, but the chain is not whole */
    assert_false(offer(f, 2));
    assert_true(offer(f, 10));
    /* A unit that is too large is refused likewise. */
    struct sl_unit unit = unit_at(f, 11);
    unit.len = SL_LANE_UNIT_MAX + 1;
    assert_false(sl_lane_offer(f->lane, &unit));
    assert_int_equal(balanced(f).full, 2);
}

static void test_overload_skips_to_the_next_key_frame(void **state)
{
    struct fixture *f = *state;
    sl_lane_want(f->lane, 160, 120);
    assert_true(offer(f, 0));
    run_all(f);
    (void)sl_lane_key_wanted(f->lane);
    for (int i = 1; i < 4; i++)
        assert_true(offer(f, i));
    f->now += SL_LANE_WAIT_MAX + 1;
    assert_true(offer(f, 4));
    assert_true(offer(f, 10));
    run_all(f);
    const struct sl_lane_stats s = balanced(f);
    assert_int_equal(s.overload, 1);
    assert_int_equal(s.waiting, 3);
    assert_true(sl_lane_key_wanted(f->lane));
    assert_int_equal(sl_lane_take(f->lane, f->now)->picture.captured, 10 * SL_MS);
}

static void test_damage_waits_for_a_key_frame(void **state)
{
    struct fixture *f = *state;
    sl_lane_want(f->lane, 160, 120);
    assert_true(offer(f, 0));
    run_all(f);
    (void)sl_lane_key_wanted(f->lane);
    struct sl_unit unit = unit_at(f, 1);
    unit.len /= 2;
    assert_true(sl_lane_offer(f->lane, &unit));
    run_all(f);
    assert_true(sl_lane_key_wanted(f->lane));
    assert_true(offer(f, 2));
    run_all(f);
    assert_true(sl_lane_key_wanted(f->lane)); /* asked again: the first may have been lost */
    assert_true(offer(f, 10));
    run_all(f);
    const struct sl_lane_stats s = balanced(f);
    assert_int_equal(s.damaged, 1);
    assert_int_equal(s.waiting, 1);
    assert_int_equal(sl_lane_take(f->lane, f->now)->picture.captured, 10 * SL_MS);
}

static void test_hidden_is_not_decoded(void **state)
{
    struct fixture *f = *state;
    assert_false(offer(f, 0)); /* hidden until it is wanted */
    sl_lane_want(f->lane, 160, 120);
    assert_true(offer(f, 0));
    run_all(f);
    assert_non_null(sl_lane_take(f->lane, f->now));
    sl_lane_want(f->lane, 0, 0);
    (void)sl_lane_key_wanted(f->lane);
    for (int i = 1; i < 5; i++)
        assert_false(offer(f, i));
    assert_false(sl_lane_key_wanted(f->lane));
    sl_lane_want(f->lane, 160, 120);
    assert_true(sl_lane_key_wanted(f->lane));
    assert_false(offer(f, 5));
    assert_true(offer(f, 10));
    run_all(f);
    assert_non_null(sl_lane_take(f->lane, f->now));
    const struct sl_lane_stats s = balanced(f);
    assert_int_equal(s.hidden, 5);
    assert_int_equal(s.decoded, 2);
}

static void test_a_picture_is_not_taken_before_it_is_due(void **state)
{
    struct fixture *f = *state;
    sl_lane_want(f->lane, 160, 120);
    assert_true(sl_lane_due(f->lane) == SL_NEVER);
    struct sl_unit unit = unit_at(f, 0);
    unit.due = f->now + 20 * SL_MS;
    assert_true(sl_lane_offer(f->lane, &unit));
    unit = unit_at(f, 1); /* waits behind it for its own time: no reason to skip the first */
    unit.due = f->now + 53 * SL_MS;
    assert_true(sl_lane_offer(f->lane, &unit));
    assert_true(sl_lane_run(f->lane, f->now));
    assert_true(sl_lane_due(f->lane) == f->now + 20 * SL_MS);
    assert_null(sl_lane_take(f->lane, f->now + 19 * SL_MS));
    assert_non_null(sl_lane_take(f->lane, f->now + 20 * SL_MS));
    assert_true(sl_lane_due(f->lane) == SL_NEVER);
}

static void test_destroyed_with_units_waiting(void **state)
{
    struct fixture *f = *state;
    sl_lane_want(f->lane, 160, 120);
    assert_true(offer(f, 0));
    assert_true(offer(f, 1));
    sl_lane_destroy(NULL); /* and the fixture destroys the other one */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    av_log_set_level(AV_LOG_QUIET);
    const struct CMUnitTest tests[] = {
        TEST(test_pictures_arrive_in_order),
        TEST(test_a_small_tile_is_eased_when_units_wait_long),
        TEST(test_a_large_tile_is_never_eased),
        TEST(test_easing_ends_with_a_key_frame),
        TEST(test_a_tiny_tile_is_always_eased),
        TEST(test_cores_are_shared_anew_at_a_key_frame),
        TEST(test_scaled_to_the_cell_ratio_kept),
        TEST(test_newest_wins_and_the_shown_one_stays),
        TEST(test_a_backlog_is_decoded_but_only_its_last_is_shown),
        TEST(test_a_held_unit_does_not_replace_a_late_picture),
        TEST(test_late_is_decoded_and_not_shown),
        TEST(test_nothing_before_a_key_frame),
        TEST(test_a_break_waits_for_a_key_frame),
        TEST(test_a_full_ring_breaks_the_chain),
        TEST(test_overload_skips_to_the_next_key_frame),
        TEST(test_damage_waits_for_a_key_frame),
        TEST(test_hidden_is_not_decoded),
        TEST(test_a_picture_is_not_taken_before_it_is_due),
        TEST(test_destroyed_with_units_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
