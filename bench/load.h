/* SPDX-License-Identifier: MIT */
/*
 * Load: many cameras and many viewers in one process, as real sessions (WHIP, WHEP, ICE, DTLS,
 * SRTP) with a real receiver. Cameras play a clip that was encoded beforehand, at its own pace or
 * faster; viewers count what they get and how long it took. Each side is one thread with one loop.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

/* An encoded clip that repeats without a break: it begins with a key frame. */
struct sl_clip;

/* Films the bench's scene. 0 or -errno. */
SL_MUST_CHECK int sl_clip_create(struct sl_clip **ret, int width, int height, int fps,
                                 int64_t bitrate_bps, int frames, uint64_t seed);
void sl_clip_destroy(struct sl_clip *clip);

struct sl_load_config {
    /* Enrolment links, one a camera, and the viewers' one. */
    const char *const *publish;
    int cameras;
    const char *watch;
    int viewers; /* of each camera; 0: nobody watches from here */
    const struct sl_clip *clip;
    double speed;  /* 1: the clip's own pace */
    int processor; /* both threads run there; -1: anywhere */
};

struct sl_load;

/* Connects all, and returns when every camera is live and every viewer has had a packet.
 * 0 or -errno with `why`. */
SL_MUST_CHECK int sl_load_start(struct sl_load **ret, const struct sl_load_config *config,
                                char *why, size_t why_len);
void sl_load_stop(struct sl_load *load);

/* Counters since the start: subtract two readings. published == what all cameras sent;
 * wanted == published x viewers; each is received, or lost for good, or still on its way. */
struct sl_load_figures {
    uint64_t published, published_bytes;
    uint64_t received, received_bytes;
    uint64_t lost, repaired;
    uint64_t late_ticks; /* moments at which a camera was behind its clock by over 10 ms: the load,
                            not the receiver, is at its end */
    sl_ns camera_cpu, viewer_cpu; /* of the two threads */
};

void sl_load_figures(struct sl_load *load, struct sl_load_figures *ret);
/* Times from a packet's leaving the camera to its reading by the viewer since the last call:
 * a sample of them, free(); `count` may be 0. */
SL_MUST_CHECK int sl_load_delays(struct sl_load *load, sl_ns **ret, size_t *count);
