/* SPDX-License-Identifier: MIT */
/* What RTP payloads of cameras hold: H.265, JPEG, AAC; and packets of UDP in order. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sender/aac_unpack.h"
#include "sender/h265_unpack.h"
#include "sender/jpeg_unpack.h"
#include "sender/rtp_order.h"

static uint8_t out[4096];

#define BYTES(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

static void h265_of_every_form(void **state)
{
    (void)state;
    struct sl_h265_unpack u;
    sl_h265_unpack_begin(&u, out, sizeof(out));
    assert_int_equal(sl_h265_unpack_add(&u, BYTES(0x40, 1, 0xaa)), 0); /* VPS, alone */
    assert_int_equal(sl_h265_unpack_add(&u, BYTES(0x60, 1, 0, 3, 0x42, 1, 0xbb, 0, 2, 0x44, 1)), 0);
    assert_int_equal(sl_h265_unpack_add(&u, BYTES(0x62, 1, 0x80 | 19, 1, 2)), 0);
    assert_int_equal(sl_h265_unpack_add(&u, BYTES(0x62, 1, 19, 3)), 0);
    assert_int_equal(sl_h265_unpack_end(&u), -EBADMSG); /* the slice goes on */
    assert_int_equal(sl_h265_unpack_add(&u, BYTES(0x62, 1, 0x40 | 19, 4)), 0);
    assert_int_equal(sl_h265_unpack_add(&u, NULL, 0), 0);
    static const uint8_t wanted[] = {0, 0, 0, 1,    0x40, 1, 0xaa, 0, 0, 0,    1, 0x42, 1, 0xbb, 0,
                                     0, 0, 1, 0x44, 1,    0, 0,    0, 1, 0x26, 1, 1,    2, 3,    4};
    assert_int_equal(sl_h265_unpack_end(&u), sizeof(wanted));
    assert_memory_equal(out, wanted, sizeof(wanted));
}

static void h265_that_is_none(void **state)
{
    (void)state;
    struct sl_h265_unpack u;
    sl_h265_unpack_begin(&u, out, sizeof(out));
    assert_int_equal(sl_h265_unpack_end(&u), -EBADMSG);
    assert_int_equal(sl_h265_unpack_add(&u, BYTES(0x40)), -EBADMSG);
    assert_int_equal(sl_h265_unpack_add(&u, BYTES(0x62, 1)), -EBADMSG);
    assert_int_equal(sl_h265_unpack_add(&u, BYTES(0x62, 1, 19, 3)), -EBADMSG); /* no start */
    assert_int_equal(sl_h265_unpack_add(&u, BYTES(0x60, 1, 0, 9, 0x42, 1)), -EBADMSG);
    assert_int_equal(sl_h265_unpack_add(&u, BYTES(0x60, 1, 0, 1, 0x42)), -EBADMSG);
    assert_int_equal(sl_h265_unpack_add(&u, BYTES(0x60, 1)), -EBADMSG);
    assert_int_equal(sl_h265_unpack_add(&u, BYTES(0x64, 1, 1)), -EBADMSG); /* PACI */
    sl_h265_unpack_begin(&u, out, sizeof(out));
    assert_int_equal(sl_h265_unpack_add(&u, BYTES(0x62, 1, 0x80 | 19, 1)), 0);
    assert_int_equal(sl_h265_unpack_add(&u, BYTES(0x40, 1, 0xaa)), -EBADMSG); /* within a slice */
    sl_h265_unpack_begin(&u, out, 6);
    assert_int_equal(sl_h265_unpack_add(&u, BYTES(0x40, 1, 0xaa)), -EMSGSIZE);
}

/* Type 1, Q 50, 32 x 16: the standard tables themselves. */
static void jpeg_gets_its_headers(void **state)
{
    (void)state;
    struct sl_jpeg_unpack u;
    sl_jpeg_unpack_init(&u);
    sl_jpeg_unpack_begin(&u, out, sizeof(out));
    assert_int_equal(sl_jpeg_unpack_add(&u, BYTES(0, 0, 0, 0, 1, 50, 4, 2, 0xa1, 0xa2)), 0);
    assert_int_equal(sl_jpeg_unpack_add(&u, BYTES(0, 0, 0, 2, 1, 50, 4, 2, 0xa3)), 0);
    const int len = sl_jpeg_unpack_end(&u);
    assert_int_equal(len, 2 + 2 * 69 + 19 + 14 + 3 + 2);
    assert_memory_equal(out, "\xff\xd8\xff\xdb\0\x43\0\x10\x0b\x0c\x0e", 11);
    assert_memory_equal(out + 71, "\xff\xdb\0\x43\x01\x11\x12\x12\x18", 9);
    assert_memory_equal(out + 140, "\xff\xc0\0\x11\x08\0\x10\0\x20\x03\x01\x22\0\x02\x11\x01", 16);
    assert_memory_equal(out + 159, "\xff\xda\0\x0c\x03\x01\0\x02\x11\x03\x11\0\x3f\0", 14);
    assert_memory_equal(out + len - 5, "\xa1\xa2\xa3\xff\xd9", 5);
}

static void jpeg_tables_of_its_own(void **state)
{
    (void)state;
    struct sl_jpeg_unpack u;
    uint8_t first[8 + 4 + 4 + 128 + 1] = {0, 0, 0, 0, 64, 130, 4, 2, 0, 7, 0, 0, 0, 0, 0, 128};
    memset(first + 16, 9, 64);
    memset(first + 80, 5, 64);
    sl_jpeg_unpack_init(&u);
    sl_jpeg_unpack_begin(&u, out, sizeof(out));
    assert_int_equal(sl_jpeg_unpack_add(&u, first, sizeof(first)), 0);
    assert_memory_equal(out, "\xff\xd8\xff\xdb\0\x43\0\x09", 8);
    assert_memory_equal(out + 71, "\xff\xdb\0\x43\x01\x05", 6);
    assert_memory_equal(out + 140, "\xff\xdd\0\x04\0\x07\xff\xc0", 8); /* restart interval 7 */
    assert_int_equal(out[140 + 6 + 11], 0x21);                         /* 4:2:2 */
    sl_jpeg_unpack_begin(&u, out, sizeof(out)); /* the next one may leave them out */
    assert_int_equal(sl_jpeg_unpack_add(&u, BYTES(0, 0, 0, 0, 0, 130, 4, 2, 0, 0, 0, 0, 0xa1)), 0);
    assert_int_equal(out[7], 9);
    sl_jpeg_unpack_begin(&u, out, sizeof(out)); /* but not those of another Q */
    assert_int_equal(sl_jpeg_unpack_add(&u, BYTES(0, 0, 0, 0, 0, 131, 4, 2, 0, 0, 0, 0, 0xa1)),
                     -ENOTSUP);
}

static void jpeg_that_is_none(void **state)
{
    (void)state;
    struct sl_jpeg_unpack u;
    sl_jpeg_unpack_init(&u);
    sl_jpeg_unpack_begin(&u, out, sizeof(out));
    assert_int_equal(sl_jpeg_unpack_end(&u), -EBADMSG);
    assert_int_equal(sl_jpeg_unpack_add(&u, BYTES(0, 0, 0, 0, 1, 50, 4)), -EBADMSG);
    assert_int_equal(sl_jpeg_unpack_add(&u, BYTES(0, 0, 0, 8, 1, 50, 4, 2, 1)), -EBADMSG);
    assert_int_equal(sl_jpeg_unpack_add(&u, BYTES(0, 0, 0, 0, 1, 0, 4, 2, 1)), -EBADMSG);
    assert_int_equal(sl_jpeg_unpack_add(&u, BYTES(0, 0, 0, 0, 1, 100, 4, 2, 1)), -EBADMSG);
    assert_int_equal(sl_jpeg_unpack_add(&u, BYTES(0, 0, 0, 0, 1, 50, 0, 2, 1)), -ENOTSUP);
    assert_int_equal(sl_jpeg_unpack_add(&u, BYTES(0, 0, 0, 0, 2, 50, 4, 2, 1)), -ENOTSUP);
    assert_int_equal(sl_jpeg_unpack_add(&u, BYTES(0, 0, 0, 0, 1, 200, 4, 2, 0, 0, 0, 64, 1)),
                     -EBADMSG);
    assert_int_equal(sl_jpeg_unpack_add(&u, BYTES(0, 0, 0, 0, 1, 50, 4, 2, 1)), 0);
    assert_int_equal(sl_jpeg_unpack_add(&u, BYTES(0, 0, 0, 5, 1, 50, 4, 2, 1)), -EBADMSG);
    sl_jpeg_unpack_begin(&u, out, 100);
    assert_int_equal(sl_jpeg_unpack_add(&u, BYTES(0, 0, 0, 0, 1, 50, 4, 2, 1)), -EMSGSIZE);
}

static void aac_frames(void **state)
{
    (void)state;
    static const struct sl_aac_format hbr = {13, 3, 3};
    struct sl_aac_frame frames[SL_AAC_FRAMES];
    assert_int_equal(sl_aac_unpack(&hbr, BYTES(0, 16, 0, 3 << 3, 1, 2, 3), frames), 1);
    assert_int_equal(frames[0].len, 3);
    assert_int_equal(sl_aac_unpack(&hbr, BYTES(0, 32, 0, 2 << 3, 0, 1 << 3, 1, 2, 3), frames), 2);
    assert_int_equal(frames[0].len, 2);
    assert_int_equal(frames[1].len, 1);
    assert_int_equal(frames[1].data[0], 3);
    assert_int_equal(sl_aac_unpack(&hbr, BYTES(0, 16, 0, 4 << 3, 1, 2, 3), frames), -EBADMSG);
    assert_int_equal(sl_aac_unpack(&hbr, BYTES(0, 16, 0, 3 << 3 | 1, 1, 2, 3), frames), -EBADMSG);
    assert_int_equal(sl_aac_unpack(&hbr, BYTES(0, 0, 1, 2, 3), frames), -EBADMSG);
    assert_int_equal(sl_aac_unpack(&hbr, BYTES(1, 16, 0), frames), -EBADMSG);
    assert_int_equal(sl_aac_unpack(&hbr, BYTES(0), frames), -EBADMSG);
    static const struct sl_aac_format none = {0, 0, 0};
    assert_int_equal(sl_aac_unpack(&none, BYTES(0, 16, 0, 8, 1), frames), -EBADMSG);
    uint8_t many[2 + 2 * (SL_AAC_FRAMES + 1)] = {1, 16}; /* 272 bits: 17 frames of no bytes */
    assert_int_equal(sl_aac_unpack(&hbr, many, sizeof(many), frames), -EBADMSG);
}

/* ---- Order ---- */

static struct sl_rtp_order *order;

static bool put(uint16_t seq, sl_ns now)
{
    const uint8_t data[] = {(uint8_t)(seq >> 8), (uint8_t)seq};
    return sl_rtp_order_put(order, seq, data, sizeof(data), now);
}

/* -1: nothing yet. */
static int take(sl_ns now)
{
    struct sl_rtp_ordered got;
    if (!sl_rtp_order_take(order, now, &got))
        return -1;
    assert_int_equal(got.len, 2);
    return got.data[0] << 8 | got.data[1];
}

static void packets_in_order(void **state)
{
    (void)state;
    assert_int_equal(sl_rtp_order_create(&order), 0);
    assert_int_equal(take(SL_SEC), -1);
    assert_true(sl_rtp_order_due(order) == SL_NEVER);
    assert_true(put(65534, SL_SEC));
    assert_int_equal(take(SL_SEC), 65534);
    assert_true(put(0, SL_SEC)); /* 65535 comes late */
    assert_int_equal(take(SL_SEC), -1);
    assert_true(sl_rtp_order_due(order) == SL_SEC + 30 * SL_MS);
    assert_true(put(65535, SL_SEC + SL_MS));
    assert_false(put(65535, SL_SEC + SL_MS)); /* twice */
    assert_int_equal(take(SL_SEC + SL_MS), 65535);
    assert_int_equal(take(SL_SEC + SL_MS), 0);
    assert_false(put(65535, SL_SEC + SL_MS)); /* later than late */
    assert_true(put(2, 2 * SL_SEC));          /* 1 is lost */
    assert_true(put(4, 2 * SL_SEC + SL_MS));  /* and 3 */
    assert_int_equal(take(2 * SL_SEC + 29 * SL_MS), -1);
    assert_int_equal(take(2 * SL_SEC + 30 * SL_MS), 2);
    assert_int_equal(take(2 * SL_SEC + 30 * SL_MS), -1);
    assert_int_equal(take(2 * SL_SEC + 31 * SL_MS), 4);
    sl_rtp_order_destroy(order);
}

static void a_ring_of_packets_waits_for_one(void **state)
{
    (void)state;
    assert_int_equal(sl_rtp_order_create(&order), 0);
    assert_true(put(10, SL_SEC));
    assert_int_equal(take(SL_SEC), 10);
    for (uint16_t seq = 12; seq < 75; seq++) {
        assert_true(put(seq, SL_SEC));
        assert_int_equal(take(SL_SEC), -1);
    }
    assert_true(put(75, SL_SEC)); /* the 64th behind it */
    for (int seq = 12; seq <= 75; seq++)
        assert_int_equal(take(SL_SEC), seq);
    assert_true(put(20000, SL_SEC)); /* the camera began anew */
    assert_int_equal(take(SL_SEC), 20000);
    assert_true(put(100, SL_SEC));
    assert_int_equal(take(SL_SEC), 100);
    static uint8_t large[SL_RTP_ORDER_BYTES + 1];
    assert_false(sl_rtp_order_put(order, 101, large, sizeof(large), SL_SEC));
    assert_false(sl_rtp_order_put(order, 101, large, 0, SL_SEC));
    sl_rtp_order_destroy(order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(h265_of_every_form),    cmocka_unit_test(h265_that_is_none),
        cmocka_unit_test(jpeg_gets_its_headers), cmocka_unit_test(jpeg_tables_of_its_own),
        cmocka_unit_test(jpeg_that_is_none),     cmocka_unit_test(aac_frames),
        cmocka_unit_test(packets_in_order),      cmocka_unit_test(a_ring_of_packets_waits_for_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
