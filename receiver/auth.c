/* SPDX-License-Identifier: MIT */
#include "receiver/auth.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>

#include "receiver/token.h"

/* The token after "Bearer ", or NULL (RFC 6750 section 2.1: the scheme is caseless). */
static const char *bearer(const char *header)
{
    if (!header || strncasecmp(header, "Bearer ", 7) != 0)
        return NULL;
    const char *token = header + 7;
    while (*token == ' ')
        token++;
    return *token ? token : NULL;
}

enum sl_auth_outcome sl_auth_check(const struct sl_auth *auth, const char *header,
                                   const struct sl_addr *from, sl_ns now, struct sl_token *ret)
{
    const char *text = bearer(header);
    enum sl_auth_outcome outcome = text ? SL_AUTH_WRONG : SL_AUTH_MISSING;
    const size_t len = text ? strlen(text) : 0;
    if (len == SL_TOKEN_TEXT - 1) {
        uint8_t hash[SL_TOKEN_HASH_BYTES];
        struct sl_token found;
        sl_token_hash(text, len, hash);
        const int err = sl_store_token_find(auth->store, hash, &found);
        if (err == 0 && CRYPTO_memcmp(hash, found.hash, sizeof(hash)) == 0) {
            *ret = found;
            return SL_AUTH_OK;
        }
        if (err != 0 && err != -ENOENT)
            return SL_AUTH_BROKEN;
    }
    return sl_limiter_take(auth->failures, from, now) ? outcome : SL_AUTH_TOO_MANY;
}
