/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/random.h"
#include "jitter/audio.h"
#include "tests/support/alloc_count.h"

#define PACKET_NS (20 * SL_MS)
#define TOC 0xfc /* CELT, 20 ms, stereo, one frame */
#define FIRST 65530

struct rig {
    struct sl_audio_jitter *jitter;
    sl_ns start;
    struct sl_audio_packet out;
};

static void check_balance(const struct rig *rig)
{
    struct sl_audio_jitter_stats s;
    sl_audio_jitter_stats(rig->jitter, &s);
    assert_int_equal(s.offered, s.released + s.held + s.duplicate + s.late + s.refused + s.dropped);
}

static void setup(struct rig *rig, sl_ns delay)
{
    memset(rig, 0, sizeof(*rig));
    rig->start = 5 * SL_SEC;
    const struct sl_audio_jitter_config config = {.delay = delay, .capacity = 64};
    assert_int_equal(sl_audio_jitter_create(&rig->jitter, &config), 0);
}

static void teardown(struct rig *rig)
{
    check_balance(rig);
    sl_audio_jitter_destroy(rig->jitter);
}

/* When packet `n` is sent. */
static sl_ns sent(const struct rig *rig, int n)
{
    return rig->start + n * PACKET_NS;
}

static enum sl_audio_put put(struct rig *rig, int n, sl_ns at)
{
    const uint8_t payload[] = {TOC, (uint8_t)n, (uint8_t)(n >> 8), 9};
    const struct sl_rtp_packet packet = {
        .seq = FIRST + n,
        .timestamp = UINT32_MAX - 3000 + (uint32_t)n * 960,
        .has_capture = true,
        .capture_ntp = (uint64_t)(n + 10),
        .has_capture_offset = true,
        .capture_offset = 10,
        .payload = payload,
        .payload_len = sizeof(payload),
    };
    const enum sl_audio_put result = sl_audio_jitter_put(rig->jitter, &packet, at);
    check_balance(rig);
    return result;
}

static enum sl_audio_pop pop(struct rig *rig, sl_ns now)
{
    const enum sl_audio_pop result = sl_audio_jitter_pop(rig->jitter, now, &rig->out);
    check_balance(rig);
    return result;
}

static void expect_packet(struct rig *rig, int n, sl_ns now)
{
    assert_int_equal(pop(rig, now), SL_AUDIO_PACKET);
    assert_int_equal(rig->out.seq, FIRST + n);
    assert_int_equal(rig->out.len, 4);
    assert_int_equal(rig->out.data[1] | rig->out.data[2] << 8, n);
    assert_int_equal(rig->out.timestamp, UINT32_MAX - 3000 + (uint32_t)n * 960);
    assert_int_equal(rig->out.samples, 960);
    assert_true(rig->out.has_capture);
    assert_int_equal(rig->out.capture_ntp, n);
}

static void packets_come_out_when_due(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig, 40 * SL_MS);
    for (int n = 0; n < 100; n++) {
        assert_int_equal(put(&rig, n, sent(&rig, n)), SL_AUDIO_KEPT);
        const sl_ns due = sl_audio_jitter_due(rig.jitter);
        assert_int_equal(due, sent(&rig, n) + 40 * SL_MS);
        assert_int_equal(pop(&rig, due - 1), SL_AUDIO_WAIT);
        expect_packet(&rig, n, due);
        assert_false(rig.out.late);
        assert_int_equal(pop(&rig, due), SL_AUDIO_WAIT);
        assert_true(sl_audio_jitter_due(rig.jitter) == SL_NEVER);
    }
    teardown(&rig);
}

static void without_delay_they_come_out_at_once(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig, 0);
    for (int n = 0; n < 50; n++) {
        const sl_ns at = sent(&rig, n) + n % 5 * SL_MS;
        put(&rig, n, at);
        expect_packet(&rig, n, at);
    }
    teardown(&rig);
}

static void order_is_mended_within_the_delay(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig, 40 * SL_MS);
    put(&rig, 1, sent(&rig, 1)); /* overtook the first */
    put(&rig, 0, sent(&rig, 1));
    put(&rig, 3, sent(&rig, 3));
    put(&rig, 2, sent(&rig, 3) + 5 * SL_MS);
    for (int n = 0; n < 4; n++)
        expect_packet(&rig, n, sent(&rig, 10));
    teardown(&rig);
}

static void a_lost_packet_is_concealed_with_what_follows(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig, 40 * SL_MS);
    put(&rig, 0, sent(&rig, 0));
    expect_packet(&rig, 0, sent(&rig, 2));
    put(&rig, 3, sent(&rig, 3));
    const sl_ns due = sent(&rig, 1) + 40 * SL_MS;
    assert_int_equal(sl_audio_jitter_due(rig.jitter), due);
    assert_int_equal(pop(&rig, due - 1), SL_AUDIO_WAIT);
    assert_int_equal(pop(&rig, due), SL_AUDIO_LOST);
    assert_int_equal(rig.out.seq, FIRST + 1);
    assert_int_equal(rig.out.samples, 960);
    assert_null(rig.out.data);
    assert_int_equal(pop(&rig, due), SL_AUDIO_WAIT);
    assert_int_equal(pop(&rig, due + PACKET_NS), SL_AUDIO_LOST);
    assert_non_null(rig.out.data); /* packet 3, with the FEC of 2 */
    assert_int_equal(rig.out.data[1], 3);
    expect_packet(&rig, 3, sent(&rig, 5));
    assert_int_equal(put(&rig, 2, sent(&rig, 5)), SL_AUDIO_LATE);
    assert_int_equal(put(&rig, 3, sent(&rig, 5)), SL_AUDIO_DUPLICATE);
    struct sl_audio_jitter_stats s;
    sl_audio_jitter_stats(rig.jitter, &s);
    assert_int_equal(s.lost, 2);
    teardown(&rig);
}

static void a_long_gap_is_jumped_over(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig, 20 * SL_MS);
    put(&rig, 0, sent(&rig, 0));
    expect_packet(&rig, 0, sent(&rig, 1));
    put(&rig, 11, sent(&rig, 11));
    assert_int_equal(pop(&rig, sent(&rig, 12)), SL_AUDIO_LOST); /* 10 missing: 200 ms */
    for (int n = 2; n < 11; n++)
        assert_int_equal(pop(&rig, sent(&rig, 12)), SL_AUDIO_LOST);
    expect_packet(&rig, 11, sent(&rig, 12));
    put(&rig, 23, sent(&rig, 23)); /* 11 missing */
    assert_int_equal(pop(&rig, sent(&rig, 24) - 1), SL_AUDIO_WAIT);
    expect_packet(&rig, 23, sent(&rig, 24));
    put(&rig, 5000, sent(&rig, 5000)); /* beyond the ring */
    expect_packet(&rig, 5000, sent(&rig, 5001));
    teardown(&rig);
}

static void after_a_stall_all_but_the_newest_are_late(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig, 20 * SL_MS);
    put(&rig, 0, sent(&rig, 0));
    expect_packet(&rig, 0, sent(&rig, 1));
    for (int n = 1; n <= 20; n++)
        put(&rig, n, sent(&rig, 20));
    for (int n = 1; n <= 19; n++) {
        expect_packet(&rig, n, sent(&rig, 20));
        assert_int_equal(rig.out.late, n < 18);
    }
    assert_int_equal(pop(&rig, sent(&rig, 20)), SL_AUDIO_WAIT);
    teardown(&rig);
}

static void silence_that_was_not_sent_is_not_lost(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig, 20 * SL_MS);
    const uint8_t payload[] = {TOC, 1};
    struct sl_rtp_packet packet = {
        .seq = 1, .timestamp = 1000, .payload = payload, .payload_len = sizeof(payload)};
    sl_audio_jitter_put(rig.jitter, &packet, rig.start);
    assert_int_equal(pop(&rig, sent(&rig, 1)), SL_AUDIO_PACKET);
    packet.seq = 2;
    packet.timestamp += 20 * 960;
    sl_audio_jitter_put(rig.jitter, &packet, sent(&rig, 20));
    assert_int_equal(pop(&rig, sent(&rig, 21) - 1), SL_AUDIO_WAIT);
    assert_int_equal(pop(&rig, sent(&rig, 21)), SL_AUDIO_PACKET);
    teardown(&rig);
}

static void padding_and_nonsense_do_no_harm(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig, 0);
    put(&rig, 0, sent(&rig, 0));
    const struct sl_rtp_packet probe = {.seq = FIRST + 1, .timestamp = 3};
    assert_int_equal(sl_audio_jitter_put(rig.jitter, &probe, sent(&rig, 1)), SL_AUDIO_KEPT);
    put(&rig, 2, sent(&rig, 2));
    const uint8_t bad[] = {0xff, 0x00}; /* no frame in it */
    const struct sl_rtp_packet nonsense = {.seq = FIRST + 3, .payload = bad, .payload_len = 2};
    assert_int_equal(sl_audio_jitter_put(rig.jitter, &nonsense, sent(&rig, 3)), SL_AUDIO_REFUSED);
    expect_packet(&rig, 0, sent(&rig, 3));
    expect_packet(&rig, 2, sent(&rig, 3));
    assert_int_equal(pop(&rig, sent(&rig, 3)), SL_AUDIO_WAIT);
    teardown(&rig);
}

static void reset_starts_anew(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig, 20 * SL_MS);
    put(&rig, 1000, sent(&rig, 1000));
    sl_audio_jitter_reset(rig.jitter);
    check_balance(&rig);
    assert_true(sl_audio_jitter_due(rig.jitter) == SL_NEVER);
    assert_int_equal(pop(&rig, sent(&rig, 2000)), SL_AUDIO_WAIT);
    put(&rig, 3, sent(&rig, 2000));
    expect_packet(&rig, 3, sent(&rig, 2001));
    teardown(&rig);
}

static void refuses_configs_without_sense(void **state)
{
    (void)state;
    struct sl_audio_jitter *jitter = NULL;
    struct sl_audio_jitter_config config = {.capacity = 100};
    assert_int_equal(sl_audio_jitter_create(&jitter, &config), -EINVAL);
    config = (struct sl_audio_jitter_config){.capacity = 8192};
    assert_int_equal(sl_audio_jitter_create(&jitter, &config), -EINVAL);
    config = (struct sl_audio_jitter_config){.delay = -1};
    assert_int_equal(sl_audio_jitter_create(&jitter, &config), -EINVAL);
    assert_null(jitter);
    sl_audio_jitter_destroy(NULL);
}

/* Loss, reordering and duplication by chance: every number comes out once, as itself or as lost,
 * in order, and what arrived within the delay is never lost. */
static void holds_its_promises_on_a_bad_network(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    static sl_ns arrival[COUNT];
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct rig rig;
        setup(&rig, 60 * SL_MS);
        struct sl_random random;
        sl_random_init_seed(&random, seed);
        for (int n = 0; n < COUNT; n++) {
            const bool lost = n > 0 && sl_random_unit(&random) < 0.1;
            /* The first sets the clock; none is faster. */
            const sl_ns extra = n ? sl_random_range(&random, 0, 55) * SL_MS : 0;
            arrival[n] = lost ? SL_NEVER : sent(&rig, n) + extra;
        }
        int next = 0;
        const uint64_t before = sl_alloc_count();
        for (sl_ns now = rig.start; now < sent(&rig, COUNT + 4); now += SL_MS) {
            for (int n = 0; n < COUNT; n++)
                if (arrival[n] == now) {
                    put(&rig, n, now);
                    if (sl_random_unit(&random) < 0.1)
                        assert_int_not_equal(put(&rig, n, now), SL_AUDIO_KEPT);
                }
            for (enum sl_audio_pop got; (got = pop(&rig, now)) != SL_AUDIO_WAIT; next++) {
                assert_int_equal(rig.out.seq, FIRST + next);
                assert_int_equal(got == SL_AUDIO_LOST, arrival[next] == SL_NEVER);
                assert_in_range(now - rig.out.due, 0, 2 * SL_SEC);
            }
        }
        assert_int_equal(sl_alloc_count() - before, 0);
        assert_in_range(next, COUNT - 5, COUNT); /* losses at the very end are not known */
        teardown(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_come_out_when_due),
        cmocka_unit_test(without_delay_they_come_out_at_once),
        cmocka_unit_test(order_is_mended_within_the_delay),
        cmocka_unit_test(a_lost_packet_is_concealed_with_what_follows),
        cmocka_unit_test(a_long_gap_is_jumped_over),
        cmocka_unit_test(after_a_stall_all_but_the_newest_are_late),
        cmocka_unit_test(silence_that_was_not_sent_is_not_lost),
        cmocka_unit_test(padding_and_nonsense_do_no_harm),
        cmocka_unit_test(reset_starts_anew),
        cmocka_unit_test(refuses_configs_without_sense),
        cmocka_unit_test(holds_its_promises_on_a_bad_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
