/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "receiver/export_avc.h"

/* Constrained baseline, level 3.1, 1280x720, id 0; and PPS of that SPS with ids 0 and 1. */
#define SPS                                                                                        \
    0x67, 0x42, 0xc0, 0x1f, 0xda, 0x01, 0x40, 0x16, 0xec, 0x04, 0x40, 0x00, 0x00, 0x03, 0x00,      \
        0x40, 0x00, 0x00, 0x0c, 0x83, 0xc6, 0x0c, 0xa8
#define SPS_LEN 23
static const uint8_t avcc[] = {1, 0x42, 0xc0, 0x1f, 0xff, 0xe1, 0, SPS_LEN, SPS,  2,   0,
                               4, 0x68, 0xce, 0x3c, 0x80, 0,    3, 0x68,    0x53, 0x8f};
/* The same SPS with id 2, and a PPS with id 2 of it. */
static const uint8_t sets[] = {0,    0,    0,    1,    0x67, 0x42, 0xc0, 0x1f, 0x76,
                               0x80, 0x50, 0x05, 0xbb, 0,    0,    1,    0x68, 0x6d,
                               0x9e, 0x40, 0,    0,    1,    6,    5,    1,    0x80};

static void finds_what_is_free(void **state)
{
    (void)state;
    struct sl_export_avc avc;
    assert_int_equal(sl_export_avc_read(&avc, avcc, sizeof(avcc)), 0);
    assert_int_equal(avc.profile_idc, 66);
    assert_int_equal(avc.level_idc, 31);
    assert_int_equal(avc.free_id, 2); /* 0 is an SPS's, 1 a PPS's */
}

static void merges_both_lists(void **state)
{
    (void)state;
    uint8_t out[256], again[256];
    const uint8_t want[] = {1,    0x42, 0xc0, 0x1f, 0xff, 0xe2, 0,    SPS_LEN, SPS,  0,
                            9,    0x67, 0x42, 0xc0, 0x1f, 0x76, 0x80, 0x50,    0x05, 0xbb,
                            3,    0,    4,    0x68, 0xce, 0x3c, 0x80, 0,       3,    0x68,
                            0x53, 0x8f, 0,    4,    0x68, 0x6d, 0x9e, 0x40};
    assert_int_equal(sl_export_avc_merge(out, sizeof(out), avcc, sizeof(avcc), sets, sizeof(sets)),
                     sizeof(want));
    assert_memory_equal(out, want, sizeof(want));
    for (size_t size = 0; size < sizeof(want); size++)
        assert_true(sl_export_avc_merge(again, size, avcc, sizeof(avcc), sets, sizeof(sets)) ==
                    -EMSGSIZE);
}

/* What a high profile has behind its lists stays there. */
static void keeps_the_rest(void **state)
{
    (void)state;
    uint8_t high[sizeof(avcc) + 4], out[256];
    memcpy(high, avcc, sizeof(avcc));
    memcpy(high + sizeof(avcc), "\xfd\xf8\xf8\x00", 4);
    const int len = sl_export_avc_merge(out, sizeof(out), high, sizeof(high), sets, sizeof(sets));
    assert_true(len > 4);
    assert_memory_equal(out + len - 4, "\xfd\xf8\xf8\x00", 4);
}

static void refuses_what_is_cut(void **state)
{
    (void)state;
    struct sl_export_avc avc;
    uint8_t out[256];
    for (size_t len = 0; len < sizeof(avcc); len++) {
        assert_int_equal(sl_export_avc_read(&avc, avcc, len), -EBADMSG);
        assert_true(sl_export_avc_merge(out, sizeof(out), avcc, len, sets, sizeof(sets)) < 0);
    }
}

static void knows_an_idr(void **state)
{
    (void)state;
    static const uint8_t idr[] = {0, 0, 0, 2, 6, 5, 0, 0, 0, 3, 0x65, 0x88, 0x80};
    static const uint8_t other[] = {0, 0, 0, 2, 6, 5, 0, 0, 0, 3, 0x61, 0x88, 0x80};
    static const uint8_t lies[] = {0xff, 0xff, 0xff, 0xff, 0x65, 0x88, 0x80};
    assert_true(sl_export_avc_idr(idr, sizeof(idr)));
    assert_false(sl_export_avc_idr(other, sizeof(other)));
    assert_false(sl_export_avc_idr(lies, sizeof(lies)));
    assert_false(sl_export_avc_idr(idr, 8));
    assert_false(sl_export_avc_idr(NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_is_free), cmocka_unit_test(merges_both_lists),
        cmocka_unit_test(keeps_the_rest),     cmocka_unit_test(refuses_what_is_cut),
        cmocka_unit_test(knows_an_idr),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
