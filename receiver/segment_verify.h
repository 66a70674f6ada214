/* SPDX-License-Identifier: MIT */
/*
 * Segment verify: a recording read from its first byte to its last, trusting nothing of what it
 * says of itself in the end (segment_summary.h).
 *
 *     boxes, sample tables ─▶ counts      == the summary's
 *     each mdat                           == its samples, one behind the other
 *     each picture                        == units of H.264 whose lengths fill it, with a slice
 *     each packet of sound                == one of Opus
 *
 * There is no checksum in a recording, and nothing is decoded: a byte that changed within a slice
 * without making a start code of it is not seen.
 */
#pragma once

#include "receiver/segment.h"

struct sl_segment_verify {
    void (*differ)(void *ctx, const char *what); /* one sentence, without the file's name */
    void (*done)(void *ctx, int64_t bytes);      /* so much more was read; NULL: nobody asks */
    void *ctx;
};

/* 0, whatever was found: then `ret` is what counting gave, zeros if there is nothing whole. Or
 * -ENOMEM. A file that grows is taken as it was at the call. */
SL_MUST_CHECK int sl_segment_verify(int fd, const struct sl_segment_verify *verify,
                                    struct sl_segment_info *ret);
