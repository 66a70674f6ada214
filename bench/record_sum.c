/* SPDX-License-Identifier: MIT */
#include "bench/record_sum.h"

#include <math.h>
#include <stddef.h>

#define CELLS_MAX 200
#define NEARLY 0.9 /* x264 keeps to its bit rate but roughly */

static double median(double *values, int count)
{
    for (int i = 1; i < count; i++) {
        const double value = values[i];
        int place = i;
        for (; place > 0 && values[place - 1] > value; place--)
            values[place] = values[place - 1];
        values[place] = value;
    }
    if (!count)
        return NAN;
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

/* Of a group, or of all where it is SL_RECORD_GROUPS. */
static double percent(const struct sl_record_cell *cells, int count, bool recording, int group)
{
    double values[CELLS_MAX];
    int found = 0;
    for (int i = 0; i < count && found < CELLS_MAX; i++)
        if (cells[i].recording == recording)
            values[found++] =
                100 * (group == SL_RECORD_GROUPS ? cells[i].all_cores : cells[i].cores[group]);
    return median(values, found);
}

void sl_record_sum(struct sl_record_sum *ret, const struct sl_record_cell *cells, int count)
{
    for (int group = 0; group < SL_RECORD_GROUPS; group++) {
        ret->alone[group] = percent(cells, count, false, group);
        ret->with[group] = percent(cells, count, true, group);
    }
    ret->alone_all = percent(cells, count, false, SL_RECORD_GROUPS);
    ret->with_all = percent(cells, count, true, SL_RECORD_GROUPS);
    ret->own = ret->with[SL_RECORD_RECORD] + ret->with[SL_RECORD_SYNC] + ret->with[SL_RECORD_STORE];
    ret->more = ret->with_all - ret->own - ret->alone_all;
    ret->over = ret->own + (ret->more < 0 ? 0 : ret->more);
}

const char *sl_record_goal(const struct sl_record_sum *sum, int cameras, double in_bps)
{
    if (isnan(sum->over) || cameras < SL_RECORD_GOAL_CAMERAS ||
        in_bps < NEARLY * SL_RECORD_GOAL_BPS * cameras)
        return NULL;
    return sum->over <= SL_RECORD_GOAL ? "met" : "MISSED";
}
