/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "rtp/packet.h"
#include "session/parity.h"

#define START (1000 * SL_SEC)
#define SSRC 0x1111

static const struct sl_sdp_media media = {.kind = SL_VIDEO,
                                          .mid = "0",
                                          .pt = 108,
                                          .fec = SL_SDP_FEC_RS,
                                          .fec_pt = 49,
                                          .fec_ssrc = 0x3333,
                                          .ids = {.mid = 4}};

static struct sl_fec_run runs[SL_FEC_FRAME_RUNS];

static void make(struct sl_parity *parity, bool lazy)
{
    struct sl_random random;
    sl_random_init_seed(&random, 2);
    assert_int_equal(sl_parity_init(parity, &media, SSRC, lazy, &random), 0);
    assert_in_range(parity->seq, 1, 32767);
}

static void put(struct sl_parity *parity, int64_t seq, uint32_t frame, bool marker, sl_ns now)
{
    uint8_t data[100] = {0x80, 108};
    sl_put16(data + 2, (uint16_t)seq);
    sl_put32(data + 8, SSRC);
    data[50] = (uint8_t)seq;
    sl_parity_packet(parity, seq, frame * 3000, marker, data, sizeof(data), now);
}

/* Frames of 8. */
static void put_frame(struct sl_parity *parity, uint32_t frame, int64_t hole, sl_ns now)
{
    for (int i = 0; i < 8; i++)
        if (frame * 8 + i != hole)
            put(parity, frame * 8 + i, frame, i == 7, now);
}

static void a_frame_is_over_with_its_marker(void **state)
{
    (void)state;
    struct sl_parity parity;
    make(&parity, false);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(sl_parity_next(&parity, START, runs), 0);
        put(&parity, 65530 + i, 1, i == 7, START);
    }
    assert_int_equal(sl_parity_next(&parity, START, runs), 1);
    assert_int_equal(runs[0].base, 65530);
    assert_int_equal(runs[0].count, 8);
    assert_int_equal(sl_parity_next(&parity, START, runs), 0); /* once */
    assert_int_equal(sl_parity_due(&parity), SL_NEVER);
    struct sl_fec_run run;
    assert_true(sl_parity_run_of(&parity, 65533, &run));
    assert_int_equal(run.base, 65530);
    assert_int_equal(sl_parity_rows_sent(&parity, 65533), 0);
    sl_parity_fini(&parity);
}

static void a_hole_is_waited_for(void **state)
{
    (void)state;
    struct sl_parity parity;
    make(&parity, false);
    put_frame(&parity, 1, -1, START);
    assert_int_equal(sl_parity_next(&parity, START, runs), 1);
    put_frame(&parity, 2, 19, START);
    assert_int_equal(sl_parity_next(&parity, START, runs), 0);
    assert_int_equal(sl_parity_due(&parity), START + 5 * SL_MS);
    put(&parity, 19, 2, false, START + 2 * SL_MS);
    assert_int_equal(sl_parity_next(&parity, START + 2 * SL_MS, runs), 1);
    assert_int_equal(runs[0].count, 8);
    put_frame(&parity, 3, 27, START + 33 * SL_MS); /* does not come */
    assert_int_equal(sl_parity_next(&parity, START + 37 * SL_MS, runs), 0);
    assert_int_equal(sl_parity_next(&parity, START + 38 * SL_MS, runs), 2);
    assert_int_equal(runs[0].base, 24);
    assert_int_equal(runs[0].count, 3);
    assert_int_equal(runs[1].base, 28);
    assert_int_equal(runs[1].count, 4);
    put_frame(&parity, 4, 32, START + 66 * SL_MS); /* the first of all is a hole as well */
    assert_int_equal(sl_parity_next(&parity, START + 66 * SL_MS, runs), 0);
    put(&parity, 40, 5, false, START + 70 * SL_MS); /* the next frame begins */
    assert_int_equal(sl_parity_next(&parity, START + 70 * SL_MS, runs), 1);
    assert_int_equal(runs[0].base, 33);
    sl_parity_fini(&parity);
}

static void a_lazy_one_sleeps_until_something_is_lost(void **state)
{
    (void)state;
    struct sl_parity parity;
    make(&parity, true);
    put_frame(&parity, 1, -1, START);
    assert_null(parity.encoder);
    assert_int_equal(sl_parity_next(&parity, START, runs), 0);
    sl_parity_lost(&parity, START);
    put_frame(&parity, 2, -1, START + SL_SEC);
    assert_int_equal(sl_parity_next(&parity, START + SL_SEC, runs), 1);
    put_frame(&parity, 3, -1, START + 11 * SL_SEC);
    assert_int_equal(sl_parity_next(&parity, START + 11 * SL_SEC, runs), 0);
    sl_parity_lost(&parity, START + 12 * SL_SEC);
    put_frame(&parity, 5, -1, START + 12 * SL_SEC); /* the fourth was not seen: no hole */
    assert_int_equal(sl_parity_next(&parity, START + 12 * SL_SEC, runs), 1);
    assert_int_equal(runs[0].base, 40);
    sl_parity_fini(&parity);
}

static void rows_are_packets_of_a_stream_of_their_own(void **state)
{
    (void)state;
    static uint8_t out[SL_PARITY_BATCH][SL_PARITY_DATAGRAM];
    size_t lens[SL_PARITY_BATCH];
    struct sl_parity parity;
    make(&parity, false);
    const int64_t first = parity.seq;
    put_frame(&parity, 1, -1, START);
    assert_int_equal(sl_parity_next(&parity, START, runs), 1);
    assert_int_equal(sl_parity_rows(&parity, &runs[0], 3, out, lens), 3);
    for (int i = 0; i < 3; i++) {
        struct sl_rtp_packet packet;
        assert_int_equal(sl_rtp_read(&packet, out[i], lens[i], &media.ids), 0);
        assert_int_equal(packet.seq, first + i);
        assert_int_equal(packet.ssrc, 0x3333);
        assert_int_equal(packet.pt, 49);
        assert_int_equal(packet.timestamp, 3000);
        assert_string_equal(packet.mid, "0");
        assert_int_equal(sl_get16(packet.payload), 8);
        assert_int_equal(packet.payload[2], 7);
        assert_int_equal(packet.payload[3], i);
        assert_int_equal(packet.payload_len, 4 + 2 + 100);
    }
    assert_int_equal(sl_parity_rows_sent(&parity, 8), 3);
    assert_int_equal(sl_parity_rows_sent(&parity, 16), 0);
    put(&parity, 8 + SL_PARITY_PACKETS, 40, true, START); /* in the place of the eighth */
    assert_int_equal(sl_parity_rows_sent(&parity, 8 + SL_PARITY_PACKETS), 0);
    const struct sl_fec_run gone = {.base = 1000, .count = 4};
    assert_int_equal(sl_parity_rows(&parity, &gone, 1, out, lens), 0);
    sl_parity_fini(&parity);
}

/* Rows of a frame are minted over the frame before as well. */
static void rows_reach_back_over_one_frame(void **state)
{
    (void)state;
    struct sl_parity parity;
    make(&parity, false);
    put_frame(&parity, 1, -1, START);
    assert_int_equal(sl_parity_next(&parity, START, runs), 1);
    assert_int_equal(sl_parity_over(&parity, &runs[0]).count, 8); /* there is none before */
    for (uint32_t frame = 2; frame < 5; frame++) {
        put_frame(&parity, frame, -1, START);
        assert_int_equal(sl_parity_next(&parity, START, runs), 1);
        assert_int_equal(runs[0].count, 8); /* what NACKs are answered from */
        const struct sl_fec_run over = sl_parity_over(&parity, &runs[0]);
        assert_int_equal(over.base, 8 * (frame - 1));
        assert_int_equal(over.count, 16);
    }
    put_frame(&parity, 5, 43, START); /* not over a hole */
    put(&parity, 48, 6, false, START + SL_MS);
    assert_int_equal(sl_parity_next(&parity, START + SL_MS, runs), 2);
    assert_int_equal(sl_parity_over(&parity, &runs[1]).count, 4);
    for (int i = 1; i < 8; i++)
        put(&parity, 48 + i, 6, i == 7, START + SL_MS);
    assert_int_equal(sl_parity_next(&parity, START + SL_MS, runs), 1);
    assert_int_equal(sl_parity_over(&parity, &runs[0]).base, 44);
    put_frame(&parity, 8, -1, START + SL_SEC); /* the one before is not known */
    assert_int_equal(sl_parity_next(&parity, START + SL_SEC, runs), 0);
    put(&parity, 72, 9, false, START + SL_SEC);
    assert_int_equal(sl_parity_next(&parity, START + SL_SEC, runs), 1);
    assert_int_equal(sl_parity_over(&parity, &runs[0]).count, 8);
    sl_parity_fini(&parity);
}

static void assert_run(const struct sl_fec_run *run, int64_t base, size_t count)
{
    assert_int_equal(run->base, base);
    assert_int_equal(run->count, count);
}

/* Packets [from, to) of frame 1; nothing is over yet but with the last. */
static size_t put_packets(struct sl_parity *parity, int64_t from, int64_t to)
{
    for (int64_t seq = from; seq < to; seq++) {
        put(parity, seq, 1, false, START);
        const size_t count = sl_parity_next(parity, START, runs);
        if (seq + 1 == to)
            return count;
        assert_int_equal(count, 0);
    }
    return 0;
}

static void a_long_frame_is_protected_part_by_part(void **state)
{
    (void)state;
    for (int lazy = 0; lazy < 2; lazy++) { /* more than either remembers */
        struct sl_parity parity;
        make(&parity, lazy);
        sl_parity_lost(&parity, START);
        int64_t seq = 1000;
        assert_int_equal(put_packets(&parity, seq, seq + 192), 1);
        assert_run(&runs[0], seq, 128);
        assert_true(sl_parity_more(&parity));
        for (seq += 128; seq < 1000 + 128 * 6; seq += 128) {
            assert_int_equal(put_packets(&parity, seq + 64, seq + 192), 1);
            assert_run(&runs[0], seq, 128);
        }
        assert_int_equal(put_packets(&parity, seq + 64, seq + 171), 0);
        put(&parity, seq + 171, 1, true, START);
        assert_int_equal(sl_parity_next(&parity, START, runs), 2);
        assert_run(&runs[0], seq, 86);
        assert_run(&runs[1], seq + 86, 86);
        assert_false(sl_parity_more(&parity));
        assert_int_equal(sl_parity_next(&parity, START, runs), 0);
        sl_parity_fini(&parity);
    }
}

static void a_hole_in_a_long_frame_is_waited_for(void **state)
{
    (void)state;
    struct sl_parity parity;
    make(&parity, true);
    sl_parity_lost(&parity, START);
    assert_int_equal(put_packets(&parity, 0, 100), 0);
    assert_int_equal(put_packets(&parity, 101, 200), 0);
    assert_int_equal(put_packets(&parity, 100, 101), 1); /* it came */
    assert_run(&runs[0], 0, 128);
    assert_int_equal(put_packets(&parity, 200, 300), 0);
    assert_int_equal(put_packets(&parity, 301, 352), 1); /* no part with it yet */
    assert_run(&runs[0], 128, 128);
    assert_int_equal(put_packets(&parity, 352, 480), 2); /* it does not come */
    assert_run(&runs[0], 256, 44);
    assert_run(&runs[1], 301, 83);
    put(&parity, 300, 1, false, START); /* too late */
    assert_int_equal(put_packets(&parity, 480, 575), 0);
    put(&parity, 575, 1, true, START);
    assert_int_equal(sl_parity_next(&parity, START, runs), 2);
    assert_run(&runs[0], 384, 96);
    assert_run(&runs[1], 480, 96);
    sl_parity_fini(&parity);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_is_over_with_its_marker),
        cmocka_unit_test(a_hole_is_waited_for),
        cmocka_unit_test(a_lazy_one_sleeps_until_something_is_lost),
        cmocka_unit_test(rows_are_packets_of_a_stream_of_their_own),
        cmocka_unit_test(rows_reach_back_over_one_frame),
        cmocka_unit_test(a_long_frame_is_protected_part_by_part),
        cmocka_unit_test(a_hole_in_a_long_frame_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
