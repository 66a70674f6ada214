/* SPDX-License-Identifier: MIT */
#include "jitter/playout.h"

#define ONE_IN 33        /* may be later than half an interval */
#define UNSEEN 3         /* of the window may not be seen */
#define SEEN (5 * SL_MS) /* so long before the next a frame has to come to be seen */
#define LATELY 30        /* frames: a second */
#define FEW 4            /* of them, as late as that, make the delay rise at once */
#define TOP_MAX (SL_PLAYOUT_WINDOW / ONE_IN + 1)
#define RUN_COUNTS 2
#define BIG_FACTOR 2. /* times the mean: a key frame has 4 */
#define BIG_LEAST 3   /* big frames tell nothing before */
#define BIG_FOR (30 * SL_SEC)
#define FALL_FOR_MAX SL_SEC /* of a gap between frames */
#define INTERVAL_MAX SL_SEC
#define USUAL_RISES 20 /* times slower than time passes */

_Static_assert(FEW <= TOP_MAX, "room for the top");

void sl_playout_init(struct sl_playout *playout)
{
    *playout = (struct sl_playout){.far_since = SL_NEVER};
}

void sl_playout_restart(struct sl_playout *playout)
{
    const sl_ns delay = playout->delay;
    *playout = (struct sl_playout){.delay = delay, .usual = delay, .far_since = SL_NEVER};
}

/* The `rank`th largest of the newest `count` of the window; 0 if there are fewer. */
static sl_ns ranked(const struct sl_playout *playout, size_t count, size_t rank)
{
    sl_ns top[TOP_MAX];
    size_t held = 0;
    if (count > playout->count)
        count = playout->count;
    for (size_t age = 0; age < count; age++) {
        const sl_ns late =
            playout->window[(playout->newest + SL_PLAYOUT_WINDOW - age) % SL_PLAYOUT_WINDOW];
        if (held == rank && late <= top[rank - 1])
            continue;
        size_t at = held < rank ? held++ : rank - 1;
        for (; at > 0 && top[at - 1] < late; at--)
            top[at] = top[at - 1];
        top[at] = late;
    }
    return held == rank ? top[rank - 1] - playout->base : 0;
}

/* The median of the big frames of late. */
static sl_ns big_frames_need(const struct sl_playout *playout)
{
    sl_ns sorted[SL_PLAYOUT_BIG];
    size_t held = 0;
    for (size_t i = 0; i < playout->big_count; i++) {
        if (playout->ready - playout->big[i].ready > BIG_FOR)
            continue;
        size_t at = held++;
        for (; at > 0 && sorted[at - 1] > playout->big[i].late; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = playout->big[i].late;
    }
    return held < BIG_LEAST ? 0 : sorted[held / 2] - playout->base;
}

static sl_ns larger(sl_ns a, sl_ns b)
{
    return a > b ? a : b;
}

static sl_ns smaller(sl_ns a, sl_ns b)
{
    return a < b ? a : b;
}

sl_ns sl_playout_wanted(const struct sl_playout *playout)
{
    const size_t rank = playout->count / ONE_IN + 1;
    sl_ns wanted = ranked(playout, SL_PLAYOUT_WINDOW, rank < FEW ? FEW : rank);
    wanted = larger(wanted, ranked(playout, LATELY, FEW));
    wanted = larger(wanted, big_frames_need(playout)) - playout->interval / 2;
    const sl_ns seen = larger(playout->interval - SEEN, playout->interval / 2);
    wanted = larger(wanted, ranked(playout, SL_PLAYOUT_WINDOW, UNSEEN + 1) - seen);
    return smaller(larger(wanted, 0), SL_PLAYOUT_MAX);
}

/* True if the frame waited for the one before it: it caught up by more than half the time that
 * passed. The first of such a run says how long the stall was; the others only how many it hit. */
static bool follows_closely(const struct sl_playout *playout, const struct sl_playout_frame *frame)
{
    return playout->started && 2 * (playout->late - frame->late) > frame->ready - playout->ready;
}

/* True while frames are far late, and have not been for long. */
static bool chokes(struct sl_playout *playout, const struct sl_playout_frame *frame)
{
    if (frame->late <= playout->usual + SL_PLAYOUT_FAR) {
        playout->far_since = SL_NEVER;
        return false;
    }
    if (playout->far_since == SL_NEVER)
        playout->far_since = frame->ready;
    return frame->ready - playout->far_since < SL_PLAYOUT_EPISODE;
}

static void keep(struct sl_playout *playout, const struct sl_playout_frame *frame)
{
    playout->newest = (playout->newest + 1) % SL_PLAYOUT_WINDOW;
    playout->window[playout->newest] = frame->late + playout->base;
    if (playout->count < SL_PLAYOUT_WINDOW)
        playout->count++;
}

static void note_size(struct sl_playout *playout, const struct sl_playout_frame *frame, bool counts)
{
    const double bytes = (double)frame->bytes;
    const bool big = playout->started && bytes > BIG_FACTOR * playout->mean_bytes;
    playout->mean_bytes =
        playout->started ? playout->mean_bytes + (bytes - playout->mean_bytes) / 32 : bytes;
    if (!big || frame->repaired || !counts)
        return;
    playout->big_newest = (playout->big_newest + 1) % SL_PLAYOUT_BIG;
    playout->big[playout->big_newest].ready = frame->ready;
    playout->big[playout->big_newest].late = frame->late + playout->base;
    if (playout->big_count < SL_PLAYOUT_BIG)
        playout->big_count++;
}

static void follow_estimate(struct sl_playout *playout, sl_ns rise)
{
    if (rise > SL_PLAYOUT_MAX || rise < -SL_PLAYOUT_MAX) {
        sl_playout_restart(playout);
    } else if (rise > 0) {
        playout->base += rise;
        playout->delay = larger(playout->delay - rise, 0);
    }
}

/* The usual one: what was left out, skipped or captured late makes single ones longer. */
static void follow_interval(struct sl_playout *playout, sl_ns interval)
{
    if (interval <= 0 || interval > INTERVAL_MAX)
        return;
    if (playout->interval == 0 || interval < playout->interval)
        playout->interval = interval;
    else
        playout->interval += (interval - playout->interval) / 16;
}

static void approach(struct sl_playout *playout, sl_ns passed)
{
    const sl_ns goal = sl_playout_wanted(playout);
    passed = smaller(larger(passed, 0), FALL_FOR_MAX);
    playout->usual = smaller(playout->delay, playout->usual + passed / USUAL_RISES);
    if (goal > playout->delay)
        playout->delay = smaller(goal, playout->delay + SL_PLAYOUT_RISE);
    else
        playout->delay = larger(goal, playout->delay - passed * SL_PLAYOUT_FALL_PPM / 1000000);
}

void sl_playout_observe(struct sl_playout *playout, const struct sl_playout_frame *frame)
{
    follow_estimate(playout, frame->rise);
    follow_interval(playout, frame->interval);
    const bool chokes_now = chokes(playout, frame);
    playout->run = chokes_now || follows_closely(playout, frame) ? playout->run + 1 : 0;
    const bool begins = playout->first < SL_PLAYOUT_START;
    playout->first += begins;
    const bool counts = !begins && playout->run < RUN_COUNTS && frame->late <= SL_PLAYOUT_MAX;
    if (counts)
        keep(playout, frame);
    note_size(playout, frame, counts);
    const sl_ns passed = playout->started ? frame->ready - playout->ready : 0;
    playout->started = true;
    playout->ready = frame->ready;
    playout->late = frame->late;
    approach(playout, passed);
}
