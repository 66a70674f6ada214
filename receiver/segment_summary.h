/* SPDX-License-Identifier: MIT */
/*
 * Segment summary: the last box of a recording that was closed, with what counting its fragments
 * would tell. A file without one is counted; with it, two reads tell all, so that a catalogue of
 * 10,000 files of 1,800 fragments each is rebuilt in the time it takes to open them.
 *
 * ISO/IEC 14496-12 section 11.1: players pass over a `uuid` box. Pure.
 */
#pragma once

#include "receiver/segment.h"

#define SL_SEGMENT_SUMMARY_BYTES 96

/* The box of a file whose last fragment ends at info->bytes, where the box goes. */
void sl_segment_summary_write(uint8_t out[SL_SEGMENT_SUMMARY_BYTES],
                              const struct sl_segment_info *info);

/*
 * True, and the counts in `info` (its end is the box's), if the last bytes of a file of `size` are
 * one, whole and in its place.
 */
bool sl_segment_summary_read(struct sl_segment_info *info, int64_t size,
                             const uint8_t data[SL_SEGMENT_SUMMARY_BYTES]);
