/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "rtp/ccfb.h"
#include "rtp/rtcp.h"
#include "tests/support/alloc_count.h"

#define T0 (1000 * SL_SEC)

struct heard {
    uint32_t sender, timestamp;
    struct sl_ccfb_metric metrics[2048];
    size_t count;
    int reports, result;
};

static struct sl_ccfb_recorder recorder; /* 30 kB: not on the stack */
static struct heard heard;
static uint8_t wire[2048];

static void hear_metric(void *ctx, const struct sl_ccfb_metric *metric)
{
    struct heard *h = ctx;
    assert_true(h->count < SL_COUNT(h->metrics));
    h->metrics[h->count++] = *metric;
}

static void hear_item(void *ctx, const struct sl_rtcp_item *item)
{
    struct heard *h = ctx;
    if (item->type != SL_RTCP_CCFB)
        return;
    h->reports++;
    h->sender = item->sender_ssrc;
    h->result = sl_ccfb_read(item->data, item->data_len, &h->timestamp, hear_metric, h);
}

static void read_back(const struct sl_writer *w)
{
    heard.count = 0;
    heard.reports = 0;
    heard.result = -1;
    assert_false(w->failed);
    assert_int_equal(sl_rtcp_read(w->start, sl_writer_len(w), hear_item, &heard), 0);
    assert_int_equal(heard.reports, 1);
    assert_int_equal(heard.result, 0);
}

static void balances(void)
{
    const struct sl_ccfb_stats *s = &recorder.stats;
    assert_true(s->recorded == s->fresh + s->again + s->old);
}

static size_t report(sl_ns now)
{
    struct sl_writer w = sl_writer(wire, sizeof(wire));
    const size_t count = sl_ccfb_write(&recorder, 7, now, (uint64_t)now, &w);
    balances();
    assert_true(sl_writer_len(&w) <= SL_CCFB_BYTES_MAX);
    heard.count = 0;
    if (count)
        read_back(&w);
    else
        assert_int_equal(sl_writer_len(&w), 0);
    assert_int_equal(heard.count, count);
    return count;
}

static const struct sl_ccfb_metric *metric_of(uint32_t ssrc, uint16_t seq)
{
    for (size_t i = 0; i < heard.count; i++)
        if (heard.metrics[i].ssrc == ssrc && heard.metrics[i].seq == seq)
            return &heard.metrics[i];
    return NULL;
}

static int setup(void **state)
{
    (void)state;
    sl_ccfb_recorder_init(&recorder);
    return 0;
}

/* Worked out by hand from the drawing in RFC 8888 section 3.1. Packets 65534, 65535 and 1 of one
 * stream came 500, 250 and 0 ms before the report, 0 did not; one packet of another, 1 s before,
 * marked CE. 500 ms are 512 of 1/1024 s, 250 ms 256. */
static const uint8_t golden[] = {
    0x8b, 0xcd, 0x00, 0x09, /* V=2, FMT=11, PT=205, 10 words */
    0x00, 0x00, 0x00, 0x07, /* sender */
    0x11, 0x22, 0x33, 0x44, /* first stream */
    0xff, 0xfe, 0x00, 0x04, /* begin_seq 65534, 4 reports */
    0x82, 0x00, 0x81, 0x00, /* R=1, ATO=512; R=1, ATO=256 */
    0x00, 0x00, 0x80, 0x00, /* not received; R=1, ATO=0 */
    0x00, 0x00, 0x00, 0x09, /* second stream */
    0x00, 0x64, 0x00, 0x01, /* begin_seq 100, 1 report */
    0xe4, 0x00, 0x00, 0x00, /* R=1, ECN=3, ATO=1024; padding */
    0xcc, 0xdd, 0xee, 0xff, /* the middle of aabbccdd.eeff0011 */
};

static void writes_the_bytes_of_the_rfc(void **state)
{
    (void)state;
    sl_ccfb_record(&recorder, 0x11223344, 65534, 0, T0 - 500 * SL_MS);
    sl_ccfb_record(&recorder, 9, 100, 3, T0 - SL_SEC);
    sl_ccfb_record(&recorder, 0x11223344, 65535, 0, T0 - 250 * SL_MS);
    sl_ccfb_record(&recorder, 0x11223344, 1, 0, T0);
    struct sl_writer w = sl_writer(wire, sizeof(wire));
    assert_int_equal(sl_ccfb_write(&recorder, 7, T0, 0xaabbccddeeff0011, &w), 5);
    assert_int_equal(sl_writer_len(&w), sizeof(golden));
    assert_memory_equal(wire, golden, sizeof(golden));
}

static void reads_the_bytes_of_the_rfc(void **state)
{
    (void)state;
    memset(&heard, 0, sizeof(heard));
    assert_int_equal(sl_rtcp_read(golden, sizeof(golden), hear_item, &heard), 0);
    assert_int_equal(heard.result, 0);
    assert_int_equal(heard.sender, 7);
    assert_int_equal(heard.timestamp, 0xccddeeff);
    assert_int_equal(heard.count, 5);
    const struct sl_ccfb_metric *m = heard.metrics;
    assert_int_equal(m[0].ssrc, 0x11223344);
    assert_int_equal(m[0].seq, 65534);
    assert_true(m[0].first && m[0].received && m[0].has_arrival && m[0].before == 500 * SL_MS);
    assert_true(!m[1].first && m[1].before == 250 * SL_MS);
    assert_true(m[2].seq == 0 && !m[2].received && !m[2].has_arrival);
    assert_true(m[3].seq == 1 && m[3].received && m[3].before == 0);
    assert_true(m[4].ssrc == 9 && m[4].first && m[4].ecn == 3 && m[4].before == SL_SEC);
}

static void each_packet_is_in_three_reports(void **state)
{
    (void)state;
    sl_ccfb_record(&recorder, 1, 10, 0, T0);
    sl_ccfb_record(&recorder, 1, 12, 0, T0 + SL_MS);
    for (int i = 1; i <= 3; i++)
        assert_int_equal(report(T0 + i * 33 * SL_MS), 3);
    assert_int_equal(report(T0 + 4 * 33 * SL_MS), 0);
    /* And what comes afterwards starts behind it. */
    sl_ccfb_record(&recorder, 1, 13, 0, T0 + 140 * SL_MS);
    assert_int_equal(report(T0 + 5 * 33 * SL_MS), 1);
    assert_int_equal(heard.metrics[0].seq, 13);
}

static void reaches_back_for_what_came_late(void **state)
{
    (void)state;
    for (uint16_t seq = 100; seq < 200; seq++)
        if (seq != 150)
            sl_ccfb_record(&recorder, 1, seq, 0, T0);
    for (int i = 1; i <= 4; i++)
        report(T0 + i * 10 * SL_MS);
    assert_int_equal(report(T0 + 50 * SL_MS), 0);
    sl_ccfb_record(&recorder, 1, 150, 0, T0 + 60 * SL_MS);
    assert_int_equal(report(T0 + 70 * SL_MS), 50);
    assert_int_equal(heard.metrics[0].seq, 150);
    assert_true(heard.metrics[0].received && heard.metrics[49].received);
    assert_int_equal(report(T0 + 80 * SL_MS), 0);
}

static void counts_copies_and_keeps_the_first_time(void **state)
{
    (void)state;
    sl_ccfb_record(&recorder, 1, 5, 2, T0);
    sl_ccfb_record(&recorder, 1, 5, 3, T0 + 100 * SL_MS);
    sl_ccfb_record(&recorder, 1, 5, 1, T0 + 110 * SL_MS);
    assert_int_equal(report(T0 + 125 * SL_MS), 1);
    assert_int_equal(recorder.stats.again, 2);
    assert_int_equal(heard.metrics[0].ecn, 3);
    assert_true(heard.metrics[0].before == 125 * SL_MS);
}

static void says_when_a_time_is_out_of_range(void **state)
{
    (void)state;
    sl_ccfb_record(&recorder, 1, 1, 0, T0);
    sl_ccfb_record(&recorder, 1, 2, 0, T0 + 9 * SL_SEC);
    sl_ccfb_record(&recorder, 1, 3, 0, T0 + 9 * SL_SEC + 1);
    assert_int_equal(report(T0 + 9 * SL_SEC), 3);
    assert_int_equal(sl_get16(wire + 16), 0x9ffe); /* over 8 s */
    assert_int_equal(sl_get16(wire + 18), 0x8000);
    assert_int_equal(sl_get16(wire + 20), 0x9fff); /* after the report */
    assert_true(heard.metrics[0].received && !heard.metrics[0].has_arrival);
    assert_true(heard.metrics[2].received && !heard.metrics[2].has_arrival);
}

static void forgets_what_is_older_than_the_ring(void **state)
{
    (void)state;
    for (int i = 0; i < 70000; i++)
        sl_ccfb_record(&recorder, 1, (uint16_t)i, 0, T0 + i * SL_US);
    const size_t count = report(T0 + 70 * SL_MS);
    assert_true(count == SL_CCFB_PACKETS);
    assert_int_equal(heard.metrics[count - 1].seq, (uint16_t)69999);
    sl_ccfb_record(&recorder, 1, (uint16_t)(69999 - SL_CCFB_PACKETS), 0, T0 + 71 * SL_MS);
    assert_int_equal(recorder.stats.old, 1);
    /* The last number inside is a copy. */
    sl_ccfb_record(&recorder, 1, (uint16_t)(70000 - SL_CCFB_PACKETS), 0, T0 + 71 * SL_MS);
    assert_int_equal(recorder.stats.again, 1);
}

static void a_jump_is_a_new_beginning(void **state)
{
    (void)state;
    sl_ccfb_record(&recorder, 1, 10, 0, T0);
    report(T0);
    sl_ccfb_record(&recorder, 1, 10 + SL_CCFB_PACKETS + 1, 0, T0);
    assert_int_equal(report(T0), 1);
    sl_ccfb_record(&recorder, 1, 10 + 2 * SL_CCFB_PACKETS, 0, T0); /* this is still a gap */
    assert_int_equal(report(T0), SL_CCFB_PACKETS);
}

static void a_full_report_leaves_the_oldest_out(void **state)
{
    (void)state;
    for (uint32_t ssrc = 1; ssrc <= SL_CCFB_STREAMS; ssrc++)
        for (uint16_t seq = 0; seq < (ssrc == 3 ? 11 : 400); seq++)
            sl_ccfb_record(&recorder, ssrc, seq, 0, T0);
    const size_t count = report(T0);
    assert_true(count > 500); /* nearly all of the room is used */
    assert_int_equal(recorder.stats.trimmed, (SL_CCFB_STREAMS - 1) * 400 + 11 - count);
    for (uint32_t ssrc = 1; ssrc <= SL_CCFB_STREAMS; ssrc++)
        assert_non_null(metric_of(ssrc, ssrc == 3 ? 10 : 399));
    assert_non_null(metric_of(3, 0)); /* the small one is whole */
    /* No room at all: nothing written, nothing failed. */
    sl_ccfb_record(&recorder, 1, 400, 0, T0);
    struct sl_writer w = sl_writer(wire, 20);
    assert_int_equal(sl_ccfb_write(&recorder, 7, T0, 0, &w), 0);
    assert_true(!w.failed && sl_writer_len(&w) == 0);
}

static void one_stream_more_replaces_the_longest_silent(void **state)
{
    (void)state;
    for (uint32_t ssrc = 1; ssrc <= SL_CCFB_STREAMS; ssrc++)
        sl_ccfb_record(&recorder, ssrc, 1, 0, T0 + ssrc);
    sl_ccfb_record(&recorder, 1, 2, 0, T0 + 10);
    sl_ccfb_record(&recorder, 99, 1, 0, T0 + 11);
    report(T0 + 12);
    assert_null(metric_of(2, 1));
    assert_non_null(metric_of(1, 2));
    assert_non_null(metric_of(99, 1));
    assert_non_null(metric_of(SL_CCFB_STREAMS, 1));
}

static void lies_are_found_before_anything_is_told(void **state)
{
    (void)state;
    const size_t body_len = sizeof(golden) - 8;
    uint32_t timestamp;
    for (size_t len = 0; len < body_len; len++) {
        uint8_t *copy = malloc(len + 1); /* a sanitizer sees one byte too far */
        assert_non_null(copy);
        memcpy(copy, golden + 8, len);
        memset(&heard, 0, sizeof(heard));
        const int r = sl_ccfb_read(copy, len, &timestamp, hear_metric, &heard);
        /* Cut where a block ends it reads as a shorter report; anywhere else it is refused. */
        assert_int_equal(r, len == 4 || len == 20 ? 0 : -EBADMSG);
        assert_true(r == 0 || heard.count == 0);
        free(copy);
    }
    for (unsigned count = 0; count <= UINT16_MAX; count++) {
        uint8_t copy[sizeof(golden)];
        memcpy(copy, golden, sizeof(golden));
        sl_put16(copy + 14, (uint16_t)count);
        memset(&heard, 0, sizeof(heard));
        const int r = sl_ccfb_read(copy + 8, body_len, &timestamp, hear_metric, &heard);
        assert_true(r == 0 ? heard.count <= body_len / 2 : heard.count == 0);
        if (count > 10)
            assert_int_equal(r, -EBADMSG);
    }
}

static void one_block_has_16384_numbers_at_the_most(void **state)
{
    (void)state;
    static uint8_t body[8 + 2 * 16386 + 4];
    uint32_t timestamp;
    sl_put16(body + 6, 16384);
    assert_int_equal(sl_ccfb_read(body, 8 + 2 * 16384 + 4, &timestamp, NULL, NULL), 0);
    sl_put16(body + 6, 16385);
    assert_int_equal(sl_ccfb_read(body, sizeof(body), &timestamp, NULL, NULL), -EBADMSG);
}

/* Against a plain list of what came: every report says what is true, and each packet that came is
 * told. */
static void agrees_with_a_plain_list(void **state)
{
    (void)state;
    static sl_ns came[4000];
    static int told[4000];
    struct sl_random random;
    sl_random_init_seed(&random, 4);
    memset(told, 0, sizeof(told));
    for (size_t i = 0; i < SL_COUNT(came); i++)
        came[i] = sl_random_unit(&random) < 0.1
                      ? SL_NEVER
                      : T0 + (sl_ns)i * SL_MS + (sl_ns)sl_random_range(&random, 0, 30) * SL_MS;
    for (sl_ns now = T0; now < T0 + 4100 * SL_MS; now += SL_MS) {
        for (size_t i = 0; i < SL_COUNT(came); i++)
            if (came[i] == now)
                sl_ccfb_record(&recorder, 5, (uint16_t)(i + 64000), 0, now);
        if ((now - T0) % (20 * SL_MS))
            continue;
        report(now);
        for (size_t m = 0; m < heard.count; m++) {
            const size_t i = (uint16_t)(heard.metrics[m].seq - 64000);
            const bool here = came[i] <= now;
            assert_int_equal(heard.metrics[m].received, here);
            if (here)
                assert_true(llabs(now - heard.metrics[m].before - came[i]) < SL_MS / 2);
            told[i] += here;
        }
    }
    for (size_t i = 0; i < SL_COUNT(came); i++)
        assert_true(came[i] == SL_NEVER ? told[i] == 0 : told[i] >= 1);
}

static void allocates_nothing(void **state)
{
    (void)state;
    const uint64_t before = sl_alloc_count();
    for (int i = 0; i < 100; i++)
        sl_ccfb_record(&recorder, 1, (uint16_t)i, 0, T0);
    assert_int_equal(report(T0), 100);
    assert_int_equal(sl_alloc_count(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(writes_the_bytes_of_the_rfc, setup),
        cmocka_unit_test_setup(reads_the_bytes_of_the_rfc, setup),
        cmocka_unit_test_setup(each_packet_is_in_three_reports, setup),
        cmocka_unit_test_setup(reaches_back_for_what_came_late, setup),
        cmocka_unit_test_setup(counts_copies_and_keeps_the_first_time, setup),
        cmocka_unit_test_setup(says_when_a_time_is_out_of_range, setup),
        cmocka_unit_test_setup(forgets_what_is_older_than_the_ring, setup),
        cmocka_unit_test_setup(a_jump_is_a_new_beginning, setup),
        cmocka_unit_test_setup(a_full_report_leaves_the_oldest_out, setup),
        cmocka_unit_test_setup(one_stream_more_replaces_the_longest_silent, setup),
        cmocka_unit_test_setup(lies_are_found_before_anything_is_told, setup),
        cmocka_unit_test_setup(one_block_has_16384_numbers_at_the_most, setup),
        cmocka_unit_test_setup(agrees_with_a_plain_list, setup),
        cmocka_unit_test_setup(allocates_nothing, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
