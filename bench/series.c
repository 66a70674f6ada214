/* SPDX-License-Identifier: MIT */
#include "bench/series.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int sl_series_add(struct sl_series *series, sl_ns at, double value)
{
    if (series->count == series->room) {
        const size_t room = series->room ? 2 * series->room : 64;
        sl_ns *moments = realloc(series->at, room * sizeof(*moments));
        if (!moments)
            return -ENOMEM;
        series->at = moments;
        double *values = realloc(series->value, room * sizeof(*values));
        if (!values)
            return -ENOMEM;
        series->value = values;
        series->room = room;
    }
    series->at[series->count] = at;
    series->value[series->count++] = value;
    return 0;
}

int sl_series_append(struct sl_series *series, const struct sl_series *more, sl_ns from, sl_ns to)
{
    int err = 0;
    for (size_t i = 0; i < more->count && err == 0; i++)
        if (more->at[i] >= from && more->at[i] < to)
            err = sl_series_add(series, more->at[i], more->value[i]);
    return err;
}

void sl_series_since(struct sl_series *series, sl_ns origin)
{
    for (size_t i = 0; i < series->count; i++)
        series->at[i] -= origin;
}

void sl_series_free(struct sl_series *series)
{
    free(series->at);
    free(series->value);
    *series = (struct sl_series){.count = 0};
}

double sl_series_mean(const struct sl_series *series, sl_ns from, sl_ns to)
{
    double sum = 0;
    size_t count = 0;
    for (size_t i = 0; i < series->count; i++)
        if (series->at[i] >= from && series->at[i] < to) {
            sum += series->value[i];
            count++;
        }
    return count ? sum / (double)count : NAN;
}

static int compare_values(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double sl_series_quantile(const struct sl_series *series, double quantile)
{
    double *values = series->count ? malloc(series->count * sizeof(*values)) : NULL;
    if (!values)
        return NAN;
    memcpy(values, series->value, series->count * sizeof(*values));
    qsort(values, series->count, sizeof(*values), compare_values);
    size_t rank = (size_t)ceil(quantile * (double)series->count);
    rank = rank < 1 ? 1 : rank > series->count ? series->count : rank;
    const double value = values[rank - 1];
    free(values);
    return value;
}
