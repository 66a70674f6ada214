/* SPDX-License-Identifier: MIT */
/* Bearer tokens: 256 random bits as 43 characters of base64url; kept only as their SHA-256. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "receiver/store.h"

#define SL_TOKEN_TEXT 44 /* 43 and NUL */

void sl_token_make(struct sl_random *random, char out[SL_TOKEN_TEXT]);

/* Of the text as it stands: a token has only one spelling. */
void sl_token_hash(const char *text, size_t len, uint8_t out[SL_TOKEN_HASH_BYTES]);

/* `bytes` random bytes (at most 32) as base64url without padding, and NUL. */
void sl_token_random_text(struct sl_random *random, size_t bytes, char *out, size_t size);

/* base64url without padding, and NUL, of what fits. */
void sl_token_base64url(const uint8_t *data, size_t len, char *out, size_t size);
/* The other way round: how many bytes, 0 if it is no such text or they do not fit. Each value has
 * one spelling. */
size_t sl_token_from_base64url(const char *text, uint8_t *out, size_t size);
