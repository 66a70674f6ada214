/* SPDX-License-Identifier: MIT */
/* Storage marker: what the file .sightline-store says, {"uuid": "..."}; other keys are no matter.
 * Pure. */
#pragma once

#include "receiver/segment.h"

#define SL_STORAGE_MARKER_BYTES 512 /* read of it; ours has 48 */

/* False: it names no store. */
bool sl_storage_marker_parse(const char *text, size_t len, char uuid[SL_SEGMENT_UUID_BYTES]);
