/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "rtp/device_state.h"
#include "rtp/rtcp.h"

static const uint8_t golden[] = {
    0x80, 0xcc, 0x00, 0x03, /* V=2, subtype 0, PT=204, 4 words */
    0x00, 0x00, 0x00, 0x07, /* the video's SSRC */
    'S',  'L',  'S',  'T',  /* name */
    0x80, 0x00, 0x00, 0x01, /* away, and a flag that nobody knows */
};

static void hear(void *ctx, const struct sl_rtcp_item *item)
{
    uint32_t *flags = ctx;
    assert_int_equal(item->type, SL_RTCP_APP);
    assert_int_equal(item->sender_ssrc, 7);
    assert_int_equal(item->app_name, SL_DEVICE_STATE_NAME);
    assert_int_equal(sl_device_state_read(item->data, item->data_len, flags), 0);
}

static void is_written_and_read_as_documented(void **state)
{
    (void)state;
    uint8_t wire[sizeof(golden)];
    struct sl_writer w = sl_writer(wire, sizeof(wire));
    sl_device_state_write(0x80000000 | SL_DEVICE_AWAY, 7, &w);
    assert_false(w.failed);
    assert_int_equal(sl_writer_len(&w), sizeof(golden));
    assert_memory_equal(wire, golden, sizeof(golden));
    uint32_t flags = 0;
    assert_int_equal(sl_rtcp_read(golden, sizeof(golden), hear, &flags), 0);
    assert_int_equal(flags, 0x80000001);
}

static void a_longer_one_is_read_and_a_shorter_one_refused(void **state)
{
    (void)state;
    const uint8_t data[] = {0, 0, 0, 1, 9, 9, 9, 9};
    uint32_t flags = 5;
    for (size_t len = 0; len < 4; len++)
        assert_int_equal(sl_device_state_read(data, len, &flags), -EBADMSG);
    assert_int_equal(flags, 5);
    assert_int_equal(sl_device_state_read(data, sizeof(data), &flags), 0);
    assert_int_equal(flags, 1);
}

static void a_watch_tells_changes_once(void **state)
{
    (void)state;
    struct sl_device_watch watch = {0};
    assert_true(sl_device_watch_due(&watch) == SL_NEVER);
    assert_false(sl_device_watch_hear(&watch, 0, 1 * SL_SEC));
    assert_true(sl_device_watch_due(&watch) == SL_NEVER);
    assert_true(sl_device_watch_hear(&watch, SL_DEVICE_AWAY, 2 * SL_SEC));
    assert_false(sl_device_watch_hear(&watch, SL_DEVICE_AWAY, 3 * SL_SEC));
    assert_true(sl_device_watch_hear(&watch, 0, 4 * SL_SEC));
    assert_false(sl_device_watch_tick(&watch, 100 * SL_SEC));
}

static void what_is_not_repeated_falls_after_5_s(void **state)
{
    (void)state;
    struct sl_device_watch watch = {0};
    assert_true(sl_device_watch_hear(&watch, SL_DEVICE_AWAY, 1 * SL_SEC));
    assert_false(sl_device_watch_hear(&watch, SL_DEVICE_AWAY, 2 * SL_SEC));
    assert_true(sl_device_watch_due(&watch) == 7 * SL_SEC);
    assert_false(sl_device_watch_tick(&watch, 7 * SL_SEC - 1));
    assert_int_equal(watch.flags, SL_DEVICE_AWAY);
    assert_true(sl_device_watch_tick(&watch, 7 * SL_SEC));
    assert_int_equal(watch.flags, 0);
    assert_false(sl_device_watch_tick(&watch, 8 * SL_SEC));
    assert_true(sl_device_watch_hear(&watch, SL_DEVICE_AWAY, 9 * SL_SEC));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_written_and_read_as_documented),
        cmocka_unit_test(a_longer_one_is_read_and_a_shorter_one_refused),
        cmocka_unit_test(a_watch_tells_changes_once),
        cmocka_unit_test(what_is_not_repeated_falls_after_5_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
