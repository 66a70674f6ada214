/* SPDX-License-Identifier: MIT */
/*
 * Segment AVC: access units of H.264 taken apart for an MP4 (ISO/IEC 14496-15, "avc1"), which has
 * parameter sets in its head and not in its samples. Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

#define SL_SEGMENT_PARAMS_BYTES 960 /* an avcC with them stays below SL_SEGMENT_CONFIG_BYTES */

/* All parameter sets of a key frame, in their order, each once, as Annex B. */
struct sl_segment_params {
    uint8_t data[SL_SEGMENT_PARAMS_BYTES];
    size_t len;
    int width, height;
};

/* 0, -ENODATA (not both an SPS and a PPS), -EMSGSIZE, -EBADMSG (an SPS that cannot be read). */
SL_MUST_CHECK int sl_segment_params_read(struct sl_segment_params *ret, const uint8_t *unit,
                                         size_t len);

/* Writes the unit without delimiters and what is in `params` as a sample, each NAL unit behind its
 * length in 4 bytes, to `out`, which has room for sl_segment_avc_room(len). Its length; 0 if
 * nothing is left. */
size_t sl_segment_avc_sample(uint8_t *out, const struct sl_segment_params *params,
                             const uint8_t *unit, size_t len);
size_t sl_segment_avc_room(size_t len);
