/* SPDX-License-Identifier: MIT */
/*
 * Which packets are missing and when to ask for them.
 *
 * One received stream. A gap is asked for after a reorder guard (1 to 2 ms, grown to the reordering
 * measured), then every max(RTT, 10 ms), at most 5 tries and only while it can still help
 * (`patience`). What runs out of tries, one more interval after the last, or out of time is given
 * up: video then needs a key frame.
 *
 * The tail rule: a frame that has no marker yet and has been quiet for 5 ms, or for twice as long
 * as packets are apart on a narrow link, is asked for at highest+1 .. highest+4. Those numbers may
 * not exist, so they are neither expected nor missing, and never given up, until a later packet
 * proves them; then they keep the tries spent.
 *
 * The head rule likewise: the first packet to arrive need not be the first that was sent, and a key
 * frame without its first packet is no picture. So the 4 numbers before the first are asked for,
 * 5 times; what comes moves the beginning back, by 64 at most.
 *
 * Behind a relay (`relayed`) a number may be late because the relay itself is waiting for it, by a
 * round trip that we do not know. So there are up to 16 tries, spread (the interval doubles, up to
 * 40 ms), only time gives up, and lateness beyond 4 ms is not taken for reordering.
 *
 * After a silence longer than `patience` what was sent meanwhile is given up at once, but for the
 * last 4 numbers, which may be of the frame that is coming.
 *
 * With FEC (a row of parity within the last two seconds) what is missing of a frame is not asked
 * for before the frame's rows can have come: once its marker is here, the time is waited that rows
 * were seen to take after it, and a little after each row. A row also says how far its frame
 * goes, so that a lost end of it is missing like any packet.
 *
 * Pure; fixed memory (1024 numbers).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

#include "session/losses.h"

#define SL_NACK_MAX 512 /* missing numbers held; more means a jump: all given up */

struct sl_nack;

struct sl_nack_config {
    bool head;    /* ask for what may have been sent before the first that came */
    bool tail;    /* video: frames end with a marker */
    bool relayed; /* the peer may be waiting for it as well */
    sl_ns patience;
};

SL_MUST_CHECK int sl_nack_create(struct sl_nack **ret, const struct sl_nack_config *config);
void sl_nack_destroy(struct sl_nack *nack);

enum sl_nack_arrival {
    SL_NACK_NEW,
    SL_NACK_MENDED,   /* after it was asked for */
    SL_NACK_RESTORED, /* by parity, unasked */
    SL_NACK_DUPLICATE,
    SL_NACK_OLD,
};

enum sl_nack_how {
    SL_NACK_SENT,     /* as first sent */
    SL_NACK_RESENT,   /* by RTX, or perhaps so */
    SL_NACK_BY_PARITY /* restored */
};

/* A packet is here. */
enum sl_nack_arrival sl_nack_arrived(struct sl_nack *nack, int64_t seq, bool marker,
                                     enum sl_nack_how how, sl_ns now);

/* A row of parity came; `last` is the last number of what it protects, hence was sent. */
void sl_nack_row(struct sl_nack *nack, int64_t last, sl_ns now);

/* True if the last packet that arrived was mended or restored too late (200 ms) to be of use. */
bool sl_nack_was_late(const struct sl_nack *nack);

/* What was lost, for good or not. */
struct sl_losses *sl_nack_losses(struct sl_nack *nack);

/* Numbers to ask for at `now`, ascending, each counted as a try; `max` >= 8. Call while due. */
size_t sl_nack_take(struct sl_nack *nack, sl_ns now, sl_ns rtt, int64_t *seqs, size_t max);

/* Numbers given up since the last call. */
size_t sl_nack_given_up(struct sl_nack *nack);

sl_ns sl_nack_due(const struct sl_nack *nack);
void sl_nack_reset(struct sl_nack *nack);

/* expected == received + mended + restored + missing + given_up (of the numbers from the first on)
 */
struct sl_nack_stats {
    uint64_t expected, received, mended, restored, missing, given_up, duplicate, old, asked;
    uint64_t late; /* of the mended and restored */
    sl_ns guard;
    sl_ns hold; /* for the rows of a frame, after its marker */
};
void sl_nack_stats(const struct sl_nack *nack, struct sl_nack_stats *ret);
