/* SPDX-License-Identifier: MIT */
/*
 * Scale: where on an axis a figure stands, and the round figures that are written beside it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define SL_SCALE_TICKS 16

enum sl_scale_flags {
    SL_SCALE_LOG = 1,  /* figures of zero or less have no place on it */
    SL_SCALE_ZERO = 2, /* begins at zero unless that hides everything */
    SL_SCALE_SNUG = 4, /* ends with the figures, not with a round one */
};

struct sl_scale {
    bool log;
    double low, high; /* its ends */
    int ticks;
    double tick[SL_SCALE_TICKS];
    char label[SL_SCALE_TICKS][16];
};

/* Made for figures from `low` to `high`, with about `wanted` ticks. Any two numbers are taken, also
 * equal ones and none (NAN). */
void sl_scale_fit(struct sl_scale *ret, double low, double high, int wanted,
                  enum sl_scale_flags flags);
/* Ticks at these figures instead, in rising order; at most SL_SCALE_TICKS. */
void sl_scale_tick_at(struct sl_scale *scale, const double *values, size_t count);
/* 0 at its low end, 1 at its high end, beyond for figures beyond; NAN: no place. */
double sl_scale_place(const struct sl_scale *scale, double value);

/* A figure of `digits` digits: "8.12", "8.10", "312 k", "1.50e-07"; a whole one as it is: "8". */
void sl_scale_number(double value, int digits, char *text, size_t size);
