/* SPDX-License-Identifier: MIT */
/*
 * RTSP messages (RFC 2326) as text: what a server answers, taken apart, and the answer to its
 * question who we are: Digest (RFC 7616, with MD5 or SHA-256; RFC 2069) or Basic. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "sdp/parse.h"
#include "sender/rtsp_url.h"

#define SL_RTSP_CHALLENGES 4
#define SL_RTSP_HEAD_MAX 8192
#define SL_RTSP_BODY_MAX 65536

/* Slices point into what was read; empty if absent. */
struct sl_rtsp_reply {
    int status; /* 0: it is a request of the server */
    uint32_t cseq;
    struct sl_sdp_slice reason, session, transport, base, location, body;
    struct sl_sdp_slice challenges[SL_RTSP_CHALLENGES]; /* WWW-Authenticate */
    int challenge_count;
};

/* The length of the first message of `data`; 0: it is not all there; -EBADMSG: it is none, or
 * larger than the limits above. */
SL_MUST_CHECK int sl_rtsp_reply_read(struct sl_rtsp_reply *ret, const char *data, size_t len);

/* The value of `key` in "a=1;b="2",c"; at == NULL if absent. Quotes are taken off. */
struct sl_sdp_slice sl_rtsp_parameter(struct sl_sdp_slice text, const char *key, char separator);

enum sl_rtsp_auth_kind { SL_RTSP_NO_AUTH, SL_RTSP_BASIC, SL_RTSP_DIGEST };

struct sl_rtsp_auth {
    enum sl_rtsp_auth_kind kind;
    char realm[128], nonce[256], opaque[256];
    bool sha256, qop, has_opaque;
    uint32_t count; /* of requests with this nonce */
};

/* Chooses the best of what a 401 asks for. 0, or -ENOTSUP. */
SL_MUST_CHECK int sl_rtsp_auth_read(struct sl_rtsp_auth *ret, const struct sl_rtsp_reply *reply);

/* The header line for one request, with its end; "" without a challenge. `cnonce`: hexadecimal
 * digits, new each time. 0, or -EMSGSIZE. */
SL_MUST_CHECK int sl_rtsp_auth_write(struct sl_rtsp_auth *auth, const struct sl_rtsp_url *url,
                                     const char *method, const char *uri, const char *cnonce,
                                     char *out, size_t size);
