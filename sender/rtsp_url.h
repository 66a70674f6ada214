/* SPDX-License-Identifier: MIT */
/* RTSP URLs (RFC 2326 section 3.2), with a user and a password that must not be shown. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

#define SL_RTSP_URL_MAX 1024

struct sl_rtsp_url {
    bool tls;
    char host[256]; /* without brackets */
    uint16_t port;
    char user[128], password[128]; /* percent-decoded; user "": none */
    char request[SL_RTSP_URL_MAX]; /* as it is sent: without them */
};

/* "rtsp[s]://[USER[:PASSWORD]@]HOST[:PORT][/PATH]". 0, or -EINVAL with one sentence in `why`. */
SL_MUST_CHECK int sl_rtsp_url_parse(struct sl_rtsp_url *ret, const char *text, char *why,
                                    size_t why_len);

/* Any URL, without its password and without what looks like one in its query: "***" stands there.
 * Rather too much is hidden than too little. Cut to `size`; returns `out`. */
const char *sl_rtsp_url_redact(const char *text, char *out, size_t size);
/* False if redact() would change nothing. */
bool sl_rtsp_url_has_secret(const char *text);
