/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "session/nack.h"

#define START (1000 * SL_SEC)
#define PATIENCE (500 * SL_MS)
#define RTT (20 * SL_MS)

static struct sl_nack *make(bool tail)
{
    struct sl_nack *nack = NULL;
    const struct sl_nack_config config = {.tail = tail, .patience = PATIENCE};
    assert_int_equal(sl_nack_create(&nack, &config), 0);
    return nack;
}

static void assert_balanced(const struct sl_nack *nack)
{
    struct sl_nack_stats s;
    sl_nack_stats(nack, &s);
    assert_int_equal(s.expected, s.received + s.mended + s.restored + s.missing + s.given_up);
}

static void plain(struct sl_nack *nack, int64_t seq, bool marker, sl_ns now,
                  enum sl_nack_arrival want)
{
    assert_int_equal(sl_nack_arrived(nack, seq, marker, SL_NACK_SENT, now), want);
    assert_balanced(nack);
}

/* Asks at the due time and checks what for. */
static sl_ns asks(struct sl_nack *nack, sl_ns rtt, int64_t first, size_t count)
{
    int64_t seqs[64];
    const sl_ns due = sl_nack_due(nack);
    assert_true(due != SL_NEVER);
    assert_int_equal(sl_nack_take(nack, due - 1, rtt, seqs, SL_COUNT(seqs)), 0);
    assert_int_equal(sl_nack_take(nack, due, rtt, seqs, SL_COUNT(seqs)), count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(seqs[i], first + (int64_t)i);
    assert_balanced(nack);
    return due;
}

static void test_refuses_senseless_patience(void **state)
{
    (void)state;
    struct sl_nack *nack = NULL;
    const struct sl_nack_config config = {.patience = 0};
    assert_int_not_equal(sl_nack_create(&nack, &config), 0);
    sl_nack_destroy(NULL);
}

static void test_late_join_misses_nothing(void **state)
{
    (void)state;
    struct sl_nack *nack = make(true);
    plain(nack, 500000, true, START, SL_NACK_NEW);
    assert_int_equal(sl_nack_due(nack), SL_NEVER);
    plain(nack, 400000, true, START, SL_NACK_OLD);
    sl_nack_destroy(nack);
}

static void test_stream_may_begin_in_the_wrong_order(void **state)
{
    (void)state;
    struct sl_nack *nack = make(true);
    plain(nack, 12, true, START, SL_NACK_NEW);
    plain(nack, 10, false, START + SL_MS, SL_NACK_NEW);
    asks(nack, RTT, 11, 1); /* 10 and 12 were sent, so 11 was */
    plain(nack, 10, false, START + 2 * SL_MS, SL_NACK_DUPLICATE);
    plain(nack, 5, false, START + SL_SEC, SL_NACK_OLD); /* too late for that */
    sl_nack_destroy(nack);
}

static void test_gap_is_asked_for_after_the_guard_then_each_rtt(void **state)
{
    (void)state;
    struct sl_nack *nack = make(false);
    plain(nack, 1, true, START, SL_NACK_NEW);
    plain(nack, 4, true, START, SL_NACK_NEW);
    sl_ns at = asks(nack, RTT, 2, 2);
    assert_true(at >= START + SL_MS && at <= START + 2 * SL_MS);
    for (int i = 1; i < 5; i++) {
        const sl_ns next = asks(nack, RTT, 2, 2);
        assert_int_equal(next, at + RTT);
        at = next;
    }
    /* Five tries; one more interval for the last answer; then it is given up. */
    assert_int_equal(sl_nack_given_up(nack), 0);
    assert_int_equal(asks(nack, RTT, 0, 0), at + RTT);
    assert_int_equal(sl_nack_given_up(nack), 2);
    assert_int_equal(sl_nack_given_up(nack), 0);
    assert_int_equal(sl_nack_due(nack), SL_NEVER);
    sl_nack_destroy(nack);
}

static void test_short_rtt_retries_each_10_ms(void **state)
{
    (void)state;
    struct sl_nack *nack = make(false);
    plain(nack, 1, true, START, SL_NACK_NEW);
    plain(nack, 3, true, START, SL_NACK_NEW);
    const sl_ns at = asks(nack, SL_MS, 2, 1);
    assert_int_equal(asks(nack, SL_MS, 2, 1), at + 10 * SL_MS);
    sl_nack_destroy(nack);
}

static void test_patience_ends_it(void **state)
{
    (void)state;
    struct sl_nack *nack = make(false);
    const sl_ns rtt = 200 * SL_MS;
    plain(nack, 1, true, START, SL_NACK_NEW);
    plain(nack, 3, true, START, SL_NACK_NEW);
    asks(nack, rtt, 2, 1);
    asks(nack, rtt, 2, 1);
    asks(nack, rtt, 0, 0); /* at 401.5 ms: an answer would come at 601.5 */
    assert_int_equal(sl_nack_given_up(nack), 0);
    assert_int_equal(asks(nack, rtt, 0, 0), START + PATIENCE);
    assert_int_equal(sl_nack_given_up(nack), 1);
    sl_nack_destroy(nack);
}

static void test_mended_and_duplicates(void **state)
{
    (void)state;
    struct sl_nack *nack = make(false);
    plain(nack, 1, true, START, SL_NACK_NEW);
    plain(nack, 3, true, START, SL_NACK_NEW);
    asks(nack, RTT, 2, 1);
    assert_int_equal(sl_nack_arrived(nack, 2, true, SL_NACK_RESENT, START + RTT), SL_NACK_MENDED);
    assert_balanced(nack);
    assert_int_equal(sl_nack_due(nack), SL_NEVER);
    assert_int_equal(sl_nack_arrived(nack, 2, true, SL_NACK_RESENT, START + RTT),
                     SL_NACK_DUPLICATE);
    plain(nack, 2, true, START + RTT, SL_NACK_DUPLICATE);
    struct sl_nack_stats s;
    sl_nack_stats(nack, &s);
    assert_int_equal(s.expected, 3);
    assert_int_equal(s.received, 2);
    assert_int_equal(s.mended, 1);
    assert_int_equal(s.duplicate, 2);
    sl_nack_destroy(nack);
}

static void test_given_up_may_still_come(void **state)
{
    (void)state;
    struct sl_nack *nack = make(false);
    plain(nack, 1, true, START, SL_NACK_NEW);
    plain(nack, 3, true, START, SL_NACK_NEW);
    int64_t seqs[16];
    sl_nack_take(nack, START + PATIENCE, RTT, seqs, SL_COUNT(seqs));
    assert_int_equal(sl_nack_given_up(nack), 1);
    assert_int_equal(sl_nack_arrived(nack, 2, true, SL_NACK_RESENT, START + SL_SEC),
                     SL_NACK_MENDED);
    assert_balanced(nack);
    struct sl_nack_stats s;
    sl_nack_stats(nack, &s);
    assert_int_equal(s.given_up, 0);
    sl_nack_destroy(nack);
}

static void test_guard_grows_with_reordering_up_to_its_cap_and_shrinks_again(void **state)
{
    (void)state;
    struct sl_nack *nack = make(false);
    struct sl_nack_stats s;
    sl_nack_stats(nack, &s);
    const sl_ns base = s.guard;
    sl_ns now = START;
    int64_t seq = 0;
    plain(nack, seq, true, now, SL_NACK_NEW);
    for (int i = 0; i < 10; i++, now += 33 * SL_MS) { /* each second packet 8 ms late */
        plain(nack, seq + 2, true, now, SL_NACK_NEW);
        plain(nack, seq + 1, true, now + 8 * SL_MS, SL_NACK_NEW);
        seq += 2;
    }
    sl_nack_stats(nack, &s);
    assert_in_range(s.guard, 8 * SL_MS, 12 * SL_MS);
    plain(nack, seq + 2, true, now, SL_NACK_NEW);
    assert_true(sl_nack_due(nack) > now + 8 * SL_MS);
    plain(nack, seq + 1, true, now + 8 * SL_MS, SL_NACK_NEW);
    assert_int_equal(sl_nack_due(nack), SL_NEVER); /* nothing asked in vain */
    for (int i = 0; i < 10; i++, now += 100 * SL_MS) {
        plain(nack, seq + 4, true, now, SL_NACK_NEW);
        plain(nack, seq + 3, true, now + 18 * SL_MS, SL_NACK_NEW);
        seq += 2;
    }
    sl_nack_stats(nack, &s);
    assert_true(s.guard <= 20 * SL_MS);
    for (int i = 0; i < 100; i++, now += SL_SEC)
        plain(nack, seq + 3 + i, true, now, SL_NACK_NEW);
    sl_nack_stats(nack, &s);
    assert_true(s.guard < base + SL_MS);
    sl_nack_destroy(nack);
}

static void test_disorder_beyond_the_cap_does_not_slow_repair(void **state)
{
    (void)state;
    struct sl_nack *nack = make(false);
    plain(nack, 1, true, START, SL_NACK_NEW);
    plain(nack, 3, true, START, SL_NACK_NEW);
    plain(nack, 2, true, START + 100 * SL_MS, SL_NACK_NEW);
    struct sl_nack_stats s;
    sl_nack_stats(nack, &s);
    assert_true(s.guard <= 2 * SL_MS);
    sl_nack_destroy(nack);
}

static void test_quiet_frame_without_marker_is_asked_on(void **state)
{
    (void)state;
    struct sl_nack *nack = make(true);
    plain(nack, 7, false, START, SL_NACK_NEW);
    const sl_ns at = asks(nack, RTT, 8, 4);
    assert_int_equal(at, START + 5 * SL_MS);
    struct sl_nack_stats s;
    sl_nack_stats(nack, &s);
    assert_int_equal(s.expected, 1); /* whether they exist is not known */
    assert_int_equal(s.missing, 0);
    for (int i = 1; i < 5; i++)
        assert_int_equal(asks(nack, RTT, 8, 4), at + i * RTT);
    asks(nack, RTT, 0, 0);
    assert_int_equal(sl_nack_due(nack), SL_NEVER);
    assert_int_equal(sl_nack_given_up(nack), 0);
    /* The next frame begins right there: nothing was lost. */
    plain(nack, 8, true, START + SL_SEC, SL_NACK_NEW);
    assert_int_equal(sl_nack_due(nack), SL_NEVER);
    sl_nack_destroy(nack);
}

static void test_marker_needs_no_tail(void **state)
{
    (void)state;
    struct sl_nack *nack = make(true);
    plain(nack, 7, false, START, SL_NACK_NEW);
    plain(nack, 8, true, START + SL_MS, SL_NACK_NEW);
    assert_int_equal(sl_nack_due(nack), SL_NEVER);
    sl_nack_destroy(nack);
}

static void test_mended_tail_goes_on_at_once(void **state)
{
    (void)state;
    struct sl_nack *nack = make(true);
    plain(nack, 7, false, START, SL_NACK_NEW);
    const sl_ns at = asks(nack, RTT, 8, 4);
    for (int64_t seq = 8; seq <= 11; seq++)
        assert_int_equal(sl_nack_arrived(nack, seq, false, true, at + RTT), SL_NACK_MENDED);
    assert_balanced(nack);
    /* The frame goes on past what was asked: no 5 ms of quiet again. */
    assert_true(asks(nack, RTT, 12, 4) < at + RTT + 2 * SL_MS);
    assert_int_equal(sl_nack_arrived(nack, 12, true, SL_NACK_RESENT, at + 2 * RTT), SL_NACK_MENDED);
    assert_int_equal(sl_nack_due(nack), SL_NEVER);
    sl_nack_destroy(nack);
}

static void test_tail_shown_by_the_next_frame_keeps_its_tries(void **state)
{
    (void)state;
    struct sl_nack *nack = make(true);
    plain(nack, 7, false, START, SL_NACK_NEW);
    const sl_ns at = asks(nack, RTT, 8, 4);
    plain(nack, 10, true, at + SL_MS, SL_NACK_NEW); /* 8 and 9 were sent, and asked for just now */
    assert_int_equal(asks(nack, RTT, 8, 2), at + RTT);
    struct sl_nack_stats s;
    sl_nack_stats(nack, &s);
    assert_int_equal(s.missing, 2);
    for (int i = 2; i < 5; i++)
        assert_int_equal(asks(nack, RTT, 8, 2), at + i * RTT);
    asks(nack, RTT, 0, 0); /* five tries in all */
    assert_int_equal(sl_nack_given_up(nack), 2);
    sl_nack_destroy(nack);
}

static void test_audio_has_no_tail(void **state)
{
    (void)state;
    struct sl_nack *nack = make(false);
    plain(nack, 7, false, START, SL_NACK_NEW);
    assert_int_equal(sl_nack_due(nack), SL_NEVER);
    sl_nack_destroy(nack);
}

static void test_head_is_asked_for(void **state)
{
    (void)state;
    struct sl_nack *nack = NULL;
    const struct sl_nack_config config = {.head = true, .patience = PATIENCE};
    assert_int_equal(sl_nack_create(&nack, &config), 0);
    plain(nack, 100, false, START, SL_NACK_NEW);
    const sl_ns at = asks(nack, RTT, 96, 4);
    assert_true(at <= START + 2 * SL_MS);
    /* 98 comes: 97 and before may exist, 99 does. */
    assert_int_equal(sl_nack_arrived(nack, 98, false, SL_NACK_RESENT, at + RTT), SL_NACK_MENDED);
    assert_balanced(nack);
    int64_t seqs[16];
    const sl_ns due = sl_nack_due(nack);
    assert_int_equal(sl_nack_take(nack, due, RTT, seqs, SL_COUNT(seqs)), 5);
    assert_int_equal(seqs[0], 94);
    assert_int_equal(seqs[3], 97);
    assert_int_equal(seqs[4], 99);
    assert_int_equal(sl_nack_arrived(nack, 99, false, SL_NACK_RESENT, due + RTT), SL_NACK_MENDED);
    /* Nothing more comes: four times more, and that is that. */
    for (int i = 1; i < 5; i++)
        assert_int_equal(asks(nack, RTT, 94, 4), due + i * RTT);
    asks(nack, RTT, 0, 0);
    assert_int_equal(sl_nack_due(nack), SL_NEVER);
    assert_int_equal(sl_nack_given_up(nack), 0);
    struct sl_nack_stats s;
    sl_nack_stats(nack, &s);
    assert_int_equal(s.expected, 3);
    sl_nack_destroy(nack);
}

static void test_head_does_not_go_below_zero(void **state)
{
    (void)state;
    struct sl_nack *nack = NULL;
    const struct sl_nack_config config = {.head = true, .patience = PATIENCE};
    assert_int_equal(sl_nack_create(&nack, &config), 0);
    plain(nack, 2, false, START, SL_NACK_NEW);
    asks(nack, RTT, 0, 2);
    sl_nack_reset(nack);
    plain(nack, 0, false, START, SL_NACK_NEW);
    assert_int_equal(sl_nack_due(nack), SL_NEVER);
    sl_nack_destroy(nack);
}

static void test_jump_is_given_up_whole(void **state)
{
    (void)state;
    struct sl_nack *nack = make(true);
    plain(nack, 0, true, START, SL_NACK_NEW);
    plain(nack, SL_NACK_MAX + 1, true, START, SL_NACK_NEW); /* as many as can be held */
    assert_int_equal(sl_nack_given_up(nack), 0);
    plain(nack, SL_NACK_MAX + 3, true, START, SL_NACK_NEW); /* one more */
    assert_int_equal(sl_nack_given_up(nack), SL_NACK_MAX + 1);
    assert_int_equal(sl_nack_due(nack), SL_NEVER);
    plain(nack, 1000000, true, START, SL_NACK_NEW);
    sl_nack_destroy(nack);
}

static void test_reset_starts_anew(void **state)
{
    (void)state;
    struct sl_nack *nack = make(true);
    plain(nack, 100, true, START, SL_NACK_NEW);
    plain(nack, 103, false, START, SL_NACK_NEW);
    sl_nack_reset(nack);
    assert_int_equal(sl_nack_due(nack), SL_NEVER);
    assert_balanced(nack);
    plain(nack, 5, true, START, SL_NACK_NEW);
    assert_int_equal(sl_nack_due(nack), SL_NEVER);
    assert_balanced(nack);
    sl_nack_destroy(nack);
}

static void test_asks_no_more_than_there_is_room_for(void **state)
{
    (void)state;
    struct sl_nack *nack = make(false);
    plain(nack, 0, true, START, SL_NACK_NEW);
    plain(nack, 101, true, START, SL_NACK_NEW);
    int64_t seqs[16];
    int64_t next = 1;
    const sl_ns due = sl_nack_due(nack);
    while (sl_nack_due(nack) <= due) {
        const size_t n = sl_nack_take(nack, due, RTT, seqs, SL_COUNT(seqs));
        assert_in_range(n, 1, SL_COUNT(seqs));
        for (size_t i = 0; i < n; i++)
            assert_int_equal(seqs[i], next++);
    }
    assert_int_equal(next, 101);
    sl_nack_destroy(nack);
}

static void test_relay_is_given_time_for_its_own_repair(void **state)
{
    (void)state;
    struct sl_nack *nack = NULL;
    const struct sl_nack_config config = {.relayed = true, .patience = PATIENCE};
    assert_int_equal(sl_nack_create(&nack, &config), 0);
    plain(nack, 1, true, START, SL_NACK_NEW);
    plain(nack, 3, true, START, SL_NACK_NEW);
    const sl_ns at = asks(nack, 0, 2, 1);
    const int64_t after_ms[] = {10, 30, 70, 110, 150, 190, 230, 270};
    for (size_t i = 0; i < SL_COUNT(after_ms); i++)
        assert_int_equal(asks(nack, 0, 2, 1), at + after_ms[i] * SL_MS);
    assert_int_equal(sl_nack_given_up(nack), 0);
    plain(nack, 2, true, START + 300 * SL_MS, SL_NACK_NEW); /* mended upstream: comes plainly */
    plain(nack, 5, true, START + 301 * SL_MS, SL_NACK_NEW);
    plain(nack, 4, true, START + 313 * SL_MS, SL_NACK_NEW);
    struct sl_nack_stats s;
    sl_nack_stats(nack, &s);
    assert_true(s.guard < 2 * SL_MS); /* 12 ms were the relay's wait, not disorder */
    plain(nack, 7, true, START + 400 * SL_MS, SL_NACK_NEW);
    while (sl_nack_due(nack) < START + 900 * SL_MS)
        asks(nack, 0, 6, 1);
    assert_int_equal(asks(nack, 0, 0, 0), START + 900 * SL_MS);
    assert_int_equal(sl_nack_given_up(nack), 1);
    sl_nack_destroy(nack);
}

/* ---- a random network against an independent model -------------------------------------- */

#define SENT 6000
#define FLIGHTS 65536

struct flight {
    sl_ns at;
    int64_t seq;
    bool resend;
};

struct network {
    struct sl_random random;
    struct flight flights[FLIGHTS];
    size_t count;
};

static void fly(struct network *net, int64_t seq, bool resend, sl_ns at)
{
    assert_true(net->count < FLIGHTS);
    net->flights[net->count++] = (struct flight){.at = at, .seq = seq, .resend = resend};
}

static bool land(struct network *net, sl_ns now, struct flight *ret)
{
    size_t best = net->count;
    for (size_t i = 0; i < net->count; i++)
        if (net->flights[i].at <= now &&
            (best == net->count || net->flights[i].at < net->flights[best].at))
            best = i;
    if (best == net->count)
        return false;
    *ret = net->flights[best];
    net->flights[best] = net->flights[--net->count];
    return true;
}

static void play(uint64_t seed, bool relayed)
{
    static struct network net;
    static uint8_t arrived[SENT + 1], asked[SENT + 16];
    net.count = 0;
    memset(arrived, 0, sizeof(arrived));
    memset(asked, 0, sizeof(asked));
    sl_random_init_seed(&net.random, seed);
    const double loss = 0.3 * sl_random_unit(&net.random);
    const uint32_t jitter_us = sl_random_range(&net.random, 0, 30000);
    struct sl_nack *nack = NULL;
    const struct sl_nack_config config = {
        .head = seed % 3 == 0, .tail = true, .relayed = relayed, .patience = PATIENCE};
    assert_int_equal(sl_nack_create(&nack, &config), 0);
    int64_t sent = 0, highest = -1, first = -1;
    uint64_t duplicate = 0, distinct = 0;
    for (sl_ns now = START; sent < SENT || net.count > 0 || sl_nack_due(nack) != SL_NEVER;
         now += 250 * SL_US) {
        for (uint32_t n = sl_random_range(&net.random, 0, 2); n > 0 && sent < SENT; n--, sent++) {
            for (int copies = sl_random_unit(&net.random) < 0.02 ? 2 : 1; copies > 0; copies--)
                if (sl_random_unit(&net.random) >= loss)
                    fly(&net, sent, false,
                        now + sl_random_range(&net.random, 0, jitter_us) * SL_US);
        }
        struct flight f;
        while (land(&net, now, &f)) {
            const enum sl_nack_arrival got = sl_nack_arrived(
                nack, f.seq, f.seq % 7 == 6, f.resend ? SL_NACK_RESENT : SL_NACK_SENT, now);
            if (got == SL_NACK_NEW || got == SL_NACK_MENDED) {
                assert_false(arrived[f.seq]);
                arrived[f.seq] = 1;
                distinct++;
                first = first < 0 || f.seq < first ? f.seq : first;
                highest = f.seq > highest ? f.seq : highest;
                assert_true(got == SL_NACK_NEW || asked[f.seq]);
            } else if (got == SL_NACK_DUPLICATE) {
                assert_true(arrived[f.seq]);
                duplicate++;
            } else {
                assert_true(f.seq < first || f.seq <= highest - 1024);
            }
            assert_balanced(nack);
        }
        int64_t seqs[512];
        const size_t n = sl_nack_take(nack, now, RTT, seqs, SL_COUNT(seqs));
        for (size_t i = 0; i < n; i++) {
            assert_true(i == 0 || seqs[i] > seqs[i - 1]);
            assert_true(seqs[i] >= first - 4 && seqs[i] <= highest + 4);
            if (seqs[i] >= sent)
                continue;
            assert_false(arrived[seqs[i]]);
            asked[seqs[i]]++;
            if (sl_random_unit(&net.random) >= loss)
                fly(&net, seqs[i], true, now + RTT);
        }
        assert_true(sl_nack_due(nack) > now);
        assert_balanced(nack);
    }
    struct sl_nack_stats s;
    sl_nack_stats(nack, &s);
    assert_int_equal(s.expected, highest - first + 1);
    assert_int_equal(s.received + s.mended, distinct);
    assert_int_equal(s.given_up, highest - first + 1 - (int64_t)distinct);
    assert_int_equal(s.missing, 0);
    assert_int_equal(s.duplicate, duplicate);
    assert_true(sl_nack_given_up(nack) >= s.given_up);
    /* Five tries each at 30 % both times: 0.3^6 left at worst. */
    assert_true((double)s.given_up < 0.01 * SENT);
    sl_nack_destroy(nack);
}

static void test_random_networks(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++)
        play(seed, seed & 1);
}

/* ---- parity ---- */

static void test_restored_numbers_are_told_from_mended_ones(void **state)
{
    (void)state;
    struct sl_nack *nack = make(true);
    struct sl_nack_stats s;
    plain(nack, 1, true, START, SL_NACK_NEW);
    plain(nack, 4, true, START, SL_NACK_NEW);
    assert_int_equal(sl_nack_arrived(nack, 2, false, SL_NACK_BY_PARITY, START + SL_MS),
                     SL_NACK_RESTORED);
    assert_balanced(nack);
    asks(nack, RTT, 3, 1);
    assert_int_equal(sl_nack_arrived(nack, 3, false, SL_NACK_BY_PARITY, START + RTT),
                     SL_NACK_MENDED); /* by rows that were asked for, most likely */
    assert_int_equal(sl_nack_arrived(nack, 3, false, SL_NACK_SENT, START + RTT), SL_NACK_DUPLICATE);
    assert_int_equal(sl_nack_arrived(nack, 6, true, SL_NACK_BY_PARITY, START + RTT),
                     SL_NACK_RESTORED); /* the end of a frame of which nothing came */
    sl_nack_stats(nack, &s);
    assert_int_equal(s.restored, 2);
    assert_int_equal(s.mended, 1);
    assert_int_equal(s.late, 0);
    assert_int_equal(sl_nack_losses(nack)->lost, 3);
    assert_int_equal(sl_nack_losses(nack)->runs, 2);
    assert_int_equal(sl_nack_arrived(nack, 5, false, SL_NACK_BY_PARITY, START + 300 * SL_MS),
                     SL_NACK_RESTORED);
    assert_true(sl_nack_was_late(nack));
    assert_balanced(nack);
    sl_nack_destroy(nack);
}

static void test_rows_are_waited_for(void **state)
{
    (void)state;
    struct sl_nack *nack = make(true);
    plain(nack, 1, true, START, SL_NACK_NEW);
    sl_nack_row(nack, 0, START + SL_MS);
    plain(nack, 3, false, START + 33 * SL_MS, SL_NACK_NEW);
    plain(nack, 4, false, START + 34 * SL_MS, SL_NACK_NEW);
    assert_true(sl_nack_due(nack) > START + 38 * SL_MS); /* the frame goes on */
    plain(nack, 5, true, START + 35 * SL_MS, SL_NACK_NEW);
    assert_int_equal(sl_nack_due(nack), START + 37 * SL_MS);
    sl_nack_row(nack, 0, START + 36500 * SL_US); /* one more may come, later than was known */
    assert_int_equal(sl_nack_due(nack), START + 38 * SL_MS);
    asks(nack, RTT, 2, 1);
    /* The next frame's rows are waited for as long as the last one's took. */
    plain(nack, 7, true, START + 66 * SL_MS, SL_NACK_NEW);
    int64_t seqs[64];
    assert_int_equal(sl_nack_take(nack, START + 68 * SL_MS, RTT, seqs, SL_COUNT(seqs)), 1);
    assert_int_equal(seqs[0], 2); /* again */
    assert_int_equal(sl_nack_due(nack), START + 68500 * SL_US);
    asks(nack, RTT, 6, 1);
    sl_nack_destroy(nack);
}

static void test_without_rows_nothing_is_waited_for(void **state)
{
    (void)state;
    struct sl_nack *nack = make(true);
    plain(nack, 1, true, START, SL_NACK_NEW);
    sl_nack_row(nack, 0, START);
    plain(nack, 3, false, START + 3 * SL_SEC, SL_NACK_NEW);
    assert_int_equal(sl_nack_due(nack), START + 3 * SL_SEC + 1500 * SL_US);
    sl_nack_destroy(nack);
}

/* The end of a frame is lost, marker and all: its rows say that it was sent. */
static void test_a_row_says_what_was_sent(void **state)
{
    (void)state;
    struct sl_nack *nack = make(true);
    plain(nack, 1, true, START, SL_NACK_NEW);
    plain(nack, 2, false, START + 33 * SL_MS, SL_NACK_NEW);
    plain(nack, 3, false, START + 33 * SL_MS, SL_NACK_NEW);
    sl_nack_row(nack, 5, START + 34 * SL_MS);
    assert_balanced(nack);
    struct sl_nack_stats s;
    sl_nack_stats(nack, &s);
    assert_int_equal(s.expected, 5);
    assert_int_equal(s.missing, 2);
    /* As soon as no more rows are to be waited for, and no number beyond them. */
    int64_t seqs[64];
    assert_true(sl_nack_due(nack) <= START + 46 * SL_MS);
    assert_int_equal(sl_nack_take(nack, sl_nack_due(nack), RTT, seqs, SL_COUNT(seqs)), 2);
    assert_int_equal(seqs[0], 4);
    assert_int_equal(seqs[1], 5);
    /* What it told of is not new, nor does an old row prove anything. */
    sl_nack_row(nack, 4, START + 47 * SL_MS);
    sl_nack_stats(nack, &s);
    assert_int_equal(s.expected, 5);
    assert_int_equal(sl_nack_arrived(nack, 5, true, SL_NACK_BY_PARITY, START + 60 * SL_MS),
                     SL_NACK_MENDED);
    assert_int_equal(sl_nack_arrived(nack, 4, false, SL_NACK_SENT, START + 60 * SL_MS),
                     SL_NACK_NEW);
    assert_balanced(nack);
    sl_nack_destroy(nack);
}

/* Numbers that the tail rule had asked for in the dark keep their tries. */
static void test_a_row_confirms_what_was_asked_for(void **state)
{
    (void)state;
    struct sl_nack *nack = make(true);
    int64_t seqs[64];
    plain(nack, 1, true, START, SL_NACK_NEW);
    plain(nack, 2, false, START + 33 * SL_MS, SL_NACK_NEW);
    assert_int_equal(sl_nack_take(nack, START + 38 * SL_MS, RTT, seqs, SL_COUNT(seqs)), 4);
    sl_nack_row(nack, 3, START + 39 * SL_MS);
    assert_int_equal(sl_nack_due(nack), START + 38 * SL_MS + RTT);
    asks(nack, RTT, 3, 1);
    sl_nack_destroy(nack);
}

/* A frame spread over a narrow link has no tail to ask for between its packets. */
static void test_spread_frames_are_not_quiet(void **state)
{
    (void)state;
    struct sl_nack *nack = make(true);
    int64_t seqs[64], asked = 0, seq = 1;
    sl_ns now = START;
    for (int frame = 0; frame < 10; frame++)
        for (int i = 0; i < 4; i++, now += 12 * SL_MS) {
            if (sl_nack_due(nack) <= now)
                asked += (int64_t)sl_nack_take(nack, now, RTT, seqs, SL_COUNT(seqs));
            plain(nack, seq++, i == 3, now, SL_NACK_NEW);
        }
    assert_true(asked <= 8); /* at the beginning only, its head and its first gap */
    plain(nack, seq++, false, now, SL_NACK_NEW);
    assert_in_range(sl_nack_due(nack), now + 20 * SL_MS, now + 30 * SL_MS);
    sl_nack_destroy(nack);
}

/* After a black-out only what may be of the frame that is coming is asked for. */
static void test_a_long_silence_is_not_asked_for(void **state)
{
    (void)state;
    struct sl_nack *nack = make(true);
    plain(nack, 1, true, START, SL_NACK_NEW);
    plain(nack, 101, false, START + PATIENCE + 2 * SL_MS, SL_NACK_NEW);
    struct sl_nack_stats s;
    sl_nack_stats(nack, &s);
    assert_int_equal(s.given_up, 95);
    assert_int_equal(s.missing, 4);
    assert_int_equal(sl_nack_given_up(nack), 95); /* so that a key frame is asked for */
    assert_balanced(nack);
    sl_nack_destroy(nack);
    nack = make(true);
    plain(nack, 1, true, START, SL_NACK_NEW);
    plain(nack, 101, false, START + PATIENCE - SL_MS, SL_NACK_NEW);
    sl_nack_stats(nack, &s);
    assert_int_equal(s.missing, 99);
    sl_nack_destroy(nack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refuses_senseless_patience),
        cmocka_unit_test(test_late_join_misses_nothing),
        cmocka_unit_test(test_stream_may_begin_in_the_wrong_order),
        cmocka_unit_test(test_gap_is_asked_for_after_the_guard_then_each_rtt),
        cmocka_unit_test(test_short_rtt_retries_each_10_ms),
        cmocka_unit_test(test_patience_ends_it),
        cmocka_unit_test(test_mended_and_duplicates),
        cmocka_unit_test(test_given_up_may_still_come),
        cmocka_unit_test(test_guard_grows_with_reordering_up_to_its_cap_and_shrinks_again),
        cmocka_unit_test(test_disorder_beyond_the_cap_does_not_slow_repair),
        cmocka_unit_test(test_quiet_frame_without_marker_is_asked_on),
        cmocka_unit_test(test_marker_needs_no_tail),
        cmocka_unit_test(test_mended_tail_goes_on_at_once),
        cmocka_unit_test(test_tail_shown_by_the_next_frame_keeps_its_tries),
        cmocka_unit_test(test_audio_has_no_tail),
        cmocka_unit_test(test_head_is_asked_for),
        cmocka_unit_test(test_head_does_not_go_below_zero),
        cmocka_unit_test(test_jump_is_given_up_whole),
        cmocka_unit_test(test_reset_starts_anew),
        cmocka_unit_test(test_asks_no_more_than_there_is_room_for),
        cmocka_unit_test(test_relay_is_given_time_for_its_own_repair),
        cmocka_unit_test(test_random_networks),
        cmocka_unit_test(test_restored_numbers_are_told_from_mended_ones),
        cmocka_unit_test(test_rows_are_waited_for),
        cmocka_unit_test(test_without_rows_nothing_is_waited_for),
        cmocka_unit_test(test_a_row_says_what_was_sent),
        cmocka_unit_test(test_spread_frames_are_not_quiet),
        cmocka_unit_test(test_a_long_silence_is_not_asked_for),
        cmocka_unit_test(test_a_row_confirms_what_was_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
