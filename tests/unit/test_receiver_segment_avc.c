/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "media/nal.h"
#include "receiver/segment_avc.h"
#include "tests/support/clip.h"

static struct sl_test_clip clip;

static int set_up(void **state)
{
    (void)state;
    sl_test_clip_make(&clip, 64, 48, 2, 60);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sl_test_clip_free(&clip);
    return 0;
}

static void parameter_sets_are_found_once(void **state)
{
    (void)state;
    struct sl_segment_params once, twice;
    uint8_t doubled[65536];
    const struct sl_test_unit *unit = &clip.video[0];
    assert_int_equal(sl_segment_params_read(&once, unit->data, unit->len), 0);
    assert_int_equal(once.width, 64);
    assert_int_equal(once.height, 48);
    assert_true(unit->len * 2 <= sizeof(doubled));
    memcpy(doubled, unit->data, unit->len);
    memcpy(doubled + unit->len, unit->data, unit->len);
    assert_int_equal(sl_segment_params_read(&twice, doubled, unit->len * 2), 0);
    assert_int_equal(twice.len, once.len);
    assert_memory_equal(twice.data, once.data, once.len);
    assert_int_equal(sl_segment_params_read(&once, clip.video[1].data, clip.video[1].len),
                     -ENODATA);
}

static void too_many_parameter_sets_are_refused(void **state)
{
    (void)state;
    struct sl_segment_params params;
    uint8_t many[4096];
    size_t len = 0;
    for (uint8_t i = 1; i < 200; i++) {
        const uint8_t pps[] = {0, 0, 0, 1, SL_NAL_PPS, i, i, 1};
        memcpy(many + len, pps, sizeof(pps));
        len += sizeof(pps);
    }
    assert_int_equal(sl_segment_params_read(&params, many, len), -EMSGSIZE);
    const uint8_t bad[] = {0, 0, 1, SL_NAL_SPS, 66};
    assert_int_equal(sl_segment_params_read(&params, bad, sizeof(bad)), -EBADMSG);
}

/* What is left is the slices of the unit. */
static void samples_are_slices(void **state)
{
    (void)state;
    for (int i = 0; i < clip.frames; i++) {
        uint8_t out[65536];
        const struct sl_test_unit *unit = &clip.video[i];
        struct sl_segment_params params;
        assert_int_equal(sl_segment_params_read(&params, clip.video[0].data, clip.video[0].len), 0);
        const uint8_t *at = unit->data;
        const size_t len = sl_segment_avc_sample(out, &params, unit->data, unit->len);
        size_t read = 0;
        struct sl_nal nal;
        while (sl_nal_next(&at, unit->data + unit->len, &nal)) {
            const int type = nal.data[0] & 0x1f;
            if (type == SL_NAL_SPS || type == SL_NAL_PPS || type == SL_NAL_AUD)
                continue;
            assert_int_equal(sl_get32(out + read), nal.len);
            assert_memory_equal(out + read + 4, nal.data, nal.len);
            read += 4 + nal.len;
        }
        assert_true(len > 0 && read == len);
    }
}

/* One that comes in the middle is needed: it stays where it is. */
static void new_parameter_sets_stay(void **state)
{
    (void)state;
    static const uint8_t unit[] = {0, 0, 1, SL_NAL_PPS, 7, 7, 1, 0, 0, 1, SL_NAL_SLICE, 5};
    struct sl_segment_params params;
    uint8_t out[64];
    assert_int_equal(sl_segment_params_read(&params, clip.video[0].data, clip.video[0].len), 0);
    assert_int_equal(sl_segment_avc_sample(out, &params, unit, sizeof(unit)), sizeof(unit) + 2);
}

static void there_is_room_for_the_smallest_units(void **state)
{
    (void)state;
    const struct sl_segment_params params = {0};
    uint8_t unit[400], out[600];
    for (size_t i = 0; i < sizeof(unit); i += 4)
        memcpy(unit + i, (const uint8_t[]){0, 0, 1, SL_NAL_SLICE}, 4);
    const size_t len = sl_segment_avc_sample(out, &params, unit, sizeof(unit));
    assert_int_equal(len, 500);
    assert_true(len <= sl_segment_avc_room(sizeof(unit)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameter_sets_are_found_once),
        cmocka_unit_test(too_many_parameter_sets_are_refused),
        cmocka_unit_test(samples_are_slices),
        cmocka_unit_test(new_parameter_sets_stay),
        cmocka_unit_test(there_is_room_for_the_smallest_units),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
