/* SPDX-License-Identifier: MIT */
/*
 * SDP text (RFC 8866) taken apart: one pass, no allocation, what Sightline knows and nothing else.
 * It says what is written there, not whether it fits: that is sdp.c's. Slices point into the text.
 *
 * Attributes of the session level are defaults of every section. Where one is given twice the last
 * counts, but the first of the SSRCs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/types.h"
#include "rtp/packet.h"
#include "sdp/sdp.h"

#define SL_SDP_PAYLOADS 128

struct sl_sdp_slice {
    const char *at;
    size_t len;
};

bool sl_sdp_slice_is(struct sl_sdp_slice slice, const char *text);
/* The same, upper and lower case alike. */
bool sl_sdp_slice_like(struct sl_sdp_slice slice, const char *text);
/* Takes what comes before the next `separator` (or all) off `rest`; empty at the end. */
struct sl_sdp_slice sl_sdp_slice_take(struct sl_sdp_slice *rest, char separator);
/* The value of `key` in "a=1;b=2"; at == NULL if absent. */
struct sl_sdp_slice sl_sdp_fmtp_value(struct sl_sdp_slice fmtp, const char *key);
bool sl_sdp_slice_number(struct sl_sdp_slice slice, uint32_t max, uint32_t *ret);

enum sl_sdp_direction { SL_SDP_SENDRECV, SL_SDP_SENDONLY, SL_SDP_RECVONLY, SL_SDP_INACTIVE };

struct sl_sdp_feedback {
    bool nack, pli, fir, remb, ccfb;
};

struct sl_sdp_payload {
    bool listed;               /* in the m= line */
    struct sl_sdp_slice codec; /* of a=rtpmap; empty without one */
    uint32_t clock_hz, channels;
    struct sl_sdp_slice fmtp;
    struct sl_sdp_feedback feedback;
};

struct sl_sdp_section {
    struct sl_sdp_slice kind, protocol, first_format;
    uint32_t port;
    bool bundle_only;
    char mid[16];
    struct sl_sdp_slice ufrag, pwd;
    bool has_fingerprint; /* sha-256 */
    uint8_t fingerprint[SL_FINGERPRINT_BYTES];
    bool has_setup;
    enum sl_sdp_setup setup;
    enum sl_sdp_direction direction;
    bool rtcp_mux, rtcp_rsize, rrtr;
    struct sl_rtp_extension_ids ids;
    uint32_t ssrc, rtx_ssrc;      /* the first; of the first FID group if there is one */
    uint32_t fec_media, fec_ssrc; /* of the first FEC-FR group */
    struct sl_sdp_slice cname;
    struct sl_sdp_slice control; /* RTSP's (RFC 2326 appendix C.1.1) */
    struct sl_addr candidates[SL_SDP_CANDIDATES];
    int candidate_count;
    struct sl_sdp_feedback feedback;  /* of all payload types (a=rtcp-fb:*) */
    uint8_t formats[SL_SDP_PAYLOADS]; /* in the order of the m= line */
    int format_count;
    struct sl_sdp_payload payloads[SL_SDP_PAYLOADS];
};

struct sl_sdp_document {
    bool ice_lite, sightline, extmap_allow_mixed;
    struct sl_sdp_slice bundle;    /* mids of the first BUNDLE group */
    struct sl_sdp_section session; /* the session level: defaults */
    struct sl_sdp_section sections[SL_SDP_SECTIONS];
    int section_count;
};

/* 0, or -EBADMSG and a sentence. `ret` is undefined then. */
SL_MUST_CHECK int sl_sdp_parse(struct sl_sdp_document *ret, const char *text, size_t len,
                               const char **why);

bool sl_sdp_bundled(const struct sl_sdp_document *document, const char *mid);
