/* SPDX-License-Identifier: MIT */
/*
 * Stream: a camera's packets over an unkind path into a jitter buffer, and what a viewer would show
 * of them, in virtual time.
 *
 *   frames by a clock of its own ─▶ path: rate, loss and resends, jitter, stalls ─▶ sl_jitter ─▶
 * shown
 *
 * Made for long runs: packets are pointers to a few templates. A frame that is not late is on
 * screen when it is due, at once if that has passed, unless the next one is there too. The same
 * seed gives the same run.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "base/types.h"
#include "jitter/jitter.h"

#define SIM_STREAM_FLYING 32768

/* May be changed while the stream runs. */
struct sim_path {
    sl_ns delay;
    sl_ns jitter;     /* uniform in 0..jitter on top, of each packet */
    bool ordered;     /* no packet overtakes another, but for resends */
    double loss;      /* of each packet; it is sent again ... */
    sl_ns resent;     /* ... so much later, until it gets through */
    uint64_t bps;     /* 0: no limit */
    double stalls;    /* a second, at random moments: nothing arrives for a while, then all */
    sl_ns stall_max;  /* uniform in 0..stall_max */
    sl_ns held_until; /* what is sent before arrives then, at once */
    sl_ns gone_until; /* what is sent before is lost for good */
};

struct sim_camera {
    int fps;
    double ppm;      /* how much too fast its clock runs */
    int packets;     /* of a frame */
    int key_packets; /* of a key frame */
    int key_every;   /* frames */
    size_t packet_bytes;
    bool off; /* no frames, while its clock goes on */
};

struct sim_seen {
    sl_ns sent, ready, due, shown; /* shown: SL_NEVER if it never was */
    sl_ns delay;                   /* in force */
    bool key;
};

struct sim_stream;

struct sim_stream *sim_stream_create(uint64_t seed, const struct sim_camera *camera,
                                     const struct sim_path *path, sl_ns delay);
void sim_stream_destroy(struct sim_stream *stream);
struct sim_camera *sim_stream_camera(struct sim_stream *stream);
struct sim_path *sim_stream_path(struct sim_stream *stream);
struct sl_jitter *sim_stream_jitter(struct sim_stream *stream);
sl_ns sim_stream_now(const struct sim_stream *stream);
/* The timestamps go on from elsewhere. */
void sim_stream_jump(struct sim_stream *stream, int32_t ticks);
/* Called for every frame that came out, one frame later. */
void sim_stream_watch(struct sim_stream *stream, void (*seen)(void *ctx, const struct sim_seen *),
                      void *ctx);
void sim_stream_run(struct sim_stream *stream, sl_ns span);
/* Frames sent up to now. */
int64_t sim_stream_sent(const struct sim_stream *stream);
