/* SPDX-License-Identifier: MIT */
/*
 * Latency, between its parts: the cells that were measured, and what is made of them.
 */
#pragma once

#include <cjson/cJSON.h>

#include "base/option.h"
#include "base/types.h"
#include "bench/round.h"

#define SL_LATENCY_ROUNDS_MAX 100
#define SL_LATENCY_CELLS_MAX 32

/* One size, number of cameras and path. */
struct sl_latency_cell {
    struct sl_frame_size size;
    int cameras;
    const struct sl_rig_path *path;
    bool main; /* one of those that are compared with each other */
    int rounds;
    struct sl_round_result *round[SL_LATENCY_ROUNDS_MAX];
    char why[256]; /* the round that failed; empty: none did */
};

struct sl_latency {
    int fps;
    struct sl_latency_cell cell[SL_LATENCY_CELLS_MAX];
    int count;
};

bool sl_latency_is_sightline(const struct sl_latency_cell *cell);
/* "1280x720 x 4 gstreamer-0" */
void sl_latency_label(const struct sl_latency_cell *cell, char *text, size_t size);

/* Of all rounds and cameras of a cell. */
struct sl_latency_summary {
    sl_ns p50, p95, p99, max, freeze;
    double shown_per_s;            /* of a camera */
    uint32_t handed, shown, not_shown, out_of_order, misread;
    double busy;  /* of the machine, 0 to 1 */
    double cores; /* that its programs took */
};

/* 0, -ENODATA (no round succeeded) or -ENOMEM. */
SL_MUST_CHECK int sl_latency_summarize(const struct sl_latency_cell *cell,
                                       struct sl_latency_summary *ret);

void sl_latency_tables(cJSON *result, const struct sl_latency *latency);
void sl_latency_plots(cJSON *result, const struct sl_latency *latency);
