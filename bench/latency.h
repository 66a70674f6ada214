/* SPDX-License-Identifier: MIT */
/*
 * `sightline-bench latency`: the age of each frame when it appears on the screen, for Sightline
 * and for what one would use instead, in turns in one run.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "base/option.h"
#include "base/types.h"

struct sl_latency_options {
    sl_ns seconds;
    struct sl_frame_size size;
    int fps;
    int64_t bitrate_bps;
    const char *preset;
    const char *peer; /* "gstreamer", or NULL */
    bool floor;
    bool peers_only;
    int rounds;
    const char *json; /* file, or NULL */
    struct sl_option_list sender_words, receiver_words, viewer_words;
};

/* For the option table: whole seconds into `seconds`. */
int sl_latency_parse_seconds(void *options, const char *text, char *wanted, size_t wanted_len);

/* Ends early, and cleanly, when `stop` is set. The process's exit status. */
int sl_latency_main(const struct sl_latency_options *options, const atomic_bool *stop);
