/* SPDX-License-Identifier: MIT */
/*
 * Load: many cameras and many viewers in one process, as real sessions (WHIP, WHEP, ICE, DTLS,
 * SRTP) with a real receiver. Cameras play a clip that was encoded beforehand, at its own pace or
 * faster; viewers count what they get and how long it took. Each side is one thread with one loop.
 *
 *     clip ─▶ cameras' thread ══WHIP══▶ receiver ══WHEP══▶ viewers' thread ─▶ counters, delays
 *
 * The cameras' frames are spread evenly over the time between two frames, so that their bursts do
 * not fall together; until all viewers are connected there are only a few. A key frame that is
 * asked for is the clip's first: the clip begins again.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "bench/clip.h"

struct sl_load_config {
    /* Enrolment links, one a camera, and the viewers' one. */
    const char *const *publish;
    int cameras;
    const char *watch;
    int viewers; /* of each camera; 0: nobody watches from here */
    const struct sl_clip *clip;
    double speed;            /* 1: the clip's own pace */
    int processor;           /* both threads run there; -1: anywhere */
    const atomic_bool *stop; /* set: sl_load_start() gives up, -EINTR; may be NULL */
};

struct sl_load;

/* Connects all, and returns when every camera is live and every viewer has had a packet.
 * 0 or -errno with `why`. */
SL_MUST_CHECK int sl_load_start(struct sl_load **ret, const struct sl_load_config *config,
                                char *why, size_t why_len);
/* The cameras stay and send no further frame. */
void sl_load_rest(struct sl_load *load);
/* Whole frames that this camera has sent; once they rest. */
uint64_t sl_load_frames(const struct sl_load *load, int camera);
void sl_load_stop(struct sl_load *load);

/* Counters since the start: subtract two readings. published == what all cameras sent;
 * wanted == published x viewers; each is received, or lost for good, or still on its way. */
struct sl_load_figures {
    uint64_t published, published_bytes;
    uint64_t received, received_bytes;
    uint64_t lost, repaired;
    uint64_t broken; /* sessions that were live and ended: they count from anew, the rest is void */
    uint64_t late_ticks; /* moments at which a camera was behind its clock by over 10 ms: the load,
                            not the receiver, is at its end */
    sl_ns camera_cpu, viewer_cpu; /* of the two threads */
};

void sl_load_figures(struct sl_load *load, struct sl_load_figures *ret);
struct sl_load_delays {
    size_t count; /* packets: one in 16; if none, the rest is 0 */
    sl_ns p50, p99;
};

/* From the moment at which a camera begins to send a frame to the reading of one of its packets by
 * a viewer, since the last call. 0 or -ENOMEM. */
SL_MUST_CHECK int sl_load_delays(struct sl_load *load, struct sl_load_delays *ret);
