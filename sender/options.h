/* SPDX-License-Identifier: MIT */
/* The sender's command line and config file: docs/man/sightline-sender.1.scd. */
#pragma once

#include <stdint.h>

#include "base/address.h"
#include "base/option.h"
#include "sender/capture.h"
#include "sender/overlay.h"
#include "sender/rtsp.h"
#include "whip/link.h"

struct sl_sender_options {
    /* As given. */
    const char *to, *video; /* video: as given, or in video_text */
    enum sl_rtsp_transport rtsp_transport;
    struct sl_frame_size size;
    int fps;
    bool loop;
    const char *format;
    bool list_devices, json;
    const char *encoder, *preset;
    int64_t bitrate_bps, min_bitrate_bps;
    struct { /* the small picture; 0x0: none */
        struct sl_frame_size size;
        int fps;
        int64_t bitrate_bps;
    } sub;
    int fec_percent; /* SL_FEC_AUTO, 0: off, else fixed */
    sl_ns gop;
    bool motion;
    int motion_sensitivity;
    double motion_min_area;  /* share of the picture */
    const char *motion_mask; /* file, or NULL */
    const char *name, *location, *via_text;
    sl_ns stats;
    const char *trace; /* file, or NULL */
    bool preview, verbose;

    /* Made of it. */
    char video_text[4096];             /* what @FILE holds; what is overwritten in argv */
    char video_shown[SL_RTSP_URL_MAX]; /* without a password */
    struct sl_link link;
    struct sl_addr via;
    int retries;       /* -1: forever */
    const char *audio; /* SOURCE of its own; NULL: none */
    bool source_audio; /* the video source's own sound, if it has one */
    struct sl_overlay overlay;
};

extern const struct sl_option_table sl_sender_option_table;

/* -1: go on; else the exit status (one line is on `err`). A password in --video is overwritten in
 * argv, so that the list of processes does not show it. */
SL_MUST_CHECK int sl_sender_options_parse(struct sl_sender_options *ret, int argc, char **argv,
                                          FILE *out, FILE *err);

/* Whether more is wanted of the pictures than the H.264 that a camera may give by itself: motion, a
 * text in them, a second size, a preview, or an encoder that was named. */
bool sl_sender_options_want_pictures(const struct sl_sender_options *sender);

/* Which options were given that have no meaning for video that comes encoded, as a list for a
 * person: "--size, --burn"; "" if none. Their defaults do not count, nor what the source heeds.
 * Returns `out`. */
const char *sl_sender_options_unused(const struct sl_sender_options *sender,
                                     const struct sl_capture_heeds *heeds, char *out, size_t size);
