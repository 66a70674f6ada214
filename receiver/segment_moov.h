/* SPDX-License-Identifier: MIT */
/*
 * Segment moov: the head of a recording, ftyp and moov, by libavformat's muxer: what its tracks
 * are, and the metadata that the catalogue is rebuilt from. The fragments behind it are
 * segment_fragment's. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "receiver/segment.h"
#include "receiver/segment_avc.h"

#define SL_SEGMENT_VIDEO_HZ 90000

/* `channels`: of the sound, 1 or 2; 0: there is none. 0 and bytes that the caller frees; -ENOMEM,
 * -EIO. */
SL_MUST_CHECK int sl_segment_moov_make(uint8_t **ret, size_t *ret_len,
                                       const struct sl_segment_meta *meta,
                                       const struct sl_segment_params *params, int channels);
