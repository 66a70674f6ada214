/* SPDX-License-Identifier: MIT */
#include "srtp/srtp.h"

#include <errno.h>
#include <srtp2/srtp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "srtp/gcm.h"

#define RTP_HEADER 12
#define RTCP_HEADER 8
#define SRTCP_INDEX 4 /* the E bit and the 31-bit index, RFC 3711 section 3.4 */
#define PACKET_MAX 65535

/*
 * A wildcard policy makes libsrtp clone a stream for each SSRC that it meets, without end. A peer
 * uses a handful (two media, their resends and repair, its reports), so the rest is refused here.
 * AES-GCM is not libsrtp's here: Debian's build has it from NSS, which makes and frees a context,
 * under locks and looked up among those of all sessions, for each packet.
 */
struct direction {
    srtp_t context;    /* AES_CM_128_HMAC_SHA1_80 */
    struct sl_gcm gcm; /* AEAD_AES_128_GCM */
    uint32_t ssrcs[SL_SRTP_SSRCS_MAX];
    size_t ssrc_count;
    struct sl_gcm_source
        sources[SL_SRTP_SSRCS_MAX]; /* the first unused one is to try a stranger in */
};

struct sl_srtp {
    bool gcm;
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

static int open_cm(struct direction *direction, bool send, const uint8_t *key)
{
    uint8_t copy[SL_SRTP_KEY_MAX]; /* libsrtp wants to be able to write to it */
    memcpy(copy, key, sl_srtp_key_bytes(SL_SRTP_AES128_CM_SHA1_80));
    srtp_policy_t policy = {
        .ssrc.type = send ? ssrc_any_outbound : ssrc_any_inbound,
        .key = copy,
        .window_size = SL_REPLAY_WINDOW,
        .allow_repeat_tx = 1, /* resends, to peers without RTX */
    };
    srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
    srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
    const srtp_err_status_t status = srtp_create(&direction->context, &policy);
    explicit_bzero(copy, sizeof(copy));
    if (status == srtp_err_status_ok)
        return 0;
    direction->context = NULL;
    return status == srtp_err_status_alloc_fail ? -ENOMEM : -EINVAL;
}

static int open_direction(struct sl_srtp *srtp, struct direction *direction, const uint8_t *key)
{
    const bool send = direction == &srtp->send;
    return srtp->gcm ? sl_gcm_open(&direction->gcm, key, send) : open_cm(direction, send, key);
}

int sl_srtp_create(struct sl_srtp **ret, enum sl_srtp_profile profile, const uint8_t *send_key,
                   const uint8_t *receive_key)
{
    if (profile != SL_SRTP_AEAD_AES_128_GCM && profile != SL_SRTP_AES128_CM_SHA1_80)
        return -EINVAL;
    struct sl_srtp *srtp = calloc(1, sizeof(*srtp));
    if (!srtp)
        return -ENOMEM;
    srtp->gcm = profile == SL_SRTP_AEAD_AES_128_GCM;
    srtp->tag_bytes = srtp->gcm ? SL_GCM_TAG_BYTES : 10;
    srtp->index_end = srtp->gcm ? 0 : srtp->tag_bytes; /* RFC 7714 section 9.2: the tag is first */
    int r = open_direction(srtp, &srtp->send, send_key);
    if (r == 0)
        r = open_direction(srtp, &srtp->receive, receive_key);
    if (r < 0) {
        sl_srtp_destroy(srtp);
        return r;
    }
    *ret = srtp;
    return 0;
}

static void close_direction(struct direction *direction)
{
    if (direction->context)
        srtp_dealloc(direction->context);
    sl_gcm_close(&direction->gcm);
}

void sl_srtp_destroy(struct sl_srtp *srtp)
{
    if (!srtp)
        return;
    close_direction(&srtp->send);
    close_direction(&srtp->receive);
    free(srtp);
}

/* How long the header is; 0 unless version is 2, and CSRCs and header extension (RFC 3550 section
 * 5.3.1) end within `len`. */
static size_t rtp_header(const uint8_t *data, size_t len)
{
    if (len < RTP_HEADER || len > PACKET_MAX || data[0] >> 6 != 2)
        return 0;
    size_t header = RTP_HEADER + 4u * (data[0] & 0x0f);
    if (data[0] & 0x10) {
        if (header + 4 > len)
            return 0;
        header += 4 + 4u * sl_get16(data + header + 2);
    }
    return header <= len ? header : 0;
}

static bool rtcp_is_sane(const uint8_t *data, size_t len)
{
    return len >= RTCP_HEADER && len <= PACKET_MAX && data[0] >> 6 == 2;
}

/* What is kept of the SSRC; for a stranger a fresh one, which counts once it is learnt. NULL: one
 * too many. */
static struct sl_gcm_source *find_source(struct direction *direction, uint32_t ssrc)
{
    size_t at = 0;
    while (at < direction->ssrc_count && direction->ssrcs[at] != ssrc)
        at++;
    if (at == SL_SRTP_SSRCS_MAX)
        return NULL;
    struct sl_gcm_source *source = &direction->sources[at];
    if (at == direction->ssrc_count)
        *source = (struct sl_gcm_source){.rtcp_sent = 0};
    return source;
}

/* Only for what was protected or proved right: a forger must not be able to fill the table. */
static void learn(struct direction *direction, const struct sl_gcm_source *source, uint32_t ssrc)
{
    if (source == &direction->sources[direction->ssrc_count])
        direction->ssrcs[direction->ssrc_count++] = ssrc;
}

typedef srtp_err_status_t operation(srtp_t context, void *packet, int *len);

static int transform_cm(struct direction *direction, operation *transform, uint8_t *data,
                        size_t len)
{
    int n = (int)len;
    switch (transform(direction->context, data, &n)) {
    case srtp_err_status_ok:
        return n;
    case srtp_err_status_replay_fail:
    case srtp_err_status_replay_old:
    case srtp_err_status_pkt_idx_old:
        return -EALREADY;
    case srtp_err_status_bad_param:
    case srtp_err_status_parse_err:
        return -EBADMSG;
    default:
        return -EACCES;
    }
}

/* ---- Out ---- */

static int protect_failed(struct sl_srtp *srtp, int error)
{
    srtp->stats.protect_failed++;
    return error;
}

static int protect_done(struct sl_srtp *srtp, const struct sl_gcm_source *source, uint32_t ssrc,
                        int n)
{
    if (n < 0)
        return protect_failed(srtp, -EINVAL);
    learn(&srtp->send, source, ssrc);
    srtp->stats.protected_packets++;
    return n;
}

int sl_srtp_protect(struct sl_srtp *srtp, uint8_t *data, size_t len, size_t size)
{
    const size_t header = rtp_header(data, len);
    if (!header)
        return protect_failed(srtp, -EINVAL);
    if (size < len + srtp->tag_bytes)
        return protect_failed(srtp, -EMSGSIZE);
    const uint32_t ssrc = sl_get32(data + 8);
    struct sl_gcm_source *source = find_source(&srtp->send, ssrc);
    if (!source)
        return protect_failed(srtp, -EINVAL);
    return protect_done(srtp, source, ssrc,
                        srtp->gcm ? sl_gcm_seal_rtp(&srtp->send.gcm, source, data, header, len)
                                  : transform_cm(&srtp->send, srtp_protect, data, len));
}

int sl_srtp_protect_rtcp(struct sl_srtp *srtp, uint8_t *data, size_t len, size_t size)
{
    if (!rtcp_is_sane(data, len))
        return protect_failed(srtp, -EINVAL);
    if (size < len + srtp->tag_bytes + SRTCP_INDEX)
        return protect_failed(srtp, -EMSGSIZE);
    const uint32_t ssrc = sl_get32(data + 4);
    struct sl_gcm_source *source = find_source(&srtp->send, ssrc);
    if (!source)
        return protect_failed(srtp, -EINVAL);
    return protect_done(srtp, source, ssrc,
                        srtp->gcm ? sl_gcm_seal_rtcp(&srtp->send.gcm, source, data, len)
                                  : transform_cm(&srtp->send, srtp_protect_rtcp, data, len));
}

/* ---- In ---- */

static int refuse(struct sl_srtp *srtp, int error)
{
    if (error == -EALREADY)
        srtp->stats.replayed++;
    else if (error == -EBADMSG)
        srtp->stats.malformed++;
    else
        srtp->stats.refused++;
    return error;
}

static int unprotect_done(struct sl_srtp *srtp, const struct sl_gcm_source *source, uint32_t ssrc,
                          int n)
{
    if (n < 0)
        return refuse(srtp, n);
    learn(&srtp->receive, source, ssrc);
    srtp->stats.accepted++;
    return n;
}

int sl_srtp_unprotect(struct sl_srtp *srtp, uint8_t *data, size_t len)
{
    srtp->stats.offered++;
    const size_t header = len < srtp->tag_bytes ? 0 : rtp_header(data, len - srtp->tag_bytes);
    if (!header)
        return refuse(srtp, -EBADMSG);
    const uint32_t ssrc = sl_get32(data + 8);
    struct sl_gcm_source *source = find_source(&srtp->receive, ssrc);
    if (!source)
        return refuse(srtp, -EACCES);
    return unprotect_done(srtp, source, ssrc,
                          srtp->gcm
                              ? sl_gcm_unseal_rtp(&srtp->receive.gcm, source, data, header, len)
                              : transform_cm(&srtp->receive, srtp_unprotect, data, len));
}

int sl_srtp_unprotect_rtcp(struct sl_srtp *srtp, uint8_t *data, size_t len)
{
    srtp->stats.offered++;
    const size_t trailer = srtp->tag_bytes + SRTCP_INDEX;
    if (len < trailer || !rtcp_is_sane(data, len - trailer))
        return refuse(srtp, -EBADMSG);
    /* An authentic packet may still not be encrypted; we never agreed to those. */
    if (!(data[len - srtp->index_end - SRTCP_INDEX] & 0x80))
        return refuse(srtp, -EACCES);
    const uint32_t ssrc = sl_get32(data + 4);
    struct sl_gcm_source *source = find_source(&srtp->receive, ssrc);
    if (!source)
        return refuse(srtp, -EACCES);
    return unprotect_done(srtp, source, ssrc,
                          srtp->gcm ? sl_gcm_unseal_rtcp(&srtp->receive.gcm, source, data, len)
                                    : transform_cm(&srtp->receive, srtp_unprotect_rtcp, data, len));
}

void sl_srtp_stats(const struct sl_srtp *srtp, struct sl_srtp_stats *ret)
{
    *ret = srtp->stats;
}
