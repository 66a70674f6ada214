/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "session/ice_client.h"
#include "stun/stun.h"

#define START (1000 * SL_SEC)

static const struct sl_ice_credentials credentials = {.local_ufrag = "ours",
                                                      .local_pwd = "ourpasswordourpassword",
                                                      .remote_ufrag = "lite",
                                                      .remote_pwd = "litepasswordlitepassword"};

struct fixture {
    struct sl_random random;
    struct sl_ice_client client;
    struct sl_addr candidates[20];
    sl_ns heard;
    /* the last check sent */
    uint8_t check[SL_STUN_MESSAGE_MAX];
    size_t len;
    struct sl_path to;
    struct sl_stun_message message;
};

static void open_client(struct fixture *f, int candidates)
{
    memset(f, 0, sizeof(*f));
    sl_random_init_seed(&f->random, 5);
    for (int i = 0; i < candidates; i++) {
        char text[SL_ADDR_TEXT];
        snprintf(text, sizeof(text), "192.0.2.%d:4000", i + 1);
        assert_int_equal(sl_addr_parse(&f->candidates[i], text), 0);
    }
    sl_ice_client_init(&f->client, &credentials, f->candidates, candidates, &f->random);
    assert_int_equal(sl_ice_client_due(&f->client, START), SL_NEVER);
    sl_ice_client_start(&f->client, START);
    f->heard = START;
}

/* Takes the check that is due at `now`. */
static bool take(struct fixture *f, sl_ns now)
{
    const struct sl_path *path = NULL;
    f->len = sl_ice_client_next(&f->client, now, f->heard, f->check, sizeof(f->check), &path);
    if (f->len == 0)
        return false;
    f->to = *path;
    assert_int_equal(sl_stun_read(&f->message, f->check, f->len), 0);
    assert_int_equal(f->message.class, SL_STUN_REQUEST);
    assert_true(f->message.has_controlling && f->message.has_priority);
    assert_memory_equal(f->message.username, "lite:ours", f->message.username_len);
    assert_true(sl_stun_verify(&f->message, f->check, f->len, credentials.remote_pwd));
    return true;
}

/* Plays forward to the next check; when it was sent. */
static sl_ns next(struct fixture *f)
{
    const sl_ns due = sl_ice_client_due(&f->client, f->heard);
    assert_true(due < SL_NEVER);
    assert_false(take(f, due - 1));
    assert_true(take(f, due));
    return due;
}

static enum sl_ice_answer answer_with(struct fixture *f, const char *password,
                                      const struct sl_path *from, sl_ns now, sl_ns *rtt)
{
    uint8_t data[SL_STUN_MESSAGE_MAX], reply[SL_STUN_MESSAGE_MAX];
    size_t reply_len = 0;
    const int n = sl_stun_write_success(f->message.transaction, &f->candidates[0], password, data,
                                        sizeof(data));
    assert_true(n > 0);
    const enum sl_ice_answer result = sl_ice_client_receive(&f->client, now, from, data, (size_t)n,
                                                            reply, sizeof(reply), &reply_len, rtt);
    assert_int_equal(reply_len, 0);
    if (result == SL_ICE_ANSWER_SUCCESS)
        f->heard = now;
    return result;
}

static sl_ns answer(struct fixture *f, sl_ns now)
{
    sl_ns rtt = -1;
    assert_int_equal(answer_with(f, credentials.remote_pwd, &f->to, now, &rtt),
                     SL_ICE_ANSWER_SUCCESS);
    return rtt;
}

static void test_checks_are_paced_and_back_off(void **state)
{
    (void)state;
    struct fixture f;
    open_client(&f, 2);
    const sl_ns want[] = {0, 20, 100, 120, 300, 320, 700, 720, 1100, 1120};
    for (size_t i = 0; i < SL_COUNT(want); i++) {
        assert_int_equal(next(&f) - START, want[i] * SL_MS);
        assert_true(sl_addr_equal(&f.to.remote, &f.candidates[i % 2]));
        assert_false(f.message.use_candidate);
    }
}

static void test_first_valid_pair_is_nominated_and_kept(void **state)
{
    (void)state;
    struct fixture f;
    open_client(&f, 3);
    next(&f);
    const sl_ns sent = next(&f);
    assert_null(sl_ice_client_path(&f.client));
    assert_int_equal(answer(&f, sent + 7 * SL_MS), 7 * SL_MS);
    assert_true(sl_addr_equal(&sl_ice_client_path(&f.client)->remote, &f.candidates[1]));
    /* Nomination goes out at once, to that pair alone, until it is answered. */
    assert_int_equal(next(&f), sent + 7 * SL_MS);
    assert_true(f.message.use_candidate);
    assert_true(sl_addr_equal(&f.to.remote, &f.candidates[1]));
    const sl_ns again = next(&f);
    assert_int_equal(again, sent + 107 * SL_MS);
    assert_true(f.message.use_candidate);
    assert_false(f.client.nominated);
    answer(&f, again + 7 * SL_MS);
    assert_true(f.client.nominated);
}

static void connect_client(struct fixture *f, sl_ns *now)
{
    open_client(f, 1);
    *now = next(f);
    answer(f, *now);
    assert_int_equal(next(f), *now);
    answer(f, *now);
    assert_true(f->client.nominated);
}

static void test_consent_each_five_seconds(void **state)
{
    (void)state;
    struct fixture f;
    sl_ns now;
    connect_client(&f, &now);
    for (int i = 0; i < 50; i++) {
        /* Media keeps the peer heard. */
        sl_ns due = SL_NEVER;
        for (; due > now; now += 100 * SL_MS) {
            f.heard = now;
            due = sl_ice_client_due(&f.client, f.heard);
            if (due <= now + 100 * SL_MS)
                break;
        }
        const sl_ns last = f.client.answered;
        assert_in_range(due - last, 4 * SL_SEC, 6 * SL_SEC);
        assert_true(take(&f, due));
        assert_true(f.message.use_candidate);
        now = due;
        answer(&f, now);
    }
}

static void test_silence_is_checked_each_100_ms(void **state)
{
    (void)state;
    struct fixture f;
    sl_ns now;
    connect_client(&f, &now);
    assert_int_equal(next(&f), now + 500 * SL_MS);
    for (int i = 1; i < 10; i++)
        assert_int_equal(next(&f), now + (500 + i * 100) * SL_MS);
    f.heard = now + 1500 * SL_MS;
    assert_int_equal(next(&f), now + 2000 * SL_MS);
}

static void test_answers_that_do_not_count(void **state)
{
    (void)state;
    struct fixture f;
    sl_ns rtt = -1;
    open_client(&f, 2);
    const sl_ns now = next(&f);
    struct sl_path elsewhere = f.to;
    sl_addr_set_port(&elsewhere.remote, 9);
    assert_int_equal(answer_with(&f, "wrong", &f.to, now, &rtt), SL_ICE_ANSWER_REFUSED);
    assert_int_equal(answer_with(&f, credentials.local_pwd, &f.to, now, &rtt),
                     SL_ICE_ANSWER_REFUSED);
    assert_int_equal(answer_with(&f, credentials.remote_pwd, &elsewhere, now, &rtt),
                     SL_ICE_ANSWER_REFUSED);
    const struct sl_path other = {.remote = f.candidates[1]};
    assert_int_equal(answer_with(&f, credentials.remote_pwd, &other, now, &rtt),
                     SL_ICE_ANSWER_REFUSED);
    f.message.transaction[3] ^= 1;
    assert_int_equal(answer_with(&f, credentials.remote_pwd, &f.to, now, &rtt),
                     SL_ICE_ANSWER_REFUSED);
    f.message.transaction[3] ^= 1;
    assert_int_equal(rtt, -1);
    assert_null(sl_ice_client_path(&f.client));
    answer(&f, now);
    /* The same answer again proves nothing new. */
    assert_int_equal(answer_with(&f, credentials.remote_pwd, &f.to, now, &rtt),
                     SL_ICE_ANSWER_REFUSED);
}

static void test_zero_transaction_is_not_an_answer(void **state)
{
    (void)state;
    struct fixture f;
    sl_ns rtt = -1;
    open_client(&f, 1);
    const sl_ns now = next(&f);
    answer(&f, now);
    memset(f.message.transaction, 0, sizeof(f.message.transaction));
    assert_int_equal(answer_with(&f, credentials.remote_pwd, &f.to, now, &rtt),
                     SL_ICE_ANSWER_REFUSED);
}

static void test_full_peer_is_answered_and_checked_back(void **state)
{
    (void)state;
    struct fixture f;
    open_client(&f, 1);
    const sl_ns now = next(&f);
    uint8_t data[SL_STUN_MESSAGE_MAX], reply[SL_STUN_MESSAGE_MAX];
    size_t reply_len = 0;
    sl_ns rtt;
    const uint8_t transaction[12] = "peers check";
    struct sl_stun_request request = {.transaction = transaction,
                                      .username = "ours:lite",
                                      .password = credentials.local_pwd,
                                      .priority = 1};
    struct sl_path from = f.to;
    sl_addr_set_port(&from.remote, 7777);
    int n = sl_stun_write_request(&request, data, sizeof(data));
    assert_true(n > 0);
    assert_int_equal(sl_ice_client_receive(&f.client, now, &from, data, (size_t)n, reply,
                                           sizeof(reply), &reply_len, &rtt),
                     SL_ICE_ANSWER_REPLY);
    assert_true(reply_len > 0);
    assert_false(sl_ice_client_is_valid(&f.client, &from)); /* that is for our own check to say */
    assert_int_equal(next(&f), now);
    assert_true(sl_addr_equal(&f.to.remote, &from.remote));
    request.password = credentials.remote_pwd;
    n = sl_stun_write_request(&request, data, sizeof(data));
    reply_len = 0;
    assert_int_equal(sl_ice_client_receive(&f.client, now, &from, data, (size_t)n, reply,
                                           sizeof(reply), &reply_len, &rtt),
                     SL_ICE_ANSWER_REFUSED);
    assert_int_equal(reply_len, 0);
}

static void test_no_more_pairs_than_there_is_room_for(void **state)
{
    (void)state;
    struct fixture f;
    open_client(&f, SL_ICE_PAIRS + 4);
    assert_int_equal(f.client.count, SL_ICE_PAIRS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checks_are_paced_and_back_off),
        cmocka_unit_test(test_first_valid_pair_is_nominated_and_kept),
        cmocka_unit_test(test_consent_each_five_seconds),
        cmocka_unit_test(test_silence_is_checked_each_100_ms),
        cmocka_unit_test(test_answers_that_do_not_count),
        cmocka_unit_test(test_zero_transaction_is_not_an_answer),
        cmocka_unit_test(test_full_peer_is_answered_and_checked_back),
        cmocka_unit_test(test_no_more_pairs_than_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
