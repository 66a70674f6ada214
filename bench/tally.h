/* SPDX-License-Identifier: MIT */
/*
 * Tally: when each frame was handed over and when it was first seen, and what follows from that.
 *
 * handed() is called by the source's thread, the rest by the one that watches the screen. Pure
 * otherwise: times are arguments.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

struct sl_tally;

/* Room for frame numbers below `frames`. 0, -EINVAL, -ENOMEM. */
SL_MUST_CHECK int sl_tally_create(struct sl_tally **ret, uint32_t frames);
void sl_tally_destroy(struct sl_tally *tally);

/* Frame `number` leaves the source now. Numbers from 0, each once, in order. */
void sl_tally_handed(struct sl_tally *tally, uint32_t number, sl_ns now);
/* Frames handed over until now. */
uint32_t sl_tally_handed_count(const struct sl_tally *tally);

/* When frame `number`, one of these, was. */
sl_ns sl_tally_handed_at(const struct sl_tally *tally, uint32_t number);

/* Frame `number` is on the screen. True if it is newer than all before. Numbers that were never
 * handed over are misread and ignored (counted). */
bool sl_tally_seen(struct sl_tally *tally, uint32_t number, sl_ns now);

struct sl_tally_frame {
    uint32_t number;
    sl_ns handed; /* since the window began */
    sl_ns seen;   /* the same; SL_NEVER: it was not */
};

struct sl_tally_result {
    uint32_t handed; /* within the window */
    uint32_t shown;  /* of these: handed == shown + not_shown */
    uint32_t not_shown;
    uint32_t out_of_order; /* an older frame came after a newer one */
    uint32_t misread;
    double shown_per_s;
    sl_ns p50, p95, p99, max; /* of the ages: handed over -> first seen */
    sl_ns freeze;             /* longest time without a new frame, in the window */
    sl_ns before; /* when the last frame from before the window appeared in it; 0: earlier */
    sl_ns *ages;  /* `shown` of them, ascending */
    struct sl_tally_frame *frames; /* `handed` of them, in order */
};

/* NULL inside is fine. */
void sl_tally_result_free(struct sl_tally_result *result);

/* For frames handed over in [from, to). 0, -ENODATA (none was shown) or -ENOMEM. */
SL_MUST_CHECK int sl_tally_result(const struct sl_tally *tally, sl_ns from, sl_ns to,
                                  struct sl_tally_result *ret);

/* The value below which a share `q` of the ascending `values` lies (nearest rank). */
sl_ns sl_quantile(const sl_ns *values, size_t count, double q);
/* Ascending. */
void sl_sort_times(sl_ns *values, size_t count);
