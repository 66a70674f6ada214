/* SPDX-License-Identifier: MIT */
#include "receiver/token.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void sl_token_base64url(const uint8_t *data, size_t len, char *out, size_t size)
{
    uint32_t bits = 0;
    int held = 0;
    size_t at = 0;
    for (size_t i = 0; i < len; i++) {
        bits = (bits << 8) | data[i];
        for (held += 8; held >= 6 && at + 1 < size; at++) {
            held -= 6;
            out[at] = digits[(bits >> held) & 63];
        }
    }
    if (held > 0 && at + 1 < size)
        out[at++] = digits[(bits << (6 - held)) & 63];
    out[at] = '\0';
}

size_t sl_token_from_base64url(const char *text, uint8_t *out, size_t size)
{
    uint32_t bits = 0;
    int held = 0;
    size_t len = 0;
    for (; *text; text++) {
        const char *digit = strchr(digits, *text);
        if (!digit)
            return 0;
        bits = (bits << 6) | (uint32_t)(digit - digits);
        held += 6;
        if (held < 8)
            continue;
        held -= 8;
        if (len == size)
            return 0;
        out[len++] = (uint8_t)(bits >> held);
        bits &= (1u << held) - 1;
    }
    return held < 6 && bits == 0 ? len : 0;
}

void sl_token_random_text(struct sl_random *random, size_t bytes, char *out, size_t size)
{
    uint8_t data[32];
    if (bytes > sizeof(data))
        bytes = sizeof(data);
    sl_random_fill(random, data, bytes);
    sl_token_base64url(data, bytes, out, size);
    OPENSSL_cleanse(data, sizeof(data));
}

void sl_token_make(struct sl_random *random, char out[SL_TOKEN_TEXT])
{
    sl_token_random_text(random, 32, out, SL_TOKEN_TEXT);
}

void sl_token_hash(const char *text, size_t len, uint8_t out[SL_TOKEN_HASH_BYTES])
{
    SHA256((const unsigned char *)text, len, out);
}
