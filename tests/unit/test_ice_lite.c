/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "session/ice_lite.h"
#include "stun/stun.h"

#define START (1000 * SL_SEC)

static const struct sl_ice_credentials ours = {.local_ufrag = "lite",
                                               .local_pwd = "litepasswordlitepassword",
                                               .remote_ufrag = "peer",
                                               .remote_pwd = "peerpasswordpeerpassword"};

struct request {
    const char *username, *password;
    bool use_candidate, controlled;
};

static const struct request good = {.username = "lite:peer",
                                    .password = "litepasswordlitepassword"};

static struct sl_path path_of(int number)
{
    char text[SL_ADDR_TEXT];
    struct sl_path path = {0};
    snprintf(text, sizeof(text), "198.51.100.%d:%d", number + 1, 40000 + number);
    assert_int_equal(sl_addr_parse(&path.remote, text), 0);
    return path;
}

static size_t write_request(const struct request *request, uint8_t *out, size_t size)
{
    static const uint8_t transaction[12] = "transaction";
    const struct sl_stun_request stun = {.transaction = transaction,
                                         .username = request->username,
                                         .password = request->password,
                                         .use_candidate = request->use_candidate,
                                         .controlling = !request->controlled,
                                         .priority = 1,
                                         .tie_breaker = 2};
    const int n = sl_stun_write_request(&stun, out, size);
    assert_true(n > 0);
    return (size_t)n;
}

static enum sl_ice_check check(struct sl_ice_lite *lite, const struct request *request, int from,
                               sl_ns now)
{
    uint8_t data[SL_STUN_MESSAGE_MAX], reply[SL_STUN_MESSAGE_MAX];
    size_t reply_len = 0;
    const struct sl_path path = path_of(from);
    const size_t len = write_request(request, data, sizeof(data));
    const enum sl_ice_check result =
        sl_ice_lite_receive(lite, now, &path, data, len, reply, sizeof(reply), &reply_len);
    assert_true(result == SL_ICE_REFUSED ? reply_len == 0 : reply_len > 0);
    assert_true(reply_len <= len); /* no amplification */
    return result;
}

static void assert_path(const struct sl_ice_lite *lite, int want)
{
    const struct sl_path path = path_of(want);
    assert_true(sl_addr_equal(&sl_ice_lite_path(lite)->remote, &path.remote));
}

static struct sl_ice_lite make(void)
{
    struct sl_ice_lite lite;
    sl_ice_lite_init(&lite, &ours);
    return lite;
}

static void test_good_check_validates_its_address(void **state)
{
    (void)state;
    struct sl_ice_lite lite = make();
    const struct sl_path path = path_of(0), other = path_of(1);
    assert_null(sl_ice_lite_path(&lite));
    assert_false(sl_ice_lite_is_validated(&lite, &path));
    assert_int_equal(check(&lite, &good, 0, START), SL_ICE_VALIDATED);
    assert_int_equal(check(&lite, &good, 0, START), SL_ICE_KNOWN);
    assert_true(sl_ice_lite_is_validated(&lite, &path));
    assert_false(sl_ice_lite_is_validated(&lite, &other));
    struct sl_path same_host = path;
    sl_addr_set_port(&same_host.remote, 1);
    assert_false(sl_ice_lite_is_validated(&lite, &same_host));
}

static void test_reply_tells_the_address(void **state)
{
    (void)state;
    struct sl_ice_lite lite = make();
    uint8_t data[SL_STUN_MESSAGE_MAX], reply[SL_STUN_MESSAGE_MAX];
    size_t reply_len = 0;
    const struct sl_path path = path_of(3);
    const size_t len = write_request(&good, data, sizeof(data));
    assert_int_equal(
        sl_ice_lite_receive(&lite, START, &path, data, len, reply, sizeof(reply), &reply_len),
        SL_ICE_VALIDATED);
    struct sl_stun_message message;
    assert_int_equal(sl_stun_read(&message, reply, reply_len), 0);
    assert_int_equal(message.class, SL_STUN_SUCCESS);
    assert_memory_equal(message.transaction, "transaction", 12);
    assert_true(message.has_mapped && sl_addr_equal(&message.mapped, &path.remote));
    assert_true(sl_stun_verify(&message, reply, reply_len, ours.local_pwd));
}

static void test_wrong_credentials_change_nothing(void **state)
{
    (void)state;
    struct sl_ice_lite lite = make();
    const struct request wrong[] = {
        {.username = "lite:peer", .password = "peerpasswordpeerpassword"},
        {.username = "lite:peer", .password = "x"},
        {.username = "peer:lite", .password = ours.local_pwd},
        {.username = "lite:pee", .password = ours.local_pwd},
        {.username = "lite:peers", .password = ours.local_pwd},
        {.username = "lit:peer", .password = ours.local_pwd},
        {.username = "litee:peer", .password = ours.local_pwd},
        {.username = "lite", .password = ours.local_pwd},
        {.username = "lite:", .password = ours.local_pwd},
        {.username = ":peer", .password = ours.local_pwd},
        {.username = "litexpeer", .password = ours.local_pwd},
    };
    for (size_t i = 0; i < SL_COUNT(wrong); i++)
        assert_int_equal(check(&lite, &wrong[i], 0, START), SL_ICE_REFUSED);
    assert_int_equal(lite.count, 0);
    assert_null(sl_ice_lite_path(&lite));
}

static void test_damage_changes_nothing(void **state)
{
    (void)state;
    struct sl_ice_lite lite = make();
    uint8_t data[SL_STUN_MESSAGE_MAX], copy[SL_STUN_MESSAGE_MAX], reply[SL_STUN_MESSAGE_MAX];
    size_t reply_len = 0;
    const struct sl_path path = path_of(0);
    const size_t len = write_request(&good, data, sizeof(data));
    for (size_t bit = 0; bit < len * 8; bit++) {
        if (bit / 8 == len - 8 || bit / 8 == len - 7)
            continue; /* FINGERPRINT's type: without it a check is as authentic */
        memcpy(copy, data, len);
        copy[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_int_equal(
            sl_ice_lite_receive(&lite, START, &path, copy, len, reply, sizeof(reply), &reply_len),
            SL_ICE_REFUSED);
    }
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(
            sl_ice_lite_receive(&lite, START, &path, data, cut, reply, sizeof(reply), &reply_len),
            SL_ICE_REFUSED);
    assert_int_equal(lite.count, 0);
    assert_int_equal(reply_len, 0);
}

static void test_check_without_integrity_is_refused(void **state)
{
    (void)state;
    struct sl_ice_lite lite = make();
    uint8_t data[SL_STUN_MESSAGE_MAX], reply[SL_STUN_MESSAGE_MAX];
    size_t reply_len = 0;
    const struct sl_path path = path_of(0);
    size_t len = write_request(&good, data, sizeof(data));
    struct sl_stun_message message;
    assert_int_equal(sl_stun_read(&message, data, len), 0);
    len = message.integrity_offset; /* cut off, and the length made to fit */
    data[2] = (uint8_t)((len - 20) >> 8);
    data[3] = (uint8_t)(len - 20);
    assert_int_equal(sl_stun_read(&message, data, len), 0);
    assert_int_equal(
        sl_ice_lite_receive(&lite, START, &path, data, len, reply, sizeof(reply), &reply_len),
        SL_ICE_REFUSED);
    assert_int_equal(lite.count, 0);
}

static void test_answers_are_not_requests(void **state)
{
    (void)state;
    struct sl_ice_lite lite = make();
    uint8_t data[SL_STUN_MESSAGE_MAX], reply[SL_STUN_MESSAGE_MAX];
    size_t reply_len = 0;
    const struct sl_path path = path_of(0);
    const uint8_t transaction[12] = {0};
    const int n =
        sl_stun_write_success(transaction, &path.remote, ours.local_pwd, data, sizeof(data));
    assert_true(n > 0);
    assert_int_equal(
        sl_ice_lite_receive(&lite, START, &path, data, (size_t)n, reply, sizeof(reply), &reply_len),
        SL_ICE_REFUSED);
}

static void test_role_conflict_is_told(void **state)
{
    (void)state;
    struct sl_ice_lite lite = make();
    struct request controlled = good;
    controlled.controlled = true;
    assert_int_equal(check(&lite, &controlled, 0, START), SL_ICE_REJECTED);
    assert_int_equal(lite.count, 0);
}

static void test_latest_nomination_wins(void **state)
{
    (void)state;
    struct sl_ice_lite lite = make();
    struct request nominate = good;
    nominate.use_candidate = true;
    check(&lite, &good, 0, START);
    check(&lite, &good, 1, START);
    assert_path(&lite, 0);
    check(&lite, &nominate, 1, START);
    assert_path(&lite, 1);
    check(&lite, &good, 0, START);
    assert_path(&lite, 1);
    check(&lite, &nominate, 2, START);
    assert_path(&lite, 2);
}

static void test_ninth_address_is_refused_until_one_is_idle(void **state)
{
    (void)state;
    struct sl_ice_lite lite = make();
    struct request nominate = good;
    nominate.use_candidate = true;
    assert_int_equal(check(&lite, &nominate, 0, START), SL_ICE_VALIDATED);
    for (int i = 1; i < SL_ICE_LITE_ADDRESSES; i++)
        assert_int_equal(check(&lite, &good, i, START), SL_ICE_VALIDATED);
    const struct sl_path ninth = path_of(8);
    assert_int_equal(check(&lite, &nominate, 8, START), SL_ICE_REFUSED);
    assert_false(sl_ice_lite_is_validated(&lite, &ninth));
    assert_path(&lite, 0);
    /* A phone that roams comes from one new address after another. */
    for (int i = 1; i < SL_ICE_LITE_ADDRESSES; i++)
        if (i != 5) /* and 0, but that is where the media goes */
            check(&lite, &good, i, START + 31 * SL_SEC);
    assert_int_equal(check(&lite, &nominate, 8, START + 31 * SL_SEC), SL_ICE_VALIDATED);
    const struct sl_path fifth = path_of(5), first = path_of(0);
    assert_false(sl_ice_lite_is_validated(&lite, &fifth));
    assert_true(sl_ice_lite_is_validated(&lite, &first));
    assert_true(sl_addr_equal(&sl_ice_lite_path(&lite)->remote, &ninth.remote));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_check_validates_its_address),
        cmocka_unit_test(test_reply_tells_the_address),
        cmocka_unit_test(test_wrong_credentials_change_nothing),
        cmocka_unit_test(test_damage_changes_nothing),
        cmocka_unit_test(test_check_without_integrity_is_refused),
        cmocka_unit_test(test_answers_are_not_requests),
        cmocka_unit_test(test_role_conflict_is_told),
        cmocka_unit_test(test_latest_nomination_wins),
        cmocka_unit_test(test_ninth_address_is_refused_until_one_is_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
