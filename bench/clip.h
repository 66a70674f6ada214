/* SPDX-License-Identifier: MIT */
/*
 * Clip: the bench's scene, encoded beforehand, as access units in memory. It begins with its only
 * key frame, so that playing it again from the start is a stream without a break.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

struct sl_clip;

/* Films the bench's scene; `preset` as the encoder has them, "auto" among them. 0 or -errno. */
SL_MUST_CHECK int sl_clip_create(struct sl_clip **ret, int width, int height, int fps,
                                 int64_t bitrate_bps, const char *preset, int frames,
                                 uint64_t seed);
void sl_clip_destroy(struct sl_clip *clip);

struct sl_clip_unit {
    const uint8_t *data; /* Annex B */
    size_t len;
    bool key;
};

/* The access unit of moment `index`, which may be beyond the clip's end. */
struct sl_clip_unit sl_clip_unit(const struct sl_clip *clip, uint32_t index);
int sl_clip_frames(const struct sl_clip *clip);
int sl_clip_fps(const struct sl_clip *clip);
size_t sl_clip_bytes(const struct sl_clip *clip);
/* profile-level-id, as in SDP. */
const char *sl_clip_profile(const struct sl_clip *clip);
