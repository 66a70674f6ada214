/* SPDX-License-Identifier: MIT */
/*
 * What became of the frames of a received video stream: whole as sent, mended, lost. For the
 * report to the sender (rtp/repair_report.h).
 *
 *     packets ──▶ [ the last frames, by timestamp ] ──when settled──▶ counters
 *
 * A frame is judged when half a second has passed, or 48 newer ones have come: by then what could
 * be repaired is. Numbers missing between two whole frames are one frame lost. Pure; fixed memory.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"

#define SL_FRAMES_HELD 48

/* How a packet came. */
enum sl_frame_packet {
    SL_FRAME_PLAIN,
    SL_FRAME_BY_FEC,
    SL_FRAME_BY_RESEND,
};

struct sl_frame {
    uint32_t timestamp;
    int64_t first, last;
    int64_t count;
    sl_ns began;
    bool ended; /* the marker is here */
    bool by_fec, by_resend, late;
};

/* Zero-initialised is ready. Judged frames: whole + by_fec + by_resend + lost. */
struct sl_frames {
    struct sl_frame list[SL_FRAMES_HELD]; /* in order of time */
    int count;
    bool judged;     /* a frame was; the next two are set */
    uint32_t oldest; /* timestamp of the last judged */
    int64_t end;     /* its last number; -1 if that is not known */
    uint32_t whole, by_fec, by_resend, late, lost;
};

/* Each packet once. `late`: too late to be of use. */
void sl_frames_packet(struct sl_frames *frames, int64_t seq, uint32_t timestamp, bool marker,
                      enum sl_frame_packet how, bool late, sl_ns now);
/* Judges what has settled by `now`. */
void sl_frames_settle(struct sl_frames *frames, sl_ns now);
/* A new stream: what is held is judged, counters go on. */
void sl_frames_restart(struct sl_frames *frames);
