/* SPDX-License-Identifier: MIT */
/*
 * Bench: what every measuring command is given, and what it gives back.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/option.h"
#include "base/types.h"

struct sl_stage;

struct sl_bench_options {
    sl_ns seconds;    /* of measuring, each figure */
    const char *peer; /* "gstreamer", "ffplay", or NULL */
    bool full;        /* the whole matrix */
    int rounds;       /* how often each figure is measured, with fresh programs */
    int64_t seed;
    const char *json, *report; /* files, or NULL */
    /* One cell in place of the matrix; width, fps, cameras 0: the matrix. */
    struct sl_frame_size size;
    int fps, cameras;
    int64_t bitrate_bps; /* of 1280x720; other sizes by their pixels */
    bool bitrate_given;  /* otherwise that is what is usual */
    const char *preset;
    bool floor, peers_only;
    const char *device; /* "v4l2:/dev/video0", or NULL */
    const char *impair; /* words of `impair` between sender and receiver, blanks between; or NULL */
    struct sl_option_list sender_words, receiver_words, viewer_words;
};

struct sl_bench {
    const struct sl_bench_options *options;
    const atomic_bool *stop; /* set: end early and cleanly, -EINTR */
    bool brief;              /* part of `all`, which has 10 minutes: the cells that matter most */
    struct sl_stage *stage;  /* made by sl_bench_stage() when first wanted */
};

/* 0 or -errno with `why`. */
SL_MUST_CHECK int sl_bench_stage(struct sl_bench *bench, char *why, size_t why_len);

/* A line on stderr, so that long work shows progress: "latency 3/9: 1280x720, 4 cameras". */
void sl_bench_progress(const char *format, ...) SL_PRINTF(1, 2);

/* 0, or -EINTR as soon as `stop` is set; `stop` may be NULL. */
SL_MUST_CHECK int sl_bench_nap(sl_ns length, const atomic_bool *stop);

/* Each measures and gives a result (result.h), also when cells failed: those are in it, with why.
 * 0; -EINTR; -errno with `why` if nothing could be measured at all. What was measured before a stop
 * or a failure may be in `ret`, too: it is then printed and kept; otherwise `ret` is left as it
 * was. */
typedef int sl_bench_run(cJSON **ret, struct sl_bench *bench, char *why, size_t why_len);
sl_bench_run sl_latency_run, sl_fps_run, sl_loss_run, sl_relay_run, sl_wall_run, sl_capture_run,
    sl_record_run;
