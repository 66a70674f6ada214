/* SPDX-License-Identifier: MIT */
/*
 * Jitter buffer of a video feed: packets in the order of arrival become whole
 * frames in the order of decoding, each with the moment it is due on screen.
 *
 *   put ─▶ [ ring of packets by seq ] ─▶ whole frame? references there? ─▶ pop ─▶ decoder
 *
 * A frame comes out the moment it is whole and every frame it refers to came out before it (all
 * before it, unless what is missing is known to be unreferenced). When wait_max passed, or the
 * ring is full, the buffer drops everything up to the next key frame and says BROKEN once, so that
 * the caller asks for a key frame. A whole key frame behind a hole is taken when it is due, and
 * what is before it dropped. Late frames do come out, marked `late`: they are to be decoded for
 * the sake of the reference chain, and not shown. The first frame out is a key frame.
 *
 * A new SSRC, or a jump of the numbers, is for the caller to notice: it calls reset.
 *
 * Time is an argument. One thread. Memory by create; put and pop copy payload bytes, never
 * allocate.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "rtp/packet.h"

struct sl_jitter;

#define SL_JITTER_AUTO ((sl_ns)-1) /* a delay as jitter/playout.h finds it */

struct sl_jitter_config {
    uint32_t clock_hz;      /* 90000 */
    uint32_t capacity;      /* packets; power of two, <= 32768; 0: 2048 */
    size_t frame_bytes_max; /* 0: 2 MiB */
    sl_ns delay; /* on top of the fastest transit; 0: newest frame wins; or SL_JITTER_AUTO */
    /* How long a frame may wait for a missing packet, 0: 500 ms; and up to twice that while more
     * of it comes at least every 100 ms. */
    sl_ns wait_max;
};

SL_MUST_CHECK int sl_jitter_create(struct sl_jitter **ret, const struct sl_jitter_config *config);
void sl_jitter_destroy(struct sl_jitter *jitter);
/* SL_JITTER_AUTO begins with the delay that was in force. */
void sl_jitter_set_delay(struct sl_jitter *jitter, sl_ns delay);
/* In force, as in the stats. */
sl_ns sl_jitter_delay(const struct sl_jitter *jitter);

enum sl_jitter_put {
    SL_JITTER_KEPT,
    SL_JITTER_DUPLICATE, /* held, or gone before */
    SL_JITTER_LATE,      /* its turn has passed */
    SL_JITTER_AHEAD,     /* no room: beyond the ring, or larger than SL_RTP_FOREIGN_MAX */
};

enum sl_jitter_put sl_jitter_put(struct sl_jitter *jitter, const struct sl_rtp_packet *packet,
                                 sl_ns now);

struct sl_jitter_frame {
    const uint8_t *data; /* Annex B; valid until the next call; followed by 64 zero bytes */
    size_t len;
    uint32_t timestamp;
    bool key;
    bool reference; /* later frames may refer to it */
    bool late;      /* decode, do not show */
    bool has_capture;
    uint64_t capture_ntp; /* on our clock: offset already applied */
    int64_t first_seq, last_seq;
    sl_ns arrived; /* when its last packet came */
    sl_ns due;     /* present at this moment: never before that of the frame before; where the
                      delay in force never was more than 0, not after it arrived */
};

enum sl_jitter_pop {
    SL_JITTER_FRAME,  /* *ret is filled */
    SL_JITTER_BROKEN, /* once per break: a reference is lost for good; ask for a key frame. Also
                         if the stream does not begin with one, or the one awaited is lost */
    SL_JITTER_WAIT,   /* nothing before sl_jitter_due() or the next put */
};

/* Call until WAIT. */
enum sl_jitter_pop sl_jitter_pop(struct sl_jitter *jitter, sl_ns now, struct sl_jitter_frame *ret);
sl_ns sl_jitter_due(const struct sl_jitter *jitter);
/* True from create, reset or BROKEN until a key frame comes out: a request may need repeating. */
bool sl_jitter_needs_key(const struct sl_jitter *jitter);
/* Forgets the stream, keeps memory and counters: a new session. */
void sl_jitter_reset(struct sl_jitter *jitter);

/* packets: offered == released + held + duplicate + late + ahead + dropped
 * frames:  frames_begun == delivered + frames_dropped + frames_held */
struct sl_jitter_stats {
    uint64_t offered, released, duplicate, late, ahead, dropped;
    uint64_t held, frames_begun, frames_held;
    uint64_t delivered, delivered_late, frames_dropped, breaks, keyframes, malformed;
    sl_ns delay;  /* in force */
    sl_ns jitter; /* of arrival, RFC 3550 */
};
void sl_jitter_stats(const struct sl_jitter *jitter, struct sl_jitter_stats *ret);
