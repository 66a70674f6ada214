/* SPDX-License-Identifier: MIT */
/*
 * Search: the highest rate that holds. A run that is offered far more than it can do gives an
 * estimate, which is a little low, since what is thrown away costs, too. Around it rates are tried:
 * falling until one holds, or rising until one does not. Pure: whoever asks tries them.
 */
#pragma once

#include <stdbool.h>

struct sl_fps_search {
    int lowest, highest; /* that may be tried */
    int tries_left;
    int next;    /* 0: done */
    int held;    /* highest that held; 0: none yet */
    int failed;  /* lowest that failed; 0: none yet */
    double down; /* of that, the last step */
};

/* `estimate`: frames/s when offered more. One more try is made if none of so many held. */
void sl_fps_search_init(struct sl_fps_search *search, double estimate, int lowest, int highest,
                        int tries);
/* The rate to try now; 0: it is over, and `held` is the result. */
int sl_fps_search_next(const struct sl_fps_search *search);
/* What became of it. */
void sl_fps_search_tried(struct sl_fps_search *search, bool holds);
