/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "rtp/rtcp.h"
#include "tests/support/alloc_count.h"

struct heard {
    struct sl_rtcp_item items[64];
    size_t count;
};

static void hear(void *ctx, const struct sl_rtcp_item *item)
{
    struct heard *heard = ctx;
    assert_in_range(heard->count, 0, SL_COUNT(heard->items) - 1);
    heard->items[heard->count++] = *item;
}

static struct heard read_all(const struct sl_writer *w)
{
    assert_false(w->failed);
    assert_int_equal(sl_writer_len(w) % 4, 0);
    struct heard heard = {0};
    assert_int_equal(sl_rtcp_read(w->start, sl_writer_len(w), hear, &heard), 0);
    return heard;
}

static const struct sl_rtcp_report_block block = {.ssrc = 0xaabbccdd,
                                                  .fraction_lost = 12,
                                                  .cumulative_lost = -3,
                                                  .highest = 70000,
                                                  .jitter = 99,
                                                  .lsr = 0x11223344,
                                                  .dlsr = 65536};

static void check_block(const struct sl_rtcp_item *item)
{
    assert_int_equal(item->type, SL_RTCP_REPORT_BLOCK);
    assert_int_equal(item->block.ssrc, block.ssrc);
    assert_int_equal(item->block.fraction_lost, block.fraction_lost);
    assert_int_equal(item->block.cumulative_lost, block.cumulative_lost);
    assert_int_equal(item->block.highest, block.highest);
    assert_int_equal(item->block.jitter, block.jitter);
    assert_int_equal(item->block.lsr, block.lsr);
    assert_int_equal(item->block.dlsr, block.dlsr);
}

static void reads_a_compound_that_it_wrote(void **state)
{
    (void)state;
    uint8_t wire[512];
    struct sl_writer w = sl_writer(wire, sizeof(wire));
    sl_rtcp_write_sr(&w, 1, 0x0102030405060708, 9, 10, 11, &block, 1);
    sl_rtcp_write_rr(&w, 2, &block, 1);
    sl_rtcp_write_sdes(&w, 3, "camera");
    sl_rtcp_write_pli(&w, 4, 5);
    sl_rtcp_write_rrtr(&w, 6, 0xfedcba9876543210);
    sl_rtcp_write_dlrr(&w, 7, 8, 9, 10);
    sl_rtcp_write_remb(&w, 9, 10, 2500000);
    sl_rtcp_write_bye(&w, (const uint32_t[]){20, 21}, 2);
    const struct heard heard = read_all(&w);
    const struct sl_rtcp_item *i = heard.items;
    assert_int_equal(heard.count, 11);
    assert_int_equal(i[0].type, SL_RTCP_SR);
    assert_int_equal(i[0].sender_ssrc, 1);
    assert_true(i[0].ntp == 0x0102030405060708);
    assert_int_equal(i[0].rtp_timestamp, 9);
    assert_int_equal(i[0].packets, 10);
    assert_int_equal(i[0].octets, 11);
    check_block(&i[1]);
    assert_int_equal(i[2].type, SL_RTCP_RR);
    assert_int_equal(i[2].sender_ssrc, 2);
    check_block(&i[3]);
    assert_int_equal(i[4].type, SL_RTCP_SDES_CNAME);
    assert_int_equal(i[4].sender_ssrc, 3);
    assert_int_equal(i[4].text_len, 6);
    assert_memory_equal(i[4].text, "camera", 6);
    assert_int_equal(i[5].type, SL_RTCP_PLI);
    assert_int_equal(i[5].media_ssrc, 5);
    assert_int_equal(i[6].type, SL_RTCP_XR_RRTR);
    assert_true(i[6].ntp == 0xfedcba9876543210);
    assert_int_equal(i[7].type, SL_RTCP_XR_DLRR);
    assert_int_equal(i[7].sender_ssrc, 7);
    assert_int_equal(i[7].media_ssrc, 8);
    assert_int_equal(i[7].lrr, 9);
    assert_int_equal(i[7].dlrr, 10);
    assert_int_equal(i[8].type, SL_RTCP_REMB);
    assert_int_equal(i[8].media_ssrc, 10);
    assert_in_range(i[8].remb_bps, 2499900, 2500000);
    assert_int_equal(i[9].type, SL_RTCP_BYE);
    assert_int_equal(i[9].media_ssrc, 20);
    assert_int_equal(i[10].media_ssrc, 21);
}

static void writes_the_bytes_of_rfc_4585(void **state)
{
    (void)state;
    uint8_t wire[64];
    struct sl_writer w = sl_writer(wire, sizeof(wire));
    /* 17 apart starts a new pair; 16 apart is the top bit. */
    const int64_t seqs[] = {65535, 65536, 65551, 65552};
    sl_rtcp_write_nack(&w, 1, 2, seqs, SL_COUNT(seqs));
    static const uint8_t expected[] = {0x81, 205, 0,    4,    0,    0,    0, 1,  0, 0,
                                       0,    2,   0xff, 0xff, 0x80, 0x01, 0, 16, 0, 0};
    assert_int_equal(sl_writer_len(&w), sizeof(expected));
    assert_memory_equal(wire, expected, sizeof(expected));
    const struct heard heard = read_all(&w);
    assert_int_equal(heard.count, 2);
    assert_int_equal(heard.items[0].nack_pid, 65535);
    assert_int_equal(heard.items[0].nack_blp, 0x8001);
    assert_int_equal(heard.items[1].nack_pid, 16);
}

static void nacks_name_each_number_once(void **state)
{
    (void)state;
    int64_t seqs[512];
    uint8_t wire[4096];
    for (size_t i = 0; i < SL_COUNT(seqs); i++)
        seqs[i] = 65000 + (int64_t)(i * i % 7) + (int64_t)i * 7;
    struct sl_writer w = sl_writer(wire, sizeof(wire));
    sl_rtcp_write_nack(&w, 1, 2, seqs, 60);
    const struct heard heard = read_all(&w);
    size_t at = 0;
    for (size_t i = 0; i < heard.count; i++) {
        assert_int_equal((uint16_t)seqs[at++], heard.items[i].nack_pid);
        for (unsigned bit = 0; bit < 16; bit++)
            if (heard.items[i].nack_blp >> bit & 1)
                assert_int_equal((uint16_t)seqs[at++],
                                 (uint16_t)(heard.items[i].nack_pid + bit + 1));
    }
    assert_int_equal(at, 60);
}

static void reads_full_intra_requests(void **state)
{
    (void)state;
    static const uint8_t wire[] = {0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 7, 0, 0, 0};
    struct heard heard = {0};
    assert_int_equal(sl_rtcp_read(wire, sizeof(wire), hear, &heard), 0);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.items[0].type, SL_RTCP_FIR);
    assert_int_equal(heard.items[0].media_ssrc, 9);
    assert_int_equal(heard.items[0].fir_seq, 7);
}

static void reads_remb_of_any_exponent(void **state)
{
    (void)state;
    uint8_t wire[64];
    for (unsigned shift = 0; shift < 64; shift++) {
        struct sl_writer w = sl_writer(wire, sizeof(wire));
        const uint64_t bps = (uint64_t)1 << shift;
        sl_rtcp_write_remb(&w, 1, 2, bps);
        const struct heard heard = read_all(&w);
        assert_int_equal(heard.count, 1);
        assert_true(heard.items[0].remb_bps == bps);
    }
}

static void skips_what_it_does_not_know(void **state)
{
    (void)state;
    static const uint8_t wire[] = {
        0x80, 209, 0, 2, 0, 0, 0, 1, 'n', 'a', 'm', 'e',               /* not RTCP's */
        0x8f, 205, 0, 3, 0, 0, 0, 1, 0,   0,   0,   2,   0,   0, 0, 0, /* transport-cc */
        0x8f, 206, 0, 2, 0, 0, 0, 1, 0,   0,   0,   2,                 /* empty AFB */
        0x80, 207, 0, 2, 0, 0, 0, 1, 99,  0,   0,   0,                 /* XR block 99, empty */
        0x81, 202, 0, 3, 0, 0, 0, 1, 2,   3,   'a', 'b', 'c', 0, 0, 0, /* SDES NAME */
        0xa1, 203, 0, 2, 0, 0, 0, 5, 0,   0,   0,   4,                 /* BYE with padding */
    };
    struct heard heard = {0};
    assert_int_equal(sl_rtcp_read(wire, sizeof(wire), hear, &heard), 0);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.items[0].type, SL_RTCP_BYE);
    assert_int_equal(heard.items[0].media_ssrc, 5);
}

static void check_refused(const uint8_t *wire, size_t len, size_t items)
{
    struct heard heard = {0};
    assert_int_equal(sl_rtcp_read(wire, len, hear, &heard), -EBADMSG);
    assert_int_equal(heard.count, items);
}

static void refuses_lengths_that_lie(void **state)
{
    (void)state;
    check_refused((const uint8_t[]){0}, 0, 0);
    check_refused((const uint8_t[]){0x80, 201, 0}, 3, 0);
    check_refused((const uint8_t[]){0x80, 201, 0, 1, 0, 0, 0}, 7, 0);    /* past the end */
    check_refused((const uint8_t[]){0x80, 201, 0, 0}, 4, 0);             /* no SSRC */
    check_refused((const uint8_t[]){0x40, 203, 0, 0}, 4, 0);             /* version 1 */
    check_refused((const uint8_t[]){0x9f, 201, 0, 1, 0, 0, 0, 1}, 8, 1); /* 31 blocks, none there */
    check_refused((const uint8_t[]){0x82, 203, 0, 1, 0, 0, 0, 1}, 8, 1); /* BYE of 2 with 1 */
    check_refused((const uint8_t[]){0xa1, 203, 0, 1, 0, 0, 0, 9}, 8, 0); /* padding of 9 */
    check_refused((const uint8_t[]){0xa1, 203, 0, 1, 0, 0, 0, 0}, 8, 0); /* padding of 0 */
    check_refused((const uint8_t[]){0x81, 202, 0, 2, 0, 0, 0, 1, 1, 9, 'a', 'b'}, 12, 0);
    check_refused((const uint8_t[]){0x80, 207, 0, 2, 0, 0, 0, 1, 4, 0, 0, 2}, 12, 0);
    check_refused((const uint8_t[]){0x80, 207, 0, 3, 0, 0, 0, 1, 4, 0, 0, 1, 0, 0, 0, 0}, 16, 0);
    check_refused((const uint8_t[]){0x81, 206, 0, 1, 0, 0, 0, 1}, 8, 0); /* PLI without target */
}

static void writers_stop_at_the_end(void **state)
{
    (void)state;
    const int64_t seqs[] = {1, 100, 200};
    for (size_t size = 0; size < 200; size++) {
        uint8_t wire[256];
        memset(wire, 0x5a, sizeof(wire));
        struct sl_writer w = sl_writer(wire, size);
        sl_rtcp_write_sr(&w, 1, 2, 3, 4, 5, &block, 1);
        sl_rtcp_write_sdes(&w, 1, "abc");
        sl_rtcp_write_nack(&w, 1, 2, seqs, SL_COUNT(seqs));
        sl_rtcp_write_dlrr(&w, 1, 2, 3, 4);
        assert_int_equal(w.failed, size < 52 + 16 + 24 + 24);
        for (size_t i = size; i < sizeof(wire); i++)
            assert_int_equal(wire[i], 0x5a);
    }
}

static void writers_refuse_what_has_no_room_in_five_bits(void **state)
{
    (void)state;
    uint8_t wire[2048];
    struct sl_rtcp_report_block blocks[32] = {0};
    struct sl_writer w = sl_writer(wire, sizeof(wire));
    sl_rtcp_write_rr(&w, 1, blocks, 31);
    assert_false(w.failed);
    sl_rtcp_write_rr(&w, 1, blocks, 32);
    assert_true(w.failed);
    char cname[257];
    memset(cname, 'x', 256);
    cname[256] = '\0';
    w = sl_writer(wire, sizeof(wire));
    sl_rtcp_write_sdes(&w, 1, cname + 1);
    assert_false(w.failed);
    sl_rtcp_write_sdes(&w, 1, cname);
    assert_true(w.failed);
}

static void allocates_nothing(void **state)
{
    const uint64_t before = sl_alloc_count();
    reads_a_compound_that_it_wrote(state);
    nacks_name_each_number_once(state);
    assert_int_equal(sl_alloc_count() - before, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_compound_that_it_wrote),
        cmocka_unit_test(writes_the_bytes_of_rfc_4585),
        cmocka_unit_test(nacks_name_each_number_once),
        cmocka_unit_test(reads_full_intra_requests),
        cmocka_unit_test(reads_remb_of_any_exponent),
        cmocka_unit_test(skips_what_it_does_not_know),
        cmocka_unit_test(refuses_lengths_that_lie),
        cmocka_unit_test(writers_stop_at_the_end),
        cmocka_unit_test(writers_refuse_what_has_no_room_in_five_bits),
        cmocka_unit_test(allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
