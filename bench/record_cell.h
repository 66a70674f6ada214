/* SPDX-License-Identifier: MIT */
/*
 * One cell of the record bench: so many cameras, each watched by one viewer, through a fresh
 * receiver that records them or does not; what that took, and what is in the files afterwards.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/option.h"
#include "base/types.h"
#include "bench/clip.h"
#include "bench/load.h"
#include "bench/process.h"
#include "bench/recorded.h"

/* The receiver's threads, by what they do. */
enum sl_record_group {
    SL_RECORD_HUB,
    SL_RECORD_RECORD,
    SL_RECORD_SYNC,
    SL_RECORD_STORE,
    SL_RECORD_OTHER,
    SL_RECORD_GROUPS
};

struct sl_record_cell_config {
    const struct sl_clip *clip;
    int cameras;
    bool recording;
    sl_ns seconds;
    const struct sl_option_list *receiver_words; /* beside those of the cell; or NULL */
    const atomic_bool *stop;
};

struct sl_record_cell {
    bool recording;
    int cameras;
    double seconds;

    /* Of the window in which everybody plays. */
    double cores[SL_RECORD_GROUPS], all_cores; /* all: of threads that ended, too */
    double load_cores;
    double in_bps;                 /* payload that the cameras sent */
    double written_bps, files_bps; /* bytes: by /proc/PID/io, NAN: not told; growth of the files */
    uint64_t published, lost, repaired, broken;
    uint64_t receiver_drops, load_drops, late_ticks;
    struct sl_load_delays delays; /* camera begins to send the frame -> viewer has the packet */

    /* Before the first camera; at the window's end; after the last one has gone. */
    struct sl_process before, busy, after;

    /* Of all the time that the cameras were there. */
    uint64_t frames; /* sent, whole */
    int short_of;    /* cameras of which not just these are recorded */
    double left_out; /* packets that the recorder's queue had no room for, as far as it was told */
    struct sl_recorded recorded;
};

const char *sl_record_group_name(enum sl_record_group group);
/* Of the thread of that name; `first`: the program's first one. */
enum sl_record_group sl_record_group_of(const char *thread, bool first);

/* Was everything that was sent relayed and, with `recording`, recorded? */
bool sl_record_cell_clean(const struct sl_record_cell *cell);

/* 0, -EINTR, or -errno with `why`. */
SL_MUST_CHECK int sl_record_cell_run(struct sl_record_cell *ret,
                                     const struct sl_record_cell_config *config, char *why,
                                     size_t why_len);
