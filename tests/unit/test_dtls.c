/* SPDX-License-Identifier: MIT */
/* Two associations over a simulated link in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <malloc.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/bytes.h"
#include "dtls/context.h"
#include "dtls/dtls.h"
#include "tests/support/virtual_clock.h"

#define QUEUE 256
#define DELAY (5 * SL_MS)

struct datagram {
    sl_ns at;
    int to;
    size_t len;
    uint8_t data[1500];
};

struct end {
    struct link *link;
    int side;
};

/* What befalls the n-th datagram sent from a side: */
enum fate { DELIVER, DROP, TWICE, LATE };

struct link {
    sl_ns now;
    struct sl_dtls *peers[2]; /* 0: the client */
    struct end ends[2];
    struct datagram queue[QUEUE];
    size_t queued;
    int sent[2];
    size_t longest;
    enum fate (*fate)(const struct link *link, int side, int n);
    int victim_side, victim;
    enum fate victim_fate;
    uint8_t log[QUEUE][1500]; /* everything that the client sent, as sent */
    size_t log_len[QUEUE];
};

static struct sl_dtls_identity *alice, *bob;
static sl_ns clock_base; /* the virtual clock never goes back, not even between tests */

static void enqueue(struct link *link, int to, sl_ns delay, const uint8_t *data, size_t len)
{
    assert_true(link->queued < QUEUE);
    struct datagram *d = &link->queue[link->queued++];
    d->at = link->now + delay;
    d->to = to;
    d->len = len;
    memcpy(d->data, data, len);
}

static void on_send(void *ctx, const uint8_t *data, size_t len)
{
    struct end *end = ctx;
    struct link *link = end->link;
    const int n = link->sent[end->side]++;
    assert_true(len <= 1200);
    if (len > link->longest)
        link->longest = len;
    if (end->side == 0 && n < QUEUE) {
        memcpy(link->log[n], data, len);
        link->log_len[n] = len;
    }
    const enum fate fate = link->fate ? link->fate(link, end->side, n) : DELIVER;
    if (fate == DROP)
        return;
    enqueue(link, !end->side, fate == LATE ? 4 * DELAY : DELAY, data, len);
    if (fate == TWICE)
        enqueue(link, !end->side, DELAY + SL_MS, data, len);
}

static struct sl_dtls *make_peer(struct link *link, int side,
                                 const struct sl_dtls_identity *identity,
                                 const uint8_t *remote_fingerprint)
{
    link->ends[side] = (struct end){.link = link, .side = side};
    struct sl_dtls_config config = {
        .identity = identity, .client = side == 0, .send = on_send, .ctx = &link->ends[side]};
    memcpy(config.remote_fingerprint, remote_fingerprint, 32);
    struct sl_dtls *dtls = NULL;
    assert_int_equal(sl_dtls_create(&dtls, &config), 0);
    return dtls;
}

static struct link *open_link(void)
{
    static struct link link;
    memset(&link, 0, sizeof(link));
    clock_base += 100 * SL_SEC;
    link.now = clock_base;
    sl_virtual_clock_set(link.now);
    link.peers[0] = make_peer(&link, 0, alice, sl_dtls_identity_fingerprint(bob));
    link.peers[1] = make_peer(&link, 1, bob, sl_dtls_identity_fingerprint(alice));
    return &link;
}

static void close_link(struct link *link)
{
    sl_dtls_destroy(link->peers[0]);
    sl_dtls_destroy(link->peers[1]);
}

static void advance(struct link *link, sl_ns now)
{
    if (now > link->now)
        link->now = now;
    sl_virtual_clock_set(link->now);
    clock_base = link->now;
}

static bool step(struct link *link, sl_ns until)
{
    size_t next = link->queued;
    sl_ns at = until;
    for (size_t i = 0; i < link->queued; i++)
        if (link->queue[i].at < at || (link->queue[i].at == at && next == link->queued)) {
            at = link->queue[i].at;
            next = i;
        }
    for (int side = 0; side < 2; side++)
        if (sl_dtls_due(link->peers[side]) < at) {
            advance(link, sl_dtls_due(link->peers[side]));
            sl_dtls_tick(link->peers[side], link->now);
            return true;
        }
    if (next == link->queued)
        return false;
    advance(link, at);
    struct datagram d = link->queue[next];
    memmove(&link->queue[next], &link->queue[next + 1],
            (link->queued - next - 1) * sizeof(link->queue[0]));
    link->queued--;
    sl_dtls_receive(link->peers[d.to], link->now, d.data, d.len);
    return true;
}

static void run(struct link *link, sl_ns span)
{
    const sl_ns until = link->now + span;
    while (step(link, until))
        ;
    advance(link, until);
}

static void check_keys(const struct link *link, enum sl_srtp_profile want)
{
    enum sl_srtp_profile profile[2] = {0};
    uint8_t send[2][SL_SRTP_KEY_MAX] = {{0}}, receive[2][SL_SRTP_KEY_MAX] = {{0}};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sl_dtls_state(link->peers[i]), SL_DTLS_CONNECTED);
        assert_int_equal(sl_dtls_keys(link->peers[i], &profile[i], send[i], receive[i]), 0);
        assert_int_equal(profile[i], want);
    }
    const size_t len = sl_srtp_key_bytes(want);
    assert_memory_equal(send[0], receive[1], len);
    assert_memory_equal(send[1], receive[0], len);
    assert_memory_not_equal(send[0], send[1], 16);
    assert_memory_not_equal(send[0] + 16, send[1] + 16, len - 16);
}

static void check_no_keys(const struct sl_dtls *dtls)
{
    enum sl_srtp_profile profile = 0;
    uint8_t send[SL_SRTP_KEY_MAX] = {0}, receive[SL_SRTP_KEY_MAX] = {0},
            zero[SL_SRTP_KEY_MAX] = {0};
    assert_int_equal(sl_dtls_keys(dtls, &profile, send, receive), -ENOTCONN);
    assert_int_equal(profile, 0);
    assert_memory_equal(send, zero, sizeof(zero));
    assert_memory_equal(receive, zero, sizeof(zero));
}

static void both_roles_agree_on_keys(void **state)
{
    (void)state;
    struct link *link = open_link();
    check_no_keys(link->peers[0]);
    sl_dtls_start(link->peers[0], link->now);
    sl_dtls_start(link->peers[1], link->now);
    const sl_ns start = link->now;
    while (sl_dtls_state(link->peers[0]) == SL_DTLS_HANDSHAKING)
        assert_true(step(link, SL_NEVER));
    assert_int_equal(link->now - start, 4 * DELAY); /* two round trips, no timer */
    check_keys(link, SL_SRTP_AEAD_AES_128_GCM);
    assert_int_equal(sl_dtls_due(link->peers[0]), SL_NEVER);
    assert_int_equal(sl_dtls_due(link->peers[1]), SL_NEVER);
    close_link(link);
}

static enum fate one_victim(const struct link *link, int side, int n)
{
    return side == link->victim_side && n == link->victim ? link->victim_fate : DELIVER;
}

/* Every datagram of either side in turn is dropped, doubled or overtaken. */
static void one_datagram_suffers(enum fate fate, sl_ns longest)
{
    for (int side = 0; side < 2; side++) {
        int n = 0, sent;
        do {
            struct link *link = open_link();
            link->fate = one_victim;
            link->victim_side = side;
            link->victim = n;
            link->victim_fate = fate;
            sl_dtls_start(link->peers[0], link->now);
            run(link, longest);
            check_keys(link, SL_SRTP_AEAD_AES_128_GCM);
            run(link, SL_SEC);
            check_keys(link, SL_SRTP_AEAD_AES_128_GCM);
            sent = link->sent[side];
            close_link(link);
        } while (++n < sent);
        assert_true(n >= 2);
    }
}

static void each_datagram_dropped_once(void **state)
{
    (void)state;
    one_datagram_suffers(DROP, 4 * DELAY + 51 * SL_MS + 2 * DELAY);
}

static void each_datagram_doubled(void **state)
{
    (void)state;
    one_datagram_suffers(TWICE, 4 * DELAY + SL_MS);
}

static void each_datagram_overtaken(void **state)
{
    (void)state;
    one_datagram_suffers(LATE, 100 * SL_MS);
}

static enum fate every_third_lost(const struct link *link, int side, int n)
{
    (void)link;
    return (n * 2 + side) % 3 == 0 ? DROP : n % 4 == 3 ? LATE : DELIVER;
}

static void heavy_loss_is_survived(void **state)
{
    (void)state;
    struct link *link = open_link();
    link->fate = every_third_lost;
    sl_dtls_start(link->peers[0], link->now);
    run(link, 5 * SL_SEC);
    check_keys(link, SL_SRTP_AEAD_AES_128_GCM);
    close_link(link);
}

static enum fate all_lost(const struct link *link, int side, int n)
{
    (void)link;
    (void)side;
    (void)n;
    return DROP;
}

static void silence_fails_after_twelve_tries(void **state)
{
    (void)state;
    struct link *link = open_link();
    link->fate = all_lost;
    const sl_ns start = link->now;
    assert_int_equal(sl_dtls_start(link->peers[0], link->now), SL_DTLS_HANDSHAKING);
    sl_ns gaps[20];
    int tries = 0;
    while (sl_dtls_state(link->peers[0]) == SL_DTLS_HANDSHAKING) {
        const sl_ns before = link->now;
        const int sent = link->sent[0];
        assert_true(step(link, SL_NEVER));
        if (link->sent[0] > sent) {
            assert_true(tries < 20);
            gaps[tries++] = link->now - before;
        }
    }
    assert_int_equal(tries, 12);
    assert_int_equal(gaps[0], 50 * SL_MS);
    assert_int_equal(gaps[1], 100 * SL_MS);
    assert_int_equal(gaps[4], 800 * SL_MS);
    assert_int_equal(gaps[11], SL_SEC);
    assert_true(link->now - start < 10 * SL_SEC);
    assert_string_equal(sl_dtls_reason(link->peers[0]), "no answer");
    assert_int_equal(sl_dtls_due(link->peers[0]), SL_NEVER);
    check_no_keys(link->peers[0]);
    close_link(link);
}

static void wrong_fingerprint(int side)
{
    struct link *link = open_link();
    uint8_t wrong[32];
    memcpy(wrong, sl_dtls_identity_fingerprint(side == 0 ? bob : alice), 32);
    wrong[31] ^= 1;
    sl_dtls_destroy(link->peers[side]);
    link->peers[side] = make_peer(link, side, side == 0 ? alice : bob, wrong);
    sl_dtls_start(link->peers[0], link->now);
    run(link, SL_SEC);
    assert_int_equal(sl_dtls_state(link->peers[side]), SL_DTLS_FAILED);
    assert_non_null(strstr(sl_dtls_reason(link->peers[side]), "fingerprint"));
    assert_int_equal(sl_dtls_state(link->peers[!side]), SL_DTLS_FAILED); /* by the alert */
    check_no_keys(link->peers[0]);
    check_no_keys(link->peers[1]);
    run(link, 20 * SL_SEC);
    check_no_keys(link->peers[0]);
    check_no_keys(link->peers[1]);
    close_link(link);
}

static void wrong_fingerprint_of_server_fails(void **state)
{
    (void)state;
    wrong_fingerprint(0);
}

static void wrong_fingerprint_of_client_fails(void **state)
{
    (void)state;
    wrong_fingerprint(1);
}

/* A peer that is not ours: what it offers is changed in its own copy of the context. */
static void with_client_offering(const char *profiles, void (*check)(struct link *link))
{
    struct sl_dtls_identity *other = NULL;
    assert_int_equal(sl_dtls_identity_generate(&other, "other"), 0);
    SSL_CTX *context = sl_dtls_identity_context(other);
    assert_int_equal(SSL_CTX_set_tlsext_use_srtp(context, profiles), 0);
    struct link *link = open_link();
    sl_dtls_destroy(link->peers[0]);
    sl_dtls_destroy(link->peers[1]);
    link->peers[0] = make_peer(link, 0, other, sl_dtls_identity_fingerprint(bob));
    link->peers[1] = make_peer(link, 1, bob, sl_dtls_identity_fingerprint(other));
    sl_dtls_start(link->peers[0], link->now);
    run(link, SL_SEC);
    check(link);
    close_link(link);
    sl_dtls_identity_destroy(other);
}

static void expect_sha1_80(struct link *link)
{
    check_keys(link, SL_SRTP_AES128_CM_SHA1_80);
}

static void expect_failure(struct link *link)
{
    assert_int_equal(sl_dtls_state(link->peers[1]), SL_DTLS_FAILED);
    assert_string_equal(sl_dtls_reason(link->peers[1]), "no SRTP profile in common");
    check_no_keys(link->peers[0]);
    check_no_keys(link->peers[1]);
}

static void peer_with_sha1_80_only_is_served(void **state)
{
    (void)state;
    with_client_offering("SRTP_AES128_CM_SHA1_80", expect_sha1_80);
}

static void peer_without_our_profiles_fails(void **state)
{
    (void)state;
    with_client_offering("SRTP_AES128_CM_SHA1_32", expect_failure);
}

static void client_without_certificate_fails(void **state)
{
    (void)state;
    struct link *link = open_link();
    SSL_CTX *bare = SSL_CTX_new(DTLS_client_method());
    SSL *ssl = SSL_new(bare);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    assert_int_equal(SSL_set_tlsext_use_srtp(ssl, "SRTP_AES128_CM_SHA1_80"), 0);
    BIO_set_mem_eof_return(in, -1);
    SSL_set_bio(ssl, in, out);
    SSL_set_options(ssl, SSL_OP_NO_QUERY_MTU);
    SSL_set_mtu(ssl, 1400);
    SSL_set_connect_state(ssl);
    for (int i = 0; i < 8; i++) {
        uint8_t data[1500];
        int n;
        SSL_do_handshake(ssl);
        while ((n = BIO_read(out, data, sizeof(data))) > 0)
            sl_dtls_receive(link->peers[1], link->now, data, (size_t)n);
        if (link->queued > 0) {
            BIO_write(in, link->queue[0].data, (int)link->queue[0].len);
            link->queued--;
            memmove(&link->queue[0], &link->queue[1], link->queued * sizeof(link->queue[0]));
        }
    }
    assert_int_equal(sl_dtls_state(link->peers[1]), SL_DTLS_FAILED);
    check_no_keys(link->peers[1]);
    SSL_free(ssl);
    SSL_CTX_free(bare);
    close_link(link);
}

/* An identity of another make: `key`, and a comment that makes the certificate long. */
static struct sl_dtls_identity *foreign_identity(EVP_PKEY *key, size_t comment_len)
{
    struct sl_dtls_identity *identity = NULL;
    static char comment[16384], pem[2][32768];
    X509 *certificate = X509_new();
    BIO *texts[2] = {BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem())};
    memset(comment, 'x', comment_len);
    comment[comment_len] = '\0';
    assert_int_equal(X509_set_pubkey(certificate, key), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), 0));
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), 0));
    if (comment_len > 0) {
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_netscape_comment, comment);
        assert_int_equal(X509_set_version(certificate, 2), 1);
        assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
        X509_EXTENSION_free(extension);
    }
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_X509(texts[0], certificate), 1);
    assert_int_equal(PEM_write_bio_PrivateKey(texts[1], key, NULL, NULL, 0, NULL, NULL), 1);
    for (int i = 0; i < 2; i++) {
        memset(pem[i], 0, sizeof(pem[i]));
        assert_true(BIO_read(texts[i], pem[i], sizeof(pem[i]) - 1) > 0);
        BIO_free(texts[i]);
    }
    assert_int_equal(sl_dtls_identity_from_pem(&identity, pem[0], pem[1]), 0);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return identity;
}

/* A handshake with `other` at `side`, one datagram of it dropped. */
static struct link *meet_stranger(struct sl_dtls_identity *other, int side, int drop)
{
    struct link *link = open_link();
    struct sl_dtls_identity *client = side == 0 ? other : alice, *server = side == 1 ? other : bob;
    sl_dtls_destroy(link->peers[0]);
    sl_dtls_destroy(link->peers[1]);
    link->peers[0] = make_peer(link, 0, client, sl_dtls_identity_fingerprint(server));
    link->peers[1] = make_peer(link, 1, server, sl_dtls_identity_fingerprint(client));
    link->fate = one_victim;
    link->victim_side = side;
    link->victim = drop;
    link->victim_fate = DROP;
    sl_dtls_start(link->peers[0], link->now);
    run(link, SL_SEC);
    return link;
}

/* Its flights do not fit one datagram, unlike ours. */
static void long_flights_are_cut_to_datagrams(void **state)
{
    (void)state;
    struct sl_dtls_identity *rsa = foreign_identity(EVP_RSA_gen(2048), 0);
    for (int drop = -1; drop < 2; drop++) {
        struct link *link = meet_stranger(rsa, 1, drop);
        check_keys(link, SL_SRTP_AEAD_AES_128_GCM);
        assert_true(link->longest > 1100);
        close_link(link);
    }
    sl_dtls_identity_destroy(rsa);
}

static void long_certificates_are_refused(void **state)
{
    (void)state;
    struct sl_dtls_identity *fits = foreign_identity(EVP_EC_gen("P-256"), 7 * 1024);
    struct sl_dtls_identity *longer = foreign_identity(EVP_EC_gen("P-256"), 8 * 1024);
    for (int side = 0; side < 2; side++) {
        struct link *link = meet_stranger(fits, side, -1);
        check_keys(link, SL_SRTP_AEAD_AES_128_GCM);
        close_link(link);
        link = meet_stranger(longer, side, -1);
        assert_int_equal(sl_dtls_state(link->peers[!side]), SL_DTLS_FAILED);
        check_no_keys(link->peers[!side]);
        close_link(link);
    }
    sl_dtls_identity_destroy(fits);
    sl_dtls_identity_destroy(longer);
}

/* What OpenSSL keeps for later: records of the next epoch, fragments of coming messages. */
static void hoarding_is_bounded(void **state)
{
    (void)state;
    struct link *link = open_link();
    sl_dtls_start(link->peers[0], link->now);
    sl_dtls_receive(link->peers[1], link->now, link->log[0], link->log_len[0]);
    link->queued = 0;
    const size_t before = mallinfo2().uordblks;
    uint8_t later[1400] = {22, 0xfe, 0xfd, 0, 1};
    uint8_t fragment[35] = {22, 0xfe, 0xfd, 0, 0};
    sl_put16(later + 11, sizeof(later) - 13);
    sl_put16(fragment + 11, sizeof(fragment) - 13);
    fragment[13] = 11;             /* of a Certificate ... */
    sl_put24(fragment + 14, 8000); /* as long as they may be */
    sl_put24(fragment + 22, 10);
    for (uint32_t i = 0; i < 5000; i++) {
        sl_put32(later + 7, i);
        sl_dtls_receive(link->peers[1], link->now, later, sizeof(later));
        sl_put32(fragment + 7, 100 + i);
        sl_put16(fragment + 17, (uint16_t)(2 + i % 50)); /* messages to come */
        sl_put24(fragment + 19, i * 10 % 7000);
        sl_dtls_receive(link->peers[1], link->now, fragment, sizeof(fragment));
    }
    assert_true(mallinfo2().uordblks < before + 512 * 1024); /* under sanitizers: 0 < ... */
    assert_int_equal(sl_dtls_state(link->peers[1]), SL_DTLS_HANDSHAKING);
    close_link(link);
}

static void close_notify_ends_both(void **state)
{
    (void)state;
    struct link *link = open_link();
    sl_dtls_start(link->peers[0], link->now);
    run(link, SL_SEC);
    check_keys(link, SL_SRTP_AEAD_AES_128_GCM);
    sl_dtls_close(link->peers[0]);
    assert_int_equal(sl_dtls_state(link->peers[0]), SL_DTLS_CLOSED);
    run(link, SL_SEC);
    assert_int_equal(sl_dtls_state(link->peers[1]), SL_DTLS_CLOSED);
    check_no_keys(link->peers[0]);
    check_no_keys(link->peers[1]);
    const int sent = link->sent[0] + link->sent[1];
    sl_dtls_close(link->peers[0]);
    run(link, SL_SEC);
    assert_true(link->sent[0] + link->sent[1] <= sent + 1);
    close_link(link);
}

/* Nobody without the keys can end an association that stands. */
static void forged_records_change_nothing(void **state)
{
    (void)state;
    struct link *link = open_link();
    sl_dtls_start(link->peers[0], link->now);
    run(link, SL_SEC);
    for (uint8_t epoch = 0; epoch < 4; epoch++)
        for (uint8_t type = 20; type < 24; type++) {
            uint8_t record[64] = {type, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 1, type, 0, 2, 2, 40};
            for (int side = 0; side < 2; side++) {
                sl_dtls_receive(link->peers[side], link->now, record, 15);
                record[14] = 0; /* close_notify */
                sl_dtls_receive(link->peers[side], link->now, record, 15);
                sl_put16(record + 11, 51);
                sl_dtls_receive(link->peers[side], link->now, record, 64);
                sl_put16(record + 11, 2);
                record[14] = 40;
            }
        }
    check_keys(link, SL_SRTP_AEAD_AES_128_GCM);
    for (int n = 0; n < link->sent[0]; n++) /* and all that the client said, again */
        sl_dtls_receive(link->peers[1], link->now, link->log[n], link->log_len[n]);
    check_keys(link, SL_SRTP_AEAD_AES_128_GCM);
    sl_dtls_close(link->peers[1]); /* an authentic one still does */
    run(link, SL_SEC);
    assert_int_equal(sl_dtls_state(link->peers[0]), SL_DTLS_CLOSED);
    close_link(link);
}

static void garbage_before_the_handshake_changes_nothing(void **state)
{
    (void)state;
    struct link *link = open_link();
    uint8_t junk[3000];
    for (int i = 0; i < 5000; i++) {
        for (size_t at = 0; at < sizeof(junk); at++)
            junk[at] = (uint8_t)((i * 31 + (int)at * 17) ^ (i >> 3));
        if (i % 2) { /* a record header that is right, around nonsense */
            junk[0] = (uint8_t)(20 + i % 5);
            memcpy(junk + 1, "\xfe\xfd\0\0\0\0\0\0\0", 9);
            junk[10] = (uint8_t)i;
            sl_put16(junk + 11, (uint16_t)(i % 1400));
        }
        sl_dtls_receive(link->peers[1], link->now, junk,
                        i % 2 ? 13 + (size_t)(i % 1400) : (size_t)i % sizeof(junk));
        if (sl_dtls_state(link->peers[1]) != SL_DTLS_HANDSHAKING)
            fail_msg("ended after %d datagrams: %s", i, sl_dtls_reason(link->peers[1]));
        for (; link->queued > 0; link->queued--) /* nothing but an alert of 2 bytes */
            assert_int_equal(link->queue[link->queued - 1].len, 13 + 2);
    }
    sl_dtls_start(link->peers[0], link->now);
    run(link, SL_SEC);
    check_keys(link, SL_SRTP_AEAD_AES_128_GCM);
    close_link(link);
}

/* A Finished in the clear, before anything else. */
static void forged_first_flight_costs_nothing(void **state)
{
    (void)state;
    static const uint8_t forged[] = {22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 20, 0,
                                     0,  4,    0,    0, 0, 0, 0, 0, 0, 4, 1, 2, 3,  4};
    struct link *link = open_link();
    for (int i = 0; i < 20; i++)
        sl_dtls_receive(link->peers[1], link->now, forged, sizeof(forged));
    assert_int_equal(sl_dtls_state(link->peers[1]), SL_DTLS_HANDSHAKING);
    assert_true(strlen(sl_dtls_reason(link->peers[1])) > 0);
    link->queued = 0;
    sl_dtls_start(link->peers[0], link->now);
    run(link, SL_SEC);
    check_keys(link, SL_SRTP_AEAD_AES_128_GCM);
    assert_string_equal(sl_dtls_reason(link->peers[1]), "");
    close_link(link);
}

static void identities_survive_pem(void **state)
{
    (void)state;
    struct sl_dtls_identity *copy = NULL;
    const char *certificate = sl_dtls_identity_certificate_pem(alice);
    const char *key = sl_dtls_identity_key_pem(alice);
    assert_int_equal(sl_dtls_identity_from_pem(&copy, certificate, key), 0);
    assert_string_equal(sl_dtls_identity_certificate_pem(copy), certificate);
    assert_string_equal(sl_dtls_identity_key_pem(copy), key);
    assert_string_equal(sl_dtls_identity_pin(copy), sl_dtls_identity_pin(alice));
    assert_string_not_equal(sl_dtls_identity_pin(copy), sl_dtls_identity_pin(bob));
    assert_memory_equal(sl_dtls_identity_fingerprint(copy), sl_dtls_identity_fingerprint(alice),
                        32);
    assert_memory_equal(sl_dtls_identity_pin(copy), "sha256//", 8);
    assert_int_equal(strlen(sl_dtls_identity_pin(copy)), 8 + 44);
    sl_dtls_identity_destroy(copy);

    copy = NULL;
    assert_int_equal(sl_dtls_identity_from_pem(&copy, certificate, "no key"), -EBADMSG);
    assert_int_equal(sl_dtls_identity_from_pem(&copy, "", key), -EBADMSG);
    assert_int_equal(sl_dtls_identity_from_pem(&copy, certificate, sl_dtls_identity_key_pem(bob)),
                     -EBADMSG);
    assert_null(copy);
    sl_dtls_identity_destroy(NULL);
    sl_dtls_destroy(NULL);
}

static int make_identities(void **state)
{
    (void)state;
    return sl_dtls_identity_generate(&alice, "alice") || sl_dtls_identity_generate(&bob, "bob");
}

static int drop_identities(void **state)
{
    (void)state;
    sl_dtls_identity_destroy(alice);
    sl_dtls_identity_destroy(bob);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_roles_agree_on_keys),
        cmocka_unit_test(each_datagram_dropped_once),
        cmocka_unit_test(each_datagram_doubled),
        cmocka_unit_test(each_datagram_overtaken),
        cmocka_unit_test(heavy_loss_is_survived),
        cmocka_unit_test(silence_fails_after_twelve_tries),
        cmocka_unit_test(wrong_fingerprint_of_server_fails),
        cmocka_unit_test(wrong_fingerprint_of_client_fails),
        cmocka_unit_test(peer_with_sha1_80_only_is_served),
        cmocka_unit_test(peer_without_our_profiles_fails),
        cmocka_unit_test(client_without_certificate_fails),
        cmocka_unit_test(long_flights_are_cut_to_datagrams),
        cmocka_unit_test(long_certificates_are_refused),
        cmocka_unit_test(hoarding_is_bounded),
        cmocka_unit_test(close_notify_ends_both),
        cmocka_unit_test(forged_records_change_nothing),
        cmocka_unit_test(garbage_before_the_handshake_changes_nothing),
        cmocka_unit_test(forged_first_flight_costs_nothing),
        cmocka_unit_test(identities_survive_pem),
    };
    return cmocka_run_group_tests(tests, make_identities, drop_identities);
}
