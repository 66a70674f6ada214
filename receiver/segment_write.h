/* SPDX-License-Identifier: MIT */
/*
 * Segment writer: one file of a recording being made.
 *
 *     units ─▶ [ one held back, until the next says how long it lasts ] ─▶ fragment ─▶ file
 *
 * A fragment leaves by one write, and by fdatasync() if so configured, at the latest
 * SL_SEGMENT_FRAGMENT after its first unit came: by the next unit, or by flush(). So whatever
 * happens, the file is whole up to its last whole fragment. A held unit that is due is written
 * with the length of the one before it; the next fragment says its own time all the same, so no
 * time is ever wrong by that.
 *
 * After an error the file is cut to its last whole fragment, and every further call gives the same
 * error. Times of units are microseconds since the segment's start. One thread. Blocks on the disk.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "receiver/segment.h"
#include "receiver/segment_avc.h"

#define SL_SEGMENT_FRAGMENT (450 * SL_MS)

struct sl_segment_writer;

struct sl_segment_write_config {
    int dir; /* descriptor of the store */
    struct sl_segment_meta meta;
    struct sl_segment_params params;
    bool sound;
    int channels; /* of it: 1 or 2 */
    bool sync;    /* fdatasync() after each fragment */
    /* In place of it, or NULL: called for each fragment, and with `created` for the head. */
    void (*wrote)(void *ctx, int fd, bool created);
    void *ctx; /* of wrote() */
};

/*
 * Makes the file (O_EXCL) and its directories, and writes its head. 0, -ENOSPC, -EROFS, -ENOENT
 * (the store is gone), -EIO, -ENOMEM ...
 */
SL_MUST_CHECK int sl_segment_write_open(struct sl_segment_writer **ret,
                                        const struct sl_segment_write_config *config);

/*
 * One access unit (Annex B) of the picture at `at_us`, which came at `now`. The first is a key
 * frame at 0; times go up. 0; -EINVAL (a time that does not go up); or what the disk said.
 */
SL_MUST_CHECK int sl_segment_write_video(struct sl_segment_writer *writer, int64_t at_us,
                                         const uint8_t *unit, size_t len, bool key, sl_ns now);
/* One packet of Opus. As above; at_us >= 0. */
SL_MUST_CHECK int sl_segment_write_sound(struct sl_segment_writer *writer, int64_t at_us,
                                         const uint8_t *packet, size_t len, sl_ns now);

/* Writes what is due at `now`. */
SL_MUST_CHECK int sl_segment_write_flush(struct sl_segment_writer *writer, sl_ns now);
/* When that is; SL_NEVER with nothing to write. */
sl_ns sl_segment_write_due(const struct sl_segment_writer *writer);

/*
 * Writes the rest and closes the file; frees the writer in any case. `end_us`: when the last
 * picture gives way to the next one, 0 if that is not known. `info`, unless NULL: of the file as it
 * is then.
 */
int sl_segment_write_close(struct sl_segment_writer *writer, int64_t end_us,
                           struct sl_segment_info *info);

/* Of what is in the file: whole fragments only. */
void sl_segment_write_info(const struct sl_segment_writer *writer, struct sl_segment_info *ret);
/* Relative to the store. */
const char *sl_segment_write_path(const struct sl_segment_writer *writer);
int sl_segment_write_fd(const struct sl_segment_writer *writer);
