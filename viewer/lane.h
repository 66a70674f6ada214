/* SPDX-License-Identifier: MIT */
/*
 * Lane: one feed's way from the net thread through a decode worker to the main thread.
 *
 *   net: offer ─▶ [ ring of access units ] ─▶ worker: run ─▶ [ mailbox of 1 ] ─▶ main: take
 *                                                    ◀──── spare pictures ◀────
 *
 * Units are decoded in order by one worker at a time (decode.h sees to it). Nothing is decoded
 * until a key frame, while the tile is hidden, or after a break: such units are dropped and
 * counted, and a key frame is wanted. A full ring, and a unit that waited longer than
 * SL_LANE_WAIT_MAX, break the chain likewise: what is old is never played after. Late units are
 * decoded for the sake of the chain and not shown. The newest picture replaces an unread one.
 *
 * A picture shown at a quarter of its size or less is decoded without the loop filter, a third of
 * the time: at that size nobody sees it (docs/wall.md). At half its size or less it is so once
 * several units in a row have waited longer than SL_LANE_WAIT_LONG; with the first key frame after
 * a calm it is as before. A tile that becomes larger asks for a key frame.
 *
 * The worker scales to what the tile asks for; at 1:1 the decoder's memory is handed over as it is.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "codec/picture.h"

#define SL_LANE_UNIT_MAX ((size_t)1 << 20) /* bytes of one access unit */
#define SL_LANE_UNITS 32                   /* one second at 30/s */
#define SL_LANE_WAIT_MAX (250 * SL_MS)     /* a longer wait for a worker is an overload */
#define SL_LANE_WAIT_LONG (50 * SL_MS)     /* a longer one will soon be */
#define SL_LANE_LONG_WAITS 8               /* in a row; a burst of key frames is over by then */
#define SL_LANE_CALM (5 * SL_SEC)          /* without a long wait: it is over */

struct sl_lane;
struct sl_trace;
struct sl_wake;

/* `units`: that may wait, a power of two. `shown` is signalled for each picture, `wanted` for each
 * wish for a key frame. 0, -ENOMEM or what the decoder says. */
SL_MUST_CHECK int sl_lane_create(struct sl_lane **ret, size_t units, struct sl_wake *shown,
                                 struct sl_wake *wanted);
void sl_lane_destroy(struct sl_lane *lane);
/* Before anything is offered: notes when each unit is taken and made. NULL is fine. */
void sl_lane_trace(struct sl_lane *lane, struct sl_trace *trace);

/* ---- net thread ---- */

struct sl_unit {
    const uint8_t *data; /* Annex B */
    size_t len;
    bool key;
    bool late; /* decode, do not show */
    bool has_capture;
    sl_ns captured;     /* on our clock */
    uint32_t timestamp; /* RTP; for the trace only */
    sl_ns due;          /* not to be shown before */
    sl_ns offered;      /* when a worker may have it: now, or later */
};

/* Copies the unit in. True if it waits for a worker, who is then to be told. */
bool sl_lane_offer(struct sl_lane *lane, const struct sl_unit *unit);
/* References of what follows are lost: nothing more up to a key frame. */
void sl_lane_break(struct sl_lane *lane);
/* A key frame has been asked for, by any thread, since the last call. */
/* Pixels across that main wants; 0: the tile is hidden. Any thread. */
int sl_lane_width(const struct sl_lane *lane);
bool sl_lane_key_wanted(struct sl_lane *lane);

/* ---- the worker that has the lane ---- */

/* Takes one unit through the decoder. False if there was none. */
bool sl_lane_run(struct sl_lane *lane, sl_ns now);

/* ---- main thread ---- */

struct sl_shown {
    struct sl_picture picture;
    int source_width, source_height; /* as it was sent */
    bool has_capture;
    sl_ns due;
    uint32_t timestamp; /* RTP; for the trace only */
};

/* The size of the tile's cell; 0 x 0: hidden, nothing is decoded. */
void sl_lane_want(struct sl_lane *lane, int width, int height);
/* Threads that may decode one picture, by slices, from the next key frame on (1 at first). More
 * than one pays only where no other tile wants the cores. */
void sl_lane_share(struct sl_lane *lane, int threads);
/* The newest picture since the last call if it is due at `now`, or NULL. Valid until the call after
 * it that gives one. */
const struct sl_shown *sl_lane_take(struct sl_lane *lane, sl_ns now);
/* When the next picture falls due; SL_NEVER if none waits. */
sl_ns sl_lane_due(const struct sl_lane *lane);

/* ---- any thread ---- */

/* offered == decoded + hidden + waiting + full + overload + damaged + held
 * decoded == shown + late + superseded + empty */
struct sl_lane_stats {
    uint64_t offered;
    uint64_t hidden;   /* dropped: the tile is not on the page */
    uint64_t waiting;  /* dropped: no key frame yet            */
    uint64_t full;     /* dropped: no room in the ring         */
    uint64_t overload; /* dropped: waited too long             */
    uint64_t damaged;  /* refused by the decoder               */
    uint64_t decoded;
    uint64_t late;       /* decoded, not shown, as the jitter buffer said   */
    uint64_t superseded; /* decoded, but a newer one was there before it was shown */
    uint64_t empty;      /* no picture came out                  */
    uint64_t shown;      /* taken by the main thread, or waiting for it */
    uint64_t held;
    uint64_t keys;  /* key frames wanted */
    uint64_t eased; /* of the decoded: without the loop filter, though no longer tiny */
};

void sl_lane_stats(const struct sl_lane *lane, struct sl_lane_stats *ret);
