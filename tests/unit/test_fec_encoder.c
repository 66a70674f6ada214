/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "fec/encoder.h"
#include "tests/support/alloc_count.h"

#define PACKETS 128

static struct sl_fec_encoder *create(const struct sl_fec_scheme *scheme)
{
    const struct sl_fec_encoder_config config = {.scheme = scheme, .ssrc = 1, .packets = PACKETS};
    struct sl_fec_encoder *encoder = NULL;
    assert_int_equal(sl_fec_encoder_create(&encoder, &config), 0);
    return encoder;
}

static enum sl_fec_put put_bytes(struct sl_fec_encoder *encoder, int64_t seq, size_t len)
{
    static uint8_t packet[SL_FEC_PACKET_MAX + 1] = {0x80};
    packet[12] = (uint8_t)seq;
    return sl_fec_encoder_put(encoder, seq, packet, len);
}

static void put(struct sl_fec_encoder *encoder, int64_t first, int64_t last)
{
    for (int64_t seq = first; seq <= last; seq++)
        assert_int_equal(put_bytes(encoder, seq, 100), SL_FEC_PUT_KEPT);
}

static void check_run(const struct sl_fec_run *run, int64_t base, size_t count)
{
    assert_int_equal(run->base, base);
    assert_int_equal(run->count, count);
}

static void check_balance(const struct sl_fec_encoder *encoder)
{
    struct sl_fec_encoder_stats stats;
    sl_fec_encoder_stats(encoder, &stats);
    assert_int_equal(stats.packets, stats.kept + stats.duplicate + stats.late + stats.oversize);
    assert_int_equal(stats.wanted, stats.minted + stats.withheld);
}

static int mint(struct sl_fec_encoder *encoder, int64_t base, size_t count, size_t rows,
                uint8_t numbers[SL_FEC_ROWS_MAX])
{
    static uint8_t payloads[2 * SL_FEC_ROWS_MAX][SL_FEC_REPAIR_MAX];
    struct sl_fec_repair repairs[2 * SL_FEC_ROWS_MAX];
    for (size_t i = 0; i < 2 * SL_FEC_ROWS_MAX; i++)
        repairs[i] = (struct sl_fec_repair){.payload = payloads[i]};
    const struct sl_fec_run run = {.base = base, .count = count};
    const int made = sl_fec_encoder_mint(encoder, &run, rows, repairs);
    for (int i = 0; i < made && numbers; i++)
        numbers[i] = payloads[i][3];
    check_balance(encoder);
    return made;
}

static void refuses_configs_that_make_no_sense(void **state)
{
    (void)state;
    struct sl_fec_encoder *encoder = NULL;
    const struct sl_fec_encoder_config bad[] = {
        {.scheme = NULL, .packets = 256},
        {.scheme = &sl_fec_rs, .packets = 64},
        {.scheme = &sl_fec_rs, .packets = 300},
        {.scheme = &sl_fec_rs, .packets = 8192},
    };
    for (size_t i = 0; i < SL_COUNT(bad); i++)
        assert_int_equal(sl_fec_encoder_create(&encoder, &bad[i]), -EINVAL);
    assert_null(encoder);
    struct sl_fec_encoder_config good = sl_fec_encoder_config_default();
    assert_int_equal(sl_fec_encoder_create(&encoder, &good), 0);
    sl_fec_encoder_destroy(encoder);
    sl_fec_encoder_destroy(NULL);
}

static void keeps_the_newest_packets(void **state)
{
    (void)state;
    struct sl_fec_encoder *encoder = create(&sl_fec_rs);
    put(encoder, 1000, 1000);
    put(encoder, 1002, 1000 + PACKETS - 1);
    assert_int_equal(put_bytes(encoder, 1001, 100), SL_FEC_PUT_KEPT); /* a hole is mended */
    assert_int_equal(put_bytes(encoder, 1001, 90), SL_FEC_PUT_DUPLICATE);
    assert_int_equal(put_bytes(encoder, 999, 100), SL_FEC_PUT_LATE);
    assert_int_equal(put_bytes(encoder, 2000, SL_FEC_PACKET_MAX + 1), SL_FEC_PUT_OVERSIZE);
    assert_int_equal(put_bytes(encoder, 2000, 11), SL_FEC_PUT_OVERSIZE);
    assert_int_equal(put_bytes(encoder, 1000 + PACKETS, SL_FEC_PACKET_MAX), SL_FEC_PUT_KEPT);
    assert_int_equal(mint(encoder, 1000, 4, 1, NULL), -ENOENT); /* 1000 had to go */
    assert_int_equal(mint(encoder, 1001, 4, 1, NULL), 1);
    assert_int_equal(mint(encoder, 1001 + PACKETS - 2, 3, 1, NULL), -ENOENT); /* not sent yet */
    check_balance(encoder);
    sl_fec_encoder_reset(encoder, 2);
    assert_int_equal(mint(encoder, 1001, 4, 1, NULL), -ENOENT);
    put(encoder, 7, 9);
    assert_int_equal(mint(encoder, 7, 3, 1, NULL), 1);
    check_balance(encoder);
    sl_fec_encoder_destroy(encoder);
}

static void a_run_is_a_frame(void **state)
{
    (void)state;
    struct sl_fec_run runs[SL_FEC_FRAME_RUNS], own;
    struct sl_fec_encoder *encoder = create(&sl_fec_rs);
    assert_int_equal(sl_fec_encoder_frame(encoder, 0, 3, 8, runs), 0); /* nothing sent */
    put(encoder, 65526, 65541);
    assert_int_equal(sl_fec_encoder_frame(encoder, 65530, 65535, 8, runs), 1);
    check_run(&runs[0], 65530, 6); /* six do not reach back */
    assert_int_equal(sl_fec_encoder_frame(encoder, 65536, 65539, 8, runs), 1);
    check_run(&runs[0], 65532, 8); /* four do */
    assert_int_equal(sl_fec_encoder_frame(encoder, 65540, 65540, 4, runs), 1);
    check_run(&runs[0], 65537, 4);
    assert_int_equal(sl_fec_encoder_frame(encoder, 65541, 65541, 500, runs), 1);
    check_run(&runs[0], 65526, 16); /* as far as there are packets */

    assert_true(sl_fec_encoder_own_run(encoder, 65535, &own)); /* not that of later frames */
    check_run(&own, 65530, 6);
    assert_true(sl_fec_encoder_own_run(encoder, 65536, &own));
    check_run(&own, 65532, 8);
    assert_false(sl_fec_encoder_own_run(encoder, 65529, &own));
    put(encoder, 65542, 65542 + PACKETS);
    assert_false(sl_fec_encoder_own_run(encoder, 65542, &own)); /* its frame is not over */
    sl_fec_encoder_destroy(encoder);
}

static void a_long_frame_is_cut_into_equal_parts(void **state)
{
    (void)state;
    struct sl_fec_run runs[SL_FEC_FRAME_RUNS], own;
    struct sl_fec_encoder *encoder = create(&sl_fec_flexfec); /* 109 */
    put(encoder, 100, 100 + PACKETS - 1);
    assert_int_equal(sl_fec_encoder_frame(encoder, 100, 208, 8, runs), 1);
    check_run(&runs[0], 100, 109);
    assert_int_equal(sl_fec_encoder_frame(encoder, 100, 210, 8, runs), 2);
    check_run(&runs[0], 100, 56);
    check_run(&runs[1], 156, 55);
    assert_true(sl_fec_encoder_own_run(encoder, 160, &own));
    check_run(&own, 156, 55);
    sl_fec_encoder_destroy(encoder);

    encoder = create(&sl_fec_rs);
    put(encoder, 0, PACKETS - 1);
    assert_int_equal(sl_fec_encoder_frame(encoder, 0, PACKETS - 1, 8, runs), 1);
    check_run(&runs[0], 0, 128);
    put(encoder, PACKETS, PACKETS + 9); /* the frame's beginning is not kept any more */
    assert_int_equal(sl_fec_encoder_frame(encoder, 0, PACKETS + 9, 8, runs), 1);
    check_run(&runs[0], 10, 128);
    sl_fec_encoder_destroy(encoder);
}

static void a_frame_is_split_around_its_holes(void **state)
{
    (void)state;
    struct sl_fec_run runs[SL_FEC_FRAME_RUNS];
    struct sl_fec_encoder *encoder = create(&sl_fec_rs);
    put(encoder, 10, 14);
    put(encoder, 16, 16);
    put(encoder, 19, 30);
    assert_int_equal(sl_fec_encoder_frame(encoder, 10, 40, 8, runs), 3); /* and cut at the end */
    check_run(&runs[0], 10, 5);
    check_run(&runs[1], 16, 1);
    check_run(&runs[2], 19, 12);
    put(encoder, 32, 33);
    assert_int_equal(sl_fec_encoder_frame(encoder, 32, 33, 8, runs), 1);
    check_run(&runs[0], 32, 2); /* reaching back ends at a hole */
    for (int64_t seq = 200; seq < 328; seq += 2)
        put(encoder, seq, seq);
    assert_int_equal(sl_fec_encoder_frame(encoder, 200, 327, 8, runs), SL_FEC_FRAME_RUNS);
    sl_fec_encoder_destroy(encoder);
}

static void reaches_back_as_far_as_it_may(void **state)
{
    (void)state;
    struct sl_fec_encoder *encoder = create(&sl_fec_rs);
    put(encoder, 100, 140);
    const struct sl_fec_run run = {.base = 130, .count = 10};
    const struct sl_fec_run twice = sl_fec_encoder_reach_back(encoder, &run, 120);
    check_run(&twice, 120, 20);
    const struct sl_fec_run all = sl_fec_encoder_reach_back(encoder, &run, 0);
    check_run(&all, 100, 40); /* what is held */
    put(encoder, 142, 400);
    const struct sl_fec_run late = {.base = 391, .count = 10};
    const struct sl_fec_run most = sl_fec_encoder_reach_back(encoder, &late, 0);
    check_run(&most, 401 - SL_FEC_RUN_MAX, SL_FEC_RUN_MAX);
    const struct sl_fec_run behind = {.base = 142, .count = 10};
    const struct sl_fec_run hole = sl_fec_encoder_reach_back(encoder, &behind, 0);
    check_run(&hole, 142, 10);
    /* A row is as long as the longest packet: small ones are not protected with large ones. */
    uint8_t small[20] = {0x80, 108};
    assert_int_equal(sl_fec_encoder_put(encoder, 401, small, sizeof(small)), SL_FEC_PUT_KEPT);
    const struct sl_fec_run short_one = {.base = 401, .count = 1};
    const struct sl_fec_run alone = sl_fec_encoder_reach_back(encoder, &short_one, 0);
    check_run(&alone, 401, 1);
    sl_fec_encoder_destroy(encoder);
}

static void row_numbers_repeat_only_without_overlap(void **state)
{
    (void)state;
    uint8_t first[SL_FEC_ROWS_MAX], second[SL_FEC_ROWS_MAX], third[SL_FEC_ROWS_MAX];
    struct sl_fec_encoder *encoder = create(&sl_fec_rs);
    put(encoder, -10, 60);
    assert_int_equal(mint(encoder, -10, 20, 100, first), 100); /* around 0 as elsewhere */
    assert_int_equal(mint(encoder, 9, 20, 100, second), 28);   /* overlaps by one packet */
    for (int a = 0; a < 100; a++)
        for (int b = 0; b < 28; b++)
            assert_int_not_equal(first[a], second[b]);
    assert_int_equal(mint(encoder, -10, 20, 1, third), 0);
    assert_int_equal(mint(encoder, 29, 20, 128, third), 128); /* overlaps neither */
    sl_fec_encoder_destroy(encoder);
}

static void refuses_runs_that_are_none(void **state)
{
    (void)state;
    struct sl_fec_encoder *encoder = create(&sl_fec_flexfec);
    put(encoder, 0, PACKETS - 1);
    assert_int_equal(mint(encoder, 0, 0, 1, NULL), -EINVAL);
    assert_int_equal(mint(encoder, 0, 110, 1, NULL), -EINVAL);
    assert_int_equal(mint(encoder, 0, 109, 0, NULL), -EINVAL);
    assert_int_equal(mint(encoder, 0, 109, 1, NULL), 1);
    assert_int_equal(mint(encoder, 0, 3, 7, NULL), 3); /* a fourth would be a copy */
    sl_fec_encoder_destroy(encoder);
}

static void allocates_nothing_after_create(void **state)
{
    (void)state;
    struct sl_fec_run runs[SL_FEC_FRAME_RUNS], own;
    struct sl_fec_encoder *encoder = create(&sl_fec_rs);
    const uint64_t before = sl_alloc_count();
    for (int64_t frame = 0; frame < 50; frame++) {
        put(encoder, frame * 10, frame * 10 + 9);
        assert_int_equal(sl_fec_encoder_frame(encoder, frame * 10, frame * 10 + 9, 8, runs), 1);
        assert_int_equal(mint(encoder, runs[0].base, runs[0].count, 9, NULL), 9);
        assert_true(sl_fec_encoder_own_run(encoder, frame * 10, &own));
    }
    assert_int_equal(sl_alloc_count(), before);
    sl_fec_encoder_destroy(encoder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_configs_that_make_no_sense),
        cmocka_unit_test(keeps_the_newest_packets),
        cmocka_unit_test(a_run_is_a_frame),
        cmocka_unit_test(a_long_frame_is_cut_into_equal_parts),
        cmocka_unit_test(a_frame_is_split_around_its_holes),
        cmocka_unit_test(reaches_back_as_far_as_it_may),
        cmocka_unit_test(row_numbers_repeat_only_without_overlap),
        cmocka_unit_test(refuses_runs_that_are_none),
        cmocka_unit_test(allocates_nothing_after_create),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
