/* SPDX-License-Identifier: MIT */
/* Encoder and decoder of both schemes against the slow models. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/random.h"
#include "fec/decoder.h"
#include "fec/encoder.h"
#include "tests/support/fec_model.h"

#define SSRC 0x5160f00d

/* One stream of packets, both ends of it, and what each end has. */
struct link {
    enum model_code code;
    struct sl_random random;
    struct sl_fec_encoder *encoder;
    struct sl_fec_decoder *decoder;
    struct model_packet packets[MODEL_COLUMNS];
    size_t count;
    bool has[MODEL_COLUMNS];     /* came, or was restored */
    bool arrived[MODEL_COLUMNS]; /* came */
    int64_t last_restored;       /* by this call: they come in order */
    struct {
        struct model_row row;
        uint8_t payload[SL_FEC_REPAIR_MAX];
        size_t len;
        bool arrived;
    } rows[MODEL_ROWS];
    size_t row_count;
};

static void restored(void *user, int64_t seq, const uint8_t *packet, size_t len)
{
    struct link *l = user;
    const int64_t at = seq - l->packets[0].seq;
    assert_true(at >= 0 && (size_t)at < l->count);
    assert_false(l->has[at]); /* neither twice, nor what came */
    assert_true(seq > l->last_restored);
    assert_int_equal(len, l->packets[at].len);
    assert_memory_equal(packet, l->packets[at].bytes, len);
    l->has[at] = true;
    l->last_restored = seq;
}

static void open_link(struct link *l, enum model_code code, uint64_t seed)
{
    memset(l, 0, sizeof(*l));
    l->code = code;
    sl_random_init_seed(&l->random, seed);
    const struct sl_fec_scheme *scheme = code == MODEL_RS ? &sl_fec_rs : &sl_fec_flexfec;
    const struct sl_fec_encoder_config encoder = {.scheme = scheme, .ssrc = SSRC, .packets = 256};
    const struct sl_fec_decoder_config decoder = {.scheme = scheme,
                                                  .ssrc = SSRC,
                                                  .packets = 512,
                                                  .rows = 256,
                                                  .restored = restored,
                                                  .user = l};
    assert_int_equal(sl_fec_encoder_create(&l->encoder, &encoder), 0);
    assert_int_equal(sl_fec_decoder_create(&l->decoder, &decoder), 0);
}

static void check_balance(const struct link *l)
{
    struct sl_fec_decoder_stats d;
    sl_fec_decoder_stats(l->decoder, &d);
    assert_int_equal(d.packets, d.kept + d.duplicate + d.late + d.oversize);
    assert_int_equal(d.repairs, d.restored + d.bad + d.unneeded + d.forgotten + d.refused + d.held);
    assert_int_equal(d.bad, 0);
    assert_int_equal(d.refused, 0);
    struct sl_fec_encoder_stats e;
    sl_fec_encoder_stats(l->encoder, &e);
    assert_int_equal(e.packets, e.kept + e.duplicate + e.late + e.oversize);
    assert_int_equal(e.wanted, e.minted + e.withheld);
}

static void close_link(struct link *l)
{
    check_balance(l);
    sl_fec_encoder_destroy(l->encoder);
    sl_fec_decoder_destroy(l->decoder);
}

/* The next packets, base.., of `low` to `high` bytes. */
static void send_more(struct link *l, int64_t base, size_t count, uint32_t low, uint32_t high)
{
    l->count = count;
    l->row_count = 0;
    memset(l->has, 0, sizeof(l->has));
    memset(l->arrived, 0, sizeof(l->arrived));
    for (size_t i = 0; i < count; i++) {
        struct model_packet *packet = &l->packets[i];
        model_packet_make(packet, base + (int64_t)i, sl_random_range(&l->random, low, high), SSRC,
                          sl_random_u32(&l->random), &l->random);
        assert_int_equal(sl_fec_encoder_put(l->encoder, packet->seq, packet->bytes, packet->len),
                         SL_FEC_PUT_KEPT);
    }
}

/* The same of a new stream. */
static void send_packets(struct link *l, int64_t base, size_t count, uint32_t low, uint32_t high)
{
    sl_fec_encoder_reset(l->encoder, SSRC);
    sl_fec_decoder_reset(l->decoder, SSRC);
    send_more(l, base, count, low, high);
}

/* Mints rows over packets[first..first + count) and compares each with the model's. */
static void mint(struct link *l, size_t first, size_t count, size_t rows)
{
    const struct sl_fec_run run = {.base = l->packets[first].seq, .count = count};
    struct sl_fec_repair repairs[SL_FEC_ROWS_MAX];
    for (size_t r = 0; r < rows; r++)
        repairs[r].payload = l->rows[l->row_count + r].payload;
    const int made = sl_fec_encoder_mint(l->encoder, &run, rows, repairs);
    assert_true(made >= 0 && (size_t)made <= rows);
    for (int r = 0; r < made; r++) {
        struct model_row *row = &l->rows[l->row_count].row;
        memset(row, 0, sizeof(*row));
        if (l->code == MODEL_RS) {
            *row =
                (struct model_row){.first = first, .count = count, .number = repairs[r].payload[3]};
            memset(row->members, true, count);
        } else {
            row->first = first + (size_t)r;
            for (size_t i = 0; i < count - (size_t)r; i += (size_t)made) {
                row->members[i] = true;
                row->count = i + 1;
            }
        }
        uint8_t expected[MODEL_PACKET_MAX + 40] = {0};
        const size_t len = model_payload(l->code, l->packets, row, SSRC, expected);
        assert_true(repairs[r].len >= len); /* as long as the run's longest: zeros at the end */
        assert_memory_equal(repairs[r].payload, expected, len);
        for (size_t i = len; i < repairs[r].len; i++)
            assert_int_equal(repairs[r].payload[i], 0);
        if (l->code == MODEL_RS)
            assert_int_equal(repairs[r].len, len);
        l->rows[l->row_count].arrived = false;
        l->rows[l->row_count++].len = repairs[r].len;
    }
}

static void deliver_packet(struct link *l, size_t i)
{
    const bool known = l->has[i];
    l->has[i] = l->arrived[i] = true;
    l->last_restored = INT64_MIN;
    const struct model_packet *packet = &l->packets[i];
    assert_int_equal(sl_fec_decoder_packet(l->decoder, packet->seq, packet->bytes, packet->len),
                     known ? SL_FEC_DUPLICATE : SL_FEC_KEPT);
}

static void deliver_row(struct link *l, size_t r)
{
    l->rows[r].arrived = true;
    l->last_restored = INT64_MIN;
    const enum sl_fec_taken taken =
        sl_fec_decoder_repair(l->decoder, l->rows[r].payload, l->rows[r].len);
    assert_true(taken == SL_FEC_KEPT || taken == SL_FEC_UNNEEDED);
}

/* The decoder has neither more nor less than follows from what it was given. */
static void compare_with_the_model(struct link *l)
{
    bool follows[MODEL_COLUMNS];
    memcpy(follows, l->arrived, sizeof(follows));
    struct model_row rows[MODEL_ROWS];
    size_t count = 0;
    for (size_t r = 0; r < l->row_count; r++)
        if (l->rows[r].arrived)
            rows[count++] = l->rows[r].row;
    model_solve(l->code, l->packets, l->count, rows, count, follows);
    assert_memory_equal(follows, l->has, l->count);
}

static void rows_are_the_models(void **state)
{
    (void)state;
    static struct link l;
    for (int code = MODEL_RS; code <= MODEL_FLEXFEC; code++) {
        open_link(&l, (enum model_code)code, 1);
        static const size_t counts[] = {1, 2, 3, 7, 10, 15, 16, 17, 45, 46, 47, 60, 108, 109, 128};
        for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
            const size_t count = counts[i];
            if (code == MODEL_FLEXFEC && count > 109)
                continue;
            const uint32_t high = i % 4 == 1 ? 1280 : 100;
            send_packets(&l, 65536 * (int64_t)i - (int64_t)i, count, i % 3 ? 12 : high, high);
            mint(&l, 0, count, 1);
            mint(&l, 0, count, 9);
            mint(&l, count / 2, count - count / 2, 3);
        }
        close_link(&l);
    }
}

/* All ways to lose up to rows + 1 of count + rows packets, which follow one that came. */
static void every_loss(struct link *l, int64_t base, size_t count, size_t rows, bool equal)
{
    send_packets(l, base, 1 + count, equal ? 40 : 13, 40);
    mint(l, 1, count, rows);
    const size_t total = count + l->row_count;
    for (uint32_t lost = 0; lost < 1u << total; lost++) {
        const size_t losses = (size_t)__builtin_popcount(lost);
        if (losses > rows + 1)
            continue;
        sl_fec_decoder_reset(l->decoder, SSRC);
        memset(l->has, 0, sizeof(l->has));
        memset(l->arrived, 0, sizeof(l->arrived));
        deliver_packet(l, 0);
        for (size_t i = 0; i < count; i++)
            if (!(lost >> i & 1))
                deliver_packet(l, 1 + i);
        for (size_t r = 0; r < l->row_count; r++) {
            l->rows[r].arrived = !(lost >> (count + r) & 1);
            if (l->rows[r].arrived)
                deliver_row(l, r);
        }
        for (size_t i = 0; i < count && l->code == MODEL_RS && losses <= rows; i++)
            assert_true(l->has[1 + i]);
        if (l->code == MODEL_FLEXFEC || lost % 16 == 5)
            compare_with_the_model(l);
    }
}

static void restores_every_loss_within_parity(void **state)
{
    (void)state;
    static struct link l;
    open_link(&l, MODEL_RS, 2);
    for (size_t count = 1; count <= 10; count++)
        for (size_t rows = 1; rows <= 4; rows++)
            every_loss(&l, 65536 - (int64_t)(count + rows) / 2, count, rows, (count + rows) % 2);
    close_link(&l);
}

static void flexfec_restores_what_follows(void **state)
{
    (void)state;
    static struct link l;
    open_link(&l, MODEL_FLEXFEC, 3);
    for (size_t count = 1; count <= 7; count++)
        for (size_t rows = 1; rows <= 3; rows++)
            every_loss(&l, 65536 - (int64_t)(count + rows) / 2, count, rows, (count + rows) % 2);
    close_link(&l);
}

/* Shuffles 0..count; a part of them comes twice. Returns how many there are. */
static size_t shuffle(struct sl_random *random, size_t *order, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        order[total++] = i;
        if (sl_random_range(random, 0, 9) == 0)
            order[total++] = i;
    }
    for (size_t i = total; i > 1; i--) {
        const size_t other = sl_random_range(random, 0, (uint32_t)i - 1);
        const size_t swap = order[i - 1];
        order[i - 1] = order[other];
        order[other] = swap;
    }
    return total;
}

/* What was not lost, in any order, some of it twice; packet `anchor` first, so that it begins. */
static void deliver_shuffled(struct link *l, const bool *lost, size_t anchor)
{
    size_t order[2 * (MODEL_COLUMNS + MODEL_ROWS)];
    const size_t total = shuffle(&l->random, order, l->count + l->row_count);
    deliver_packet(l, anchor);
    for (size_t i = 0; i < total; i++) {
        const size_t what = order[i];
        if (what < l->count) {
            if (!lost[what])
                deliver_packet(l, what);
        } else if (!lost[what]) {
            deliver_row(l, what - l->count);
        }
        check_balance(l);
    }
}

static void random_losses_of_long_runs(void **state)
{
    (void)state;
    static struct link l;
    open_link(&l, MODEL_RS, 4);
    for (int round = 0; round < 150; round++) {
        const size_t count = sl_random_range(&l.random, 11, 128);
        const size_t rows = sl_random_range(&l.random, 1, 32);
        const bool equal = round % 2;
        send_packets(&l, sl_random_range(&l.random, 65400, 65536), count, equal ? 60 : 12, 60);
        mint(&l, 0, count, rows);
        bool lost[MODEL_COLUMNS + MODEL_ROWS] = {false};
        for (size_t i = 0; i < rows; i++) /* may hit the same one twice */
            lost[sl_random_range(&l.random, 1, (uint32_t)(count + rows) - 1)] = true;
        deliver_shuffled(&l, lost, 0);
        for (size_t i = 0; i < count; i++)
            assert_true(l.has[i]);
    }
    close_link(&l);
}

/* Frames of 1 to 12 packets; the runs of short ones overlap those before them. */
static void overlapping_runs(enum model_code code, uint64_t seed, int rounds)
{
    static struct link l;
    open_link(&l, code, seed);
    size_t restored_in_all = 0;
    for (int round = 0; round < rounds; round++) {
        const bool equal = round % 2;
        send_packets(&l, sl_random_range(&l.random, 65436, 65536), 60, equal ? 30 : 12, 30);
        for (size_t first = 0; first < l.count;) {
            const size_t size = sl_random_range(&l.random, 1, 12);
            const size_t last = first + size > l.count ? l.count - 1 : first + size - 1;
            struct sl_fec_run runs[SL_FEC_FRAME_RUNS];
            assert_int_equal(sl_fec_encoder_frame(l.encoder, l.packets[first].seq,
                                                  l.packets[last].seq, 10, runs),
                             1);
            mint(&l, (size_t)(runs[0].base - l.packets[0].seq), runs[0].count,
                 sl_random_range(&l.random, 1, 3));
            first = last + 1;
        }
        bool lost[MODEL_COLUMNS + MODEL_ROWS] = {false};
        const double loss = 0.05 + 0.1 * (round % 5);
        for (size_t i = 0; i < l.count + l.row_count; i++)
            lost[i] = sl_random_unit(&l.random) < loss;
        const size_t anchor = l.count / 2;
        lost[anchor] = false;
        deliver_shuffled(&l, lost, anchor);
        compare_with_the_model(&l);
        for (size_t i = 0; i < l.count; i++)
            restored_in_all += l.has[i] && lost[i];
    }
    assert_true(restored_in_all > (size_t)rounds);
    close_link(&l);
}

static void overlapping_runs_restore_what_follows(void **state)
{
    (void)state;
    overlapping_runs(MODEL_RS, 5, 100);
    overlapping_runs(MODEL_FLEXFEC, 6, 100);
}

/* More was lost than the parity mends; whatever rows come later do it, as many as are missing. */
static void fresh_rows_mend_later(void **state)
{
    (void)state;
    static struct link l;
    open_link(&l, MODEL_RS, 7);
    for (int round = 0; round < 200; round++) {
        const size_t count = sl_random_range(&l.random, 5, 60);
        const size_t losses = sl_random_range(&l.random, 3, 5);
        send_packets(&l, sl_random_range(&l.random, 65480, 65536), count, 40, 40);
        mint(&l, 0, count, 2);
        for (size_t i = 0; i < count; i++)
            if (i == 0 || i > losses)
                deliver_packet(&l, i);
        const size_t missing = count - 1 < losses ? count - 1 : losses;
        deliver_row(&l, 1);
        assert_false(l.has[1]);
        mint(&l, 0, count, sl_fec_rows_for_nack(missing));
        for (size_t r = 2; r < 2 + missing - 1; r++) {
            assert_false(l.has[1]);
            deliver_row(&l, r);
        }
        for (size_t i = 0; i < count; i++)
            assert_true(l.has[i]);
        for (size_t a = 0; a < l.row_count; a++)
            for (size_t b = 0; b < a; b++)
                assert_int_not_equal(l.rows[a].row.number, l.rows[b].row.number);
    }
    close_link(&l);
}

/* One stream for 200 frames of packets large and small, three of each frame lost. */
static void rings_go_round(void **state)
{
    (void)state;
    static struct link l;
    for (int code = MODEL_RS; code <= MODEL_FLEXFEC; code++) {
        open_link(&l, (enum model_code)code, 8);
        for (int64_t frame = 0; frame < 200; frame++) {
            send_more(&l, 65536 - 900 + 9 * frame, 9, 12, 12 + 40 * (uint32_t)(frame % 4));
            mint(&l, 0, 9, 3);
            const size_t first = sl_random_range(&l.random, 0, 6);
            for (size_t i = 0; i < 9; i++)
                if (i < first || i > first + 2)
                    deliver_packet(&l, i);
            for (size_t r = 0; r < 3; r++)
                deliver_row(&l, r);
            for (size_t i = 0; i < 9; i++)
                assert_true(l.has[i]);
        }
        close_link(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_the_models),
        cmocka_unit_test(restores_every_loss_within_parity),
        cmocka_unit_test(flexfec_restores_what_follows),
        cmocka_unit_test(random_losses_of_long_runs),
        cmocka_unit_test(overlapping_runs_restore_what_follows),
        cmocka_unit_test(fresh_rows_mend_later),
        cmocka_unit_test(rings_go_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
