/* SPDX-License-Identifier: MIT */
/*
 * Loss, what is measured: links (cells) by paths, and what each showed. Filled by loss.c, told by
 * loss_tell.c and loss_squeeze.c.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "bench/bench.h"
#include "bench/loss_figures.h"
#include "bench/rig.h"
#include "bench/squeeze.h"

#define SL_LOSS_USUAL_RTT 40   /* ms */
#define SL_LOSS_JITTER_FROM 20 /* ms of round trip: shorter ways have none */
#define SL_LOSS_JITTER 5       /* ms */
#define SL_LOSS_BURST 3        /* packets */
#define SL_LOSS_HELD "100"     /* ms: what evens out resends over the usual round trip */
/* A link of twice the usual bit rate that gets narrow for a while; its queue is impair's usual one.
 * By the start all programs run, and have had their time at the full rate. */
#define SL_LOSS_SQUEEZE "dir=both delay=20 up.rate=4000 up.queue=200 up.squeeze=15,20,800"
#define SL_LOSS_PATHS 5
#define SL_LOSS_CELLS 48

struct sl_loss_cell {
    double loss;       /* percent */
    int burst;         /* 0: each packet on its own */
    int rtt;           /* ms */
    const char *words; /* in place of all that */
    bool squeeze;      /* the words have one: this */
    struct sl_squeeze_plan plan;
    char label[32];
};

/* What one path showed over one link. */
struct sl_loss_entry {
    struct sl_loss_figures figures;
    struct sl_squeeze_figures squeeze; /* of a cell that has one */
    char why[256];                     /* what went wrong, if it did */
    /* Of the first round: */
    double *at, *age; /* s, ms */
    size_t points;
    struct sl_series kbps; /* H.264 sent, of a cell with a squeeze */
    sl_ns drop;            /* since the window began */
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

/* `all` has not the time for everything, and what holds pictures back by a fixed time need not be
 * seen in a squeeze. */
bool sl_loss_left_out(const struct sl_loss *loss, const struct sl_loss_cell *cell, int path);

/* Tables, plots, headlines, conditions: into `loss->result`. */
void sl_loss_tell(const struct sl_loss *loss);
/* Those of cells with a squeeze, if there are any. */
void sl_loss_tell_squeeze(const struct sl_loss *loss);
