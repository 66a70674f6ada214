/* SPDX-License-Identifier: MIT */
/*
 * Moments: what became of each frame between its source and the screen, put together from what
 * the programs noted (base/trace.h) and what the watcher saw. Pure.
 *
 *     handed ─▶ CAPTURED ─▶ ENCODED ─▶ SENT ─▶ RELAY_IN ─▶ RELAY_OUT ─▶ ARRIVED ─▶ DECODE_BEGUN
 *            ─▶ DECODED ─▶ PRESENTED ─▶ seen
 *
 * A frame's number is the place of its CAPTURED among those of its sender: each picture is read.
 */
#pragma once

#include <stddef.h>

#include "base/trace.h"
#include "base/types.h"
#include "bench/round.h"

struct sl_moments_trace {
    struct sl_trace_record *records; /* are sorted */
    size_t count;
};

struct sl_moments_traces {
    struct sl_moments_trace sender[SL_ROUND_CAMERAS_MAX], receiver, viewer;
};

/* Fills `traced` and `untraced` of the result, and what belongs to them, for the frames in its
 * tallies, whose window began at `from`. 0 or -ENOMEM. */
SL_MUST_CHECK int sl_moments_fill(struct sl_round_result *result, struct sl_moments_traces *traces,
                                  sl_ns from);
