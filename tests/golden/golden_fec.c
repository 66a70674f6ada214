/* SPDX-License-Identifier: MIT */
/* Repair payloads worked out by hand from docs/protocol.md and from the draft's picture. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/bytes.h"
#include "fec/decoder.h"
#include "fec/encoder.h"

static struct sl_fec_encoder *encoder_of(const struct sl_fec_scheme *scheme, uint32_t ssrc)
{
    const struct sl_fec_encoder_config config = {.scheme = scheme, .ssrc = ssrc, .packets = 256};
    struct sl_fec_encoder *encoder = NULL;
    assert_int_equal(sl_fec_encoder_create(&encoder, &config), 0);
    return encoder;
}

static void put(struct sl_fec_encoder *encoder, int64_t seq, const uint8_t *packet, size_t len)
{
    assert_int_equal(sl_fec_encoder_put(encoder, seq, packet, len), SL_FEC_PUT_KEPT);
}

/*
 * Row 0 over packet 128 alone: the factor is 1 / (0x80 ^ 0) = 1 / x^7. In this field 1 / x is 8e,
 * for x times 8e is 11c, less 11d is 1; halved again and again: 47, ad, d8, 6c, 36, 1b. So the row
 * is 1b times 00 0c                                 length 12: 1b (x^3 + x^2) = d8 + 6c = b4 80 60
 * 00 80 00 00 00 02 00 00 00 01   1b x^7 = 1, 1b (x^6 + x^5) = 8e + 47 = c9, 1b x = 36
 */
static void reed_solomon_of_one_packet(void **state)
{
    (void)state;
    static const uint8_t packet[] = {0x80, 0x60, 0, 0x80, 0, 0, 0, 2, 0, 0, 0, 1};
    static const uint8_t expected[] = {0,    0x80, 0, 0, 0,    0xb4, 0x01, 0xc9, 0,
                                       0x01, 0,    0, 0, 0x36, 0,    0,    0,    0x1b};
    struct sl_fec_encoder *encoder = encoder_of(&sl_fec_rs, 1);
    put(encoder, 128, packet, sizeof(packet));
    uint8_t payload[SL_FEC_REPAIR_MAX];
    struct sl_fec_repair repair = {.payload = payload};
    const struct sl_fec_run run = {.base = 128, .count = 1};
    assert_int_equal(sl_fec_encoder_mint(encoder, &run, 1, &repair), 1);
    assert_int_equal(repair.len, sizeof(expected));
    assert_memory_equal(payload, expected, sizeof(expected));
    sl_fec_encoder_destroy(encoder);
}

#define SSRC 0x11223344

static const uint8_t first[] = {0x80, 0xe0, 0x12, 0x34, 0x00, 0x00, 0x0b, 0xb8,
                                0x11, 0x22, 0x33, 0x44, 0x01, 0x02, 0x03, 0x04};
static const uint8_t second[] = {0x80, 0x60, 0x12, 0x35, 0x00, 0x00, 0x17,
                                 0x70, 0x11, 0x22, 0x33, 0x44, 0xa5, 0x5a};
static const uint8_t parity[] = {
    0x00, 0x80,             /* R F P X CC: 80 ^ 80; M PT: e0 ^ 60 */
    0x00, 0x06,             /* what follows byte 12: 4 ^ 2 */
    0x00, 0x00, 0x1c, 0xc8, /* 0bb8 ^ 1770 */
    0x01, 0x00, 0x00, 0x00, /* one SSRC, reserved */
    0x11, 0x22, 0x33, 0x44, /* that SSRC */
    0x12, 0x34,             /* SN base */
    0xe0, 0x00,             /* k, then packets 0 and 1: 1 11 0... */
    0xa4, 0x58, 0x03, 0x04, /* 01 ^ a5, 02 ^ 5a, 03, 04 */
};

static void flexfec_of_two_packets(void **state)
{
    (void)state;
    struct sl_fec_encoder *encoder = encoder_of(&sl_fec_flexfec, SSRC);
    put(encoder, 0x1234, first, sizeof(first));
    put(encoder, 0x1235, second, sizeof(second));
    uint8_t payload[SL_FEC_REPAIR_MAX];
    struct sl_fec_repair repair = {.payload = payload};
    const struct sl_fec_run run = {.base = 0x1234, .count = 2};
    assert_int_equal(sl_fec_encoder_mint(encoder, &run, 1, &repair), 1);
    assert_int_equal(repair.len, sizeof(parity));
    assert_memory_equal(payload, parity, sizeof(parity));
    sl_fec_encoder_destroy(encoder);
}

static uint8_t got[SL_FEC_PACKET_MAX];
static size_t got_len;

static void restored(void *user, int64_t seq, const uint8_t *packet, size_t len)
{
    *(int64_t *)user = seq;
    memcpy(got, packet, len);
    got_len = len;
}

static void restore(const uint8_t *held, size_t held_len, const uint8_t *row, size_t row_len,
                    const uint8_t *lost, size_t lost_len)
{
    int64_t seq = 0;
    struct sl_fec_decoder_config config = sl_fec_decoder_config_default();
    config.scheme = &sl_fec_flexfec;
    config.ssrc = SSRC;
    config.restored = restored;
    config.user = &seq;
    struct sl_fec_decoder *decoder = NULL;
    assert_int_equal(sl_fec_decoder_create(&decoder, &config), 0);
    sl_fec_decoder_packet(decoder, sl_get16(held + 2), held, held_len);
    assert_int_equal(sl_fec_decoder_repair(decoder, row, row_len), SL_FEC_KEPT);
    assert_int_equal(seq, sl_get16(lost + 2));
    assert_int_equal(got_len, lost_len);
    assert_memory_equal(got, lost, lost_len);
    sl_fec_decoder_destroy(decoder);
}

static void flexfec_gives_either_packet_back(void **state)
{
    (void)state;
    restore(first, sizeof(first), parity, sizeof(parity), second, sizeof(second));
    restore(second, sizeof(second), parity, sizeof(parity), first, sizeof(first));
}

/* As others write it: the base a few packets before the first, a longer mask than there need be. */
static void flexfec_with_other_masks(void **state)
{
    (void)state;
    uint8_t row[64];
    memcpy(row, parity, sizeof(parity));
    sl_put16(row + 16, 0x1233);
    sl_put16(row + 18, 0xb000); /* k 0 11 0...: packets 1 and 2 */
    restore(first, sizeof(first), row, sizeof(parity), second, sizeof(second));

    sl_put16(row + 16, 0x1234 - 14);
    sl_put16(row + 18, 0x0001);     /* packet 14 */
    sl_put32(row + 20, 0xc0000000); /* k, packet 15 */
    memcpy(row + 24, parity + 20, 4);
    restore(first, sizeof(first), row, 28, second, sizeof(second));

    sl_put16(row + 16, 0x1234 - 45);
    sl_put16(row + 18, 0);
    sl_put32(row + 20, 0x00000001);         /* packet 45 */
    sl_put64(row + 24, 0xc000000000000000); /* k, packet 46 */
    memcpy(row + 32, parity + 20, 4);
    restore(first, sizeof(first), row, 36, second, sizeof(second));
}

/* Masks of a run of `count` packets from 65530 on, in `rows` rows; checks row `r`. */
static void check_mask(size_t count, size_t rows, size_t r, uint16_t base, const uint8_t *mask,
                       size_t mask_len)
{
    struct sl_fec_encoder *encoder = encoder_of(&sl_fec_flexfec, SSRC);
    for (size_t i = 0; i < count; i++)
        put(encoder, 65530 + (int64_t)i, first, sizeof(first));
    static uint8_t payloads[4][SL_FEC_REPAIR_MAX];
    struct sl_fec_repair repairs[4];
    for (size_t i = 0; i < 4; i++)
        repairs[i].payload = payloads[i];
    const struct sl_fec_run run = {.base = 65530, .count = count};
    assert_int_equal(sl_fec_encoder_mint(encoder, &run, rows, repairs), rows);
    assert_int_equal(sl_get16(payloads[r] + 16), base);
    assert_memory_equal(payloads[r] + 18, mask, mask_len);
    assert_int_equal(repairs[r].len, 18 + mask_len + 4);
    sl_fec_encoder_destroy(encoder);
}

static void flexfec_masks(void **state)
{
    (void)state;
    static const uint8_t fifteen[] = {0xff, 0xff};
    check_mask(15, 1, 0, 65530, fifteen, sizeof(fifteen));
    static const uint8_t twenty[] = {0x7f, 0xff, 0xfc, 0, 0, 0}; /* 0, 15 ones; 1, 5 ones */
    check_mask(20, 1, 0, 65530, twenty, sizeof(twenty));
    /* Packets 0, 3 .. 57: 0 100100100100100; 0 1001..1 (15, 18 .. 45); 1 001001001001 (48 ..) */
    static const uint8_t sixty[] = {0x49, 0x24, 0x49, 0x24, 0x92, 0x49, 0x92,
                                    0x48, 0,    0,    0,    0,    0,    0};
    check_mask(60, 3, 0, 65530, sixty, sizeof(sixty));
    /* Packets 3, 7, 11, 15, counted from 3: 1 100010001000100 */
    static const uint8_t fourth[] = {0xc4, 0x44};
    check_mask(17, 4, 3, (uint16_t)(65530 + 3), fourth, sizeof(fourth));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reed_solomon_of_one_packet),
        cmocka_unit_test(flexfec_of_two_packets),
        cmocka_unit_test(flexfec_gives_either_packet_back),
        cmocka_unit_test(flexfec_with_other_masks),
        cmocka_unit_test(flexfec_masks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
