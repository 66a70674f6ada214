/* SPDX-License-Identifier: MIT */
#include "tests/support/jitter_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

void rig_check_balance(const struct rig *rig)
{
    struct sl_jitter_stats s;
    sl_jitter_stats(rig->jitter, &s);
    assert_int_equal(s.offered, s.released + s.held + s.duplicate + s.late + s.ahead + s.dropped);
    assert_int_equal(s.frames_begun, s.delivered + s.frames_dropped + s.frames_held);
}

struct sl_jitter_stats rig_stats(const struct rig *rig)
{
    struct sl_jitter_stats s;
    sl_jitter_stats(rig->jitter, &s);
    return s;
}

void rig_setup_with(struct rig *rig, sl_ns delay, uint32_t capacity)
{
    memset(rig, 0, sizeof(*rig));
    rig->now = 10 * SL_SEC;
    const struct sl_jitter_config config = {
        .clock_hz = 90000, .delay = delay, .capacity = capacity};
    assert_int_equal(sl_jitter_create(&rig->jitter, &config), 0);
    sl_test_video_init(&rig->video, 65000, UINT32_MAX - 100000);
}

void rig_setup(struct rig *rig)
{
    rig_setup_with(rig, 0, 0);
}

void rig_teardown(struct rig *rig)
{
    rig_check_balance(rig);
    sl_jitter_destroy(rig->jitter);
}

void rig_make(struct rig *rig, struct sl_test_frame frame)
{
    rig->now += RIG_FRAME;
    sl_test_video_frame(&rig->video, &frame);
}

enum sl_jitter_put rig_put(struct rig *rig, size_t packet)
{
    assert_in_range(packet, 0, rig->video.count - 1);
    const enum sl_jitter_put result =
        sl_jitter_put(rig->jitter, &rig->video.packets[packet], rig->now);
    rig_check_balance(rig);
    return result;
}

void rig_put_all(struct rig *rig)
{
    for (size_t i = 0; i < rig->video.count; i++)
        assert_int_equal(rig_put(rig, i), SL_JITTER_KEPT);
}

enum sl_jitter_pop rig_pop(struct rig *rig)
{
    const enum sl_jitter_pop result = sl_jitter_pop(rig->jitter, rig->now, &rig->frame);
    rig_check_balance(rig);
    return result;
}

void rig_expect_frame(struct rig *rig, uint32_t number)
{
    assert_int_equal(rig_pop(rig), SL_JITTER_FRAME);
    assert_int_equal(sl_test_video_check(rig->frame.data, rig->frame.len), number);
    for (int i = 0; i < 64; i++)
        assert_int_equal(rig->frame.data[rig->frame.len + (size_t)i], 0);
}

void rig_expect_wait(struct rig *rig)
{
    assert_int_equal(rig_pop(rig), SL_JITTER_WAIT);
}
