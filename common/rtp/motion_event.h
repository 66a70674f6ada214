/* SPDX-License-Identifier: MIT */
/*
 * Motion event: that something moves before a camera, told by its sender, and passed on by a
 * receiver to viewers, in an RTCP APP packet named "SLEV" (RFC 3550 section 6.7), subtype 0. Words
 * of 32 bits, big-endian:
 *
 *     event | state (8 bits), 0 (8), score (16) | start (NTP, 2 words) | last (NTP, 2 words)
 *     18 rows of the map, the highest bit is the leftmost of 32 cells
 *
 * Each packet tells all of an event as it is, so a lost one costs nothing but the time to the next:
 * they are repeated while it goes on, and after its end. A longer packet is read up to here. Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/types.h"
#include "rtp/motion_map.h"

#define SL_MOTION_EVENT_NAME 0x534c4556u /* "SLEV" */

enum sl_motion_state { SL_MOTION_GOES_ON = 1, SL_MOTION_ENDED = 2 };

struct sl_motion_event {
    uint32_t id; /* one more with each event of a sender; where it begins is random */
    enum sl_motion_state state;
    uint16_t score;           /* the largest share of the picture that moved so far, in 1/65535 */
    uint64_t start_ntp;       /* when it was seen first */
    uint64_t last_ntp;        /* when it was seen last; of one that has ended: its end */
    struct sl_motion_map map; /* as of now; empty where nothing moves just now */
};

static inline double sl_motion_percent(uint16_t score)
{
    return 100.0 * score / 65535;
}

/* Appends the APP packet. */
void sl_motion_event_write(const struct sl_motion_event *event, uint32_t sender_ssrc,
                           struct sl_writer *w);

/* Reads what follows the name (SL_RTCP_APP's data): 0, or -EBADMSG if it is too short, of no known
 * state, or ends before it begins. */
SL_MUST_CHECK int sl_motion_event_read(const uint8_t *data, size_t len,
                                       struct sl_motion_event *ret);
