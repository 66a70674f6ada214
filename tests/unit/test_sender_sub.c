/* SPDX-License-Identifier: MIT */
/* The small picture: what it is made of, when, and that every picture lent comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libavutil/log.h>

#include "base/time.h"
#include "sender/sub.h"

#define SIDE 128
#define SMALL 64
#define PATIENCE (10 * SL_SEC) /* a machine under load; nothing here judges speed */

struct bench {
    struct sl_video_encoder *encoder;
    struct sl_wake wake;
    struct sl_sub *sub;
    uint8_t pixels[SIDE * SIDE * 3 / 2];
    sl_ns captured;
    int lent;
    atomic_int done;
};

static void on_done(void *ctx, void *id)
{
    struct bench *bench = ctx;
    assert_ptr_equal(id, bench->pixels);
    atomic_fetch_add(&bench->done, 1);
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    const struct sl_video_encoder_config encoder = {.preset = "ultrafast",
                                                    .width = SMALL,
                                                    .height = SMALL,
                                                    .fps_num = 10,
                                                    .fps_den = 1,
                                                    .bitrate_bps = 100000,
                                                    .gop = 60 * SL_SEC,
                                                    .threads = 1};
    char why[256];
    assert_int_equal(sl_video_encoder_create(&bench->encoder, &encoder, why, sizeof(why)), 0);
    assert_int_equal(sl_wake_init(&bench->wake), 0);
    const struct sl_sub_config config = {.width = SIDE,
                                         .height = SIDE,
                                         .to_width = SMALL,
                                         .to_height = SMALL,
                                         .fps = 10,
                                         .gop = 2 * SL_SEC,
                                         .encoder = bench->encoder,
                                         .wake = &bench->wake,
                                         .done = on_done,
                                         .ctx = bench};
    assert_int_equal(sl_sub_create(&bench->sub, &config), 0);
    memset(bench->pixels, 128, sizeof(bench->pixels));
    bench->captured = SL_SEC;
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    sl_sub_destroy(bench->sub);
    assert_int_equal(atomic_load(&bench->done), bench->lent);
    sl_wake_fini(&bench->wake);
    sl_video_encoder_destroy(bench->encoder);
    free(bench);
    return 0;
}

static bool offer(struct bench *bench, sl_ns step)
{
    bench->captured += step;
    const bool lent = sl_sub_offer(bench->sub, bench->pixels, bench->pixels, bench->captured);
    bench->lent += lent;
    return lent;
}

/* The access unit of the picture offered last; true if it is a key frame. */
static bool take(struct bench *bench)
{
    struct sl_access_unit unit;
    while (!sl_sub_take(bench->sub, &unit))
        assert_true(sl_wake_wait(&bench->wake, PATIENCE));
    assert_int_equal(unit.captured, bench->captured);
    assert_true(unit.len > 4);
    sl_sub_give_back(bench->sub, &unit);
    return unit.key;
}

static void pictures_beyond_the_rate_are_left_out(void **state)
{
    struct bench *bench = *state;
    int lent = 0;
    for (int i = 0; i < 60; i++) {
        if (!offer(bench, SL_SEC / 30))
            continue;
        lent++;
        (void)take(bench);
    }
    assert_in_range(lent, 19, 21); /* two seconds of 10/s */
    struct sl_sub_stats s;
    sl_sub_stats(bench->sub, &s);
    assert_int_equal(s.offered, 60);
    assert_int_equal(s.encoded, lent);
    assert_int_equal(s.skipped, 60 - lent);
}

static void key_frames_come_when_asked_for_and_in_time(void **state)
{
    struct bench *bench = *state;
    assert_true(offer(bench, 0));
    assert_true(take(bench)); /* the first */
    for (int i = 1; i < 10; i++) {
        assert_true(offer(bench, 100 * SL_MS));
        assert_false(take(bench));
    }
    sl_sub_request_key(bench->sub, false);
    assert_true(offer(bench, 100 * SL_MS));
    assert_true(take(bench));
    for (int i = 1; i < 20; i++) {
        assert_true(offer(bench, 100 * SL_MS));
        assert_false(take(bench));
    }
    assert_true(offer(bench, 100 * SL_MS)); /* two seconds after the last */
    assert_true(take(bench));
    /* Too soon for whoever saw that one, but not for a receiver that did not. */
    sl_sub_request_key(bench->sub, false);
    assert_true(offer(bench, 80 * SL_MS));
    assert_false(take(bench));
    assert_true(offer(bench, 100 * SL_MS));
    assert_true(take(bench));
    sl_sub_request_key(bench->sub, true);
    assert_true(offer(bench, 95 * SL_MS));
    assert_true(take(bench));
}

/* The loop takes nothing: pictures are left out before they are encoded, and all come back. */
static void a_loop_that_does_not_take_stalls_it(void **state)
{
    struct bench *bench = *state;
    struct sl_sub_stats s = {0};
    const sl_ns give_up = sl_time_now() + PATIENCE;
    while (s.stalled < 3 && sl_time_now() < give_up) {
        const int before = bench->lent;
        (void)offer(bench, 100 * SL_MS);
        while (bench->lent > before && atomic_load(&bench->done) < bench->lent &&
               sl_time_now() < give_up)
            (void)sl_wake_wait(&bench->wake, SL_MS);
        sl_sub_stats(bench->sub, &s);
    }
    assert_true(s.stalled >= 3);
    assert_int_equal(s.offered, s.skipped + s.replaced + s.stalled + s.failed + s.encoded);
    assert_int_equal(s.encoded, 8);
    assert_int_equal(s.failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pictures_beyond_the_rate_are_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(key_frames_come_when_asked_for_and_in_time, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_loop_that_does_not_take_stalls_it, set_up, tear_down),
    };
    av_log_set_level(AV_LOG_QUIET);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
