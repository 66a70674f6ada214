/* SPDX-License-Identifier: MIT */
/*
 * Retention of snapshots: by age, as old as they may get by the clock of retention; and where they
 * are on the disk of the recordings and that has too little free, those that are older than the
 * oldest recording go before it.
 */
#pragma once

#include "receiver/retention.h"
#include "receiver/storage.h"

struct sl_retention_snapshots {
    const char *path;  /* the directory; NULL: nothing is done */
    int64_t keep_us;   /* 0: for ever */
    int64_t before_us; /* of this turn: all before it went */
};

/* What is older than it may get. */
void sl_retention_snapshots_old(const struct sl_retention_snapshots *snapshots, int64_t age_now_us);

/* A recording that ends at `end_us` has to go for room: what is older goes first, and is taken into
 * retention->free_bytes. */
void sl_retention_snapshots_before(struct sl_retention_snapshots *snapshots,
                                   struct sl_retention *retention, const struct sl_storage *storage,
                                   int64_t end_us);

/* No recording may go any more: the oldest, an hour at a time, until enough is free. */
void sl_retention_snapshots_rest(struct sl_retention_snapshots *snapshots,
                                 struct sl_retention *retention, const struct sl_storage *storage);
