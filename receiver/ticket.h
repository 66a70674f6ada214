/* SPDX-License-Identifier: MIT */
/*
 * Tickets: what a URL carries in place of a viewer's token, for players that cannot send one
 * (<video src>). Good for one thing, for some minutes, and no longer than the viewer's link is.
 *
 *     base64url( 1 | expires | SHA-256 of the viewer's token | HMAC-SHA256 )
 *
 * The HMAC is of all that and of the target, under a key that this run of the receiver made up; so
 * nothing is kept, and a restart ends all. Time is UTC in microseconds. Pure.
 */
#pragma once

#include "receiver/segment.h"

#define SL_TICKET_KEY_BYTES 32
#define SL_TICKET_TEXT 99 /* 98 and NUL */

enum sl_media_kind_of { SL_MEDIA_OF_CAMERA, SL_MEDIA_OF_SEGMENT, SL_MEDIA_SNAPSHOT };

/* What is to be seen. */
struct sl_media_target {
    enum sl_media_kind_of kind;
    char name[SL_SEGMENT_UUID_BYTES]; /* the camera's; of OF_SEGMENT its UUID */
    int64_t from_us, to_us;           /* OF_CAMERA */
};

struct sl_ticket {
    int64_t expires_us;
    uint8_t token_hash[SL_TOKEN_HASH_BYTES]; /* of the viewer who asked for it */
};

/* "" if OpenSSL has no memory left. */
void sl_ticket_make(const uint8_t key[SL_TICKET_KEY_BYTES], const struct sl_media_target *target,
                    const struct sl_ticket *ticket, char out[SL_TICKET_TEXT]);

/* 0; -EACCES: made up, or for something else; -ESTALE: it was right, its time is over. */
SL_MUST_CHECK int sl_ticket_check(const uint8_t key[SL_TICKET_KEY_BYTES],
                                  const struct sl_media_target *target, const char *text,
                                  int64_t now_us, struct sl_ticket *ret);
