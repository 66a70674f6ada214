/* SPDX-License-Identifier: MIT */
#include "viewer/tile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define AT(ms) ((ms)*SL_MS)

static void present(struct sl_tile *tile, sl_ns now, sl_ns age)
{
    sl_tile_presented(tile, now);
    sl_tile_aged(tile, now, age);
}

static void test_connects_then_lives(void **state)
{
    (void)state;
    struct sl_tile tile;
    sl_tile_init(&tile);
    struct sl_tile_view view = sl_tile_view(&tile, AT(5000));
    assert_int_equal(view.state, SL_TILE_CONNECTING);
    assert_false(view.has_picture || view.grey || view.loss);
    assert_true(view.changes == SL_NEVER);
    sl_tile_link(&tile, SL_TILE_LINK_UP);
    assert_int_equal(sl_tile_view(&tile, AT(5000)).state, SL_TILE_CONNECTING);
    present(&tile, AT(5100), AT(12));
    view = sl_tile_view(&tile, AT(5100));
    assert_int_equal(view.state, SL_TILE_LIVE);
    assert_true(view.has_picture);
    assert_false(view.grey);
    assert_true(view.age == AT(12));
    assert_true(view.changes == AT(6100));
}

static void test_stale_after_exactly_a_second(void **state)
{
    (void)state;
    struct sl_tile tile;
    sl_tile_init(&tile);
    sl_tile_link(&tile, SL_TILE_LINK_UP);
    present(&tile, AT(100), AT(9));
    assert_int_equal(sl_tile_view(&tile, AT(1100) - 1).state, SL_TILE_LIVE);
    struct sl_tile_view view = sl_tile_view(&tile, AT(1100));
    assert_int_equal(view.state, SL_TILE_STALE);
    assert_true(view.grey);
    assert_int_equal(view.stale_s, 1);
    assert_true(view.age == SL_NEVER);
    /* Redrawn each second without any new picture. */
    for (int s = 2; s < 200; s++) {
        assert_true(view.changes == AT(100) + s * SL_SEC);
        view = sl_tile_view(&tile, view.changes);
        assert_int_equal(view.stale_s, s);
    }
    present(&tile, AT(300000), AT(7));
    view = sl_tile_view(&tile, AT(300000));
    assert_int_equal(view.state, SL_TILE_LIVE);
    assert_true(view.age == AT(7));
    assert_int_equal(view.stale_s, 0);
}

static void test_reconnecting_is_grey_at_once(void **state)
{
    (void)state;
    struct sl_tile tile;
    sl_tile_init(&tile);
    sl_tile_link(&tile, SL_TILE_LINK_LOST);
    struct sl_tile_view view = sl_tile_view(&tile, AT(1));
    assert_int_equal(view.state, SL_TILE_RECONNECTING);
    assert_false(view.has_picture);
    sl_tile_link(&tile, SL_TILE_LINK_UP);
    present(&tile, AT(1000), AT(5));
    sl_tile_link(&tile, SL_TILE_LINK_LOST);
    view = sl_tile_view(&tile, AT(1200));
    assert_int_equal(view.state, SL_TILE_RECONNECTING);
    assert_true(view.grey);
    assert_true(view.changes == AT(2000));
    assert_int_equal(sl_tile_view(&tile, AT(63000)).stale_s, 62);
    /* The link is back before the picture is. */
    sl_tile_link(&tile, SL_TILE_LINK_UP);
    assert_int_equal(sl_tile_view(&tile, AT(3000)).state, SL_TILE_STALE);
}

static void test_a_device_that_is_away(void **state)
{
    (void)state;
    struct sl_tile tile;
    sl_tile_init(&tile);
    sl_tile_link(&tile, SL_TILE_LINK_UP);
    sl_tile_device(&tile, true); /* since before we came */
    struct sl_tile_view view = sl_tile_view(&tile, AT(10));
    assert_int_equal(view.state, SL_TILE_NO_SIGNAL);
    assert_false(view.grey || view.has_picture);
    /* A picture is truer than what was told, should the news of its return be lost. */
    present(&tile, AT(1000), AT(5));
    assert_int_equal(sl_tile_view(&tile, AT(1999)).state, SL_TILE_LIVE);
    view = sl_tile_view(&tile, AT(8000));
    assert_int_equal(view.state, SL_TILE_NO_SIGNAL);
    assert_true(view.grey);
    assert_true(view.age == SL_NEVER);
    assert_int_equal(view.stale_s, 7);
    assert_true(view.changes == AT(9000));
    sl_tile_link(&tile, SL_TILE_LINK_LOST); /* what is told is not known any more */
    assert_int_equal(sl_tile_view(&tile, AT(8000)).state, SL_TILE_RECONNECTING);
    sl_tile_link(&tile, SL_TILE_LINK_UP);
    sl_tile_device(&tile, false); /* there, and silent yet */
    assert_int_equal(sl_tile_view(&tile, AT(8000)).state, SL_TILE_STALE);
    present(&tile, AT(8100), AT(5));
    assert_int_equal(sl_tile_view(&tile, AT(8100)).state, SL_TILE_LIVE);
}

static void test_age_is_a_mean_twice_a_second(void **state)
{
    (void)state;
    struct sl_tile tile;
    sl_tile_init(&tile);
    sl_tile_link(&tile, SL_TILE_LINK_UP);
    sl_ns now = 0, last = SL_NEVER;
    int changes = 0;
    for (int i = 0; i < 300; i++, now += SL_SEC / 30) { /* 10 s of 10 and 20 ms in turn */
        present(&tile, now, i % 2 ? AT(20) : AT(10));
        const sl_ns age = sl_tile_view(&tile, now).age;
        changes += age != last;
        last = age;
        if (i > 30)
            assert_true(age >= AT(14) && age <= AT(16));
    }
    assert_true(changes <= 21);
    present(&tile, now, SL_NEVER); /* a source that does not say */
    assert_true(sl_tile_view(&tile, now).age == SL_NEVER);
}

static void test_loss_mark(void **state)
{
    (void)state;
    struct sl_tile tile;
    sl_tile_init(&tile);
    sl_tile_link(&tile, SL_TILE_LINK_UP);
    sl_tile_broken(&tile, AT(50));
    assert_false(sl_tile_view(&tile, AT(60)).loss); /* no picture to mark yet */
    present(&tile, AT(10000), AT(5));
    assert_false(sl_tile_view(&tile, AT(10000)).loss);
    sl_tile_broken(&tile, AT(10100));
    assert_true(sl_tile_view(&tile, AT(10100)).loss);
    assert_true(sl_tile_view(&tile, AT(12000)).loss); /* still no key frame */
    present(&tile, AT(12000), AT(5));
    assert_false(sl_tile_view(&tile, AT(12000)).loss);
    sl_tile_broken(&tile, AT(12100));
    present(&tile, AT(12140), AT(5)); /* mended at once, but it is to be seen */
    struct sl_tile_view view = sl_tile_view(&tile, AT(12500));
    assert_true(view.loss);
    assert_true(view.changes == AT(13100));
    assert_false(sl_tile_view(&tile, AT(13100)).loss);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connects_then_lives),
        cmocka_unit_test(test_stale_after_exactly_a_second),
        cmocka_unit_test(test_reconnecting_is_grey_at_once),
        cmocka_unit_test(test_a_device_that_is_away),
        cmocka_unit_test(test_age_is_a_mean_twice_a_second),
        cmocka_unit_test(test_loss_mark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
