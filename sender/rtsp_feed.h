/* SPDX-License-Identifier: MIT */
/*
 * Pictures and sound of a camera by RTSP, still encoded, for as long as it takes.
 *
 *     RTP ──▶ access units ──▶ next()
 *         └─▶ sound, decoded ──▶ the queue it was opened with
 *
 * A camera that is silent for 2 s, or ends the session, is connected to again, after 100 ms at
 * first and 2 s at most, for ever; that is said on stderr when it begins and when it ends. A unit
 * of which something is missing is left out, and the next is marked. One thread.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "sender/rtsp.h"

struct sl_audio;
struct sl_rtsp_feed;

struct sl_rtsp_feed_config {
    const char *source; /* as it may be shown */
    struct sl_rtsp_url url;
    enum sl_rtsp_transport transport;
    bool sound;
    const struct sl_halt *halt; /* outlives the feed, as `source` does */
    atomic_bool *away;          /* set when the camera is lost; left to the owner to clear */
};

/* Connects, once. 0, -ECANCELED, or -errno with one sentence in `why`. */
SL_MUST_CHECK int sl_rtsp_feed_open(struct sl_rtsp_feed **ret,
                                    const struct sl_rtsp_feed_config *config, char *why,
                                    size_t why_len);
/* NULL is fine. */
void sl_rtsp_feed_close(struct sl_rtsp_feed *feed);

const struct sl_rtsp_media *sl_rtsp_feed_video(const struct sl_rtsp_feed *feed);
/* The sound as a source, the caller's from now on; NULL: there is none. */
struct sl_audio *sl_rtsp_feed_take_sound(struct sl_rtsp_feed *feed);

#define SL_RTSP_UNIT_MAX (4 << 20)

struct sl_rtsp_unit {
    uint8_t *data; /* until the next call; 64 zero bytes follow */
    size_t len;
    uint32_t timestamp; /* as it came */
    sl_ns captured;
    bool gap; /* something before it is missing */
};

/* 1: a unit. 0: `until` has passed. -ECANCELED. */
SL_MUST_CHECK int sl_rtsp_feed_next(struct sl_rtsp_feed *feed, sl_ns until,
                                    struct sl_rtsp_unit *ret);
