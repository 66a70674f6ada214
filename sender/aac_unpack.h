/* SPDX-License-Identifier: MIT */
/* The AAC frames of one RTP payload: RFC 3640, without interleaving or fragments. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

#define SL_AAC_FRAMES 16 /* in one payload at most */

struct sl_aac_format {
    unsigned size_bits, index_bits, delta_bits; /* sizelength, indexlength, indexdeltalength */
};

struct sl_aac_frame {
    const uint8_t *data;
    size_t len;
};

/* How many frames there are, in order, pointing into `payload`; or -EBADMSG. */
SL_MUST_CHECK int sl_aac_unpack(const struct sl_aac_format *format, const uint8_t *payload,
                                size_t len, struct sl_aac_frame ret[SL_AAC_FRAMES]);
