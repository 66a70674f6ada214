/* SPDX-License-Identifier: MIT */
#include "dtls/dtls.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/srtp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "base/bytes.h"
#include "dtls/context.h"

#define MTU 1200          /* of our own datagrams */
#define DATAGRAM_MAX 1500 /* of the peer's */
/* Encrypted records that come before their keys are kept by OpenSSL, up to 100, each in a buffer of
 * 17 KB (3.0.20). An honest peer sends its Finished once a try. */
#define EARLY_MAX 16
#define RECORD_TAG 16    /* of every AEAD that we offer */
#define RECORD_HEADER 13 /* RFC 6347 section 4.1 */
#define RETRY_FIRST_US 50000
#define RETRY_LAST_US 1000000
#define CERTIFICATE_MAX (8 * 1024) /* also bounds each message that OpenSSL holds for us */

enum { RECORD_CHANGE_CIPHER = 20, RECORD_HANDSHAKE = 22, RECORD_APPLICATION = 23 };

struct sl_dtls {
    struct sl_dtls_config config;
    BIO_METHOD *datagrams;
    SSL *ssl;
    enum sl_dtls_state state;
    const char *reason;
    enum sl_srtp_profile profile;
    bool peer_verified;   /* its certificate has the fingerprint that the SDP told */
    bool spoke;           /* a handshake record of ours is out */
    int early;            /* datagrams with encrypted records, while shaking hands */
    const uint8_t *input; /* the datagram that OpenSSL is to read; NULL: none */
    size_t input_len;
    sl_ns due;
};

/* ---- the datagram BIO: one write is one datagram, one read takes one whole ---- */

static int bio_write(BIO *bio, const char *data, int len)
{
    struct sl_dtls *dtls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (len <= 0)
        return 0;
    if ((uint8_t)data[0] == RECORD_HANDSHAKE)
        dtls->spoke = true;
    dtls->config.send(dtls->config.ctx, (const uint8_t *)data, (size_t)len);
    return len;
}

static int bio_read(BIO *bio, char *out, int size)
{
    struct sl_dtls *dtls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (!dtls->input) {
        BIO_set_retry_read(bio);
        return -1;
    }
    const size_t len = dtls->input_len < (size_t)size ? dtls->input_len : (size_t)size;
    memcpy(out, dtls->input, len);
    dtls->input = NULL;
    return (int)len;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_DGRAM_QUERY_MTU:
    case BIO_CTRL_DGRAM_GET_MTU:
    case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
        return MTU;
    default:
        return 0;
    }
}

static BIO_METHOD *make_datagrams(void)
{
    /* No index of its own: there are only 127, and nothing looks for this BIO by type. */
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "datagrams");
    if (method && BIO_meth_set_write(method, bio_write) == 1 &&
        BIO_meth_set_read(method, bio_read) == 1 && BIO_meth_set_ctrl(method, bio_ctrl) == 1)
        return method;
    BIO_meth_free(method);
    return NULL;
}

/* ---- what all associations of an identity share ---- */

static bool fingerprint_matches(const struct sl_dtls *dtls, const X509 *certificate)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    const size_t want = sizeof(dtls->config.remote_fingerprint);
    return certificate && X509_digest(certificate, EVP_sha256(), digest, &len) == 1 &&
           len == want && CRYPTO_memcmp(digest, dtls->config.remote_fingerprint, want) == 0;
}

/*
 * In place of a chain of trust: the fingerprint is the whole of it (RFC 5763 section 5). Checked
 * here, the peer is told by an alert, and keys never come to be.
 */
static int verify_peer(X509_STORE_CTX *store, void *unused)
{
    (void)unused;
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct sl_dtls *dtls = SSL_get_app_data(ssl);
    dtls->peer_verified = fingerprint_matches(dtls, X509_STORE_CTX_get0_cert(store));
    if (!dtls->peer_verified)
        X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
    return dtls->peer_verified;
}

static bool set_up_context(SSL_CTX *context, X509 *certificate, EVP_PKEY *key)
{
    SSL_CTX_set_options(context, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_max_cert_list(context, CERTIFICATE_MAX);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(context, verify_peer, NULL);
    return SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(context, DTLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
           SSL_CTX_set1_groups_list(context, "P-256:X25519") == 1 &&
           SSL_CTX_set_tlsext_use_srtp(context, "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80") ==
               0 &&
           SSL_CTX_use_certificate(context, certificate) == 1 &&
           SSL_CTX_use_PrivateKey(context, key) == 1 && SSL_CTX_check_private_key(context) == 1;
}

int sl_dtls_context_create(SSL_CTX **ret, X509 *certificate, EVP_PKEY *key)
{
    SSL_CTX *context = SSL_CTX_new(DTLS_method());
    if (!context)
        return -ENOMEM;
    if (!set_up_context(context, certificate, key)) {
        SSL_CTX_free(context);
        ERR_clear_error();
        return -EINVAL;
    }
    *ret = context;
    return 0;
}

/* ---- one association ---- */

static unsigned int next_retry(SSL *ssl, unsigned int last_us)
{
    (void)ssl;
    if (last_us == 0)
        return RETRY_FIRST_US;
    return last_us < RETRY_LAST_US / 2 ? last_us * 2 : RETRY_LAST_US;
}

static int open_ssl(struct sl_dtls *dtls)
{
    SSL *ssl = SSL_new(sl_dtls_identity_context(dtls->config.identity));
    BIO *bio = BIO_new(dtls->datagrams);
    if (!ssl || !bio) {
        SSL_free(ssl);
        BIO_free(bio);
        return -ENOMEM;
    }
    BIO_set_data(bio, dtls);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_app_data(ssl, dtls);
    SSL_set_mtu(ssl, MTU);
    DTLS_set_timer_cb(ssl, next_retry);
    if (dtls->config.client)
        SSL_set_connect_state(ssl);
    else
        SSL_set_accept_state(ssl);
    SSL_free(dtls->ssl);
    dtls->ssl = ssl;
    return 0;
}

int sl_dtls_create(struct sl_dtls **ret, const struct sl_dtls_config *config)
{
    struct sl_dtls *dtls = calloc(1, sizeof(*dtls));
    if (!dtls)
        return -ENOMEM;
    dtls->config = *config;
    dtls->due = SL_NEVER;
    dtls->reason = "";
    dtls->datagrams = make_datagrams();
    if (!dtls->datagrams || open_ssl(dtls) < 0) {
        ERR_clear_error();
        sl_dtls_destroy(dtls);
        return -ENOMEM;
    }
    *ret = dtls;
    return 0;
}

void sl_dtls_destroy(struct sl_dtls *dtls)
{
    if (!dtls)
        return;
    SSL_free(dtls->ssl);
    BIO_meth_free(dtls->datagrams);
    free(dtls);
}

static void end(struct sl_dtls *dtls, enum sl_dtls_state state, const char *reason)
{
    dtls->state = state;
    dtls->reason = reason;
    dtls->due = SL_NEVER;
}

static enum sl_srtp_profile chosen_profile(SSL *ssl)
{
    const SRTP_PROTECTION_PROFILE *profile = SSL_get_selected_srtp_profile(ssl);
    if (profile && profile->id == SRTP_AEAD_AES_128_GCM)
        return SL_SRTP_AEAD_AES_128_GCM;
    if (profile && profile->id == SRTP_AES128_CM_SHA1_80)
        return SL_SRTP_AES128_CM_SHA1_80;
    return 0;
}

static void finish(struct sl_dtls *dtls)
{
    dtls->profile = chosen_profile(dtls->ssl);
    if (!dtls->peer_verified) { /* cannot be, unless OpenSSL left our check out */
        end(dtls, SL_DTLS_FAILED, "the peer's certificate was not checked");
    } else if (!dtls->profile) {
        SSL_shutdown(dtls->ssl);
        end(dtls, SL_DTLS_FAILED, "no SRTP profile in common");
    } else {
        dtls->state = SL_DTLS_CONNECTED;
        dtls->reason = "";
    }
}

static const char *why(void)
{
    const unsigned long error = ERR_peek_error();
    if (ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED)
        return "the peer's certificate does not have the fingerprint of its SDP";
    if (ERR_GET_REASON(error) == SSL_R_READ_TIMEOUT_EXPIRED)
        return "no answer";
    const char *text = ERR_reason_error_string(error);
    return text ? text : "handshake failed";
}

/*
 * Anyone may write nonsense from the peer's address. Until a server has answered a ClientHello
 * nothing is lost by starting afresh; how long to wait for a good one is the caller's decision.
 */
static void fail(struct sl_dtls *dtls)
{
    const char *reason = why();
    ERR_clear_error();
    if (!dtls->config.client && !dtls->spoke && open_ssl(dtls) == 0)
        dtls->reason = reason;
    else
        end(dtls, SL_DTLS_FAILED, reason);
}

/* Handshakes as far as the input goes. */
static void shake(struct sl_dtls *dtls)
{
    const int r = SSL_do_handshake(dtls->ssl);
    if (r == 1) {
        finish(dtls);
        return;
    }
    switch (SSL_get_error(dtls->ssl, r)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        break;
    case SSL_ERROR_ZERO_RETURN:
        end(dtls, SL_DTLS_FAILED, "closed by the peer during the handshake");
        break;
    default:
        fail(dtls);
    }
}

/* After completion there is only a resent flight to answer (OpenSSL does), or the end. */
static void listen_on(struct sl_dtls *dtls)
{
    uint8_t unwanted[DATAGRAM_MAX];
    int r;
    while ((r = SSL_read(dtls->ssl, unwanted, sizeof(unwanted))) > 0)
        ;
    switch (SSL_get_error(dtls->ssl, r)) {
    case SSL_ERROR_ZERO_RETURN:
        end(dtls, SL_DTLS_CLOSED, "closed by the peer");
        break;
    case SSL_ERROR_SSL:
        end(dtls, SL_DTLS_CLOSED, why());
        break;
    default:
        break;
    }
}

/*
 * OpenSSL's timer is the truth, and it counts in gettimeofday(). DTLSv1_get_timeout() gives what is
 * left of it, and 0 when that is under 15 ms. Should the wall clock be set back meanwhile, we ask
 * again no later than the longest interval.
 */
static void set_due(struct sl_dtls *dtls, sl_ns now)
{
    struct timeval left;
    if (dtls->state != SL_DTLS_HANDSHAKING || DTLSv1_get_timeout(dtls->ssl, &left) != 1)
        dtls->due = SL_NEVER;
    else if (left.tv_sec > 0)
        dtls->due = now + RETRY_LAST_US * SL_US;
    else
        dtls->due = now + (sl_ns)left.tv_usec * SL_US;
}

enum sl_dtls_state sl_dtls_start(struct sl_dtls *dtls, sl_ns now)
{
    if (!dtls->config.client || dtls->state != SL_DTLS_HANDSHAKING)
        return dtls->state;
    ERR_clear_error();
    shake(dtls);
    set_due(dtls, now);
    ERR_clear_error();
    return dtls->state;
}

/*
 * Whole DTLS 1.x records and nothing else; no application data, which nobody has a use for. An
 * encrypted record has a tag: OpenSSL 3.0.20 answers a shorter one, and can then not say goodbye.
 */
static bool is_sane(const uint8_t *data, size_t len, bool *encrypted)
{
    if (len == 0 || len > DATAGRAM_MAX)
        return false;
    for (size_t at = 0; at < len;) {
        if (len - at < RECORD_HEADER || data[at] < RECORD_CHANGE_CIPHER ||
            data[at] >= RECORD_APPLICATION || data[at + 1] != 0xfe)
            return false;
        const uint16_t epoch = sl_get16(data + at + 3), body = sl_get16(data + at + 11);
        if (epoch > 0 && body <= RECORD_TAG)
            return false;
        *encrypted |= epoch > 0;
        at += RECORD_HEADER + (size_t)body;
        if (at > len)
            return false;
    }
    return true;
}

enum sl_dtls_state sl_dtls_receive(struct sl_dtls *dtls, sl_ns now, const uint8_t *data, size_t len)
{
    const bool open = dtls->state == SL_DTLS_HANDSHAKING || dtls->state == SL_DTLS_CONNECTED;
    bool encrypted = false;
    if (!open || !is_sane(data, len, &encrypted))
        return dtls->state;
    if (dtls->state == SL_DTLS_HANDSHAKING && encrypted && dtls->early++ >= EARLY_MAX)
        return dtls->state;
    ERR_clear_error();
    dtls->input = data;
    dtls->input_len = len;
    if (dtls->state == SL_DTLS_HANDSHAKING)
        shake(dtls);
    if (dtls->state == SL_DTLS_CONNECTED) /* also what came in the same datagram */
        listen_on(dtls);
    dtls->input = NULL;
    set_due(dtls, now);
    ERR_clear_error();
    return dtls->state;
}

sl_ns sl_dtls_due(const struct sl_dtls *dtls)
{
    return dtls->due;
}

enum sl_dtls_state sl_dtls_tick(struct sl_dtls *dtls, sl_ns now)
{
    if (dtls->state != SL_DTLS_HANDSHAKING || now < dtls->due)
        return dtls->state;
    ERR_clear_error();
    if (DTLSv1_handle_timeout(dtls->ssl) < 0)
        fail(dtls);
    set_due(dtls, now);
    ERR_clear_error();
    return dtls->state;
}

enum sl_dtls_state sl_dtls_state(const struct sl_dtls *dtls)
{
    return dtls->state;
}

const char *sl_dtls_reason(const struct sl_dtls *dtls)
{
    return dtls->reason;
}

int sl_dtls_keys(const struct sl_dtls *dtls, enum sl_srtp_profile *profile,
                 uint8_t send_key[SL_SRTP_KEY_MAX], uint8_t receive_key[SL_SRTP_KEY_MAX])
{
    static const char label[] = "EXTRACTOR-dtls_srtp"; /* RFC 5764 section 4.2 */
    if (dtls->state != SL_DTLS_CONNECTED)
        return -ENOTCONN;
    const size_t key = 16, salt = sl_srtp_key_bytes(dtls->profile) - key;
    uint8_t both[2 * SL_SRTP_KEY_MAX]; /* client key, server key, client salt, server salt */
    if (SSL_export_keying_material(dtls->ssl, both, 2 * (key + salt), label, sizeof(label) - 1,
                                   NULL, 0, 0) != 1) {
        ERR_clear_error();
        return -ENOTCONN;
    }
    uint8_t *client = dtls->config.client ? send_key : receive_key;
    uint8_t *server = dtls->config.client ? receive_key : send_key;
    memcpy(client, both, key);
    memcpy(server, both + key, key);
    memcpy(client + key, both + 2 * key, salt);
    memcpy(server + key, both + 2 * key + salt, salt);
    explicit_bzero(both, sizeof(both));
    *profile = dtls->profile;
    return 0;
}

void sl_dtls_close(struct sl_dtls *dtls)
{
    ERR_clear_error();
    if (dtls->state == SL_DTLS_CONNECTED)
        SSL_shutdown(dtls->ssl);
    if (dtls->state == SL_DTLS_CONNECTED || dtls->state == SL_DTLS_HANDSHAKING)
        end(dtls, SL_DTLS_CLOSED, "closed by us");
    ERR_clear_error();
}
