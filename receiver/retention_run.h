/* SPDX-License-Identifier: MIT */
/*
 * Retention at work: a thread that deletes what has to go, a file at a time, with pauses, so that
 * it is in nobody's way. It has its own connections to catalogue and accounts.
 *
 *     catalogue ─▶ rows, the oldest first ─▶ retention.h ─▶ the file says the same UUID? ─▶ unlink
 *
 * Only a file that the catalogue knows, and that says so itself, is deleted; a row whose file is
 * gone is taken out. Days that are past and empty lose their directory. While the storage is not
 * the right one, no recording goes. Snapshots: retention_snapshots.h.
 */
#pragma once

#include <stdatomic.h>
#include <stdio.h>

#include "receiver/retention.h"
#include "receiver/retention_clock.h"
#include "receiver/storage.h"

struct sl_retention_config {
    const char *data;       /* with catalogue and accounts */
    const char *recordings; /* the store */
    struct sl_retention_limits limits;
    int64_t min_free;
    bool min_free_given;
    const char *snapshots;    /* the directory, or NULL: none are looked after */
    int64_t snapshot_keep_us; /* 0: for ever */
};

struct sl_retention_thread;

SL_MUST_CHECK int sl_retention_start(struct sl_retention_thread **ret,
                                     const struct sl_retention_config *config,
                                     char why[SL_STORE_WHY]);
/* NULL is fine. */
void sl_retention_stop(struct sl_retention_thread *thread);

/* ---- Its steps, for tests and for the dry run ---- */

/* What the last run knew of the time, else what the newest recording says; the other keeps it. */
SL_MUST_CHECK int sl_retention_clock_load(struct sl_retention_clock *ret,
                                          struct sl_catalogue *catalogue);
SL_MUST_CHECK int sl_retention_clock_save(const struct sl_retention_clock *clock,
                                          struct sl_catalogue *catalogue);

/* Sums and limits as they are now, with room for cameras; free() them. `storage` NULL: what is free
 * plays no part. */
SL_MUST_CHECK int sl_retention_load(struct sl_retention *ret,
                                    const struct sl_retention_config *config,
                                    struct sl_catalogue *catalogue, struct sl_store *store,
                                    const struct sl_storage *storage, int64_t age_now_us);
void sl_retention_free(struct sl_retention *retention);

/* 0: it goes, and to the next; 1: it is left out, and its bytes stay; other: ends the walk. */
typedef int (*sl_retention_take)(void *ctx, const struct sl_segment_row *row,
                                 enum sl_retention_why why);
/* Everything that has to go. 0, or -errno, or what `take` ended with. */
SL_MUST_CHECK int sl_retention_walk(struct sl_retention *retention, struct sl_catalogue *catalogue,
                                    sl_retention_take take, void *ctx);

/* Events and sessions as old as its recordings may get, and those that are too many. How many went,
 * with `stop` set perhaps not all; or -errno. */
SL_MUST_CHECK int sl_retention_prune(const struct sl_retention *retention,
                                     struct sl_catalogue *catalogue, const atomic_bool *stop);

/* 0: file and row are gone; -ESTALE: the file is another one, or cannot be read (`why`), and left;
 * or another -errno. */
SL_MUST_CHECK int sl_retention_delete(struct sl_catalogue *catalogue,
                                      const struct sl_storage *storage,
                                      const struct sl_segment_row *row, int64_t now_us,
                                      char why[SL_STORE_WHY]);
