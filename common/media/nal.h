/* SPDX-License-Identifier: MIT */
/*
 * NAL units of H.264 (ITU-T H.264 clause 7.3): finding them in Annex B, reading
 * the parts of an SPS, an SEI and a slice header that we need, and rewriting the
 * VUI of an SPS so that no decoder holds a picture back. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

enum {
    SL_NAL_SLICE = 1,
    SL_NAL_IDR = 5,
    SL_NAL_SEI = 6,
    SL_NAL_SPS = 7,
    SL_NAL_PPS = 8,
    SL_NAL_AUD = 9,
    SL_NAL_STAP_A = 24,
    SL_NAL_FU_A = 28
};

struct sl_nal {
    const uint8_t *data; /* first byte is the NAL header */
    size_t len;
};

/* Takes the next NAL from Annex B bytes at *at (3- or 4-byte start codes, trailing zeros cut).
 * False at the end. */
bool sl_nal_next(const uint8_t **at, const uint8_t *end, struct sl_nal *ret);

struct sl_sps {
    uint8_t profile_idc, constraint_flags, level_idc;
    int width, height; /* after cropping */
    int num_ref_frames;
    bool bitstream_restriction;
    int num_reorder_frames, max_dec_frame_buffering;
    bool in_order; /* by what it says, pictures are decoded in the order of display */
};

/* `nal` with its header. 0 or -EBADMSG. */
SL_MUST_CHECK int sl_sps_read(struct sl_sps *ret, const uint8_t *nal, size_t len);

/* Rewrites the SPS: bitstream_restriction_flag=1, num_reorder_frames=0,
 * max_dec_frame_buffering=num_ref_frames. Returns the new length, -EBADMSG or -EMSGSIZE. */
SL_MUST_CHECK int sl_sps_no_reorder(const uint8_t *nal, size_t len, uint8_t *out, size_t size);

/* True if some message of the SEI is a recovery point whose own picture is already right: decoding
 * can begin there as at an IDR. */
bool sl_sei_recovers_here(const uint8_t *nal, size_t len);

/* Of a slice (type 1 or 5): whether it is a B slice, which refers to what is shown later. */
bool sl_slice_is_b(const uint8_t *nal, size_t len);
