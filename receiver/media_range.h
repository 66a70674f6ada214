/* SPDX-License-Identifier: MIT */
/*
 * Media range: any stretch of one camera's recordings as one MP4 that players can seek in, without
 * a copy of it: a virtual file.
 *
 *     ┌ head, in memory ────────────┐┌ spliced out of the segments' files by pread() ┐
 *     ftyp moov mdat-head silence     video sound video sound ...
 *
 * It begins with the key frame at or before `from`, sound 80 ms before it; an edit list has players
 * start at `from`. Position in the movie == time since `from`: over a gap the last picture stays,
 * and sound is filled with packets of silence; where a sender's clock ran fast, one is left out now
 * and then (players count packets rather than believe timestamps: so they are within one). Other
 * parameter sets get a sample description of their own, and all key frames bring theirs with them
 * as well (Chromium looks at the first description alone).
 *
 * Built from whole fragments as they are then, and never changed after: length and bytes stay, and
 * the ETag is of all that they come from, so equal tags are equal bytes. Building is one thread's,
 * reading is free to all at once, each with a reader of its own. Nothing is decoded.
 */
#pragma once

#include <sys/types.h>

#include "receiver/segment_file.h"

#define SL_MEDIA_RANGE_MAX_US (25 * 3600 * INT64_C(1000000)) /* a segment of 24 h, and a GOP */
#define SL_MEDIA_RANGE_SAMPLES_MAX (10 * 1000 * 1000)        /* a day of 60/s, and sound */
#define SL_MEDIA_RANGE_SEGMENTS_MAX 20000
#define SL_MEDIA_RANGE_ETAG 35 /* 32 digits in quotes, and NUL */

struct sl_media_range;

/* [from, to), UTC in microseconds. 0, -ERANGE (empty, or longer than 25 h) or -ENOMEM. */
SL_MUST_CHECK int sl_media_range_begin(struct sl_media_range **ret, int64_t from_us, int64_t to_us);
/* The next segment by its start, its file `path` relative to the store and open as `fd`, which is
 * only looked at; or the next stretch of the same one, so that the index of a day need not be in
 * memory at once. What overlaps what came before is left out. 0; -E2BIG: more samples, segments or
 * parameter sets than a range may have; -EBADMSG: the index contradicts itself; -ENOMEM. */
SL_MUST_CHECK int sl_media_range_add(struct sl_media_range *range, const char *path, int fd,
                                     const struct sl_segment_index *index);
/* No more to come. 0; -ENODATA: not one picture in it; -ENOMEM. */
SL_MUST_CHECK int sl_media_range_end(struct sl_media_range *range);
void sl_media_range_destroy(struct sl_media_range *range);

/* ---- After sl_media_range_end() ---- */

uint64_t sl_media_range_length(const struct sl_media_range *range);
const char *sl_media_range_etag(const struct sl_media_range *range); /* with its quotes */
/* Up to where there is something to see: <= `to`. */
int64_t sl_media_range_end_us(const struct sl_media_range *range);
/* A range up to this moment is the same whenever it is built, however its newest segment has grown;
 * `to` if that is known of all of it. */
int64_t sl_media_range_known_us(const struct sl_media_range *range);
/* Bytes of memory that it holds. */
size_t sl_media_range_memory(const struct sl_media_range *range);

/* Reads at any place; holds one descriptor at most. {.fd = -1} to begin with. */
struct sl_media_reader {
    int fd;
    uint32_t source;
};

/* Up to `len` bytes from `offset` on out of a store (its directory). How many, fewer only at the
 * end; or -errno, -ESTALE if a file is not the one that it was. */
SL_MUST_CHECK ssize_t sl_media_range_read(const struct sl_media_range *range,
                                          struct sl_media_reader *reader, int store,
                                          uint64_t offset, void *out, size_t len);
void sl_media_reader_fini(struct sl_media_reader *reader);
