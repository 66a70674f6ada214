/* SPDX-License-Identifier: MIT */
/*
 * RTP packets (RFC 3550 section 5.1) with header extensions in one-byte or
 * two-byte form (RFC 8285): from bytes to a view, and from a view to bytes.
 *
 * A view points into the bytes it was read from. Inside Sightline a packet
 * travels as a view whose seq is extended to 64 bits and whose capture time is
 * already relative to the local clock; numbers of the wire (pt, ssrc, 16-bit
 * seq, extension ids) are put on for each peer as it is written.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

#define SL_RTP_HEADER_BYTES 12
#define SL_RTP_PLAIN_MAX 1150   /* our own packets: UDP payload <= 1200 with RTX, FEC, SRTP */
#define SL_RTP_FOREIGN_MAX 1232 /* relayed packets of others */

struct sl_rtp_packet {
    int64_t seq; /* as read: 0..65535; extended by the receiving session */
    uint32_t timestamp;
    uint32_t ssrc;
    uint8_t pt;
    bool marker;
    bool has_capture; /* abs-capture-time,
                         http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time */
    bool has_capture_offset;
    bool has_playout_delay;
    uint64_t capture_ntp; /* Q32.32 since 1900, on the capturing machine's clock */
    int64_t
        capture_offset; /* Q32.32: capturing clock minus the clock of whoever wrote the packet */
    uint16_t playout_min_10ms, playout_max_10ms; /* 12 bits each, units of 10 ms */
    char mid[16];                                /* "" if absent */
    const uint8_t *payload;
    size_t payload_len; /* padding taken off; 0 for a padding-only probe */
};

/* Extension ids of one peer; 0 means not negotiated. Where ids are asked for, NULL means none. */
struct sl_rtp_extension_ids {
    uint8_t mid;
    uint8_t abs_capture_time;
    uint8_t playout_delay;
};

/* Reads `data`. 0, or -EBADMSG (short, version not 2, CSRC, extension or padding past the end). */
SL_MUST_CHECK int sl_rtp_read(struct sl_rtp_packet *ret, const uint8_t *data, size_t len,
                              const struct sl_rtp_extension_ids *ids);

/*
 * Writes `packet` (seq cut to 16 bits) with the extensions that it has and
 * `ids` names. Returns the length, or -EMSGSIZE if it does not fit `size`.
 * If `rtx_osn` is >= 0 the payload is preceded by it (RFC 4588).
 */
SL_MUST_CHECK int sl_rtp_write(const struct sl_rtp_packet *packet,
                               const struct sl_rtp_extension_ids *ids, int32_t rtx_osn,
                               uint8_t *out, size_t size);

/* True if `data` is RTCP rather than RTP (RFC 5761: byte 1 in 192..223). */
bool sl_rtp_is_rtcp(const uint8_t *data, size_t len);
