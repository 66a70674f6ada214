/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/types.h"
#include "media/nal.h"

/* SPSs of libx264; what they say was read with FFmpeg's trace_headers. */
static const uint8_t baseline_720p[] = {0x67, 0x42, 0xc0, 0x1f, 0xda, 0x01, 0x40, 0x16,
                                        0xec, 0x04, 0x40, 0x00, 0x00, 0x03, 0x00, 0x40,
                                        0x00, 0x00, 0x0f, 0x23, 0xc6, 0x0c, 0xa8};
static const uint8_t high_1080p[] = {0x67, 0x64, 0x00, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x02,
                                     0x27, 0xe5, 0xc0, 0x44, 0x00, 0x00, 0x03, 0x00, 0x04,
                                     0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x60, 0xc6, 0x58};
static const uint8_t interlaced_hrd[] = {0x67, 0x64, 0x00, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x04,
                                         0x4f, 0xde, 0x02, 0x20, 0x00, 0x00, 0x03, 0x00, 0x20,
                                         0x00, 0x00, 0x07, 0x8c, 0x90, 0x00, 0x1e, 0x84, 0x80,
                                         0x03, 0xd0, 0x94, 0x98, 0x60, 0x1f, 0x16, 0x2d, 0x96};
static const uint8_t high_444[] = {0x67, 0xf4, 0x00, 0x1e, 0x91, 0x96, 0x80, 0xa0, 0x3d,
                                   0xe5, 0xbc, 0x04, 0x40, 0x00, 0x00, 0x03, 0x00, 0x40,
                                   0x00, 0x00, 0x0c, 0x83, 0xc5, 0x8b, 0xa8};

static const struct known {
    const uint8_t *nal;
    size_t len;
    struct sl_sps sps;
} known[] = {
    {baseline_720p, sizeof(baseline_720p), {66, 0xc0, 31, 1280, 720, 1, true, 0, 1, true}},
    {high_1080p, sizeof(high_1080p), {100, 0, 40, 1920, 1080, 4, true, 2, 4, false}},
    {interlaced_hrd, sizeof(interlaced_hrd), {100, 0, 40, 1920, 1080, 4, true, 2, 4, false}},
    {high_444, sizeof(high_444), {244, 0, 30, 636, 478, 1, true, 0, 1, true}},
};

static void check_sps(const struct sl_sps *a, const struct sl_sps *b)
{
    assert_int_equal(a->profile_idc, b->profile_idc);
    assert_int_equal(a->constraint_flags, b->constraint_flags);
    assert_int_equal(a->level_idc, b->level_idc);
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->height, b->height);
    assert_int_equal(a->num_ref_frames, b->num_ref_frames);
    assert_int_equal(a->bitstream_restriction, b->bitstream_restriction);
    assert_int_equal(a->num_reorder_frames, b->num_reorder_frames);
    assert_int_equal(a->max_dec_frame_buffering, b->max_dec_frame_buffering);
    assert_int_equal(a->in_order, b->in_order);
}

static void finds_every_nal(void **state)
{
    (void)state;
    static const uint8_t stream[] = {9, 9, 0, 0, 1, 0x67, 1, 2, 0,    0, 0, 1, 0x68, 0, 3, 0,   0,
                                     0, 0, 0, 0, 1, 0,    0, 1, 0x65, 0, 0, 2, 0,    0, 1, 0x41};
    const uint8_t *at = stream;
    const uint8_t *end = stream + sizeof(stream);
    struct sl_nal nal;
    static const size_t lens[] = {3, 3, 4, 1};
    static const uint8_t heads[] = {0x67, 0x68, 0x65, 0x41};
    for (size_t i = 0; i < SL_COUNT(lens); i++) {
        assert_true(sl_nal_next(&at, end, &nal));
        assert_int_equal(nal.len, lens[i]);
        assert_int_equal(nal.data[0], heads[i]);
    }
    assert_false(sl_nal_next(&at, end, &nal));
    assert_false(sl_nal_next(&at, end, &nal));
}

static void finds_no_nal_where_none_is(void **state)
{
    (void)state;
    static const uint8_t none[] = {0, 0, 2, 0, 1, 0, 0, 0, 0, 0, 1};
    struct sl_nal nal;
    for (size_t len = 0; len <= sizeof(none); len++) {
        const uint8_t *at = none;
        assert_false(sl_nal_next(&at, none + len, &nal));
    }
}

static void reads_sps_of_x264(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_COUNT(known); i++) {
        struct sl_sps sps;
        assert_int_equal(sl_sps_read(&sps, known[i].nal, known[i].len), 0);
        check_sps(&sps, &known[i].sps);
    }
}

static void rewrites_sps_of_x264(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_COUNT(known); i++) {
        uint8_t out[64];
        const int len = sl_sps_no_reorder(known[i].nal, known[i].len, out, sizeof(out));
        assert_true(len > 0);
        struct sl_sps expected = known[i].sps, sps;
        expected.num_reorder_frames = 0;
        expected.in_order = true;
        expected.max_dec_frame_buffering = expected.num_ref_frames;
        assert_int_equal(sl_sps_read(&sps, out, (size_t)len), 0);
        check_sps(&sps, &expected);
        if (known[i].sps.num_reorder_frames == 0) /* nothing to change: not a bit may differ */
            assert_memory_equal(out, known[i].nal, known[i].len);
        for (int size = 0; size < len; size++)
            assert_int_equal(sl_sps_no_reorder(known[i].nal, known[i].len, out, (size_t)size),
                             -EMSGSIZE);
    }
}

static void refuses_sps_cut_short(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_COUNT(known); i++) {
        /* The last byte may hold no more than the end of the restriction. */
        for (size_t len = 0; len + 1 < known[i].len; len++) {
            struct sl_sps sps = {.width = 7};
            uint8_t out[64];
            assert_int_equal(sl_sps_read(&sps, known[i].nal, len), -EBADMSG);
            assert_int_equal(sps.width, 7);
            assert_int_equal(sl_sps_no_reorder(known[i].nal, len, out, sizeof(out)), -EBADMSG);
        }
    }
    struct sl_sps sps;
    static const uint8_t pps[] = {0x68, 0xce, 0x3c, 0x80, 0, 0, 0, 0};
    assert_int_equal(sl_sps_read(&sps, pps, sizeof(pps)), -EBADMSG);
}

/* An SPS by hand. */
struct maker {
    uint8_t rbsp[256];
    size_t bits;
    uint8_t nal[512];
    size_t len;
};

static void u(struct maker *m, unsigned count, uint32_t value)
{
    while (count--) {
        if (value >> count & 1)
            m->rbsp[m->bits / 8] |= (uint8_t)(0x80 >> m->bits % 8);
        m->bits++;
    }
}

static void ue(struct maker *m, uint32_t value)
{
    unsigned length = 0;
    while ((value + 1) >> (length + 1))
        length++;
    u(m, length, 0);
    u(m, length + 1, value + 1);
}

static void finish(struct maker *m)
{
    u(m, 1, 1);
    m->len = 0;
    unsigned zeros = 0;
    for (size_t i = 0; i < (m->bits + 7) / 8; i++) {
        if (zeros >= 2 && m->rbsp[i] <= 3) {
            m->nal[m->len++] = 3;
            zeros = 0;
        }
        m->nal[m->len++] = m->rbsp[i];
        zeros = m->rbsp[i] ? 0 : zeros + 1;
    }
}

static void begin(struct maker *m, uint8_t profile)
{
    memset(m, 0, sizeof(*m));
    u(m, 8, 0x67);
    u(m, 8, profile);
    u(m, 8, 0);
    u(m, 8, 30);
    ue(m, 0);
}

static void size_and_no_vui(struct maker *m, uint32_t refs)
{
    ue(m, 0); /* log2_max_frame_num_minus4 */
    ue(m, 2); /* pic_order_cnt_type */
    ue(m, refs);
    u(m, 1, 0);
    ue(m, 39);  /* 640 */
    ue(m, 22);  /* 368 */
    u(m, 1, 1); /* frame_mbs_only */
    u(m, 1, 1);
    u(m, 1, 1); /* cropping */
    ue(m, 0);
    ue(m, 0);
    ue(m, 0);
    ue(m, 4);   /* 360 */
    u(m, 1, 0); /* no VUI */
}

static void check_rewritten(const struct maker *m, int refs)
{
    struct sl_sps sps;
    uint8_t out[512];
    assert_int_equal(sl_sps_read(&sps, m->nal, m->len), 0);
    assert_int_equal(sps.width, 640);
    assert_int_equal(sps.height, 360);
    const int len = sl_sps_no_reorder(m->nal, m->len, out, sizeof(out));
    assert_true(len > 0);
    assert_int_equal(sl_sps_read(&sps, out, (size_t)len), 0);
    assert_int_equal(sps.width, 640);
    assert_int_equal(sps.height, 360);
    assert_true(sps.bitstream_restriction);
    assert_int_equal(sps.num_reorder_frames, 0);
    assert_int_equal(sps.max_dec_frame_buffering, refs);
    for (int i = 2; i < len; i++) /* no start code inside */
        assert_false(out[i] <= 2 && out[i - 1] == 0 && out[i - 2] == 0);
}

static void adds_a_vui_where_none_is(void **state)
{
    (void)state;
    struct maker m;
    begin(&m, 66);
    size_and_no_vui(&m, 3);
    finish(&m);
    check_rewritten(&m, 3);
}

static void walks_over_scaling_lists(void **state)
{
    (void)state;
    struct maker m;
    begin(&m, 100);
    ue(&m, 1); /* 4:2:0 */
    ue(&m, 0);
    ue(&m, 0);
    u(&m, 1, 0);
    u(&m, 1, 1); /* seq_scaling_matrix_present */
    for (int i = 0; i < 8; i++) {
        u(&m, 1, i % 2 == 0);
        if (i == 0)
            for (int k = 0; k < 16; k++)
                ue(&m, k % 2 ? 1 : 2); /* deltas of +1 and -1 */
        if (i == 2)
            ue(&m, 16); /* -8: next becomes 0, the default list: no more deltas */
        if (i == 4) {
            ue(&m, 1);
            ue(&m, 18); /* 9 - 9: the rest repeats */
        }
        if (i == 6)
            for (int k = 0; k < 64; k++)
                ue(&m, 0);
    }
    size_and_no_vui(&m, 1);
    finish(&m);
    check_rewritten(&m, 1);
}

static void prevents_start_codes_in_what_it_writes(void **state)
{
    (void)state;
    struct maker m;
    begin(&m, 66);
    ue(&m, 0);
    ue(&m, 1); /* pic_order_cnt_type 1, with offsets that make long runs of zeros */
    u(&m, 1, 0);
    ue(&m, 0x7ffffffe);
    ue(&m, 0x7ffffffe);
    ue(&m, 3);
    for (int i = 0; i < 3; i++)
        ue(&m, 0x3ffffffe);
    ue(&m, 16);
    u(&m, 1, 0);
    ue(&m, 39);
    ue(&m, 22);
    u(&m, 1, 1);
    u(&m, 1, 1);
    u(&m, 1, 1);
    ue(&m, 0);
    ue(&m, 0);
    ue(&m, 0);
    ue(&m, 4);
    u(&m, 1, 0);
    finish(&m);
    assert_true(m.len > (m.bits + 7) / 8); /* something was escaped */
    check_rewritten(&m, 16);
}

static void refuses_numbers_out_of_range(void **state)
{
    (void)state;
    struct maker m;
    struct sl_sps sps;
    begin(&m, 66);
    size_and_no_vui(&m, 17); /* more references than there can be */
    finish(&m);
    assert_int_equal(sl_sps_read(&sps, m.nal, m.len), -EBADMSG);
    begin(&m, 66);
    ue(&m, 0);
    ue(&m, 2);
    ue(&m, 1);
    u(&m, 1, 0);
    ue(&m, 1024); /* width: 16400 */
    ue(&m, 22);
    u(&m, 8, 0xff);
    finish(&m);
    assert_int_equal(sl_sps_read(&sps, m.nal, m.len), -EBADMSG);
}

static void tells_b_slices(void **state)
{
    (void)state;
    static const uint8_t p[] = {0x41, 0x9a, 0x22}, b[] = {0x01, 0x9e, 0x44}, i[] = {0x65, 0x88};
    static const uint8_t later_p[] = {0x41, 0x00, 0xa0, 0x1a, 0x80}; /* first_mb 319, type 5 */
    static const uint8_t later_b[] = {0x01, 0x00, 0xa0, 0x1e, 0x80}; /* the same, type 6 */
    assert_true(sl_slice_is_b(b, sizeof(b)));
    assert_false(sl_slice_is_b(p, sizeof(p)));
    assert_false(sl_slice_is_b(i, sizeof(i)));
    assert_false(sl_slice_is_b(later_p, sizeof(later_p)));
    assert_true(sl_slice_is_b(later_b, sizeof(later_b)));
    for (size_t len = 0; len < 2; len++)
        assert_false(sl_slice_is_b(b, len));
    assert_false(sl_slice_is_b(baseline_720p, sizeof(baseline_720p)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_every_nal),
        cmocka_unit_test(finds_no_nal_where_none_is),
        cmocka_unit_test(reads_sps_of_x264),
        cmocka_unit_test(rewrites_sps_of_x264),
        cmocka_unit_test(refuses_sps_cut_short),
        cmocka_unit_test(adds_a_vui_where_none_is),
        cmocka_unit_test(walks_over_scaling_lists),
        cmocka_unit_test(prevents_start_codes_in_what_it_writes),
        cmocka_unit_test(refuses_numbers_out_of_range),
        cmocka_unit_test(tells_b_slices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
