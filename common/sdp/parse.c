/* SPDX-License-Identifier: MIT */
#include "sdp/parse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#define URI_MID "urn:ietf:params:rtp-hdrext:sdes:mid"
#define URI_CAPTURE "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"
#define URI_PLAYOUT "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"

bool sl_sdp_slice_is(struct sl_sdp_slice slice, const char *text)
{
    return slice.len == strlen(text) && memcmp(slice.at, text, slice.len) == 0;
}

bool sl_sdp_slice_like(struct sl_sdp_slice slice, const char *text)
{
    return slice.len == strlen(text) && strncasecmp(slice.at, text, slice.len) == 0;
}

struct sl_sdp_slice sl_sdp_slice_take(struct sl_sdp_slice *rest, char separator)
{
    struct sl_sdp_slice token = *rest;
    const char *end = rest->len ? memchr(rest->at, separator, rest->len) : NULL;
    if (!end) {
        rest->at += rest->len;
        rest->len = 0;
        return token;
    }
    token.len = (size_t)(end - rest->at);
    rest->at += token.len + 1;
    rest->len -= token.len + 1;
    return token;
}

static struct sl_sdp_slice trimmed(struct sl_sdp_slice slice)
{
    while (slice.len && (slice.at[0] == ' ' || slice.at[0] == '\t')) {
        slice.at++;
        slice.len--;
    }
    while (slice.len && (slice.at[slice.len - 1] == ' ' || slice.at[slice.len - 1] == '\t'))
        slice.len--;
    return slice;
}

struct sl_sdp_slice sl_sdp_fmtp_value(struct sl_sdp_slice fmtp, const char *key)
{
    while (fmtp.len) {
        struct sl_sdp_slice value = sl_sdp_slice_take(&fmtp, ';');
        const struct sl_sdp_slice name = sl_sdp_slice_take(&value, '=');
        if (sl_sdp_slice_like(trimmed(name), key))
            return trimmed(value);
    }
    return (struct sl_sdp_slice){0};
}

bool sl_sdp_slice_number(struct sl_sdp_slice slice, uint32_t max, uint32_t *ret)
{
    uint64_t number = 0;
    if (slice.len == 0 || slice.len > 10)
        return false;
    for (size_t i = 0; i < slice.len; i++) {
        if (slice.at[i] < '0' || slice.at[i] > '9')
            return false;
        number = number * 10 + (uint64_t)(slice.at[i] - '0');
    }
    if (number > max)
        return false;
    *ret = (uint32_t)number;
    return true;
}

/* RFC 8866 token, and '/' for protocols: what may be echoed into an answer. */
static bool is_token(struct sl_sdp_slice slice)
{
    for (size_t i = 0; i < slice.len; i++) {
        const char c = slice.at[i];
        if (c <= ' ' || c > '~' || strchr("\"(),:;<=>?@[\\]", c))
            return false;
    }
    return slice.len > 0 && slice.len <= 64;
}

static bool starts(struct sl_sdp_slice *slice, const char *prefix)
{
    const size_t len = strlen(prefix);
    if (slice->len < len || memcmp(slice->at, prefix, len) != 0)
        return false;
    slice->at += len;
    slice->len -= len;
    return true;
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef0123456789ABCDEF";
    const char *found = c ? strchr(digits, c) : NULL;
    return found ? (int)((found - digits) & 15) : -1;
}

/* "sha-256 AB:CD:..."; other hashes are passed over. */
static void read_fingerprint(struct sl_sdp_section *section, struct sl_sdp_slice value)
{
    const struct sl_sdp_slice hash = sl_sdp_slice_take(&value, ' ');
    value = trimmed(value);
    if (!sl_sdp_slice_like(hash, "sha-256") || value.len != SL_FINGERPRINT_BYTES * 3 - 1)
        return;
    uint8_t bytes[SL_FINGERPRINT_BYTES];
    for (size_t i = 0; i < SL_FINGERPRINT_BYTES; i++) {
        const int high = hex_digit(value.at[3 * i]), low = hex_digit(value.at[3 * i + 1]);
        if (high < 0 || low < 0 || (i > 0 && value.at[3 * i - 1] != ':'))
            return;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    memcpy(section->fingerprint, bytes, sizeof(bytes));
    section->has_fingerprint = true;
}

static void read_setup(struct sl_sdp_section *section, struct sl_sdp_slice value)
{
    static const char *const names[] = {"actpass", "active", "passive"};
    for (size_t i = 0; i < SL_COUNT(names); i++) {
        if (sl_sdp_slice_like(value, names[i])) {
            section->setup = (enum sl_sdp_setup)i;
            section->has_setup = true;
        }
    }
}

/* "FOUNDATION 1 udp PRIORITY ADDRESS PORT typ ..."; names (mDNS) and TCP are passed over. */
static void read_candidate(struct sl_sdp_section *section, struct sl_sdp_slice value)
{
    struct sl_sdp_slice part[6];
    for (int i = 0; i < 6; i++)
        part[i] = sl_sdp_slice_take(&value, ' ');
    uint32_t port;
    char host[INET6_ADDRSTRLEN];
    if (!sl_sdp_slice_is(part[1], "1") || !sl_sdp_slice_like(part[2], "udp") ||
        part[4].len >= sizeof(host) || !sl_sdp_slice_number(part[5], 65535, &port) || port == 0 ||
        section->candidate_count == SL_SDP_CANDIDATES)
        return;
    memcpy(host, part[4].at, part[4].len);
    host[part[4].len] = '\0';
    struct sl_addr addr = {0};
    if (inet_pton(AF_INET, host, &addr.in.sin_addr) == 1) {
        addr.in.sin_family = AF_INET;
        addr.in.sin_port = htons((uint16_t)port);
    } else if (inet_pton(AF_INET6, host, &addr.in6.sin6_addr) == 1) {
        addr.in6.sin6_family = AF_INET6;
        addr.in6.sin6_port = htons((uint16_t)port);
    } else {
        return;
    }
    section->candidates[section->candidate_count++] = addr;
}

/* "ID[/direction] URI [attributes]" */
static void read_extmap(struct sl_sdp_section *section, struct sl_sdp_slice value)
{
    struct sl_sdp_slice id_and_direction = sl_sdp_slice_take(&value, ' ');
    const struct sl_sdp_slice uri = sl_sdp_slice_take(&value, ' ');
    uint32_t id;
    if (!sl_sdp_slice_number(sl_sdp_slice_take(&id_and_direction, '/'), 255, &id) || id == 15)
        return; /* 15 ends a one-byte header (RFC 8285 section 4.2) */
    if (sl_sdp_slice_is(uri, URI_MID))
        section->ids.mid = (uint8_t)id;
    else if (sl_sdp_slice_is(uri, URI_CAPTURE))
        section->ids.abs_capture_time = (uint8_t)id;
    else if (sl_sdp_slice_is(uri, URI_PLAYOUT))
        section->ids.playout_delay = (uint8_t)id;
}

static struct sl_sdp_payload *payload_of(struct sl_sdp_section *section, struct sl_sdp_slice *value)
{
    uint32_t pt;
    if (!sl_sdp_slice_number(sl_sdp_slice_take(value, ' '), SL_SDP_PAYLOADS - 1, &pt))
        return NULL;
    return &section->payloads[pt];
}

/* "96 H264/90000", "111 opus/48000/2" */
static void read_rtpmap(struct sl_sdp_section *section, struct sl_sdp_slice value)
{
    struct sl_sdp_payload *payload = payload_of(section, &value);
    if (!payload)
        return;
    value = trimmed(value);
    const struct sl_sdp_slice codec = sl_sdp_slice_take(&value, '/');
    uint32_t clock_hz, channels = 1;
    if (!sl_sdp_slice_number(sl_sdp_slice_take(&value, '/'), 1000000, &clock_hz) ||
        (value.len && !sl_sdp_slice_number(value, 255, &channels)))
        return;
    payload->codec = codec;
    payload->clock_hz = clock_hz;
    payload->channels = channels;
}

static void read_fmtp(struct sl_sdp_section *section, struct sl_sdp_slice value)
{
    struct sl_sdp_payload *payload = payload_of(section, &value);
    if (payload)
        payload->fmtp = value;
}

/* "96 nack pli", "* ccm fir" */
static void read_feedback(struct sl_sdp_section *section, struct sl_sdp_slice value)
{
    struct sl_sdp_feedback *feedback = &section->feedback;
    if (!starts(&value, "* ")) {
        struct sl_sdp_payload *payload = payload_of(section, &value);
        if (!payload)
            return;
        feedback = &payload->feedback;
    }
    value = trimmed(value);
    feedback->nack |= sl_sdp_slice_is(value, "nack");
    feedback->pli |= sl_sdp_slice_is(value, "nack pli");
    feedback->fir |= sl_sdp_slice_is(value, "ccm fir");
    feedback->remb |= sl_sdp_slice_is(value, "goog-remb");
    feedback->ccfb |= sl_sdp_slice_is(value, "ack ccfb");
}

/* "SSRC cname:TEXT": the first SSRC counts, unless an FID group named another. */
static void read_ssrc(struct sl_sdp_section *section, struct sl_sdp_slice value)
{
    uint32_t ssrc;
    if (!sl_sdp_slice_number(sl_sdp_slice_take(&value, ' '), UINT32_MAX, &ssrc))
        return;
    if (section->ssrc == 0)
        section->ssrc = ssrc;
    if (ssrc == section->ssrc && starts(&value, "cname:"))
        section->cname = value;
}

/* "FID MEDIA RTX" or "FEC-FR MEDIA REPAIR", ahead of or after the a=ssrc lines. */
static void read_ssrc_group(struct sl_sdp_section *section, struct sl_sdp_slice value)
{
    const bool fec = starts(&value, "FEC-FR ");
    uint32_t media, other;
    if (!(fec || starts(&value, "FID ")) || (fec ? section->fec_ssrc : section->rtx_ssrc) ||
        !sl_sdp_slice_number(sl_sdp_slice_take(&value, ' '), UINT32_MAX, &media) ||
        !sl_sdp_slice_number(sl_sdp_slice_take(&value, ' '), UINT32_MAX, &other) || media == other)
        return;
    if (fec) {
        section->fec_media = media;
        section->fec_ssrc = other;
    } else {
        section->ssrc = media;
        section->rtx_ssrc = other;
    }
}

static void read_rtcp_xr(struct sl_sdp_section *section, struct sl_sdp_slice value)
{
    while (value.len) {
        struct sl_sdp_slice item = sl_sdp_slice_take(&value, ' ');
        section->rrtr |= sl_sdp_slice_is(sl_sdp_slice_take(&item, '='), "rcvr-rtt");
    }
}

static void read_control(struct sl_sdp_section *section, struct sl_sdp_slice value)
{
    section->control = value;
}

static void read_ufrag(struct sl_sdp_section *section, struct sl_sdp_slice value)
{
    section->ufrag = value;
}

static void read_pwd(struct sl_sdp_section *section, struct sl_sdp_slice value)
{
    section->pwd = value;
}

static const struct {
    const char *name;
    void (*read)(struct sl_sdp_section *section, struct sl_sdp_slice value);
} attributes[] = {
    {"candidate", read_candidate},     {"control", read_control},  {"extmap", read_extmap},
    {"fingerprint", read_fingerprint}, {"fmtp", read_fmtp},        {"ice-pwd", read_pwd},
    {"ice-ufrag", read_ufrag},         {"rtcp-fb", read_feedback}, {"rtcp-xr", read_rtcp_xr},
    {"rtpmap", read_rtpmap},           {"setup", read_setup},      {"ssrc", read_ssrc},
    {"ssrc-group", read_ssrc_group},
};

static bool read_flag(struct sl_sdp_document *document, struct sl_sdp_section *section,
                      struct sl_sdp_slice name)
{
    static const char *const directions[] = {"sendrecv", "sendonly", "recvonly", "inactive"};
    for (size_t i = 0; i < SL_COUNT(directions); i++) {
        if (sl_sdp_slice_is(name, directions[i])) {
            section->direction = (enum sl_sdp_direction)i;
            return true;
        }
    }
    if (sl_sdp_slice_is(name, "rtcp-mux") || sl_sdp_slice_is(name, "rtcp-mux-only"))
        section->rtcp_mux = true;
    else if (sl_sdp_slice_is(name, "rtcp-rsize"))
        section->rtcp_rsize = true;
    else if (sl_sdp_slice_is(name, "bundle-only"))
        section->bundle_only = true;
    else if (sl_sdp_slice_is(name, "ice-lite"))
        document->ice_lite = true;
    else if (sl_sdp_slice_is(name, "extmap-allow-mixed"))
        document->extmap_allow_mixed = true;
    else
        return false;
    return true;
}

/* 0, or -EBADMSG for what must not be guessed at. */
static int read_attribute(struct sl_sdp_document *document, struct sl_sdp_section *section,
                          struct sl_sdp_slice value)
{
    const struct sl_sdp_slice name = sl_sdp_slice_take(&value, ':');
    if (read_flag(document, section, name))
        return 0;
    if (sl_sdp_slice_is(name, "mid")) {
        value = trimmed(value);
        if (!is_token(value) || value.len >= sizeof(section->mid))
            return -EBADMSG;
        memcpy(section->mid, value.at, value.len);
        section->mid[value.len] = '\0';
        return 0;
    }
    if (sl_sdp_slice_is(name, "group")) {
        if (starts(&value, "BUNDLE ") && document->bundle.len == 0)
            document->bundle = value;
        return 0;
    }
    if (sl_sdp_slice_is(name, "tool")) {
        document->sightline |= starts(&value, "sightline");
        return 0;
    }
    for (size_t i = 0; i < SL_COUNT(attributes); i++) {
        if (sl_sdp_slice_is(name, attributes[i].name)) {
            attributes[i].read(section, value);
            return 0;
        }
    }
    return 0;
}

/* "video 9 UDP/TLS/RTP/SAVPF 96 97" */
static int read_media(struct sl_sdp_section *section, struct sl_sdp_slice value)
{
    section->kind = sl_sdp_slice_take(&value, ' ');
    struct sl_sdp_slice port = sl_sdp_slice_take(&value, ' ');
    section->protocol = sl_sdp_slice_take(&value, ' ');
    struct sl_sdp_slice rest = value;
    section->first_format = sl_sdp_slice_take(&rest, ' ');
    if (!is_token(section->kind) || !is_token(section->protocol) ||
        !is_token(section->first_format) ||
        !sl_sdp_slice_number(sl_sdp_slice_take(&port, '/'), 65535, &section->port))
        return -EBADMSG;
    while (value.len) {
        uint32_t pt;
        if (!sl_sdp_slice_number(sl_sdp_slice_take(&value, ' '), SL_SDP_PAYLOADS - 1, &pt) ||
            section->payloads[pt].listed)
            continue;
        section->payloads[pt].listed = true;
        section->formats[section->format_count++] = (uint8_t)pt;
    }
    return 0;
}

static int read_line(struct sl_sdp_document *document, struct sl_sdp_slice line, const char **why)
{
    const char type = line.at[0];
    if (line.len < 2 || line.at[1] != '=' || type < 'a' || type > 'z') {
        *why = "this is not SDP: each line must begin with a letter and \"=\"";
        return -EBADMSG;
    }
    const struct sl_sdp_slice value = {line.at + 2, line.len - 2};
    if (type == 'm') {
        if (document->section_count == SL_SDP_SECTIONS) {
            *why = "the SDP has too many media sections: at most 8";
            return -EBADMSG;
        }
        struct sl_sdp_section *section = &document->sections[document->section_count++];
        *section = document->session;
        *why = "the SDP has a media line that cannot be read";
        return read_media(section, value);
    }
    if (type != 'a')
        return 0;
    struct sl_sdp_section *section = document->section_count > 0
                                         ? &document->sections[document->section_count - 1]
                                         : &document->session;
    *why = "the SDP has an a=mid that is empty, longer than 15 characters or not a token";
    return read_attribute(document, section, value);
}

int sl_sdp_parse(struct sl_sdp_document *ret, const char *text, size_t len, const char **why)
{
    memset(ret, 0, sizeof(*ret));
    *why = "this is not SDP: it does not begin with \"v=0\"";
    if (len < 4 || memcmp(text, "v=0", 3) != 0 || memchr(text, '\0', len))
        return -EBADMSG;
    *why = "the SDP is too long: at most 64 KiB";
    if (len > SL_SDP_MAX_BYTES)
        return -EBADMSG;
    struct sl_sdp_slice rest = {text, len};
    for (int lines = 0; rest.len; lines++) {
        if (lines == SL_SDP_MAX_LINES) {
            *why = "the SDP has too many lines: at most 2000";
            return -EBADMSG;
        }
        struct sl_sdp_slice line = sl_sdp_slice_take(&rest, '\n');
        if (line.len && line.at[line.len - 1] == '\r')
            line.len--;
        if (line.len && read_line(ret, line, why) < 0)
            return -EBADMSG;
    }
    return 0;
}

bool sl_sdp_bundled(const struct sl_sdp_document *document, const char *mid)
{
    struct sl_sdp_slice mids = document->bundle;
    while (mids.len) {
        if (sl_sdp_slice_is(sl_sdp_slice_take(&mids, ' '), mid))
            return true;
    }
    return false;
}
