/* SPDX-License-Identifier: MIT */
/*
 * Snapshot: JPEGs of cameras, by a thread of its own.
 *
 *     record thread ──key frames──▶ [ mailbox of 1 a camera ] ──▶ decode ▶ JPEG ▶ snapshot_files.h
 *                                                                   ▲
 *                    HTTP, alerts ──sl_snapshot_latest()────────────┘ on demand
 *
 * Only key frames are decoded, and of those only the first in each `every`, and those asked for: a
 * picture takes one decoding, whatever came before it, and the period is good to a GOP. The newest
 * key frame of each camera is kept undecoded, so latest.jpg costs nothing until somebody wants it.
 * A key frame that is not taken before the next one comes is dropped. Old ones are removed by
 * retention (retention_snapshots.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "receiver/store.h"

#define SL_SNAPSHOT_CAMERAS 512          /* of one run, also those that are gone */
#define SL_SNAPSHOT_UNIT_BYTES (8 << 20) /* a larger key frame is left out */

struct sl_snapshots;
struct sl_snapshot_slot;

struct sl_snapshot_config {
    const char *path; /* the directory; made if it is absent, not its parents */
    sl_ns every;      /* 0: only latest.jpg, when it is asked for */
};

/* -errno, and a sentence that names the directory. */
SL_MUST_CHECK int sl_snapshots_create(struct sl_snapshots **ret,
                                      const struct sl_snapshot_config *config,
                                      char why[SL_STORE_WHY]);
SL_MUST_CHECK int sl_snapshots_start(struct sl_snapshots *snapshots);
/* The newest key frame of every camera becomes its latest.jpg. Nobody offers or asks any more. */
void sl_snapshots_stop(struct sl_snapshots *snapshots);
void sl_snapshots_destroy(struct sl_snapshots *snapshots);

/* ---- One thread: the recorder's ---- */

/* The camera's place, the same one each time. NULL: there are too many; offer() takes that. */
struct sl_snapshot_slot *sl_snapshot_slot(struct sl_snapshots *snapshots, const char *name);
/* A key frame (Annex B, with its parameter sets) captured at `at_us` (UTC). Copies it. */
void sl_snapshot_offer(struct sl_snapshots *snapshots, struct sl_snapshot_slot *camera,
                       int64_t at_us, const uint8_t *unit, size_t len);

/* ---- Any thread ---- */

/*
 * A descriptor of the camera's latest.jpg, which is of its newest key frame unless that takes
 * longer than `patience`; fstat()'s mtime is when it was captured. -ENOENT: no picture of it was
 * ever made.
 */
SL_MUST_CHECK int sl_snapshot_latest(struct sl_snapshots *snapshots, const char *name,
                                     sl_ns patience);

/* When the camera's newest key frame of this run was captured, UTC; 0: there was none. */
int64_t sl_snapshot_newest(const struct sl_snapshots *snapshots, const char *name);

/* offered == written + failed + replaced + waiting (at most one a camera) + refused */
struct sl_snapshot_stats {
    uint64_t offered, written, failed, replaced, refused;
};
void sl_snapshot_stats(const struct sl_snapshots *snapshots, struct sl_snapshot_stats *ret);
