/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "srtp/srtp.h"

#define ROOM 2048
#define SSRC 0xcafebabeu

struct pair {
    enum sl_srtp_profile profile;
    struct sl_srtp *a, *b;
};

static const uint8_t key_ab[SL_SRTP_KEY_MAX] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
static const uint8_t key_ba[SL_SRTP_KEY_MAX] = {99, 98, 97, 96, 95, 94, 93, 92, 91};

static size_t tag_bytes(enum sl_srtp_profile profile)
{
    return profile == SL_SRTP_AEAD_AES_128_GCM ? 16 : 10;
}

static void open_pair(struct pair *pair, enum sl_srtp_profile profile)
{
    pair->profile = profile;
    assert_int_equal(sl_srtp_create(&pair->a, profile, key_ab, key_ba), 0);
    assert_int_equal(sl_srtp_create(&pair->b, profile, key_ba, key_ab), 0);
}

static void check_balance(const struct sl_srtp *srtp)
{
    struct sl_srtp_stats s;
    sl_srtp_stats(srtp, &s);
    assert_true(s.offered == s.accepted + s.malformed + s.refused + s.replayed);
}

static void close_pair(struct pair *pair)
{
    check_balance(pair->a);
    check_balance(pair->b);
    sl_srtp_destroy(pair->a);
    sl_srtp_destroy(pair->b);
}

static size_t make_rtp(uint8_t *out, uint32_t ssrc, uint16_t seq, size_t payload)
{
    out[0] = 0x80;
    out[1] = 108;
    sl_put16(out + 2, seq);
    sl_put32(out + 4, seq * 3000u);
    sl_put32(out + 8, ssrc);
    for (size_t i = 0; i < payload; i++)
        out[12 + i] = (uint8_t)(seq + i * 7);
    return 12 + payload;
}

/* A PLI: the shortest RTCP that carries something. */
static size_t make_rtcp(uint8_t *out, uint32_t ssrc)
{
    out[0] = 0x81;
    out[1] = 206;
    sl_put16(out + 2, 2);
    sl_put32(out + 4, ssrc);
    sl_put32(out + 8, 0x01020304);
    return 12;
}

static size_t protect_rtp(struct sl_srtp *srtp, uint8_t *out, uint32_t ssrc, uint16_t seq,
                          size_t payload)
{
    const size_t len = make_rtp(out, ssrc, seq, payload);
    const int n = sl_srtp_protect(srtp, out, len, ROOM);
    assert_true(n > (int)len);
    return (size_t)n;
}

static size_t protect_rtcp(struct sl_srtp *srtp, uint8_t *out, uint32_t ssrc)
{
    const int n = sl_srtp_protect_rtcp(srtp, out, make_rtcp(out, ssrc), ROOM);
    assert_true(n > 0);
    return (size_t)n;
}

/* Both take a copy: what is refused may be scribbled on. */
static int offer(struct sl_srtp *srtp, const uint8_t *data, size_t len)
{
    uint8_t copy[ROOM];
    memcpy(copy, data, len);
    return sl_srtp_unprotect(srtp, copy, len);
}

static int offer_rtcp(struct sl_srtp *srtp, const uint8_t *data, size_t len)
{
    uint8_t copy[ROOM];
    memcpy(copy, data, len);
    return sl_srtp_unprotect_rtcp(srtp, copy, len);
}

static void round_trip_of_all_sizes(enum sl_srtp_profile profile)
{
    struct pair p;
    open_pair(&p, profile);
    uint16_t seq = 1;
    for (size_t payload = 0; payload <= 1300; payload += payload < 40 ? 1 : 97) {
        uint8_t plain[ROOM], wire[ROOM];
        const size_t len = make_rtp(plain, SSRC, seq, payload);
        const size_t n = protect_rtp(p.a, wire, SSRC, seq, payload);
        assert_int_equal(n, len + tag_bytes(profile));
        if (payload >= 16)
            assert_memory_not_equal(wire + 12, plain + 12, payload);
        assert_int_equal(sl_srtp_unprotect(p.b, wire, n), len);
        assert_memory_equal(wire, plain, len);
        seq++;
    }
    for (size_t words = 2; words < 300; words += 7) {
        uint8_t plain[ROOM] = {0x80, 201}, wire[ROOM];
        const size_t len = words * 4;
        sl_put16(plain + 2, (uint16_t)(words - 1));
        memcpy(wire, plain, len);
        const int n = sl_srtp_protect_rtcp(p.b, wire, len, ROOM);
        assert_int_equal(n, len + tag_bytes(profile) + 4);
        assert_int_equal(sl_srtp_unprotect_rtcp(p.a, wire, (size_t)n), len);
        assert_memory_equal(wire, plain, len);
    }
    close_pair(&p);
}

static void bad_tags_change_nothing(enum sl_srtp_profile profile)
{
    struct pair p;
    open_pair(&p, profile);
    for (uint16_t seq = 1; seq < 50; seq++) {
        uint8_t wire[ROOM], bad[ROOM];
        const size_t n = protect_rtp(p.a, wire, SSRC, seq, 100);
        const size_t tag = tag_bytes(profile);
        memcpy(bad, wire, n);
        memset(bad + n - tag, 0, tag);
        assert_int_equal(offer(p.b, bad, n), -EACCES);
        for (size_t cut = 1; cut < n - 12; cut += 9)
            assert_true(offer(p.b, wire, n - cut) < 0);
        for (size_t at = 1; at < n; at += 5) {
            if (at == 2 || at == 3)
                continue; /* other numbers may be outside the window */
            memcpy(bad, wire, n);
            bad[at] ^= 1;
            assert_int_equal(offer(p.b, bad, n), -EACCES);
        }
        memcpy(bad, wire, n); /* a number far ahead must not move the window */
        sl_put16(bad + 2, (uint16_t)(seq + 20000));
        assert_true(offer(p.b, bad, n) < 0);
        assert_int_equal(offer(p.b, wire, n), 112);
    }
    close_pair(&p);
}

static void bad_rtcp_tags_change_nothing(enum sl_srtp_profile profile)
{
    struct pair p;
    open_pair(&p, profile);
    for (int i = 0; i < 50; i++) {
        uint8_t wire[ROOM], bad[ROOM];
        const size_t n = protect_rtcp(p.a, wire, SSRC);
        for (size_t cut = 1; cut <= n; cut++)
            assert_true(offer_rtcp(p.b, wire, n - cut) < 0);
        for (size_t at = 0; at < n; at++) {
            memcpy(bad, wire, n);
            bad[at] ^= 1;
            const int r = offer_rtcp(p.b, bad, n);
            assert_true(r == -EACCES || r == -EALREADY); /* the latter: an older index */
        }
        assert_int_equal(offer_rtcp(p.b, wire, n), 12);
    }
    close_pair(&p);
}

static void replays_are_refused(enum sl_srtp_profile profile)
{
    struct pair p;
    open_pair(&p, profile);
    static uint8_t wires[3000][160];
    size_t n = 0;
    for (uint16_t i = 0; i < 3000; i++) {
        n = protect_rtp(p.a, wires[i], SSRC, (uint16_t)(65000 + i), 100); /* rolls over */
        if (i == 2500)
            continue; /* comes late, below */
        assert_int_equal(offer(p.b, wires[i], n), 112);
        assert_int_equal(offer(p.b, wires[i], n), -EALREADY);
        if (i > 2000)
            assert_int_equal(offer(p.b, wires[i - 2000], n), -EALREADY);
    }
    assert_int_equal(offer(p.b, wires[2500], n), 112); /* within the window of 1024 */
    assert_int_equal(offer(p.b, wires[2500], n), -EALREADY);

    uint8_t reports[20][ROOM];
    size_t sizes[20];
    for (int i = 0; i < 20; i++)
        sizes[i] = protect_rtcp(p.a, reports[i], SSRC);
    for (int i = 19; i >= 0; i--)
        assert_int_equal(offer_rtcp(p.b, reports[i], sizes[i]), 12);
    for (int i = 0; i < 20; i++)
        assert_int_equal(offer_rtcp(p.b, reports[i], sizes[i]), -EALREADY);
    struct sl_srtp_stats s;
    sl_srtp_stats(p.b, &s);
    assert_int_equal(s.accepted, 3020);
    assert_int_equal(s.replayed, 2999 + 998 + 1 + 20);
    close_pair(&p);
}

static void resends_are_the_same_bytes(enum sl_srtp_profile profile)
{
    struct pair p;
    open_pair(&p, profile);
    uint8_t first[ROOM], later[ROOM], again[ROOM];
    const size_t n = protect_rtp(p.a, first, SSRC, 10, 300);
    protect_rtp(p.a, later, SSRC, 900, 300);
    assert_int_equal(protect_rtp(p.a, again, SSRC, 10, 300), n);
    assert_memory_equal(first, again, n);
    assert_int_equal(offer(p.b, later, n), 312);
    assert_int_equal(offer(p.b, again, n), 312);
    assert_int_equal(offer(p.b, first, n), -EALREADY);
    close_pair(&p);
}

static void unencrypted_rtcp_is_refused(enum sl_srtp_profile profile)
{
    struct pair p;
    open_pair(&p, profile);
    uint8_t wire[ROOM];
    const size_t n = protect_rtcp(p.a, wire, SSRC);
    const size_t at = profile == SL_SRTP_AEAD_AES_128_GCM ? n - 4 : n - 14;
    assert_true(wire[at] & 0x80);
    wire[at] &= 0x7f;
    assert_int_equal(offer_rtcp(p.b, wire, n), -EACCES);
    wire[at] |= 0x80;
    assert_int_equal(offer_rtcp(p.b, wire, n), 12);
    close_pair(&p);
}

static void lying_headers_are_malformed(enum sl_srtp_profile profile)
{
    struct pair p;
    open_pair(&p, profile);
    uint8_t wire[ROOM], bad[ROOM];
    const size_t n = protect_rtp(p.a, wire, SSRC, 1, 40);
    const size_t tag = tag_bytes(profile);

    memcpy(bad, wire, n);
    bad[0] = 0x8f; /* 15 CSRCs: 60 bytes of 40 */
    assert_int_equal(offer(p.b, bad, n), -EBADMSG);
    bad[0] = 0x90; /* an extension of 65535 words */
    sl_put32(bad + 12, 0xbedeffff);
    assert_int_equal(offer(p.b, bad, n), -EBADMSG);
    sl_put32(bad + 12, 0xbede000a); /* 4 + 40 bytes of 40: into the tag */
    assert_int_equal(offer(p.b, bad, n), -EBADMSG);
    bad[0] = 0x9a; /* CSRCs end where the packet does, with no room for the extension's head */
    assert_int_equal(offer(p.b, bad, n), -EBADMSG);
    memcpy(bad, wire, n);
    bad[0] = 0x40; /* version 1 */
    assert_int_equal(offer(p.b, bad, n), -EBADMSG);
    for (size_t len = 0; len < 12 + tag; len++)
        assert_int_equal(offer(p.b, wire, len), -EBADMSG);
    assert_int_equal(offer(p.b, wire, n), 52);

    make_rtp(bad, SSRC, 2, 40);
    bad[0] = 0x9f;
    assert_int_equal(sl_srtp_protect(p.a, bad, 52, ROOM), -EINVAL);
    struct sl_srtp_stats s;
    sl_srtp_stats(p.b, &s);
    assert_int_equal(s.malformed, 5 + 12 + tag);
    assert_int_equal(s.accepted, 1);
    close_pair(&p);
}

static void room_is_checked(enum sl_srtp_profile profile)
{
    struct pair p;
    open_pair(&p, profile);
    uint8_t wire[ROOM];
    const size_t tag = tag_bytes(profile);
    size_t len = make_rtp(wire, SSRC, 1, 40);
    assert_int_equal(sl_srtp_protect(p.a, wire, len, len + tag - 1), -EMSGSIZE);
    wire[len + tag] = 0xa5;
    assert_int_equal(sl_srtp_protect(p.a, wire, len, len + tag), len + tag);
    assert_int_equal(wire[len + tag], 0xa5);
    len = make_rtcp(wire, SSRC);
    assert_int_equal(sl_srtp_protect_rtcp(p.a, wire, len, len + tag + 3), -EMSGSIZE);
    wire[len + tag + 4] = 0x5a;
    assert_int_equal(sl_srtp_protect_rtcp(p.a, wire, len, len + tag + 4), len + tag + 4);
    assert_int_equal(wire[len + tag + 4], 0x5a);
    struct sl_srtp_stats s;
    sl_srtp_stats(p.a, &s);
    assert_int_equal(s.protect_failed, 2);
    assert_int_equal(s.protected_packets, 2);
    close_pair(&p);
}

/* A forger cannot fill the table, an authenticated peer can fill it and no more. */
static void ssrcs_are_limited(enum sl_srtp_profile profile)
{
    struct pair p;
    open_pair(&p, profile);
    struct sl_srtp *flood;
    uint8_t wire[ROOM], bad[ROOM];
    for (uint32_t i = 0; i < 100; i++) {
        const size_t n = make_rtp(bad, 5000 + i, 1, 60);
        assert_int_equal(offer(p.b, bad, n), -EACCES);
    }
    for (uint32_t i = 0; i < SL_SRTP_SSRCS_MAX; i++) {
        const size_t n = protect_rtp(p.a, wire, 1000 + i, 1, 60);
        assert_int_equal(offer(p.b, wire, n), 72);
    }
    make_rtp(bad, 2000, 1, 60);
    assert_int_equal(sl_srtp_protect(p.a, bad, 72, ROOM), -EINVAL);
    assert_int_equal(sl_srtp_protect_rtcp(p.a, bad, make_rtcp(bad, 2000), ROOM), -EINVAL);

    assert_int_equal(sl_srtp_create(&flood, profile, key_ab, key_ba), 0);
    size_t n = protect_rtp(flood, wire, 2000, 1, 60);
    assert_int_equal(offer(p.b, wire, n), -EACCES);
    n = protect_rtcp(flood, wire, 2001);
    assert_int_equal(offer_rtcp(p.b, wire, n), -EACCES);
    sl_srtp_destroy(flood);

    n = protect_rtp(p.a, wire, 1000, 2, 60); /* those known go on */
    assert_int_equal(offer(p.b, wire, n), 72);
    n = protect_rtcp(p.a, wire, 1000 + SL_SRTP_SSRCS_MAX - 1);
    assert_int_equal(offer_rtcp(p.b, wire, n), 12);
    close_pair(&p);
}

static void other_keys_are_refused(enum sl_srtp_profile profile)
{
    struct pair p;
    open_pair(&p, profile);
    uint8_t wire[ROOM];
    size_t n = protect_rtp(p.a, wire, SSRC, 1, 60);
    assert_int_equal(offer(p.a, wire, n), -EACCES); /* reflected: the directions differ */
    n = protect_rtcp(p.a, wire, SSRC);
    assert_int_equal(offer_rtcp(p.a, wire, n), -EACCES);
    close_pair(&p);
}

static void bad_profiles_are_refused(void **state)
{
    (void)state;
    struct sl_srtp *srtp = NULL;
    assert_int_equal(sl_srtp_create(&srtp, 0, key_ab, key_ba), -EINVAL);
    assert_int_equal(sl_srtp_create(&srtp, 3, key_ab, key_ba), -EINVAL);
    assert_null(srtp);
    sl_srtp_destroy(NULL);
}

#define BOTH(name)                                                                                 \
    static void name##_gcm(void **state)                                                           \
    {                                                                                              \
        (void)state;                                                                               \
        name(SL_SRTP_AEAD_AES_128_GCM);                                                            \
    }                                                                                              \
    static void name##_cm(void **state)                                                            \
    {                                                                                              \
        (void)state;                                                                               \
        name(SL_SRTP_AES128_CM_SHA1_80);                                                           \
    }

BOTH(round_trip_of_all_sizes)
BOTH(bad_tags_change_nothing)
BOTH(bad_rtcp_tags_change_nothing)
BOTH(replays_are_refused)
BOTH(resends_are_the_same_bytes)
BOTH(unencrypted_rtcp_is_refused)
BOTH(lying_headers_are_malformed)
BOTH(room_is_checked)
BOTH(ssrcs_are_limited)
BOTH(other_keys_are_refused)

static int start(void **state)
{
    (void)state;
    return sl_srtp_library_init();
}

static int stop(void **state)
{
    (void)state;
    sl_srtp_library_fini();
    return 0;
}

#define TESTS(name) cmocka_unit_test(name##_gcm), cmocka_unit_test(name##_cm)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TESTS(round_trip_of_all_sizes),
        TESTS(bad_tags_change_nothing),
        TESTS(bad_rtcp_tags_change_nothing),
        TESTS(replays_are_refused),
        TESTS(resends_are_the_same_bytes),
        TESTS(unencrypted_rtcp_is_refused),
        TESTS(lying_headers_are_malformed),
        TESTS(room_is_checked),
        TESTS(ssrcs_are_limited),
        TESTS(other_keys_are_refused),
        cmocka_unit_test(bad_profiles_are_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
