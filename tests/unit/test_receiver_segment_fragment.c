/* SPDX-License-Identifier: MIT */
/* The boxes, as sl_segment_moof_parse() reads them; that others do as well is
 * test_receiver_segment_write's. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "receiver/segment_box.h"
#include "receiver/segment_fragment.h"

static const struct sl_segment_head head = {
    .tracks = {{.id = 1, .hz = 90000}, {.id = 2, .hz = 48000}}};

static struct {
    uint8_t bytes[1 << 16];
    size_t len;
    struct sl_segment_sample samples[SL_SEGMENT_TRACKS][16];
    int count[SL_SEGMENT_TRACKS];
} seen;

static void hold(struct sl_segment_fragment *fragment, enum sl_segment_track track,
                 const char *unit)
{
    uint8_t *room = sl_segment_fragment_room(fragment, track, strlen(unit) + 100);
    assert_non_null(room);
    memcpy(room, unit, strlen(unit));
    sl_segment_fragment_hold(fragment, track, strlen(unit));
}

static void add(struct sl_segment_fragment *fragment, enum sl_segment_track track, const char *unit,
                int64_t at, uint32_t ticks, bool key)
{
    hold(fragment, track, unit);
    assert_int_equal(sl_segment_fragment_add(fragment, track, at, ticks, key), 0);
}

static int take(void *ctx, enum sl_segment_track track, const struct sl_segment_sample *sample)
{
    (void)ctx;
    seen.samples[track][seen.count[track]++] = *sample;
    return 0;
}

/* As a file has it. */
static void write_out(struct sl_segment_fragment *fragment)
{
    struct iovec parts[SL_SEGMENT_FRAGMENT_PARTS];
    memset(&seen, 0, sizeof(seen));
    const int count = sl_segment_fragment_parts(fragment, parts);
    assert_in_range(count, 1, SL_SEGMENT_FRAGMENT_PARTS);
    for (int i = 0; i < count; i++) {
        memcpy(seen.bytes + seen.len, parts[i].iov_base, parts[i].iov_len);
        seen.len += parts[i].iov_len;
    }
    const size_t moof = sl_get32(seen.bytes);
    assert_true(moof < seen.len);
    assert_int_equal(moof + sl_get32(seen.bytes + moof), seen.len);
    assert_memory_equal(seen.bytes + moof + 4, "mdat", 4);
    assert_int_equal(sl_segment_moof_parse(&head, seen.bytes, moof, (int64_t)seen.len, take, NULL),
                     0);
}

static void assert_sample(enum sl_segment_track track, int i, const char *unit, int64_t at,
                          uint32_t ticks, bool key)
{
    const struct sl_segment_sample *sample = &seen.samples[track][i];
    assert_int_equal(sample->size, strlen(unit));
    assert_memory_equal(seen.bytes + sample->offset, unit, strlen(unit));
    assert_int_equal(sample->at, at);
    assert_int_equal(sample->ticks, ticks);
    assert_int_equal(sample->key, key);
}

static void both_tracks_are_where_their_boxes_say(void **state)
{
    (void)state;
    struct sl_segment_fragment fragment;
    sl_segment_fragment_init(&fragment);
    add(&fragment, SL_SEGMENT_VIDEO, "key", 9000000000, 3000, true);
    add(&fragment, SL_SEGMENT_AUDIO, "sound", 4800, 960, true);
    add(&fragment, SL_SEGMENT_VIDEO, "other", 9000003000, 2999, false);
    add(&fragment, SL_SEGMENT_AUDIO, "more", 5760, 961, true);
    assert_int_equal(sl_segment_fragment_bytes(&fragment), 17);
    write_out(&fragment);
    assert_int_equal(seen.count[SL_SEGMENT_VIDEO], 2);
    assert_int_equal(seen.count[SL_SEGMENT_AUDIO], 2);
    assert_sample(SL_SEGMENT_VIDEO, 0, "key", 9000000000, 3000, true);
    assert_sample(SL_SEGMENT_VIDEO, 1, "other", 9000003000, 2999, false);
    assert_sample(SL_SEGMENT_AUDIO, 0, "sound", 4800, 960, true);
    assert_sample(SL_SEGMENT_AUDIO, 1, "more", 5760, 961, true);
    sl_segment_fragment_fini(&fragment);
}

static void what_is_held_is_in_the_next_one(void **state)
{
    (void)state;
    size_t len;
    struct iovec parts[SL_SEGMENT_FRAGMENT_PARTS];
    struct sl_segment_fragment fragment;
    sl_segment_fragment_init(&fragment);
    assert_int_equal(sl_segment_fragment_parts(&fragment, parts), 0);
    add(&fragment, SL_SEGMENT_AUDIO, "first", 0, 960, true);
    hold(&fragment, SL_SEGMENT_AUDIO, "second");
    write_out(&fragment);
    assert_int_equal(sl_get32(seen.bytes + 20), 1);
    assert_int_equal(seen.count[SL_SEGMENT_VIDEO], 0);
    assert_int_equal(seen.count[SL_SEGMENT_AUDIO], 1);
    sl_segment_fragment_next(&fragment);
    assert_memory_equal(sl_segment_fragment_held(&fragment, SL_SEGMENT_AUDIO, &len), "second", 6);
    assert_int_equal(len, 6);
    assert_null(sl_segment_fragment_held(&fragment, SL_SEGMENT_VIDEO, &len));
    assert_int_equal(sl_segment_fragment_parts(&fragment, parts), 0);
    assert_int_equal(sl_segment_fragment_add(&fragment, SL_SEGMENT_AUDIO, 960, 960, true), 0);
    write_out(&fragment);
    assert_int_equal(sl_get32(seen.bytes + 20), 2);
    assert_int_equal(seen.count[SL_SEGMENT_AUDIO], 1);
    assert_sample(SL_SEGMENT_AUDIO, 0, "second", 960, 960, true);
    sl_segment_fragment_fini(&fragment);
}

static void it_is_full_by_units_and_by_bytes(void **state)
{
    (void)state;
    struct sl_segment_fragment fragment;
    sl_segment_fragment_init(&fragment);
    for (int i = 0; i < SL_SEGMENT_FRAGMENT_UNITS; i++) {
        assert_false(sl_segment_fragment_full(&fragment));
        add(&fragment, SL_SEGMENT_AUDIO, "x", i, 1, true);
    }
    assert_true(sl_segment_fragment_full(&fragment));
    sl_segment_fragment_next(&fragment);
    assert_false(sl_segment_fragment_full(&fragment));
    uint8_t *room = sl_segment_fragment_room(&fragment, SL_SEGMENT_VIDEO, 4 << 20);
    assert_non_null(room);
    memset(room, 1, 4 << 20);
    sl_segment_fragment_hold(&fragment, SL_SEGMENT_VIDEO, 4 << 20);
    assert_int_equal(sl_segment_fragment_add(&fragment, SL_SEGMENT_VIDEO, 0, 3000, true), 0);
    assert_true(sl_segment_fragment_full(&fragment));
    sl_segment_fragment_fini(&fragment);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_tracks_are_where_their_boxes_say),
        cmocka_unit_test(what_is_held_is_in_the_next_one),
        cmocka_unit_test(it_is_full_by_units_and_by_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
