/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sdp/agree.h"
#include "sdp/h264_profile.h"
#include "sdp/parse.h"
#include "sdp/sdp.h"
#include "sdp/write.h"

static const char no_h264[] =
    "no H.264 in the offer (packetization-mode=1 is needed); a fresh Firefox without internet "
    "access has none until it has fetched its OpenH264 plugin";
static const char no_profile[] =
    "the H.264 profiles or levels in the offer do not fit the camera's";

/* How well a payload type fits; the smallest wins, the m= line's order among equals. */
enum { RANK_NO_MODE = 16, RANK_WIDER = 8, RANK_UNFIT = 64, RANK_NOT_H264 = 65 };

struct section_choice {
    bool taken;
    struct sl_sdp_media media;
};

struct refusals { /* why sections that we might have taken were not */
    bool direction, mux;
    const char *codec[SL_MEDIA_KINDS]; /* a sentence, NULL: none refused for its codecs */
};

static bool level_fits(struct sl_sdp_slice fmtp, const struct sl_h264_level *offered,
                       const struct sl_h264_level *ours)
{
    return sl_sdp_slice_is(sl_sdp_fmtp_value(fmtp, "level-asymmetry-allowed"), "1") ||
           offered->level_idc >= ours->level_idc;
}

static struct sl_h264_level local_profile(const struct sl_sdp_local *local, size_t i)
{
    struct sl_h264_level level = {.profile = SL_H264_CONSTRAINED_BASELINE, .level_idc = 31};
    const char *text = local->h264_profiles[i];
    if (sl_h264_level_parse(&level, text, strlen(text)) < 0)
        level.profile = SL_H264_CONSTRAINED_BASELINE;
    return level;
}

/* We send: the offer's profile must show our camera's. */
static int rank_to_send(const struct sl_h264_level *offered, struct sl_sdp_slice fmtp,
                        const struct sl_sdp_local *local)
{
    const struct sl_h264_level ours = local_profile(local, 0);
    if (!sl_h264_profile_shows(offered->profile, ours.profile) || !level_fits(fmtp, offered, &ours))
        return RANK_UNFIT;
    return offered->profile == ours.profile ? 0 : RANK_WIDER;
}

/* We receive. One of our own senders names its true profile first; others send what we choose. */
static int rank_to_receive(const struct sl_h264_level *offered, const struct sl_sdp_local *local,
                           bool sightline)
{
    int rank = RANK_UNFIT;
    for (size_t i = 0; i < SL_COUNT(local->h264_profiles); i++) {
        if (i > 0 && !local->h264_profiles[i][0])
            break;
        const struct sl_h264_level ours = local_profile(local, i);
        if (!sl_h264_profile_shows(ours.profile, offered->profile))
            continue;
        const int fit = sightline ? 0 : ours.profile == offered->profile ? (int)i : RANK_WIDER;
        if (fit < rank)
            rank = fit;
    }
    return rank;
}

static int rank_h264(const struct sl_sdp_payload *payload, const struct sl_sdp_local *local,
                     bool sightline)
{
    if (!sl_sdp_is_h264(payload))
        return RANK_NOT_H264;
    /* Without a mode it is 0 by the book; those that say nothing (GStreamer) in fact take 1. */
    const struct sl_sdp_slice mode = sl_sdp_fmtp_value(payload->fmtp, "packetization-mode");
    if (mode.at && !sl_sdp_slice_is(mode, "1"))
        return RANK_NOT_H264;
    const struct sl_sdp_slice text = sl_sdp_fmtp_value(payload->fmtp, "profile-level-id");
    int rank = 0;
    if (text.at) {
        struct sl_h264_level offered;
        if (sl_h264_level_parse(&offered, text.at, text.len) < 0)
            return RANK_UNFIT;
        rank = local->sends ? rank_to_send(&offered, payload->fmtp, local)
                            : rank_to_receive(&offered, local, sightline);
    }
    return rank >= RANK_UNFIT ? rank : rank + (mode.at && text.at ? 0 : RANK_NO_MODE);
}

/* The payload type to answer with, or -1. */
static int choose_h264(const struct sl_sdp_section *section, const struct sl_sdp_local *local,
                       bool sightline, const char **why)
{
    int best = -1, best_rank = RANK_UNFIT;
    *why = no_h264;
    for (int i = 0; i < section->format_count; i++) {
        const uint8_t pt = section->formats[i];
        const int rank = rank_h264(&section->payloads[pt], local, sightline);
        if (rank == RANK_UNFIT)
            *why = no_profile;
        if (rank < best_rank) {
            best_rank = rank;
            best = pt;
        }
    }
    return best;
}

static int choose_opus(const struct sl_sdp_section *section, const char **why)
{
    *why = "no Opus (48 kHz, stereo) in the offer";
    for (int i = 0; i < section->format_count; i++) {
        if (sl_sdp_is_opus(&section->payloads[section->formats[i]]))
            return section->formats[i];
    }
    return -1;
}

static void name_our_sources(struct sl_sdp_media *media, const struct sl_sdp_local *local)
{
    media->ssrc = local->ssrc[media->kind];
    media->rtx_ssrc = media->rtx_pt ? local->rtx_ssrc[media->kind] : 0;
    media->fec_ssrc = media->fec_pt ? local->fec_ssrc : 0;
    snprintf(media->cname, sizeof(media->cname), "%s", local->cname);
}

static void consider(struct section_choice *choice, const struct sl_sdp_document *document,
                     const struct sl_sdp_section *section, enum sl_media_kind kind,
                     const struct sl_sdp_local *local, struct refusals *refusals)
{
    if (!sl_sdp_direction_fits(section, local->sends)) {
        refusals->direction = true;
        return;
    }
    if (!section->rtcp_mux) {
        refusals->mux = true;
        return;
    }
    const char *why;
    const int pt = kind == SL_AUDIO ? choose_opus(section, &why)
                                    : choose_h264(section, local, document->sightline, &why);
    if (pt < 0) {
        refusals->codec[kind] = why;
        return;
    }
    struct sl_sdp_media *media = &choice->media;
    sl_sdp_fill_media(media, document, section, kind, (uint8_t)pt);
    if (kind != SL_AUDIO) {
        const struct sl_sdp_slice profile =
            sl_sdp_fmtp_value(section->payloads[pt].fmtp, "profile-level-id");
        if (profile.at) /* six digits: it was ranked */
            memcpy(media->h264_profile, profile.at, 6);
    }
    media->remb = media->remb && !local->sends;
    /* Of every stream of the transport: ours do. Not to a relay's legs, where nothing could be made
     * smaller: reports of repair tell them enough, at a hundredth of the packets. */
    media->ccfb = media->ccfb && document->sightline && !local->sends;
    if (kind == SL_VIDEO && local->fec)
        sl_sdp_fill_fec(media, section);
    if (local->sends)
        name_our_sources(media, local);
    choice->taken = true;
}

/* A viewer agrees on one profile and may be given either picture. */
static bool same_profile(const struct section_choice *a, const struct section_choice *b)
{
    return a && strncmp(a->media.h264_profile, b->media.h264_profile, 4) == 0;
}

/* The first usable section of each kind that we want; a second video behind the first. Returns how
 * many. */
static int choose_sections(struct section_choice *choices, const struct sl_sdp_document *document,
                           const struct sl_sdp_local *local, struct refusals *refusals)
{
    bool open[SL_MEDIA_KINDS] = {[SL_VIDEO] = local->video, [SL_AUDIO] = local->audio};
    const struct section_choice *main_video = NULL;
    int taken = 0;
    for (int i = 0; i < document->section_count; i++) {
        const struct sl_sdp_section *section = &document->sections[i];
        choices[i].taken = false;
        for (int kind = 0; kind < SL_MEDIA_KINDS && !choices[i].taken; kind++) {
            if (!open[kind] || !sl_sdp_slice_is(section->kind, sl_sdp_kind_name(kind)) ||
                !sl_sdp_is_secure(section) || (section->port == 0 && !section->bundle_only))
                continue;
            consider(&choices[i], document, section, kind, local, refusals);
            if (kind == SL_VIDEO_SUB && !same_profile(main_video, &choices[i]))
                choices[i].taken = false;
            if (!choices[i].taken)
                continue;
            open[kind] = false;
            taken++;
            if (kind == SL_VIDEO) {
                main_video = &choices[i];
                open[SL_VIDEO_SUB] = local->sub && document->sightline;
            }
        }
    }
    /* A camera's picture must not be lost silently because its sound could be agreed on. */
    return open[SL_VIDEO] && refusals->codec[SL_VIDEO] ? 0 : taken;
}

static int refusal(const struct refusals *refusals, const char **why)
{
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++) {
        if (refusals->codec[kind]) {
            *why = refusals->codec[kind];
            return -ENOTSUP;
        }
    }
    if (refusals->direction) {
        *why = "the direction in the offer does not fit: WHIP offers sendonly, WHEP recvonly";
        return -EPROTO;
    }
    if (refusals->mux) {
        *why = "the offer lacks a=rtcp-mux";
        return -EBADMSG;
    }
    *why = "the offer has no audio or video section (UDP/TLS/RTP/SAVPF) that can be taken";
    return -ENOTSUP;
}

/* All that is taken shares one transport: the first taken section's. */
static int agree_transport(struct sl_sdp_agreed *agreed, const struct sl_sdp_document *document,
                           const struct section_choice *choices, const char **why)
{
    const struct sl_sdp_section *first = NULL;
    for (int i = 0; i < document->section_count; i++) {
        if (!choices[i].taken)
            continue;
        if (agreed->media_count > 1 && !sl_sdp_bundled(document, choices[i].media.mid)) {
            *why = "the offer does not BUNDLE its media";
            return -EBADMSG;
        }
        if (!first)
            first = &document->sections[i];
    }
    const int error = sl_sdp_fill_transport(&agreed->remote, document, first, why);
    if (error < 0)
        return error;
    if (agreed->local.ice_lite && agreed->remote.ice_lite) {
        *why = "the offer says ice-lite, and so are we: nobody would check the path";
        return -EPROTO;
    }
    agreed->dtls_client = agreed->remote.setup == SL_SDP_PASSIVE;
    agreed->local.setup = agreed->dtls_client ? SL_SDP_ACTIVE : SL_SDP_PASSIVE;
    return 0;
}

static void write_taken(struct sl_sdp_text *text, const struct sl_sdp_section *section,
                        const struct sl_sdp_media *media, const struct sl_sdp_agreed *agreed,
                        const struct sl_sdp_local *local, bool first)
{
    sl_sdp_say(text, "m=%s 9 %.*s %u", sl_sdp_kind_name(media->kind), (int)section->protocol.len,
               section->protocol.at, media->pt);
    if (media->rtx_pt)
        sl_sdp_say(text, " %u", media->rtx_pt);
    if (media->fec_pt)
        sl_sdp_say(text, " %u", media->fec_pt);
    sl_sdp_say(text, "\r\nc=IN IP4 0.0.0.0\r\n");
    if (media->mid[0])
        sl_sdp_say(text, "a=mid:%s\r\n", media->mid);
    sl_sdp_say(text, "a=%s\r\na=rtcp-mux\r\n", local->sends ? "sendonly" : "recvonly");
    if (section->rtcp_rsize)
        sl_sdp_say(text, "a=rtcp-rsize\r\n");
    sl_sdp_say_transport(text, &agreed->local, first);
    sl_sdp_say_extensions(text, &media->ids);
    char extra[64] = "";
    if (media->kind == SL_VIDEO && !local->sends && local->start_bitrate_kbps > 0 &&
        !agreed->sightline)
        snprintf(extra, sizeof(extra), ";x-google-start-bitrate=%d", local->start_bitrate_kbps);
    sl_sdp_say_codec(text, media, extra);
    sl_sdp_say_fec(text, media->fec, media->fec_pt);
    if (media->rrtr)
        sl_sdp_say(text, "a=rtcp-xr:rcvr-rtt=all\r\n");
    if (local->sends)
        sl_sdp_say_sources(text, media);
}

static void write_rejected(struct sl_sdp_text *text, const struct sl_sdp_section *section)
{
    sl_sdp_say(text, "m=%.*s 0 %.*s %.*s\r\nc=IN IP4 0.0.0.0\r\n", (int)section->kind.len,
               section->kind.at, (int)section->protocol.len, section->protocol.at,
               (int)section->first_format.len, section->first_format.at);
    if (section->mid[0])
        sl_sdp_say(text, "a=mid:%s\r\n", section->mid);
    sl_sdp_say(text, "a=inactive\r\n");
}

static void write_answer(struct sl_sdp_text *text, const struct sl_sdp_document *document,
                         const struct section_choice *choices, const struct sl_sdp_agreed *agreed,
                         const struct sl_sdp_local *local)
{
    sl_sdp_say_session(text, local);
    if (sl_sdp_bundled(document, agreed->media[0].mid)) {
        sl_sdp_say(text, "a=group:BUNDLE");
        for (int i = 0; i < agreed->media_count; i++)
            sl_sdp_say(text, " %s", agreed->media[i].mid);
        sl_sdp_say(text, "\r\n");
    }
    if (document->extmap_allow_mixed)
        sl_sdp_say(text, "a=extmap-allow-mixed\r\n");
    bool first = true;
    for (int i = 0; i < document->section_count; i++) {
        if (choices[i].taken) {
            write_taken(text, &document->sections[i], &choices[i].media, agreed, local, first);
            first = false;
        } else {
            write_rejected(text, &document->sections[i]);
        }
    }
}

int sl_sdp_answer(const char *offer, size_t offer_len, const struct sl_sdp_local *local,
                  struct sl_sdp_agreed *ret, char *answer, size_t size, const char **why)
{
    struct sl_sdp_document document;
    int error = sl_sdp_parse(&document, offer, offer_len, why);
    if (error < 0)
        return error;
    struct section_choice choices[SL_SDP_SECTIONS];
    struct refusals refusals = {0};
    if (choose_sections(choices, &document, local, &refusals) == 0)
        return refusal(&refusals, why);
    struct sl_sdp_agreed agreed = {
        .local = local->transport,
        .local_sends = local->sends,
        .sightline = document.sightline,
    };
    for (int i = 0; i < document.section_count; i++) {
        if (choices[i].taken)
            agreed.media[agreed.media_count++] = choices[i].media;
    }
    error = agree_transport(&agreed, &document, choices, why);
    if (error < 0)
        return error;
    struct sl_sdp_text text = {.start = answer, .size = size};
    write_answer(&text, &document, choices, &agreed, local);
    if (text.failed) {
        *why = "the answer does not fit";
        return -EMSGSIZE;
    }
    *ret = agreed;
    return (int)text.len;
}
