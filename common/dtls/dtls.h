/* SPDX-License-Identifier: MIT */
/*
 * DTLS 1.2 handshake for SRTP keys (RFC 5764) over OpenSSL, both roles, with
 * datagrams and time as arguments.
 *
 * A flight is sent again after 50 ms, doubling to 1 s, 12 times. OpenSSL does that,
 * and reads gettimeofday() for it (it checks its timer each time it reads, so the
 * timer cannot be kept outside); `now` is what due() counts from. A test in virtual
 * time lends OpenSSL its clock: tests/support/virtual_clock.h.
 * Feed records also after completion: the last flight may be lost. No state is made
 * for an address that has not passed a STUN check: the caller sees to that. MTU 1200.
 * The handshake allocates; nothing here is on the packet path.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "srtp/srtp.h"

/* A certificate (P-256, self-signed) and its key. Shared by sessions; read-only after load. */
struct sl_dtls_identity;

/* Makes a new one in memory. 0 or -ENOMEM / -EIO. */
SL_MUST_CHECK int sl_dtls_identity_generate(struct sl_dtls_identity **ret, const char *common_name);
/* From PEM text (certificate and PKCS8 key). 0 or -EBADMSG. */
SL_MUST_CHECK int sl_dtls_identity_from_pem(struct sl_dtls_identity **ret,
                                            const char *certificate_pem, const char *key_pem);
/* PEM texts, NUL-terminated, owned by the identity. */
const char *sl_dtls_identity_certificate_pem(const struct sl_dtls_identity *identity);
const char *sl_dtls_identity_key_pem(const struct sl_dtls_identity *identity);
/* SHA-256 of the certificate's DER, for a=fingerprint. */
const uint8_t *sl_dtls_identity_fingerprint(const struct sl_dtls_identity *identity);
/* "sha256//BASE64" of the public key (SPKI), as CURLOPT_PINNEDPUBLICKEY wants it. */
const char *sl_dtls_identity_pin(const struct sl_dtls_identity *identity);
void sl_dtls_identity_destroy(struct sl_dtls_identity *identity);

struct sl_dtls;

struct sl_dtls_config {
    const struct sl_dtls_identity *identity;
    bool client;                    /* sends the ClientHello */
    uint8_t remote_fingerprint[32]; /* what the SDP said */
    void (*send)(void *ctx, const uint8_t *data, size_t len);
    void *ctx;
};

SL_MUST_CHECK int sl_dtls_create(struct sl_dtls **ret, const struct sl_dtls_config *config);
void sl_dtls_destroy(struct sl_dtls *dtls);

enum sl_dtls_state {
    SL_DTLS_HANDSHAKING,
    SL_DTLS_CONNECTED,
    SL_DTLS_CLOSED, /* the peer sent close_notify */
    SL_DTLS_FAILED, /* fingerprint or certificate wrong, no SRTP profile, alert, tries used up */
};

/* Client: sends the ClientHello. Server: nothing yet. */
enum sl_dtls_state sl_dtls_start(struct sl_dtls *dtls, sl_ns now);
/* One datagram in (RFC 7983: first byte 20..63). Garbage changes nothing; a server that has not
 * answered a ClientHello yet survives even a well-formed wrong one (reason() then says why). */
enum sl_dtls_state sl_dtls_receive(struct sl_dtls *dtls, sl_ns now, const uint8_t *data,
                                   size_t len);
sl_ns sl_dtls_due(const struct sl_dtls *dtls);
enum sl_dtls_state sl_dtls_tick(struct sl_dtls *dtls, sl_ns now);
enum sl_dtls_state sl_dtls_state(const struct sl_dtls *dtls);
/* Why it failed, a static sentence. */
const char *sl_dtls_reason(const struct sl_dtls *dtls);

/* Once connected: the profile, and both directions' keys (RFC 5764 section 4.2). The peer's
 * fingerprint was checked, in constant time, before these are exported. -ENOTCONN before that. */
SL_MUST_CHECK int sl_dtls_keys(const struct sl_dtls *dtls, enum sl_srtp_profile *profile,
                               uint8_t send_key[SL_SRTP_KEY_MAX],
                               uint8_t receive_key[SL_SRTP_KEY_MAX]);

/* Sends close_notify. */
void sl_dtls_close(struct sl_dtls *dtls);
