/* SPDX-License-Identifier: MIT */
#include "stun/stun.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "base/bytes.h"

#define MAGIC 0x2112a442u
#define HEADER_BYTES 20
#define INTEGRITY_BYTES 20
#define READ_MAX 1500 /* one datagram; also bounds the copy that sl_stun_verify() makes */
#define USERNAME_MAX 513
#define FINGERPRINT_XOR 0x5354554eu /* RFC 8489 section 14.7 */

enum attribute {
    USERNAME = 0x0006,
    MESSAGE_INTEGRITY = 0x0008,
    ERROR_CODE = 0x0009,
    XOR_MAPPED_ADDRESS = 0x0020,
    PRIORITY = 0x0024,
    USE_CANDIDATE = 0x0025,
    FINGERPRINT = 0x8028,
    ICE_CONTROLLED = 0x8029,
    ICE_CONTROLLING = 0x802a,
};

/* Comprehension-required attributes that may come in a Binding and say nothing to us. */
static bool harmless(uint16_t type)
{
    return type == 0x0001 /* MAPPED-ADDRESS */ || type == 0x0014 /* REALM */ ||
           type == 0x0015 /* NONCE */ || type == 0x001c /* MESSAGE-INTEGRITY-SHA256 */;
}

static uint32_t crc32_of(const uint8_t *data, size_t len)
{
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    uint32_t crc = ~0u;
    for (size_t i = 0; i < len; i++) {
        crc = (crc >> 4) ^ table[(crc ^ data[i]) & 15];
        crc = (crc >> 4) ^ table[(crc ^ ((uint32_t)data[i] >> 4)) & 15];
    }
    return ~crc;
}

static bool hmac_sha1(const char *password, const uint8_t *data, size_t len,
                      uint8_t out[INTEGRITY_BYTES])
{
    unsigned int made = INTEGRITY_BYTES;
    return HMAC(EVP_sha1(), password, (int)strlen(password), data, len, out, &made) &&
           made == INTEGRITY_BYTES;
}

bool sl_stun_is(const uint8_t *data, size_t len)
{
    return len >= HEADER_BYTES && data[0] <= 3 && sl_get32(data + 4) == MAGIC;
}

static bool header_fits(const uint8_t *data, size_t len)
{
    return sl_stun_is(data, len) && len <= READ_MAX && len % 4 == 0 &&
           (size_t)sl_get16(data + 2) + HEADER_BYTES == len;
}

static int read_mapped(struct sl_stun_message *message, const uint8_t *value, size_t len,
                       const uint8_t *header)
{
    if (len < 8)
        return -EBADMSG;
    struct sl_addr addr = {0};
    const uint16_t port = (uint16_t)(sl_get16(value + 2) ^ (MAGIC >> 16));
    uint8_t host[16];
    if (value[1] == 1 && len == 8) {
        for (int i = 0; i < 4; i++)
            host[i] = value[4 + i] ^ header[4 + i];
        addr.in.sin_family = AF_INET;
        sl_put16((uint8_t *)&addr.in.sin_port, port);
        memcpy(&addr.in.sin_addr, host, 4);
    } else if (value[1] == 2 && len == 20) {
        for (int i = 0; i < 16; i++)
            host[i] = value[4 + i] ^ header[4 + i]; /* the cookie, then the transaction */
        addr.in6.sin6_family = AF_INET6;
        sl_put16((uint8_t *)&addr.in6.sin6_port, port);
        memcpy(&addr.in6.sin6_addr, host, 16);
    } else {
        return -EBADMSG;
    }
    message->mapped = addr;
    message->has_mapped = true;
    return 0;
}

static int read_tie_breaker(struct sl_stun_message *message, bool *has, const uint8_t *value,
                            size_t len)
{
    if (len != 8)
        return -EBADMSG;
    *has = true;
    message->tie_breaker = sl_get64(value);
    return 0;
}

/* One attribute ahead of MESSAGE-INTEGRITY. Of equal ones the first counts (section 14). */
static int read_attribute(struct sl_stun_message *message, uint16_t type, const uint8_t *value,
                          size_t len, const uint8_t *header)
{
    switch (type) {
    case USERNAME:
        if (len > USERNAME_MAX)
            return -EBADMSG;
        if (!message->username) {
            message->username = (const char *)value;
            message->username_len = len;
        }
        return 0;
    case ERROR_CODE:
        if (len < 4 || (value[2] & 7) < 3 || value[3] > 99)
            return -EBADMSG;
        if (!message->error_code)
            message->error_code = (value[2] & 7) * 100 + value[3];
        return 0;
    case XOR_MAPPED_ADDRESS:
        return message->has_mapped ? 0 : read_mapped(message, value, len, header);
    case PRIORITY:
        if (len != 4)
            return -EBADMSG;
        if (!message->has_priority)
            message->priority = sl_get32(value);
        message->has_priority = true;
        return 0;
    case USE_CANDIDATE:
        message->use_candidate = true;
        return len == 0 ? 0 : -EBADMSG;
    case ICE_CONTROLLED:
        return read_tie_breaker(message, &message->has_controlled, value, len);
    case ICE_CONTROLLING:
        return read_tie_breaker(message, &message->has_controlling, value, len);
    default:
        if (type < 0x8000 && !harmless(type))
            message->unknown_required = true;
        return 0;
    }
}

int sl_stun_read(struct sl_stun_message *ret, const uint8_t *data, size_t len)
{
    if (!header_fits(data, len))
        return -EBADMSG;
    const uint16_t type = sl_get16(data);
    struct sl_stun_message message = {
        .class = (enum sl_stun_class)(((type >> 7) & 2) | ((type >> 4) & 1)),
        .method = (uint16_t)((type & 0x0f) | ((type >> 1) & 0x70) | ((type >> 2) & 0xf80)),
    };
    memcpy(message.transaction, data + 8, sizeof(message.transaction));
    struct sl_reader r = sl_reader(data + HEADER_BYTES, len - HEADER_BYTES);
    while (sl_reader_left(&r) > 0) {
        const size_t offset = len - sl_reader_left(&r);
        const uint16_t attribute = sl_read16(&r);
        const uint16_t value_len = sl_read16(&r);
        const uint8_t *value = sl_read_bytes(&r, (value_len + 3u) & ~3u);
        if (!value || message.fingerprint_offset) /* nothing may follow FINGERPRINT */
            return -EBADMSG;
        if (attribute == FINGERPRINT) {
            if (value_len != 4)
                return -EBADMSG;
            message.fingerprint_offset = offset;
        } else if (message.integrity_offset) {
            continue; /* unauthenticated: to be ignored (section 14.5) */
        } else if (attribute == MESSAGE_INTEGRITY) {
            if (value_len != INTEGRITY_BYTES)
                return -EBADMSG;
            message.integrity_offset = offset;
        } else if (read_attribute(&message, attribute, value, value_len, data) < 0) {
            return -EBADMSG;
        }
    }
    *ret = message;
    return 0;
}

/* HMAC over what precedes the attribute, the length field as if the attribute were the last. */
static bool integrity_right(const uint8_t *data, size_t offset, const char *password)
{
    uint8_t copy[READ_MAX];
    memcpy(copy, data, offset);
    sl_put16(copy + 2, (uint16_t)(offset + 4 + INTEGRITY_BYTES - HEADER_BYTES));
    uint8_t mac[INTEGRITY_BYTES];
    return hmac_sha1(password, copy, offset, mac) &&
           CRYPTO_memcmp(mac, data + offset + 4, INTEGRITY_BYTES) == 0;
}

bool sl_stun_verify(const struct sl_stun_message *message, const uint8_t *data, size_t len,
                    const char *password)
{
    const size_t integrity = message->integrity_offset, fingerprint = message->fingerprint_offset;
    if (!header_fits(data, len) || !integrity || integrity + 4 + INTEGRITY_BYTES > len ||
        !integrity_right(data, integrity, password))
        return false;
    if (!fingerprint)
        return true;
    return fingerprint + 8 == len &&
           sl_get32(data + fingerprint + 4) == (crc32_of(data, fingerprint) ^ FINGERPRINT_XOR);
}

int sl_stun_peek_ufrag(const uint8_t *data, size_t len, const char **ufrag)
{
    struct sl_stun_message message;
    if (sl_stun_read(&message, data, len) < 0 || !message.username)
        return -EBADMSG;
    const char *colon = memchr(message.username, ':', message.username_len);
    if (!colon || colon == message.username || colon - message.username > SL_ICE_UFRAG_MAX)
        return -EBADMSG;
    *ufrag = message.username;
    return (int)(colon - message.username);
}

static void begin(struct sl_writer *w, uint16_t type, const uint8_t *transaction)
{
    sl_write16(w, type);
    sl_write16(w, 0); /* length: set by finish() */
    sl_write32(w, MAGIC);
    sl_write_bytes(w, transaction, 12);
}

static void attribute_head(struct sl_writer *w, enum attribute type, size_t len)
{
    sl_write16(w, (uint16_t)type);
    sl_write16(w, (uint16_t)len);
}

static void set_length(struct sl_writer *w, size_t to_come)
{
    sl_put16(w->start + 2, (uint16_t)(sl_writer_len(w) + to_come - HEADER_BYTES));
}

/* MESSAGE-INTEGRITY (if there is a password), FINGERPRINT, and the total length. */
static int finish(struct sl_writer *w, const char *password)
{
    if (password && !w->failed) {
        uint8_t mac[INTEGRITY_BYTES];
        set_length(w, 4 + INTEGRITY_BYTES);
        if (!hmac_sha1(password, w->start, sl_writer_len(w), mac))
            return -ENOMEM;
        attribute_head(w, MESSAGE_INTEGRITY, INTEGRITY_BYTES);
        sl_write_bytes(w, mac, INTEGRITY_BYTES);
    }
    if (w->failed)
        return -EMSGSIZE;
    set_length(w, 8);
    const uint32_t crc = crc32_of(w->start, sl_writer_len(w));
    attribute_head(w, FINGERPRINT, 4);
    sl_write32(w, crc ^ FINGERPRINT_XOR);
    return w->failed ? -EMSGSIZE : (int)sl_writer_len(w);
}

int sl_stun_write_request(const struct sl_stun_request *request, uint8_t *out, size_t size)
{
    struct sl_writer w = sl_writer(out, size < READ_MAX ? size : READ_MAX);
    const size_t username_len = strlen(request->username);
    if (username_len > USERNAME_MAX)
        return -EMSGSIZE;
    begin(&w, 0x0001, request->transaction);
    attribute_head(&w, USERNAME, username_len);
    sl_write_bytes(&w, request->username, username_len);
    sl_write_bytes(&w, "\0\0\0", (4 - username_len % 4) % 4);
    attribute_head(&w, PRIORITY, 4);
    sl_write32(&w, request->priority);
    attribute_head(&w, request->controlling ? ICE_CONTROLLING : ICE_CONTROLLED, 8);
    sl_write64(&w, request->tie_breaker);
    if (request->use_candidate)
        attribute_head(&w, USE_CANDIDATE, 0);
    return finish(&w, request->password);
}

static void write_mapped(struct sl_writer *w, const struct sl_addr *mapped)
{
    const bool six = mapped->sa.sa_family == AF_INET6;
    const uint8_t *port =
        six ? (const uint8_t *)&mapped->in6.sin6_port : (const uint8_t *)&mapped->in.sin_port;
    const uint8_t *host =
        six ? (const uint8_t *)&mapped->in6.sin6_addr : (const uint8_t *)&mapped->in.sin_addr;
    attribute_head(w, XOR_MAPPED_ADDRESS, six ? 20 : 8);
    sl_write16(w, six ? 2 : 1);
    sl_write16(w, (uint16_t)(sl_get16(port) ^ (MAGIC >> 16)));
    uint8_t *room = sl_write_room(w, six ? 16 : 4);
    for (size_t i = 0; room && i < (six ? 16 : 4); i++)
        room[i] = host[i] ^ w->start[4 + i];
}

int sl_stun_write_success(const uint8_t transaction[12], const struct sl_addr *mapped,
                          const char *password, uint8_t *out, size_t size)
{
    struct sl_writer w = sl_writer(out, size);
    begin(&w, 0x0101, transaction);
    write_mapped(&w, mapped);
    return finish(&w, password);
}

/* No reason phrase: a reply must not be larger than what it answers. */
int sl_stun_write_error(const uint8_t transaction[12], int code, const char *password, uint8_t *out,
                        size_t size)
{
    struct sl_writer w = sl_writer(out, size);
    begin(&w, 0x0111, transaction);
    attribute_head(&w, ERROR_CODE, 4);
    sl_write16(&w, 0);
    sl_write8(&w, (uint8_t)(code / 100));
    sl_write8(&w, (uint8_t)(code % 100));
    return finish(&w, password);
}
