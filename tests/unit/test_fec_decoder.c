/* SPDX-License-Identifier: MIT */
/* Limits, lies and counters of the decoder; that it restores what it should: test_fec_model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/random.h"
#include "fec/decoder.h"
#include "fec/encoder.h"
#include "tests/support/alloc_count.h"
#include "tests/support/fec_model.h"

#define SSRC 0xabcd0123
#define PACKETS 256
#define REACH (PACKETS - SL_FEC_AHEAD) /* packets back from the newest, itself included */
#define LEN 60

struct rig {
    struct sl_fec_encoder *encoder;
    struct sl_fec_decoder *decoder;
    size_t restored;
    int64_t last;
    uint8_t bytes[SL_FEC_PACKET_MAX];
    size_t len;
};

static void restored(void *user, int64_t seq, const uint8_t *packet, size_t len)
{
    struct rig *rig = user;
    rig->restored++;
    rig->last = seq;
    memcpy(rig->bytes, packet, len);
    rig->len = len;
}

static void open_rig(struct rig *rig, const struct sl_fec_scheme *scheme, size_t rows)
{
    *rig = (struct rig){0};
    const struct sl_fec_encoder_config encoder = {.scheme = scheme, .ssrc = SSRC, .packets = 1024};
    const struct sl_fec_decoder_config decoder = {.scheme = scheme,
                                                  .ssrc = SSRC,
                                                  .packets = PACKETS,
                                                  .rows = rows,
                                                  .restored = restored,
                                                  .user = rig};
    assert_int_equal(sl_fec_encoder_create(&rig->encoder, &encoder), 0);
    assert_int_equal(sl_fec_decoder_create(&rig->decoder, &decoder), 0);
}

static struct sl_fec_decoder_stats stats_of(const struct rig *rig)
{
    struct sl_fec_decoder_stats s;
    sl_fec_decoder_stats(rig->decoder, &s);
    assert_int_equal(s.packets, s.kept + s.duplicate + s.late + s.oversize);
    assert_int_equal(s.repairs, s.restored + s.bad + s.unneeded + s.forgotten + s.refused + s.held);
    assert_int_equal(s.restored, rig->restored);
    return s;
}

static void close_rig(struct rig *rig)
{
    stats_of(rig);
    sl_fec_encoder_destroy(rig->encoder);
    sl_fec_decoder_destroy(rig->decoder);
}

static void make(uint8_t packet[LEN], int64_t seq)
{
    memset(packet, (int)(seq * 7), LEN);
    packet[0] = 0x80;
    packet[1] = 96;
    sl_put16(packet + 2, (uint16_t)seq);
    sl_put32(packet + 8, SSRC);
}

static enum sl_fec_taken arrive(struct rig *rig, int64_t seq)
{
    uint8_t packet[LEN];
    make(packet, seq);
    const enum sl_fec_taken taken = sl_fec_decoder_packet(rig->decoder, seq, packet, LEN);
    stats_of(rig);
    return taken;
}

static void put(struct rig *rig, int64_t first, int64_t last)
{
    uint8_t packet[LEN];
    for (int64_t seq = first; seq <= last; seq++) {
        make(packet, seq);
        assert_int_equal(sl_fec_encoder_put(rig->encoder, seq, packet, LEN), SL_FEC_PUT_KEPT);
    }
}

static size_t mint(struct rig *rig, int64_t base, size_t count, uint8_t *payload)
{
    const struct sl_fec_run run = {.base = base, .count = count};
    struct sl_fec_repair repair = {.payload = payload};
    assert_int_equal(sl_fec_encoder_mint(rig->encoder, &run, 1, &repair), 1);
    return repair.len;
}

static enum sl_fec_taken repair(struct rig *rig, const uint8_t *payload, size_t len)
{
    const enum sl_fec_taken taken = sl_fec_decoder_repair(rig->decoder, payload, len);
    stats_of(rig);
    return taken;
}

static enum sl_fec_taken repair_run(struct rig *rig, int64_t base, size_t count)
{
    uint8_t payload[SL_FEC_REPAIR_MAX];
    const size_t len = mint(rig, base, count, payload);
    return repair(rig, payload, len);
}

static void refuses_configs_that_make_no_sense(void **state)
{
    (void)state;
    struct sl_fec_decoder *decoder = NULL;
    const struct sl_fec_decoder_config bad[] = {
        {.scheme = NULL, .packets = 256, .rows = 8, .restored = restored},
        {.scheme = &sl_fec_rs, .packets = 128, .rows = 8, .restored = restored},
        {.scheme = &sl_fec_rs, .packets = 300, .rows = 8, .restored = restored},
        {.scheme = &sl_fec_rs, .packets = 8192, .rows = 8, .restored = restored},
        {.scheme = &sl_fec_rs, .packets = 256, .rows = 0, .restored = restored},
        {.scheme = &sl_fec_rs, .packets = 256, .rows = 257, .restored = restored},
        {.scheme = &sl_fec_rs, .packets = 256, .rows = 8, .restored = NULL},
    };
    for (size_t i = 0; i < SL_COUNT(bad); i++)
        assert_int_equal(sl_fec_decoder_create(&decoder, &bad[i]), -EINVAL);
    assert_null(decoder);
    struct sl_fec_decoder_config good = sl_fec_decoder_config_default();
    good.restored = restored;
    assert_int_equal(sl_fec_decoder_create(&decoder, &good), 0);
    sl_fec_decoder_destroy(decoder);
    sl_fec_decoder_destroy(NULL);
}

static void names_what_became_of_each(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig, &sl_fec_rs, 8);
    put(&rig, 100, 600);
    assert_int_equal(repair_run(&rig, 100, 10), SL_FEC_REFUSED); /* around which number? */
    assert_int_equal(arrive(&rig, 400), SL_FEC_KEPT);
    assert_int_equal(arrive(&rig, 400), SL_FEC_DUPLICATE);
    assert_int_equal(arrive(&rig, 400 - REACH), SL_FEC_LATE);
    assert_int_equal(arrive(&rig, 401 - REACH), SL_FEC_KEPT);
    uint8_t packet[SL_FEC_PACKET_MAX + 1] = {0x80};
    assert_int_equal(sl_fec_decoder_packet(rig.decoder, 402, packet, sizeof(packet)),
                     SL_FEC_REFUSED);
    assert_int_equal(sl_fec_decoder_packet(rig.decoder, 402, packet, 11), SL_FEC_REFUSED);

    assert_int_equal(repair_run(&rig, 400 - REACH, 5), SL_FEC_LATE);
    assert_int_equal(repair_run(&rig, 400, 1), SL_FEC_UNNEEDED);
    assert_int_equal(repair_run(&rig, 400, 129 - 1), SL_FEC_KEPT);
    assert_int_equal(repair_run(&rig, 402, 128), SL_FEC_REFUSED); /* ends 129 ahead */
    assert_int_equal(repair_run(&rig, 401, 128), SL_FEC_KEPT);
    assert_int_equal(repair_run(&rig, 399, 2), SL_FEC_KEPT);
    assert_int_equal(rig.restored, 1);
    assert_int_equal(rig.last, 399);
    assert_int_equal(arrive(&rig, 399), SL_FEC_DUPLICATE);
    const struct sl_fec_decoder_stats s = stats_of(&rig);
    assert_int_equal(s.oversize, 2);
    assert_int_equal(s.late, 1);
    assert_int_equal(s.duplicate, 2);
    assert_int_equal(s.refused, 2);
    assert_int_equal(s.held, 2);
    close_rig(&rig);
}

static void a_row_whose_packets_come_after_all_is_unneeded(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig, &sl_fec_rs, 8);
    put(&rig, 0, 9);
    arrive(&rig, 5);
    assert_int_equal(repair_run(&rig, 0, 10), SL_FEC_KEPT);
    assert_int_equal(repair_run(&rig, 0, 10), SL_FEC_KEPT);
    for (int64_t seq = 0; seq < 8; seq++)
        arrive(&rig, seq);
    assert_int_equal(rig.restored, 2); /* 8 and 9, by the eighth */
    for (int64_t seq = 8; seq < 10; seq++)
        assert_int_equal(arrive(&rig, seq), SL_FEC_DUPLICATE);
    put(&rig, 10, 19);
    assert_int_equal(repair_run(&rig, 10, 2), SL_FEC_KEPT);
    assert_int_equal(repair_run(&rig, 10, 4), SL_FEC_KEPT);
    assert_int_equal(repair_run(&rig, 12, 2), SL_FEC_KEPT);
    uint8_t payload[SL_FEC_REPAIR_MAX];
    const size_t len = mint(&rig, 10, 4, payload);
    assert_int_equal(repair(&rig, payload, len), SL_FEC_KEPT); /* four of four unknowns */
    assert_int_equal(repair(&rig, payload, len), SL_FEC_UNNEEDED);
    assert_int_equal(rig.restored, 6);
    close_rig(&rig);
}

static void forgets_what_is_out_of_reach(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig, &sl_fec_rs, 8);
    put(&rig, 1000, 2000);
    arrive(&rig, 1000);
    assert_int_equal(repair_run(&rig, 1001, 2), SL_FEC_KEPT);
    arrive(&rig, 1000 + REACH); /* 1001 is the oldest now */
    assert_int_equal(stats_of(&rig).held, 1);
    arrive(&rig, 1001 + REACH);
    assert_int_equal(stats_of(&rig).held, 0);
    assert_int_equal(stats_of(&rig).forgotten, 1);

    assert_int_equal(repair_run(&rig, 1003 + REACH, 2), SL_FEC_KEPT);
    arrive(&rig, 1900); /* a leap */
    assert_int_equal(stats_of(&rig).forgotten, 2);
    assert_int_equal(repair_run(&rig, 1901, 2), SL_FEC_KEPT);
    sl_fec_decoder_reset(rig.decoder, SSRC);
    assert_int_equal(stats_of(&rig).forgotten, 3);
    assert_int_equal(arrive(&rig, 1900), SL_FEC_KEPT);
    assert_int_equal(rig.restored, 0);
    close_rig(&rig);
}

/* Two equations of three packets are one of two when the oldest is given up. */
static void forgetting_one_packet_costs_one_equation(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig, &sl_fec_rs, 8);
    put(&rig, 1000, 2000);
    arrive(&rig, 1000);
    assert_int_equal(repair_run(&rig, 1001, 3), SL_FEC_KEPT);
    assert_int_equal(repair_run(&rig, 1001, 3), SL_FEC_KEPT);
    arrive(&rig, 1001 + REACH);
    assert_int_equal(stats_of(&rig).held, 1);
    arrive(&rig, 1003);
    assert_int_equal(rig.restored, 1);
    assert_int_equal(rig.last, 1002);
    close_rig(&rig);
}

/*
 * The same where the oldest stands in both equations: pivots are the first columns, and here the
 * numbers go round to column 0 in the middle of the run.
 */
static void forgetting_takes_a_packet_out_of_all_equations(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig, &sl_fec_rs, 8);
    const int64_t base = 4 * PACKETS - 2;
    put(&rig, base - 1, base + 3);
    arrive(&rig, base - 1);
    assert_int_equal(repair_run(&rig, base, 4), SL_FEC_KEPT);
    assert_int_equal(repair_run(&rig, base, 4), SL_FEC_KEPT);
    arrive(&rig, base + REACH);
    assert_int_equal(stats_of(&rig).held, 1);
    arrive(&rig, base + 1);
    arrive(&rig, base + 2);
    assert_int_equal(rig.restored, 1);
    assert_int_equal(rig.last, base + 3);
    assert_int_equal(stats_of(&rig).bad, 0);
    close_rig(&rig);
}

static void holds_no_more_rows_than_agreed(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig, &sl_fec_rs, 4);
    put(&rig, 0, 200);
    arrive(&rig, 100);
    for (int64_t base = 101; base < 161; base += 10) {
        assert_int_equal(repair_run(&rig, base, 10), SL_FEC_KEPT);
        assert_true(stats_of(&rig).held <= 4);
    }
    assert_int_equal(stats_of(&rig).held, 4);
    assert_int_equal(stats_of(&rig).forgotten, 2);
    for (int64_t seq = 101; seq < 110; seq++)
        arrive(&rig, seq);
    assert_int_equal(rig.restored, 0); /* its row was crowded out */
    for (int64_t seq = 151; seq < 160; seq++)
        arrive(&rig, seq);
    assert_int_equal(rig.restored, 1); /* the newest's was not */
    close_rig(&rig);
}

static void lying_rs_headers_are_refused(void **state)
{
    (void)state;
    struct rig rig;
    uint8_t payload[SL_FEC_REPAIR_MAX + 1] = {0}, good[SL_FEC_REPAIR_MAX];
    open_rig(&rig, &sl_fec_rs, 8);
    put(&rig, 0, 9);
    arrive(&rig, 0);
    const size_t len = mint(&rig, 0, 10, good);
    for (size_t cut = 0; cut < 18; cut++)
        assert_int_equal(repair(&rig, good, cut), SL_FEC_REFUSED);
    assert_int_equal(repair(&rig, payload, 4 + 2 + SL_FEC_PACKET_MAX + 1), SL_FEC_REFUSED);
    memcpy(payload, good, len);
    payload[2] = 128; /* 129 packets */
    assert_int_equal(repair(&rig, payload, len), SL_FEC_REFUSED);
    payload[2] = good[2];
    payload[3] = 128; /* row 128 */
    assert_int_equal(repair(&rig, payload, len), SL_FEC_REFUSED);
    payload[3] = good[3];
    payload[0] = 0x80; /* far away, half a round */
    assert_int_equal(repair(&rig, payload, len), SL_FEC_LATE);
    assert_int_equal(stats_of(&rig).held, 0);
    close_rig(&rig);
}

static void lying_flexfec_headers_are_refused(void **state)
{
    (void)state;
    struct rig rig;
    uint8_t payload[SL_FEC_REPAIR_MAX + 1] = {0}, good[SL_FEC_REPAIR_MAX];
    open_rig(&rig, &sl_fec_flexfec, 8);
    put(&rig, 0, 109);
    arrive(&rig, 0);
    const size_t len = mint(&rig, 0, 10, good);
    static const struct {
        size_t at;
        uint8_t value;
    } lies[] = {
        {0, 0x80},  /* R: a retransmission */
        {0, 0x40},  /* F: a fixed block */
        {8, 2},     /* two SSRCs */
        {8, 0},     /* none */
        {12, 0x12}, /* not ours */
        {15, 0x24}, /* not ours */
        {18, 0x00}, /* three parts of a mask with no end */
    };
    for (size_t i = 0; i < SL_COUNT(lies); i++) {
        memcpy(payload, good, len);
        payload[lies[i].at] = lies[i].value;
        if (lies[i].at == 18)
            memset(payload + 18, 0x01, 14);
        assert_int_equal(repair(&rig, payload, len), SL_FEC_REFUSED);
    }
    memcpy(payload, good, len);
    payload[18] = 0x80; /* a mask of nothing */
    payload[19] = 0;
    assert_int_equal(repair(&rig, payload, len), SL_FEC_REFUSED);
    const size_t long_len = mint(&rig, 0, 109, payload);
    assert_true(long_len > 32);
    for (size_t cut = 0; cut < 32; cut++)
        assert_int_equal(repair(&rig, payload, cut), SL_FEC_REFUSED);
    payload[18] |= 0x80;
    assert_int_equal(repair(&rig, payload, 20 + SL_FEC_PACKET_MAX - 11), SL_FEC_REFUSED);
    assert_int_equal(stats_of(&rig).held, 0);
    close_rig(&rig);
}

/* Each damaged byte of a row shows as a packet that is dropped, or in bytes that it damages. */
static void damaged_rs_rows_give_no_wrong_header(void **state)
{
    (void)state;
    uint8_t payload[SL_FEC_REPAIR_MAX];
    size_t bad = 0;
    for (size_t at = 4; at < 4 + 2 + LEN; at++) {
        struct rig rig;
        open_rig(&rig, &sl_fec_rs, 8);
        put(&rig, 0, 9);
        for (int64_t seq = 0; seq < 9; seq++)
            arrive(&rig, seq);
        const size_t len = mint(&rig, 0, 10, payload);
        payload[at] ^= 0x5a;
        repair(&rig, payload, len);
        bad += stats_of(&rig).bad;
        if (rig.restored) {
            assert_int_equal(rig.last, 9);
            assert_int_equal(rig.len, LEN);
            assert_int_equal(rig.bytes[0] >> 6, 2);
            assert_int_equal(sl_get16(rig.bytes + 2), 9);
            assert_int_equal(sl_get32(rig.bytes + 8), SSRC);
        }
        close_rig(&rig);
    }
    assert_true(bad >= 2 + 1 + 2 + 4); /* length, version, number, SSRC */
}

/* Packet 9 has 60 bytes; the row says 50, though bytes follow, or more than there are. */
static void padding_that_is_not_zero_is_no_packet(void **state)
{
    (void)state;
    static const uint8_t lengths[] = {50, 61, 11, 0};
    const struct sl_fec_scheme *schemes[] = {&sl_fec_rs, &sl_fec_flexfec};
    uint8_t payload[SL_FEC_REPAIR_MAX];
    for (size_t s = 0; s < SL_COUNT(schemes); s++)
        for (size_t i = 0; i < SL_COUNT(lengths); i++) {
            struct rig rig;
            open_rig(&rig, schemes[s], 8);
            put(&rig, 8, 9);
            arrive(&rig, 8);
            const size_t len = mint(&rig, 9, 1, payload);
            if (schemes[s] == &sl_fec_rs) {
                const uint8_t factor = model_inverse((uint8_t)(0x80 ^ 9)); /* row 0 */
                payload[5] ^= model_multiply(factor, (uint8_t)(LEN ^ lengths[i]));
            } else {
                payload[3] = (uint8_t)(lengths[i] - 12);
                payload[2] = lengths[i] < 12 ? 0xff : 0;
            }
            repair(&rig, payload, len);
            assert_int_equal(stats_of(&rig).bad, 1);
            assert_int_equal(rig.restored, 0);
            assert_int_equal(arrive(&rig, 9), SL_FEC_KEPT); /* it is missing still */
            close_rig(&rig);
        }
}

static void a_contradiction_is_counted(void **state)
{
    (void)state;
    struct rig rig;
    uint8_t payload[SL_FEC_REPAIR_MAX];
    open_rig(&rig, &sl_fec_rs, 8);
    put(&rig, 0, 9);
    arrive(&rig, 0);
    const size_t len = mint(&rig, 1, 2, payload);
    assert_int_equal(repair(&rig, payload, len), SL_FEC_KEPT);
    payload[40] ^= 1;
    assert_int_equal(repair(&rig, payload, len), SL_FEC_REFUSED);
    assert_int_equal(stats_of(&rig).bad, 1);
    close_rig(&rig);
}

/* Rows shorter than packets that they sum up leave nothing behind for the next row. */
static void rows_that_are_too_short_do_no_harm(void **state)
{
    (void)state;
    struct rig rig;
    uint8_t payload[SL_FEC_REPAIR_MAX], expected[LEN];
    open_rig(&rig, &sl_fec_rs, 2);
    put(&rig, 0, 199);
    for (int64_t base = 0; base < 200; base += 10) {
        mint(&rig, base, 10, payload);
        payload[4] ^= 1; /* or it would tell the length of what it is too short for */
        assert_int_equal(repair(&rig, payload, 18), base ? SL_FEC_KEPT : SL_FEC_REFUSED);
        for (int64_t seq = base; seq < base + 9; seq++)
            arrive(&rig, seq); /* longer than the row */
        assert_int_equal(rig.restored, base / 10);
        const size_t len = mint(&rig, base, 10, payload);
        assert_int_equal(repair(&rig, payload, len - 1), SL_FEC_REFUSED);
        assert_int_equal(repair(&rig, payload, len), SL_FEC_KEPT);
        make(expected, base + 9);
        assert_int_equal(rig.last, base + 9);
        assert_int_equal(rig.len, LEN);
        assert_memory_equal(rig.bytes, expected, LEN);
    }
    assert_int_equal(stats_of(&rig).bad, 19);
    close_rig(&rig);
}

static void allocates_nothing_after_create(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig, &sl_fec_rs, 16);
    put(&rig, 0, 999);
    const uint64_t before = sl_alloc_count();
    struct sl_random random;
    sl_random_init_seed(&random, 1);
    for (int64_t base = 0; base < 1000; base += 10) {
        for (int64_t seq = base; seq < base + 10; seq++)
            if (sl_random_unit(&random) < 0.8)
                arrive(&rig, seq);
        for (int r = 0; r < 4; r++)
            if (sl_random_unit(&random) < 0.8)
                repair_run(&rig, base, 10);
    }
    assert_true(rig.restored > 100);
    assert_int_equal(sl_alloc_count(), before);
    close_rig(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_configs_that_make_no_sense),
        cmocka_unit_test(names_what_became_of_each),
        cmocka_unit_test(a_row_whose_packets_come_after_all_is_unneeded),
        cmocka_unit_test(forgets_what_is_out_of_reach),
        cmocka_unit_test(forgetting_one_packet_costs_one_equation),
        cmocka_unit_test(forgetting_takes_a_packet_out_of_all_equations),
        cmocka_unit_test(holds_no_more_rows_than_agreed),
        cmocka_unit_test(lying_rs_headers_are_refused),
        cmocka_unit_test(lying_flexfec_headers_are_refused),
        cmocka_unit_test(damaged_rs_rows_give_no_wrong_header),
        cmocka_unit_test(padding_that_is_not_zero_is_no_packet),
        cmocka_unit_test(a_contradiction_is_counted),
        cmocka_unit_test(rows_that_are_too_short_do_no_harm),
        cmocka_unit_test(allocates_nothing_after_create),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
