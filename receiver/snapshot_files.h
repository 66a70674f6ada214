/* SPDX-License-Identifier: MIT */
/*
 * Snapshot files: where JPEGs are kept.
 *
 *     DIR/garden/2026-11-20/14_30_05.jpg    UTC, of the picture's capture; its mtime is that
 * exactly DIR/garden/latest.jpg                 the newest one, always
 *
 * Each appears whole or not at all. Nothing here that is named otherwise is ever touched.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

#define SL_SNAPSHOT_PATH_BYTES 96

/* "2026-11-20/14_30_05.jpg". -EINVAL: a time that has none. */
SL_MUST_CHECK int sl_snapshot_name(char name[SL_SNAPSHOT_PATH_BYTES], int64_t at_us);

/* Writes the picture as `camera`'s newest one, and with `dated` under its own name as well. `dir`:
 * descriptor of DIR. -errno. */
SL_MUST_CHECK int sl_snapshot_put(int dir, const char *camera, int64_t at_us, bool dated,
                                  const uint8_t *jpeg, size_t len);

/* Descriptor of the newest one (fstat() tells its time), or -errno. */
SL_MUST_CHECK int sl_snapshot_open(int dir, const char *camera);

/* When the newest one was captured, without opening it: `path` is DIR. -errno. */
SL_MUST_CHECK int sl_snapshot_taken(const char *path, const char *camera, int64_t *at_us);

/* Removes what is dated before `before_us`, of all cameras, and days that are empty then; never
 * latest.jpg. How many pictures, or -errno; `*bytes` becomes more by what that freed. */
SL_MUST_CHECK int sl_snapshot_prune(int dir, int64_t before_us, int64_t *bytes);

/* When the oldest of all that are dated was captured, to the second. -ENOENT: there is none. */
SL_MUST_CHECK int sl_snapshot_oldest(int dir, int64_t *at_us);
