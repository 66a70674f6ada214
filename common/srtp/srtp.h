/* SPDX-License-Identifier: MIT */
/*
 * SRTP and SRTCP (RFC 3711, 7714) behind a small face: AEAD_AES_128_GCM over OpenSSL (gcm.h),
 * AES_CM_128_HMAC_SHA1_80 over libsrtp2.
 *
 * A pair holds the keys of one DTLS session: one direction out, one in; every
 * SSRC of the session shares them, window 1024. Protects and
 * unprotects in place. One thread. sl_srtp_library_init() once per process, and not
 * before a fork (libsrtp2's backend, NSS, does not survive one).
 *
 * With GCM nothing is allocated or locked after create; libsrtp2 allocates a stream
 * for each SSRC, and its backend for each packet. There are at most SL_SRTP_SSRCS_MAX
 * SSRCs a direction, so a peer cannot make us keep them for ever.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

/* Bytes that protect may append (tag, and for SRTCP the index). */
#define SL_SRTP_TRAILER_MAX 32
#define SL_SRTP_KEY_MAX 32 /* master key and salt: 16 + 12 (GCM) or 16 + 14 (CM) */
#define SL_SRTP_SSRCS_MAX 16

enum sl_srtp_profile { SL_SRTP_AEAD_AES_128_GCM = 1, SL_SRTP_AES128_CM_SHA1_80 = 2 };

size_t sl_srtp_key_bytes(enum sl_srtp_profile profile); /* key 16 + salt 12 or 14 */

SL_MUST_CHECK int sl_srtp_library_init(void); /* 0 or -EIO */
void sl_srtp_library_fini(void);

struct sl_srtp;

/* Keys are master key followed by master salt. 0, -EINVAL, -ENOMEM. */
SL_MUST_CHECK int sl_srtp_create(struct sl_srtp **ret, enum sl_srtp_profile profile,
                                 const uint8_t *send_key, const uint8_t *receive_key);
void sl_srtp_destroy(struct sl_srtp *srtp);

/*
 * In place; `size` is the room at `data`. The new length, -EMSGSIZE (no room for the trailer), or
 * -EINVAL (no RTP, one SSRC too many, older than the window).
 *
 * A number may be protected again under the same SSRC (a resend to a peer without RTX), but only
 * with the very same bytes: two packets under one nonce give GCM's authentication key away.
 */
SL_MUST_CHECK int sl_srtp_protect(struct sl_srtp *srtp, uint8_t *data, size_t len, size_t size);
SL_MUST_CHECK int sl_srtp_protect_rtcp(struct sl_srtp *srtp, uint8_t *data, size_t len,
                                       size_t size);

/* In place. The new length, -EBADMSG (malformed), -EACCES (tag wrong, or one SSRC too many),
 * -EALREADY (replayed or too old). SRTCP with E=0 is refused (-EACCES). Nothing that later packets
 * are judged by changes unless the tag is right; the bytes of a refused packet are undefined. */
SL_MUST_CHECK int sl_srtp_unprotect(struct sl_srtp *srtp, uint8_t *data, size_t len);
SL_MUST_CHECK int sl_srtp_unprotect_rtcp(struct sl_srtp *srtp, uint8_t *data, size_t len);

struct sl_srtp_stats {
    uint64_t protected_packets, protect_failed;
    uint64_t offered; /* offered == accepted + malformed + refused + replayed */
    uint64_t accepted, malformed, refused, replayed;
};
void sl_srtp_stats(const struct sl_srtp *srtp, struct sl_srtp_stats *ret);
