/* SPDX-License-Identifier: MIT */
/*
 * Watch: reads the stamps of several cameras off the screen, wherever their tiles are, and tells
 * each camera's tally when a frame of it is there.
 *
 * The whole screen is searched until every camera has been found, and again when one's stamp
 * cannot be read any more. Between that only lines of pixels are grabbed, and none before a frame
 * can be there: a grab wakes the X server and takes some 50 us of it, in the very time in which
 * the programs measured want the cores. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/types.h"

struct sl_tally;
struct sl_watcher;

/* Camera i, of `cameras`, tells tallies[i], which outlive the watcher. 0 or -errno with `why`. */
SL_MUST_CHECK int sl_watcher_open(struct sl_watcher **ret, const char *display,
                                  struct sl_tally *const *tallies, int cameras, char *why,
                                  size_t why_len);
void sl_watcher_close(struct sl_watcher *watcher);

/* Looks once, or sleeps until it is worth while, at most until `until`. 0, or -EIO: the display is
 * gone. */
SL_MUST_CHECK int sl_watcher_look(struct sl_watcher *watcher, sl_ns until);

/* Cameras of which a frame has been seen. */
int sl_watcher_seen(const struct sl_watcher *watcher);
