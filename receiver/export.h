/* SPDX-License-Identifier: MIT */
/*
 * Export: a stretch of a camera's recordings as one file to take away.
 *
 *     segments ─▶ source ─┬───────────────(MP4, MKV, MOV)───────────────▶ file
 *                         └▶ [ decode ▶ encode ] up to the first IDR ───▶   "
 *                         └▶   decode ▶ encode   (WebM: VP8; AVI: MPEG-4) ▶ "
 *
 * The first picture is the first one at or after `from`, the last the last one before `to`. The
 * camera's own units are kept wherever they can be: only those from the beginning to the next IDR
 * are made anew, as H.264 of the same profile, level and size with parameter sets of their own
 * (export_avc.h); `fast` takes the key frame before instead. Opus stays Opus, but for a MOV (AAC)
 * and an AVI (MP3). If the camera's parameters change on the way, its own units cannot go on in one
 * file: a further one is begun, NAME-2.mp4, -3 ... What is transcoded is scaled to its first size.
 *
 * Files appear whole, all of them, or not at all. Blocks; one thread. No catalogue: see
 * export_find.h.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"
#include "receiver/catalogue.h"
#include "receiver/export_file.h"

#define SL_EXPORT_PARTS_MAX 16

struct sl_export_config {
    int store;                         /* descriptor: the rows' paths are relative to it */
    const struct sl_segment_row *rows; /* by start; those that overlap the range */
    int count;
    int64_t from_us, to_us;
    const char *path; /* its ending chooses the kind */
    bool fast, close_gaps;
    bool replace; /* what is there already */
    /* Now and then; false: give up. NULL: neither. */
    bool (*go_on)(void *ctx, int64_t done_us, int64_t total_us);
    void *ctx;
};

struct sl_export_part {
    char path[SL_EXPORT_PATH_BYTES];
    int64_t from_us, to_us; /* UTC: of the first picture, and of the last one's end */
    int64_t duration_us;    /* less than that by the gaps, if those were closed */
    int gaps;
    int64_t gaps_us;
    int64_t frames;
    int64_t remade; /* of them, encoded anew */
    int64_t bytes;
};

struct sl_export_result {
    struct sl_export_part parts[SL_EXPORT_PARTS_MAX];
    int count;
    int64_t damaged;                /* pictures that could not be decoded */
    int skipped;                    /* segments that could not be read */
    char skipped_why[SL_STORE_WHY]; /* of the first of them */
};

/* 0; -EINVAL (an ending that is none), -ENODATA (no picture in the range), -EIO (none that can be
 * read), -EEXIST, -ECANCELED, -E2BIG (too many parts), -ENOENT (libavcodec lacks an encoder),
 * -ENOSPC ... `why`: a sentence. */
SL_MUST_CHECK int sl_export_run(const struct sl_export_config *config, struct sl_export_result *ret,
                                char why[SL_STORE_WHY]);
