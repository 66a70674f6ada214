/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/time.h"
#include "session/media_send.h"

#define START (1000 * SL_SEC)
#define RTT (40 * SL_MS)

static const struct sl_sdp_media media = {
    .kind = SL_VIDEO,
    .mid = "0",
    .pt = 108,
    .rtx_pt = 109,
    .clock_hz = 90000,
    .ids = {.mid = 4, .abs_capture_time = 5, .playout_delay = 6},
    .ssrc = 0x11111111,
    .rtx_ssrc = 0x22222222,
};

static uint8_t payload[1000];

static struct sl_rtp_packet packet_of(int64_t seq)
{
    return (struct sl_rtp_packet){.seq = seq,
                                  .timestamp = (uint32_t)seq * 3000,
                                  .ssrc = 0x99999999, /* the caller's numbers do not leak */
                                  .pt = 7,
                                  .mid = "other",
                                  .has_capture = true,
                                  .capture_ntp = (uint64_t)seq << 32,
                                  .has_capture_offset = true,
                                  .capture_offset = -5,
                                  .payload = payload,
                                  .payload_len = sizeof(payload)};
}

static struct sl_media_send *make(uint64_t seed)
{
    static struct sl_media_send send;
    struct sl_random random;
    sl_random_init_seed(&random, seed);
    sl_media_send_init(&send, &media, &random);
    return &send;
}

static struct sl_rtp_packet written(struct sl_media_send *send, int64_t seq)
{
    static uint8_t out[1500];
    const struct sl_rtp_packet packet = packet_of(seq);
    struct sl_rtp_packet back;
    const int n = sl_media_send_write(send, &packet, 0, out, sizeof(out));
    assert_true(n > 0);
    assert_int_equal(sl_rtp_read(&back, out, (size_t)n, &media.ids), 0);
    return back;
}

static void test_wears_the_peers_numbers(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct sl_media_send *send = make(seed);
        const struct sl_rtp_packet back = written(send, (int64_t)5000000000);
        assert_in_range(back.seq, 1, 32767);
        assert_int_equal(back.pt, 108);
        assert_int_equal(back.ssrc, media.ssrc);
        assert_string_equal(back.mid, "0");
        assert_true(back.has_playout_delay);
        assert_int_equal(back.playout_min_10ms + back.playout_max_10ms, 0);
        assert_true(back.has_capture && back.has_capture_offset);
        assert_int_equal(back.capture_offset, -5);
        assert_int_equal(back.payload_len, sizeof(payload));
    }
}

static void test_holes_are_kept_and_late_ones_fit_in(void **state)
{
    (void)state;
    struct sl_media_send *send = make(1);
    const int64_t first = written(send, 100).seq;
    assert_int_equal(written(send, 105).seq, first + 5);
    assert_int_equal(written(send, 102).seq, first + 2);
    assert_int_equal(written(send, 99).seq, first - 1); /* overtaken at the start */
    assert_int_equal(written(send, 100 + 65536).seq, first);
}

static void test_too_old_at_the_start_is_refused(void **state)
{
    (void)state;
    struct sl_media_send *send = make(2);
    uint8_t out[1500];
    written(send, 100000);
    const struct sl_rtp_packet packet = packet_of(100000 - 32768);
    assert_int_equal(sl_media_send_write(send, &packet, 0, out, sizeof(out)), -ERANGE);
    int64_t seq;
    assert_false(sl_media_send_unmap(send, 65535, &seq));
}

static void test_too_long_changes_nothing(void **state)
{
    (void)state;
    struct sl_media_send *send = make(3);
    uint8_t out[500];
    const struct sl_rtp_packet packet = packet_of(7);
    assert_int_equal(sl_media_send_write(send, &packet, 0, out, sizeof(out)), -EMSGSIZE);
    assert_false(send->sent.started);
    assert_in_range(written(send, 1000000).seq, 1, 32767);
}

static void test_nacks_number_is_mapped_back_over_wraps(void **state)
{
    (void)state;
    struct sl_media_send *send = make(4);
    int64_t seq = 0;
    assert_false(sl_media_send_unmap(send, 5, &seq));
    for (int64_t i = 0; i < 200000; i += 1000) {
        const uint16_t wire = (uint16_t)written(send, i).seq;
        assert_true(sl_media_send_unmap(send, wire, &seq));
        assert_int_equal(seq, i);
        assert_true(i == 0 || sl_media_send_unmap(send, (uint16_t)(wire - 900), &seq));
        assert_true(i == 0 || seq == i - 900);
        assert_false(sl_media_send_unmap(send, (uint16_t)(wire + 1), &seq)); /* not sent yet */
    }
}

static void test_rtx_has_its_own_stream(void **state)
{
    (void)state;
    struct sl_media_send *send = make(5);
    uint8_t out[1500];
    int64_t last = -1;
    for (int64_t i = 0; i < 3; i++) {
        const uint16_t wire = (uint16_t)written(send, 50 + i).seq;
        const struct sl_rtp_packet packet = packet_of(50 + i);
        struct sl_rtp_packet back;
        const int n = sl_media_send_resend(send, &packet, START, out, sizeof(out));
        assert_true(n > 0);
        assert_int_equal(sl_rtp_read(&back, out, (size_t)n, &media.ids), 0);
        assert_int_equal(back.ssrc, media.rtx_ssrc);
        assert_int_equal(back.pt, 109);
        assert_int_equal(sl_get16(back.payload), wire);
        assert_int_equal(back.payload_len, sizeof(payload) + 2);
        assert_int_equal(back.timestamp, packet.timestamp);
        assert_true(last < 0 ? back.seq >= 1 && back.seq <= 32767 : back.seq == last + 1);
        last = back.seq;
    }
    assert_int_equal(send->packets, 3); /* resends are not media */
}

static void test_one_resend_a_round_trip(void **state)
{
    (void)state;
    struct sl_media_send *send = make(6);
    uint8_t out[1500];
    written(send, 50);
    const struct sl_rtp_packet packet = packet_of(50);
    assert_true(sl_media_send_may_resend(send, 50, RTT, START));
    assert_true(sl_media_send_resend(send, &packet, START, out, sizeof(out)) > 0);
    assert_false(sl_media_send_may_resend(send, 50, RTT, START));
    assert_false(sl_media_send_may_resend(send, 50, RTT, START + RTT / 2));
    assert_true(sl_media_send_may_resend(send, 50, RTT, START + RTT));
    assert_true(sl_media_send_may_resend(send, 51, RTT, START));
    /* Without a known round trip: 10 ms. */
    assert_false(sl_media_send_may_resend(send, 50, 0, START + 5 * SL_MS));
    assert_true(sl_media_send_may_resend(send, 50, 0, START + 10 * SL_MS));
}

static void test_resends_run_out_of_tokens(void **state)
{
    (void)state;
    struct sl_media_send *send = make(7);
    uint8_t out[1500];
    int64_t resent = 0, seq = 0;
    written(send, seq);
    const struct sl_rtp_packet packet = packet_of(0);
    for (sl_ns now = START; sl_media_send_may_resend(send, 0, 0, now); now += SL_SEC)
        resent += sl_media_send_resend(send, &packet, now, out, sizeof(out));
    assert_in_range(resent, 128 * 1024, 128 * 1024 + 2000);
    /* Two packets of media earn one resend. */
    for (int i = 0; i < 4; i++)
        written(send, ++seq);
    assert_true(sl_media_send_may_resend(send, 1, 0, START));
    assert_true(sl_media_send_resend(send, &packet, START, out, sizeof(out)) > 0);
    assert_true(sl_media_send_may_resend(send, 2, 0, START));
    assert_true(sl_media_send_resend(send, &packet, START, out, sizeof(out)) > 0);
    assert_false(sl_media_send_may_resend(send, 3, 0, START));
}

struct seen {
    struct sl_rtcp_item sr;
    int count;
};

static void see(void *ctx, const struct sl_rtcp_item *item)
{
    struct seen *seen = ctx;
    if (item->type == SL_RTCP_SR)
        seen->sr = *item;
    seen->count++;
}

static void test_report_maps_rtp_time_to_capture_time(void **state)
{
    (void)state;
    struct sl_media_send *send = make(8);
    uint8_t out[200];
    struct sl_writer w = sl_writer(out, sizeof(out));
    sl_media_send_report(send, 0, &w);
    assert_int_equal(sl_writer_len(&w), 0); /* there is nothing to map yet */

    const sl_ns captured = START, sent = START + 20 * SL_MS, reported = START + 120 * SL_MS;
    struct sl_rtp_packet packet = packet_of(1);
    packet.timestamp = 777;
    packet.capture_offset = sl_ntp_span_from_ns(3 * SL_SEC); /* the camera's clock is ahead */
    packet.capture_ntp = sl_ntp_from_ns(captured + 3 * SL_SEC, 0);
    uint8_t bytes[1500];
    assert_true(sl_media_send_write(send, &packet, sl_ntp_from_ns(sent, 0), bytes, sizeof(bytes)) >
                0);
    sl_media_send_report(send, sl_ntp_from_ns(reported, 0), &w);
    struct seen seen = {0};
    assert_int_equal(sl_rtcp_read(out, sl_writer_len(&w), see, &seen), 0);
    assert_int_equal(seen.sr.sender_ssrc, media.ssrc);
    assert_int_equal(seen.sr.packets, 1);
    assert_int_equal(seen.sr.octets, sizeof(payload));
    assert_true(seen.sr.ntp == sl_ntp_from_ns(reported, 0));
    assert_in_range(seen.sr.rtp_timestamp, 777 + 120 * 90 - 1, 777 + 120 * 90 + 1);
}

static void test_unannounced_ssrcs_are_drawn(void **state)
{
    (void)state;
    struct sl_sdp_media plain = media;
    plain.ssrc = plain.rtx_ssrc = 0;
    struct sl_media_send *send = calloc(1, sizeof(*send));
    struct sl_random random;
    assert_non_null(send);
    sl_random_init_seed(&random, 1);
    sl_media_send_init(send, &plain, &random);
    assert_true(send->ssrc != 0 && send->rtx_ssrc != 0 && send->ssrc != send->rtx_ssrc);
    free(send);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wears_the_peers_numbers),
        cmocka_unit_test(test_holes_are_kept_and_late_ones_fit_in),
        cmocka_unit_test(test_too_old_at_the_start_is_refused),
        cmocka_unit_test(test_too_long_changes_nothing),
        cmocka_unit_test(test_nacks_number_is_mapped_back_over_wraps),
        cmocka_unit_test(test_rtx_has_its_own_stream),
        cmocka_unit_test(test_one_resend_a_round_trip),
        cmocka_unit_test(test_resends_run_out_of_tokens),
        cmocka_unit_test(test_report_maps_rtp_time_to_capture_time),
        cmocka_unit_test(test_unannounced_ssrcs_are_drawn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
