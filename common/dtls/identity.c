/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dtls/context.h"
#include "dtls/dtls.h"

#define FINGERPRINT_BYTES SHA256_DIGEST_LENGTH
#define PIN_PREFIX "sha256//"
#define PIN_BASE64 44 /* of 32 bytes, padded */

struct sl_dtls_identity {
    X509 *certificate;
    EVP_PKEY *key;
    SSL_CTX *context;
    char *certificate_pem, *key_pem;
    uint8_t fingerprint[FINGERPRINT_BYTES];
    char pin[sizeof(PIN_PREFIX) + PIN_BASE64];
};

/* The whole of a memory BIO as text of its own. NULL if out of memory. */
static char *bio_text(BIO *bio)
{
    char *data;
    const long len = BIO_get_mem_data(bio, &data);
    char *text = len > 0 ? malloc((size_t)len + 1) : NULL;
    if (!text)
        return NULL;
    memcpy(text, data, (size_t)len);
    text[len] = '\0';
    return text;
}

static int write_texts(struct sl_dtls_identity *identity)
{
    BIO *certificate = BIO_new(BIO_s_mem());
    BIO *key = BIO_new(BIO_s_secmem());
    if (certificate && key && PEM_write_bio_X509(certificate, identity->certificate) == 1 &&
        PEM_write_bio_PKCS8PrivateKey(key, identity->key, NULL, NULL, 0, NULL, NULL) == 1) {
        identity->certificate_pem = bio_text(certificate);
        identity->key_pem = bio_text(key);
    }
    BIO_free(certificate);
    BIO_free(key);
    return identity->certificate_pem && identity->key_pem ? 0 : -ENOMEM;
}

static int hash_certificate(struct sl_dtls_identity *identity)
{
    unsigned int len = 0;
    if (X509_digest(identity->certificate, EVP_sha256(), identity->fingerprint, &len) != 1 ||
        len != FINGERPRINT_BYTES)
        return -ENOMEM;

    uint8_t *spki = NULL, hash[SHA256_DIGEST_LENGTH];
    const int spki_len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(identity->certificate), &spki);
    if (spki_len <= 0)
        return -ENOMEM;
    SHA256(spki, (size_t)spki_len, hash);
    OPENSSL_free(spki);
    memcpy(identity->pin, PIN_PREFIX, sizeof(PIN_PREFIX));
    EVP_EncodeBlock((uint8_t *)identity->pin + sizeof(PIN_PREFIX) - 1, hash, sizeof(hash));
    return 0;
}

/* Takes both, also on failure. */
static int finish(struct sl_dtls_identity **ret, X509 *certificate, EVP_PKEY *key)
{
    struct sl_dtls_identity *identity = calloc(1, sizeof(*identity));
    if (!identity) {
        X509_free(certificate);
        EVP_PKEY_free(key);
        return -ENOMEM;
    }
    identity->certificate = certificate;
    identity->key = key;
    int r = sl_dtls_context_create(&identity->context, certificate, key);
    if (r == 0)
        r = hash_certificate(identity);
    if (r == 0)
        r = write_texts(identity);
    ERR_clear_error();
    if (r < 0) {
        sl_dtls_identity_destroy(identity);
        return r;
    }
    *ret = identity;
    return 0;
}

static int set_serial(X509 *certificate)
{
    BIGNUM *number = BN_new();
    const int ok = number && BN_rand(number, 127, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
                   BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
    BN_free(number);
    return ok;
}

static int set_name(X509 *certificate, const char *common_name)
{
    X509_NAME *name = X509_get_subject_name(certificate);
    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)common_name, -1,
                                      -1, 0) == 1 &&
           X509_set_issuer_name(certificate, name) == 1;
}

/*
 * Peers judge the certificate by its fingerprint or its public key, never by its dates. They are
 * constants ("no well-defined expiration", RFC 5280 section 4.1.2.5), so no clock is read and a
 * camera without a battery-backed one can make its own in 1970.
 */
static int set_dates(X509 *certificate)
{
    return ASN1_TIME_set_string_X509(X509_getm_notBefore(certificate), "20200101000000Z") == 1 &&
           ASN1_TIME_set_string_X509(X509_getm_notAfter(certificate), "99991231235959Z") == 1;
}

int sl_dtls_identity_generate(struct sl_dtls_identity **ret, const char *common_name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    if (key && certificate && X509_set_version(certificate, 2) == 1 && set_serial(certificate) &&
        set_name(certificate, common_name) && set_dates(certificate) &&
        X509_set_pubkey(certificate, key) == 1 && X509_sign(certificate, key, EVP_sha256()) > 0)
        return finish(ret, certificate, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return -EIO;
}

/* An encrypted key must not make OpenSSL ask for a passphrase on the terminal. */
static int no_passphrase(char *buffer, int size, int writing, void *ctx)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)ctx;
    return -1;
}

int sl_dtls_identity_from_pem(struct sl_dtls_identity **ret, const char *certificate_pem,
                              const char *key_pem)
{
    BIO *certificate_bio = BIO_new_mem_buf(certificate_pem, -1);
    BIO *key_bio = BIO_new_mem_buf(key_pem, -1);
    X509 *certificate = NULL;
    EVP_PKEY *key = NULL;
    if (certificate_bio && key_bio) {
        certificate = PEM_read_bio_X509(certificate_bio, NULL, no_passphrase, NULL);
        key = PEM_read_bio_PrivateKey(key_bio, NULL, no_passphrase, NULL);
    }
    BIO_free(certificate_bio);
    BIO_free(key_bio);
    ERR_clear_error();
    if (!certificate || !key) {
        X509_free(certificate);
        EVP_PKEY_free(key);
        return -EBADMSG;
    }
    const int r = finish(ret, certificate, key);
    return r == -EINVAL ? -EBADMSG : r;
}

const char *sl_dtls_identity_certificate_pem(const struct sl_dtls_identity *identity)
{
    return identity->certificate_pem;
}

const char *sl_dtls_identity_key_pem(const struct sl_dtls_identity *identity)
{
    return identity->key_pem;
}

const uint8_t *sl_dtls_identity_fingerprint(const struct sl_dtls_identity *identity)
{
    return identity->fingerprint;
}

const char *sl_dtls_identity_pin(const struct sl_dtls_identity *identity)
{
    return identity->pin;
}

SSL_CTX *sl_dtls_identity_context(const struct sl_dtls_identity *identity)
{
    return identity->context;
}

void sl_dtls_identity_destroy(struct sl_dtls_identity *identity)
{
    if (!identity)
        return;
    SSL_CTX_free(identity->context);
    X509_free(identity->certificate);
    EVP_PKEY_free(identity->key);
    free(identity->certificate_pem);
    if (identity->key_pem)
        explicit_bzero(identity->key_pem, strlen(identity->key_pem));
    free(identity->key_pem);
    free(identity);
}
