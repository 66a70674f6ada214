/* SPDX-License-Identifier: MIT */
/*
 * SRTP and SRTCP by AEAD_AES_128_GCM (RFC 7714) over OpenSSL's AES: one direction of one session.
 *
 * The keys are expanded once; a packet costs its encryption and nothing else. No lock and no
 * allocation after open. Replay is judged before, and noted after, the tag was found right.
 */
#pragma once

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "srtp/replay.h"

#define SL_GCM_TAG_BYTES 16
#define SL_GCM_KEY_BYTES 16
#define SL_GCM_SALT_BYTES 12

struct sl_gcm {
    EVP_CIPHER_CTX *rtp, *rtcp;
    uint8_t rtp_salt[SL_GCM_SALT_BYTES], rtcp_salt[SL_GCM_SALT_BYTES];
};

/* What is kept of one SSRC. Zero-initialised is ready. */
struct sl_gcm_source {
    struct sl_replay rtp, rtcp;
    uint32_t rtcp_sent; /* index of the last one */
};

/* `master`: key and salt; `seal`: the direction out. 0 or -ENOMEM. */
SL_MUST_CHECK int sl_gcm_open(struct sl_gcm *ret, const uint8_t *master, bool seal);
/* Zero-initialised is fine. */
void sl_gcm_close(struct sl_gcm *gcm);

/* In place; `header`: how long the RTP header is, with CSRCs and extension. There is room for the
 * tag (and for RTCP, 4 bytes more). The new length, or -EINVAL: older than the window, or out of
 * numbers. */
SL_MUST_CHECK int sl_gcm_seal_rtp(struct sl_gcm *gcm, struct sl_gcm_source *source, uint8_t *data,
                                  size_t header, size_t len);
SL_MUST_CHECK int sl_gcm_seal_rtcp(struct sl_gcm *gcm, struct sl_gcm_source *source, uint8_t *data,
                                   size_t len);

/* In place; `len` is at least header and tag (and index), and the RTCP packet is encrypted. The new
 * length, -EACCES (tag), -EALREADY (replayed or too old). */
SL_MUST_CHECK int sl_gcm_unseal_rtp(struct sl_gcm *gcm, struct sl_gcm_source *source, uint8_t *data,
                                    size_t header, size_t len);
SL_MUST_CHECK int sl_gcm_unseal_rtcp(struct sl_gcm *gcm, struct sl_gcm_source *source,
                                     uint8_t *data, size_t len);
