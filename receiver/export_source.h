/* SPDX-License-Identifier: MIT */
/*
 * Export source: the footage of a range, read out of its segments as one sequence of units.
 *
 *     segment, segment ... ─▶ [from, to) ─▶ units by time, with their place in what is being made
 *
 * It begins at the key frame that the first picture of the range needs: what lies before that
 * picture is marked as lead, to be decoded and not shown. Sound begins and ends with the pictures,
 * within one packet. A gap is where a picture lasts longer than 500 ms and than three ordinary
 * ones; kept, or closed: then what is behind it moves up, and the sound within it is left out.
 * Where a clock was set back, what comes later moves behind what was there: times never go back.
 *
 * A segment that cannot be read is left out, as a gap, and counted. Blocks on the disk.
 */
#pragma once

#include "receiver/catalogue.h"
#include "receiver/segment_file.h"

struct sl_export_source;

struct sl_export_source_config {
    int store;                         /* descriptor: the rows' paths are relative to it */
    const struct sl_segment_row *rows; /* by start; outlive the source */
    int count;
    int64_t from_us, to_us;
    bool fast; /* the lead is shown: the range begins at that key frame */
    bool close_gaps;
};

struct sl_export_unit {
    enum sl_segment_track track;
    int64_t at_us;    /* UTC */
    int64_t out_us;   /* since the first picture shown; negative: lead */
    int64_t lasts_us; /* of a picture: without the gap behind it, if gaps are closed */
    bool key;
    bool lead;
    int segment;         /* counts up: those of one number share parameters and a decoder */
    const uint8_t *data; /* until the next one; zeros behind it, as libavcodec wants them */
    size_t len;
};

struct sl_export_source_stats {
    int64_t from_us, to_us; /* UTC: of the first picture shown, and of the last one's end */
    int64_t frames, sounds; /* shown */
    int64_t duration_us;    /* of what is made of it */
    int gaps;
    int64_t gaps_us;
    int skipped; /* segments that could not be read */
    char why[SL_STORE_WHY];
};

/* -ENOMEM. */
SL_MUST_CHECK int sl_export_source_open(struct sl_export_source **ret,
                                        const struct sl_export_source_config *config);
void sl_export_source_close(struct sl_export_source *source);

/* 1: a unit; 0: the end; -errno. */
SL_MUST_CHECK int sl_export_source_next(struct sl_export_source *source,
                                        struct sl_export_unit *ret);

/* The segment that the last unit is of. */
const struct sl_segment_index *sl_export_source_index(const struct sl_export_source *source);
/* How long its pictures last, ordinarily. */
int64_t sl_export_source_ordinary_us(const struct sl_export_source *source);
const struct sl_export_source_stats *sl_export_source_stats(const struct sl_export_source *source);
