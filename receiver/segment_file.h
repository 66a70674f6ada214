/* SPDX-License-Identifier: MIT */
/*
 * Segment file: a recording read back, whoever wrote it and however it ended. Reads boxes of
 * ISO/IEC 14496-12 itself, so that a torn file is no surprise and a fragment costs no decoding.
 *
 *     sl_segment_scan       what it says of itself, and how far it is whole
 *     sl_segment_index      every sample: where it lies, when it is, whether it can be begun with
 *     sl_segment_index_stretch  those of a stretch, without reading all before it
 *     sl_segment_tail_torn  whether what lies behind that is a write cut short, not footage
 *
 * Every length in a file is taken for a lie until it is proved; memory is bounded by the limits
 * below. Reads through a descriptor with pread(): its offset stays.
 */
#pragma once

#include "receiver/segment.h"

#define SL_SEGMENT_SAMPLES_MAX (16 * 1000 * 1000)
#define SL_SEGMENT_CONFIG_BYTES 1024

/*
 * 0: `ret` is filled; ret->bytes may be less than the file has: the rest is torn. -ENODATA: not one
 * whole fragment with a key frame first; ret->meta and ret->bytes (of its head) are filled all the
 * same. -EBADMSG: not a file of ours; or another -errno. `why` says what is wrong. One read of 4
 * KiB a fragment, mostly.
 */
SL_MUST_CHECK int sl_segment_scan(int fd, struct sl_segment_info *ret, char why[SL_STORE_WHY]);

/* The same, where `known` was true of the file before it grew: what it tells is not counted anew,
 * so that a file of a day takes as few reads as a short one. If the file contradicts it, all is. */
SL_MUST_CHECK int sl_segment_scan_on(int fd, const struct sl_segment_info *known,
                                     struct sl_segment_info *ret, char why[SL_STORE_WHY]);

/*
 * Of a file that is whole up to `from`: 1 if the rest is one fragment that was not written to its
 * end, 0 if it may be more than that (a damage in the middle), or -errno.
 */
SL_MUST_CHECK int sl_segment_tail_torn(int fd, int64_t from);

enum sl_segment_track { SL_SEGMENT_VIDEO, SL_SEGMENT_AUDIO, SL_SEGMENT_TRACKS };

struct sl_segment_sample {
    int64_t offset; /* in the file */
    int64_t at;     /* in ticks of the track since its start; of the file's, not the camera's */
    uint32_t size;  /* bytes; AVC with 4-byte lengths, or one packet of Opus */
    uint32_t ticks; /* how long it lasts */
    bool key;
};

struct sl_segment_samples {
    bool present;
    uint32_t hz; /* ticks a second */
    struct sl_segment_sample *items;
    size_t count;
    /* avcC of the pictures, dOps of the sound: the payload of the box. */
    uint8_t config[SL_SEGMENT_CONFIG_BYTES];
    size_t config_len;
    int width, height, channels;
};

struct sl_segment_index {
    struct sl_segment_info info;
    struct sl_segment_samples tracks[SL_SEGMENT_TRACKS];
};

/* As sl_segment_scan, and all samples of the whole fragments. Also -ENOMEM, -E2BIG. */
SL_MUST_CHECK int sl_segment_index(int fd, struct sl_segment_index *ret, char why[SL_STORE_WHY]);
/*
 * The samples that [from, to) of UTC takes, and some around it: pictures from a key frame before
 * `from` (or the file's first) on; both tracks up to the first samples behind `to`, if they were
 * written within 4 s of one another. Its place in the file is bisected for, since fragments tell
 * their times: a file of a day costs a few MB of reads, whatever its length. A damage before it
 * is passed over; counts in ret->info are of what was read. As above; -ENODATA: no picture.
 */
SL_MUST_CHECK int sl_segment_index_stretch(int fd, int64_t from_us, int64_t to_us,
                                           struct sl_segment_index *ret, char why[SL_STORE_WHY]);
void sl_segment_index_free(struct sl_segment_index *index);
