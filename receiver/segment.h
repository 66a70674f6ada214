/* SPDX-License-Identifier: MIT */
/*
 * Segment: one file of a recording, and what it says of itself.
 *
 *     STORE/garden/2026-11-20/14-30-00Z.mp4        UTC, of its first picture; -2, -3 ... if taken
 *
 *     ftyp moov[ tracks, metadata ] ( moof mdat )*  a fragment each <= 500 ms
 *
 * The metadata is what the catalogue is rebuilt from, so nothing hangs on the file's name. Times
 * are UTC in microseconds, and go on without a jump inside one segment: RTP time mapped to the
 * wall's, the sender's drift taken out. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "base/types.h"
#include "receiver/store.h"

#define SL_SEGMENT_UUID_BYTES 37 /* 36 in lower case, and NUL */
#define SL_SEGMENT_PATH_BYTES 96 /* relative to the store */

enum sl_clock_state {
    SL_CLOCK_UNKNOWN,
    SL_CLOCK_FREE,   /* not known to be synchronised */
    SL_CLOCK_SYNCED, /* adjtimex() says so */
};

/* What a file says of itself from its first fragment on. */
struct sl_segment_meta {
    char uuid[SL_SEGMENT_UUID_BYTES]; /* version 4 */
    char camera[SL_NAME_BYTES];
    char location[SL_LOCATION_BYTES];
    int64_t start_us; /* of the first picture's capture */
    enum sl_clock_state clock;
    char boot_id[SL_SEGMENT_UUID_BYTES];
    sl_ns start_mono; /* the receiver's monotonic clock at start_us */
};

/* What counting its fragments tells besides. */
struct sl_segment_info {
    struct sl_segment_meta meta;
    int64_t duration_us; /* of what can be played: end == meta.start_us + duration_us */
    int64_t bytes;       /* up to the end of its last whole fragment */
    int64_t frames;      /* pictures */
    int64_t sounds;      /* packets of sound; 0 also if it has no such track */
    bool sound;          /* has a track of it */
    int width, height;
    int gaps; /* pictures that last longer than 500 ms and than 3 ordinary ones */
    int64_t gaps_us;
};

/* 1 and the path, relative to the store, of a segment of `camera` that starts at `start_us`; the
 * `try`th of that second, from 1 on. -ENAMETOOLONG, -EINVAL (a time before 1970). */
SL_MUST_CHECK int sl_segment_path(char path[SL_SEGMENT_PATH_BYTES], const char *camera,
                                  int64_t start_us, int try);

/* A new one, version 4. */
void sl_segment_uuid(char uuid[SL_SEGMENT_UUID_BYTES], struct sl_random *random);
