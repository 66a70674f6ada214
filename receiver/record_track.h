/* SPDX-License-Identifier: MIT */
/*
 * Record track: the recording of one camera, from the packets that its publisher sends to segments.
 *
 *     video ─▶ jitter/ (2 s) ─▶ whole pictures ─▶ record_clock ─┐
 *     sound ─▶ record_sound (2 s) ─▶ record_clock ─▶ waits for ─┴─▶ cut? ─▶ files (segment_write)
 *                                                    its picture                └─▶ news: rows,
 * events
 *
 * A segment begins with a key frame: the first one there is, and the first one behind a multiple of
 * `segment` on the wall's clock, behind changed parameter sets, and behind a step of the wall's
 * clock of more than SL_RECORD_STEP. Inside it times are the monotonic clock's, so no step shows.
 * Nothing else ends one but the end of the publisher, of the disk, or of the program.
 *
 * Pure but for what the files do: times are arguments. One thread. Memory by create, about 5 MB;
 * more only as long as a picture is in the writer's hands.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "base/random.h"
#include "base/types.h"
#include "receiver/catalogue.h"
#include "receiver/record_rule.h"
#include "receiver/segment.h"
#include "receiver/segment_write.h"
#include "rtp/packet.h"

#define SL_RECORD_PATIENCE (2 * SL_SEC) /* for what is missing */
#define SL_RECORD_STEP (1 * SL_SEC)
#define SL_RECORD_GROWN (4 * SL_SEC) /* an open segment is told of so often */

/* As in segment_write.h, of which they are in the program. */
struct sl_record_files {
    int (*open)(void *ctx, struct sl_segment_writer **ret,
                const struct sl_segment_write_config *config);
    int (*video)(struct sl_segment_writer *writer, int64_t at_us, const uint8_t *unit, size_t len,
                 bool key, sl_ns now);
    int (*sound)(struct sl_segment_writer *writer, int64_t at_us, const uint8_t *packet, size_t len,
                 sl_ns now);
    int (*flush)(struct sl_segment_writer *writer, sl_ns now);
    sl_ns (*due)(const struct sl_segment_writer *writer);
    int (*close)(struct sl_segment_writer *writer, int64_t end_us, struct sl_segment_info *info);
    void (*info)(const struct sl_segment_writer *writer, struct sl_segment_info *ret);
    const char *(*path)(const struct sl_segment_writer *writer);
};

/* What happened. */
struct sl_record_news {
    /* Opened, grown or (not row->open) closed. */
    void (*segment)(void *ctx, const struct sl_segment_row *row);
    void (*event)(void *ctx, const struct sl_catalogue_event *event);
    void (*say)(void *ctx, enum sl_log_level level, const char *text);
    /* Nothing can be recorded, or the segment not be ended, before the next key frame. */
    void (*key_wanted)(void *ctx);
    /* A key frame with its parameter sets, captured at `at_us` (UTC), written or not; or NULL. */
    void (*key)(void *ctx, int64_t at_us, const uint8_t *unit, size_t len);
};

struct sl_record_track_config {
    char camera[SL_NAME_BYTES];
    char location[SL_LOCATION_BYTES];
    char boot_id[SL_SEGMENT_UUID_BYTES];
    sl_ns segment;
    const struct sl_record_files *files;
    const struct sl_record_news *news;
    void *ctx; /* of files->open and of news */
    struct sl_random *random;
    sl_ns epoch; /* of the packets' NTP times: sl_time_epoch() */
};

struct sl_record_track;

SL_MUST_CHECK int sl_record_track_create(struct sl_record_track **ret,
                                         const struct sl_record_track_config *config);
/* Without a word to anybody: disconnect first. */
void sl_record_track_destroy(struct sl_record_track *track);

/* CLOCK_REALTIME minus CLOCK_MONOTONIC, and whether it is to be trusted: before the first packet,
 * and whenever it was looked at. */
void sl_record_track_wall(struct sl_record_track *track, sl_ns wall_offset,
                          enum sl_clock_state clock);
/* Whether there is somewhere to write. Where there is not, the segment ends. */
void sl_record_track_storage(struct sl_record_track *track, bool fine, sl_ns now);
/* From now on. ALWAYS before it is called. */
void sl_record_track_rule(struct sl_record_track *track, const struct sl_record_rule *rule,
                          sl_ns now);
/* Something moves; or no more, and it was seen last at `last` (monotonic). */
void sl_record_track_motion(struct sl_record_track *track, bool moving, sl_ns last, sl_ns now);
/* Of the segments from the next one on. */
void sl_record_track_location(struct sl_record_track *track, const char *location);

void sl_record_track_connect(struct sl_record_track *track, bool sound);
/* Writes what is left and ends the segment. */
void sl_record_track_disconnect(struct sl_record_track *track, sl_ns now);

/* As sl_session_handler.packet; SL_VIDEO and SL_AUDIO, what else there is is left alone. */
void sl_record_track_packet(struct sl_record_track *track, enum sl_media_kind kind,
                            const struct sl_rtp_packet *packet, sl_ns arrival);
/* Some were left out in front of the recorder, because it did not keep up. */
void sl_record_track_overrun(struct sl_record_track *track);

void sl_record_track_tick(struct sl_record_track *track, sl_ns now);
sl_ns sl_record_track_due(const struct sl_record_track *track);

/* pictures == written + unwritten */
struct sl_record_track_stats {
    uint64_t pictures, written;
    uint64_t unwritten; /* whole, but no file to be in: before a key frame, no disk, not wanted */
    uint64_t sounds, sounds_written;
    uint64_t segments, breaks, overruns, failures;
};
void sl_record_track_stats(const struct sl_record_track *track, struct sl_record_track_stats *ret);
