/* SPDX-License-Identifier: MIT */
/*
 * SRTP and SRTCP (RFC 3711, 7714) behind a small face over libsrtp2.
 *
 * A pair holds the keys of one DTLS session: one direction out, one in; every
 * SSRC of the session shares them (wildcard policies), window 1024. Protects and
 * unprotects in place. One thread. sl_srtp_library_init() once per process.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

/* Bytes that protect may append (tag, and for SRTCP the index). */
#define SL_SRTP_TRAILER_MAX 32
#define SL_SRTP_KEY_MAX 32 /* master key and salt: 16 + 12 (GCM) or 16 + 14 (CM) */

enum sl_srtp_profile { SL_SRTP_AEAD_AES_128_GCM = 1, SL_SRTP_AES128_CM_SHA1_80 = 2 };

size_t sl_srtp_key_bytes(enum sl_srtp_profile profile); /* key 16 + salt 12 or 14 */

SL_MUST_CHECK int sl_srtp_library_init(void);
void sl_srtp_library_fini(void);

struct sl_srtp;

/* Keys are master key followed by master salt. 0, -EINVAL, -ENOMEM. */
SL_MUST_CHECK int sl_srtp_create(struct sl_srtp **ret, enum sl_srtp_profile profile,
                                 const uint8_t *send_key, const uint8_t *receive_key);
void sl_srtp_destroy(struct sl_srtp *srtp);

/* In place; `size` is the room at `data`. The new length, or -EMSGSIZE, -EINVAL. */
SL_MUST_CHECK int sl_srtp_protect(struct sl_srtp *srtp, uint8_t *data, size_t len, size_t size);
SL_MUST_CHECK int sl_srtp_protect_rtcp(struct sl_srtp *srtp, uint8_t *data, size_t len,
                                       size_t size);

/* In place. The new length, -EBADMSG (malformed), -EACCES (tag wrong), -EALREADY (replayed or too
 * old). SRTCP with E=0 is refused (-EACCES). Nothing is changed unless the tag is right. */
SL_MUST_CHECK int sl_srtp_unprotect(struct sl_srtp *srtp, uint8_t *data, size_t len);
SL_MUST_CHECK int sl_srtp_unprotect_rtcp(struct sl_srtp *srtp, uint8_t *data, size_t len);

struct sl_srtp_stats {
    uint64_t protected_packets, protect_failed;
    uint64_t offered; /* offered == accepted + malformed + refused + replayed */
    uint64_t accepted, malformed, refused, replayed;
};
void sl_srtp_stats(const struct sl_srtp *srtp, struct sl_srtp_stats *ret);
