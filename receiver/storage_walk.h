/* SPDX-License-Identifier: MIT */
/*
 * Storage walk: the names of all recordings below a store, at any depth to SL_WALK_DEPTH, so that
 * what was moved or renamed is found too. Follows no links, opens no files, holds one directory a
 * level.
 */
#pragma once

#include <stdbool.h>

#include "receiver/segment.h"

#define SL_WALK_DEPTH 8

/* `path` is relative to the store. Other than 0 ends the walk. */
typedef int (*sl_walk_take)(void *ctx, const char *path);
/* A directory that cannot be read, or a name that is too long to be kept: one sentence. */
typedef void (*sl_walk_trouble)(void *ctx, const char *what);

/* `dir`: descriptor of the store, which stays open. 0, or what `take` returned. */
SL_MUST_CHECK int sl_storage_walk(int dir, sl_walk_take take, sl_walk_trouble trouble, void *ctx);

/* Whether it is a path that sl_segment_path() makes: CAMERA/2026-11-20/14-30-00Z[-N].mp4. */
bool sl_storage_path_ours(const char *path);
