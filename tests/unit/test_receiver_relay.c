/* SPDX-License-Identifier: MIT */
/* The relay of one camera between sessions that only write down what they were given. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/time.h"
#include "receiver/relay.h"
#include "tests/support/alloc_count.h"

#define SENT_MAX 4096

struct fake {
    int64_t seqs[SENT_MAX];
    uint32_t timestamps[SENT_MAX];
    enum sl_media_kind kinds[SENT_MAX];
    uint8_t first_bytes[SENT_MAX];
    int sent;
    bool refuses;
    int requests, sub_requests;
    sl_ns requested_at;
};

static int fake_send(void *session, enum sl_media_kind kind, const struct sl_rtp_packet *packet,
                     sl_ns now)
{
    (void)now;
    struct fake *fake = session;
    if (fake->refuses)
        return -1;
    assert_true(fake->sent < SENT_MAX);
    fake->seqs[fake->sent] = packet->seq;
    fake->timestamps[fake->sent] = packet->timestamp;
    fake->kinds[fake->sent] = kind;
    fake->first_bytes[fake->sent] = packet->payload[0];
    fake->sent++;
    return 0;
}

static void fake_request(void *session, enum sl_media_kind kind, sl_ns now)
{
    struct fake *fake = session;
    fake->sub_requests += kind == SL_VIDEO_SUB;
    fake->requests++;
    fake->requested_at = now;
}

static const struct sl_relay_sessions fakes = {.send = fake_send, .request_keyframe = fake_request};

struct viewer {
    struct fake fake;
    struct sl_feed feed;
};

struct bench {
    struct sl_relay *relay;
    struct fake publisher, second_publisher;
    struct viewer a, b;
    uint32_t ssrc;
    sl_ns now;
};

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    bench->now = 1000 * SL_SEC;
    bench->ssrc = 77;
    assert_int_equal(sl_relay_create(&bench->relay, &fakes), 0);
    sl_relay_publish(bench->relay, &bench->publisher, bench->now);
    *state = bench;
    return 0;
}

static void check_balance(const struct bench *bench)
{
    struct sl_relay_stats s;
    sl_relay_stats(bench->relay, &s);
    assert_int_equal(s.offered, s.kept + s.stale);
    assert_int_equal(s.fanned, s.sent + s.refused + s.withheld);
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    check_balance(bench);
    sl_relay_destroy(bench->relay);
    free(bench);
    return 0;
}

static void join(struct bench *bench, struct viewer *viewer)
{
    assert_int_equal(sl_relay_join(bench->relay, &viewer->feed, &viewer->fake), 0);
    sl_relay_connected(bench->relay, &viewer->feed, bench->now);
}

enum part { SPS, IDR, DELTA };

static const uint8_t bytes[][11] = {
    [SPS] = {0x78, 0, 4, 0x67, 0x42, 0xe0, 0x1f, 0, 2, 0x68, 0xce},
    [IDR] = {0x7c, 0x85, 1, 2}, /* FU-A, start of an IDR slice */
    [DELTA] = {0x41, 9, 9, 9},
};

/* It waits with the relay. */
static void put(struct bench *bench, int64_t seq, uint32_t timestamp, enum part part)
{
    const struct sl_rtp_packet packet = {.seq = seq,
                                         .timestamp = timestamp,
                                         .ssrc = bench->ssrc,
                                         .payload = bytes[part],
                                         .payload_len = part == SPS ? 11 : 4};
    sl_relay_packet(bench->relay, SL_VIDEO, &packet, false, bench->now);
    check_balance(bench);
}

static void offer(struct bench *bench, int64_t seq, uint32_t timestamp, enum part part)
{
    put(bench, seq, timestamp, part);
    sl_relay_forward(bench->relay, bench->now);
    check_balance(bench);
}

static void offer_sound(struct bench *bench, int64_t seq)
{
    const struct sl_rtp_packet packet = {.seq = seq,
                                         .timestamp = (uint32_t)seq * 960,
                                         .ssrc = bench->ssrc + 1,
                                         .payload = bytes[DELTA],
                                         .payload_len = 4};
    sl_relay_packet(bench->relay, SL_AUDIO, &packet, false, bench->now);
    sl_relay_forward(bench->relay, bench->now);
    check_balance(bench);
}

/* ---- forwarding ---- */

static void test_forwards_at_once_and_keeps_holes(void **state)
{
    struct bench *bench = *state;
    join(bench, &bench->a);
    join(bench, &bench->b);
    offer(bench, 100, 3000, SPS);
    offer(bench, 101, 3000, IDR);
    offer(bench, 104, 6000, DELTA); /* 102 and 103 are missing: nothing waits for them */
    assert_int_equal(bench->a.fake.sent, 3);
    assert_int_equal(bench->b.fake.sent, 3);
    assert_int_equal(bench->a.fake.seqs[2] - bench->a.fake.seqs[0], 4);
    offer(bench, 102, 3000, IDR); /* repaired: where it was missing */
    assert_int_equal(bench->a.fake.sent, 4);
    assert_int_equal(bench->a.fake.seqs[3] - bench->a.fake.seqs[0], 2);
    assert_int_equal(bench->a.fake.timestamps[3], bench->a.fake.timestamps[0]);
}

static void test_one_refusing_subscriber_does_not_hurt_the_other(void **state)
{
    struct bench *bench = *state;
    join(bench, &bench->a);
    join(bench, &bench->b);
    bench->a.fake.refuses = true;
    offer(bench, 1, 3000, SPS);
    offer(bench, 2, 3000, IDR);
    assert_int_equal(bench->b.fake.sent, 2);
    assert_int_equal(bench->a.feed.refused, 2);
}

static void test_resends_what_it_has_and_only_what_the_feed_was_sent(void **state)
{
    struct bench *bench = *state;
    offer(bench, 9, 0, DELTA);
    join(bench, &bench->a);
    offer(bench, 10, 3000, SPS);
    offer(bench, 11, 3000, IDR);
    offer(bench, 13, 6000, DELTA);
    const int64_t first = bench->a.fake.seqs[0];
    const struct sl_rtp_packet *packet =
        sl_relay_resend(bench->relay, &bench->a.feed, SL_VIDEO, first + 1);
    assert_non_null(packet);
    assert_int_equal(packet->seq, first + 1);
    assert_memory_equal(packet->payload, bytes[IDR], 4);
    assert_null(sl_relay_resend(bench->relay, &bench->a.feed, SL_VIDEO, first + 2)); /* a hole */
    assert_null(sl_relay_resend(bench->relay, &bench->a.feed, SL_VIDEO, first - 1)); /* before it */
    assert_null(sl_relay_resend(bench->relay, &bench->a.feed, SL_AUDIO, first));
}

static void test_packets_older_than_the_history_are_dropped(void **state)
{
    struct bench *bench = *state;
    join(bench, &bench->a);
    offer(bench, 10, 3000, SPS);
    offer(bench, 3000, 6000, DELTA);
    const int sent = bench->a.fake.sent;
    offer(bench, 3000 - 2048, 3000, DELTA);
    assert_int_equal(bench->a.fake.sent, sent);
    offer(bench, 3000 - 2047, 3000, DELTA);
    assert_int_equal(bench->a.fake.sent, sent + 1);
}

static void test_the_packet_path_does_not_allocate(void **state)
{
    struct bench *bench = *state;
    join(bench, &bench->a);
    const uint64_t before = sl_alloc_count();
    for (int i = 0; i < 1000; i++)
        offer(bench, i, (uint32_t)(i / 2 * 3000), i % 60 == 0 ? SPS : DELTA);
    assert_int_equal(sl_alloc_count(), before);
    assert_true(bench->a.fake.sent > 900);
}

/* ---- what was read together leaves together ---- */

static long resident_pages(void)
{
    long size, resident;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld %ld", &size, &resident), 2);
    fclose(file);
    return resident;
}

static void test_memory_goes_back_when_nobody_is_there(void **state)
{
    struct bench *bench = *state;
    const int64_t packets = 2000; /* each has a page of its own, nearly */
    const long before = resident_pages();
    for (int64_t i = 0; i < packets; i++)
        offer(bench, i, 3000, DELTA);
    const long full = resident_pages();
    sl_relay_publish(bench->relay, NULL, bench->now);
    sl_relay_forget(bench->relay);
    assert_true(full - before > packets / 4);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* they keep what was freed */
    assert_true(resident_pages() - before < packets / 8);
#endif
    sl_relay_publish(bench->relay, &bench->second_publisher, bench->now);
    join(bench, &bench->a);
    offer(bench, 10, 3000, SPS);
    offer(bench, 11, 3000, IDR);
    assert_int_equal(bench->a.fake.sent, 2);
    assert_non_null(
        sl_relay_resend(bench->relay, &bench->a.feed, SL_VIDEO, bench->a.fake.seqs[1]));
}

static void test_what_waits_goes_to_each_feed_in_order(void **state)
{
    struct bench *bench = *state;
    join(bench, &bench->a);
    join(bench, &bench->b);
    offer(bench, 1, 3000, SPS);
    offer(bench, 2, 3000, IDR);
    put(bench, 3, 6000, DELTA);
    put(bench, 5, 6000, DELTA);
    put(bench, 4, 6000, DELTA);
    assert_int_equal(bench->a.fake.sent, 2);
    sl_relay_forward(bench->relay, bench->now);
    sl_relay_forward(bench->relay, bench->now); /* nothing is left */
    for (int i = 0; i < 2; i++) {
        const struct fake *fake = i ? &bench->b.fake : &bench->a.fake;
        assert_int_equal(fake->sent, 5);
        assert_int_equal(fake->seqs[3] - fake->seqs[2], 2);
        assert_int_equal(fake->seqs[4] - fake->seqs[2], 1);
    }
}

/* The history has what waits, so a replay must not send it twice. */
static void test_a_feed_that_begins_gets_what_waits_once(void **state)
{
    struct bench *bench = *state;
    join(bench, &bench->a);
    put(bench, 1, 0, DELTA);
    put(bench, 2, 3000, SPS);
    put(bench, 3, 3000, IDR);
    join(bench, &bench->b); /* the key frame is fresh: b begins at once */
    put(bench, 4, 6000, DELTA);
    sl_relay_forward(bench->relay, bench->now);
    check_balance(bench);
    for (int i = 0; i < 2; i++) {
        const struct fake *fake = i ? &bench->b.fake : &bench->a.fake;
        assert_int_equal(fake->sent, 3);
        assert_int_equal(fake->first_bytes[0], 0x78);
        for (int at = 1; at < 3; at++)
            assert_int_equal(fake->seqs[at] - fake->seqs[0], at);
    }
}

static void test_sound_among_what_waits_is_sent_to_a_feed_that_begins(void **state)
{
    struct bench *bench = *state;
    offer_sound(bench, 8);
    join(bench, &bench->a);
    put(bench, 2, 3000, SPS);
    const struct sl_rtp_packet sound = {
        .seq = 9, .ssrc = bench->ssrc + 1, .payload = bytes[DELTA], .payload_len = 4};
    sl_relay_packet(bench->relay, SL_AUDIO, &sound, false, bench->now);
    put(bench, 3, 3000, IDR);
    sl_relay_forward(bench->relay, bench->now);
    check_balance(bench);
    assert_int_equal(bench->a.fake.sent, 3);
    assert_int_equal(bench->a.fake.kinds[2], SL_AUDIO);
}

static void test_not_more_than_a_batch_waits(void **state)
{
    struct bench *bench = *state;
    join(bench, &bench->a);
    offer(bench, 1, 3000, SPS);
    for (int i = 0; i < 130; i++)
        put(bench, 2 + i, 3000, IDR);
    assert_int_equal(bench->a.fake.sent, 1 + 128);
}

static void test_what_waits_is_not_the_next_publishers(void **state)
{
    struct bench *bench = *state;
    join(bench, &bench->a);
    offer(bench, 1, 3000, SPS);
    put(bench, 2, 3000, IDR);
    sl_relay_publish(bench->relay, &bench->second_publisher, bench->now);
    assert_int_equal(bench->a.fake.sent, 2);
    bench->ssrc++;
    put(bench, 50, 3000, SPS);
    bench->ssrc++; /* it starts anew, without a word */
    put(bench, 1, 3000, SPS);
    assert_int_equal(bench->a.fake.sent, 3);
    sl_relay_forward(bench->relay, bench->now);
    assert_int_equal(bench->a.fake.sent, 4);
    assert_true(bench->a.fake.seqs[3] > bench->a.fake.seqs[2] + 1);
}

/* ---- joining ---- */

static void test_joiner_begins_with_the_next_key_frame(void **state)
{
    struct bench *bench = *state;
    offer(bench, 1, 3000, SPS);
    offer(bench, 2, 3000, IDR);
    bench->now += 2 * SL_SEC; /* too old to be replayed: it would be a fast-forward */
    offer(bench, 3, 6000, DELTA);
    join(bench, &bench->a);
    assert_int_equal(bench->publisher.requests, 1);
    offer(bench, 4, 9000, DELTA);
    assert_int_equal(bench->a.fake.sent, 0);
    offer_sound(bench, 500);
    assert_int_equal(bench->a.fake.sent, 1); /* sound at once */
    bench->now += 40 * SL_MS;
    offer(bench, 5, 12000, SPS);
    offer(bench, 6, 12000, IDR);
    assert_int_equal(bench->a.fake.sent, 3);
    assert_int_equal(bench->a.fake.kinds[1], SL_VIDEO);
    assert_int_equal(bench->a.fake.first_bytes[1], 0x78);
    assert_int_equal(bench->a.feed.first[SL_VIDEO], bench->a.fake.seqs[1]);
    assert_int_equal(bench->publisher.requests, 1);
}

static void test_nothing_flows_before_the_session_is_connected(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(sl_relay_join(bench->relay, &bench->a.feed, &bench->a.fake), 0);
    offer(bench, 1, 3000, SPS);
    offer_sound(bench, 1);
    assert_int_equal(bench->a.fake.sent, 0);
    struct sl_relay_stats stats;
    sl_relay_stats(bench->relay, &stats);
    assert_int_equal(stats.fanned, 0);
    sl_relay_connected(bench->relay, &bench->a.feed, bench->now);
    assert_int_equal(bench->a.fake.sent, 1);
}

static void test_what_was_sent_before_a_joiners_first_packet_is_not_for_it(void **state)
{
    struct bench *bench = *state;
    offer(bench, 1, 3000, DELTA);
    offer(bench, 3, 3000, DELTA);
    offer(bench, 4, 6000, SPS);
    join(bench, &bench->a);
    assert_int_equal(bench->a.fake.sent, 1);
    offer(bench, 2, 3000, DELTA); /* repaired */
    assert_int_equal(bench->a.fake.sent, 1);
}

static void test_joiner_is_given_a_fresh_key_frame_and_all_since(void **state)
{
    struct bench *bench = *state;
    offer(bench, 1, 3000, DELTA);
    offer(bench, 2, 6000, SPS);
    offer(bench, 3, 6000, IDR);
    offer(bench, 4, 9000, DELTA);
    bench->now += 200 * SL_MS;
    join(bench, &bench->a);
    assert_int_equal(bench->a.fake.sent, 3);
    assert_int_equal(bench->a.fake.first_bytes[0], 0x78);
    assert_int_equal(bench->publisher.requests, 0);
    struct sl_relay_stats stats;
    sl_relay_stats(bench->relay, &stats);
    assert_int_equal(stats.replayed, 3);
    offer(bench, 5, 12000, DELTA);
    assert_int_equal(bench->a.fake.sent, 4);
    assert_int_equal(bench->a.fake.seqs[3], bench->a.fake.seqs[0] + 3);
}

static void test_joiner_waits_for_the_lost_start_of_a_key_frame(void **state)
{
    struct bench *bench = *state;
    offer(bench, 1, 3000, DELTA);
    join(bench, &bench->a);
    /* 2, the parameter sets, is lost: from 3 on nothing could be decoded. */
    offer(bench, 3, 6000, IDR);
    offer(bench, 4, 6000, IDR);
    assert_int_equal(bench->a.fake.sent, 0);
    offer(bench, 2, 6000, SPS); /* repaired: now all three, in order */
    assert_int_equal(bench->a.fake.sent, 3);
    assert_int_equal(bench->a.fake.first_bytes[0], 0x78);
    assert_int_equal(bench->a.fake.seqs[2], bench->a.fake.seqs[0] + 2);
    offer(bench, 5, 9000, DELTA);
    assert_int_equal(bench->a.fake.sent, 4);
}

static void test_joiner_starts_when_the_end_of_the_frame_before_is_repaired(void **state)
{
    struct bench *bench = *state;
    offer(bench, 1, 3000, DELTA);
    join(bench, &bench->a);
    offer(bench, 3, 6000, SPS); /* 2 is lost: is 3 the first of its frame? */
    offer(bench, 4, 6000, IDR);
    assert_int_equal(bench->a.fake.sent, 0);
    offer(bench, 2, 3000, DELTA);
    assert_int_equal(bench->a.fake.sent, 2);
    assert_int_equal(bench->a.fake.first_bytes[0], 0x78);
}

/* ---- key frame requests ---- */

/* Both viewers have had a key frame, a second ago. */
static void watch_for_a_while(struct bench *bench)
{
    join(bench, &bench->a);
    join(bench, &bench->b);
    offer(bench, 1, 3000, SPS);
    bench->now += SL_SEC;
}

static void test_requests_are_put_together(void **state)
{
    struct bench *bench = *state;
    watch_for_a_while(bench);
    for (int i = 0; i < 10; i++)
        sl_relay_keyframe_wanted(bench->relay, i % 2 ? &bench->a.feed : &bench->b.feed,
                                 bench->now + i * SL_MS);
    assert_int_equal(bench->publisher.requests, 1);
    assert_int_equal(sl_relay_due(bench->relay), bench->now + 200 * SL_MS);
    sl_relay_tick(bench->relay, bench->now + 199 * SL_MS);
    assert_int_equal(bench->publisher.requests, 1);
    sl_relay_tick(bench->relay, bench->now + 200 * SL_MS); /* the other nine, as one */
    assert_int_equal(bench->publisher.requests, 2);
    assert_int_equal(sl_relay_due(bench->relay), SL_NEVER);
}

static void test_a_request_is_forgotten_once_a_key_frame_begins(void **state)
{
    struct bench *bench = *state;
    watch_for_a_while(bench);
    sl_relay_keyframe_wanted(bench->relay, &bench->a.feed, bench->now);
    sl_relay_keyframe_wanted(bench->relay, &bench->b.feed, bench->now + SL_MS);
    offer(bench, 2, 6000, SPS);
    sl_relay_tick(bench->relay, bench->now + SL_SEC);
    assert_int_equal(bench->publisher.requests, 1);
}

static void test_requests_that_a_key_frame_crossed_are_not_passed_on(void **state)
{
    struct bench *bench = *state;
    watch_for_a_while(bench);
    offer(bench, 2, 6000, SPS);
    sl_relay_keyframe_wanted(bench->relay, &bench->a.feed, bench->now + 199 * SL_MS);
    assert_int_equal(bench->publisher.requests, 0);
    sl_relay_keyframe_wanted(bench->relay, &bench->a.feed, bench->now + 200 * SL_MS);
    assert_int_equal(bench->publisher.requests, 1);
    /* A joiner that is given one out of the history asks for nothing more. */
    bench->now += SL_SEC;
    offer(bench, 3, 9000, SPS);
    bench->now += 150 * SL_MS;
    sl_relay_leave(bench->relay, &bench->a.feed);
    join(bench, &bench->a);
    assert_false(bench->a.feed.waiting);
    bench->now += 100 * SL_MS;
    sl_relay_keyframe_wanted(bench->relay, &bench->a.feed, bench->now);
    assert_int_equal(bench->publisher.requests, 1);
    sl_relay_keyframe_wanted(bench->relay, &bench->b.feed, bench->now);
    assert_int_equal(bench->publisher.requests, 2); /* it had its own 250 ms ago */
}

static void test_one_feed_cannot_make_everybody_pay_for_key_frames(void **state)
{
    struct bench *bench = *state;
    watch_for_a_while(bench);
    for (int ms = 0; ms < 30000; ms += 10) {
        bench->now += 10 * SL_MS;
        sl_relay_keyframe_wanted(bench->relay, &bench->a.feed, bench->now);
        sl_relay_tick(bench->relay, bench->now);
    }
    assert_in_range(bench->publisher.requests, 30, 35);
    bench->now += 300 * SL_MS;
    sl_relay_tick(bench->relay, bench->now);
    const int requests = bench->publisher.requests;
    bench->now += 300 * SL_MS;
    sl_relay_keyframe_wanted(bench->relay, &bench->b.feed, bench->now); /* the other still may */
    assert_int_equal(bench->publisher.requests, requests + 1);
}

static void test_asks_again_while_somebody_waits(void **state)
{
    struct bench *bench = *state;
    bench->now += SL_SEC;
    offer(bench, 1, 3000, DELTA);
    join(bench, &bench->a);
    assert_int_equal(bench->publisher.requests, 1);
    assert_int_equal(sl_relay_due(bench->relay), bench->now + 500 * SL_MS);
    sl_relay_tick(bench->relay, bench->now + 500 * SL_MS);
    assert_int_equal(bench->publisher.requests, 2);
    sl_relay_leave(bench->relay, &bench->a.feed);
    assert_int_equal(sl_relay_due(bench->relay), SL_NEVER);
    assert_int_equal(sl_relay_feeds(bench->relay), 0);
}

/* ---- publishers come and go ---- */

static void test_a_new_publisher_goes_on_after_the_old(void **state)
{
    struct bench *bench = *state;
    join(bench, &bench->a);
    offer(bench, 60000, 4000000000u, SPS);
    offer(bench, 60001, 4000000000u, IDR);
    offer(bench, 60002, 4000003000u, DELTA);
    const int64_t last = bench->a.fake.seqs[2];
    const uint32_t last_timestamp = bench->a.fake.timestamps[2];
    sl_relay_publish(bench->relay, NULL, bench->now);
    bench->now += 2 * SL_SEC;
    sl_relay_publish(bench->relay, &bench->second_publisher, bench->now);
    bench->ssrc = 1234;
    offer(bench, 5, 700, SPS);
    assert_int_equal(bench->a.fake.sent, 4);
    /* Five numbers are missing between them, and the time that went by did so in timestamps too. */
    assert_int_equal(bench->a.fake.seqs[3], last + 6);
    assert_int_equal(bench->a.fake.timestamps[3] - last_timestamp, 180000);
    offer(bench, 6, 700, IDR);
    offer(bench, 7, 3700, DELTA);
    assert_int_equal(bench->a.fake.seqs[5], last + 8);
    assert_int_equal(bench->a.fake.timestamps[5] - bench->a.fake.timestamps[3], 3000);
    /* What was sent long before the first that arrived would collide with the old one's numbers. */
    const int sent = bench->a.fake.sent;
    struct sl_relay_stats before, after;
    sl_relay_stats(bench->relay, &before);
    offer(bench, -1, 700, SPS);
    sl_relay_stats(bench->relay, &after);
    assert_int_equal(bench->a.fake.sent, sent);
    assert_int_equal(after.stale - before.stale, 1);
}

static void test_a_new_publishers_lost_beginning_is_mended(void **state)
{
    struct bench *bench = *state;
    join(bench, &bench->a);
    offer(bench, 100, 3000, SPS);
    bench->now += SL_SEC;
    sl_relay_publish(bench->relay, &bench->second_publisher, bench->now);
    bench->ssrc = 88;
    offer(bench, 14, 700, IDR); /* 10, the parameter sets, to 13 are lost */
    assert_int_equal(bench->a.fake.sent, 1);
    for (int64_t seq = 13; seq > 10; seq--)
        offer(bench, seq, 700, IDR);
    assert_int_equal(bench->a.fake.sent, 1);
    offer(bench, 10, 700, SPS);
    assert_int_equal(bench->a.fake.sent, 6);
    assert_int_equal(bench->a.fake.first_bytes[1], 0x78);
    assert_int_equal(bench->a.fake.seqs[1], bench->a.fake.seqs[0] + 2);
}

static void test_a_new_ssrc_is_a_new_publisher(void **state)
{
    struct bench *bench = *state;
    join(bench, &bench->a);
    offer(bench, 100, 3000, SPS);
    bench->now += 100 * SL_MS;
    bench->ssrc = 88;
    offer(bench, 40000, 99, SPS);
    assert_int_equal(bench->a.fake.sent, 2);
    assert_int_equal(bench->a.fake.seqs[1], bench->a.fake.seqs[0] + 6);
    assert_int_equal(bench->a.fake.timestamps[1] - bench->a.fake.timestamps[0], 9000);
}

static void test_feeds_wait_for_the_new_publishers_key_frame(void **state)
{
    struct bench *bench = *state;
    join(bench, &bench->a);
    offer(bench, 100, 3000, SPS);
    bench->now += SL_SEC;
    sl_relay_publish(bench->relay, &bench->second_publisher, bench->now);
    bench->ssrc = 88;
    offer(bench, 1, 99, DELTA); /* its key frame was lost */
    assert_int_equal(bench->a.fake.sent, 1);
    sl_relay_tick(bench->relay, bench->now + 500 * SL_MS);
    assert_int_equal(bench->second_publisher.requests, 1);
    assert_int_equal(bench->publisher.requests, 0);
    offer(bench, 2, 3099, SPS);
    assert_int_equal(bench->a.fake.sent, 2);
}

static void test_timestamps_follow_capture_time_over_a_restart(void **state)
{
    struct bench *bench = *state;
    join(bench, &bench->a);
    struct sl_rtp_packet packet = {.seq = 10,
                                   .timestamp = 5000,
                                   .ssrc = 1,
                                   .has_capture = true,
                                   .capture_ntp = sl_ntp_from_ns(bench->now, 0),
                                   .payload = bytes[SPS],
                                   .payload_len = 11};
    sl_relay_packet(bench->relay, SL_VIDEO, &packet, false, bench->now);
    sl_relay_forward(bench->relay, bench->now);
    /* The new one's first packet was 300 ms on its way, the old one's none. */
    packet.capture_ntp = sl_ntp_from_ns(bench->now + 700 * SL_MS, 0);
    packet.ssrc = 2;
    packet.timestamp = 123456;
    bench->now += SL_SEC;
    sl_relay_packet(bench->relay, SL_VIDEO, &packet, false, bench->now);
    sl_relay_forward(bench->relay, bench->now);
    const uint32_t step = bench->a.fake.timestamps[1] - bench->a.fake.timestamps[0];
    assert_in_range(step, 62999, 63001);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* ---- layers: two pictures, one stream at the feed ---- */

static void layer_packet(struct bench *bench, enum sl_media_kind kind, int64_t seq,
                         uint32_t timestamp, enum part part, bool marker)
{
    const struct sl_rtp_packet packet = {.seq = seq,
                                         .timestamp = timestamp,
                                         .marker = marker,
                                         .ssrc = bench->ssrc + (uint32_t)kind,
                                         .payload = bytes[part],
                                         .payload_len = part == SPS ? 11 : 4};
    sl_relay_packet(bench->relay, kind, &packet, false, bench->now);
    sl_relay_forward(bench->relay, bench->now);
    check_balance(bench);
}

static void key_frame(struct bench *bench, enum sl_media_kind kind, int64_t seq, uint32_t timestamp)
{
    layer_packet(bench, kind, seq, timestamp, SPS, false);
    layer_packet(bench, kind, seq + 1, timestamp, IDR, true);
}

static void delta(struct bench *bench, enum sl_media_kind kind, int64_t seq, uint32_t timestamp)
{
    layer_packet(bench, kind, seq, timestamp, DELTA, true);
}

/* One after the other, in the one stream, by timestamps that are the camera's. */
static void assert_sent(const struct fake *fake, int from, const uint32_t *timestamps, int count)
{
    assert_int_equal(fake->sent, from + count);
    for (int i = 0; i < count; i++) {
        assert_int_equal(fake->kinds[from + i], SL_VIDEO);
        assert_int_equal(fake->timestamps[from + i], timestamps[i]);
        assert_int_equal(fake->seqs[from + i], fake->seqs[0] + from + i);
    }
}

static void test_a_feed_gets_the_layer_it_chose(void **state)
{
    struct bench *bench = *state;
    key_frame(bench, SL_VIDEO, 10, 1000);
    key_frame(bench, SL_VIDEO_SUB, 500, 1001);
    bench->now += SL_SEC;
    assert_int_equal(sl_relay_join(bench->relay, &bench->a.feed, &bench->a.fake), 0);
    sl_relay_choose(bench->relay, &bench->a.feed, SL_VIDEO_SUB, bench->now);
    assert_int_equal(sl_relay_layer(&bench->a.feed), SL_VIDEO_SUB);
    sl_relay_connected(bench->relay, &bench->a.feed, bench->now);
    assert_int_equal(bench->publisher.sub_requests, 1);
    assert_int_equal(bench->publisher.requests, 1);
    key_frame(bench, SL_VIDEO, 12, 1100);
    assert_int_equal(bench->a.fake.sent, 0);
    key_frame(bench, SL_VIDEO_SUB, 502, 1101);
    delta(bench, SL_VIDEO, 14, 1200);
    delta(bench, SL_VIDEO_SUB, 504, 1201);
    assert_sent(&bench->a.fake, 0, (const uint32_t[]){1101, 1101, 1201}, 3);
    bench->now += SL_SEC;
    join(bench, &bench->b); /* who says nothing gets the main one */
    key_frame(bench, SL_VIDEO, 15, 1300);
    assert_sent(&bench->b.fake, 0, (const uint32_t[]){1300, 1300}, 2);
}

static void test_a_change_of_layer_is_seamless(void **state)
{
    struct bench *bench = *state;
    key_frame(bench, SL_VIDEO, 10, 1000);
    key_frame(bench, SL_VIDEO_SUB, 500, 1001);
    join(bench, &bench->a);
    assert_int_equal(bench->a.fake.sent, 2); /* out of the history */
    bench->now += SL_SEC;
    sl_relay_choose(bench->relay, &bench->a.feed, SL_VIDEO_SUB, bench->now);
    assert_int_equal(bench->publisher.sub_requests, 1);
    /* The old one goes on until the new one can begin, and then up to the end of its frame. */
    delta(bench, SL_VIDEO, 12, 1100);
    delta(bench, SL_VIDEO_SUB, 502, 1101);
    layer_packet(bench, SL_VIDEO, 13, 1200, DELTA, false);
    key_frame(bench, SL_VIDEO_SUB, 503, 1201);
    assert_int_equal(bench->a.fake.sent, 4);
    layer_packet(bench, SL_VIDEO, 14, 1200, DELTA, true);
    delta(bench, SL_VIDEO, 15, 1300);
    delta(bench, SL_VIDEO_SUB, 505, 1301);
    assert_sent(&bench->a.fake, 2, (const uint32_t[]){1100, 1200, 1200, 1201, 1201, 1301}, 6);
    /* What was sent can be asked for again, whichever layer it is of; nothing else can. */
    const int64_t first = bench->a.fake.seqs[0];
    for (int i = 0; i < bench->a.fake.sent; i++) {
        const struct sl_rtp_packet *again =
            sl_relay_resend(bench->relay, &bench->a.feed, SL_VIDEO, first + i);
        assert_non_null(again);
        assert_int_equal(again->seq, first + i);
        assert_int_equal(again->timestamp, bench->a.fake.timestamps[i]);
    }
    assert_null(sl_relay_resend(bench->relay, &bench->a.feed, SL_VIDEO, first - 1));
    assert_null(sl_relay_resend(bench->relay, &bench->a.feed, SL_VIDEO, first + 8));

    /* And back. */
    sl_relay_choose(bench->relay, &bench->a.feed, SL_VIDEO, bench->now);
    key_frame(bench, SL_VIDEO, 16, 1400);
    delta(bench, SL_VIDEO_SUB, 506, 1401);
    delta(bench, SL_VIDEO, 18, 1500);
    assert_sent(&bench->a.fake, 8, (const uint32_t[]){1400, 1400, 1500}, 3);
}

static void test_a_change_begins_with_a_picture_made_since(void **state)
{
    struct bench *bench = *state;
    key_frame(bench, SL_VIDEO_SUB, 500, 1001);
    join(bench, &bench->a);
    key_frame(bench, SL_VIDEO, 10, 1000);
    bench->now += 100 * SL_MS; /* fresh enough for a joiner */
    delta(bench, SL_VIDEO, 12, 1100);
    sl_relay_choose(bench->relay, &bench->a.feed, SL_VIDEO_SUB, bench->now);
    delta(bench, SL_VIDEO_SUB, 502, 1101);
    delta(bench, SL_VIDEO, 13, 1200);
    assert_sent(&bench->a.fake, 0, (const uint32_t[]){1000, 1000, 1100, 1200}, 4);
}

/* A frame whose end is lost does not hold up the change for ever; that it is unfinished shows. */
static void test_a_frame_without_its_end_is_left_behind(void **state)
{
    struct bench *bench = *state;
    key_frame(bench, SL_VIDEO, 10, 1000);
    key_frame(bench, SL_VIDEO_SUB, 500, 1001);
    join(bench, &bench->a);
    layer_packet(bench, SL_VIDEO, 12, 1100, DELTA, false);
    sl_relay_choose(bench->relay, &bench->a.feed, SL_VIDEO_SUB, bench->now);
    key_frame(bench, SL_VIDEO_SUB, 502, 1101);
    assert_int_equal(bench->a.fake.sent, 3);
    bench->now += 100 * SL_MS;
    delta(bench, SL_VIDEO_SUB, 504, 1201);
    assert_int_equal(bench->a.fake.sent, 6);
    assert_in_range(bench->a.fake.seqs[3], bench->a.fake.seqs[2] + 2, bench->a.fake.seqs[2] + 10);
    /* What of it comes late takes the numbers left for it. */
    layer_packet(bench, SL_VIDEO, 13, 1100, DELTA, true);
    const struct sl_rtp_packet *end =
        sl_relay_resend(bench->relay, &bench->a.feed, SL_VIDEO, bench->a.fake.seqs[2] + 1);
    assert_non_null(end);
    assert_int_equal(end->timestamp, 1100);
}

static void test_who_changes_back_in_time_never_left(void **state)
{
    struct bench *bench = *state;
    key_frame(bench, SL_VIDEO, 10, 1000);
    key_frame(bench, SL_VIDEO_SUB, 500, 1001);
    join(bench, &bench->a);
    bench->now += SL_SEC;
    sl_relay_choose(bench->relay, &bench->a.feed, SL_VIDEO_SUB, bench->now);
    sl_relay_choose(bench->relay, &bench->a.feed, SL_VIDEO, bench->now);
    key_frame(bench, SL_VIDEO_SUB, 502, 1101);
    delta(bench, SL_VIDEO, 12, 1100);
    assert_sent(&bench->a.fake, 2, (const uint32_t[]){1100}, 1);
    assert_int_equal(sl_relay_due(bench->relay), SL_NEVER); /* nobody waits for a key frame */
}

static void test_changes_do_not_make_more_requests_than_a_feed_may(void **state)
{
    struct bench *bench = *state;
    key_frame(bench, SL_VIDEO, 10, 1000);
    key_frame(bench, SL_VIDEO_SUB, 500, 1001);
    join(bench, &bench->a);
    for (int i = 0; i < 100; i++) {
        bench->now += 10 * SL_MS;
        sl_relay_choose(bench->relay, &bench->a.feed, i % 2 ? SL_VIDEO : SL_VIDEO_SUB, bench->now);
        sl_relay_tick(bench->relay, bench->now);
    }
    assert_in_range(bench->publisher.requests, 1, 6);
}

/* A publisher without a small picture: the other is given, and the choice is remembered. */
static void test_a_choice_outlives_the_publisher(void **state)
{
    struct bench *bench = *state;
    key_frame(bench, SL_VIDEO, 10, 1000);
    key_frame(bench, SL_VIDEO_SUB, 500, 1001);
    assert_int_equal(sl_relay_join(bench->relay, &bench->a.feed, &bench->a.fake), 0);
    sl_relay_choose(bench->relay, &bench->a.feed, SL_VIDEO_SUB, bench->now);
    sl_relay_connected(bench->relay, &bench->a.feed, bench->now);
    assert_sent(&bench->a.fake, 0, (const uint32_t[]){1001, 1001}, 2);

    bench->now += SL_SEC;
    bench->ssrc = 88;
    sl_relay_publish(bench->relay, &bench->second_publisher, bench->now);
    assert_int_equal(sl_relay_layer(&bench->a.feed), SL_VIDEO);
    key_frame(bench, SL_VIDEO, 7, 50);
    assert_int_equal(bench->a.fake.sent, 4);
    assert_true(bench->a.fake.timestamps[2] > 1001);
    assert_true(bench->a.fake.seqs[2] > bench->a.fake.seqs[1]);

    bench->now += SL_SEC;
    bench->ssrc = 99;
    sl_relay_publish(bench->relay, &bench->publisher, bench->now);
    key_frame(bench, SL_VIDEO_SUB, 3, 71);
    key_frame(bench, SL_VIDEO, 9, 70);
    delta(bench, SL_VIDEO_SUB, 5, 171);
    assert_int_equal(sl_relay_layer(&bench->a.feed), SL_VIDEO_SUB);
    assert_int_equal(bench->a.fake.sent, 7);
    assert_int_equal(bench->a.fake.timestamps[6] - bench->a.fake.timestamps[5], 100);
    for (int i = 1; i < 7; i++)
        assert_true(bench->a.fake.seqs[i] > bench->a.fake.seqs[i - 1]);
}

static void test_a_key_frame_is_wanted_of_the_layer_shown(void **state)
{
    struct bench *bench = *state;
    key_frame(bench, SL_VIDEO, 10, 1000);
    key_frame(bench, SL_VIDEO_SUB, 500, 1001);
    assert_int_equal(sl_relay_join(bench->relay, &bench->a.feed, &bench->a.fake), 0);
    sl_relay_choose(bench->relay, &bench->a.feed, SL_VIDEO_SUB, bench->now);
    sl_relay_connected(bench->relay, &bench->a.feed, bench->now);
    bench->now += SL_SEC;
    sl_relay_keyframe_wanted(bench->relay, &bench->a.feed, bench->now);
    assert_int_equal(bench->publisher.sub_requests, 1);
    assert_int_equal(bench->publisher.requests, 1);
}

int main(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, 256 << 10); /* as sightline-receiver has it */
    const struct CMUnitTest tests[] = {
        CASE(test_forwards_at_once_and_keeps_holes),
        CASE(test_one_refusing_subscriber_does_not_hurt_the_other),
        CASE(test_resends_what_it_has_and_only_what_the_feed_was_sent),
        CASE(test_memory_goes_back_when_nobody_is_there),
        CASE(test_packets_older_than_the_history_are_dropped),
        CASE(test_the_packet_path_does_not_allocate),
        CASE(test_what_waits_goes_to_each_feed_in_order),
        CASE(test_a_feed_that_begins_gets_what_waits_once),
        CASE(test_sound_among_what_waits_is_sent_to_a_feed_that_begins),
        CASE(test_not_more_than_a_batch_waits),
        CASE(test_what_waits_is_not_the_next_publishers),
        CASE(test_joiner_begins_with_the_next_key_frame),
        CASE(test_nothing_flows_before_the_session_is_connected),
        CASE(test_what_was_sent_before_a_joiners_first_packet_is_not_for_it),
        CASE(test_joiner_is_given_a_fresh_key_frame_and_all_since),
        CASE(test_joiner_waits_for_the_lost_start_of_a_key_frame),
        CASE(test_joiner_starts_when_the_end_of_the_frame_before_is_repaired),
        CASE(test_requests_are_put_together),
        CASE(test_a_request_is_forgotten_once_a_key_frame_begins),
        CASE(test_requests_that_a_key_frame_crossed_are_not_passed_on),
        CASE(test_one_feed_cannot_make_everybody_pay_for_key_frames),
        CASE(test_asks_again_while_somebody_waits),
        CASE(test_a_new_publisher_goes_on_after_the_old),
        CASE(test_a_new_publishers_lost_beginning_is_mended),
        CASE(test_a_new_ssrc_is_a_new_publisher),
        CASE(test_feeds_wait_for_the_new_publishers_key_frame),
        CASE(test_timestamps_follow_capture_time_over_a_restart),
        CASE(test_a_feed_gets_the_layer_it_chose),
        CASE(test_a_change_of_layer_is_seamless),
        CASE(test_a_change_begins_with_a_picture_made_since),
        CASE(test_a_frame_without_its_end_is_left_behind),
        CASE(test_who_changes_back_in_time_never_left),
        CASE(test_changes_do_not_make_more_requests_than_a_feed_may),
        CASE(test_a_choice_outlives_the_publisher),
        CASE(test_a_key_frame_is_wanted_of_the_layer_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
