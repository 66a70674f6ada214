/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sdp/agree.h"
#include "sdp/parse.h"
#include "sdp/sdp.h"
#include "sdp/write.h"

/* What our offers say. RTX is one above its payload type. */
enum {
    ID_MID = 1,
    ID_CAPTURE = 2,
    ID_PLAYOUT = 3,
    PT_VIDEO = 96,
    PT_VIDEO_SUB = 102,
    PT_FEC_RS = 106,
    PT_FLEXFEC = 107,
    PT_AUDIO = 111
};

static int profile_count(const struct sl_sdp_local *local)
{
    int count = 0;
    while (count < (int)SL_COUNT(local->h264_profiles) && local->h264_profiles[count][0])
        count++;
    return count;
}

/* Sections are in the order of kinds, and their mids are counted. */
static int mid_of(const struct sl_sdp_local *local, enum sl_media_kind kind)
{
    return kind == SL_VIDEO ? 0 : (int)local->video + (kind == SL_VIDEO_SUB && local->audio);
}

static uint8_t first_pt(enum sl_media_kind kind)
{
    static const uint8_t pts[] = {
        [SL_VIDEO] = PT_VIDEO, [SL_AUDIO] = PT_AUDIO, [SL_VIDEO_SUB] = PT_VIDEO_SUB};
    return pts[kind];
}

/* The i-th payload type of an offered section. */
static struct sl_sdp_media offered(const struct sl_sdp_local *local, enum sl_media_kind kind, int i)
{
    const bool video = kind != SL_AUDIO;
    struct sl_sdp_media media = {
        .kind = kind,
        .pt = (uint8_t)(first_pt(kind) + 2 * i),
        .clock_hz = video ? 90000 : 48000,
        .ids = {.mid = ID_MID,
                .abs_capture_time = ID_CAPTURE,
                .playout_delay = video ? ID_PLAYOUT : 0},
        .nack = true,
        .pli = video,
        .fir = video,
        .rrtr = true,
        .ssrc = local->ssrc[kind],
        .rtx_ssrc = local->rtx_ssrc[kind],
        .fec_ssrc = kind == SL_VIDEO && local->fec ? local->fec_ssrc : 0,
        .ccfb = true,
    };
    media.rtx_pt = (uint8_t)(media.pt + 1);
    if (video) {
        const char *profile = profile_count(local) ? local->h264_profiles[i] : "42e01f";
        snprintf(media.h264_profile, sizeof(media.h264_profile), "%s", profile);
    }
    snprintf(media.mid, sizeof(media.mid), "%d", mid_of(local, kind));
    snprintf(media.cname, sizeof(media.cname), "%s", local->cname);
    return media;
}

static int payload_count(const struct sl_sdp_local *local, enum sl_media_kind kind)
{
    return kind == SL_VIDEO && profile_count(local) > 1 ? profile_count(local) : 1;
}

static void write_section(struct sl_sdp_text *text, const struct sl_sdp_local *local,
                          enum sl_media_kind kind, bool first)
{
    const struct sl_sdp_media media = offered(local, kind, 0);
    sl_sdp_say(text, "m=%s 9 UDP/TLS/RTP/SAVPF", sl_sdp_kind_name(kind));
    for (int i = 0; i < payload_count(local, kind); i++)
        sl_sdp_say(text, " %d %d", media.pt + 2 * i, media.pt + 2 * i + 1);
    const bool fec = kind == SL_VIDEO && local->fec;
    if (fec)
        sl_sdp_say(text, " %d %d", PT_FEC_RS, PT_FLEXFEC);
    sl_sdp_say(text, "\r\nc=IN IP4 0.0.0.0\r\na=mid:%s\r\n", media.mid);
    sl_sdp_say(text, "a=%s\r\n", local->sends ? "sendonly" : "recvonly");
    sl_sdp_say(text, "a=rtcp-mux\r\na=rtcp-rsize\r\na=ice-options:trickle\r\n");
    struct sl_sdp_transport transport = local->transport;
    transport.setup = SL_SDP_ACTPASS;
    sl_sdp_say_transport(text, &transport, first);
    sl_sdp_say_extensions(text, &media.ids);
    for (int i = 0; i < payload_count(local, kind); i++) {
        const struct sl_sdp_media payload = offered(local, kind, i);
        sl_sdp_say_codec(text, &payload, "");
    }
    if (fec) {
        sl_sdp_say_fec(text, SL_SDP_FEC_RS, PT_FEC_RS);
        sl_sdp_say_fec(text, SL_SDP_FEC_FLEXFEC, PT_FLEXFEC);
    }
    sl_sdp_say(text, "a=rtcp-xr:rcvr-rtt=all\r\n");
    if (local->sends)
        sl_sdp_say_sources(text, &media);
}

int sl_sdp_write_offer(const struct sl_sdp_local *local, char *out, size_t size)
{
    struct sl_sdp_text text = {.start = out, .size = size};
    sl_sdp_say_session(&text, local);
    static const char *const mids[] = {"0", "0 1", "0 1 2"};
    sl_sdp_say(&text, "a=group:BUNDLE %s\r\n",
               mids[(local->video && local->audio) + (local->video && local->sub)]);
    sl_sdp_say(&text, "a=extmap-allow-mixed\r\n");
    if (local->video)
        write_section(&text, local, SL_VIDEO, true);
    if (local->audio)
        write_section(&text, local, SL_AUDIO, !local->video);
    if (local->video && local->sub)
        write_section(&text, local, SL_VIDEO_SUB, false);
    return text.failed ? -EMSGSIZE : (int)text.len;
}

/* The first payload type of the answer that is one of those offered; its index, or -1. */
static int find_payload(const struct sl_sdp_section *section, const struct sl_sdp_local *local,
                        enum sl_media_kind kind)
{
    for (int f = 0; f < section->format_count; f++) {
        const struct sl_sdp_payload *payload = &section->payloads[section->formats[f]];
        for (int i = 0; i < payload_count(local, kind); i++) {
            if (section->formats[f] == offered(local, kind, i).pt &&
                (kind == SL_AUDIO ? sl_sdp_is_opus(payload) : sl_sdp_is_h264(payload)))
                return i;
        }
    }
    return -1;
}

static uint8_t same_id(uint8_t theirs, uint8_t ours)
{
    return theirs == ours ? ours : 0;
}

/* What the answer took of the offer. */
static int accept_section(struct sl_sdp_media *ret, const struct sl_sdp_document *document,
                          const struct sl_sdp_section *section, const struct sl_sdp_local *local,
                          enum sl_media_kind kind, const char **why)
{
    const int index = find_payload(section, local, kind);
    *why = "the answer takes none of the codecs offered";
    if (index < 0)
        return -ENOTSUP;
    *why = "the direction in the answer does not fit";
    if (!sl_sdp_direction_fits(section, local->sends))
        return -EPROTO;
    *why = "the answer is not for the offer: other sections, or no rtcp-mux";
    const struct sl_sdp_media ours = offered(local, kind, index);
    if (!section->rtcp_mux || !sl_sdp_is_secure(section) ||
        (section->mid[0] && strcmp(section->mid, ours.mid) != 0))
        return -EBADMSG;
    struct sl_sdp_media media;
    sl_sdp_fill_media(&media, document, section, kind, ours.pt);
    memcpy(media.mid, ours.mid, sizeof(media.mid));
    memcpy(media.h264_profile, ours.h264_profile, sizeof(media.h264_profile));
    media.ids.mid = same_id(media.ids.mid, ours.ids.mid);
    media.ids.abs_capture_time = same_id(media.ids.abs_capture_time, ours.ids.abs_capture_time);
    media.ids.playout_delay = same_id(media.ids.playout_delay, ours.ids.playout_delay);
    media.remb = false;
    if (media.rtx_pt != ours.rtx_pt)
        media.rtx_pt = 0;
    media.ccfb = media.ccfb && document->sightline;
    if (kind == SL_VIDEO && local->fec)
        sl_sdp_fill_fec(&media, section);
    if (media.fec_pt != (media.fec == SL_SDP_FEC_RS ? PT_FEC_RS : PT_FLEXFEC)) {
        media.fec = SL_SDP_FEC_NONE;
        media.fec_pt = 0;
    }
    if (local->sends) {
        media.ssrc = ours.ssrc;
        media.rtx_ssrc = ours.rtx_ssrc;
        media.fec_ssrc = ours.fec_ssrc;
        memcpy(media.cname, ours.cname, sizeof(media.cname));
    }
    if (!media.rtx_pt)
        media.rtx_ssrc = 0;
    if (!media.fec_pt)
        media.fec_ssrc = 0;
    *ret = media;
    return 0;
}

static int accept_transport(struct sl_sdp_agreed *agreed, const struct sl_sdp_document *document,
                            const struct sl_sdp_section *first, const char **why)
{
    const int error = sl_sdp_fill_transport(&agreed->remote, document, first, why);
    if (error < 0)
        return error;
    *why = "the answer must say a=setup:active or a=setup:passive";
    if (agreed->remote.setup == SL_SDP_ACTPASS)
        return -EPROTO;
    agreed->dtls_client = agreed->remote.setup == SL_SDP_PASSIVE;
    agreed->local.setup = agreed->dtls_client ? SL_SDP_ACTIVE : SL_SDP_PASSIVE;
    return 0;
}

int sl_sdp_accept(const char *answer, size_t answer_len, const struct sl_sdp_local *local,
                  struct sl_sdp_agreed *ret, const char **why)
{
    struct sl_sdp_document document;
    int error = sl_sdp_parse(&document, answer, answer_len, why);
    if (error < 0)
        return error;
    const bool wanted[SL_MEDIA_KINDS] = {[SL_VIDEO] = local->video,
                                         [SL_AUDIO] = local->audio,
                                         [SL_VIDEO_SUB] = local->video && local->sub};
    struct sl_sdp_agreed agreed = {
        .local = local->transport,
        .local_sends = local->sends,
        .sightline = document.sightline,
    };
    const struct sl_sdp_section *first = NULL;
    int index = 0;
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++) {
        if (!wanted[kind])
            continue;
        const struct sl_sdp_section *section = &document.sections[index];
        *why = "the answer is not for the offer: it has other media sections";
        if (index++ >= document.section_count ||
            !sl_sdp_slice_is(section->kind, sl_sdp_kind_name(kind)))
            return -EBADMSG;
        if (section->port == 0 && kind != SL_VIDEO)
            continue; /* a camera without sound; a receiver that knows of one picture only */
        *why = "the answer takes no video";
        if (section->port == 0)
            return -ENOTSUP;
        error =
            accept_section(&agreed.media[agreed.media_count], &document, section, local, kind, why);
        if (error < 0)
            return error;
        agreed.media_count++;
        first = first ? first : section;
    }
    *why = "the answer takes nothing of the offer";
    if (!first)
        return -ENOTSUP;
    error = accept_transport(&agreed, &document, first, why);
    if (error < 0)
        return error;
    *ret = agreed;
    return 0;
}
