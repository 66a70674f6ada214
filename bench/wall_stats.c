/* SPDX-License-Identifier: MIT */
#include "bench/wall_stats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The label, then "12.3 ms" or "-". Returns what follows, or NULL. */
static const char *read_age(const char *at, const char *label, double *ret)
{
    char *end;
    const size_t len = strlen(label);
    if (strncmp(at, label, len) != 0)
        return NULL;
    at += len;
    *ret = NAN;
    if (*at == '-')
        return at + 1;
    const double value = strtod(at, &end);
    if (end == at || strncmp(end, " ms", 3) != 0 || !isfinite(value))
        return NULL;
    *ret = value;
    return end + 3;
}

bool sl_wall_line_read(const char *text, struct sl_wall_line *ret)
{
    struct sl_wall_line line;
    int len = 0;
    if (sscanf(text, "stats %32s %15s shown %lf/s decoded %lf/s %n", line.name, line.state,
               &line.shown, &line.decoded, &len) != 4 ||
        !len || !isfinite(line.shown) || !isfinite(line.decoded))
        return false;
    const char *at = read_age(text + len, "age ", &line.age_ms);
    at = at ? read_age(at, " max ", &line.age_max_ms) : NULL;
    if (!at || sscanf(at, " lost %llu repaired %*u rtt %*f ms late %*u dropped %llu eased %llu",
                      &line.lost, &line.dropped, &line.eased) != 3)
        return false;
    *ret = line;
    return true;
}

static int find_tile(struct sl_wall_sum *sum, const struct sl_wall_line *line)
{
    for (int i = 0; i < sum->tiles; i++)
        if (strcmp(sum->tile[i].name, line->name) == 0)
            return i;
    if (sum->tiles == SL_WALL_TILES_MAX)
        return -1;
    memcpy(sum->tile[sum->tiles].name, line->name, sizeof(line->name));
    return sum->tiles++;
}

void sl_wall_sum_begin(struct sl_wall_sum *sum, const struct sl_wall_line *line)
{
    const int at = find_tile(sum, line);
    if (at < 0)
        return;
    sum->tile[at].dropped_before = sum->tile[at].dropped = line->dropped;
    sum->tile[at].eased_before = sum->tile[at].eased = line->eased;
}

void sl_wall_sum_add(struct sl_wall_sum *sum, const struct sl_wall_line *line)
{
    const int at = find_tile(sum, line);
    if (at < 0)
        return;
    sum->tile[at].shown += line->shown;
    sum->tile[at].decoded += line->decoded;
    sum->tile[at].dropped = line->dropped;
    sum->tile[at].eased = line->eased;
    sum->tile[at].periods++;
    if (!isnan(line->age_ms) && sum->ages < SL_WALL_PERIODS_MAX)
        sum->age_ms[sum->ages++] = line->age_ms;
    if (!isnan(line->age_max_ms) && line->age_max_ms > sum->age_max_ms)
        sum->age_max_ms = line->age_max_ms;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Nearest rank. */
static double quantile(const double *values, int count, double q)
{
    const int rank = (int)ceil(q * count);
    return count ? values[rank < 1 ? 0 : rank - 1] : NAN;
}

void sl_wall_sum_up(struct sl_wall_sum *sum, struct sl_wall_figures *ret)
{
    struct sl_wall_figures figures = {.shown_min = sum->tiles ? INFINITY : 0};
    for (int i = 0; i < sum->tiles; i++) {
        const int periods = sum->tile[i].periods ? sum->tile[i].periods : 1;
        const double shown = sum->tile[i].shown / periods;
        figures.shown_min = shown < figures.shown_min ? shown : figures.shown_min;
        figures.shown_mean += shown / sum->tiles;
        figures.decoded_mean += sum->tile[i].decoded / periods / sum->tiles;
        figures.dropped += (double)(sum->tile[i].dropped - sum->tile[i].dropped_before);
        figures.eased += (double)(sum->tile[i].eased - sum->tile[i].eased_before);
    }
    qsort(sum->age_ms, (size_t)sum->ages, sizeof(sum->age_ms[0]), compare);
    figures.age_p50_ms = quantile(sum->age_ms, sum->ages, .5);
    figures.age_p99_ms = quantile(sum->age_ms, sum->ages, .99);
    figures.age_max_ms = sum->ages ? sum->age_max_ms : NAN;
    *ret = figures;
}
