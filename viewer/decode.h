/* SPDX-License-Identifier: MIT */
/*
 * Decode: a pool of worker threads, one a core, that run lanes.
 *
 *     net: ready(slot) ──▶ [ pending count per lane ] ──▶ whichever worker is free
 *
 * A lane is run by one worker at a time, in order: who raises its pending count from 0 makes it
 * runnable, and the worker that takes it keeps it until the count is 0 again. No lock.
 *
 * attach, ready and detach belong to one thread (net).
 */
#pragma once

#include <stdbool.h>

#include "base/types.h"

#define SL_DECODE_LANES_MAX 64

struct sl_decode;
struct sl_lane;

/* `workers` 1..64. 0, -EINVAL, -ENOMEM or -errno of the threads. */
SL_MUST_CHECK int sl_decode_create(struct sl_decode **ret, int workers);
/* Ends the threads first: what waits is not decoded any more. Lanes are not destroyed. */
void sl_decode_destroy(struct sl_decode *decode);

/* A slot (0..63), or -ENOSPC. The lane must outlive its slot. */
SL_MUST_CHECK int sl_decode_attach(struct sl_decode *decode, struct sl_lane *lane);
/* One more unit waits in the slot's lane. */
void sl_decode_ready(struct sl_decode *decode, int slot);
/* False while a worker still has the lane: try again. */
SL_MUST_CHECK bool sl_decode_detach(struct sl_decode *decode, int slot);
