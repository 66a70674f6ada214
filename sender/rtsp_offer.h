/* SPDX-License-Identifier: MIT */
/* What an RTSP server has to give: the SDP of its DESCRIBE, and what of it we take. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "sender/rtsp_url.h"

enum sl_rtsp_codec {
    SL_RTSP_NONE, /* no such stream */
    SL_RTSP_H264,
    SL_RTSP_H265,
    SL_RTSP_JPEG,
    SL_RTSP_AAC,
    SL_RTSP_PCMU,
    SL_RTSP_PCMA,
    SL_RTSP_OPUS,
};

/* As FFmpeg writes them: "h264". */
const char *sl_rtsp_codec_name(enum sl_rtsp_codec codec);

struct sl_rtsp_media {
    enum sl_rtsp_codec codec;
    uint8_t pt;
    uint32_t clock_hz;
    int channels;                  /* of sound */
    char control[SL_RTSP_URL_MAX]; /* URL for SETUP */
    char fmtp[2048];
};

struct sl_rtsp_offer {
    struct sl_rtsp_media video, sound;
    char control[SL_RTSP_URL_MAX]; /* URL for PLAY, of all streams together */
    char other_sound[32];          /* if there is no sound that we know: what there is */
};

/* The first H.264 stream, else the first other video that we know; the first sound that we know.
 * `base` is what relative control URLs stand on. 0, or -EBADMSG (not SDP) or -ENOTSUP (no video
 * that we know) with one sentence in `why`. */
SL_MUST_CHECK int sl_rtsp_offer_read(struct sl_rtsp_offer *ret, const char *sdp, size_t len,
                                     const char *base, char *why, size_t why_len);

/* Bytes of base64 (one of a list separated by commas, which `*text` is moved behind) or of
 * hexadecimal digits. The length; 0: nothing there, or it is damaged or too long. */
size_t sl_rtsp_base64(const char **text, uint8_t *out, size_t size);
size_t sl_rtsp_hex(const char *text, uint8_t *out, size_t size);

/* A parameter of fmtp as text ("" if absent or too long), and as a number (`absent` else). */
const char *sl_rtsp_fmtp(const struct sl_rtsp_media *media, const char *key, char *out,
                         size_t size);
uint32_t sl_rtsp_fmtp_number(const struct sl_rtsp_media *media, const char *key, uint32_t absent);
