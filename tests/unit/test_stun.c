/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "stun/stun.h"

static const uint8_t transaction[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

static struct sl_stun_request a_request(void)
{
    return (struct sl_stun_request){
        .transaction = transaction,
        .username = "them:us12",
        .password = "a-password-of-the-remote",
        .use_candidate = true,
        .priority = 0x7e0000ff,
        .controlling = true,
        .tie_breaker = 0x0123456789abcdefu,
    };
}

static struct sl_addr v4(void)
{
    struct sl_addr addr = {0};
    addr.in.sin_family = AF_INET;
    addr.in.sin_port = htons(40000);
    addr.in.sin_addr.s_addr = htonl(0x7f000001);
    return addr;
}

static struct sl_addr v6(void)
{
    struct sl_addr addr = {0};
    addr.in6.sin6_family = AF_INET6;
    addr.in6.sin6_port = htons(40001);
    addr.in6.sin6_addr.s6_addr[0] = 0xfd;
    addr.in6.sin6_addr.s6_addr[15] = 9;
    return addr;
}

static void request_round_trip(void **state)
{
    (void)state;
    uint8_t out[SL_STUN_MESSAGE_MAX];
    const struct sl_stun_request request = a_request();
    const int len = sl_stun_write_request(&request, out, sizeof(out));
    assert_true(len > 0 && len % 4 == 0);
    struct sl_stun_message message;
    assert_int_equal(sl_stun_read(&message, out, (size_t)len), 0);
    assert_int_equal(message.class, SL_STUN_REQUEST);
    assert_int_equal(message.method, 1);
    assert_memory_equal(message.transaction, transaction, 12);
    assert_int_equal(message.username_len, 9);
    assert_memory_equal(message.username, "them:us12", 9);
    assert_true(message.use_candidate && message.has_priority && message.has_controlling);
    assert_false(message.has_controlled);
    assert_int_equal(message.priority, 0x7e0000ff);
    assert_true(message.tie_breaker == 0x0123456789abcdefu);
    assert_true(message.integrity_offset && message.fingerprint_offset);
    assert_true(sl_stun_verify(&message, out, (size_t)len, request.password));
    assert_false(sl_stun_verify(&message, out, (size_t)len, "another"));
    const char *ufrag;
    assert_int_equal(sl_stun_peek_ufrag(out, (size_t)len, &ufrag), 4);
    assert_memory_equal(ufrag, "them", 4);
}

static void replies_are_no_larger_than_requests(void **state)
{
    (void)state;
    uint8_t request_bytes[SL_STUN_MESSAGE_MAX], out[SL_STUN_MESSAGE_MAX];
    const struct sl_stun_request request = a_request();
    const int asked = sl_stun_write_request(&request, request_bytes, sizeof(request_bytes));
    const struct sl_addr addrs[] = {v4(), v6()};
    for (size_t i = 0; i < SL_COUNT(addrs); i++) {
        const int len = sl_stun_write_success(transaction, &addrs[i], "pwd", out, sizeof(out));
        assert_true(len > 0 && len <= asked);
        struct sl_stun_message message;
        assert_int_equal(sl_stun_read(&message, out, (size_t)len), 0);
        assert_int_equal(message.class, SL_STUN_SUCCESS);
        assert_true(message.has_mapped);
        assert_memory_equal(&message.mapped, &addrs[i], sizeof(addrs[i]));
        assert_true(sl_stun_verify(&message, out, (size_t)len, "pwd"));
    }
    const int len = sl_stun_write_error(transaction, 487, "pwd", out, sizeof(out));
    assert_true(len > 0 && len <= asked);
    struct sl_stun_message message;
    assert_int_equal(sl_stun_read(&message, out, (size_t)len), 0);
    assert_int_equal(message.class, SL_STUN_ERROR);
    assert_int_equal(message.error_code, 487);
    assert_true(sl_stun_verify(&message, out, (size_t)len, "pwd"));
}

static void without_integrity_nothing_verifies(void **state)
{
    (void)state;
    uint8_t out[SL_STUN_MESSAGE_MAX];
    const int len = sl_stun_write_error(transaction, 400, NULL, out, sizeof(out));
    struct sl_stun_message message;
    assert_int_equal(sl_stun_read(&message, out, (size_t)len), 0);
    assert_int_equal(message.integrity_offset, 0);
    assert_false(sl_stun_verify(&message, out, (size_t)len, "pwd"));
    assert_false(sl_stun_verify(&message, out, (size_t)len, ""));
}

/* What comes after MESSAGE-INTEGRITY is not covered by it, so it must not count. */
static void attributes_after_integrity_are_ignored(void **state)
{
    (void)state;
    struct sl_stun_request request = a_request();
    request.use_candidate = false;
    uint8_t out[SL_STUN_MESSAGE_MAX];
    const size_t len = (size_t)sl_stun_write_request(&request, out, sizeof(out));
    const size_t cut = len - 8;       /* in the place of FINGERPRINT: */
    sl_put32(out + cut, 0x00250000u); /* USE-CANDIDATE */
    sl_put16(out + 2, (uint16_t)(cut + 4 - 20));
    struct sl_stun_message message;
    assert_int_equal(sl_stun_read(&message, out, cut + 4), 0);
    assert_true(sl_stun_verify(&message, out, cut + 4, request.password));
    assert_false(message.use_candidate);
}

static void a_wrong_fingerprint_is_refused(void **state)
{
    (void)state;
    const struct sl_stun_request request = a_request();
    uint8_t out[SL_STUN_MESSAGE_MAX];
    const size_t len = (size_t)sl_stun_write_request(&request, out, sizeof(out));
    out[len - 1] ^= 1;
    struct sl_stun_message message;
    assert_int_equal(sl_stun_read(&message, out, len), 0);
    assert_false(sl_stun_verify(&message, out, len, request.password));
}

static void unknown_required_attributes_are_told(void **state)
{
    (void)state;
    uint8_t out[32] = {0, 1, 0, 12, 0x21, 0x12, 0xa4, 0x42};
    sl_put16(out + 20, 0x7abc);
    sl_put16(out + 22, 5); /* padded to 8 */
    struct sl_stun_message message;
    assert_int_equal(sl_stun_read(&message, out, sizeof(out)), 0);
    assert_true(message.unknown_required);
    sl_put16(out + 20, 0xc057); /* Chromium's network cost is optional */
    assert_int_equal(sl_stun_read(&message, out, sizeof(out)), 0);
    assert_false(message.unknown_required);
}

static void lengths_that_lie_are_refused(void **state)
{
    (void)state;
    uint8_t out[32] = {0, 1, 0, 12, 0x21, 0x12, 0xa4, 0x42};
    struct sl_stun_message message;
    sl_put16(out + 20, 0x0006);
    sl_put16(out + 22, 9); /* 12 with padding, 8 are there */
    assert_int_equal(sl_stun_read(&message, out, sizeof(out)), -EBADMSG);
    sl_put16(out + 22, 0xffff);
    assert_int_equal(sl_stun_read(&message, out, sizeof(out)), -EBADMSG);
    sl_put16(out + 22, 8);
    assert_int_equal(sl_stun_read(&message, out, sizeof(out)), 0);
    sl_put16(out + 2, 16);
    assert_int_equal(sl_stun_read(&message, out, sizeof(out)), -EBADMSG);
    sl_put16(out + 2, 8);
    assert_int_equal(sl_stun_read(&message, out, sizeof(out)), -EBADMSG);
}

static void what_does_not_fit_is_said(void **state)
{
    (void)state;
    uint8_t out[SL_STUN_MESSAGE_MAX];
    const struct sl_stun_request request = a_request();
    const struct sl_addr mapped = v6();
    const int len = sl_stun_write_request(&request, out, sizeof(out));
    for (size_t size = 0; size < (size_t)len; size++)
        assert_int_equal(sl_stun_write_request(&request, out, size), -EMSGSIZE);
    for (size_t size = 0; size < 76; size++)
        assert_int_equal(sl_stun_write_success(transaction, &mapped, "p", out, size), -EMSGSIZE);
    for (size_t size = 0; size < 60; size++)
        assert_int_equal(sl_stun_write_error(transaction, 400, "p", out, size), -EMSGSIZE);
}

static void only_stun_is_stun(void **state)
{
    (void)state;
    uint8_t data[20] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42};
    assert_true(sl_stun_is(data, 20));
    assert_false(sl_stun_is(data, 19));
    data[0] = 4;
    assert_false(sl_stun_is(data, 20));
    data[0] = 0;
    data[7] = 0x43;
    assert_false(sl_stun_is(data, 20));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_round_trip),
        cmocka_unit_test(replies_are_no_larger_than_requests),
        cmocka_unit_test(without_integrity_nothing_verifies),
        cmocka_unit_test(attributes_after_integrity_are_ignored),
        cmocka_unit_test(a_wrong_fingerprint_is_refused),
        cmocka_unit_test(unknown_required_attributes_are_told),
        cmocka_unit_test(lengths_that_lie_are_refused),
        cmocka_unit_test(what_does_not_fit_is_said),
        cmocka_unit_test(only_stun_is_stun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
