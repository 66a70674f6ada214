/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "tests/support/alloc_count.h"
#include "tests/support/jitter_rig.h"

static void frames_come_out_when_their_marker_is_in(void **state)
{
    (void)state;
    struct rig rig;
    rig_setup(&rig);
    assert_true(sl_jitter_needs_key(rig.jitter));
    for (uint32_t n = 0; n < 50; n++) {
        rig_make(&rig, (struct sl_test_frame){.key = n % 30 == 0, .slices = 1 + (int)n % 3});
        for (size_t i = 0; i + 1 < rig.video.count; i++) {
            rig_put(&rig, i);
            rig_expect_wait(&rig);
        }
        rig_put(&rig, rig.video.count - 1);
        rig_expect_frame(&rig, n);
        assert_int_equal(rig.frame.key, n % 30 == 0);
        assert_true(rig.frame.reference);
        assert_false(rig.frame.late);
        assert_int_equal(rig.frame.arrived, rig.now);
        assert_true(rig.frame.due <= rig.now);
        assert_true(rig.frame.has_capture);
        assert_true(rig.frame.capture_ntp == (uint64_t)n << 32);
        assert_int_equal(rig.frame.last_seq - rig.frame.first_seq + 1, rig.video.count);
        rig_expect_wait(&rig);
        assert_false(sl_jitter_needs_key(rig.jitter));
        assert_true(sl_jitter_due(rig.jitter) == SL_NEVER);
    }
    assert_int_equal(rig_stats(&rig).keyframes, 2);
    assert_int_equal(rig_stats(&rig).delivered_late, 0);
    rig_teardown(&rig);
}

static void a_new_timestamp_ends_a_frame_without_marker(void **state)
{
    (void)state;
    struct rig rig;
    rig_setup(&rig);
    rig_make(&rig, (struct sl_test_frame){.key = true});
    rig.video.packets[rig.video.count - 1].marker = false;
    rig_put_all(&rig);
    rig_expect_wait(&rig);
    rig_make(&rig, (struct sl_test_frame){0});
    rig_put(&rig, 0);
    rig_expect_frame(&rig, 0);
    rig_expect_wait(&rig);
    rig_teardown(&rig);
}

static void reordered_packets_are_put_in_order(void **state)
{
    (void)state;
    struct rig rig;
    rig_setup(&rig);
    for (uint32_t n = 0; n < 20; n++) {
        rig_make(&rig, (struct sl_test_frame){.key = n == 0});
        for (size_t i = rig.video.count; i-- > 0;)
            rig_put(&rig, i);
        rig_expect_frame(&rig, n);
    }
    rig_teardown(&rig);
}

static void duplicates_are_told_from_latecomers(void **state)
{
    (void)state;
    struct rig rig;
    rig_setup(&rig);
    rig_make(&rig, (struct sl_test_frame){.key = true});
    rig_put_all(&rig);
    assert_int_equal(rig_put(&rig, 1), SL_JITTER_DUPLICATE);
    rig_expect_frame(&rig, 0);
    assert_int_equal(rig_put(&rig, 1), SL_JITTER_DUPLICATE);
    rig_make(&rig, (struct sl_test_frame){0});
    struct sl_rtp_packet lost = rig.video.packets[0];
    uint8_t bytes[SL_RTP_PLAIN_MAX];
    memcpy(bytes, lost.payload, lost.payload_len);
    lost.payload = bytes;
    for (size_t i = 1; i < rig.video.count; i++)
        rig_put(&rig, i);
    rig_make(&rig, (struct sl_test_frame){.key = true});
    rig_put_all(&rig);
    rig_expect_frame(&rig, 2);
    assert_int_equal(sl_jitter_put(rig.jitter, &lost, rig.now), SL_JITTER_LATE);
    rig_teardown(&rig);
}

static void padding_takes_a_number_and_nothing_else(void **state)
{
    (void)state;
    struct rig rig;
    rig_setup(&rig);
    for (uint32_t n = 0; n < 6; n++) {
        const int64_t seq = rig.video.seq;
        rig_make(&rig, (struct sl_test_frame){.key = n == 0});
        /* One probe in the middle of the frame, one after it. */
        const struct sl_rtp_packet probe = {.seq = seq + 1,
                                            .timestamp = n % 2 ? 5 : rig.video.packets[0].timestamp,
                                            .marker = n % 2};
        for (size_t i = 1; i < rig.video.count; i++)
            rig.video.packets[i].seq++;
        rig_put(&rig, 0);
        if (n < 4)
            sl_jitter_put(rig.jitter, &probe, rig.now);
        for (size_t i = 1; i < rig.video.count; i++)
            rig_put(&rig, i);
        if (n >= 4) {
            rig_expect_wait(&rig);
            sl_jitter_put(rig.jitter, &probe, rig.now);
        }
        rig_expect_frame(&rig, n);
        const struct sl_rtp_packet after = {.seq = rig.video.seq + 1,
                                            .timestamp = rig.video.packets[0].timestamp};
        sl_jitter_put(rig.jitter, &after, rig.now);
        rig_expect_wait(&rig);
        rig.video.seq += 2;
    }
    rig_teardown(&rig);
}

static void capture_time_is_moved_to_our_clock(void **state)
{
    (void)state;
    struct rig rig;
    rig_setup(&rig);
    rig_make(&rig, (struct sl_test_frame){.key = true});
    rig.video.packets[0].has_capture = false;
    rig.video.packets[1].has_capture = true;
    rig.video.packets[1].capture_ntp = 1000;
    rig.video.packets[1].has_capture_offset = true;
    rig.video.packets[1].capture_offset = -77;
    rig_put_all(&rig);
    rig_expect_frame(&rig, 0);
    assert_true(rig.frame.has_capture);
    assert_int_equal(rig.frame.capture_ntp, 1077);
    rig_teardown(&rig);
}

static void a_key_frame_without_sets_gets_the_last_ones(void **state)
{
    (void)state;
    struct rig rig;
    rig_setup(&rig);
    rig_make(&rig, (struct sl_test_frame){.key = true});
    rig_put_all(&rig);
    rig_expect_frame(&rig, 0);
    rig_make(&rig, (struct sl_test_frame){.key = true, .no_sets = true});
    rig_put_all(&rig);
    rig_expect_frame(&rig, 1);
    assert_int_equal(rig.frame.data[4], 0x67);
    rig_teardown(&rig);
}

static void sets_in_a_unit_of_their_own_serve_the_next(void **state)
{
    (void)state;
    static const uint8_t sps[] = {0x67, 0x42, 0xe0, 0x1f}, pps[] = {0x68, 0xce, 0x3c};
    struct rig rig;
    rig_setup(&rig);
    struct sl_rtp_packet set = {.seq = rig.video.seq++,
                                .timestamp = rig.video.timestamp,
                                .marker = true,
                                .payload = sps,
                                .payload_len = sizeof(sps)};
    sl_jitter_put(rig.jitter, &set, rig.now);
    rig_expect_wait(&rig);
    set.seq = rig.video.seq++;
    set.payload = pps;
    set.payload_len = sizeof(pps);
    sl_jitter_put(rig.jitter, &set, rig.now);
    rig_expect_wait(&rig);
    rig_make(&rig, (struct sl_test_frame){.key = true, .no_sets = true});
    rig_put_all(&rig);
    rig_expect_frame(&rig, 0);
    rig_teardown(&rig);
}

/* A key frame with an AUD and an SEI before its sets: whole for a start from the sets, but not for
 * those who wait for all of it. */
static void a_start_inside_a_frame_is_not_the_whole_frame(void **state)
{
    (void)state;
    static const uint8_t aud[] = {0x09, 0xf0}, sei[] = {0x06, 5, 1, 7, 0x80};
    struct rig rig;
    rig_setup_with(&rig, 100 * SL_MS, 0);
    rig_make(&rig, (struct sl_test_frame){.key = true});
    rig_put_all(&rig);
    rig_expect_frame(&rig, 0);
    struct sl_rtp_packet front = {.seq = rig.video.seq,
                                  .timestamp = rig.video.timestamp,
                                  .payload = aud,
                                  .payload_len = sizeof(aud)};
    rig.video.seq += 2;
    rig_make(&rig, (struct sl_test_frame){.key = true});
    rig_put_all(&rig);
    rig_expect_wait(&rig);
    sl_jitter_put(rig.jitter, &front, rig.now);
    rig_expect_wait(&rig);
    front.seq++;
    front.payload = sei;
    front.payload_len = sizeof(sei);
    sl_jitter_put(rig.jitter, &front, rig.now);
    rig_expect_frame(&rig, 1);
    assert_int_equal(rig.frame.last_seq - rig.frame.first_seq, rig.video.count + 1);
    rig_teardown(&rig);
}

static void a_full_ring_breaks_and_recovers(void **state)
{
    (void)state;
    struct rig rig;
    rig_setup_with(&rig, 0, 16);
    rig_make(&rig, (struct sl_test_frame){.key = true});
    rig_put_all(&rig);
    rig_expect_frame(&rig, 0);
    rig_make(&rig, (struct sl_test_frame){0}); /* lost */
    bool ahead = false;
    for (int i = 0; i < 6; i++) {
        rig_make(&rig, (struct sl_test_frame){0});
        for (size_t k = 0; k < rig.video.count; k++)
            ahead |= rig_put(&rig, k) == SL_JITTER_AHEAD;
        if (ahead)
            break;
        rig_expect_wait(&rig);
    }
    assert_true(ahead);
    assert_int_equal(rig_pop(&rig), SL_JITTER_BROKEN);
    rig_expect_wait(&rig);
    rig_make(&rig, (struct sl_test_frame){.key = true});
    rig_put_all(&rig);
    rig_expect_frame(&rig, rig.video.number - 1);
    rig_teardown(&rig);
}

static void a_frame_too_large_breaks(void **state)
{
    (void)state;
    struct rig rig;
    memset(&rig, 0, sizeof(rig));
    const struct sl_jitter_config config = {.clock_hz = 90000, .frame_bytes_max = 4000};
    assert_int_equal(sl_jitter_create(&rig.jitter, &config), 0);
    sl_test_video_init(&rig.video, 1, 1);
    rig_make(&rig, (struct sl_test_frame){.key = true});
    rig_put_all(&rig);
    rig_expect_frame(&rig, 0);
    rig_make(&rig, (struct sl_test_frame){.bytes = 3996});
    rig_put_all(&rig);
    rig_expect_frame(&rig, 1);
    rig_make(&rig, (struct sl_test_frame){.bytes = 3997});
    rig_put_all(&rig);
    assert_int_equal(rig_pop(&rig), SL_JITTER_BROKEN);
    assert_int_equal(rig_stats(&rig).malformed, 1);
    rig_expect_wait(&rig);
    rig_teardown(&rig);
}

static void reset_forgets_the_stream_and_keeps_the_counters(void **state)
{
    (void)state;
    struct rig rig;
    rig_setup(&rig);
    rig_make(&rig, (struct sl_test_frame){.key = true});
    rig_put_all(&rig);
    rig_expect_frame(&rig, 0);
    rig_make(&rig, (struct sl_test_frame){0});
    rig_put(&rig, 0);
    sl_jitter_reset(rig.jitter);
    rig_check_balance(&rig);
    assert_true(sl_jitter_due(rig.jitter) == SL_NEVER);
    assert_int_equal(rig_stats(&rig).delivered, 1);
    assert_int_equal(rig_stats(&rig).held, 0);
    sl_test_video_init(&rig.video, 7, 12345); /* far behind, as a new stream may be */
    rig_make(&rig, (struct sl_test_frame){0});
    rig_put_all(&rig);
    rig_expect_wait(&rig);
    rig_make(&rig, (struct sl_test_frame){.key = true, .no_sets = true});
    rig_put_all(&rig);
    rig_expect_wait(&rig); /* the old stream's sets are not its own */
    rig_make(&rig, (struct sl_test_frame){.key = true});
    rig_put_all(&rig);
    rig_expect_frame(&rig, 2);
    rig_teardown(&rig);
}

static void refuses_configs_without_sense(void **state)
{
    (void)state;
    struct sl_jitter *jitter = NULL;
    const struct sl_jitter_config bad[] = {
        {.clock_hz = 0},
        {.clock_hz = 90000, .capacity = 1000},
        {.clock_hz = 90000, .capacity = 65536},
        {.clock_hz = 90000, .delay = SL_JITTER_AUTO - 1},
    };
    for (size_t i = 0; i < SL_COUNT(bad); i++)
        assert_int_equal(sl_jitter_create(&jitter, &bad[i]), -EINVAL);
    assert_null(jitter);
    sl_jitter_destroy(NULL);
}

static void put_and_pop_allocate_nothing(void **state)
{
    (void)state;
    struct rig rig;
    rig_setup(&rig);
    const uint64_t before = sl_alloc_count();
    for (uint32_t n = 0; n < 300; n++) {
        rig_make(&rig, (struct sl_test_frame){.key = n % 50 == 0});
        for (size_t i = 0; i < rig.video.count; i++)
            if (n % 20 != 19)
                rig_put(&rig, i);
        while (rig_pop(&rig) != SL_JITTER_WAIT)
            ;
    }
    assert_int_equal(sl_alloc_count() - before, 0);
    assert_int_equal(rig_stats(&rig).delivered, 3 * (19 + 9)); /* up to each loss */
    rig_teardown(&rig);
}

/* Held back by a resend is not held back by its size. Those that come in order, and late, are. */
static void auto_delay_tells_repaired_key_frames_from_slow_ones(void **state)
{
    (void)state;
    for (int slow = 0; slow < 2; slow++) {
        struct rig rig;
        rig_setup_with(&rig, SL_JITTER_AUTO, 0);
        for (int n = 0; n < 600; n++) {
            rig_make(&rig,
                     (struct sl_test_frame){.key = n % 60 == 0, .bytes = n % 60 ? 3000 : 12000});
            const sl_ns sent = rig.now;
            const size_t last = rig.video.count - 1, held = slow ? last : last - 1;
            for (size_t i = 0; i <= last; i++)
                if (n % 60 || i != held)
                    rig_put(&rig, i);
            if (n % 60 == 0) {
                rig.now += 25 * SL_MS;
                rig_put(&rig, held);
            }
            rig_expect_frame(&rig, (uint32_t)n);
            rig.now = sent;
        }
        const sl_ns delay = sl_jitter_delay(rig.jitter);
        const sl_ns most = 25 * SL_MS - SL_SEC / 60; /* half a frame late is not seen */
        assert_true(slow ? delay > most - SL_MS && delay < most + SL_MS : delay == 0);
        assert_true(rig_stats(&rig).delay == delay);
        rig_teardown(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_out_when_their_marker_is_in),
        cmocka_unit_test(a_new_timestamp_ends_a_frame_without_marker),
        cmocka_unit_test(reordered_packets_are_put_in_order),
        cmocka_unit_test(duplicates_are_told_from_latecomers),
        cmocka_unit_test(padding_takes_a_number_and_nothing_else),
        cmocka_unit_test(capture_time_is_moved_to_our_clock),
        cmocka_unit_test(a_key_frame_without_sets_gets_the_last_ones),
        cmocka_unit_test(sets_in_a_unit_of_their_own_serve_the_next),
        cmocka_unit_test(a_start_inside_a_frame_is_not_the_whole_frame),
        cmocka_unit_test(a_full_ring_breaks_and_recovers),
        cmocka_unit_test(a_frame_too_large_breaks),
        cmocka_unit_test(reset_forgets_the_stream_and_keeps_the_counters),
        cmocka_unit_test(refuses_configs_without_sense),
        cmocka_unit_test(put_and_pop_allocate_nothing),
        cmocka_unit_test(auto_delay_tells_repaired_key_frames_from_slow_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
