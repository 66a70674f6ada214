/* SPDX-License-Identifier: MIT */
/*
 * Store: files of results. A file is written whole beside its place and then moved there, so that
 * what was there stays until the new one is safe.
 */
#pragma once

#include <limits.h>
#include <stddef.h>
#include <time.h>

#include "base/types.h"

#define SL_STORE_KEPT 100 /* runs in the state folder */

/* Whether a file could be written there, found out without touching what is there. 0 or -errno. */
SL_MUST_CHECK int sl_store_check(const char *path);

/* 0 or -errno; then what was there is as it was. Devices and pipes are written to directly. */
SL_MUST_CHECK int sl_store_write(const char *path, const char *text, size_t len);

/* All of a file, '\0' behind; free(). 0, -EFBIG over `max` bytes, or -errno. */
SL_MUST_CHECK int sl_store_read(const char *path, size_t max, char **ret);

/* $XDG_STATE_HOME/sightline/bench or ~/.local/state/sightline/bench, made if need be. 0 or -errno.
 */
SL_MUST_CHECK int sl_store_folder(char ret[PATH_MAX]);

/* A new name in `folder` for a run that began then: FOLDER/2024-05-31T14-30-59Z-NAME.json. 0 or
 * -errno. */
SL_MUST_CHECK int sl_store_name(const char *folder, const char *name, time_t began,
                                char ret[PATH_MAX]);
/* Removes the oldest runs in the folder beyond SL_STORE_KEPT; never a file of another kind of name.
 */
void sl_store_trim(const char *folder);
