/* SPDX-License-Identifier: MIT */
/*
 * Loss, what is measured: links (cells) by paths, and what each showed. Filled by loss.c, told by
 * loss_tell.c.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "bench/bench.h"
#include "bench/loss_figures.h"
#include "bench/rig.h"

#define SL_LOSS_USUAL_RTT 40   /* ms */
#define SL_LOSS_JITTER_FROM 20 /* ms of round trip: shorter ways have none */
#define SL_LOSS_JITTER 5       /* ms */
#define SL_LOSS_BURST 3        /* packets */
#define SL_LOSS_HELD "100"     /* ms: what evens out resends over the usual round trip */
#define SL_LOSS_PATHS 5
#define SL_LOSS_CELLS 48

struct sl_loss_cell {
    double loss;       /* percent */
    int burst;         /* 0: each packet on its own */
    int rtt;           /* ms */
    const char *words; /* in place of all that */
    char label[32];
};

/* What one path showed over one link. */
struct sl_loss_entry {
    struct sl_loss_figures figures;
    char why[256];    /* what went wrong, if it did */
    double *at, *age; /* of the first round: s, ms */
    size_t points;
};

struct sl_loss {
    struct sl_bench *bench;
    const struct sl_bench_options *options;
    struct sl_rig_config rig;
    int fps;
    struct sl_rig_path held; /* Sightline, whose viewer holds pictures back */
    struct sl_option_list held_words;
    const struct sl_rig_path *paths[SL_LOSS_PATHS];
    int path_count;
    struct sl_loss_cell cells[SL_LOSS_CELLS];
    int cell_count;
    struct sl_loss_entry entries[SL_LOSS_CELLS][SL_LOSS_PATHS];
    int measured; /* cells */
    cJSON *result;
};

/* `all` has not the time for everything. */
bool sl_loss_left_out(const struct sl_loss *loss, const struct sl_loss_cell *cell, int path);

/* Table, plots, headlines, conditions: into `loss->result`. */
void sl_loss_tell(const struct sl_loss *loss);
