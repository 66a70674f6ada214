/* SPDX-License-Identifier: MIT */
#include "sender/rtsp_message.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#define HEX_MAX (2 * EVP_MAX_MD_SIZE + 1)

static struct sl_sdp_slice trimmed(struct sl_sdp_slice slice)
{
    while (slice.len && (slice.at[0] == ' ' || slice.at[0] == '\t')) {
        slice.at++;
        slice.len--;
    }
    while (slice.len && (slice.at[slice.len - 1] == ' ' || slice.at[slice.len - 1] == '\t' ||
                         slice.at[slice.len - 1] == '\r'))
        slice.len--;
    return slice;
}

/* ---- Replies ---- */

static bool starts(struct sl_sdp_slice text, const char *prefix)
{
    return text.len >= strlen(prefix) && memcmp(text.at, prefix, strlen(prefix)) == 0;
}

/* "RTSP/1.0 200 OK", or "OPTIONS rtsp://... RTSP/1.0". */
static int read_first_line(struct sl_rtsp_reply *reply, struct sl_sdp_slice line)
{
    const struct sl_sdp_slice first = sl_sdp_slice_take(&line, ' ');
    uint32_t status;
    if (!starts(first, "RTSP/")) {
        (void)sl_sdp_slice_take(&line, ' ');
        return starts(line, "RTSP/") ? 0 : -EBADMSG;
    }
    line = trimmed(line);
    if (!sl_sdp_slice_number(sl_sdp_slice_take(&line, ' '), 999, &status) || status < 100)
        return -EBADMSG;
    reply->status = (int)status;
    reply->reason = line;
    return 0;
}

static int read_header(struct sl_rtsp_reply *reply, struct sl_sdp_slice line, uint32_t *body)
{
    const struct sl_sdp_slice name = trimmed(sl_sdp_slice_take(&line, ':'));
    const struct sl_sdp_slice value = trimmed(line);
    const struct {
        const char *name;
        struct sl_sdp_slice *to;
    } known[] = {{"Session", &reply->session},
                 {"Transport", &reply->transport},
                 {"Content-Base", &reply->base},
                 {"Location", &reply->location}};
    for (size_t i = 0; i < SL_COUNT(known); i++)
        if (sl_sdp_slice_like(name, known[i].name))
            *known[i].to = value;
    if (sl_sdp_slice_like(name, "WWW-Authenticate") && reply->challenge_count < SL_RTSP_CHALLENGES)
        reply->challenges[reply->challenge_count++] = value;
    if (sl_sdp_slice_like(name, "CSeq"))
        (void)sl_sdp_slice_number(value, UINT32_MAX, &reply->cseq);
    if (sl_sdp_slice_like(name, "Content-Length"))
        return sl_sdp_slice_number(value, SL_RTSP_BODY_MAX, body) ? 0 : -EBADMSG;
    return 0;
}

/* The length of the head with its empty line, or 0. */
static size_t head_length(const char *data, size_t len)
{
    for (size_t i = 0; i + 1 < len && i < SL_RTSP_HEAD_MAX; i++) {
        if (data[i] != '\n')
            continue;
        if (data[i + 1] == '\n')
            return i + 2;
        if (i + 2 < len && data[i + 1] == '\r' && data[i + 2] == '\n')
            return i + 3;
    }
    return 0;
}

int sl_rtsp_reply_read(struct sl_rtsp_reply *ret, const char *data, size_t len)
{
    struct sl_rtsp_reply reply = {0};
    uint32_t body = 0;
    const size_t head = head_length(data, len);
    if (!head)
        return len >= SL_RTSP_HEAD_MAX ? -EBADMSG : 0;
    struct sl_sdp_slice rest = {data, head};
    if (read_first_line(&reply, trimmed(sl_sdp_slice_take(&rest, '\n'))))
        return -EBADMSG;
    while (rest.len)
        if (read_header(&reply, trimmed(sl_sdp_slice_take(&rest, '\n')), &body))
            return -EBADMSG;
    if (len - head < body)
        return 0;
    reply.body = (struct sl_sdp_slice){data + head, body};
    *ret = reply;
    return (int)(head + body);
}

struct sl_sdp_slice sl_rtsp_parameter(struct sl_sdp_slice text, const char *key, char separator)
{
    while (text.len) {
        bool quoted = false;
        size_t end = 0;
        while (end < text.len && (quoted || text.at[end] != separator))
            quoted ^= text.at[end++] == '"';
        struct sl_sdp_slice value = {text.at, end};
        const size_t skip = end < text.len ? end + 1 : end;
        text.at += skip;
        text.len -= skip;
        const struct sl_sdp_slice name = trimmed(sl_sdp_slice_take(&value, '='));
        if (!sl_sdp_slice_like(name, key))
            continue;
        value = trimmed(value);
        if (value.len >= 2 && value.at[0] == '"' && value.at[value.len - 1] == '"')
            value = (struct sl_sdp_slice){value.at + 1, value.len - 2};
        return value;
    }
    return (struct sl_sdp_slice){0};
}

/* ---- Who we are ---- */

/* What is put between quotes again must not end them. */
static bool copy(char *out, size_t size, struct sl_sdp_slice from)
{
    if (from.len >= size ||
        (from.len && (memchr(from.at, '"', from.len) || memchr(from.at, '\r', from.len) ||
                      memchr(from.at, '\0', from.len))))
        return false;
    if (from.len)
        memcpy(out, from.at, from.len);
    out[from.len] = 0;
    return true;
}

/* "auth" in "auth,auth-int". */
static bool offers_auth(struct sl_sdp_slice qop)
{
    while (qop.len)
        if (sl_sdp_slice_like(trimmed(sl_sdp_slice_take(&qop, ',')), "auth"))
            return true;
    return false;
}

static bool read_digest(struct sl_rtsp_auth *auth, struct sl_sdp_slice text)
{
    const struct sl_sdp_slice algorithm = sl_rtsp_parameter(text, "algorithm", ',');
    const struct sl_sdp_slice qop = sl_rtsp_parameter(text, "qop", ',');
    const struct sl_sdp_slice opaque = sl_rtsp_parameter(text, "opaque", ',');
    auth->kind = SL_RTSP_DIGEST;
    auth->sha256 = sl_sdp_slice_like(algorithm, "SHA-256");
    auth->qop = offers_auth(qop);
    auth->has_opaque = opaque.at != NULL;
    if ((algorithm.len && !auth->sha256 && !sl_sdp_slice_like(algorithm, "MD5")) ||
        (qop.len && !auth->qop))
        return false;
    return copy(auth->realm, sizeof(auth->realm), sl_rtsp_parameter(text, "realm", ',')) &&
           copy(auth->nonce, sizeof(auth->nonce), sl_rtsp_parameter(text, "nonce", ',')) &&
           copy(auth->opaque, sizeof(auth->opaque), opaque);
}

int sl_rtsp_auth_read(struct sl_rtsp_auth *ret, const struct sl_rtsp_reply *reply)
{
    struct sl_rtsp_auth best = {0};
    for (int i = 0; i < reply->challenge_count; i++) {
        struct sl_sdp_slice text = reply->challenges[i];
        const struct sl_sdp_slice scheme = sl_sdp_slice_take(&text, ' ');
        struct sl_rtsp_auth auth = {0};
        if (sl_sdp_slice_like(scheme, "Basic"))
            auth.kind = SL_RTSP_BASIC;
        else if (!sl_sdp_slice_like(scheme, "Digest") || !read_digest(&auth, text))
            continue;
        if (auth.kind > best.kind || (auth.kind == best.kind && auth.sha256 && !best.sha256))
            best = auth;
    }
    if (best.kind == SL_RTSP_NO_AUTH)
        return -ENOTSUP;
    *ret = best;
    return 0;
}

/* The hash of "A:B:C", in hexadecimal digits. */
static void hash(const struct sl_rtsp_auth *auth, const char *const *parts, char out[HEX_MAX])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    out[0] = 0;
    if (context && EVP_DigestInit_ex(context, auth->sha256 ? EVP_sha256() : EVP_md5(), NULL)) {
        for (int i = 0; parts[i]; i++) {
            EVP_DigestUpdate(context, ":", i > 0);
            EVP_DigestUpdate(context, parts[i], strlen(parts[i]));
        }
        EVP_DigestFinal_ex(context, digest, &len);
    }
    EVP_MD_CTX_free(context);
    for (unsigned i = 0; i < len; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static int write_digest(struct sl_rtsp_auth *auth, const struct sl_rtsp_url *url,
                        const char *method, const char *uri, const char *cnonce, char *out,
                        size_t size)
{
    char user[HEX_MAX], what[HEX_MAX], response[HEX_MAX], count[16], qop[128] = "",
                                                                     opaque[300] = "";
    snprintf(count, sizeof(count), "%08x", ++auth->count);
    hash(auth, (const char *[]){url->user, auth->realm, url->password, NULL}, user);
    hash(auth, (const char *[]){method, uri, NULL}, what);
    if (auth->qop) {
        hash(auth, (const char *[]){user, auth->nonce, count, cnonce, "auth", what, NULL},
             response);
        snprintf(qop, sizeof(qop), ", qop=auth, nc=%s, cnonce=\"%s\"", count, cnonce);
    } else {
        hash(auth, (const char *[]){user, auth->nonce, what, NULL}, response);
    }
    if (auth->has_opaque)
        snprintf(opaque, sizeof(opaque), ", opaque=\"%s\"", auth->opaque);
    return snprintf(out, size,
                    "Authorization: Digest username=\"%s\", realm=\"%s\", nonce=\"%s\", "
                    "uri=\"%s\", response=\"%s\"%s%s%s\r\n",
                    url->user, auth->realm, auth->nonce, uri, response,
                    auth->sha256 ? ", algorithm=SHA-256" : "", qop, opaque);
}

static int write_basic(const struct sl_rtsp_url *url, char *out, size_t size)
{
    char both[sizeof(url->user) + sizeof(url->password)];
    uint8_t coded[sizeof(both) / 3 * 4 + 8];
    const int len = snprintf(both, sizeof(both), "%s:%s", url->user, url->password);
    EVP_EncodeBlock(coded, (const uint8_t *)both, len);
    return snprintf(out, size, "Authorization: Basic %s\r\n", (const char *)coded);
}

int sl_rtsp_auth_write(struct sl_rtsp_auth *auth, const struct sl_rtsp_url *url, const char *method,
                       const char *uri, const char *cnonce, char *out, size_t size)
{
    int len = 0;
    out[0] = 0;
    if (auth->kind == SL_RTSP_DIGEST)
        len = write_digest(auth, url, method, uri, cnonce, out, size);
    else if (auth->kind == SL_RTSP_BASIC)
        len = write_basic(url, out, size);
    return len < (int)size ? 0 : -EMSGSIZE;
}
