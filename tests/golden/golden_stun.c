/* SPDX-License-Identifier: MIT */
/* RFC 5769: the short-term-credential vectors, read, verified, and damaged bit by bit. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "stun/stun.h"

#define PASSWORD "VOkJxbRl1RmTxUk/WvJxBt"
#define HEAD "\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae"

/* 2.1 sample request (SOFTWARE, PRIORITY, ICE-CONTROLLED, USERNAME padded with spaces) */
static const char request[] = "\x00\x01\x00\x58" HEAD "\x80\x22\x00\x10"
                              "STUN test client"
                              "\x00\x24\x00\x04\x6e\x00\x01\xff"
                              "\x80\x29\x00\x08\x93\x2f\xf9\xb1\x51\x26\x3b\x36"
                              "\x00\x06\x00\x09"
                              "evtj:h6vY   "
                              "\x00\x08\x00\x14\x9a\xea\xa7\x0c\xbf\xd8\xcb\x56\x78\x1e"
                              "\xf2\xb5\xb2\xd3\xf2\x49\xc1\xb5\x71\xa2"
                              "\x80\x28\x00\x04\xe5\x7a\x3b\xcf";

/* 2.2 sample IPv4 response (SOFTWARE padded with a space) */
static const char response4[] = "\x01\x01\x00\x3c" HEAD "\x80\x22\x00\x0b"
                                "test vector "
                                "\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43"
                                "\x00\x08\x00\x14\x2b\x91\xf5\x99\xfd\x9e\x90\xc3\x8c\x74"
                                "\x89\xf9\x2a\xf9\xba\x53\xf0\x6b\xe7\xd7"
                                "\x80\x28\x00\x04\xc0\x7d\x4c\x96";

/* 2.3 sample IPv6 response */
static const char response6[] = "\x01\x01\x00\x48" HEAD "\x80\x22\x00\x0b"
                                "test vector "
                                "\x00\x20\x00\x14\x00\x02\xa1\x47"
                                "\x01\x13\xa9\xfa\xa5\xd3\xf1\x79"
                                "\xbc\x25\xf4\xb5\xbe\xd2\xb9\xd9"
                                "\x00\x08\x00\x14\xa3\x82\x95\x4e\x4b\xe6\x7b\xf1\x17\x84"
                                "\xc9\x7c\x82\x92\xc2\x75\xbf\xe3\xed\x41"
                                "\x80\x28\x00\x04\xc8\xfb\x0b\x4c";

static const struct vector {
    const char *bytes;
    size_t len;
} vectors[] = {
    {request, sizeof(request) - 1},
    {response4, sizeof(response4) - 1},
    {response6, sizeof(response6) - 1},
};

static struct sl_stun_message read_vector(const struct vector *vector)
{
    struct sl_stun_message message;
    const uint8_t *data = (const uint8_t *)vector->bytes;
    assert_true(sl_stun_is(data, vector->len));
    assert_int_equal(sl_stun_read(&message, data, vector->len), 0);
    assert_true(sl_stun_verify(&message, data, vector->len, PASSWORD));
    assert_false(sl_stun_verify(&message, data, vector->len, "VOkJxbRl1RmTxUk/WvJxBT"));
    assert_false(sl_stun_verify(&message, data, vector->len, ""));
    assert_int_equal(message.method, 1);
    assert_memory_equal(message.transaction, HEAD + 4, 12);
    assert_false(message.unknown_required);
    return message;
}

static void request_reads_and_verifies(void **state)
{
    (void)state;
    const struct sl_stun_message message = read_vector(&vectors[0]);
    assert_int_equal(message.class, SL_STUN_REQUEST);
    assert_true(message.has_priority);
    assert_int_equal(message.priority, 0x6e0001ff);
    assert_true(message.has_controlled);
    assert_false(message.has_controlling);
    assert_true(message.tie_breaker == 0x932ff9b151263b36u);
    assert_int_equal(message.username_len, 9);
    assert_memory_equal(message.username, "evtj:h6vY", 9);
    assert_false(message.use_candidate);
    assert_false(message.has_mapped);
    const char *ufrag = NULL;
    assert_int_equal(sl_stun_peek_ufrag((const uint8_t *)request, sizeof(request) - 1, &ufrag), 4);
    assert_memory_equal(ufrag, "evtj", 4);
}

static void ipv4_response_reads_and_verifies(void **state)
{
    (void)state;
    const struct sl_stun_message message = read_vector(&vectors[1]);
    assert_int_equal(message.class, SL_STUN_SUCCESS);
    assert_true(message.has_mapped);
    assert_int_equal(message.mapped.sa.sa_family, AF_INET);
    assert_int_equal(ntohs(message.mapped.in.sin_port), 32853);
    assert_int_equal(ntohl(message.mapped.in.sin_addr.s_addr), 0xc0000201u);
}

static void ipv6_response_reads_and_verifies(void **state)
{
    (void)state;
    const struct sl_stun_message message = read_vector(&vectors[2]);
    assert_int_equal(message.class, SL_STUN_SUCCESS);
    assert_int_equal(message.mapped.sa.sa_family, AF_INET6);
    assert_int_equal(ntohs(message.mapped.in6.sin6_port), 32853);
    struct in6_addr wanted;
    assert_int_equal(inet_pton(AF_INET6, "2001:db8:1234:5678:11:2233:4455:6677", &wanted), 1);
    assert_memory_equal(&message.mapped.in6.sin6_addr, &wanted, 16);
}

static void flip_each_bit(const struct vector *vector, bool with_fingerprint)
{
    const size_t len = with_fingerprint ? vector->len : vector->len - 8;
    uint8_t *copy = malloc(len);
    assert_non_null(copy);
    memcpy(copy, vector->bytes, len);
    copy[3] = (uint8_t)(len - 20); /* the integrity does not cover what comes after it */
    struct sl_stun_message message;
    assert_int_equal(sl_stun_read(&message, copy, len), 0);
    assert_true(sl_stun_verify(&message, copy, len, PASSWORD));
    for (size_t bit = 0; bit < 8 * len; bit++) {
        copy[bit / 8] ^= (uint8_t)(1 << (bit % 8));
        const bool right =
            sl_stun_read(&message, copy, len) == 0 && sl_stun_verify(&message, copy, len, PASSWORD);
        /* FINGERPRINT's type turned into another's: an attribute after the integrity, ignored. */
        const bool in_type = with_fingerprint && (bit / 8 == len - 8 || bit / 8 == len - 7);
        if (right && !in_type)
            fail_msg("bit %zu of %zu bytes", bit, len);
        copy[bit / 8] ^= (uint8_t)(1 << (bit % 8));
    }
    free(copy);
}

/* Any one bit changed anywhere: not accepted. Without FINGERPRINT too, which else would hide a
 * comparison of less than the whole integrity. */
static void a_changed_bit_is_refused(void **state)
{
    (void)state;
    for (size_t v = 0; v < SL_COUNT(vectors); v++) {
        flip_each_bit(&vectors[v], true);
        flip_each_bit(&vectors[v], false);
    }
}

static void a_cut_message_is_refused(void **state)
{
    (void)state;
    for (size_t v = 0; v < SL_COUNT(vectors); v++) {
        for (size_t len = 0; len < vectors[v].len; len++) {
            uint8_t *copy = malloc(len + 1);
            assert_non_null(copy);
            memcpy(copy, vectors[v].bytes, len);
            struct sl_stun_message message;
            assert_int_equal(sl_stun_read(&message, copy, len), -EBADMSG);
            free(copy);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_reads_and_verifies),
        cmocka_unit_test(ipv4_response_reads_and_verifies),
        cmocka_unit_test(ipv6_response_reads_and_verifies),
        cmocka_unit_test(a_changed_bit_is_refused),
        cmocka_unit_test(a_cut_message_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
