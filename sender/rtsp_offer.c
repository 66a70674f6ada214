/* SPDX-License-Identifier: MIT */
#include "sender/rtsp_offer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sdp/parse.h"

/* Payload types of RFC 3551 are known without a=rtpmap; 0xff: those that need one. */
static const struct {
    enum sl_rtsp_codec codec;
    const char *name, *shown;
    bool video;
    uint8_t fixed_pt;
    uint32_t fixed_hz;
} codecs[] = {
    {SL_RTSP_H264, "H264", "h264", true, 0xff, 90000},
    {SL_RTSP_H265, "H265", "hevc", true, 0xff, 90000},
    {SL_RTSP_JPEG, "JPEG", "mjpeg", true, 26, 90000},
    {SL_RTSP_AAC, "MPEG4-GENERIC", "aac", false, 0xff, 0},
    {SL_RTSP_PCMU, "PCMU", "pcm_mulaw", false, 0, 8000},
    {SL_RTSP_PCMA, "PCMA", "pcm_alaw", false, 8, 8000},
    {SL_RTSP_OPUS, "opus", "opus", false, 0xff, 48000},
};

const char *sl_rtsp_codec_name(enum sl_rtsp_codec codec)
{
    for (size_t i = 0; i < SL_COUNT(codecs); i++)
        if (codecs[i].codec == codec)
            return codecs[i].shown;
    return "none";
}

static void copy(char *out, size_t size, struct sl_sdp_slice from)
{
    const size_t len = from.len < size ? from.len : size - 1;
    if (len)
        memcpy(out, from.at, len);
    out[len] = 0;
}

/* RFC 2326 appendix C.1.1, and what cameras make of it: relative URLs are put behind a slash. */
static bool join(char *out, size_t size, const char *base, struct sl_sdp_slice control)
{
    const int part = (int)control.len;
    int len;
    if (control.len == 0 || sl_sdp_slice_is(control, "*"))
        len = snprintf(out, size, "%s", base);
    else if (control.len > 7 && strncasecmp(control.at, "rtsp", 4) == 0)
        len = snprintf(out, size, "%.*s", part, control.at);
    else
        len = snprintf(out, size, "%s%s%.*s", base,
                       *base && base[strlen(base) - 1] == '/' ? "" : "/", part, control.at);
    for (const char *at = out; *at; at++) /* it goes into a request line */
        if ((unsigned char)*at <= ' ')
            return false;
    return len < (int)size;
}

/* What is offered under `pt`, as an index; -1: nothing that we know. */
static int find_codec(const struct sl_sdp_section *section, uint8_t pt, bool video)
{
    const struct sl_sdp_payload *payload = &section->payloads[pt];
    for (size_t i = 0; i < SL_COUNT(codecs); i++) {
        const bool same = payload->codec.len ? sl_sdp_slice_like(payload->codec, codecs[i].name)
                                             : pt == codecs[i].fixed_pt;
        if (same && codecs[i].video == video)
            return (int)i;
    }
    return -1;
}

static bool take(struct sl_rtsp_media *media, const struct sl_sdp_section *section, bool video,
                 const char *base)
{
    for (int i = 0; i < section->format_count; i++) {
        const uint8_t pt = section->formats[i];
        const struct sl_sdp_payload *payload = &section->payloads[pt];
        const int found = find_codec(section, pt, video);
        if (found < 0)
            continue;
        *media = (struct sl_rtsp_media){
            .codec = codecs[found].codec,
            .pt = pt,
            .clock_hz = payload->clock_hz ? payload->clock_hz : codecs[found].fixed_hz,
            .channels = payload->channels ? (int)payload->channels : 1,
        };
        copy(media->fmtp, sizeof(media->fmtp), payload->fmtp);
        return media->clock_hz > 0 &&
               join(media->control, sizeof(media->control), base, section->control);
    }
    return false;
}

static void read_section(struct sl_rtsp_offer *offer, const struct sl_sdp_section *section,
                         const char *base)
{
    struct sl_rtsp_media media;
    const bool video = sl_sdp_slice_is(section->kind, "video");
    if (!video && !sl_sdp_slice_is(section->kind, "audio"))
        return;
    if (!take(&media, section, video, base)) {
        if (!video && section->format_count && !offer->other_sound[0])
            copy(offer->other_sound, sizeof(offer->other_sound),
                 section->payloads[section->formats[0]].codec);
        return;
    }
    struct sl_rtsp_media *place = video ? &offer->video : &offer->sound;
    if (place->codec == SL_RTSP_NONE ||
        (media.codec == SL_RTSP_H264 && place->codec != SL_RTSP_H264))
        *place = media;
}

int sl_rtsp_offer_read(struct sl_rtsp_offer *ret, const char *sdp, size_t len, const char *base,
                       char *why, size_t why_len)
{
    struct sl_rtsp_offer offer = {0};
    const char *wrong = "";
    struct sl_sdp_document *document = malloc(sizeof(*document));
    if (!document) {
        snprintf(why, why_len, "out of memory");
        return -ENOMEM;
    }
    const int error = sl_sdp_parse(document, sdp, len, &wrong);
    for (int i = 0; !error && i < document->section_count; i++)
        read_section(&offer, &document->sections[i], base);
    const bool joined =
        !error && join(offer.control, sizeof(offer.control), base, document->session.control);
    free(document);
    if (!error && !joined) {
        snprintf(why, why_len, "its description has a URL that cannot be sent");
        return -EBADMSG;
    }
    if (error) {
        snprintf(why, why_len, "its description cannot be read: %s", wrong);
        return error;
    }
    if (offer.video.codec == SL_RTSP_NONE) {
        snprintf(why, why_len, "it has no video that can be taken (H.264, H.265 or MJPEG)");
        return -ENOTSUP;
    }
    *ret = offer;
    return 0;
}

/* ---- fmtp ---- */

static int base64_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c ? strchr(digits, c) : NULL;
    return found ? (int)(found - digits) : -1;
}

size_t sl_rtsp_base64(const char **text, uint8_t *out, size_t size)
{
    const char *at = *text;
    const size_t span = strcspn(at, ",");
    size_t len = 0;
    uint32_t bits = 0;
    unsigned count = 0;
    *text = at + span + (at[span] == ',');
    for (const char *end = at + span; at < end && *at != '='; at++) {
        const int digit = base64_digit(*at);
        if (digit < 0 || (count >= 2 && len == size))
            return 0;
        bits = bits << 6 | (uint32_t)digit;
        count += 6;
        if (count >= 8) {
            if (len == size)
                return 0;
            count -= 8;
            out[len++] = (uint8_t)(bits >> count);
        }
    }
    return len;
}

size_t sl_rtsp_hex(const char *text, uint8_t *out, size_t size)
{
    size_t len = 0;
    for (; text[0] && text[1]; text += 2) {
        char pair[] = {text[0], text[1], 0}, *end;
        const unsigned long byte = strtoul(pair, &end, 16);
        if (end != pair + 2 || len == size)
            return 0;
        out[len++] = (uint8_t)byte;
    }
    return len;
}

static struct sl_sdp_slice value_of(const struct sl_rtsp_media *media, const char *key)
{
    return sl_sdp_fmtp_value((struct sl_sdp_slice){media->fmtp, strlen(media->fmtp)}, key);
}

const char *sl_rtsp_fmtp(const struct sl_rtsp_media *media, const char *key, char *out, size_t size)
{
    const struct sl_sdp_slice value = value_of(media, key);
    copy(out, size, value.len < size ? value : (struct sl_sdp_slice){0});
    return out;
}

uint32_t sl_rtsp_fmtp_number(const struct sl_rtsp_media *media, const char *key, uint32_t absent)
{
    uint32_t number;
    return sl_sdp_slice_number(value_of(media, key), 1000000, &number) ? number : absent;
}
