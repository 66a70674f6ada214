/* SPDX-License-Identifier: MIT */
#include "session/nack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW 1024 /* numbers remembered as arrived; srtp's replay window has the same size */
#define MAX_TRIES 5
#define MAX_TRIES_RELAYED 16 /* the first ones may find the relay without it: tries for nothing */
#define RETRY_MIN (10 * SL_MS)
#define RETRY_MAX_RELAYED (40 * SL_MS) /* unless the RTT is longer */
#define GUARD_BASE (1500 * SL_US)
#define GUARD_CAP (20 * SL_MS)
#define GUARD_CAP_RELAYED (4 * SL_MS)
#define GUARD_HALF_LIFE (5 * SL_SEC)
#define LATE (200 * SL_MS)     /* of no use any more: rate/redundancy.h has the same deadline */
#define FEC_ALIVE (2 * SL_SEC) /* after a row */
#define HOLD_MIN (2 * SL_MS)   /* for rows, after the frame's marker ... */
#define HOLD_MAX (12 * SL_MS)
#define HOLD_MARGIN SL_MS
#define HOLD_ROW (1500 * SL_US) /* ... and after each row */
#define HOLD_FRAME (10 * SL_MS) /* for the marker, which may be lost too */
#define HOLD_ANSWER (4 * SL_MS) /* rows in answer to a NACK are paced */
#define HOLD_MOST (40 * SL_MS)  /* rows on rows */
#define TAIL_QUIET (5 * SL_MS)
#define TAIL_SPACINGS 2               /* as often as packets of a frame come on a narrow link */
#define TAIL_SPACING_MAX (50 * SL_MS) /* a longer gap is no spacing */
#define TAIL_AHEAD 4                  /* numbers past the highest asked for at once */
#define HEAD_AHEAD 4                  /* numbers before the first asked for at once */
#define HEAD_TRIES 5
#define BACKWARD 64 /* the first packets ever may come in the wrong order, by so much ... */
#define BACKWARD_TIME (500 * SL_MS) /* ... and for so long */

struct missing {
    int64_t seq;
    sl_ns noticed;
    sl_ns next;  /* when to ask (again), or to give up */
    sl_ns asked; /* the last time */
    int tries;
    bool held; /* for rows that may still come */
};

/*
 * Numbers past the highest that the tail rule asked for. They may not exist, so they are not
 * `missing` until a later packet proves them; then they keep the tries already spent on them.
 */
struct tail {
    sl_ns next; /* SL_NEVER: nothing to ask */
    sl_ns asked;
    int tries;
    int64_t until; /* the last number asked for so far */
};

/* The same before the first number. */
struct head {
    sl_ns next;
    int tries;
};

struct sl_nack {
    struct sl_nack_config config;
    bool started;
    int64_t first, highest;
    sl_ns started_at;
    uint64_t arrived[WINDOW / 64];
    struct missing missing[SL_NACK_MAX]; /* ascending */
    size_t count;
    struct tail tail;
    struct head head;
    sl_ns heard_at;   /* the last packet of any kind */
    sl_ns arrived_at; /* `highest`, as first sent, and not the last of its frame; 0: else */
    sl_ns spacing;    /* between packets of a frame, the larger ones */
    sl_ns guard, guard_raised;
    sl_ns rtt; /* as last told */
    sl_ns due;
    bool has_fec;
    sl_ns row_at;   /* the last row */
    sl_ns ended_at; /* the marker of the newest frame; SL_NEVER: it is not complete yet */
    sl_ns hold, hold_raised;
    bool was_late;
    struct sl_losses losses;
    size_t fresh_given_up;
    struct sl_nack_stats stats;
};

static bool has_arrived(const struct sl_nack *nack, int64_t seq)
{
    const uint64_t slot = (uint64_t)seq % WINDOW;
    return nack->arrived[slot / 64] >> (slot % 64) & 1;
}

static void mark(struct sl_nack *nack, int64_t seq, bool arrived)
{
    const uint64_t slot = (uint64_t)seq % WINDOW;
    const uint64_t bit = (uint64_t)1 << (slot % 64);
    if (arrived)
        nack->arrived[slot / 64] |= bit;
    else
        nack->arrived[slot / 64] &= ~bit;
}

static sl_ns min_ns(sl_ns a, sl_ns b)
{
    return a < b ? a : b;
}

static int max_tries(const struct sl_nack *nack)
{
    return nack->config.relayed ? MAX_TRIES_RELAYED : MAX_TRIES;
}

/* From try number `tries` to the next. */
static sl_ns retry_after(const struct sl_nack *nack, int tries)
{
    const sl_ns interval = nack->rtt > RETRY_MIN ? nack->rtt : RETRY_MIN;
    if (!nack->config.relayed || tries < 2)
        return interval;
    const sl_ns spread = interval << (tries < 8 ? tries - 1 : 7);
    const sl_ns most = interval > RETRY_MAX_RELAYED ? interval : RETRY_MAX_RELAYED;
    return min_ns(spread, most);
}

static void find_due(struct sl_nack *nack)
{
    nack->due = min_ns(nack->tail.next, nack->head.next);
    for (size_t i = 0; i < nack->count; i++)
        nack->due = min_ns(nack->due, nack->missing[i].next);
}

/* Where `seq` is, or would be inserted. */
static size_t place_of(const struct sl_nack *nack, int64_t seq)
{
    size_t low = 0, high = nack->count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (nack->missing[middle].seq < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void remove_at(struct sl_nack *nack, size_t at)
{
    const bool was_due = nack->missing[at].next == nack->due;
    nack->count--;
    memmove(&nack->missing[at], &nack->missing[at + 1],
            (nack->count - at) * sizeof(nack->missing[0]));
    if (was_due)
        find_due(nack);
}

static void give_up_one(struct sl_nack *nack, int64_t seq, sl_ns now)
{
    nack->stats.given_up++;
    nack->fresh_given_up++;
    sl_losses_add(&nack->losses, seq, now);
}

/* Without telling one from another: a stream that was interrupted, not one that loses. */
static void give_up(struct sl_nack *nack, size_t count)
{
    nack->stats.given_up += count;
    nack->fresh_given_up += count;
}

static bool awaits_rows(const struct sl_nack *nack, sl_ns now)
{
    return nack->has_fec && now - nack->row_at < FEC_ALIVE;
}

static void insert(struct sl_nack *nack, int64_t seq, sl_ns now)
{
    const size_t at = place_of(nack, seq);
    memmove(&nack->missing[at + 1], &nack->missing[at],
            (nack->count - at) * sizeof(nack->missing[0]));
    struct missing *missing = &nack->missing[at];
    *missing = (struct missing){.seq = seq, .noticed = now, .next = now + nack->guard};
    if (awaits_rows(nack, now)) {
        missing->held = true;
        missing->next = now + HOLD_FRAME + nack->hold;
    }
    if (nack->tail.tries > 0 && seq > nack->highest && seq <= nack->tail.until) {
        missing->tries = nack->tail.tries;
        missing->next = nack->tail.asked + retry_after(nack, missing->tries);
        missing->held = false;
    }
    nack->count++;
    nack->due = min_ns(nack->due, missing->next);
}

/* The numbers from..to (both included) were sent and have not come. After a silence longer than
 * they can be waited for most of them are of no use any more: only the newest may be of a frame
 * that is. */
static void add_gap(struct sl_nack *nack, int64_t from, int64_t to, sl_ns now)
{
    uint64_t gap = (uint64_t)(to - from + 1);
    nack->stats.expected += gap;
    if (now - nack->heard_at > nack->config.patience && gap > HEAD_AHEAD) {
        give_up(nack, gap - HEAD_AHEAD);
        from = to + 1 - HEAD_AHEAD;
        gap = HEAD_AHEAD;
    }
    if (nack->count + gap > SL_NACK_MAX) {
        give_up(nack, nack->count + gap);
        nack->count = 0;
        return;
    }
    for (int64_t seq = from; seq <= to; seq++)
        insert(nack, seq, now);
}

/* What falls out of the window can no longer be told from a duplicate. */
static void drop_old(struct sl_nack *nack, sl_ns now)
{
    size_t old = 0;
    while (old < nack->count && nack->missing[old].seq <= nack->highest - WINDOW)
        give_up_one(nack, nack->missing[old++].seq, now);
    if (old == 0)
        return;
    nack->count -= old;
    memmove(nack->missing, &nack->missing[old], nack->count * sizeof(nack->missing[0]));
}

/* ---- rows that may still come ---- */

/* The frame is complete but for what is missing: its rows follow now. */
static void end_frame(struct sl_nack *nack, sl_ns now)
{
    nack->ended_at = now;
    for (size_t i = 0; i < nack->count; i++) {
        struct missing *missing = &nack->missing[i];
        const sl_ns guarded = missing->noticed + nack->guard, held = now + nack->hold;
        if (missing->held)
            missing->next = guarded > held ? guarded : held;
    }
    find_due(nack);
}

static bool has_asked(const struct sl_nack *nack)
{
    for (size_t i = 0; i < nack->count; i++)
        if (nack->missing[i].tries > 0)
            return true;
    return nack->tail.tries > 0;
}

/* How long after the marker rows come. Not by those that were asked for. */
static void learn_hold(struct sl_nack *nack, sl_ns now)
{
    const sl_ns want = now - nack->ended_at + HOLD_MARGIN;
    if (now - nack->hold_raised >= GUARD_HALF_LIFE) {
        nack->hold = HOLD_MIN + (nack->hold - HOLD_MIN) / 2;
        nack->hold_raised = now;
    }
    if (nack->ended_at == SL_NEVER || want <= nack->hold || want > HOLD_MAX || has_asked(nack))
        return;
    nack->hold = want;
    nack->hold_raised = now;
}

/* How long after a row the next of the same frame may come. */
static sl_ns row_gap(const struct sl_nack *nack)
{
    return HOLD_ROW + nack->guard - GUARD_BASE;
}

/* `last` was sent, and ends a frame, though neither it nor anything behind it has come. */
static void prove(struct sl_nack *nack, int64_t last, sl_ns now)
{
    const int64_t from = nack->highest + 1;
    for (int64_t seq = from; seq <= last; seq++)
        mark(nack, seq, false);
    add_gap(nack, from, last, now);
    nack->highest = last;
    drop_old(nack, now);
    nack->tail = (struct tail){.next = SL_NEVER};
    nack->ended_at = SL_NEVER; /* when, nobody knows */
    nack->arrived_at = 0;
}

void sl_nack_row(struct sl_nack *nack, int64_t last, sl_ns now)
{
    learn_hold(nack, now);
    nack->has_fec = true;
    nack->row_at = now;
    if (nack->started && last > nack->highest && last - nack->highest < WINDOW)
        prove(nack, last, now);
    nack->heard_at = now;
    for (size_t i = 0; i < nack->count; i++) {
        struct missing *missing = &nack->missing[i];
        const sl_ns since = missing->tries ? missing->asked : missing->noticed;
        const sl_ns most = since + HOLD_MOST + (missing->tries ? nack->rtt : 0);
        if (missing->next < min_ns(now + row_gap(nack), most))
            missing->next = min_ns(now + row_gap(nack), most);
    }
    if (nack->tail.tries == 0 && nack->tail.next != SL_NEVER &&
        nack->tail.next < now + row_gap(nack))
        nack->tail.next = now + row_gap(nack);
    find_due(nack);
}

/* Packets of one frame come one by one where a narrow link or a pacer spreads them. */
static void learn_spacing(struct sl_nack *nack, int64_t seq, bool marker, bool resend, sl_ns now)
{
    const sl_ns gap = now - nack->arrived_at;
    if (nack->arrived_at && seq == nack->highest + 1 && !resend && gap <= TAIL_SPACING_MAX)
        nack->spacing = gap > nack->spacing ? gap : nack->spacing - (nack->spacing - gap) / 16;
    nack->arrived_at = marker || resend ? 0 : now;
}

static sl_ns quiet_for(const struct sl_nack *nack)
{
    const sl_ns spaced = TAIL_SPACINGS * nack->spacing;
    return (spaced > TAIL_QUIET ? spaced : TAIL_QUIET) + nack->guard - GUARD_BASE;
}

static void arm_tail(struct sl_nack *nack, bool marker, bool resend, sl_ns now)
{
    nack->tail = (struct tail){.next = SL_NEVER};
    nack->ended_at = SL_NEVER;
    if (marker)
        end_frame(nack, now);
    if (!nack->config.tail || marker)
        return;
    /* A mended tail that still has no marker: what was asked for with it is on its way, what was
     * not is gone as well, so there is no quiet to wait for again, only the order of arrival. */
    nack->tail.next = now + (resend ? nack->guard : quiet_for(nack));
}

static void advance(struct sl_nack *nack, int64_t seq, bool marker, bool resend, sl_ns now)
{
    if (seq - nack->highest >= WINDOW)
        memset(nack->arrived, 0, sizeof(nack->arrived));
    else
        for (int64_t i = nack->highest + 1; i < seq; i++)
            mark(nack, i, false);
    if (seq > nack->highest + 1)
        add_gap(nack, nack->highest + 1, seq - 1, now);
    const struct tail was = nack->tail;
    learn_spacing(nack, seq, marker, resend, now);
    nack->stats.expected++;
    nack->highest = seq;
    drop_old(nack, now);
    arm_tail(nack, marker, resend, now);
    if (resend && seq < was.until && nack->tail.next != SL_NEVER) {
        /* The rest of the same request is still under way. */
        nack->tail.until = was.until;
        nack->tail.tries = was.tries;
        nack->tail.asked = was.asked;
    }
    find_due(nack);
}

static void arm_head(struct sl_nack *nack, sl_ns now)
{
    const bool room = nack->started_at + BACKWARD_TIME > now && nack->first > 0;
    nack->head = (struct head){.next = nack->config.head && room ? now + nack->guard : SL_NEVER};
}

static void start(struct sl_nack *nack, int64_t seq, bool marker, sl_ns now)
{
    nack->started = true;
    nack->first = nack->highest = seq;
    nack->started_at = nack->heard_at = now;
    nack->stats.expected++;
    arm_tail(nack, marker, false, now);
    arm_head(nack, now);
    find_due(nack);
}

/* Waits longer next time, unless the network is so disordered that waiting would cost more than
 * asking in vain: what is later than the cap says nothing about the guard. */
static void learn_reordering(struct sl_nack *nack, sl_ns lateness, sl_ns now)
{
    const sl_ns cap = nack->config.relayed ? GUARD_CAP_RELAYED : GUARD_CAP;
    const sl_ns want = lateness + lateness / 4;
    if (lateness > cap || want <= nack->guard)
        return;
    nack->guard = min_ns((nack->guard + 3 * want) / 4, cap);
    nack->guard_raised = now;
}

static void forget_reordering(struct sl_nack *nack, sl_ns now)
{
    if (now - nack->guard_raised < GUARD_HALF_LIFE)
        return;
    nack->guard = GUARD_BASE + (nack->guard - GUARD_BASE) / 2;
    nack->guard_raised = now;
}

static enum sl_nack_arrival count_arrival(struct sl_nack *nack, int64_t seq,
                                          enum sl_nack_arrival what, bool late, sl_ns now)
{
    mark(nack, seq, true);
    if (what == SL_NACK_NEW) {
        nack->stats.received++;
        return what;
    }
    if (what == SL_NACK_MENDED)
        nack->stats.mended++;
    else
        nack->stats.restored++;
    nack->stats.late += late;
    nack->was_late = late;
    sl_losses_add(&nack->losses, seq, now);
    return what;
}

static enum sl_nack_arrival arrival_of(enum sl_nack_how how, bool asked)
{
    if (how != SL_NACK_SENT && asked)
        return SL_NACK_MENDED;
    return how == SL_NACK_BY_PARITY ? SL_NACK_RESTORED : SL_NACK_NEW;
}

/* The stream began earlier than it seemed. */
static enum sl_nack_arrival arrived_before_first(struct sl_nack *nack, int64_t seq,
                                                 enum sl_nack_how how, sl_ns now)
{
    if (nack->first - seq > BACKWARD || now - nack->started_at > BACKWARD_TIME ||
        nack->highest - seq >= WINDOW / 2) {
        nack->stats.old++;
        return SL_NACK_OLD;
    }
    const int64_t first = nack->first;
    nack->first = seq;
    for (int64_t i = seq; i < first; i++)
        mark(nack, i, false);
    nack->stats.expected++;
    if (seq + 1 < first)
        add_gap(nack, seq + 1, first - 1, now);
    const enum sl_nack_arrival what = arrival_of(how, nack->head.tries > 0);
    arm_head(nack, now);
    find_due(nack);
    return count_arrival(nack, seq, what, false, now);
}

/* It was given up, and came after all. It has been counted as lost. */
static enum sl_nack_arrival arrived_too_late(struct sl_nack *nack, int64_t seq,
                                             enum sl_nack_how how)
{
    const enum sl_nack_arrival what = arrival_of(how, how == SL_NACK_RESENT);
    mark(nack, seq, true);
    nack->stats.given_up--;
    nack->stats.received += what == SL_NACK_NEW;
    nack->stats.mended += what == SL_NACK_MENDED;
    nack->stats.restored += what == SL_NACK_RESTORED;
    nack->stats.late += what != SL_NACK_NEW;
    nack->was_late = true;
    return what;
}

static enum sl_nack_arrival arrived_late(struct sl_nack *nack, int64_t seq, enum sl_nack_how how,
                                         sl_ns now)
{
    if (seq <= nack->highest - WINDOW) {
        nack->stats.old++;
        return SL_NACK_OLD;
    }
    if (has_arrived(nack, seq)) {
        nack->stats.duplicate++;
        return SL_NACK_DUPLICATE;
    }
    const size_t at = place_of(nack, seq);
    if (at == nack->count || nack->missing[at].seq != seq)
        return arrived_too_late(nack, seq, how);
    const enum sl_nack_arrival what = arrival_of(how, nack->missing[at].tries > 0);
    const sl_ns lateness = now - nack->missing[at].noticed;
    if (what == SL_NACK_NEW)
        learn_reordering(nack, lateness, now);
    remove_at(nack, at);
    return count_arrival(nack, seq, what, lateness > LATE, now);
}

enum sl_nack_arrival sl_nack_arrived(struct sl_nack *nack, int64_t seq, bool marker,
                                     enum sl_nack_how how, sl_ns now)
{
    forget_reordering(nack, now);
    nack->was_late = false;
    if (!nack->started) {
        start(nack, seq, marker, now);
        return count_arrival(nack, seq, SL_NACK_NEW, false, now);
    }
    if (seq < nack->first)
        return arrived_before_first(nack, seq, how, now);
    if (seq <= nack->highest) {
        nack->heard_at = now;
        return arrived_late(nack, seq, how, now);
    }
    const bool asked = seq <= nack->tail.until && nack->tail.tries > 0;
    const enum sl_nack_arrival what = arrival_of(how, asked);
    advance(nack, seq, marker, what != SL_NACK_NEW, now);
    nack->heard_at = now;
    return count_arrival(nack, seq, what, false, now);
}

bool sl_nack_was_late(const struct sl_nack *nack)
{
    return nack->was_late;
}

struct sl_losses *sl_nack_losses(struct sl_nack *nack)
{
    return &nack->losses;
}

/* False: this number is given up. */
static bool ask(struct sl_nack *nack, struct missing *missing, sl_ns now, int64_t *seqs,
                size_t *count)
{
    const sl_ns end = missing->noticed + nack->config.patience;
    const bool tired = missing->tries >= max_tries(nack);
    if (now >= end || (tired && !nack->config.relayed))
        return false;
    if (tired || now + nack->rtt > end) { /* an answer to this would come too late */
        missing->next = end;
        return true;
    }
    seqs[(*count)++] = missing->seq;
    missing->tries++;
    missing->held = false;
    missing->asked = now;
    missing->next = now + retry_after(nack, missing->tries);
    if (awaits_rows(nack, now))
        missing->next += HOLD_ANSWER;
    missing->next = min_ns(missing->next, end);
    return true;
}

static void ask_head(struct sl_nack *nack, sl_ns now, int64_t *seqs, size_t max, size_t *count)
{
    struct head *head = &nack->head;
    if (head->next > now || *count + HEAD_AHEAD > max)
        return;
    if (head->tries == HEAD_TRIES) {
        head->next = SL_NEVER;
        return;
    }
    const int64_t from = nack->first > HEAD_AHEAD ? nack->first - HEAD_AHEAD : 0;
    for (int64_t seq = from; seq < nack->first; seq++)
        seqs[(*count)++] = seq;
    head->tries++;
    head->next = now + retry_after(nack, 1);
}

static void ask_tail(struct sl_nack *nack, sl_ns now, int64_t *seqs, size_t max, size_t *count)
{
    struct tail *tail = &nack->tail;
    if (tail->next > now || *count + TAIL_AHEAD > max)
        return;
    if (tail->tries >= MAX_TRIES) {
        tail->next = SL_NEVER;
        return;
    }
    tail->until = nack->highest + TAIL_AHEAD;
    for (int64_t seq = nack->highest + 1; seq <= tail->until; seq++)
        seqs[(*count)++] = seq;
    tail->tries++;
    tail->asked = now;
    tail->next = now + retry_after(nack, tail->tries);
}

size_t sl_nack_take(struct sl_nack *nack, sl_ns now, sl_ns rtt, int64_t *seqs, size_t max)
{
    size_t count = 0, kept = 0;
    nack->rtt = rtt;
    if (now < nack->due)
        return 0;
    ask_head(nack, now, seqs, max, &count);
    for (size_t i = 0; i < nack->count; i++) {
        struct missing *missing = &nack->missing[i];
        const bool held =
            missing->next > now || count == max || ask(nack, missing, now, seqs, &count);
        if (held)
            nack->missing[kept++] = *missing;
        else
            give_up_one(nack, missing->seq, now);
    }
    nack->count = kept;
    ask_tail(nack, now, seqs, max, &count);
    nack->stats.asked += count;
    find_due(nack);
    return count;
}

size_t sl_nack_given_up(struct sl_nack *nack)
{
    const size_t count = nack->fresh_given_up;
    nack->fresh_given_up = 0;
    return count;
}

sl_ns sl_nack_due(const struct sl_nack *nack)
{
    return nack->due;
}

int sl_nack_create(struct sl_nack **ret, const struct sl_nack_config *config)
{
    if (config->patience <= 0)
        return -EINVAL;
    struct sl_nack *nack = calloc(1, sizeof(*nack));
    if (!nack)
        return -ENOMEM;
    nack->config = *config;
    nack->guard = GUARD_BASE;
    nack->hold = HOLD_MIN;
    nack->ended_at = SL_NEVER;
    nack->due = nack->tail.next = nack->head.next = SL_NEVER;
    *ret = nack;
    return 0;
}

void sl_nack_destroy(struct sl_nack *nack)
{
    free(nack);
}

/* A new stream: what was missing of the old one will not come. The guard is the network's. */
void sl_nack_reset(struct sl_nack *nack)
{
    give_up(nack, nack->count);
    nack->fresh_given_up = 0;
    nack->count = 0;
    nack->started = false;
    nack->tail = (struct tail){.next = SL_NEVER};
    nack->head = (struct head){.next = SL_NEVER};
    nack->due = SL_NEVER;
    nack->has_fec = false;
    nack->ended_at = SL_NEVER;
    nack->arrived_at = nack->spacing = 0;
    nack->losses.started = false;
    memset(nack->arrived, 0, sizeof(nack->arrived));
}

void sl_nack_stats(const struct sl_nack *nack, struct sl_nack_stats *ret)
{
    *ret = nack->stats;
    ret->missing = nack->count;
    ret->guard = nack->guard;
    ret->hold = nack->hold;
}
