/* SPDX-License-Identifier: MIT */
/*
 * H.264 profiles as SDP names them: profile-level-id (RFC 6184 section 8.1), which codes one
 * profile in several ways (42e0, 42c0 and 4d80 all are Constrained Baseline), and which decoder
 * can show which stream. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

enum sl_h264_profile {
    SL_H264_CONSTRAINED_BASELINE,
    SL_H264_BASELINE,
    SL_H264_MAIN,
    SL_H264_CONSTRAINED_HIGH,
    SL_H264_HIGH,
    SL_H264_HIGH_444,
};

struct sl_h264_level {
    enum sl_h264_profile profile;
    uint8_t level_idc; /* 31: level 3.1 */
};

/* Six hexadecimal digits. 0; -EBADMSG if they are not; -ENOTSUP for a profile not listed above. */
SL_MUST_CHECK int sl_h264_level_parse(struct sl_h264_level *ret, const char *text, size_t len);

/* True if a decoder for `decoder` can show a stream of profile `stream`. */
bool sl_h264_profile_shows(enum sl_h264_profile decoder, enum sl_h264_profile stream);
