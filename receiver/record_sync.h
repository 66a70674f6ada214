/* SPDX-License-Identifier: MIT */
/*
 * Record sync: the thread that gets what was written onto the disk, so that the one that writes
 * does not wait for it: fdatasync() takes 15 ms on a common disk, and 64 cameras ask for it 140
 * times a second.
 *
 *     record ──a descriptor of its own for each fragment──▶ [ ring ] ──▶ sync: fdatasync(), close()
 *
 * What is asked for within 100 ms is done together: of many files by one syncfs(), and so is what
 * needs its directories on the disk as well. So a slow disk makes for longer turns, not for a
 * longer queue.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"

struct sl_record_sync;

SL_MUST_CHECK int sl_record_sync_create(struct sl_record_sync **ret);
SL_MUST_CHECK int sl_record_sync_start(struct sl_record_sync *sync);
/* Syncs what waits. Whoever asks has stopped. */
void sl_record_sync_stop(struct sl_record_sync *sync);
void sl_record_sync_destroy(struct sl_record_sync *sync);

/* One thread asks: `fd` is to be on the disk, with its name if it was just created. It stays the
 * caller's. */
void sl_record_sync_ask(struct sl_record_sync *sync, int fd, bool created);

/* asked == done + left_out, once it has stopped */
struct sl_record_sync_stats {
    uint64_t asked, done, left_out; /* left out: no room, or no descriptor */
    uint64_t turns;
    int error; /* of the last turn that failed, -errno; 0: none did */
};
void sl_record_sync_stats(const struct sl_record_sync *sync, struct sl_record_sync_stats *ret);
