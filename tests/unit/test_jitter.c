/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "jitter/jitter.h"
#include "tests/support/alloc_count.h"
#include "tests/support/video.h"

#define FRAME_NS (SL_SEC / 30)

struct rig {
    struct sl_jitter *jitter;
    struct sl_test_video video;
    sl_ns now;
    struct sl_jitter_frame frame; /* of the last pop */
};

static void check_balance(const struct rig *rig)
{
    struct sl_jitter_stats s;
    sl_jitter_stats(rig->jitter, &s);
    assert_int_equal(s.offered, s.released + s.held + s.duplicate + s.late + s.ahead + s.dropped);
    assert_int_equal(s.frames_begun, s.delivered + s.frames_dropped + s.frames_held);
}

static struct sl_jitter_stats stats(const struct rig *rig)
{
    struct sl_jitter_stats s;
    sl_jitter_stats(rig->jitter, &s);
    return s;
}

static void setup_with(struct rig *rig, sl_ns delay, uint32_t capacity)
{
    memset(rig, 0, sizeof(*rig));
    rig->now = 10 * SL_SEC;
    const struct sl_jitter_config config = {
        .clock_hz = 90000, .delay = delay, .capacity = capacity};
    assert_int_equal(sl_jitter_create(&rig->jitter, &config), 0);
    sl_test_video_init(&rig->video, 65000, UINT32_MAX - 100000);
}

static void setup(struct rig *rig)
{
    setup_with(rig, 0, 0);
}

static void teardown(struct rig *rig)
{
    check_balance(rig);
    sl_jitter_destroy(rig->jitter);
}

/* The next frame of the source; the clock moves with it. */
static void make(struct rig *rig, struct sl_test_frame frame)
{
    rig->now += FRAME_NS;
    sl_test_video_frame(&rig->video, &frame);
}

static enum sl_jitter_put put(struct rig *rig, size_t packet)
{
    assert_in_range(packet, 0, rig->video.count - 1);
    const enum sl_jitter_put result =
        sl_jitter_put(rig->jitter, &rig->video.packets[packet], rig->now);
    check_balance(rig);
    return result;
}

static void put_all(struct rig *rig)
{
    for (size_t i = 0; i < rig->video.count; i++)
        assert_int_equal(put(rig, i), SL_JITTER_KEPT);
}

static enum sl_jitter_pop pop(struct rig *rig)
{
    const enum sl_jitter_pop result = sl_jitter_pop(rig->jitter, rig->now, &rig->frame);
    check_balance(rig);
    return result;
}

static void expect_frame(struct rig *rig, uint32_t number)
{
    assert_int_equal(pop(rig), SL_JITTER_FRAME);
    assert_int_equal(sl_test_video_check(rig->frame.data, rig->frame.len), number);
    for (int i = 0; i < 64; i++)
        assert_int_equal(rig->frame.data[rig->frame.len + (size_t)i], 0);
}

static void expect_wait(struct rig *rig)
{
    assert_int_equal(pop(rig), SL_JITTER_WAIT);
}

static void frames_come_out_when_their_marker_is_in(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig);
    assert_true(sl_jitter_needs_key(rig.jitter));
    for (uint32_t n = 0; n < 50; n++) {
        make(&rig, (struct sl_test_frame){.key = n % 30 == 0, .slices = 1 + (int)n % 3});
        for (size_t i = 0; i + 1 < rig.video.count; i++) {
            put(&rig, i);
            expect_wait(&rig);
        }
        put(&rig, rig.video.count - 1);
        expect_frame(&rig, n);
        assert_int_equal(rig.frame.key, n % 30 == 0);
        assert_true(rig.frame.reference);
        assert_false(rig.frame.late);
        assert_int_equal(rig.frame.arrived, rig.now);
        assert_true(rig.frame.due <= rig.now);
        assert_true(rig.frame.has_capture);
        assert_true(rig.frame.capture_ntp == (uint64_t)n << 32);
        assert_int_equal(rig.frame.last_seq - rig.frame.first_seq + 1, rig.video.count);
        expect_wait(&rig);
        assert_false(sl_jitter_needs_key(rig.jitter));
        assert_true(sl_jitter_due(rig.jitter) == SL_NEVER);
    }
    assert_int_equal(stats(&rig).keyframes, 2);
    assert_int_equal(stats(&rig).delivered_late, 0);
    teardown(&rig);
}

static void a_new_timestamp_ends_a_frame_without_marker(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig);
    make(&rig, (struct sl_test_frame){.key = true});
    rig.video.packets[rig.video.count - 1].marker = false;
    put_all(&rig);
    expect_wait(&rig);
    make(&rig, (struct sl_test_frame){0});
    put(&rig, 0);
    expect_frame(&rig, 0);
    expect_wait(&rig);
    teardown(&rig);
}

static void reordered_packets_are_put_in_order(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig);
    for (uint32_t n = 0; n < 20; n++) {
        make(&rig, (struct sl_test_frame){.key = n == 0});
        for (size_t i = rig.video.count; i-- > 0;)
            put(&rig, i);
        expect_frame(&rig, n);
    }
    teardown(&rig);
}

static void duplicates_are_told_from_latecomers(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig);
    make(&rig, (struct sl_test_frame){.key = true});
    put_all(&rig);
    assert_int_equal(put(&rig, 1), SL_JITTER_DUPLICATE);
    expect_frame(&rig, 0);
    assert_int_equal(put(&rig, 1), SL_JITTER_DUPLICATE);
    make(&rig, (struct sl_test_frame){0});
    struct sl_rtp_packet lost = rig.video.packets[0];
    uint8_t bytes[SL_RTP_PLAIN_MAX];
    memcpy(bytes, lost.payload, lost.payload_len);
    lost.payload = bytes;
    for (size_t i = 1; i < rig.video.count; i++)
        put(&rig, i);
    make(&rig, (struct sl_test_frame){.key = true});
    put_all(&rig);
    expect_frame(&rig, 2);
    assert_int_equal(sl_jitter_put(rig.jitter, &lost, rig.now), SL_JITTER_LATE);
    teardown(&rig);
}

static void nothing_comes_out_before_a_key_frame(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig);
    make(&rig, (struct sl_test_frame){0});
    put_all(&rig);
    expect_wait(&rig);
    assert_true(sl_jitter_due(rig.jitter) == rig.now + 20 * SL_MS);
    rig.now = sl_jitter_due(rig.jitter);
    assert_int_equal(pop(&rig), SL_JITTER_BROKEN); /* it began in the middle: ask */
    expect_wait(&rig);
    make(&rig, (struct sl_test_frame){0});
    put_all(&rig);
    expect_wait(&rig);
    make(&rig, (struct sl_test_frame){.key = true});
    put_all(&rig);
    expect_frame(&rig, 2);
    assert_int_equal(stats(&rig).breaks, 1);
    assert_int_equal(stats(&rig).frames_dropped, 2);
    teardown(&rig);
}

static void the_first_key_frame_waits_for_its_overtaken_start(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig);
    make(&rig, (struct sl_test_frame){.key = true});
    struct sl_test_video key = rig.video;
    for (size_t i = 0; i < key.count; i++)
        key.packets[i].payload = key.bytes[i];
    for (size_t i = 1; i < key.count; i++)
        put(&rig, i);
    expect_wait(&rig);
    make(&rig, (struct sl_test_frame){0});
    put_all(&rig);
    expect_wait(&rig);
    assert_int_equal(sl_jitter_put(rig.jitter, &key.packets[0], rig.now), SL_JITTER_KEPT);
    expect_frame(&rig, 0);
    assert_true(rig.frame.late);
    expect_frame(&rig, 1);
    assert_false(rig.frame.late);
    assert_int_equal(stats(&rig).breaks, 0);
    teardown(&rig);
}

static void a_first_key_frame_that_stays_torn_is_asked_for_again(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig);
    make(&rig, (struct sl_test_frame){.key = true});
    const sl_ns begun = rig.now;
    for (size_t i = 1; i < rig.video.count; i++)
        put(&rig, i);
    expect_wait(&rig);
    assert_true(sl_jitter_due(rig.jitter) == begun + 500 * SL_MS);
    rig.now = begun + 500 * SL_MS - 1;
    expect_wait(&rig);
    rig.now++;
    assert_int_equal(pop(&rig), SL_JITTER_BROKEN);
    expect_wait(&rig);
    assert_true(sl_jitter_needs_key(rig.jitter));
    teardown(&rig);
}

static void a_hole_is_waited_for_and_then_breaks_once(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig);
    make(&rig, (struct sl_test_frame){.key = true});
    put_all(&rig);
    expect_frame(&rig, 0);
    make(&rig, (struct sl_test_frame){0}); /* wholly lost */
    make(&rig, (struct sl_test_frame){0});
    put_all(&rig);
    const sl_ns begun = rig.now;
    expect_wait(&rig);
    while (rig.now + FRAME_NS < begun + 500 * SL_MS) {
        make(&rig, (struct sl_test_frame){0});
        put_all(&rig);
        expect_wait(&rig);
    }
    assert_true(sl_jitter_due(rig.jitter) == begun + 500 * SL_MS);
    rig.now = begun + 500 * SL_MS;
    assert_int_equal(pop(&rig), SL_JITTER_BROKEN);
    expect_wait(&rig);
    assert_true(sl_jitter_needs_key(rig.jitter));
    for (int i = 0; i < 30; i++) { /* one second on: still told only once */
        make(&rig, (struct sl_test_frame){0});
        put_all(&rig);
        expect_wait(&rig);
    }
    const uint32_t number = rig.video.number;
    make(&rig, (struct sl_test_frame){.key = true});
    put_all(&rig);
    expect_frame(&rig, number);
    assert_false(rig.frame.late);
    make(&rig, (struct sl_test_frame){0});
    put_all(&rig);
    expect_frame(&rig, number + 1);
    assert_int_equal(stats(&rig).breaks, 1);
    teardown(&rig);
}

/* Puts frames 1 (torn: its packet 1 is missing) to `last`; returns the missing one in `lost`. */
static void tear(struct rig *rig, uint32_t last, struct sl_rtp_packet *lost, uint8_t *bytes)
{
    make(rig, (struct sl_test_frame){.key = true});
    put_all(rig);
    expect_frame(rig, 0);
    make(rig, (struct sl_test_frame){0});
    *lost = rig->video.packets[1];
    memcpy(bytes, lost->payload, lost->payload_len);
    lost->payload = bytes;
    for (size_t i = 0; i < rig->video.count; i++)
        if (i != 1)
            put(rig, i);
    while (rig->video.number <= last) {
        make(rig, (struct sl_test_frame){0});
        put_all(rig);
        expect_wait(rig);
    }
}

static void after_a_repair_all_but_the_newest_are_late(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig);
    struct sl_rtp_packet lost;
    uint8_t bytes[SL_RTP_PLAIN_MAX];
    tear(&rig, 4, &lost, bytes);
    assert_int_equal(sl_jitter_put(rig.jitter, &lost, rig.now), SL_JITTER_KEPT);
    for (uint32_t n = 1; n <= 4; n++) {
        expect_frame(&rig, n);
        assert_int_equal(rig.frame.late, n < 4);
    }
    expect_wait(&rig);
    assert_int_equal(stats(&rig).delivered_late, 3);
    assert_int_equal(stats(&rig).breaks, 0);
    teardown(&rig);
}

static void with_a_delay_a_repair_in_time_is_not_late(void **state)
{
    (void)state;
    struct rig rig;
    setup_with(&rig, 100 * SL_MS, 0);
    struct sl_rtp_packet lost;
    uint8_t bytes[SL_RTP_PLAIN_MAX];
    tear(&rig, 3, &lost, bytes);
    sl_jitter_put(rig.jitter, &lost, rig.now);
    const sl_ns first = rig.now - 2 * FRAME_NS;
    for (uint32_t n = 1; n <= 3; n++) {
        expect_frame(&rig, n);
        assert_false(rig.frame.late);
        /* Frame n came, or could have come, at its own time; 11 us is one tick of the clock. */
        assert_in_range(rig.frame.due - (first + (n - 1) * FRAME_NS + 100 * SL_MS) + 11112, 0,
                        2 * 11112);
    }
    teardown(&rig);
}

static void with_a_delay_what_is_past_due_is_late(void **state)
{
    (void)state;
    struct rig rig;
    setup_with(&rig, 100 * SL_MS, 0);
    struct sl_rtp_packet lost;
    uint8_t bytes[SL_RTP_PLAIN_MAX];
    tear(&rig, 8, &lost, bytes);
    sl_jitter_put(rig.jitter, &lost, rig.now);
    for (uint32_t n = 1; n <= 8; n++) {
        expect_frame(&rig, n);
        /* Frame n was due at 100 ms after it, one interval more is forgiven: 4 frames back. */
        assert_int_equal(rig.frame.late, n + 4 < 8);
    }
    teardown(&rig);
}

static void a_whole_key_frame_behind_a_hole_is_taken_at_once(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig);
    struct sl_rtp_packet lost;
    uint8_t bytes[SL_RTP_PLAIN_MAX];
    tear(&rig, 3, &lost, bytes);
    make(&rig, (struct sl_test_frame){.key = true});
    for (size_t i = 0; i + 1 < rig.video.count; i++) {
        put(&rig, i);
        expect_wait(&rig);
    }
    put(&rig, rig.video.count - 1);
    expect_frame(&rig, 4);
    assert_false(rig.frame.late);
    assert_int_equal(stats(&rig).breaks, 0);
    assert_int_equal(stats(&rig).frames_dropped, 3);
    teardown(&rig);
}

static void with_a_delay_the_key_frame_is_taken_when_due(void **state)
{
    (void)state;
    struct rig rig;
    setup_with(&rig, 100 * SL_MS, 0);
    struct sl_rtp_packet lost;
    uint8_t bytes[SL_RTP_PLAIN_MAX];
    tear(&rig, 2, &lost, bytes);
    make(&rig, (struct sl_test_frame){.key = true});
    put_all(&rig);
    expect_wait(&rig);
    const sl_ns due = sl_jitter_due(rig.jitter);
    assert_in_range(due, rig.now + 99 * SL_MS, rig.now + 100 * SL_MS);
    rig.now = due - 1;
    expect_wait(&rig);
    rig.now = due;
    expect_frame(&rig, 3);
    assert_true(rig.frame.due == due);
    teardown(&rig);
}

static void a_torn_unreferenced_frame_is_passed_over(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig);
    make(&rig, (struct sl_test_frame){.key = true});
    put_all(&rig);
    expect_frame(&rig, 0);
    make(&rig, (struct sl_test_frame){.unreferenced = true, .bytes = 5000});
    for (size_t i = 0; i < rig.video.count; i++)
        if (i != 2)
            put(&rig, i);
    expect_wait(&rig);
    make(&rig, (struct sl_test_frame){0});
    put_all(&rig);
    expect_frame(&rig, 2);
    assert_int_equal(stats(&rig).breaks, 0);
    assert_int_equal(stats(&rig).frames_dropped, 1);
    teardown(&rig);
}

static void an_unreferenced_frame_torn_at_an_edge_may_hide_another(void **state)
{
    (void)state;
    for (int edge = 0; edge < 2; edge++) {
        struct rig rig;
        setup(&rig);
        make(&rig, (struct sl_test_frame){.key = true});
        put_all(&rig);
        expect_frame(&rig, 0);
        make(&rig, (struct sl_test_frame){.unreferenced = true, .bytes = 5000});
        for (size_t i = 0; i < rig.video.count; i++)
            if (i != (edge ? rig.video.count - 1 : 0))
                put(&rig, i);
        make(&rig, (struct sl_test_frame){0});
        put_all(&rig);
        expect_wait(&rig);
        rig.now += 500 * SL_MS;
        assert_int_equal(pop(&rig), SL_JITTER_BROKEN);
        teardown(&rig);
    }
}

static void padding_takes_a_number_and_nothing_else(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig);
    for (uint32_t n = 0; n < 6; n++) {
        const int64_t seq = rig.video.seq;
        make(&rig, (struct sl_test_frame){.key = n == 0});
        /* One probe in the middle of the frame, one after it. */
        const struct sl_rtp_packet probe = {.seq = seq + 1,
                                            .timestamp = n % 2 ? 5 : rig.video.packets[0].timestamp,
                                            .marker = n % 2};
        for (size_t i = 1; i < rig.video.count; i++)
            rig.video.packets[i].seq++;
        put(&rig, 0);
        if (n < 4)
            sl_jitter_put(rig.jitter, &probe, rig.now);
        for (size_t i = 1; i < rig.video.count; i++)
            put(&rig, i);
        if (n >= 4) {
            expect_wait(&rig);
            sl_jitter_put(rig.jitter, &probe, rig.now);
        }
        expect_frame(&rig, n);
        const struct sl_rtp_packet after = {.seq = rig.video.seq + 1,
                                            .timestamp = rig.video.packets[0].timestamp};
        sl_jitter_put(rig.jitter, &after, rig.now);
        expect_wait(&rig);
        rig.video.seq += 2;
    }
    teardown(&rig);
}

static void capture_time_is_moved_to_our_clock(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig);
    make(&rig, (struct sl_test_frame){.key = true});
    rig.video.packets[0].has_capture = false;
    rig.video.packets[1].has_capture = true;
    rig.video.packets[1].capture_ntp = 1000;
    rig.video.packets[1].has_capture_offset = true;
    rig.video.packets[1].capture_offset = -77;
    put_all(&rig);
    expect_frame(&rig, 0);
    assert_true(rig.frame.has_capture);
    assert_int_equal(rig.frame.capture_ntp, 1077);
    teardown(&rig);
}

static void a_key_frame_without_sets_gets_the_last_ones(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig);
    make(&rig, (struct sl_test_frame){.key = true});
    put_all(&rig);
    expect_frame(&rig, 0);
    make(&rig, (struct sl_test_frame){.key = true, .no_sets = true});
    put_all(&rig);
    expect_frame(&rig, 1);
    assert_int_equal(rig.frame.data[4], 0x67);
    teardown(&rig);
}

static void sets_in_a_unit_of_their_own_serve_the_next(void **state)
{
    (void)state;
    static const uint8_t sps[] = {0x67, 0x42, 0xe0, 0x1f}, pps[] = {0x68, 0xce, 0x3c};
    struct rig rig;
    setup(&rig);
    struct sl_rtp_packet set = {.seq = rig.video.seq++,
                                .timestamp = rig.video.timestamp,
                                .marker = true,
                                .payload = sps,
                                .payload_len = sizeof(sps)};
    sl_jitter_put(rig.jitter, &set, rig.now);
    expect_wait(&rig);
    set.seq = rig.video.seq++;
    set.payload = pps;
    set.payload_len = sizeof(pps);
    sl_jitter_put(rig.jitter, &set, rig.now);
    expect_wait(&rig);
    make(&rig, (struct sl_test_frame){.key = true, .no_sets = true});
    put_all(&rig);
    expect_frame(&rig, 0);
    teardown(&rig);
}

/* A key frame with an AUD and an SEI before its sets: whole for a start from the sets, but not for
 * those who wait for all of it. */
static void a_start_inside_a_frame_is_not_the_whole_frame(void **state)
{
    (void)state;
    static const uint8_t aud[] = {0x09, 0xf0}, sei[] = {0x06, 5, 1, 7, 0x80};
    struct rig rig;
    setup_with(&rig, 100 * SL_MS, 0);
    make(&rig, (struct sl_test_frame){.key = true});
    put_all(&rig);
    expect_frame(&rig, 0);
    struct sl_rtp_packet front = {.seq = rig.video.seq,
                                  .timestamp = rig.video.timestamp,
                                  .payload = aud,
                                  .payload_len = sizeof(aud)};
    rig.video.seq += 2;
    make(&rig, (struct sl_test_frame){.key = true});
    put_all(&rig);
    expect_wait(&rig);
    sl_jitter_put(rig.jitter, &front, rig.now);
    expect_wait(&rig);
    front.seq++;
    front.payload = sei;
    front.payload_len = sizeof(sei);
    sl_jitter_put(rig.jitter, &front, rig.now);
    expect_frame(&rig, 1);
    assert_int_equal(rig.frame.last_seq - rig.frame.first_seq, rig.video.count + 1);
    teardown(&rig);
}

static void a_full_ring_breaks_and_recovers(void **state)
{
    (void)state;
    struct rig rig;
    setup_with(&rig, 0, 16);
    make(&rig, (struct sl_test_frame){.key = true});
    put_all(&rig);
    expect_frame(&rig, 0);
    make(&rig, (struct sl_test_frame){0}); /* lost */
    bool ahead = false;
    for (int i = 0; i < 6; i++) {
        make(&rig, (struct sl_test_frame){0});
        for (size_t k = 0; k < rig.video.count; k++)
            ahead |= put(&rig, k) == SL_JITTER_AHEAD;
        if (ahead)
            break;
        expect_wait(&rig);
    }
    assert_true(ahead);
    assert_int_equal(pop(&rig), SL_JITTER_BROKEN);
    expect_wait(&rig);
    make(&rig, (struct sl_test_frame){.key = true});
    put_all(&rig);
    expect_frame(&rig, rig.video.number - 1);
    teardown(&rig);
}

static void a_frame_too_large_breaks(void **state)
{
    (void)state;
    struct rig rig;
    memset(&rig, 0, sizeof(rig));
    const struct sl_jitter_config config = {.clock_hz = 90000, .frame_bytes_max = 4000};
    assert_int_equal(sl_jitter_create(&rig.jitter, &config), 0);
    sl_test_video_init(&rig.video, 1, 1);
    make(&rig, (struct sl_test_frame){.key = true});
    put_all(&rig);
    expect_frame(&rig, 0);
    make(&rig, (struct sl_test_frame){.bytes = 3996});
    put_all(&rig);
    expect_frame(&rig, 1);
    make(&rig, (struct sl_test_frame){.bytes = 3997});
    put_all(&rig);
    assert_int_equal(pop(&rig), SL_JITTER_BROKEN);
    assert_int_equal(stats(&rig).malformed, 1);
    expect_wait(&rig);
    teardown(&rig);
}

static void reset_forgets_the_stream_and_keeps_the_counters(void **state)
{
    (void)state;
    struct rig rig;
    setup(&rig);
    make(&rig, (struct sl_test_frame){.key = true});
    put_all(&rig);
    expect_frame(&rig, 0);
    make(&rig, (struct sl_test_frame){0});
    put(&rig, 0);
    sl_jitter_reset(rig.jitter);
    check_balance(&rig);
    assert_true(sl_jitter_due(rig.jitter) == SL_NEVER);
    assert_int_equal(stats(&rig).delivered, 1);
    assert_int_equal(stats(&rig).held, 0);
    sl_test_video_init(&rig.video, 7, 12345); /* far behind, as a new stream may be */
    make(&rig, (struct sl_test_frame){0});
    put_all(&rig);
    expect_wait(&rig);
    make(&rig, (struct sl_test_frame){.key = true, .no_sets = true});
    put_all(&rig);
    expect_wait(&rig); /* the old stream's sets are not its own */
    make(&rig, (struct sl_test_frame){.key = true});
    put_all(&rig);
    expect_frame(&rig, 2);
    teardown(&rig);
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
    setup(&rig);
    const uint64_t before = sl_alloc_count();
    for (uint32_t n = 0; n < 300; n++) {
        make(&rig, (struct sl_test_frame){.key = n % 50 == 0});
        for (size_t i = 0; i < rig.video.count; i++)
            if (n % 20 != 19)
                put(&rig, i);
        while (pop(&rig) != SL_JITTER_WAIT)
            ;
    }
    assert_int_equal(sl_alloc_count() - before, 0);
    assert_int_equal(stats(&rig).delivered, 3 * (19 + 9)); /* up to each loss */
    teardown(&rig);
}

/* Held back by a resend is not held back by its size. Those that come in order, and late, are. */
static void auto_delay_tells_repaired_key_frames_from_slow_ones(void **state)
{
    (void)state;
    for (int slow = 0; slow < 2; slow++) {
        struct rig rig;
        setup_with(&rig, SL_JITTER_AUTO, 0);
        for (int n = 0; n < 600; n++) {
            make(&rig, (struct sl_test_frame){.key = n % 60 == 0, .bytes = n % 60 ? 3000 : 12000});
            const sl_ns sent = rig.now;
            const size_t last = rig.video.count - 1, held = slow ? last : last - 1;
            for (size_t i = 0; i <= last; i++)
                if (n % 60 || i != held)
                    put(&rig, i);
            if (n % 60 == 0) {
                rig.now += 25 * SL_MS;
                put(&rig, held);
            }
            expect_frame(&rig, (uint32_t)n);
            rig.now = sent;
        }
        const sl_ns delay = sl_jitter_delay(rig.jitter);
        const sl_ns most = 25 * SL_MS - SL_SEC / 60; /* half a frame late is not seen */
        assert_true(slow ? delay > most - SL_MS && delay < most + SL_MS : delay == 0);
        assert_true(stats(&rig).delay == delay);
        teardown(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_out_when_their_marker_is_in),
        cmocka_unit_test(a_new_timestamp_ends_a_frame_without_marker),
        cmocka_unit_test(reordered_packets_are_put_in_order),
        cmocka_unit_test(duplicates_are_told_from_latecomers),
        cmocka_unit_test(nothing_comes_out_before_a_key_frame),
        cmocka_unit_test(the_first_key_frame_waits_for_its_overtaken_start),
        cmocka_unit_test(a_first_key_frame_that_stays_torn_is_asked_for_again),
        cmocka_unit_test(a_hole_is_waited_for_and_then_breaks_once),
        cmocka_unit_test(after_a_repair_all_but_the_newest_are_late),
        cmocka_unit_test(with_a_delay_a_repair_in_time_is_not_late),
        cmocka_unit_test(with_a_delay_what_is_past_due_is_late),
        cmocka_unit_test(a_whole_key_frame_behind_a_hole_is_taken_at_once),
        cmocka_unit_test(with_a_delay_the_key_frame_is_taken_when_due),
        cmocka_unit_test(a_torn_unreferenced_frame_is_passed_over),
        cmocka_unit_test(an_unreferenced_frame_torn_at_an_edge_may_hide_another),
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
