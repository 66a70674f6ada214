/* SPDX-License-Identifier: MIT */
/* The pool with its real threads: to be run under tsan too. */
#include "viewer/decode.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libavutil/log.h>

#include "base/time.h"
#include "base/wake.h"
#include "viewer/lane.h"

#define LANES 5
#define FRAMES 400

/* tests/media/moving-160x120.h264: 20 pictures, a key frame at 0 and 10, an AUD before each. */
struct sample {
    uint8_t bytes[65536];
    const uint8_t *at[21];
};

static void load(struct sample *sample)
{
    FILE *file = fopen(SL_TEST_DIR "/media/moving-160x120.h264", "rb");
    assert_non_null(file);
    const size_t total = fread(sample->bytes, 1, sizeof(sample->bytes), file);
    fclose(file);
    int units = 0;
    for (size_t i = 0; i + 5 < total; i++)
        if (!memcmp(sample->bytes + i, "\0\0\0\1\11", 5))
            sample->at[units++] = sample->bytes + i;
    assert_int_equal(units, 20);
    sample->at[20] = sample->bytes + total;
}

static bool offer(const struct sample *sample, struct sl_lane *lane, int number)
{
    const int i = number % 20;
    const struct sl_unit unit = {.data = sample->at[i],
                                 .len = (size_t)(sample->at[i + 1] - sample->at[i]),
                                 .key = i % 10 == 0,
                                 .captured = number,
                                 .offered = sl_time_now()};
    return sl_lane_offer(lane, &unit);
}

/* Looks at all that came; pictures of a lane never go back in time. */
static void take_all(struct sl_lane *lanes[LANES], sl_ns last[LANES])
{
    for (int i = 0; i < LANES; i++) {
        const struct sl_shown *shown = sl_lane_take(lanes[i], sl_time_now());
        if (!shown)
            continue;
        assert_true(shown->picture.captured > last[i]);
        last[i] = shown->picture.captured;
        assert_int_equal(shown->picture.width, i % 2 ? 80 : 160);
        assert_true(shown->picture.plane[0][0] > 0);
    }
}

static void test_lanes_run_in_order_by_any_worker(void **state)
{
    (void)state;
    static struct sample sample;
    load(&sample);
    struct sl_wake shown, wanted;
    assert_int_equal(sl_wake_init(&shown), 0);
    assert_int_equal(sl_wake_init(&wanted), 0);
    struct sl_decode *decode;
    assert_int_equal(sl_decode_create(&decode, 3), 0);
    struct sl_lane *lanes[LANES];
    int slots[LANES], sent[LANES] = {0};
    sl_ns last[LANES];
    for (int i = 0; i < LANES; i++) {
        assert_int_equal(sl_lane_create(&lanes[i], SL_LANE_UNITS, &shown, &wanted), 0);
        sl_lane_want(lanes[i], i % 2 ? 80 : 160, i % 2 ? 60 : 120);
        slots[i] = sl_decode_attach(decode, lanes[i]);
        assert_true(slots[i] >= 0);
        last[i] = -1;
    }
    for (int frame = 0; frame < FRAMES; frame++) {
        for (int i = 0; i < LANES; i++) {
            struct sl_lane_stats stats;
            for (;;) { /* as fast as the workers go, but never into a full ring */
                sl_lane_stats(lanes[i], &stats);
                if (stats.held < SL_LANE_UNITS / 2)
                    break;
                take_all(lanes, last);
                sched_yield();
            }
            if (offer(&sample, lanes[i], frame)) {
                sent[i]++;
                sl_decode_ready(decode, slots[i]);
            }
        }
        take_all(lanes, last);
    }
    for (int i = 0; i < LANES; i++)
        while (!sl_decode_detach(decode, slots[i]))
            sched_yield();
    take_all(lanes, last);
    for (int i = 0; i < LANES; i++) {
        struct sl_lane_stats stats;
        sl_lane_stats(lanes[i], &stats);
        assert_int_equal(stats.held, 0);
        assert_int_equal(stats.offered, FRAMES);
        assert_int_equal(stats.decoded + stats.waiting + stats.overload, FRAMES);
        assert_int_equal(stats.damaged + stats.full, 0);
        if (!stats.overload)
            assert_int_equal(last[i], FRAMES - 1); /* the newest one is always shown */
    }
    sl_decode_destroy(decode);
    for (int i = 0; i < LANES; i++)
        sl_lane_destroy(lanes[i]);
    sl_wake_fini(&shown);
    sl_wake_fini(&wanted);
}

static void test_a_picture_wakes_the_main_thread(void **state)
{
    (void)state;
    static struct sample sample;
    load(&sample);
    struct sl_wake shown, wanted;
    assert_int_equal(sl_wake_init(&shown), 0);
    assert_int_equal(sl_wake_init(&wanted), 0);
    struct sl_decode *decode;
    assert_int_equal(sl_decode_create(&decode, 2), 0);
    struct sl_lane *lane;
    assert_int_equal(sl_lane_create(&lane, SL_LANE_UNITS, &shown, &wanted), 0);
    sl_lane_want(lane, 160, 120);
    const int slot = sl_decode_attach(decode, lane);
    for (int frame = 0; frame < 40; frame++) {
        assert_true(offer(&sample, lane, frame));
        sl_decode_ready(decode, slot);
        const struct sl_shown *picture = NULL;
        while (!picture) {
            assert_true(sl_wake_wait(&shown, 20 * SL_SEC));
            picture = sl_lane_take(lane, sl_time_now());
        }
        assert_int_equal(picture->picture.captured, frame);
    }
    while (!sl_decode_detach(decode, slot))
        sched_yield();
    sl_decode_destroy(decode);
    sl_lane_destroy(lane);
    sl_wake_fini(&shown);
    sl_wake_fini(&wanted);
}

static void test_limits(void **state)
{
    (void)state;
    struct sl_decode *decode = NULL;
    assert_int_equal(sl_decode_create(&decode, 0), -EINVAL);
    assert_int_equal(sl_decode_create(&decode, 65), -EINVAL);
    assert_null(decode);
    assert_int_equal(sl_decode_create(&decode, 1), 0);
    struct sl_lane *const lane = (struct sl_lane *)&decode; /* never run */
    for (int i = 0; i < SL_DECODE_LANES_MAX; i++)
        assert_int_equal(sl_decode_attach(decode, lane), i);
    assert_int_equal(sl_decode_attach(decode, lane), -ENOSPC);
    assert_true(sl_decode_detach(decode, 7));
    assert_int_equal(sl_decode_attach(decode, lane), 7);
    sl_decode_destroy(decode);
    sl_decode_destroy(NULL);
}

static void test_destroyed_with_work_waiting(void **state)
{
    (void)state;
    static struct sample sample;
    load(&sample);
    struct sl_wake shown, wanted;
    assert_int_equal(sl_wake_init(&shown), 0);
    assert_int_equal(sl_wake_init(&wanted), 0);
    for (int round = 0; round < 20; round++) {
        struct sl_decode *decode;
        assert_int_equal(sl_decode_create(&decode, 2), 0);
        struct sl_lane *lane;
        assert_int_equal(sl_lane_create(&lane, SL_LANE_UNITS, &shown, &wanted), 0);
        sl_lane_want(lane, 160, 120);
        const int slot = sl_decode_attach(decode, lane);
        for (int frame = 0; frame < 10; frame++)
            if (offer(&sample, lane, frame))
                sl_decode_ready(decode, slot);
        sl_decode_destroy(decode);
        sl_lane_destroy(lane);
    }
    sl_wake_fini(&shown);
    sl_wake_fini(&wanted);
}

int main(void)
{
    av_log_set_level(AV_LOG_QUIET);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lanes_run_in_order_by_any_worker),
        cmocka_unit_test(test_a_picture_wakes_the_main_thread),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_destroyed_with_work_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
