/* SPDX-License-Identifier: MIT */
/*
 * SDP offer and answer (RFC 8866, 3264, 8829, 8843 BUNDLE, 8839 ICE, 9725 WHIP),
 * for sessions that go one way: WHIP (offerer sends) and WHEP (offerer receives).
 *
 *     sl_sdp_write_offer ──offer──▶ sl_sdp_answer ──answer──▶ sl_sdp_accept
 *          offerer                     answerer                  offerer
 *
 * Both ends come out with the same `sl_sdp_agreed`, which a session is built from.
 * At most one video and one audio section are taken, on one transport (BUNDLE), and of our own
 * senders a second video section behind them; all others are rejected in place. Pure; no allocation
 * (some 100 KiB of stack); limits below.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/types.h"
#include "rtp/packet.h"

#define SL_SDP_MAX_BYTES 65536
#define SL_SDP_MAX_LINES 2000
#define SL_SDP_SECTIONS 8 /* m= lines */
#define SL_SDP_CANDIDATES 16
#define SL_FINGERPRINT_BYTES 32

/* Forward error correction of video, in an RTP stream of its own (FEC-FR group). */
enum sl_sdp_fec {
    SL_SDP_FEC_NONE,
    SL_SDP_FEC_FLEXFEC, /* flexfec-03, for browsers          */
    SL_SDP_FEC_RS,      /* x-rs-fec, between our own programs */
};

enum sl_sdp_setup { SL_SDP_ACTPASS, SL_SDP_ACTIVE, SL_SDP_PASSIVE };

/* ICE and DTLS parameters of one side. */
struct sl_sdp_transport {
    char ufrag[257];
    char pwd[257];
    uint8_t fingerprint[SL_FINGERPRINT_BYTES]; /* SHA-256 of the certificate's DER */
    enum sl_sdp_setup setup;
    bool ice_lite;
    struct sl_addr candidates[SL_SDP_CANDIDATES]; /* UDP host candidates, component 1 */
    int candidate_count;
};

/* One media section, as both sides agreed on it. All SSRCs are the media sender's. */
struct sl_sdp_media {
    enum sl_media_kind kind;
    char mid[16];
    uint8_t pt;
    uint8_t rtx_pt; /* 0: no RTX (then resends are copies on the media SSRC) */
    uint32_t clock_hz;
    char h264_profile[7]; /* "42e01f"; "" for audio */
    enum sl_sdp_fec fec;
    uint8_t fec_pt; /* 0: no FEC */
    struct sl_rtp_extension_ids ids;
    bool nack, pli, fir, remb, rrtr;   /* rrtr: a=rtcp-xr:rcvr-rtt */
    bool ccfb;                         /* RFC 8888 feedback (ack ccfb) */
    uint32_t ssrc, rtx_ssrc, fec_ssrc; /* 0: not announced, learn from mid or payload type */
    char cname[64];
};

struct sl_sdp_agreed {
    struct sl_sdp_transport local, remote;
    bool local_sends; /* true: we send media (WHIP client, WHEP server) */
    bool dtls_client; /* our DTLS role: true if we send the ClientHello */
    bool sightline; /* the peer says it is one of our programs (a=tool:sightline): RR each 200 ms */
    struct sl_sdp_media media[SL_MEDIA_KINDS];
    int media_count;
};

/* What one side can do and wants said. */
struct sl_sdp_local {
    struct sl_sdp_transport transport;
    bool sends;
    bool video, audio;
    bool sub; /* a second video: offered last; taken only of our own programs, if its profile is the
                 first's */
    bool fec; /* offered, or taken where it is offered; x-rs-fec rather than flexfec-03 */
    char h264_profiles[3][7]; /* in order of preference, e.g. { "640020", "42e01f" }; for the
                                 answerer: [0] is the camera's own when it sends, all it takes when
                                 it receives */
    char cname[64];
    uint32_t ssrc[SL_MEDIA_KINDS], rtx_ssrc[SL_MEDIA_KINDS], fec_ssrc; /* where we send */
    uint64_t session_id;
    int start_bitrate_kbps; /* x-google-start-bitrate in WHIP answers; 0: none */
};

/* Writes an offer and NUL. Length or -EMSGSIZE. */
SL_MUST_CHECK int sl_sdp_write_offer(const struct sl_sdp_local *local, char *out, size_t size);

/*
 * Reads the offer, agrees, writes the answer and NUL. `local->sends` says which way.
 * Returns the answer's length; -EBADMSG (not SDP, too long, too many lines, no BUNDLE/rtcp-mux,
 * no ufrag, pwd or sha-256 fingerprint), -ENOTSUP (no codec in common: HTTP 406),
 * -EPROTO (direction does not fit). `*why` gets a static sentence for the caller of the HTTP side.
 */
SL_MUST_CHECK int sl_sdp_answer(const char *offer, size_t offer_len,
                                const struct sl_sdp_local *local, struct sl_sdp_agreed *ret,
                                char *answer, size_t size, const char **why);

/* Reads the answer to an offer written from `local`. 0, -EBADMSG, -ENOTSUP or -EPROTO. */
SL_MUST_CHECK int sl_sdp_accept(const char *answer, size_t answer_len,
                                const struct sl_sdp_local *local, struct sl_sdp_agreed *ret,
                                const char **why);
