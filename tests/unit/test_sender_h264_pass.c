/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sender/h264_pass.h"

/* libx264's: High, 1080p, which may reorder 2 pictures; and Baseline, 720p. */
static const uint8_t high[] = {0x67, 0x64, 0x00, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x02,
                               0x27, 0xe5, 0xc0, 0x44, 0x00, 0x00, 0x03, 0x00, 0x04,
                               0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x60, 0xc6, 0x58};
static const uint8_t baseline[] = {0x67, 0x42, 0xc0, 0x1f, 0xda, 0x01, 0x40, 0x16,
                                   0xec, 0x04, 0x40, 0x00, 0x00, 0x03, 0x00, 0x40,
                                   0x00, 0x00, 0x0f, 0x23, 0xc6, 0x0c, 0xa8};
static const uint8_t pps[] = {0x68, 0xee, 0x3c, 0x80};       /* id 0 */
static const uint8_t pps_again[] = {0x68, 0xef, 0x3c, 0x81}; /* id 0 too */
static const uint8_t pps_one[] = {0x68, 0x4e, 0x3c, 0x82};   /* id 1 */
static const uint8_t aud[] = {0x09, 0xf0};
static const uint8_t sei[] = {0x06, 0x05, 0x01, 0x55, 0x80};
static const uint8_t recovery[] = {0x06, 0x06, 0x01, 0xc4, 0x80}; /* recovery_frame_cnt 0 */
static const uint8_t idr[] = {0x65, 0x88, 0x84, 0x11};            /* I */
static const uint8_t p[] = {0x41, 0x9a, 0x22, 0x33};              /* P */
static const uint8_t b[] = {0x01, 0x9e, 0x44, 0x55};              /* B */

static struct sl_h264_pass *pass;

static int set_up(void **state)
{
    (void)state;
    return sl_h264_pass_create(&pass, 4096);
}

static int tear_down(void **state)
{
    (void)state;
    sl_h264_pass_destroy(pass);
    sl_h264_pass_destroy(NULL);
    return 0;
}

/* A unit of NALs, in Annex B with start codes of 3 or 4 bytes. */
struct unit {
    uint8_t data[4096];
    size_t len;
};

#define PUT(unit, nal) put(unit, nal, sizeof(nal))

static void put(struct unit *unit, const uint8_t *nal, size_t len)
{
    static const uint8_t start[] = {0, 0, 0, 1};
    const size_t skip = unit->len ? unit->len % 2 : 0;
    memcpy(unit->data + unit->len, start + skip, 4 - skip);
    memcpy(unit->data + unit->len + 4 - skip, nal, len);
    unit->len += 4 - skip + len;
}

static struct sl_h264_passed through(const struct unit *unit)
{
    struct sl_h264_passed passed = {0};
    assert_int_equal(sl_h264_pass_unit(pass, unit->data, unit->len, &passed), 0);
    return passed;
}

/* The NALs of what came out are these, by their heads, in this order. */
static void expect_heads(const struct sl_h264_passed *passed, const char *heads)
{
    const uint8_t *at = passed->data;
    struct sl_nal nal;
    char seen[64] = "";
    while (sl_nal_next(&at, passed->data + passed->len, &nal))
        snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%02x ", nal.data[0]);
    assert_string_equal(seen, heads);
}

static struct sl_nal nal_at(const struct sl_h264_passed *passed, int number)
{
    const uint8_t *at = passed->data;
    struct sl_nal nal = {0};
    for (int i = 0; i <= number; i++)
        assert_true(sl_nal_next(&at, passed->data + passed->len, &nal));
    return nal;
}

static void other_pictures_are_not_even_copied(void **state)
{
    (void)state;
    struct unit unit = {0};
    PUT(&unit, sei);
    PUT(&unit, p);
    const struct sl_h264_passed passed = through(&unit);
    assert_ptr_equal(passed.data, unit.data);
    assert_int_equal(passed.len, unit.len);
    assert_false(passed.key);
    assert_null(sl_h264_pass_sps(pass));
}

static void key_frames_get_their_sets(void **state)
{
    (void)state;
    struct unit key = {0}, sets = {0};
    PUT(&key, aud);
    PUT(&key, sei);
    PUT(&key, idr);
    assert_false(through(&key).key); /* nobody could decode it */
    PUT(&sets, high);
    PUT(&sets, pps);
    struct sl_h264_passed passed;
    assert_int_equal(sl_h264_pass_unit(pass, sets.data, sets.len, &passed), -ENODATA);
    passed = through(&key);
    assert_true(passed.key);
    expect_heads(&passed, "09 67 68 06 65 ");
    assert_memory_equal(nal_at(&passed, 2).data, pps, sizeof(pps));
    assert_memory_equal(nal_at(&passed, 3).data, sei, sizeof(sei));
    assert_memory_equal(nal_at(&passed, 4).data, idr, sizeof(idr));
    sl_h264_pass_set(pass, pps_one, sizeof(pps_one));
    sl_h264_pass_set(pass, pps_again, sizeof(pps_again));
    sl_h264_pass_set(pass, sei, sizeof(sei)); /* no set: ignored */
    sl_h264_pass_set(pass, NULL, 0);
    passed = through(&key);
    expect_heads(&passed, "09 67 68 68 06 65 ");
    assert_memory_equal(nal_at(&passed, 2).data, pps_again, sizeof(pps_again));
}

static void sets_that_come_along_are_not_doubled(void **state)
{
    (void)state;
    struct unit key = {0};
    PUT(&key, baseline);
    PUT(&key, pps);
    PUT(&key, sei);
    PUT(&key, idr);
    const struct sl_h264_passed passed = through(&key);
    assert_true(passed.key);
    expect_heads(&passed, "67 68 06 65 ");
    struct unit late = {0};
    PUT(&late, sei);
    PUT(&late, high);
    PUT(&late, p);
    const struct sl_h264_passed plain = through(&late); /* no key frame: none are added */
    assert_false(plain.key);
    expect_heads(&plain, "06 67 41 ");
}

static void the_sps_says_that_nothing_is_reordered(void **state)
{
    (void)state;
    struct unit key = {0};
    struct sl_sps sps;
    PUT(&key, high);
    PUT(&key, pps);
    PUT(&key, idr);
    const struct sl_h264_passed passed = through(&key);
    const struct sl_nal nal = nal_at(&passed, 0);
    assert_int_equal(sl_sps_read(&sps, nal.data, nal.len), 0);
    assert_true(sps.bitstream_restriction && sps.num_reorder_frames == 0);
    assert_int_equal(sps.max_dec_frame_buffering, 4);
    assert_int_equal(sl_h264_pass_sps(pass)->num_reorder_frames, 2); /* as it came */
    assert_int_equal(sl_h264_pass_sps(pass)->width, 1920);
}

static void recovery_points_are_key_frames(void **state)
{
    (void)state;
    struct unit unit = {0};
    PUT(&unit, recovery);
    PUT(&unit, p);
    sl_h264_pass_set(pass, high, sizeof(high));
    sl_h264_pass_set(pass, pps, sizeof(pps));
    const struct sl_h264_passed passed = through(&unit);
    assert_true(passed.key);
    expect_heads(&passed, "67 68 06 41 ");
}

static void b_slices_are_seen(void **state)
{
    (void)state;
    struct unit unit = {0};
    PUT(&unit, p);
    PUT(&unit, b);
    assert_true(through(&unit).reordered);
    sl_h264_pass_set(pass, high, sizeof(high));
    assert_true(through(&unit).reordered);
    sl_h264_pass_set(pass, baseline, sizeof(baseline)); /* rules it out */
    assert_false(through(&unit).reordered);
}

static void sets_too_large_stay_where_they_are(void **state)
{
    (void)state;
    static uint8_t huge[2000] = {0x68, 0xee};
    memset(huge + 2, 0x77, sizeof(huge) - 2);
    struct unit key = {0};
    sl_h264_pass_set(pass, high, sizeof(high));
    sl_h264_pass_set(pass, pps, sizeof(pps));
    sl_h264_pass_set(pass, pps_one, sizeof(pps_one));
    PUT(&key, huge); /* replaces the other of id 0 */
    PUT(&key, idr);
    const struct sl_h264_passed passed = through(&key);
    expect_heads(&passed, "67 68 68 65 ");
    assert_memory_equal(nal_at(&passed, 1).data, pps_one, sizeof(pps_one));
    assert_int_equal(nal_at(&passed, 2).len, sizeof(huge));
    uint8_t ids[32][4];
    for (int i = 0; i < 32; i++) { /* more than it remembers; no more than it has room for */
        memcpy(ids[i], pps, 4);
        ids[i][1] = (uint8_t)(i * 8 + 7);
        sl_h264_pass_set(pass, ids[i], 4);
    }
    struct sl_h264_passed large;
    static uint8_t flood[16384];
    memcpy(flood, key.data, key.len);
    assert_int_equal(sl_h264_pass_unit(pass, flood, sizeof(flood), &large), -EMSGSIZE);
}

static void profiles(void **state)
{
    (void)state;
    static const struct {
        uint8_t idc, flags, level;
        const char *text; /* NULL: nobody shows it */
    } cases[] = {
        {66, 0xc0, 31, "42c01f"},  {77, 0x00, 40, "4d0028"},  {77, 0x40, 40, "4d4028"},
        {100, 0x00, 51, "640033"}, {100, 0x08, 40, "640028"}, {100, 0x0c, 40, "640c28"},
        {110, 0x00, 40, NULL},     {122, 0x00, 40, NULL},     {244, 0x00, 40, NULL},
    };
    for (size_t i = 0; i < SL_COUNT(cases); i++) {
        const struct sl_sps sps = {.profile_idc = cases[i].idc,
                                   .constraint_flags = cases[i].flags,
                                   .level_idc = cases[i].level};
        char text[7] = "";
        assert_int_equal(sl_h264_pass_profile(&sps, text), cases[i].text ? 0 : -ENOTSUP);
        assert_string_equal(text, cases[i].text ? cases[i].text : "");
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(other_pictures_are_not_even_copied),   TEST(key_frames_get_their_sets),
        TEST(sets_that_come_along_are_not_doubled), TEST(the_sps_says_that_nothing_is_reordered),
        TEST(recovery_points_are_key_frames),       TEST(b_slices_are_seen),
        TEST(sets_too_large_stay_where_they_are),   TEST(profiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
