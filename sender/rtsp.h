/* SPDX-License-Identifier: MIT */
/*
 * One RTSP session with a camera (RFC 2326), as a client that plays.
 *
 *     open: connect ─▶ DESCRIBE (401: again, with credentials) ─▶ SETUP, SETUP ─▶ PLAY
 *     read: RTP packets, in order, with the moment they came; keeps the session alive meanwhile
 *
 * libavformat would do this too, but hands on H.264 either in pieces, without the RTP marker that
 * says where a picture ends, or through a parser that waits for the next picture: a frame of delay,
 * 100 ms at 10 frames per second (measured). Here the marker, the timestamp and each loss are seen.
 *
 * Blocks in the calling thread, never beyond a deadline or the halt, but for the system's resolver.
 * One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "rtp/packet.h"
#include "sdp/sdp.h"
#include "sender/halt.h"
#include "sender/rtsp_offer.h"
#include "sender/rtsp_url.h"

enum sl_rtsp_transport {
    SL_RTSP_TCP,  /* within the connection: nothing is lost, firewalls let it through */
    SL_RTSP_UDP,  /* what is lost is lost */
    SL_RTSP_AUTO, /* TCP, or UDP where the camera refuses that */
};

struct sl_rtsp_config {
    const struct sl_rtsp_url *url;
    enum sl_rtsp_transport transport;
    bool sound;                 /* wanted, if there is some */
    const struct sl_halt *halt; /* all outlive the session */
};

struct sl_rtsp;

/* Until the camera plays or 5 s are over. 0 or -errno with one sentence in `why`; -ECANCELED. */
SL_MUST_CHECK int sl_rtsp_open(struct sl_rtsp **ret, const struct sl_rtsp_config *config, char *why,
                               size_t why_len);
/* Says goodbye without waiting for an answer. NULL is fine. */
void sl_rtsp_close(struct sl_rtsp *rtsp);

/* What plays: sound.codec is SL_RTSP_NONE if there is none or it is not wanted. */
const struct sl_rtsp_offer *sl_rtsp_offer(const struct sl_rtsp *rtsp);

struct sl_rtsp_packet {
    enum sl_media_kind kind;
    bool gap;                 /* something before it is lost */
    struct sl_rtp_packet rtp; /* points into the session, until the next call */
    bool report; /* it is a sender report: report_ntp (Q32.32) is when rtp.timestamp was */
    uint64_t report_ntp;
    sl_ns arrival;
};

/* 1: a packet. 0: `deadline` has passed. -ECANCELED; -errno with one sentence in `why`: it is over.
 */
SL_MUST_CHECK int sl_rtsp_read(struct sl_rtsp *rtsp, sl_ns deadline, struct sl_rtsp_packet *ret,
                               char *why, size_t why_len);
