/* SPDX-License-Identifier: MIT */
/*
 * Export AVC: the parameter sets of an export that begins with pictures made anew (ISO/IEC 14496-15
 * clause 5.3.3.1, "avcC"). Those get ids of their own, so that both kinds of picture find theirs in
 * one head and nothing in the camera's own units has to change. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

/* What an encoder has to be told to make pictures of the same kind. */
struct sl_export_avc {
    int profile_idc, constraint_flags, level_idc; /* of the first SPS */
    int references;
    int free_id; /* of a further SPS and PPS: in use by neither here */
};

/* 0, or -EBADMSG; -ENOSPC: all ids are in use. */
SL_MUST_CHECK int sl_export_avc_read(struct sl_export_avc *ret, const uint8_t *avcc, size_t len);

/* Writes `avcc` with the parameter sets in `sets` (Annex B) added to `out`. Length, -EBADMSG or
 * -EMSGSIZE. */
SL_MUST_CHECK int sl_export_avc_merge(uint8_t *out, size_t size, const uint8_t *avcc, size_t len,
                                      const uint8_t *sets, size_t sets_len);

/* Of a unit with 4-byte lengths: whether it is an IDR, at which the parameter sets may change. */
bool sl_export_avc_idr(const uint8_t *unit, size_t len);
