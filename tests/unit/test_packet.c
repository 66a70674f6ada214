/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "rtp/packet.h"
#include "tests/support/alloc_count.h"

static const struct sl_rtp_extension_ids one_byte = {
    .mid = 4, .abs_capture_time = 2, .playout_delay = 14};
static const struct sl_rtp_extension_ids two_byte = {
    .mid = 4, .abs_capture_time = 200, .playout_delay = 14};

static struct sl_rtp_packet full_packet(const uint8_t *payload, size_t len)
{
    return (struct sl_rtp_packet){
        .seq = 3 * 65536 + 17,
        .timestamp = 0xdeadbeef,
        .ssrc = 0x12345678,
        .pt = 108,
        .marker = true,
        .has_capture = true,
        .capture_ntp = 0x0123456789abcdef,
        .has_capture_offset = true,
        .capture_offset = -5,
        .has_playout_delay = true,
        .playout_min_10ms = 0xabc,
        .playout_max_10ms = 0x123,
        .mid = "video",
        .payload = payload,
        .payload_len = len,
    };
}

static void check_equal(const struct sl_rtp_packet *a, const struct sl_rtp_packet *b)
{
    assert_int_equal((uint16_t)a->seq, b->seq);
    assert_int_equal(a->timestamp, b->timestamp);
    assert_int_equal(a->ssrc, b->ssrc);
    assert_int_equal(a->pt, b->pt);
    assert_int_equal(a->marker, b->marker);
    assert_int_equal(a->has_capture, b->has_capture);
    assert_true(a->capture_ntp == b->capture_ntp);
    assert_int_equal(a->has_capture_offset, b->has_capture_offset);
    assert_true(a->capture_offset == b->capture_offset);
    assert_int_equal(a->has_playout_delay, b->has_playout_delay);
    assert_int_equal(a->playout_min_10ms, b->playout_min_10ms);
    assert_int_equal(a->playout_max_10ms, b->playout_max_10ms);
    assert_string_equal(a->mid, b->mid);
    assert_int_equal(a->payload_len, b->payload_len);
    assert_memory_equal(a->payload, b->payload, a->payload_len);
}

static void round_trip(const struct sl_rtp_extension_ids *ids)
{
    const uint8_t payload[] = {1, 2, 3, 4, 5};
    const struct sl_rtp_packet packet = full_packet(payload, sizeof(payload));
    uint8_t wire[256];
    const int len = sl_rtp_write(&packet, ids, -1, wire, sizeof(wire));
    assert_true(len > 0);
    struct sl_rtp_packet read;
    assert_int_equal(sl_rtp_read(&read, wire, (size_t)len, ids), 0);
    check_equal(&packet, &read);
    for (int size = 0; size < len; size++)
        assert_int_equal(sl_rtp_write(&packet, ids, -1, wire, (size_t)size), -EMSGSIZE);
}

static void reads_what_it_wrote(void **state)
{
    (void)state;
    round_trip(&one_byte);
    round_trip(&two_byte);
}

static void writes_the_bytes_of_rfc_3550_and_8285(void **state)
{
    (void)state;
    const uint8_t payload[] = {0xaa};
    struct sl_rtp_packet packet = full_packet(payload, 1);
    packet.has_capture_offset = false;
    strcpy(packet.mid, "0");
    static const uint8_t expected[] = {
        0x90, 0xec, 0x00, 0x11, 0xde, 0xad, 0xbe, 0xef, 0x12, 0x34, 0x56, 0x78, /* header */
        0xbe, 0xde, 0x00, 0x04,                                                 /* 4 words */
        0x40, '0',                                                              /* mid */
        0x27, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,                   /* capture */
        0xe2, 0xab, 0xc1, 0x23,                                                 /* playout */
        0x00,                                                                   /* padding */
        0xaa,
    };
    uint8_t wire[64];
    assert_int_equal(sl_rtp_write(&packet, &one_byte, -1, wire, sizeof(wire)), sizeof(expected));
    assert_memory_equal(wire, expected, sizeof(expected));
}

static void writes_only_what_was_negotiated(void **state)
{
    (void)state;
    const uint8_t payload[] = {7};
    const struct sl_rtp_packet packet = full_packet(payload, 1);
    uint8_t wire[64];
    assert_int_equal(sl_rtp_write(&packet, NULL, -1, wire, sizeof(wire)), SL_RTP_HEADER_BYTES + 1);
    assert_int_equal(wire[0], 0x80);
}

static void puts_the_original_number_before_a_resend(void **state)
{
    (void)state;
    const uint8_t payload[] = {7, 8};
    const struct sl_rtp_packet packet = full_packet(payload, 2);
    uint8_t wire[64];
    const int len = sl_rtp_write(&packet, NULL, 0xfffe, wire, sizeof(wire));
    assert_int_equal(len, SL_RTP_HEADER_BYTES + 4);
    assert_int_equal(sl_get16(wire + SL_RTP_HEADER_BYTES), 0xfffe);
    assert_memory_equal(wire + SL_RTP_HEADER_BYTES + 2, payload, 2);
}

static int read_bytes(struct sl_rtp_packet *packet, const uint8_t *wire, size_t len)
{
    return sl_rtp_read(packet, wire, len, &one_byte);
}

static void takes_padding_off(void **state)
{
    (void)state;
    uint8_t wire[12 + 6] = {0xa0, 108, 0, 1};
    struct sl_rtp_packet packet;
    wire[17] = 4;
    assert_int_equal(read_bytes(&packet, wire, sizeof(wire)), 0);
    assert_int_equal(packet.payload_len, 2);
    wire[17] = 6; /* nothing but padding: a probe */
    assert_int_equal(read_bytes(&packet, wire, sizeof(wire)), 0);
    assert_int_equal(packet.payload_len, 0);
    wire[17] = 7;
    assert_int_equal(read_bytes(&packet, wire, sizeof(wire)), -EBADMSG);
    wire[17] = 0;
    assert_int_equal(read_bytes(&packet, wire, sizeof(wire)), -EBADMSG);
    assert_int_equal(read_bytes(&packet, wire, 12), -EBADMSG);
}

static void reads_a_padding_probe_with_extensions(void **state)
{
    (void)state;
    uint8_t wire[12 + 8 + 255] = {0xb0, 97, 0, 9};
    static const uint8_t extension[] = {0xbe, 0xde, 0, 1, 0x40, '1', 0, 0};
    memcpy(wire + 12, extension, sizeof(extension));
    wire[sizeof(wire) - 1] = 255;
    struct sl_rtp_packet packet;
    assert_int_equal(read_bytes(&packet, wire, sizeof(wire)), 0);
    assert_int_equal(packet.payload_len, 0);
    assert_string_equal(packet.mid, "1");
}

static void skips_contributing_sources(void **state)
{
    (void)state;
    const uint8_t wire[12 + 8 + 1] = {[0] = 0x82, [20] = 0x55};
    struct sl_rtp_packet packet;
    assert_int_equal(read_bytes(&packet, wire, sizeof(wire)), 0);
    assert_int_equal(packet.payload_len, 1);
    assert_int_equal(packet.payload[0], 0x55);
    assert_int_equal(read_bytes(&packet, wire, 19), -EBADMSG);
}

static void skips_foreign_extensions(void **state)
{
    (void)state;
    struct sl_rtp_packet packet;
    /* An unknown profile; then an unknown id, padding between, and id 15, which ends the walk. */
    const uint8_t profile[] = {0x90, 1,    0,    1, 0, 0, 0, 0, 0, 0,   0,
                               0,    0x11, 0x11, 0, 1, 9, 9, 9, 9, 0x77};
    assert_int_equal(read_bytes(&packet, profile, sizeof(profile)), 0);
    assert_int_equal(packet.payload[0], 0x77);
    const uint8_t ids[] = {0x90, 1,   0,    1,    0,    0,   0,    0, 0,   0,
                           0,    0,   0xbe, 0xde, 0,    3,   0x51, 9, 9,   0x00,
                           0x40, 'v', 0xf0, 0x40, 0x40, 'w', 0,    0, 0x77};
    assert_int_equal(read_bytes(&packet, ids, sizeof(ids)), 0);
    assert_string_equal(packet.mid, "v");
    assert_int_equal(packet.payload[0], 0x77);
}

static void refuses_lengths_that_lie(void **state)
{
    (void)state;
    struct sl_rtp_packet packet = {.seq = 77};
    const uint8_t block[] = {0x90, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0xbe, 0xde, 0, 2, 0, 0, 0, 0};
    assert_int_equal(read_bytes(&packet, block, sizeof(block)), -EBADMSG);
    const uint8_t element[] = {0x90, 1, 0,    1,    0, 0, 0,    0, 0, 0,
                               0,    0, 0xbe, 0xde, 0, 1, 0x44, 1, 2, 3};
    assert_int_equal(read_bytes(&packet, element, sizeof(element)), -EBADMSG);
    const uint8_t version[12] = {0x40};
    assert_int_equal(read_bytes(&packet, version, sizeof(version)), -EBADMSG);
    for (size_t len = 0; len < 12; len++)
        assert_int_equal(read_bytes(&packet, block, len), -EBADMSG);
    assert_int_equal(packet.seq, 77); /* outputs on success only */
}

static void ignores_values_of_a_wrong_size(void **state)
{
    (void)state;
    const uint8_t wire[] = {0x90, 1, 0, 1,    0, 0, 0, 0, 0, 0,    0, 0,   0xbe,
                            0xde, 0, 2, 0x23, 1, 2, 3, 4, 0, 0xe0, 5, 0x77};
    struct sl_rtp_packet packet;
    assert_int_equal(read_bytes(&packet, wire, sizeof(wire)), 0);
    assert_false(packet.has_capture);
    assert_false(packet.has_playout_delay);
}

static void tells_rtcp_apart(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        const uint8_t data[2] = {0x80, (uint8_t)byte};
        assert_int_equal(sl_rtp_is_rtcp(data, 2), byte >= 192 && byte <= 223);
    }
    assert_false(sl_rtp_is_rtcp((const uint8_t[]){0x80}, 1));
}

static void allocates_nothing(void **state)
{
    (void)state;
    const uint64_t before = sl_alloc_count();
    round_trip(&one_byte);
    round_trip(&two_byte);
    assert_int_equal(sl_alloc_count() - before, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_it_wrote),
        cmocka_unit_test(writes_the_bytes_of_rfc_3550_and_8285),
        cmocka_unit_test(writes_only_what_was_negotiated),
        cmocka_unit_test(puts_the_original_number_before_a_resend),
        cmocka_unit_test(takes_padding_off),
        cmocka_unit_test(reads_a_padding_probe_with_extensions),
        cmocka_unit_test(skips_contributing_sources),
        cmocka_unit_test(skips_foreign_extensions),
        cmocka_unit_test(refuses_lengths_that_lie),
        cmocka_unit_test(ignores_values_of_a_wrong_size),
        cmocka_unit_test(tells_rtcp_apart),
        cmocka_unit_test(allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
