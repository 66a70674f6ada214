/* SPDX-License-Identifier: MIT */
/*
 * Between identity.c and dtls.c only: the SSL_CTX of an identity. It is made once,
 * because making one takes longer than the rest of a handshake, and only read after.
 */
#pragma once

#include <openssl/ssl.h>

#include "base/types.h"

struct sl_dtls_identity;

/* 0, -ENOMEM, or -EINVAL if key and certificate do not belong together. */
SL_MUST_CHECK int sl_dtls_context_create(SSL_CTX **ret, X509 *certificate, EVP_PKEY *key);

SSL_CTX *sl_dtls_identity_context(const struct sl_dtls_identity *identity);
