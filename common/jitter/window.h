/* SPDX-License-Identifier: MIT */
/*
 * Window: the packets of a video stream from one sequence number on, and the frames that they
 * seem to form.
 *
 *          floor                               floor + capacity
 *     gone │ p p p m │ p _ p m │ p p . . . . . │ ahead          p packet, m with marker, _ missing
 *            frame     frame     frame
 *
 * Packets are grouped by timestamp; whether a group is a whole frame is only known from an edge
 * on (sl_window_whole). It decides nothing: what is waited for and what is given up is jitter's
 * business. Memory by create; put copies the payload. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "rtp/packet.h"

#define SL_WINDOW_FRAMES 256

struct sl_window_slot {
    int64_t seq;
    uint32_t timestamp;
    uint16_t len; /* 0: padding only; such a packet belongs to no frame */
    bool held;    /* else it is gone, or never was */
    bool marker;
    uint32_t place; /* of its bytes, if len */
};

struct sl_window_frame {
    uint32_t timestamp;
    int64_t first, last; /* lowest and highest number seen and not gone */
    int64_t end;         /* with the marker, if has_end */
    int64_t start;       /* where a decoder can start, if has_start */
    bool has_end, has_start;
    bool slice, idr_slice, has_sps; /* some of it was seen */
    bool key_part;                  /* a part of an IDR slice or a parameter set was seen */
    bool unreferenced;              /* a slice says that no frame refers to it */
    bool disordered;                /* a part of it came after what was sent later */
    bool has_capture;
    uint64_t capture_ntp;    /* on our clock */
    sl_ns begun, arrived;    /* first and last arrival */
    int64_t scan_from, scan; /* how far sl_window_whole() got */
};

struct sl_window {
    size_t mask;
    bool started;
    int64_t floor;
    int64_t highest; /* held or gone */
    size_t held;
    size_t frame_count;
    struct sl_window_frame frames[SL_WINDOW_FRAMES]; /* in no order */
    struct sl_window_slot *slots;
    /* The place that was given back last is taken first: as few as are held at a time are in use,
     * and these are in the processor's cache. */
    uint8_t (*payloads)[SL_RTP_FOREIGN_MAX];
    uint32_t *free;
    size_t free_count;
};

/* `capacity`: packets, a power of two. 0 or -ENOMEM. */
SL_MUST_CHECK int sl_window_create(struct sl_window **ret, size_t capacity);
void sl_window_destroy(struct sl_window *window);

enum sl_window_put {
    SL_WINDOW_KEPT,
    SL_WINDOW_KEPT_NEW_FRAME,
    SL_WINDOW_DUPLICATE,
    SL_WINDOW_PASSED,
    SL_WINDOW_NO_ROOM, /* beyond the ring, too many frames, or larger than SL_RTP_FOREIGN_MAX */
};

enum sl_window_put sl_window_put(struct sl_window *window, const struct sl_rtp_packet *packet,
                                 sl_ns now);

/* The packet `seq` if it is held, and its bytes. */
const struct sl_window_slot *sl_window_slot(const struct sl_window *window, int64_t seq);
const uint8_t *sl_window_payload(const struct sl_window *window, int64_t seq);

/* The frame that the held, not empty packet `seq` belongs to, or NULL. */
struct sl_window_frame *sl_window_frame_of(struct sl_window *window, int64_t seq);

/*
 * True if every packet of `frame` from `start` on is held up to its end: its marker, or the packet
 * before the first of another timestamp. `*end` is its last number.
 */
bool sl_window_whole(struct sl_window *window, struct sl_window_frame *frame, int64_t start,
                     int64_t *end);

struct sl_window_gone {
    size_t packets, frames;
};

/* Lets go of all below `floor`. Pointers to frames are void after it. */
struct sl_window_gone sl_window_advance(struct sl_window *window, int64_t floor);

/* As after create; says what it let go of. */
struct sl_window_gone sl_window_clear(struct sl_window *window);
