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
    sl_series_free(&figures->delay_ms);
    sl_series_free(&figures->rtt_ms);
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

/* Times without a new picture that reach into [from, to): from the window's begin, or from what
 * appears in it of before, to the next, between one and the next, from the last to the end. */
static uint32_t count_freezes(const struct sl_tally_result *tally, sl_ns window, sl_ns from,
                              sl_ns to)
{
    uint32_t freezes = 0;
    sl_ns last = tally->before;
    for (uint32_t i = 0; i < tally->handed; i++) {
        const sl_ns seen = tally->frames[i].seen;
        if (seen == SL_NEVER)
            continue;
        freezes += seen - last > SL_LOSS_FREEZE && last < to && seen > from;
        last = seen;
    }
    return freezes + (window - last > SL_LOSS_FREEZE && last < to);
}

static void add_calm(struct sl_loss_figures *figures, const struct sl_tally_result *tally,
                     sl_ns window)
{
    const sl_ns piece = window >= SL_LOSS_PIECE         ? SL_LOSS_PIECE
                        : window >= SL_LOSS_SHORT_PIECE ? SL_LOSS_SHORT_PIECE
                                                        : window;
    figures->piece = piece;
    for (sl_ns from = 0; from + piece <= window; from += piece) {
        figures->pieces++;
        figures->calm += !count_freezes(tally, window, from, from + piece);
    }
}

static struct sl_told_repairs sum_repairs(const struct sl_told_repairs *a,
                                          const struct sl_told_repairs *b)
{
    return (struct sl_told_repairs){
        .lost = a->lost + b->lost,
        .by_fec = a->by_fec + b->by_fec,
        .by_resend = a->by_resend + b->by_resend,
        .late = a->late + b->late,
        .given_up = a->given_up + b->given_up,
    };
}

int sl_loss_figures_add(struct sl_loss_figures *figures, const struct sl_round_result *round)
{
    const struct sl_tally_result *tally = &round->camera[0].tally;
    int err = add_ages(figures, tally);
    if (err == 0)
        err = sl_series_append(&figures->delay_ms, &round->told[SL_RIG_DELAY_MS], 0, round->window);
    if (err == 0)
        err = sl_series_append(&figures->rtt_ms, &round->told[SL_RIG_RTT_MS], 0, round->window);
    if (err != 0)
        return err;
    figures->rounds++;
    figures->seconds += (double)round->window / SL_SEC;
    figures->handed += tally->handed;
    figures->freezes += count_freezes(tally, round->window, 0, SL_NEVER);
    add_calm(figures, tally, round->window);
    figures->freeze = tally->freeze > figures->freeze ? tally->freeze : figures->freeze;
    figures->counted = sl_counters_sum(&figures->counted, &round->counted);
    figures->repairs = sum_repairs(&figures->repairs, &round->repairs);
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
    return share(figures->counted.decoded, figures->counted.decoded_seconds);
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

double sl_loss_repair_percent(const struct sl_loss_figures *figures)
{
    return 100 * share(figures->counted.repair_bytes, figures->counted.media_bytes);
}

double sl_loss_overhead_percent(const struct sl_loss_figures *figures)
{
    const struct sl_counters *counted = &figures->counted;
    return 100 * share(counted->sent_bytes - counted->media_bytes, counted->media_bytes);
}

double sl_loss_link_percent(const struct sl_loss_figures *figures)
{
    return 100 * share(figures->counted.lost_packets, figures->counted.sent_packets);
}

double sl_loss_kbps(const struct sl_loss_figures *figures)
{
    return 8e-3 * share(figures->counted.media_bytes, figures->counted.seconds);
}

double sl_loss_calm_percent(const struct sl_loss_figures *figures)
{
    return 100 * share(figures->calm, figures->pieces);
}

sl_ns sl_loss_age(const struct sl_loss_figures *figures, double quantile)
{
    return figures->shown ? sl_quantile(figures->ages, figures->shown, quantile) : 0;
}
