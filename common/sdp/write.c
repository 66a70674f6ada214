/* SPDX-License-Identifier: MIT */
#include "sdp/write.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "sdp/agree.h"

void sl_sdp_say(struct sl_sdp_text *text, const char *format, ...)
{
    if (text->failed)
        return;
    va_list args;
    va_start(args, format);
    const int len = vsnprintf(text->start + text->len, text->size - text->len, format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= text->size - text->len)
        text->failed = true;
    else
        text->len += (size_t)len;
}

void sl_sdp_say_session(struct sl_sdp_text *text, const struct sl_sdp_local *local)
{
    /* The id must fit a signed 64-bit number (RFC 8829 section 5.2.1). */
    sl_sdp_say(text, "v=0\r\no=- %" PRIu64 " 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n",
               local->session_id & INT64_MAX);
    sl_sdp_say(text, "a=tool:sightline\r\n");
    if (local->transport.ice_lite)
        sl_sdp_say(text, "a=ice-lite\r\n");
}

static void say_candidates(struct sl_sdp_text *text, const struct sl_sdp_transport *transport)
{
    for (int i = 0; i < transport->candidate_count; i++) {
        const struct sl_addr *addr = &transport->candidates[i];
        const bool six = addr->sa.sa_family == AF_INET6;
        char host[INET6_ADDRSTRLEN] = "";
        const void *bytes = six ? (const void *)&addr->in6.sin6_addr : &addr->in.sin_addr;
        if (!inet_ntop(six ? AF_INET6 : AF_INET, bytes, host, sizeof(host)))
            continue;
        /* RFC 8445 section 5.1.2.1: type preference of hosts 126, ours in the order given. */
        const uint32_t priority = (126u << 24) | ((65535u - (uint32_t)i) << 8) | 255u;
        sl_sdp_say(text, "a=candidate:%d 1 udp %" PRIu32 " %s %u typ host\r\n", i + 1, priority,
                   host, ntohs(six ? addr->in6.sin6_port : addr->in.sin_port));
    }
    if (transport->candidate_count > 0)
        sl_sdp_say(text, "a=end-of-candidates\r\n");
}

void sl_sdp_say_transport(struct sl_sdp_text *text, const struct sl_sdp_transport *transport,
                          bool candidates)
{
    static const char *const setups[] = {"actpass", "active", "passive"};
    sl_sdp_say(text, "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\n", transport->ufrag, transport->pwd);
    sl_sdp_say(text, "a=fingerprint:sha-256 ");
    for (int i = 0; i < SL_FINGERPRINT_BYTES; i++)
        sl_sdp_say(text, i ? ":%02X" : "%02X", transport->fingerprint[i]);
    sl_sdp_say(text, "\r\na=setup:%s\r\n", setups[transport->setup]);
    if (candidates)
        say_candidates(text, transport);
}

void sl_sdp_say_extensions(struct sl_sdp_text *text, const struct sl_rtp_extension_ids *ids)
{
    const struct {
        uint8_t id;
        const char *uri;
    } extensions[] = {
        {ids->mid, "urn:ietf:params:rtp-hdrext:sdes:mid"},
        {ids->abs_capture_time, "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"},
        {ids->playout_delay, "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"},
    };
    for (size_t i = 0; i < SL_COUNT(extensions); i++) {
        if (extensions[i].id)
            sl_sdp_say(text, "a=extmap:%u %s\r\n", extensions[i].id, extensions[i].uri);
    }
}

static void say_format(struct sl_sdp_text *text, const struct sl_sdp_media *media,
                       const char *extra)
{
    if (media->kind == SL_AUDIO) {
        sl_sdp_say(text, "a=rtpmap:%u opus/48000/2\r\n", media->pt);
        sl_sdp_say(text, "a=fmtp:%u useinbandfec=1;stereo=1%s\r\n", media->pt, extra);
        return;
    }
    sl_sdp_say(text, "a=rtpmap:%u H264/90000\r\n", media->pt);
    sl_sdp_say(text, "a=fmtp:%u level-asymmetry-allowed=1;packetization-mode=1", media->pt);
    if (media->h264_profile[0])
        sl_sdp_say(text, ";profile-level-id=%s", media->h264_profile);
    sl_sdp_say(text, "%s\r\n", extra);
}

void sl_sdp_say_codec(struct sl_sdp_text *text, const struct sl_sdp_media *media, const char *extra)
{
    say_format(text, media, extra);
    if (media->nack)
        sl_sdp_say(text, "a=rtcp-fb:%u nack\r\n", media->pt);
    if (media->pli)
        sl_sdp_say(text, "a=rtcp-fb:%u nack pli\r\n", media->pt);
    if (media->fir)
        sl_sdp_say(text, "a=rtcp-fb:%u ccm fir\r\n", media->pt);
    if (media->remb)
        sl_sdp_say(text, "a=rtcp-fb:%u goog-remb\r\n", media->pt);
    if (media->ccfb)
        sl_sdp_say(text, "a=rtcp-fb:%u ack ccfb\r\n", media->pt);
    if (media->rtx_pt) {
        sl_sdp_say(text, "a=rtpmap:%u rtx/%" PRIu32 "\r\n", media->rtx_pt, media->clock_hz);
        sl_sdp_say(text, "a=fmtp:%u apt=%u\r\n", media->rtx_pt, media->pt);
    }
}

void sl_sdp_say_fec(struct sl_sdp_text *text, enum sl_sdp_fec fec, uint8_t pt)
{
    if (fec == SL_SDP_FEC_NONE)
        return;
    sl_sdp_say(text, "a=rtpmap:%u %s/90000\r\n", pt, sl_sdp_fec_name(fec));
    sl_sdp_say(text, "a=fmtp:%u repair-window=10000000\r\n", pt); /* microseconds */
}

/* Sound and picture are streams of their own: in one stream a browser delays the picture until it
 * fits the sound. */
void sl_sdp_say_sources(struct sl_sdp_text *text, const struct sl_sdp_media *media)
{
    static const char *const names[] = {
        [SL_VIDEO] = "video", [SL_AUDIO] = "audio", [SL_VIDEO_SUB] = "sub"};
    const char *name = names[media->kind];
    const char *cname = media->cname[0] ? media->cname : "sightline";
    sl_sdp_say(text, "a=msid:sightline-%s %s\r\n", name, name);
    if (media->ssrc && media->rtx_ssrc)
        sl_sdp_say(text, "a=ssrc-group:FID %" PRIu32 " %" PRIu32 "\r\n", media->ssrc,
                   media->rtx_ssrc);
    /* Without this group Chromium ignores FEC, and the video dies. */
    if (media->ssrc && media->fec_ssrc)
        sl_sdp_say(text, "a=ssrc-group:FEC-FR %" PRIu32 " %" PRIu32 "\r\n", media->ssrc,
                   media->fec_ssrc);
    const uint32_t sources[] = {media->ssrc, media->rtx_ssrc, media->fec_ssrc};
    for (size_t i = 0; i < SL_COUNT(sources); i++) {
        if (!sources[i])
            continue;
        sl_sdp_say(text, "a=ssrc:%" PRIu32 " cname:%s\r\n", sources[i], cname);
        sl_sdp_say(text, "a=ssrc:%" PRIu32 " msid:sightline-%s %s\r\n", sources[i], name, name);
    }
}
