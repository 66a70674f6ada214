/* SPDX-License-Identifier: MIT */
#include "sdp/h264_profile.h"

#include <errno.h>

#include "base/types.h"

/* A pattern of the constraint flags: bits under `mask` must equal `value`. As WebRTC reads them. */
static const struct {
    uint8_t idc, mask, value;
    enum sl_h264_profile profile;
} patterns[] = {
    {0x42, 0x4f, 0x40, SL_H264_CONSTRAINED_BASELINE},
    {0x4d, 0x8f, 0x80, SL_H264_CONSTRAINED_BASELINE},
    {0x58, 0xcf, 0xc0, SL_H264_CONSTRAINED_BASELINE},
    {0x42, 0x4f, 0x00, SL_H264_BASELINE},
    {0x58, 0xcf, 0x80, SL_H264_BASELINE},
    {0x4d, 0xaf, 0x00, SL_H264_MAIN},
    {0x64, 0xff, 0x00, SL_H264_HIGH},
    {0x64, 0xff, 0x0c, SL_H264_CONSTRAINED_HIGH},
    {0xf4, 0xff, 0x00, SL_H264_HIGH_444},
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int sl_h264_level_parse(struct sl_h264_level *ret, const char *text, size_t len)
{
    uint8_t bytes[3];
    if (len != 6)
        return -EBADMSG;
    for (size_t i = 0; i < 3; i++) {
        const int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return -EBADMSG;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    for (size_t i = 0; i < SL_COUNT(patterns); i++) {
        if (bytes[0] == patterns[i].idc && (bytes[1] & patterns[i].mask) == patterns[i].value) {
            *ret = (struct sl_h264_level){.profile = patterns[i].profile, .level_idc = bytes[2]};
            return 0;
        }
    }
    return -ENOTSUP;
}

bool sl_h264_profile_shows(enum sl_h264_profile decoder, enum sl_h264_profile stream)
{
    switch (stream) {
    case SL_H264_CONSTRAINED_BASELINE:
    case SL_H264_BASELINE: /* nobody encodes what Baseline has beyond it (slice groups) */
        return true;
    case SL_H264_MAIN:
        return decoder == SL_H264_MAIN || decoder == SL_H264_HIGH || decoder == SL_H264_HIGH_444;
    case SL_H264_CONSTRAINED_HIGH:
        return decoder >= SL_H264_CONSTRAINED_HIGH;
    case SL_H264_HIGH:
        return decoder >= SL_H264_HIGH;
    case SL_H264_HIGH_444:
        return decoder == SL_H264_HIGH_444;
    }
    return false;
}
