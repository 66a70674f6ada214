/* SPDX-License-Identifier: MIT */
/*
 * Series: a figure that is told again and again, with the moments at which it was heard, and what
 * it was like between two of them. Pure.
 */
#pragma once

#include <stddef.h>

#include "base/types.h"

/* Zero-initialised is empty. */
struct sl_series {
    sl_ns *at; /* ascending, unless appended to */
    double *value;
    size_t count, room;
};

/* 0 or -ENOMEM. */
SL_MUST_CHECK int sl_series_add(struct sl_series *series, sl_ns at, double value);
/* What `more` has in [from, to). 0 or -ENOMEM. */
SL_MUST_CHECK int sl_series_append(struct sl_series *series, const struct sl_series *more,
                                   sl_ns from, sl_ns to);
/* Moments count from `origin` then. */
void sl_series_since(struct sl_series *series, sl_ns origin);
void sl_series_free(struct sl_series *series);

/* Of what is in [from, to); NAN: nothing is. */
double sl_series_mean(const struct sl_series *series, sl_ns from, sl_ns to);
/* Of all, by nearest rank, as sl_quantile(); NAN: there is nothing, or no memory. */
double sl_series_quantile(const struct sl_series *series, double quantile);
