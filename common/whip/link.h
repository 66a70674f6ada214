/* SPDX-License-Identifier: MIT */
/*
 * Enrolment links: sightline://TOKEN@HOST:PORT/CAMERA?pin=sha256//BASE64 (a viewer's has no
 * CAMERA). TOKEN is 43 characters of base64url: 256 bits. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/types.h"

struct sl_link {
    char token[64];
    char host[256]; /* name or address, without brackets */
    int port;
    char camera[33]; /* "" for a viewer */
    char pin[80];    /* "sha256//..." */
};

#define SL_LINK_TEXT 512

/* `text` as pasted (surrounding white space is fine), or "@FILE": the link is the file's first
 * line. 0, or -errno with one sentence in `why` saying what was wrong and what was wanted; never
 * the token. */
SL_MUST_CHECK int sl_link_parse(struct sl_link *ret, const char *text, char *why, size_t why_len);
/* Length, or -EMSGSIZE. */
int sl_link_text(const struct sl_link *link, char *out, size_t size);

/* ^[a-z0-9][a-z0-9_-]{0,31}$ : cameras, viewers, users. */
bool sl_name_valid(const char *name);
