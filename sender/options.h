/* SPDX-License-Identifier: MIT */
/* The sender's command line and config file: docs/man/sightline-sender.1.scd. */
#pragma once

#include <stdint.h>

#include "base/address.h"
#include "base/option.h"
#include "sender/overlay.h"
#include "whip/link.h"

struct sl_sender_options {
    /* As given. */
    const char *to, *video;
    struct sl_frame_size size;
    int fps;
    bool loop;
    const char *encoder, *preset;
    int64_t bitrate_bps, min_bitrate_bps;
    int fec_percent; /* SL_FEC_AUTO, 0: off, else fixed */
    sl_ns gop;
    bool motion;
    int motion_sensitivity;
    double motion_min_area;  /* share of the picture */
    const char *motion_mask; /* file, or NULL */
    const char *name, *location, *via_text;
    sl_ns stats;
    const char *trace; /* file, or NULL */
    bool verbose;

    /* Made of it. */
    struct sl_link link;
    struct sl_addr via;
    int retries;       /* -1: forever */
    const char *audio; /* SOURCE of its own; NULL: none */
    bool source_audio; /* the video source's own sound, if it has one */
    struct sl_overlay overlay;
};

extern const struct sl_option_table sl_sender_option_table;

/* -1: go on; else the exit status (one line is on `err`). */
SL_MUST_CHECK int sl_sender_options_parse(struct sl_sender_options *ret, int argc, char **argv,
                                          FILE *out, FILE *err);
