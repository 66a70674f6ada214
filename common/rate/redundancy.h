/* SPDX-License-Identifier: MIT */
/*
 * Redundancy: how many parity rows a run of packets gets.
 *
 *     loss, bursts (2 s) ─┐
 *     RTT, deadline ──────┼─▶ a chain of good and bad (Gilbert) ─▶ least rows that do ─▶ a purse
 *     frames late, lost ──┘
 *
 * "That do": few frames lose more packets than they have rows, and have to wait for a round of
 * NACKs: 1.5 % where that costs more than half a frame, so that the receiver's playout delay (which
 * covers 98 %) need not hold a round trip; 0.1 % where there is no time for one. What a round
 * leaves is far less: it is answered by ceil(1.5 n) + 1 fresh rows for n missing packets. Nothing
 * while loss is rare and resends are quick. The purse bounds what parity and fresh rows cost
 * together: 30 % at 5 % loss, 45 % at 10 %, 65 % at 20 %; small frames save up for their rows. What
 * resends cost lowers it by 6 % at most: without rows there would be more of them.
 *
 * Up within half a second of loss, down two seconds after. Pure; fixed memory; no allocation.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "rate/loss.h"
#include "rtp/repair_report.h"

#define SL_REDUNDANCY_RUN_MAX 128 /* packets */
#define SL_FEC_AUTO (-1)

struct sl_redundancy_config {
    int percent; /* SL_FEC_AUTO; 0: off; else so many rows for 100 packets */
    sl_ns frame_interval;
    sl_ns deadline; /* within which a repair still helps; 0: 200 ms */
};

struct sl_redundancy_stats {
    uint64_t packets; /* protected */
    uint64_t rows;    /* parity sent along */
    uint64_t resent;  /* rows or copies in answer to NACKs */
    double loss;      /* gauge: the share that is reckoned with; 0: nothing is sent along */
    double burst;     /* gauge: mean length of a loss */
};

struct sl_redundancy {
    struct sl_redundancy_config config;
    struct sl_loss_window window;
    sl_ns rtt;
    bool has_report;
    struct sl_repair_report report; /* the last */
    sl_ns missed_at;                /* frames were last late or lost; 0: never */
    double loss, burst;             /* what `rows` was reckoned with */
    bool missed;
    uint8_t rows[SL_REDUNDANCY_RUN_MAX + 1]; /* by run; UNKNOWN: not reckoned yet */
    double purse;                            /* rows that may be spent */
    size_t resent_since;                     /* the last frame */
    double resend_share;                     /* of each packet, lately */
    double spent, protected;                 /* rows and packets, of the last 16 frames mostly */
    struct sl_redundancy_stats stats;
};

void sl_redundancy_init(struct sl_redundancy *redundancy,
                        const struct sl_redundancy_config *config);

/* What was learnt about our packets, parity and resends among them; call with each report, also
 * when it is nothing. */
void sl_redundancy_loss(struct sl_redundancy *redundancy, struct sl_loss_counts counts, sl_ns rtt,
                        sl_ns now);
/* What the receiver says became of our frames. */
void sl_redundancy_report(struct sl_redundancy *redundancy, const struct sl_repair_report *report,
                          sl_ns now);

/* Rows for a frame of `fresh` packets under a run of `run` (>= fresh) that may reach back. Spends
 * them. */
unsigned sl_redundancy_rows(struct sl_redundancy *redundancy, size_t fresh, size_t run);
/* `packets` were sent in answer to a NACK. */
void sl_redundancy_resent(struct sl_redundancy *redundancy, size_t packets);

/* Overhead per packet of media, resends included, of the last half second or so. */
double sl_redundancy_share(const struct sl_redundancy *redundancy);
void sl_redundancy_stats(const struct sl_redundancy *redundancy, struct sl_redundancy_stats *ret);
