/* SPDX-License-Identifier: MIT */
/*
 * Pipeline: the threads between the sources and the send loop.
 *
 *     capture ──▶ mailbox of 1 ──▶ encode ──▶ ring of access units ──▶ the loop
 *                                     └──▶ sub (sender/sub.h) ───────▶
 *        └─▶ motion ───────────────────────▶ ring of events ─────────▶
 *     audio (+ Opus) ──────────────────────▶ ring of packets ────────▶
 *              live, key frame wanted, gate, bit rate ◀── atomic words ── the loop
 *
 * The newest picture replaces one that the encoder has not begun. While nobody is connected the
 * sources are drained and nothing is encoded; the first picture after that is a key frame. While
 * the gate is shut or the ring of access units is full, pictures are left out before they are
 * encoded, so that nothing refers to them; a full ring of sound drops the newest packet. All of
 * that is counted.
 *
 * create() to destroy() on the loop's thread; so are all other functions here.
 *
 * An encoded source needs no encoder:
 *
 *     capture ──▶ ring of access units ──▶ the loop
 *
 * Its pictures refer to each other already, so that none can be left out alone: with one go all up
 * to the next key frame. That is not done for a gate which is shut only for a moment: the pacer
 * holds what came meanwhile.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/trace.h"
#include "base/types.h"
#include "base/wake.h"
#include "codec/encoder.h"
#include "sender/audio.h"
#include "sender/capture.h"
#include "sender/motion.h"
#include "sender/overlay.h"
#include "sender/preview.h"
#include "sender/sub.h"

struct sl_pipeline;

/* Everything stays the caller's, outlives the pipeline, and belongs to its threads meanwhile. */
struct sl_pipeline_config {
    struct sl_capture *capture;
    struct sl_video_encoder *video; /* NULL if the capture is encoded */
    struct sl_audio *audio;         /* NULL: no sound */
    struct sl_audio_encoder *audio_encoder;
    struct sl_overlay *overlay; /* this, preview, fps, and gop mean nothing to an encoded capture */
    struct sl_preview *preview; /* or NULL */
    struct sl_video_encoder *sub_encoder; /* of the small picture; NULL: there is none */
    struct sl_frame_size sub_size;
    int sub_fps;
    struct sl_motion *motion; /* looks at every picture before anything is drawn into it; or NULL */
    struct sl_halt *halt;     /* the one the sources were opened with; set by destroy */
    int fps;                  /* pictures beyond this rate are left out; 0: none are */
    sl_ns
        gop; /* a key frame at least this often, however slow the source; 0: as the encoder will */
    struct sl_trace *trace; /* or NULL */
};

/* Starts the threads. 0 or -errno. */
SL_MUST_CHECK int sl_pipeline_create(struct sl_pipeline **ret,
                                     const struct sl_pipeline_config *config);
/* Sets the halt, joins the threads. NULL is fine. */
void sl_pipeline_destroy(struct sl_pipeline *pipeline);

/* Signalled when there is something to take, or the end. */
struct sl_wake *sl_pipeline_wake(struct sl_pipeline *pipeline);

/* The oldest access unit, until it is given back; false if there is none. */
bool sl_pipeline_take_video(struct sl_pipeline *pipeline, struct sl_access_unit *ret);
void sl_pipeline_give_back(struct sl_pipeline *pipeline, const struct sl_access_unit *unit);

/* The same of the small picture, made of what the main encoder was given. */
bool sl_pipeline_take_sub(struct sl_pipeline *pipeline, struct sl_access_unit *ret);
void sl_pipeline_give_back_sub(struct sl_pipeline *pipeline, const struct sl_access_unit *unit);

#define SL_OPUS_PACKET_MAX 1100 /* 20 ms at 440 kb/s; fits a datagram */

struct sl_audio_packet {
    sl_ns captured;
    size_t len;
    uint8_t data[SL_OPUS_PACKET_MAX];
};

bool sl_pipeline_take_audio(struct sl_pipeline *pipeline, struct sl_audio_packet *ret);

/* What motion tells, the oldest first; those that find no room are left out: they are repeated. */
bool sl_pipeline_take_event(struct sl_pipeline *pipeline, struct sl_motion_event *ret);

/* Whether the source's device is away, as far as its thread knows. */
bool sl_pipeline_away(const struct sl_pipeline *pipeline);

/* Whether somebody receives. Becoming live asks for a key frame; an encoded source that cannot be
 * asked gives it when it is due. */
void sl_pipeline_set_live(struct sl_pipeline *pipeline, bool live);
void sl_pipeline_request_key(struct sl_pipeline *pipeline);
void sl_pipeline_request_sub_key(struct sl_pipeline *pipeline);

/*
 * The link, as the loop saw it last: pictures that the encoder would begin before `gate` are left
 * out (0: none; SL_NEVER: all, until another is set). Nobody waits for an answer: what the gate is
 * made of changes in turns of the loop only, and each ends with a new one. bitrate_bps 0: as it is.
 */
void sl_pipeline_set_rate(struct sl_pipeline *pipeline, sl_ns gate, int64_t bitrate_bps);

/* True once the video source has ended and all that was made of it has been taken. *error: 0 at
 * the end of input, or the -errno it failed with. */
bool sl_pipeline_ended(const struct sl_pipeline *pipeline, int *error);

/*
 * captured == skipped + replaced + idle + skipped_rate + stalled + failed + keyless + encoded
 *             + in mailbox or encoder
 * encoded == taken + in the ring
 */
struct sl_pipeline_stats {
    uint64_t captured;
    uint64_t skipped;      /* beyond the rate asked for */
    uint64_t replaced;     /* by a newer one in the mailbox */
    uint64_t idle;         /* nobody received */
    uint64_t skipped_rate; /* the gate was shut: the link has enough to do */
    uint64_t stalled;      /* the loop has not taken the units before */
    uint64_t failed;       /* the encoder refused; came encoded, and larger than we take */
    uint64_t keyless;      /* came encoded: of no use before a key frame */
    uint64_t encoded;      /* or came so, and goes on */
    uint64_t taken;
    uint64_t audio_packets, audio_dropped;
};

void sl_pipeline_stats(const struct sl_pipeline *pipeline, struct sl_pipeline_stats *ret);
