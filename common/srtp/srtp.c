/* SPDX-License-Identifier: MIT */
#include "srtp/srtp.h"

#include <errno.h>
#include <srtp2/srtp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define RTP_HEADER 12
#define RTCP_HEADER 8
#define SRTCP_INDEX 4 /* the E bit and the 31-bit index, RFC 3711 section 3.4 */
#define PACKET_MAX 65535
#define WINDOW 1024

/*
 * A wildcard policy makes libsrtp clone a stream for each SSRC that it meets, without end. A peer
 * uses a handful (two media, their resends and repair, its reports), so the rest is refused here.
 */
struct direction {
    srtp_t context;
    uint32_t ssrcs[SL_SRTP_SSRCS_MAX];
    size_t ssrc_count;
};

struct sl_srtp {
    struct direction send, receive;
    size_t tag_bytes;
    size_t index_end; /* where the SRTCP index ends, counted from the packet's end */
    struct sl_srtp_stats stats;
};

_Static_assert(SRTP_MAX_TAG_LEN + SRTCP_INDEX <= SL_SRTP_TRAILER_MAX, "room for the trailer");

size_t sl_srtp_key_bytes(enum sl_srtp_profile profile)
{
    return profile == SL_SRTP_AEAD_AES_128_GCM ? 16 + 12 : 16 + 14;
}

int sl_srtp_library_init(void)
{
    return srtp_init() == srtp_err_status_ok ? 0 : -EIO;
}

void sl_srtp_library_fini(void)
{
    srtp_shutdown();
}

static int open_direction(struct direction *direction, enum sl_srtp_profile profile,
                          srtp_ssrc_type_t ssrcs, const uint8_t *key)
{
    uint8_t copy[SL_SRTP_KEY_MAX]; /* libsrtp wants to be able to write to it */
    memcpy(copy, key, sl_srtp_key_bytes(profile));
    srtp_policy_t policy = {
        .ssrc.type = ssrcs,
        .key = copy,
        .window_size = WINDOW,
        .allow_repeat_tx = 1, /* resends, to peers without RTX */
    };
    if (profile == SL_SRTP_AEAD_AES_128_GCM) {
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
    } else {
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
    }
    const srtp_err_status_t status = srtp_create(&direction->context, &policy);
    explicit_bzero(copy, sizeof(copy));
    if (status == srtp_err_status_ok)
        return 0;
    direction->context = NULL;
    return status == srtp_err_status_alloc_fail ? -ENOMEM : -EINVAL;
}

int sl_srtp_create(struct sl_srtp **ret, enum sl_srtp_profile profile, const uint8_t *send_key,
                   const uint8_t *receive_key)
{
    if (profile != SL_SRTP_AEAD_AES_128_GCM && profile != SL_SRTP_AES128_CM_SHA1_80)
        return -EINVAL;
    struct sl_srtp *srtp = calloc(1, sizeof(*srtp));
    if (!srtp)
        return -ENOMEM;
    const bool gcm = profile == SL_SRTP_AEAD_AES_128_GCM;
    srtp->tag_bytes = gcm ? 16 : 10;
    srtp->index_end = gcm ? 0 : srtp->tag_bytes; /* RFC 7714 section 9.2: the tag comes first */
    int r = open_direction(&srtp->send, profile, ssrc_any_outbound, send_key);
    if (r == 0)
        r = open_direction(&srtp->receive, profile, ssrc_any_inbound, receive_key);
    if (r < 0) {
        sl_srtp_destroy(srtp);
        return r;
    }
    *ret = srtp;
    return 0;
}

void sl_srtp_destroy(struct sl_srtp *srtp)
{
    if (!srtp)
        return;
    if (srtp->send.context)
        srtp_dealloc(srtp->send.context);
    if (srtp->receive.context)
        srtp_dealloc(srtp->receive.context);
    free(srtp);
}

/* Version 2, and CSRCs and header extension (RFC 3550 section 5.3.1) end before `len`. */
static bool rtp_is_sane(const uint8_t *data, size_t len)
{
    if (len < RTP_HEADER || len > PACKET_MAX || data[0] >> 6 != 2)
        return false;
    size_t header = RTP_HEADER + 4u * (data[0] & 0x0f);
    if (data[0] & 0x10) {
        if (header + 4 > len)
            return false;
        header += 4 + 4u * sl_get16(data + header + 2);
    }
    return header <= len;
}

static bool rtcp_is_sane(const uint8_t *data, size_t len)
{
    return len >= RTCP_HEADER && len <= PACKET_MAX && data[0] >> 6 == 2;
}

static bool ssrc_is_known(const struct direction *direction, uint32_t ssrc)
{
    for (size_t i = 0; i < direction->ssrc_count; i++)
        if (direction->ssrcs[i] == ssrc)
            return true;
    return false;
}

static bool ssrc_fits(const struct direction *direction, uint32_t ssrc)
{
    return direction->ssrc_count < SL_SRTP_SSRCS_MAX || ssrc_is_known(direction, ssrc);
}

/* Only for what was protected or proved right: a forger must not be able to fill the table. */
static void ssrc_learn(struct direction *direction, uint32_t ssrc)
{
    if (!ssrc_is_known(direction, ssrc))
        direction->ssrcs[direction->ssrc_count++] = ssrc;
}

typedef srtp_err_status_t operation(srtp_t context, void *packet, int *len);

static int protect(struct sl_srtp *srtp, operation *transform, uint32_t ssrc, uint8_t *data,
                   size_t len)
{
    int n = (int)len;
    if (!ssrc_fits(&srtp->send, ssrc) ||
        transform(srtp->send.context, data, &n) != srtp_err_status_ok) {
        srtp->stats.protect_failed++;
        return -EINVAL;
    }
    ssrc_learn(&srtp->send, ssrc);
    srtp->stats.protected_packets++;
    return n;
}

static int protect_refused(struct sl_srtp *srtp, int error)
{
    srtp->stats.protect_failed++;
    return error;
}

int sl_srtp_protect(struct sl_srtp *srtp, uint8_t *data, size_t len, size_t size)
{
    if (!rtp_is_sane(data, len))
        return protect_refused(srtp, -EINVAL);
    if (size < len + srtp->tag_bytes)
        return protect_refused(srtp, -EMSGSIZE);
    return protect(srtp, srtp_protect, sl_get32(data + 8), data, len);
}

int sl_srtp_protect_rtcp(struct sl_srtp *srtp, uint8_t *data, size_t len, size_t size)
{
    if (!rtcp_is_sane(data, len))
        return protect_refused(srtp, -EINVAL);
    if (size < len + srtp->tag_bytes + SRTCP_INDEX)
        return protect_refused(srtp, -EMSGSIZE);
    return protect(srtp, srtp_protect_rtcp, sl_get32(data + 4), data, len);
}

static int malformed(struct sl_srtp *srtp)
{
    srtp->stats.malformed++;
    return -EBADMSG;
}

static int refused(struct sl_srtp *srtp)
{
    srtp->stats.refused++;
    return -EACCES;
}

static int unprotect(struct sl_srtp *srtp, operation *transform, uint32_t ssrc, uint8_t *data,
                     size_t len)
{
    if (!ssrc_fits(&srtp->receive, ssrc))
        return refused(srtp);
    int n = (int)len;
    switch (transform(srtp->receive.context, data, &n)) {
    case srtp_err_status_ok:
        ssrc_learn(&srtp->receive, ssrc);
        srtp->stats.accepted++;
        return n;
    case srtp_err_status_replay_fail:
    case srtp_err_status_replay_old:
    case srtp_err_status_pkt_idx_old:
        srtp->stats.replayed++;
        return -EALREADY;
    case srtp_err_status_bad_param:
    case srtp_err_status_parse_err:
        return malformed(srtp);
    default:
        return refused(srtp);
    }
}

int sl_srtp_unprotect(struct sl_srtp *srtp, uint8_t *data, size_t len)
{
    srtp->stats.offered++;
    if (len < srtp->tag_bytes || !rtp_is_sane(data, len - srtp->tag_bytes))
        return malformed(srtp);
    return unprotect(srtp, srtp_unprotect, sl_get32(data + 8), data, len);
}

int sl_srtp_unprotect_rtcp(struct sl_srtp *srtp, uint8_t *data, size_t len)
{
    srtp->stats.offered++;
    const size_t trailer = srtp->tag_bytes + SRTCP_INDEX;
    if (len < trailer || !rtcp_is_sane(data, len - trailer))
        return malformed(srtp);
    /* libsrtp takes an authentic GCM packet that is not encrypted; we never agreed to those. */
    if (!(data[len - srtp->index_end - SRTCP_INDEX] & 0x80))
        return refused(srtp);
    return unprotect(srtp, srtp_unprotect_rtcp, sl_get32(data + 4), data, len);
}

void sl_srtp_stats(const struct sl_srtp *srtp, struct sl_srtp_stats *ret)
{
    *ret = srtp->stats;
}
