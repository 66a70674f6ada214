/* SPDX-License-Identifier: MIT */
/*
 * One cell of the relay bench: so many cameras with so many viewers each, through a running
 * receiver for a while, and what it cost.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "bench/clip.h"
#include "bench/load.h"
#include "bench/site.h"

struct sl_relay_cell_config {
    const struct sl_site *site; /* with at least as many cameras */
    const struct sl_clip *clip;
    int cameras, viewers; /* of each */
    sl_ns seconds;
    int processor; /* of the load; -1: anywhere */
    const atomic_bool *stop;
};

struct sl_relay_cell {
    int cameras, viewers;
    double seconds;
    uint64_t published, wanted, received; /* packets in the window; wanted == published x viewers */
    uint64_t lost, repaired;
    uint64_t broken;                     /* sessions that ended by themselves */
    uint64_t receiver_drops, load_drops; /* of full sockets, by the kernel */
    uint64_t late_ticks;
    double in_per_s, out_per_s, out_bps; /* of the receiver: packets, and bits of payload */
    sl_ns receiver_cpu;                  /* of all its threads */
    sl_ns cpu_per_packet;                /* the receiver's, of a packet out */
    double receiver_cores, load_cores;
    struct sl_load_delays delays; /* camera begins to send the frame -> viewer has the packet */
    /* In the receiver: the frame's last packet has been read -> the kernel has it for all. */
    sl_ns relay_p50, relay_p99;
    size_t relayed; /* frames that this is of */
};

/* Did everything arrive at once? */
bool sl_relay_cell_clean(const struct sl_relay_cell *cell);
/* What was at its end: "receiver", "load", "machine" (others took the processors), "connecting"
 * (not all got there), or "" if nothing was. */
const char *sl_relay_cell_limit(const struct sl_relay_cell *cell);

/* 0, -EINTR, or -errno with `why`. */
SL_MUST_CHECK int sl_relay_cell_run(struct sl_relay_cell *ret,
                                    const struct sl_relay_cell_config *config, char *why,
                                    size_t why_len);
