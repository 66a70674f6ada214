/* SPDX-License-Identifier: MIT */
/*
 * Loss, the figures of one path over one link: taken from rounds, each with fresh programs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "bench/round.h"

#define SL_LOSS_ON_TIME (250 * SL_MS) /* from handing over; beyond, one watches the past */
#define SL_LOSS_FREEZE (130 * SL_MS)
#define SL_LOSS_PIECE (60 * SL_SEC)       /* of which those without a freeze are counted; */
#define SL_LOSS_SHORT_PIECE (10 * SL_SEC) /* of shorter windows; of still shorter ones, all */

struct sl_loss_figures {
    int rounds;
    double seconds;
    uint32_t handed, shown, on_time; /* frames */
    uint32_t freezes;                /* times without a new frame, longer than SL_LOSS_FREEZE */
    sl_ns freeze;                    /* the longest */
    sl_ns *ages;                     /* of all rounds, ascending after finish() */
    size_t room;
    sl_ns piece;           /* as above */
    uint32_t pieces, calm; /* of these, without a freeze */
    /* Sums over the rounds; NAN: the path does not tell. */
    struct sl_counters counted;
    struct sl_told_repairs repairs;    /* packets, from the programs' start to their end */
    struct sl_series delay_ms, rtt_ms; /* within windows */
};

void sl_loss_figures_init(struct sl_loss_figures *figures);
void sl_loss_figures_free(struct sl_loss_figures *figures);
/* 0 or -ENOMEM. */
SL_MUST_CHECK int sl_loss_figures_add(struct sl_loss_figures *figures,
                                      const struct sl_round_result *round);

/* NAN where it is not known. */
double sl_loss_shown_per_s(const struct sl_loss_figures *figures);
double sl_loss_on_time_per_s(const struct sl_loss_figures *figures);
double sl_loss_decoded_per_s(const struct sl_loss_figures *figures);
double sl_loss_not_shown_percent(const struct sl_loss_figures *figures);
/* Frames that never came out of a decoder. */
double sl_loss_residual_percent(const struct sl_loss_figures *figures);
/* Parity and resends, of the media's datagrams. */
double sl_loss_repair_percent(const struct sl_loss_figures *figures);
/* All bytes sent beyond the encoder's. */
double sl_loss_overhead_percent(const struct sl_loss_figures *figures);
/* Of the packets sent, what the link lost. */
double sl_loss_link_percent(const struct sl_loss_figures *figures);
/* H.264 that was sent. */
double sl_loss_kbps(const struct sl_loss_figures *figures);
/* Of the pieces. */
double sl_loss_calm_percent(const struct sl_loss_figures *figures);
/* Of the ages; `ages` ascend. 0: no frame was shown. */
sl_ns sl_loss_age(const struct sl_loss_figures *figures, double quantile);
