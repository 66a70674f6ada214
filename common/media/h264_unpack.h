/* SPDX-License-Identifier: MIT */
/*
 * RTP payloads back into an H.264 access unit: RFC 6184 modes 0 and 1 (single
 * NAL, STAP-A, FU-A). The caller offers the payloads of ONE access unit in
 * order, without a gap; NALs come out in Annex B form.
 *
 * Pure; writes into the caller's buffer. SPS/PPS seen are remembered, so that
 * a key frame that came without them still gets them in front.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

#define SL_H264_PARAMETER_SET_MAX 256

struct sl_h264_unpack {
    uint8_t *out; /* caller's */
    size_t size;
    size_t len;
    bool in_fu;
    bool key;       /* an IDR slice (or recovery point) is in this unit */
    bool reference; /* some slice has nal_ref_idc != 0 */
    bool has_slice;
    bool has_sps;
    uint8_t sps[SL_H264_PARAMETER_SET_MAX], pps[SL_H264_PARAMETER_SET_MAX]; /* the last seen */
    size_t sps_len, pps_len;
};

/* Starts an access unit into `out`. Keeps the parameter sets. */
void sl_h264_unpack_begin(struct sl_h264_unpack *unpack, uint8_t *out, size_t size);

/* Adds one payload. 0 (a zero-length payload is ignored), -EBADMSG (cut short, wrong type,
 * FU out of order) or -EMSGSIZE (does not fit). After an error the unit is worthless. */
SL_MUST_CHECK int sl_h264_unpack_add(struct sl_h264_unpack *unpack, const uint8_t *payload,
                                     size_t len);

/* Ends it: the length of the unit, or -EBADMSG if an FU is unfinished or there is no slice. */
SL_MUST_CHECK int sl_h264_unpack_end(struct sl_h264_unpack *unpack);

/* What one payload holds, without state: for a relay. */
struct sl_h264_peek {
    bool starts_key; /* first payload of an IDR access unit: SPS, STAP-A with SPS, or the start of
                        an IDR NAL */
    bool idr;        /* any part of an IDR slice or an SPS/PPS */
    bool reference;  /* nal_ref_idc != 0 */
    bool sps;        /* the start of an SPS */
    bool slice;      /* any part of a slice */
    bool idr_slice;  /* any part of an IDR slice */
};
struct sl_h264_peek sl_h264_peek(const uint8_t *payload, size_t len);
