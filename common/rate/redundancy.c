/* SPDX-License-Identifier: MIT */
#include "rate/redundancy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define UNKNOWN 255
#define ROWS_MAX 64
#define LENGTH_MAX (SL_REDUNDANCY_RUN_MAX + ROWS_MAX)

#define LOSS_FROM 0.003 /* below, nothing */
#define LOSS_RARE 0.02  /* below, nothing while resends are quick */
#define RTT_QUICK (15 * SL_MS)
#define DEADLINE (200 * SL_MS)
#define ROUND_EXTRA (15 * SL_MS) /* to notice a loss, beside the RTT */
#define MISSED_SPAN (2 * SL_SEC)
#define KNOWN_MIN 20      /* packets, for a share to mean something */
#define PURSE_MAX 16.0    /* saved from frame to frame */
#define SHARE_FRAMES 16   /* smoothing */
#define RESEND_FRAMES 128 /* the same of what resends take of the ceiling ... */
#define RESEND_SHARE 0.06 /* ... at most: rows that are not sent along cost more resends */

void sl_redundancy_init(struct sl_redundancy *r, const struct sl_redundancy_config *config)
{
    memset(r, 0, sizeof(*r));
    r->config = *config;
    if (r->config.deadline == 0)
        r->config.deadline = DEADLINE;
    memset(r->rows, UNKNOWN, sizeof(r->rows));
}

/* ---- the model ---- */

/* Probabilities of so many losses so far, ending in the good or in the bad state. */
struct chain {
    double loss, enter, leave;
    size_t length;
    double good[LENGTH_MAX + 1], bad[LENGTH_MAX + 1];
};

static void chain_begin(struct chain *chain, double loss, double burst)
{
    /* Independent losses come in runs of 1 / (1 - loss) too. */
    const double mean = fmax(burst, 1 / (1 - loss));
    chain->loss = loss;
    chain->leave = 1 / mean;
    chain->enter = fmin(loss / (1 - loss) / mean, 1);
    chain->length = 0;
    chain->good[0] = 1 - loss;
    chain->bad[0] = loss;
}

/* One packet more. The state of the first is the stationary one. */
static void chain_step(struct chain *chain)
{
    const size_t n = ++chain->length;
    const double enter = n == 1 ? 0 : chain->enter, leave = n == 1 ? 0 : chain->leave;
    chain->good[n] = chain->bad[n] = 0;
    for (size_t lost = n + 1; lost-- > 0;) {
        /* Into the bad state: this packet is lost, so from one loss fewer. */
        const double good = chain->good[lost] * (1 - enter) + chain->bad[lost] * leave;
        const double bad =
            lost ? chain->good[lost - 1] * enter + chain->bad[lost - 1] * (1 - leave) : 0;
        chain->good[lost] = good;
        chain->bad[lost] = bad;
    }
}

static double chain_over(const struct chain *chain, size_t lost)
{
    double sum = 0;
    for (size_t n = lost + 1; n <= chain->length; n++)
        sum += chain->good[n] + chain->bad[n];
    return sum;
}

static bool is_quick(const struct sl_redundancy *r, sl_ns rtt)
{
    return rtt < RTT_QUICK || rtt < r->config.frame_interval / 2;
}

/* The share of frames that may lose more than their rows mend. Where a round of NACKs costs more
 * than half a frame, less than the 2 % that the receiver's playout delay leaves out: it would cover
 * the round else, and every picture would be that much older. Where there is no time for a round,
 * those frames are lost. */
static double patience(const struct sl_redundancy *r)
{
    double share = 0.005;
    if (r->rtt + ROUND_EXTRA > r->config.deadline)
        share = 0.001;
    else if (is_quick(r, r->rtt))
        share = 0.10;
    else if (r->rtt <= 120 * SL_MS)
        share = 0.015;
    return r->missed ? share / 2 : share;
}

static uint8_t reckon_rows(const struct sl_redundancy *r, size_t run)
{
    struct chain chain;
    chain_begin(&chain, r->loss, r->burst);
    const size_t most = run + 4 < ROWS_MAX ? run + 4 : ROWS_MAX;
    for (size_t i = 0; i < run; i++)
        chain_step(&chain);
    for (size_t rows = 0; rows < most; rows++, chain_step(&chain))
        if (chain_over(&chain, rows) <= patience(r))
            return (uint8_t)rows;
    return (uint8_t)most;
}

/* What all may cost at a loss, in packets: a little under the ceilings in the header, which are of
 * bytes, because the loss reckoned with swings about the true one, and a row is some 3 % longer
 * than the packets it protects; joined by lines. */
static double ceiling(double loss)
{
    static const struct {
        double loss, share;
    } points[] = {{0, 0.05}, {0.05, 0.27}, {0.10, 0.415}, {0.20, 0.59}};
    for (size_t i = 1; i < SL_COUNT(points); i++)
        if (loss < points[i].loss)
            return points[i - 1].share + (points[i].share - points[i - 1].share) *
                                             (loss - points[i - 1].loss) /
                                             (points[i].loss - points[i - 1].loss);
    return points[SL_COUNT(points) - 1].share;
}

/* ---- what is measured ---- */

/* The share lost over `span`, less what chance may have added. */
static double surely_lost(const struct sl_loss_counts *counts)
{
    if (counts->known < KNOWN_MIN)
        return 0;
    return fmax(counts->lost - 0.7 * sqrt(counts->lost), 0) / counts->known;
}

static double reckoned_loss(const struct sl_redundancy *r, sl_ns now)
{
    static const sl_ns spans[] = {500 * SL_MS, SL_SEC, 2 * SL_SEC};
    double loss = 0;
    for (size_t i = 0; i < SL_COUNT(spans); i++) {
        const struct sl_loss_counts counts = sl_loss_sum(&r->window, spans[i], now);
        loss = fmax(loss, surely_lost(&counts));
    }
    return fmin(loss, 0.5);
}

/* Resends mend rare losses, if they are quick. */
static bool resends_do(const struct sl_redundancy *r, double loss, sl_ns rtt, bool missed)
{
    if (loss < LOSS_FROM)
        return true;
    return is_quick(r, rtt) && loss < LOSS_RARE && !missed;
}

void sl_redundancy_loss(struct sl_redundancy *r, struct sl_loss_counts counts, sl_ns rtt, sl_ns now)
{
    sl_loss_add(&r->window, counts, now);
    const struct sl_loss_counts sum = sl_loss_sum(&r->window, 2 * SL_SEC, now);
    const bool missed = r->missed_at && now - r->missed_at < MISSED_SPAN;
    double loss = reckoned_loss(r, now);
    if (resends_do(r, loss, rtt, missed))
        loss = 0;
    const double burst = sum.runs > 0 ? (double)sum.lost / sum.runs : 1;
    if (fabs(loss - r->loss) <= 0.1 * r->loss && fabs(burst - r->burst) <= 0.2 &&
        missed == r->missed && llabs(rtt - r->rtt) < 5 * SL_MS)
        return; /* as before, nearly */
    r->loss = loss;
    r->burst = fmax(burst, 1);
    r->rtt = rtt;
    r->missed = missed;
    memset(r->rows, UNKNOWN, sizeof(r->rows));
}

void sl_redundancy_report(struct sl_redundancy *r, const struct sl_repair_report *report, sl_ns now)
{
    const bool same = r->has_report && r->report.ssrc == report->ssrc;
    const uint32_t missed =
        report->late - r->report.late + report->lost - r->report.lost; /* wraps are fine */
    if (same && missed > 0)
        r->missed_at = now;
    r->report = *report;
    r->has_report = true;
}

/* ---- what is spent ---- */

/* What is saved is bounded, not what a large frame brings along for itself. */
static void earn(struct sl_redundancy *r, double rows)
{
    r->purse = fmin(r->purse, PURSE_MAX) + rows;
}

/* Sums that forget, so that frames of all sizes count by their packets. */
static void follow_share(struct sl_redundancy *r, unsigned rows, size_t fresh)
{
    r->spent += (double)rows + (double)r->resent_since - r->spent / SHARE_FRAMES;
    r->protected += (double)fresh - r->protected / SHARE_FRAMES;
    r->resent_since = 0;
}

/* What resends took of each packet sent, lately. */
static void follow_resends(struct sl_redundancy *r, size_t fresh)
{
    if (fresh == 0)
        return;
    const double share = (double)r->resent_since / (double)fresh;
    r->resend_share += (share - r->resend_share) / RESEND_FRAMES;
}

static unsigned wanted(struct sl_redundancy *r, size_t run)
{
    if (r->config.percent != SL_FEC_AUTO)
        return SL_REDUNDANCY_RUN_MAX; /* all that the purse has */
    if (r->loss <= 0 || run == 0)
        return 0;
    if (run > SL_REDUNDANCY_RUN_MAX)
        run = SL_REDUNDANCY_RUN_MAX;
    if (r->rows[run] == UNKNOWN)
        r->rows[run] = reckon_rows(r, run);
    return r->rows[run];
}

unsigned sl_redundancy_rows(struct sl_redundancy *r, size_t fresh, size_t run)
{
    const bool automatic = r->config.percent == SL_FEC_AUTO;
    follow_resends(r, fresh);
    const double resends = fmin(r->resend_share, RESEND_SHARE);
    earn(r, (double)fresh * (automatic ? ceiling(r->loss) - resends : r->config.percent / 100.0));
    const double affordable = fmax(floor(r->purse + 1e-9), 0);
    const unsigned want = wanted(r, run);
    const unsigned rows = want < affordable ? want : (unsigned)affordable;
    r->purse -= rows;
    r->stats.packets += fresh;
    r->stats.rows += rows;
    follow_share(r, rows, fresh);
    return rows;
}

void sl_redundancy_resent(struct sl_redundancy *r, size_t packets)
{
    r->stats.resent += packets;
    r->resent_since += packets;
}

double sl_redundancy_share(const struct sl_redundancy *r)
{
    return r->protected > 0 ? r->spent / r->protected : 0;
}

void sl_redundancy_stats(const struct sl_redundancy *r, struct sl_redundancy_stats *ret)
{
    *ret = r->stats;
    ret->loss = r->loss;
    ret->burst = r->burst;
}
