/* SPDX-License-Identifier: MIT */
/*
 * Lanes: the threads that wait for disks so that the HTTP thread does not. A job is a block of its
 * owner's: lent with sl_api_lanes_give(), done on one of the lane's threads, and handed back in the
 * owner's thread by sl_api_lanes_take().
 *
 *     http ──▶ [ ring ] ──▶ lane's thread ──▶ [ ring ] ──▶ http         a pair of rings a thread
 *
 *     PAGES 1   queries of the catalogue     OPENS 2   indexes of segments: seconds on a cold disk
 *     READS 2   bytes of media                 PICTURES 1  the newest one, decoded if need be
 *
 * One kind never waits behind another. A full lane refuses. Only sl_api_lanes_stop() waits.
 */
#pragma once

#include "base/wake.h"
#include "receiver/catalogue.h"
#include "receiver/snapshot.h"

enum sl_api_lane { SL_API_PAGES, SL_API_OPENS, SL_API_READS, SL_API_PICTURES, SL_API_LANES };

/* What a thread has for its jobs. */
struct sl_api_desk {
    const char *data, *recordings, *snapshots; /* directories */
    struct sl_snapshots *pictures;             /* NULL: none are made now */
    struct sl_catalogue *catalogue;            /* by sl_api_desk_catalogue() */
};

/* The catalogue, opened at the first call. -ENOENT: nothing was recorded yet. Or -errno. */
SL_MUST_CHECK int sl_api_desk_catalogue(struct sl_api_desk *desk, char why[SL_STORE_WHY]);

struct sl_api_job {
    void (*work)(struct sl_api_job *job, struct sl_api_desk *desk);
    void *owner;
};

struct sl_api_lanes;

struct sl_api_lanes_config {
    const char *data, *recordings, *snapshots; /* outlive the lanes, as does `pictures` */
    struct sl_snapshots *pictures;
    struct sl_wake *done; /* signalled when there is something to take */
    size_t capacity;      /* jobs of a thread */
};

SL_MUST_CHECK int sl_api_lanes_create(struct sl_api_lanes **ret,
                                      const struct sl_api_lanes_config *config);
/* After the job at hand; what is left in the rings is dropped, and stays its owners'. */
void sl_api_lanes_stop(struct sl_api_lanes *lanes);
void sl_api_lanes_destroy(struct sl_api_lanes *lanes);

/* False if the lane is full. */
SL_MUST_CHECK bool sl_api_lanes_give(struct sl_api_lanes *lanes, enum sl_api_lane lane,
                                     struct sl_api_job *job);
/* NULL: nothing is done. */
struct sl_api_job *sl_api_lanes_take(struct sl_api_lanes *lanes);
