/* SPDX-License-Identifier: MIT */
#include "bench/loss_figures.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "bench/tally.h"

void sl_loss_figures_init(struct sl_loss_figures *figures)
{
    *figures = (struct sl_loss_figures){.rounds = 0};
}

void sl_loss_figures_free(struct sl_loss_figures *figures)
{
    free(figures->ages);
    figures->ages = NULL;
}

static int add_ages(struct sl_loss_figures *figures, const struct sl_tally_result *tally)
{
    const size_t wanted = figures->shown + (size_t)tally->shown;
    if (wanted > figures->room) {
        sl_ns *ages = realloc(figures->ages, 2 * wanted * sizeof(*ages));
        if (!ages)
            return -ENOMEM;
        figures->ages = ages;
        figures->room = 2 * wanted;
    }
    for (uint32_t i = 0; i < tally->shown; i++) {
        figures->ages[figures->shown + i] = tally->ages[i];
        figures->on_time += tally->ages[i] <= SL_LOSS_ON_TIME;
    }
    figures->shown += tally->shown;
    sl_sort_times(figures->ages, figures->shown);
    return 0;
}

/* Between one new picture and the next, and from the last to the window's end. */
static uint32_t count_freezes(const struct sl_tally_result *tally, sl_ns window)
{
    uint32_t freezes = 0;
    sl_ns last = SL_NEVER;
    for (uint32_t i = 0; i < tally->handed; i++) {
        const sl_ns seen = tally->frames[i].seen;
        if (seen == SL_NEVER)
            continue;
        freezes += last != SL_NEVER && seen - last > SL_LOSS_FREEZE;
        last = seen;
    }
    return freezes + (last != SL_NEVER && window - last > SL_LOSS_FREEZE);
}

int sl_loss_figures_add(struct sl_loss_figures *figures, const struct sl_round_result *round)
{
    const struct sl_tally_result *tally = &round->camera[0].tally;
    const int err = add_ages(figures, tally);
    if (err != 0)
        return err;
    figures->rounds++;
    figures->seconds += (double)round->window / SL_SEC;
    figures->handed += tally->handed;
    figures->freezes += count_freezes(tally, round->window);
    figures->freeze = tally->freeze > figures->freeze ? tally->freeze : figures->freeze;
    figures->sent_bytes += round->sent_bytes;
    figures->sent_packets += round->sent_packets;
    figures->lost_packets += round->lost_packets;
    figures->media_bytes += round->media_bytes;
    figures->decoded += round->decoded;
    figures->decoded_seconds += round->decoded_seconds;
    figures->resent += round->resent;
    return 0;
}

static double share(double part, double whole)
{
    return whole > 0 ? part / whole : NAN;
}

double sl_loss_shown_per_s(const struct sl_loss_figures *figures)
{
    return share(figures->shown, figures->seconds);
}

double sl_loss_on_time_per_s(const struct sl_loss_figures *figures)
{
    return share(figures->on_time, figures->seconds);
}

double sl_loss_decoded_per_s(const struct sl_loss_figures *figures)
{
    return share(figures->decoded, figures->decoded_seconds);
}

double sl_loss_not_shown_percent(const struct sl_loss_figures *figures)
{
    return 100 * share((double)figures->handed - figures->shown, figures->handed);
}

double sl_loss_residual_percent(const struct sl_loss_figures *figures)
{
    const double handed_per_s = share(figures->handed, figures->seconds);
    const double lost = 1 - share(sl_loss_decoded_per_s(figures), handed_per_s);
    if (isnan(lost))
        return NAN;
    /* The two rates are not of quite one window, but what was shown was decoded. */
    return fmin(fmax(100 * lost, 0), sl_loss_not_shown_percent(figures));
}

double sl_loss_overhead_percent(const struct sl_loss_figures *figures)
{
    return 100 * share(figures->sent_bytes - figures->media_bytes, figures->media_bytes);
}

double sl_loss_link_percent(const struct sl_loss_figures *figures)
{
    return 100 * share(figures->lost_packets, figures->sent_packets);
}

sl_ns sl_loss_age(const struct sl_loss_figures *figures, double quantile)
{
    return figures->shown ? sl_quantile(figures->ages, figures->shown, quantile) : 0;
}
