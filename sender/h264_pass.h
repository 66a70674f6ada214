/* SPDX-License-Identifier: MIT */
/*
 * H.264 that others encoded, made fit to be sent on as it is.
 *
 *     access unit ──▶ [AUD] SPS PPS (in front of a key frame) ──▶ all other NALs, unchanged
 *     (Annex B)              SPS says that nothing is reordered
 *
 * Decoders hold pictures back for as long as the SPS lets them expect others in between; a camera
 * that sends no B slices mostly does not say so, which costs a frame or more. Where a camera gives
 * its parameter sets once, or apart from its pictures, they are remembered, and repeated with each
 * key frame: whoever begins to watch begins there.
 *
 * Pure; memory is taken by create. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "media/nal.h"

struct sl_h264_pass;

/* For units of at most `unit_max` bytes. 0 or -ENOMEM. */
SL_MUST_CHECK int sl_h264_pass_create(struct sl_h264_pass **ret, size_t unit_max);
/* NULL is fine. */
void sl_h264_pass_destroy(struct sl_h264_pass *pass);

/* An SPS or PPS that came beside the stream (SDP); anything else is ignored. */
void sl_h264_pass_set(struct sl_h264_pass *pass, const uint8_t *nal, size_t len);

struct sl_h264_passed {
    const uint8_t *data; /* the input itself, or ours until the next call */
    size_t len;
    bool key;       /* decoding can begin here: an IDR or a recovery point, with its sets */
    bool reordered; /* a B slice, which the SPS does not rule out to need reordering */
};

/* 0; -ENODATA: no slice is in it, but what else there was is remembered; -EMSGSIZE. */
SL_MUST_CHECK int sl_h264_pass_unit(struct sl_h264_pass *pass, const uint8_t *data, size_t len,
                                    struct sl_h264_passed *ret);

/* The newest SPS, as it came; NULL before the first that can be read. */
const struct sl_sps *sl_h264_pass_sps(const struct sl_h264_pass *pass);

/* profile-level-id (RFC 6184 section 8.1) of an SPS, as the receiver knows it. 0, or -ENOTSUP for
 * profiles that hardly anybody shows (more than 8 bits or another format than 4:2:0). */
SL_MUST_CHECK int sl_h264_pass_profile(const struct sl_sps *sps, char ret[7]);
