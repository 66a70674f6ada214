/* SPDX-License-Identifier: MIT */
#include "sdp/agree.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

const char *sl_sdp_kind_name(enum sl_media_kind kind)
{
    return kind == SL_AUDIO ? "audio" : "video";
}

bool sl_sdp_is_secure(const struct sl_sdp_section *section)
{
    return sl_sdp_slice_is(section->protocol, "UDP/TLS/RTP/SAVPF") ||
           sl_sdp_slice_is(section->protocol, "UDP/TLS/RTP/SAVP");
}

bool sl_sdp_direction_fits(const struct sl_sdp_section *section, bool we_send)
{
    return section->direction == SL_SDP_SENDRECV ||
           section->direction == (we_send ? SL_SDP_RECVONLY : SL_SDP_SENDONLY);
}

bool sl_sdp_is_h264(const struct sl_sdp_payload *payload)
{
    return sl_sdp_slice_like(payload->codec, "H264") && payload->clock_hz == 90000;
}

bool sl_sdp_is_opus(const struct sl_sdp_payload *payload)
{
    return sl_sdp_slice_like(payload->codec, "opus") && payload->clock_hz == 48000 &&
           payload->channels == 2;
}

uint8_t sl_sdp_rtx_of(const struct sl_sdp_section *section, uint8_t pt)
{
    for (int i = 0; i < section->format_count; i++) {
        const uint8_t rtx = section->formats[i];
        const struct sl_sdp_payload *payload = &section->payloads[rtx];
        uint32_t apt;
        if (rtx && rtx != pt && sl_sdp_slice_like(payload->codec, "rtx") &&
            payload->clock_hz == section->payloads[pt].clock_hz &&
            sl_sdp_slice_number(sl_sdp_fmtp_value(payload->fmtp, "apt"), 127, &apt) && apt == pt)
            return rtx;
    }
    return 0;
}

const char *sl_sdp_fec_name(enum sl_sdp_fec fec)
{
    return fec == SL_SDP_FEC_RS ? "x-rs-fec" : "flexfec-03";
}

uint8_t sl_sdp_fec_of(const struct sl_sdp_section *section, enum sl_sdp_fec fec)
{
    for (int i = 0; i < section->format_count; i++) {
        const uint8_t pt = section->formats[i];
        if (pt && sl_sdp_slice_like(section->payloads[pt].codec, sl_sdp_fec_name(fec)) &&
            section->payloads[pt].clock_hz == 90000)
            return pt;
    }
    return 0;
}

void sl_sdp_fill_fec(struct sl_sdp_media *media, const struct sl_sdp_section *section)
{
    for (enum sl_sdp_fec fec = SL_SDP_FEC_RS; fec > SL_SDP_FEC_NONE && !media->fec_pt; fec--) {
        media->fec_pt = sl_sdp_fec_of(section, fec);
        media->fec = media->fec_pt ? fec : SL_SDP_FEC_NONE;
    }
    if (media->fec_pt && section->fec_ssrc && section->fec_media == section->ssrc)
        media->fec_ssrc = section->fec_ssrc;
}

/* Printable and short enough, else nothing: it is only a name. */
static void copy_cname(char out[64], struct sl_sdp_slice cname)
{
    if (cname.len >= 64)
        return;
    for (size_t i = 0; i < cname.len; i++) {
        if (!isgraph((unsigned char)cname.at[i]))
            return;
    }
    if (cname.len)
        memcpy(out, cname.at, cname.len);
    out[cname.len] = '\0';
}

/* Ids above 14 need the two-byte form, which both sides must have said they can mix in. */
static uint8_t usable_id(const struct sl_sdp_document *document, uint8_t id)
{
    return id <= 14 || document->extmap_allow_mixed ? id : 0;
}

void sl_sdp_fill_media(struct sl_sdp_media *media, const struct sl_sdp_document *document,
                       const struct sl_sdp_section *section, enum sl_media_kind kind, uint8_t pt)
{
    const struct sl_sdp_payload *payload = &section->payloads[pt];
    *media = (struct sl_sdp_media){
        .kind = kind,
        .pt = pt,
        .rtx_pt = sl_sdp_rtx_of(section, pt),
        .clock_hz = payload->clock_hz,
        .ids = {.mid = usable_id(document, section->ids.mid),
                .abs_capture_time = usable_id(document, section->ids.abs_capture_time),
                .playout_delay = usable_id(document, section->ids.playout_delay)},
        .nack = payload->feedback.nack || section->feedback.nack,
        .pli = payload->feedback.pli || section->feedback.pli,
        .fir = payload->feedback.fir || section->feedback.fir,
        .remb = payload->feedback.remb || section->feedback.remb,
        .rrtr = section->rrtr,
        .ccfb = payload->feedback.ccfb || section->feedback.ccfb,
        .ssrc = section->ssrc,
        .rtx_ssrc = section->rtx_ssrc,
    };
    memcpy(media->mid, section->mid, sizeof(media->mid));
    copy_cname(media->cname, section->cname);
    if (!media->rtx_pt)
        media->rtx_ssrc = 0;
}

/* ice-char (RFC 8839 section 5.4), and the few more that other programs use. Never ':', which
 * parts two ufrags in a USERNAME. */
static bool copy_ice_text(char *out, struct sl_sdp_slice text, size_t min)
{
    if (text.len < min || text.len > 256)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (!isalnum((unsigned char)text.at[i]) && !memchr("+/-_=", text.at[i], 5))
            return false;
    }
    memcpy(out, text.at, text.len);
    out[text.len] = '\0';
    return true;
}

int sl_sdp_fill_transport(struct sl_sdp_transport *ret, const struct sl_sdp_document *document,
                          const struct sl_sdp_section *section, const char **why)
{
    struct sl_sdp_transport transport = {
        .setup = section->has_setup ? section->setup : SL_SDP_ACTPASS,
        .ice_lite = document->ice_lite,
        .candidate_count = section->candidate_count,
    };
    *why = "the SDP has no usable a=ice-ufrag and a=ice-pwd";
    if (!copy_ice_text(transport.ufrag, section->ufrag, 4) ||
        !copy_ice_text(transport.pwd, section->pwd, 22))
        return -EBADMSG;
    *why = "the SDP has no a=fingerprint:sha-256";
    if (!section->has_fingerprint)
        return -EBADMSG;
    memcpy(transport.fingerprint, section->fingerprint, sizeof(transport.fingerprint));
    memcpy(transport.candidates, section->candidates, sizeof(transport.candidates));
    *ret = transport;
    return 0;
}
