/* SPDX-License-Identifier: MIT */
/*
 * H.264 into RTP payloads: RFC 6184, packetization mode 1.
 *
 *     access unit (Annex B) ──▶ STAP-A(SPS, PPS), single NALs, FU-A ──▶ one callback per payload
 *
 * All payloads of one NAL are cut to nearly equal size: GSO and parity want it.
 * The marker belongs on the access unit's last payload only. SEI and AUD NALs
 * are left out. Does not allocate. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

/* `payload` lives until the callback returns. `last`: carries the marker. */
typedef void sl_h264_pack_fn(void *ctx, const uint8_t *payload, size_t len, bool last);

/*
 * Packs the access unit in Annex B form. `payload_max` >= 64. Returns the number of payloads,
 * -EBADMSG (no NAL found) or -EINVAL.
 */
SL_MUST_CHECK int sl_h264_pack(const uint8_t *annexb, size_t len, size_t payload_max,
                               sl_h264_pack_fn *emit, void *ctx);
