/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/types.h"
#include "media/h264_unpack.h"

static uint8_t out[4096];

#define ADD(unpack, ...)                                                                           \
    sl_h264_unpack_add(unpack, (const uint8_t[]){__VA_ARGS__},                                     \
                       sizeof((const uint8_t[]){__VA_ARGS__}))
#define PEEK(...)                                                                                  \
    sl_h264_peek((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static struct sl_h264_unpack begin(void)
{
    struct sl_h264_unpack unpack = {0};
    sl_h264_unpack_begin(&unpack, out, sizeof(out));
    return unpack;
}

static void a_single_nal(void **state)
{
    (void)state;
    struct sl_h264_unpack unpack = begin();
    assert_int_equal(ADD(&unpack, 0x41, 0x9a, 5), 0);
    assert_int_equal(sl_h264_unpack_end(&unpack), 7);
    assert_memory_equal(out, "\0\0\0\1\x41\x9a\5", 7);
    assert_false(unpack.key);
    assert_true(unpack.reference);
    sl_h264_unpack_begin(&unpack, out, sizeof(out));
    assert_int_equal(ADD(&unpack, 0x01, 0x9a, 5), 0);
    assert_int_equal(sl_h264_unpack_end(&unpack), 7);
    assert_false(unpack.reference);
}

static void an_aggregate_and_fragments(void **state)
{
    (void)state;
    struct sl_h264_unpack unpack = begin();
    assert_int_equal(ADD(&unpack, 0x78, 0, 2, 0x67, 1, 0, 2, 0x68, 2), 0);
    assert_int_equal(sl_h264_unpack_add(&unpack, NULL, 0), 0); /* padding only */
    assert_int_equal(ADD(&unpack, 0x7c, 0x85, 0x80, 9), 0);
    assert_int_equal(ADD(&unpack, 0x7c, 0x05), 0); /* an empty fragment is allowed */
    assert_int_equal(ADD(&unpack, 0x7c, 0x45, 8), 0);
    static const uint8_t expected[] = {0,    0, 0, 1, 0x67, 1, 0,    0,    0, 1,
                                       0x68, 2, 0, 0, 0,    1, 0x65, 0x80, 9, 8};
    assert_int_equal(sl_h264_unpack_end(&unpack), sizeof(expected));
    assert_memory_equal(out, expected, sizeof(expected));
    assert_true(unpack.key);
    assert_true(unpack.has_sps);
    assert_int_equal(unpack.sps_len, 2);
    assert_int_equal(unpack.pps_len, 2);
}

static void a_key_frame_without_sets_gets_the_last(void **state)
{
    (void)state;
    struct sl_h264_unpack unpack = begin();
    assert_int_equal(ADD(&unpack, 0x67, 1), 0);
    assert_int_equal(ADD(&unpack, 0x68, 2), 0);
    assert_int_equal(sl_h264_unpack_end(&unpack), -EBADMSG); /* no slice */
    static const uint8_t expected[] = {0, 0,    0, 1, 0x67, 1, 0, 0,    0,
                                       1, 0x68, 2, 0, 0,    0, 1, 0x65, 0x80};
    for (int fragments = 0; fragments < 2; fragments++) {
        sl_h264_unpack_begin(&unpack, out, sizeof(out));
        if (fragments)
            assert_int_equal(ADD(&unpack, 0x7c, 0xc5, 0x80), 0);
        else
            assert_int_equal(ADD(&unpack, 0x65, 0x80), 0);
        assert_int_equal(sl_h264_unpack_end(&unpack), sizeof(expected));
        assert_memory_equal(out, expected, sizeof(expected));
        assert_true(unpack.has_sps);
    }
    assert_int_equal(ADD(&unpack, 0x65, 0x40), 0); /* a second slice: the sets only once */
    assert_int_equal(sl_h264_unpack_end(&unpack), sizeof(expected) + 6);
}

static void sets_too_long_are_passed_on_and_not_kept(void **state)
{
    (void)state;
    struct sl_h264_unpack unpack = begin();
    uint8_t sps[SL_H264_PARAMETER_SET_MAX + 1] = {0x67};
    assert_int_equal(sl_h264_unpack_add(&unpack, sps, sizeof(sps)), 0);
    assert_int_equal(unpack.sps_len, 0);
    assert_int_equal(unpack.len, sizeof(sps) + 4);
    assert_int_equal(sl_h264_unpack_add(&unpack, sps, sizeof(sps) - 1), 0);
    assert_int_equal(unpack.sps_len, SL_H264_PARAMETER_SET_MAX);
}

static void a_recovery_point_counts_as_key(void **state)
{
    (void)state;
    struct sl_h264_unpack unpack = begin();
    assert_int_equal(ADD(&unpack, 0x06, 5, 2, 1, 2, 6, 1, 0x80, 0x80), 0);
    assert_int_equal(ADD(&unpack, 0x41, 0x80), 0);
    assert_true(sl_h264_unpack_end(&unpack) > 0);
    assert_true(unpack.key);
    unpack = begin(); /* right only some frames later */
    assert_int_equal(ADD(&unpack, 0x06, 6, 1, 0x40, 0x80), 0);
    assert_int_equal(ADD(&unpack, 0x41, 0x80), 0);
    assert_false(unpack.key);
    unpack = begin(); /* a size that lies */
    assert_int_equal(ADD(&unpack, 0x06, 6, 0xff, 0xff, 0x80), 0);
    assert_false(unpack.key);
}

#define REFUSES(...)                                                                               \
    do {                                                                                           \
        struct sl_h264_unpack unpack_ = begin();                                                   \
        assert_int_equal(ADD(&unpack_, __VA_ARGS__), -EBADMSG);                                    \
    } while (0)

static void refuses_what_is_cut_short_or_unknown(void **state)
{
    (void)state;
    REFUSES(0x00, 1);                /* type 0 */
    REFUSES(0x79, 0, 2, 0x41, 1);    /* STAP-B */
    REFUSES(0x7d, 0x85, 0, 0, 1);    /* FU-B */
    REFUSES(0x78);                   /* STAP-A with nothing */
    REFUSES(0x78, 0);                /* half a length */
    REFUSES(0x78, 0, 3, 0x41, 1);    /* past the end */
    REFUSES(0x78, 0, 0, 0, 1, 0x41); /* an empty NAL */
    REFUSES(0x78, 0, 2, 0x78, 1);    /* STAP-A inside STAP-A */
    REFUSES(0x78, 0, 2, 0x41, 1, 0); /* a byte left over */
    REFUSES(0x7c);                   /* FU-A without header */
    REFUSES(0x7c, 0x05, 1);          /* not begun */
    REFUSES(0x7c, 0x9c, 1);          /* FU-A of FU-A */
}

static void refuses_fragments_out_of_order(void **state)
{
    (void)state;
    struct sl_h264_unpack unpack = begin();
    assert_int_equal(ADD(&unpack, 0x7c, 0x81, 1), 0);
    assert_int_equal(ADD(&unpack, 0x7c, 0x81, 1), -EBADMSG); /* begun twice */
    unpack = begin();
    assert_int_equal(ADD(&unpack, 0x7c, 0x81, 1), 0);
    assert_int_equal(ADD(&unpack, 0x41, 1), -EBADMSG); /* another NAL inside */
    unpack = begin();
    assert_int_equal(ADD(&unpack, 0x7c, 0x81, 1), 0);
    assert_int_equal(sl_h264_unpack_end(&unpack), -EBADMSG); /* not ended */
}

static void stays_inside_the_buffer(void **state)
{
    (void)state;
    for (size_t size = 0; size < 9; size++) {
        struct sl_h264_unpack unpack = {0};
        uint8_t small[16];
        memset(small, 0x5a, sizeof(small));
        sl_h264_unpack_begin(&unpack, small, size);
        const int err = ADD(&unpack, 0x41, 1, 2, 3);
        assert_int_equal(err, size < 8 ? -EMSGSIZE : 0);
        for (size_t i = size; i < sizeof(small); i++)
            assert_int_equal(small[i], 0x5a);
    }
}

static void a_peek_says_what_a_relay_needs(void **state)
{
    (void)state;
    struct sl_h264_peek peek = PEEK(0x78, 0, 2, 0x67, 1, 0, 2, 0x68, 2); /* STAP-A */
    assert_true(peek.starts_key && peek.idr && peek.reference && peek.sps && !peek.slice);
    peek = PEEK(0x67, 0x42);
    assert_true(peek.starts_key && peek.idr && peek.sps);
    peek = PEEK(0x68, 0xce); /* a PPS starts nothing */
    assert_true(!peek.starts_key && peek.idr && !peek.sps);
    peek = PEEK(0x65, 0x88); /* first slice of an IDR picture */
    assert_true(peek.starts_key && peek.idr && peek.slice && peek.idr_slice);
    peek = PEEK(0x65, 0x48); /* a later slice */
    assert_true(!peek.starts_key && peek.idr && peek.idr_slice);
    peek = PEEK(0x7c, 0x85, 0x88);
    assert_true(peek.starts_key && peek.idr && peek.reference);
    peek = PEEK(0x7c, 0x85, 0x48);
    assert_true(!peek.starts_key && peek.idr);
    peek = PEEK(0x7c, 0x45, 0x88); /* not the first fragment */
    assert_true(!peek.starts_key && peek.idr && peek.idr_slice);
    peek = PEEK(0x41, 0x88);
    assert_true(!peek.starts_key && !peek.idr && peek.reference && peek.slice && !peek.idr_slice);
    peek = PEEK(0x01, 0x88);
    assert_true(!peek.reference && peek.slice);
    peek = PEEK(0x78, 0, 9, 0x67); /* lies */
    assert_true(!peek.starts_key);
    peek = sl_h264_peek(NULL, 0);
    assert_true(!peek.starts_key && !peek.idr && !peek.reference);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_single_nal),
        cmocka_unit_test(an_aggregate_and_fragments),
        cmocka_unit_test(a_key_frame_without_sets_gets_the_last),
        cmocka_unit_test(sets_too_long_are_passed_on_and_not_kept),
        cmocka_unit_test(a_recovery_point_counts_as_key),
        cmocka_unit_test(refuses_what_is_cut_short_or_unknown),
        cmocka_unit_test(refuses_fragments_out_of_order),
        cmocka_unit_test(stays_inside_the_buffer),
        cmocka_unit_test(a_peek_says_what_a_relay_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
