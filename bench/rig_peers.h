/* SPDX-License-Identifier: MIT */
/*
 * Rig, the peers: what one would use instead of Sightline, put together from packages.
 *
 *     gst-launch ──▶ SRTP, RTP + ULPFEC or SRT ──▶ gst-launch        ffmpeg ──▶ MPEG-TS ──▶ ffplay
 *
 * Each takes y4m on stdin and shows the picture in a window of its own, with
 * `config->impair` between its two ends.
 */
#pragma once

#include <stddef.h>

#include "base/types.h"
#include "bench/rig.h"

enum sl_peer_link {
    SL_PEER_CLEAN, /* what is fast                  */
    SL_PEER_LOSSY, /* what repairs, and so is slow  */
};

/*
 * The paths of a peer ("gstreamer", "ffplay") for such a link, in the order in which they are
 * measured; the first is the one that Sightline is compared with; `count` may be 0. NULL: no such
 * peer, and `why` says which there are.
 */
const struct sl_rig_path *sl_peer_paths(const char *peer, enum sl_peer_link link, int *count,
                                        char *why, size_t why_len);

/* The source and the screen alone: no codec, no network. */
extern const struct sl_rig_path sl_rig_floor;

/* Whether all that the peer's paths are made of is here. 0, -EINVAL (no such peer), or -ENOENT:
 * `why` names what is missing and the Debian package that has it. */
SL_MUST_CHECK int sl_peer_check(const char *peer, char *why, size_t why_len);
