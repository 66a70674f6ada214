/* SPDX-License-Identifier: MIT */
/*
 * Segment fragment: what a recording's next moof and mdat are made of, in memory.
 *
 *     room, hold ─▶ [ samples .. ][ one held: how long it lasts is not known ]    of each track
 *                        parts ─▶ moof mdat, as pieces for one pwritev()
 *
 * A sample is written once, to where the disk's write takes it from; the buffers stay for the next
 * fragment, so a recording that goes on allocates nothing. libavformat's muxer copied each three
 * times and made its buffers anew for each fragment, which was half of what recording took.
 *
 * ISO/IEC 14496-12, 8.8: one traf of one trun for each track with samples, data offsets from the
 * moof. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/types.h"
#include "receiver/segment_file.h"

#define SL_SEGMENT_FRAGMENT_PARTS 7    /* pieces, at most */
#define SL_SEGMENT_FRAGMENT_HEADS 256  /* bytes of all heads of boxes, at most */
#define SL_SEGMENT_FRAGMENT_UNITS 4096 /* of a track: so many are to leave at once */

/* A buffer that grows and is kept. */
struct sl_segment_buffer {
    uint8_t *data;
    size_t len, size;
};

struct sl_segment_fragment {
    uint32_t sequence; /* of the one under way: 1, 2 ... */
    struct sl_segment_fragment_track {
        struct sl_segment_buffer samples; /* and the one held, behind them */
        struct sl_segment_buffer table;   /* of trun, as it is written */
        size_t held_len;                  /* 0: none */
        int64_t at;                       /* of its first sample, in ticks of the track */
        uint32_t count;
    } tracks[SL_SEGMENT_TRACKS];
    uint8_t heads[SL_SEGMENT_FRAGMENT_HEADS];
};

void sl_segment_fragment_init(struct sl_segment_fragment *fragment);
void sl_segment_fragment_fini(struct sl_segment_fragment *fragment);

/* Where a unit of up to `len` bytes is to be written, none being held; NULL: no memory. */
uint8_t *sl_segment_fragment_room(struct sl_segment_fragment *fragment, enum sl_segment_track track,
                                  size_t len);
/* So many bytes were, and are held. */
void sl_segment_fragment_hold(struct sl_segment_fragment *fragment, enum sl_segment_track track,
                              size_t len);
/* The one held, or NULL. */
const uint8_t *sl_segment_fragment_held(const struct sl_segment_fragment *fragment,
                                        enum sl_segment_track track, size_t *len);
/* The one held is a sample of the fragment, at `at` for `ticks`. 0 or -ENOMEM. */
SL_MUST_CHECK int sl_segment_fragment_add(struct sl_segment_fragment *fragment,
                                          enum sl_segment_track track, int64_t at, uint32_t ticks,
                                          bool key);

/* Bytes of its samples; 0: it has none. */
size_t sl_segment_fragment_bytes(const struct sl_segment_fragment *fragment);
/* Enough for one. */
bool sl_segment_fragment_full(const struct sl_segment_fragment *fragment);

/* The pieces of moof and mdat in their order, and how many; void after the next call of any kind.
 * 0 for a fragment without samples. */
int sl_segment_fragment_parts(struct sl_segment_fragment *fragment,
                              struct iovec parts[SL_SEGMENT_FRAGMENT_PARTS]);
/* It was written: the next one begins with what is held. */
void sl_segment_fragment_next(struct sl_segment_fragment *fragment);
