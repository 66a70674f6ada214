/* SPDX-License-Identifier: MIT */
#include "viewer/figures.h"

#include <stdlib.h>
#include <string.h>

void sl_figures_clear(struct sl_figures *figures)
{
    figures->shown = 0;
    figures->largest = SL_NEVER;
    figures->held = 0;
    figures->every = 1;
    figures->skipped = 0;
}

static void thin_out(struct sl_figures *figures)
{
    for (int i = 0; i < SL_FIGURES_MAX / 2; i++)
        figures->age[i] = figures->age[2 * i];
    figures->held = SL_FIGURES_MAX / 2;
    figures->every *= 2;
}

void sl_figures_add(struct sl_figures *figures, sl_ns age)
{
    figures->shown++;
    if (age == SL_NEVER)
        return;
    if (figures->largest == SL_NEVER || age > figures->largest)
        figures->largest = age;
    if (++figures->skipped < figures->every)
        return;
    figures->skipped = 0;
    figures->age[figures->held++] = age;
    if (figures->held == SL_FIGURES_MAX)
        thin_out(figures);
}

static int compare(const void *a, const void *b)
{
    const sl_ns x = *(const sl_ns *)a, y = *(const sl_ns *)b;
    return (x > y) - (x < y);
}

sl_ns sl_figures_median(struct sl_figures *figures)
{
    if (!figures->held)
        return figures->largest;
    qsort(figures->age, (size_t)figures->held, sizeof(figures->age[0]), compare);
    return figures->age[figures->held / 2];
}

double sl_reading_kbps(const struct sl_reading *now, const struct sl_reading *then)
{
    const struct sl_repairs grown = sl_repairs_since(&now->repairs, &then->repairs);
    const double seconds = (double)(now->at - then->at) / (double)SL_SEC;
    return seconds > 0 ? 8e-3 * (double)grown.bytes / seconds : 0;
}

bool sl_recent_add(struct sl_recent *recent, const struct sl_reading *reading)
{
    int old = recent->count == SL_RECENT_READINGS;
    while (old < recent->count && reading->at - recent->reading[old].at > SL_RECENT_SPAN)
        old++;
    recent->count -= old;
    memmove(recent->reading, recent->reading + old,
            (size_t)recent->count * sizeof(recent->reading[0]));
    recent->reading[recent->count++] = *reading;
    return recent->count > 1;
}
