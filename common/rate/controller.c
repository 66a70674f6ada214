/* SPDX-License-Identifier: MIT */
#include "rate/controller.h"

#include <errno.h>
#include <stdlib.h>

#define OVERHEAD_MAX 1.65 /* redundancy's highest ceiling */
#define CHANGE_GAP (200 * SL_MS)
#define DOWN 0.97 /* smaller steps are not worth a new rate control state of the encoder */
#define DOWN_AT_ONCE 0.85
#define UP 1.05
#define PROBE_GAP (200 * SL_MS)
#define SKIP_MAX                                                                                   \
    (400 * SL_MS) /* but for outages: a picture that stands is worse than an old one               \
                   */
#define RESEND_SHARE 0.5
#define RESEND_SPAN 0.25 /* seconds of that share that may be spent at once */

struct sl_rate {
    struct sl_rate_config config;
    struct sl_estimator *estimator;
    struct sl_redundancy redundancy;
    struct sl_pacer pacer;
    uint64_t bitrate_bps;
    sl_ns changed_at;
    sl_ns allowed_at;    /* the last frame that was not skipped */
    double resend_bytes; /* that may be spent */
    sl_ns earned_at;
    struct sl_rate_stats stats;
};

static int create_parts(struct sl_rate *rate)
{
    const struct sl_rate_config *config = &rate->config;
    const double most = (double)config->ceiling_bps * OVERHEAD_MAX + (double)config->audio_bps;
    const struct sl_estimator_config estimator = {.min_bps = config->floor_bps / 2 + 1,
                                                  .start_bps = (uint64_t)most,
                                                  .max_bps = (uint64_t)most};
    const struct sl_redundancy_config redundancy = {.percent = config->fec_percent,
                                                    .frame_interval = config->frame_interval};
    sl_redundancy_init(&rate->redundancy, &redundancy);
    sl_pacer_init(&rate->pacer, config->ceiling_bps);
    return sl_estimator_create(&rate->estimator, &estimator);
}

int sl_rate_create(struct sl_rate **ret, const struct sl_rate_config *config, sl_ns now)
{
    if (config->floor_bps == 0 || config->floor_bps > config->ceiling_bps ||
        config->frame_interval <= 0 || config->fec_percent < SL_FEC_AUTO ||
        config->fec_percent > 100)
        return -EINVAL;
    struct sl_rate *rate = calloc(1, sizeof(*rate));
    if (!rate)
        return -ENOMEM;
    rate->config = *config;
    rate->bitrate_bps = config->ceiling_bps;
    rate->changed_at = rate->allowed_at = rate->earned_at = now;
    const int r = create_parts(rate);
    if (r < 0) {
        sl_rate_destroy(rate);
        return r;
    }
    *ret = rate;
    return 0;
}

void sl_rate_destroy(struct sl_rate *rate)
{
    if (!rate)
        return;
    sl_estimator_destroy(rate->estimator);
    free(rate);
}

/* Media and repair. */
static uint64_t used_bps(const struct sl_rate *rate)
{
    const double share = sl_redundancy_share(&rate->redundancy);
    return (uint64_t)((double)rate->bitrate_bps * (1 + share));
}

/* ---- the next frame ---- */

/* By what the stream uses, not by all that the link may have: what is in flight when it narrows
 * has to get through. */
static size_t flying_cap(const struct sl_rate *rate, const struct sl_estimate *estimate)
{
    const uint64_t used = used_bps(rate) + rate->config.audio_bps;
    return sl_estimator_flying_cap(rate->estimator, used < estimate->bps ? used : estimate->bps);
}

/* From when on a frame may be sent, if nothing changes but the time; and what is against it now. */
static sl_ns opens(const struct sl_rate *rate, sl_ns now, enum sl_rate_verdict *against)
{
    struct sl_estimate estimate;
    sl_estimator_get(rate->estimator, &estimate);
    *against = SL_RATE_SKIP_OUTAGE;
    if (estimate.outage)
        return rate->allowed_at + PROBE_GAP;
    *against = SL_RATE_SKIP_PACER;
    if (sl_pacer_frames(&rate->pacer) > 1)
        return SL_NEVER;
    *against = SL_RATE_SKIP_FLIGHT;
    return estimate.flying_bytes > flying_cap(rate, &estimate) ? rate->allowed_at + SKIP_MAX : now;
}

static enum sl_rate_verdict verdict(const struct sl_rate *rate, sl_ns now)
{
    enum sl_rate_verdict against;
    if (now < opens(rate, now, &against))
        return against;
    return against == SL_RATE_SKIP_OUTAGE ? SL_RATE_PROBE : SL_RATE_SEND;
}

sl_ns sl_rate_gate(const struct sl_rate *rate, sl_ns now)
{
    enum sl_rate_verdict against;
    return opens(rate, now, &against);
}

enum sl_rate_verdict sl_rate_next_frame(struct sl_rate *rate, sl_ns now)
{
    struct sl_rate_stats *stats = &rate->stats;
    sl_rate_tick(rate, now);
    const enum sl_rate_verdict answer = verdict(rate, now);
    stats->asked++;
    switch (answer) {
    case SL_RATE_SEND:
        stats->sent++;
        break;
    case SL_RATE_PROBE:
        stats->probes++;
        break;
    case SL_RATE_SKIP_PACER:
        stats->skipped_pacer++;
        return answer;
    case SL_RATE_SKIP_FLIGHT:
        stats->skipped_flight++;
        return answer;
    case SL_RATE_SKIP_OUTAGE:
        stats->skipped_outage++;
        return answer;
    }
    rate->allowed_at = now;
    return answer;
}

uint64_t sl_rate_bitrate(const struct sl_rate *rate)
{
    return rate->bitrate_bps;
}

/* ---- the budget ---- */

static uint64_t target(const struct sl_rate *rate, const struct sl_estimate *estimate)
{
    const struct sl_rate_config *config = &rate->config;
    const double budget = (double)estimate->bps - (double)config->audio_bps;
    const double media = budget / (1 + sl_redundancy_share(&rate->redundancy));
    if (!estimate->known || media > (double)config->ceiling_bps)
        return config->ceiling_bps;
    return media < (double)config->floor_bps ? config->floor_bps : (uint64_t)media;
}

static bool is_worth(const struct sl_rate *rate, uint64_t bps, sl_ns now)
{
    const double now_bps = (double)rate->bitrate_bps, next = (double)bps;
    if (next < DOWN_AT_ONCE * now_bps)
        return true;
    if (now - rate->changed_at < CHANGE_GAP)
        return false;
    const bool at_end = bps == rate->config.ceiling_bps || bps == rate->config.floor_bps;
    return next < DOWN * now_bps || next > UP * now_bps || (at_end && bps != rate->bitrate_bps);
}

static void follow(struct sl_rate *rate, sl_ns now)
{
    struct sl_estimate estimate;
    sl_estimator_get(rate->estimator, &estimate);
    const uint64_t bps = target(rate, &estimate);
    if (is_worth(rate, bps, now)) {
        rate->bitrate_bps = bps;
        rate->changed_at = now;
        rate->stats.changes++;
    }
    sl_pacer_rates(&rate->pacer, used_bps(rate), estimate.capacity_bps);
}

/* Its share of the budget as time goes by. */
static void earn(struct sl_rate *rate, sl_ns now)
{
    struct sl_estimate estimate;
    sl_estimator_get(rate->estimator, &estimate);
    const double share = RESEND_SHARE * (double)estimate.bps / 8;
    rate->resend_bytes += share * (double)(now - rate->earned_at) / 1e9;
    rate->earned_at = now;
    if (rate->resend_bytes > share * RESEND_SPAN)
        rate->resend_bytes = share * RESEND_SPAN;
}

bool sl_rate_may_resend(struct sl_rate *rate, size_t bytes, sl_ns now)
{
    earn(rate, now);
    if (rate->resend_bytes >= (double)bytes)
        return true;
    rate->stats.resends_refused++;
    return false;
}

unsigned sl_rate_rows(struct sl_rate *rate, size_t fresh, size_t run)
{
    return sl_redundancy_rows(&rate->redundancy, fresh, run);
}

double sl_rate_share(const struct sl_rate *rate)
{
    return sl_redundancy_share(&rate->redundancy);
}

struct sl_pacer *sl_rate_pacer(struct sl_rate *rate)
{
    return &rate->pacer;
}

void sl_rate_sent(struct sl_rate *rate, enum sl_pacer_kind kind, uint32_t ssrc, uint16_t seq,
                  size_t bytes, int64_t frame, sl_ns now)
{
    switch (kind) {
    case SL_PACER_AUDIO:
        rate->stats.audio_bytes += bytes;
        break;
    case SL_PACER_RESEND:
        rate->stats.resent_bytes += bytes;
        rate->resend_bytes -= (double)bytes;
        sl_redundancy_resent(&rate->redundancy, 1);
        break;
    case SL_PACER_MEDIA:
        rate->stats.media_bytes += bytes;
        break;
    case SL_PACER_EARLY:
    case SL_PACER_PARITY:
        rate->stats.parity_bytes += bytes;
        rate->resend_bytes -= (double)bytes;
        break;
    }
    sl_estimator_sent(rate->estimator, ssrc, seq, bytes, frame, now);
}

/* ---- what comes back ---- */

int sl_rate_feedback(struct sl_rate *rate, const uint8_t *body, size_t len, sl_ns now)
{
    const int r = sl_estimator_feedback(rate->estimator, body, len, now);
    if (r < 0)
        return r;
    struct sl_estimate estimate;
    sl_estimator_get(rate->estimator, &estimate);
    sl_redundancy_loss(&rate->redundancy, sl_estimator_take_loss(rate->estimator), estimate.rtt,
                       now);
    follow(rate, now);
    return 0;
}

void sl_rate_report(struct sl_rate *rate, const struct sl_repair_report *report, sl_ns now)
{
    sl_redundancy_report(&rate->redundancy, report, now);
}

void sl_rate_tick(struct sl_rate *rate, sl_ns now)
{
    sl_estimator_tick(rate->estimator, now);
    follow(rate, now);
}

void sl_rate_stats(const struct sl_rate *rate, struct sl_rate_stats *ret)
{
    *ret = rate->stats;
    sl_estimator_get(rate->estimator, &ret->estimate);
    ret->flying_cap_bytes = flying_cap(rate, &ret->estimate);
    sl_redundancy_stats(&rate->redundancy, &ret->redundancy);
    sl_pacer_stats(&rate->pacer, &ret->pacer);
}
