/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "session/media_receive.h"

#define START (1000 * SL_SEC)
#define PATIENCE (500 * SL_MS)

static const struct sl_sdp_media media = {.kind = SL_VIDEO,
                                          .pt = 108,
                                          .rtx_pt = 109,
                                          .clock_hz = 90000,
                                          .ssrc = 0x11111111,
                                          .rtx_ssrc = 0x22222222};

static const uint8_t body[] = {0xfe, 0x00, 1, 2, 3}; /* as RTX: of number 0xfe00 */

static struct sl_media_receive make(void)
{
    struct sl_media_receive receive;
    assert_int_equal(sl_media_receive_init(&receive, &media, false, PATIENCE, NULL, NULL), 0);
    return receive;
}

static struct sl_rtp_packet packet_of(uint16_t seq, bool rtx)
{
    return (struct sl_rtp_packet){.seq = seq,
                                  .pt = rtx ? 109 : 108,
                                  .ssrc = rtx ? media.rtx_ssrc : media.ssrc,
                                  .marker = true,
                                  .payload = body,
                                  .payload_len = sizeof(body)};
}

static enum sl_received take(struct sl_media_receive *receive, uint16_t seq, bool rtx, sl_ns now,
                             struct sl_rtp_packet *ret)
{
    *ret = packet_of(seq, rtx);
    return sl_media_receive_packet(receive, ret, rtx, now, now);
}

static void test_numbers_are_extended(void **state)
{
    (void)state;
    struct sl_media_receive receive = make();
    struct sl_rtp_packet packet;
    int64_t want = 0xff00;
    for (int i = 0; i < 200000; i++, want++) {
        assert_int_equal(take(&receive, (uint16_t)want, false, START, &packet), SL_RECEIVED_PACKET);
        assert_int_equal(packet.seq, want);
    }
    assert_int_equal(take(&receive, (uint16_t)(want - 5), false, START, &packet),
                     SL_RECEIVED_NOTHING);
    assert_int_equal(receive.duplicate, 1);
    sl_media_receive_fini(&receive);
}

static void test_rtx_is_undone(void **state)
{
    (void)state;
    struct sl_media_receive receive = make();
    struct sl_rtp_packet packet;
    take(&receive, 0xfdff, false, START, &packet);
    take(&receive, 0xfe01, false, START, &packet);
    assert_int_equal(take(&receive, 77, true, START + SL_MS, &packet), SL_RECEIVED_REPAIRED);
    assert_int_equal(packet.seq, 0xfe00);
    assert_int_equal(packet.pt, 108);
    assert_int_equal(packet.ssrc, media.ssrc);
    assert_int_equal(packet.payload_len, 3);
    assert_memory_equal(packet.payload, body + 2, 3);
    assert_int_equal(take(&receive, 78, true, START + SL_MS, &packet), SL_RECEIVED_NOTHING);
    assert_int_equal(receive.packets, 3);
    assert_int_equal(receive.duplicate, 1);
    /* The report tells what the network did, before repair. */
    struct sl_rtcp_report_block block;
    assert_true(sl_media_receive_report(&receive, START, &block));
    assert_int_equal(block.cumulative_lost, 1);
    sl_media_receive_fini(&receive);
}

static void test_rtx_that_makes_no_sense(void **state)
{
    (void)state;
    struct sl_media_receive receive = make();
    struct sl_rtp_packet packet = packet_of(1, true);
    /* Of a stream not seen yet. */
    assert_int_equal(sl_media_receive_packet(&receive, &packet, true, START, START),
                     SL_RECEIVED_NOTHING);
    assert_false(receive.unwrap.started);
    take(&receive, 5, false, START, &packet);
    packet = packet_of(2, true);
    packet.payload_len = 0; /* a probe */
    assert_int_equal(sl_media_receive_packet(&receive, &packet, true, START, START),
                     SL_RECEIVED_NOTHING);
    packet = packet_of(3, true);
    packet.payload_len = 1;
    assert_int_equal(sl_media_receive_packet(&receive, &packet, true, START, START),
                     SL_RECEIVED_BAD);
    assert_int_equal(receive.packets, 1);
    sl_media_receive_fini(&receive);
}

static void test_report_block(void **state)
{
    (void)state;
    struct sl_media_receive receive = make();
    struct sl_rtcp_report_block block;
    struct sl_rtp_packet packet;
    assert_false(sl_media_receive_report(&receive, START, &block));
    for (uint16_t seq = 100; seq < 200; seq++)
        if (seq % 4 != 3)
            take(&receive, seq, false, START, &packet);
    sl_media_receive_sr(&receive, 0x1122334455667788, START);
    assert_true(sl_media_receive_report(&receive, START + SL_SEC / 2, &block));
    assert_int_equal(block.ssrc, media.ssrc);
    assert_int_equal(block.lsr, 0x33445566);
    assert_int_equal(block.dlsr, 32768);
    assert_in_range(block.fraction_lost, 60, 66);
    sl_media_receive_fini(&receive);
}

static void test_restart_is_a_new_stream(void **state)
{
    (void)state;
    struct sl_media_receive receive = make();
    struct sl_rtp_packet packet;
    take(&receive, 100, false, START, &packet);
    take(&receive, 110, false, START, &packet);
    sl_media_receive_restart(&receive, 0x33333333);
    assert_int_equal(take(&receive, 50, false, START, &packet), SL_RECEIVED_PACKET);
    assert_int_equal(packet.seq, 50);
    struct sl_nack_stats nack;
    sl_nack_stats(receive.nack, &nack);
    assert_int_equal(nack.missing, 0);
    struct sl_rtcp_report_block block;
    assert_true(sl_media_receive_report(&receive, START, &block));
    assert_int_equal(block.ssrc, 0x33333333);
    assert_int_equal(block.cumulative_lost, 0);
    assert_int_equal(block.lsr, 0);
    sl_media_receive_fini(&receive);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_extended),    cmocka_unit_test(test_rtx_is_undone),
        cmocka_unit_test(test_rtx_that_makes_no_sense), cmocka_unit_test(test_report_block),
        cmocka_unit_test(test_restart_is_a_new_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
