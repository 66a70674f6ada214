/* SPDX-License-Identifier: MIT */
/*
 * RTP payloads back into an H.265 access unit: RFC 7798 without DONL (single NAL units,
 * aggregation packets, fragmentation units). The caller offers the payloads of one unit in order,
 * without a gap; NALs come out in Annex B form, in his buffer. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

struct sl_h265_unpack {
    uint8_t *out; /* caller's */
    size_t size, len;
    bool in_fu;
};

void sl_h265_unpack_begin(struct sl_h265_unpack *unpack, uint8_t *out, size_t size);
/* 0, -EBADMSG or -EMSGSIZE. After an error the unit is worthless. */
SL_MUST_CHECK int sl_h265_unpack_add(struct sl_h265_unpack *unpack, const uint8_t *payload,
                                     size_t len);
/* The length of the unit, or -EBADMSG if a fragmentation unit is unfinished or there is nothing. */
SL_MUST_CHECK int sl_h265_unpack_end(struct sl_h265_unpack *unpack);
