/* SPDX-License-Identifier: MIT */
#include "rate/estimator.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "rate/flight.h"
#include "rate/trend.h"
#include "rtp/ccfb.h"

#define CUT 0.85
#define GROW 0.2      /* a second */
#define GROW_FAST 0.6 /* where frames come through at twice the estimate */
#define NEAR 0.1      /* about the rate of the last congestion */
#define PACKET_BITS (1200 * 8)
#define RESPONSE (100 * SL_MS)  /* of an encoder to a new rate, beside the RTT */
#define HEADROOM 1.5            /* over what was delivered */
#define QUEUE_HOLD (25 * SL_MS) /* no growth while this much stands in queues */

/* A frame of which not all has come yet tells of a queue as well, if all that is heard of is so
 * late, and came in a row: */
#define STUCK (50 * SL_MS)
#define STUCK_SPAN (100 * SL_MS)
#define STUCK_BYTES 5000 /* and so much is out */
#define STUCK_OVER 1.5   /* times what is delivered the estimate is, at least */

#define LOSS_FEW 0.02  /* with a queue standing: congestion */
#define LOSS_MANY 0.10 /* alone */
#define LOSS_MIN 3     /* packets, for either to mean something */
#define LOSS_SPAN (500 * SL_MS)
#define LOSS_QUEUE (20 * SL_MS)
#define LOSS_AGAIN SL_SEC

#define OUTAGE_MIN (300 * SL_MS)
#define OUTAGE_CUT 0.7
#define FORGET (2 * SL_SEC)
#define CAP_GAIN 1.25

#define CLOCK_STEP_MAX (60 * 65536)
#define CLOCK_MAX ((int64_t)1 << 46)

#define FRAMES 64 /* a power of two */
#define BUCKETS 64
#define BUCKET (25 * SL_MS)
#define RTT_SPAN (10 * SL_SEC)
#define INTERVAL_MIN (10 * SL_MS)
#define INTERVAL_MAX (100 * SL_MS)

/* Bytes over time: sums of 25 ms. */
struct meter {
    int64_t newest;
    uint32_t bytes[BUCKETS];
};

struct frame {
    int64_t id;
    bool used, judged;
    uint32_t sent, arrived; /* packets */
    uint32_t sent_bytes, first_bytes, arrived_bytes;
    sl_ns first_sent, last_sent;       /* of those sent */
    sl_ns first_arrival, last_arrival; /* receiver's clock */
    sl_ns last_arrival_sent;           /* when the packet that came last was sent */
};

struct sl_estimator {
    struct sl_estimator_config config;
    struct sl_flight flight;
    struct sl_trend trend;
    struct sl_loss_window loss;
    struct meter sent, delivered; /* by our clock, by the receiver's */
    struct frame frames[FRAMES];
    int64_t newest_sent, newest_arrived, to_judge; /* frames */
    double bps;
    double congested_bps; /* where congestion was last found; 0: nowhere */
    double capacity_bps;
    sl_ns cut_at, grown_at;
    enum sl_trend_state state; /* worst of this report's frames */
    sl_ns standing;            /* queue at the last cut for a standing one */
    unsigned standing_cuts;
    double loss_at_cut, loss_borne; /* shares */

    sl_ns now; /* the last that was told */
    bool known, outage;
    sl_ns waiting; /* since when nothing was heard of what is out */
    sl_ns heard_at, interval;
    uint32_t timestamp; /* of the last report */
    int64_t remote;     /* the same without wraps, 1/65536 s */
    sl_ns rtt, rtt_min[2], rtt_since;

    struct sl_flight_stats told; /* by take_loss */
    struct sl_flight_stats fed;  /* into `loss` */
    uint64_t reports, overuses, loss_cuts, outages;
};

int sl_estimator_create(struct sl_estimator **ret, const struct sl_estimator_config *config)
{
    if (config->min_bps == 0 || config->start_bps < config->min_bps ||
        config->max_bps < config->start_bps)
        return -EINVAL;
    struct sl_estimator *e = calloc(1, sizeof(*e));
    if (!e)
        return -ENOMEM;
    e->config = *config;
    e->bps = (double)config->start_bps;
    e->newest_sent = e->newest_arrived = -1;
    e->interval = 33 * SL_MS;
    sl_trend_init(&e->trend);
    *ret = e;
    return 0;
}

void sl_estimator_destroy(struct sl_estimator *e)
{
    free(e);
}

/* ---- meters ---- */

static void meter_add(struct meter *meter, sl_ns at, size_t bytes)
{
    const int64_t number = at / BUCKET;
    if (number <= meter->newest - BUCKETS)
        return;
    if (number >= meter->newest + BUCKETS)
        *meter = (struct meter){.newest = number};
    for (; meter->newest < number; meter->newest++)
        meter->bytes[(meter->newest + 1) % BUCKETS] = 0;
    meter->bytes[number % BUCKETS] += (uint32_t)bytes;
}

/* Bits a second over the whole buckets of `span` before `at`. */
static double meter_rate(const struct meter *meter, sl_ns at, sl_ns span)
{
    const int64_t end = at / BUCKET, begin = end - span / BUCKET;
    double bytes = 0;
    for (int64_t n = begin; n < end; n++)
        if (n <= meter->newest && n > meter->newest - BUCKETS && n >= 0)
            bytes += meter->bytes[n % BUCKETS];
    return bytes * 8 / ((double)span / 1e9);
}

/* ---- sending ---- */

static struct frame *frame_of(struct sl_estimator *e, int64_t id)
{
    struct frame *frame = &e->frames[id & (FRAMES - 1)];
    return frame->used && frame->id == id ? frame : NULL;
}

static void count_frame(struct sl_estimator *e, int64_t id, size_t bytes, sl_ns now)
{
    if (id < 0)
        return;
    struct frame *frame = frame_of(e, id);
    if (!frame) {
        if (id < e->newest_sent)
            return;
        frame = &e->frames[id & (FRAMES - 1)];
        *frame = (struct frame){.id = id, .used = true, .first_sent = now};
        e->newest_sent = id;
    }
    frame->sent++;
    frame->sent_bytes += (uint32_t)bytes;
    frame->last_sent = now;
}

void sl_estimator_sent(struct sl_estimator *e, uint32_t ssrc, uint16_t seq, size_t bytes,
                       int64_t frame, sl_ns now)
{
    if (e->flight.stats.flying == 0)
        e->waiting = now;
    sl_flight_sent(&e->flight, ssrc, seq, bytes, frame, e->outage, now);
    meter_add(&e->sent, now, bytes);
    count_frame(e, frame, bytes, now);
    e->now = now;
}

/* ---- one report ---- */

struct report {
    struct sl_estimator *e;
    sl_ns now;
    sl_ns at; /* the report's time, receiver's clock */
    bool news;
    sl_ns rtt;   /* least in this report; SL_NEVER: none */
    sl_ns delay; /* the same, of the way there, by both clocks */
};

static void arrived_of_frame(struct sl_estimator *e, const struct sl_flight_packet *packet,
                             sl_ns arrival)
{
    struct frame *frame = packet->frame < 0 ? NULL : frame_of(e, packet->frame);
    if (!frame || frame->judged)
        return;
    if (frame->arrived == 0 || arrival < frame->first_arrival) {
        frame->first_arrival = arrival;
        frame->first_bytes = packet->bytes;
    }
    if (frame->arrived == 0 || arrival >= frame->last_arrival) {
        frame->last_arrival = arrival;
        if (frame->arrived == 0 || packet->sent > frame->last_arrival_sent)
            frame->last_arrival_sent = packet->sent;
    }
    frame->arrived++;
    frame->arrived_bytes += packet->bytes;
    if (packet->frame > e->newest_arrived)
        e->newest_arrived = packet->frame;
}

static void on_metric(void *ctx, const struct sl_ccfb_metric *metric)
{
    struct report *report = ctx;
    struct sl_estimator *e = report->e;
    const struct sl_flight_packet *packet = sl_flight_hear(&e->flight, metric);
    if (!packet)
        return;
    report->news = true;
    if (!metric->has_arrival)
        return;
    const sl_ns arrival = report->at - metric->before;
    const sl_ns rtt = report->now - packet->sent - metric->before;
    if (rtt < report->rtt && rtt > 0)
        report->rtt = rtt;
    if (arrival - packet->sent < report->delay)
        report->delay = arrival - packet->sent;
    meter_add(&e->delivered, arrival, packet->bytes);
    arrived_of_frame(e, packet, arrival);
}

/* Delays and arrivals as of now do not compare with those before. */
static void restart_clock(struct sl_estimator *e, uint32_t timestamp)
{
    e->remote = (int64_t)1 << 32 | timestamp; /* arrivals before it are positive */
    e->delivered = (struct meter){0};
    e->to_judge = e->newest_sent + 1;
    sl_trend_init(&e->trend);
}

static sl_ns remote_ns(const struct sl_estimator *e)
{
    return e->remote / 65536 * SL_SEC + e->remote % 65536 * SL_SEC / 65536;
}

/* The receiver's clock without wraps. One that jumps (or has run for 34 years) starts anew. */
static sl_ns remote_time(struct sl_estimator *e, uint32_t timestamp)
{
    const int32_t step = (int32_t)(timestamp - e->timestamp);
    if (!e->known)
        e->remote = (int64_t)1 << 32 | timestamp;
    else if (step > CLOCK_STEP_MAX || e->remote > CLOCK_MAX)
        restart_clock(e, timestamp);
    else
        e->remote += step;
    e->timestamp = timestamp;
    return remote_ns(e);
}

static void follow_rtt(struct sl_estimator *e, sl_ns rtt, sl_ns now)
{
    if (rtt == SL_NEVER)
        return;
    if (e->rtt == 0) {
        e->rtt = e->rtt_min[0] = e->rtt_min[1] = rtt;
        e->rtt_since = now;
    }
    e->rtt += (rtt - e->rtt) / 8;
    if (now - e->rtt_since >= RTT_SPAN) {
        e->rtt_min[1] = e->rtt_min[0];
        e->rtt_min[0] = rtt;
        e->rtt_since = now;
    }
    if (rtt < e->rtt_min[0])
        e->rtt_min[0] = rtt;
}

static sl_ns rtt_min(const struct sl_estimator *e)
{
    return e->rtt_min[0] < e->rtt_min[1] ? e->rtt_min[0] : e->rtt_min[1];
}

static void follow_interval(struct sl_estimator *e, sl_ns now)
{
    sl_ns gap = now - e->heard_at;
    if (e->known) {
        if (gap < INTERVAL_MIN)
            gap = INTERVAL_MIN;
        if (gap > INTERVAL_MAX)
            gap = INTERVAL_MAX;
        e->interval += (gap - e->interval) / 16;
    }
    e->heard_at = now;
}

/* At which rate a frame came through: slower than it was sent tells the link's rate, else only
 * that the link has at least as much. Arrivals are told to a millisecond, so that long frames say
 * more. */
static void measure_capacity(struct sl_estimator *e, const struct frame *frame)
{
    if (frame->arrived < 3)
        return;
    const double bits = 8.0 * (frame->arrived_bytes - frame->first_bytes);
    const double took = fmax((double)(frame->last_arrival - frame->first_arrival) / 1e9, 1e-3);
    const double sending = (double)(frame->last_sent - frame->first_sent) / 1e9;
    const double rate = bits / took;
    if (e->capacity_bps == 0)
        e->capacity_bps = rate;
    else if (took > 1.05 * sending + 2e-3)
        e->capacity_bps += (rate - e->capacity_bps) * took / (took + 20e-3);
    else if (rate > e->capacity_bps)
        e->capacity_bps = rate;
}

static void judge(struct sl_estimator *e, struct frame *frame)
{
    frame->judged = true;
    if (frame->arrived == 0)
        return;
    measure_capacity(e, frame);
    const enum sl_trend_state state = sl_trend_add(&e->trend, frame->last_arrival_sent,
                                                   frame->last_arrival - frame->last_arrival_sent);
    if (state == SL_TREND_RISING || (state == SL_TREND_STANDING && e->state == SL_TREND_STEADY))
        e->state = state;
}

/* Frames of which nothing more is to come, in their order. */
static void judge_frames(struct sl_estimator *e)
{
    e->state = SL_TREND_STEADY;
    if (e->to_judge <= e->newest_sent - FRAMES)
        e->to_judge = e->newest_sent - FRAMES + 1;
    for (; e->to_judge <= e->newest_arrived; e->to_judge++) {
        struct frame *frame = frame_of(e, e->to_judge);
        if (!frame)
            continue;
        const bool all = frame->arrived >= frame->sent && frame->id < e->newest_sent;
        if (!all && frame->id == e->newest_arrived)
            return;
        judge(e, frame);
    }
}

/* ---- the rate ---- */

static void set_bps(struct sl_estimator *e, double bps)
{
    e->bps = fmin(fmax(bps, (double)e->config.min_bps), (double)e->config.max_bps);
}

/* What the link gives while more than that is offered. */
static double delivered_now(const struct sl_estimator *e, sl_ns remote)
{
    return fmin(meter_rate(&e->delivered, remote, 200 * SL_MS),
                meter_rate(&e->delivered, remote, 400 * SL_MS));
}

static void cut(struct sl_estimator *e, double delivered, sl_ns now)
{
    const double offered = meter_rate(&e->sent, now - e->rtt, 400 * SL_MS);
    double bps = CUT * delivered;
    /* All that was sent came as fast as it was sent: what the link has is not what we measured. */
    if (delivered >= 0.85 * offered)
        bps = fmax(bps, CUT * e->bps);
    e->congested_bps = delivered;
    if (bps < e->bps)
        set_bps(e, bps);
    e->cut_at = e->grown_at = now;
    e->overuses++;
    sl_trend_clear(&e->trend);
}

/* A queue that stands whatever we do is not ours to drain: a longer path, or someone else's. */
static bool is_path(struct sl_estimator *e, sl_ns queue)
{
    e->standing_cuts = queue > e->standing * 4 / 5 ? e->standing_cuts + 1 : 1;
    e->standing = queue;
    if (e->standing_cuts < 3)
        return false;
    e->standing = 0;
    e->standing_cuts = 0;
    sl_trend_rebase(&e->trend);
    e->rtt_min[0] = e->rtt_min[1] = e->rtt;
    return true;
}

static double share(struct sl_loss_counts counts)
{
    return counts.known ? (double)counts.lost / counts.known : 0;
}

/* What chance cannot have made of it: 9 % of 250 packets is not once taken for more than 10. */
static double surely(struct sl_loss_counts counts)
{
    return counts.known ? (counts.lost - 2.5 * sqrt(counts.lost)) / counts.known : 0;
}

static void cut_for_loss(struct sl_estimator *e, double loss, sl_ns now)
{
    const double offered = meter_rate(&e->sent, now - e->rtt, 400 * SL_MS);
    e->loss_at_cut = loss;
    set_bps(e, fmin(e->bps, fmax(offered, e->bps / 2)) * (1 - loss / 2));
    e->cut_at = e->grown_at = now;
    e->loss_cuts++;
}

/* Loss without a queue: cut once, and see whether that helps. If not it is the path's own, and
 * parity's to mend. */
static void judge_loss(struct sl_estimator *e, double loss, double sure, sl_ns now)
{
    if (loss < LOSS_MANY / 2)
        e->loss_borne = e->loss_at_cut = 0;
    if (sure <= fmax(LOSS_MANY, e->loss_borne) || now - e->cut_at < LOSS_AGAIN)
        return;
    if (e->loss_at_cut > 0 && loss > 0.7 * e->loss_at_cut) {
        e->loss_borne = fmin(1.4 * loss, 0.5);
        return;
    }
    cut_for_loss(e, loss, now);
}

static void grow(struct sl_estimator *e, sl_ns remote, sl_ns now)
{
    const double seconds = fmin((double)(now - e->grown_at) / 1e9, 0.1);
    e->grown_at = now;
    if (sl_trend_queue(&e->trend) > QUEUE_HOLD || e->trend.rise_ms > e->trend.threshold_ms / 2)
        return;
    const double most = HEADROOM * meter_rate(&e->delivered, remote, SL_SEC);
    if (e->bps >= most)
        return;
    if (e->bps > (1 + NEAR) * e->congested_bps)
        e->congested_bps = 0; /* the link has more now */
    double more = e->bps * (e->capacity_bps > 2 * e->bps ? GROW_FAST : GROW);
    if (e->congested_bps > 0 && e->bps > (1 - NEAR) * e->congested_bps)
        more = PACKET_BITS / ((double)(e->rtt + RESPONSE) / 1e9);
    set_bps(e, fmin(e->bps + more * seconds, most));
}

/* The link has become so narrow that a frame, a large one, is stuck in it: what comes of it says
 * so before its end is there to be judged. Not where the estimate is near what comes through, or a
 * path that became longer would be cut again and again; and not after a stall, when all comes at
 * once. */
static bool is_stuck(const struct sl_estimator *e, sl_ns delay, sl_ns remote)
{
    return e->flight.stats.flying_bytes > STUCK_BYTES &&
           sl_trend_excess(&e->trend, delay) > STUCK &&
           meter_rate(&e->delivered, remote, STUCK_SPAN / 2) > 0 &&
           meter_rate(&e->delivered, remote - STUCK_SPAN / 2, STUCK_SPAN / 2) > 0 &&
           e->bps > STUCK_OVER * meter_rate(&e->delivered, remote, STUCK_SPAN);
}

static void decide(struct sl_estimator *e, sl_ns delay, sl_ns remote, sl_ns now)
{
    const struct sl_loss_counts counts = sl_loss_sum(&e->loss, LOSS_SPAN, now);
    const sl_ns queue = sl_trend_queue(&e->trend);
    const bool settled = now - e->cut_at > e->rtt + RESPONSE;
    const bool lossy = counts.lost >= LOSS_MIN && share(counts) > LOSS_FEW && queue > LOSS_QUEUE;
    if (settled && e->state == SL_TREND_STANDING && is_path(e, queue))
        return;
    if (settled && is_stuck(e, delay, remote)) {
        cut(e, meter_rate(&e->delivered, remote, STUCK_SPAN), now);
        return;
    }
    if (settled && (e->state != SL_TREND_STEADY || (lossy && now - e->cut_at > LOSS_SPAN))) {
        cut(e, delivered_now(e, remote), now);
        return;
    }
    const struct sl_loss_counts second = sl_loss_sum(&e->loss, SL_SEC, now);
    judge_loss(e, share(second), surely(second), now);
    grow(e, remote, now);
}

/* ---- outages ---- */

static void begin_outage(struct sl_estimator *e)
{
    e->outage = true;
    e->outages++;
    sl_flight_forget(&e->flight, SL_NEVER);
}

static void end_outage(struct sl_estimator *e, sl_ns now)
{
    e->outage = false;
    e->cut_at = e->grown_at = now;
    set_bps(e, e->bps * OUTAGE_CUT);
    sl_trend_clear(&e->trend);
    sl_loss_clear(&e->loss);
    e->to_judge = e->newest_sent + 1; /* frames of the outage say nothing about queues */
}

void sl_estimator_tick(struct sl_estimator *e, sl_ns now)
{
    const sl_ns patience = 3 * e->rtt > OUTAGE_MIN ? 3 * e->rtt : OUTAGE_MIN;
    e->now = now;
    sl_flight_forget(&e->flight, now - FORGET);
    if (e->known && !e->outage && e->flight.stats.flying > 0 && now - e->waiting > patience)
        begin_outage(e);
}

/* ---- feedback ---- */

static struct sl_loss_counts learnt(struct sl_flight_stats *since,
                                    const struct sl_flight_stats *stats)
{
    const struct sl_loss_counts counts = {
        .known = (int32_t)(stats->arrived + stats->lost - since->arrived - since->lost),
        .lost = (int32_t)(stats->lost - since->lost),
        .runs = (int32_t)(stats->runs - since->runs)};
    *since = *stats;
    return counts;
}

int sl_estimator_feedback(struct sl_estimator *e, const uint8_t *body, size_t len, sl_ns now)
{
    /* The timestamp is needed before the metrics are told; the length is checked by the reader. */
    if (len < 4)
        return -EBADMSG;
    uint32_t timestamp = sl_get32(body + len - 4);
    const bool known = e->known;
    if (sl_ccfb_read(body, len, &timestamp, NULL, NULL) < 0)
        return -EBADMSG;
    if (known && (int32_t)(timestamp - e->timestamp) < 0)
        return 0; /* overtaken by a newer one, which said more */
    struct report report = {.e = e, .now = now, .rtt = SL_NEVER, .delay = SL_NEVER};
    report.at = remote_time(e, timestamp);
    const int r = sl_ccfb_read(body, len, &timestamp, on_metric, &report);
    e->now = now;
    follow_interval(e, now);
    follow_rtt(e, report.rtt, now);
    e->known = true;
    e->reports++;
    if (!report.news)
        return r;
    e->waiting = now;
    sl_loss_add(&e->loss, learnt(&e->fed, &e->flight.stats), now);
    if (e->outage)
        end_outage(e, now);
    judge_frames(e);
    decide(e, report.delay, report.at, now);
    return r;
}

struct sl_loss_counts sl_estimator_take_loss(struct sl_estimator *e)
{
    return learnt(&e->told, &e->flight.stats);
}

/* ---- what came out ---- */

/* Of those that cannot have been heard of yet. */
static uint32_t largest_frame(const struct sl_estimator *e, sl_ns span)
{
    uint32_t bytes = 0;
    for (size_t i = 0; i < FRAMES; i++) {
        const struct frame *frame = &e->frames[i];
        if (frame->used && e->now - frame->last_sent <= span && frame->sent_bytes > bytes)
            bytes = frame->sent_bytes;
    }
    return bytes;
}

size_t sl_estimator_flying_cap(const struct sl_estimator *e, uint64_t bps)
{
    if (!e->known || e->rtt == 0)
        return SIZE_MAX;
    /* A packet is heard of an RTT and up to a report's interval after it was sent; one report may
     * be lost. */
    const sl_ns span = rtt_min(e) + 2 * e->interval;
    const double bytes = CAP_GAIN * (double)bps / 8 * (double)span / 1e9;
    return (size_t)bytes + largest_frame(e, span);
}

void sl_estimator_get(const struct sl_estimator *e, struct sl_estimate *ret)
{
    const sl_ns remote = remote_ns(e);
    const struct sl_flight_stats *flight = &e->flight.stats;
    *ret = (struct sl_estimate){
        .known = e->known,
        .outage = e->outage,
        .bps = (uint64_t)e->bps,
        .delivered_bps = (uint64_t)meter_rate(&e->delivered, remote, 400 * SL_MS),
        .capacity_bps = (uint64_t)e->capacity_bps,
        .rtt = e->rtt,
        .rtt_min = rtt_min(e),
        .queue = sl_trend_queue(&e->trend),
        .loss = share(sl_loss_sum(&e->loss, SL_SEC, e->heard_at)),
        .flying_bytes = flight->flying_bytes,
        .sent = flight->sent,
        .arrived = flight->arrived,
        .lost = flight->lost,
        .forgotten = flight->forgotten,
        .flying = flight->flying,
        .reports = e->reports,
        .overuses = e->overuses,
        .loss_cuts = e->loss_cuts,
        .outages = e->outages,
    };
}
