/* SPDX-License-Identifier: MIT */
/*
 * Segment box: the boxes of ISO/IEC 14496-12 that a recording of ours has, taken apart in memory.
 *
 *     moov ─▶ sl_segment_head_parse ─▶ tracks and metadata
 *     moof ─▶ sl_segment_moof_parse ─▶ one call for each sample
 *
 * What is in no recording of ours (other codecs, data elsewhere than in the fragment) is refused.
 * Pure: nothing is kept, allocated or read beyond what is given.
 */
#pragma once

#include "receiver/segment_file.h"

#define SL_SEGMENT_BOX_BYTES 16            /* of a header, at most */
#define SL_SEGMENT_MOOV_MAX (64 << 10)     /* bytes */
#define SL_SEGMENT_MOOF_MAX (4 << 20)      /* bytes */
#define SL_SEGMENT_MOOF_SAMPLES_MAX 100000 /* of one fragment */
#define SL_SEGMENT_SECONDS_MAX (10 * 86400)

#define SL_BOX(a, b, c, d)                                                                         \
    ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

struct sl_segment_box {
    uint32_t type;
    uint32_t head_bytes; /* 8 or 16 */
    uint64_t bytes;      /* with its header */
};

/* False: no header of a box in the `len` bytes. `bytes` may be more than there are. */
bool sl_segment_box_read(struct sl_segment_box *ret, const uint8_t *data, size_t len);

struct sl_segment_head_track {
    uint32_t id; /* 0: not there */
    uint32_t hz;
    uint32_t ticks, size, flags; /* of a sample that does not say (trex) */
    uint8_t config[SL_SEGMENT_CONFIG_BYTES];
    size_t config_len;
    int width, height, channels;
};

struct sl_segment_head {
    struct sl_segment_meta meta;
    struct sl_segment_head_track tracks[SL_SEGMENT_TRACKS];
};

/* The payload of a moov. 0, or -EBADMSG and a sentence in `why`. */
SL_MUST_CHECK int sl_segment_head_parse(struct sl_segment_head *ret, const uint8_t *data,
                                        size_t len, char why[SL_STORE_WHY]);

/*
 * A whole moof, which its mdat follows: offsets of samples are from the moof's start, and inside
 * of the mdat, whose end is `end`. 0, -EBADMSG, or what `take` returned if that was not 0.
 */
SL_MUST_CHECK int sl_segment_moof_parse(const struct sl_segment_head *head, const uint8_t *data,
                                        size_t len, int64_t end,
                                        int (*take)(void *ctx, enum sl_segment_track track,
                                                    const struct sl_segment_sample *sample),
                                        void *ctx);
