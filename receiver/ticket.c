/* SPDX-License-Identifier: MIT */
#include "receiver/ticket.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <string.h>

#include "base/bytes.h"
#include "receiver/token.h"

#define VERSION 1
#define SIGNED_BYTES (1 + 8 + SL_TOKEN_HASH_BYTES)
#define MAC_BYTES 32
#define TICKET_BYTES (SIGNED_BYTES + MAC_BYTES)

_Static_assert((TICKET_BYTES * 8 + 5) / 6 + 1 == SL_TICKET_TEXT, "SL_TICKET_TEXT");

static bool sign(const uint8_t key[SL_TICKET_KEY_BYTES], const struct sl_media_target *target,
                 const uint8_t *ticket, uint8_t mac[MAC_BYTES])
{
    uint8_t data[256] = "sightline media";
    struct sl_writer w = sl_writer(data + 16, sizeof(data) - 16);
    sl_write8(&w, (uint8_t)target->kind);
    sl_write_bytes(&w, target->name, sizeof(target->name)); /* with zeros behind it */
    sl_write64(&w, (uint64_t)target->from_us);
    sl_write64(&w, (uint64_t)target->to_us);
    sl_write_bytes(&w, ticket, SIGNED_BYTES);
    unsigned len = MAC_BYTES;
    return HMAC(EVP_sha256(), key, SL_TICKET_KEY_BYTES, data, 16 + sl_writer_len(&w), mac, &len);
}

/* Names of other targets may have stood where this one is. */
static struct sl_media_target plain(const struct sl_media_target *target)
{
    struct sl_media_target copy = {.kind = target->kind};
    memccpy(copy.name, target->name, 0, sizeof(copy.name) - 1);
    if (target->kind == SL_MEDIA_OF_CAMERA) {
        copy.from_us = target->from_us;
        copy.to_us = target->to_us;
    }
    return copy;
}

void sl_ticket_make(const uint8_t key[SL_TICKET_KEY_BYTES], const struct sl_media_target *target,
                    const struct sl_ticket *ticket, char out[SL_TICKET_TEXT])
{
    const struct sl_media_target what = plain(target);
    uint8_t data[TICKET_BYTES] = {VERSION};
    sl_put64(data + 1, (uint64_t)ticket->expires_us);
    memcpy(data + 9, ticket->token_hash, SL_TOKEN_HASH_BYTES);
    out[0] = '\0';
    if (sign(key, &what, data, data + SIGNED_BYTES))
        sl_token_base64url(data, sizeof(data), out, SL_TICKET_TEXT);
}

int sl_ticket_check(const uint8_t key[SL_TICKET_KEY_BYTES], const struct sl_media_target *target,
                    const char *text, int64_t now_us, struct sl_ticket *ret)
{
    const struct sl_media_target what = plain(target);
    uint8_t data[TICKET_BYTES], mac[MAC_BYTES];
    if (sl_token_from_base64url(text, data, sizeof(data)) != sizeof(data) || data[0] != VERSION)
        return -EACCES;
    if (!sign(key, &what, data, mac) || CRYPTO_memcmp(mac, data + SIGNED_BYTES, MAC_BYTES) != 0)
        return -EACCES;
    const int64_t expires_us = (int64_t)sl_get64(data + 1);
    if (now_us >= expires_us)
        return -ESTALE;
    ret->expires_us = expires_us;
    memcpy(ret->token_hash, data + 9, SL_TOKEN_HASH_BYTES);
    return 0;
}
