/* SPDX-License-Identifier: MIT */
/*
 * The sample tables of one track of an MP4 that is not fragmented (ISO/IEC 14496-12 section 8.6 and
 * 8.7): filled sample by sample, written out once. Kept as the bytes they will be, runs as runs, so
 * that a day of video costs some tens of megabytes and no more. Reads and writes no file.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "receiver/segment_file.h"

/* Parameter sets (or sounds) that differ, in one track. */
#define SL_MEDIA_CONFIGS_MAX 64

/* A growing block; zero is empty. */
struct sl_media_bytes {
    uint8_t *data;
    size_t len, room;
};
/* Room for `len` more at the end, or NULL. */
uint8_t *sl_media_bytes_add(struct sl_media_bytes *bytes, size_t len);
void sl_media_bytes_fini(struct sl_media_bytes *bytes);

struct sl_media_config {
    uint8_t data[SL_SEGMENT_CONFIG_BYTES]; /* payload of avcC or dOps */
    size_t len;
    int width, height, channels;
};

struct sl_media_tables {
    struct sl_media_config *configs;
    uint32_t config_count;
    struct sl_media_bytes stts, stss, stsz, stsc, co64;
    uint32_t samples, chunks;
    uint64_t ticks; /* the samples' durations together */

    /* Runs not written yet. */
    uint32_t run_ticks, run_count;
    uint32_t chunk_samples, chunk_config;
    uint32_t last_chunk_samples, last_chunk_config; /* of the entry of stsc written last */
};

void sl_media_tables_fini(struct sl_media_tables *tables);

/* The number (from 1 on) of the description with this data, new or known. 0: too many, no memory.
 */
uint32_t sl_media_tables_config(struct sl_media_tables *tables,
                                const struct sl_media_config *config);

/* What follows lies at `offset` (from the beginning of the mdat's payload) on, one sample behind
 * the other. 0 or -ENOMEM, as all below. */
SL_MUST_CHECK int sl_media_tables_chunk(struct sl_media_tables *tables, uint64_t offset,
                                        uint32_t config);
SL_MUST_CHECK int sl_media_tables_sample(struct sl_media_tables *tables, uint32_t size, bool key);
/* How long the next sample in line lasts; as many calls as samples, in order, at any time. */
SL_MUST_CHECK int sl_media_tables_ticks(struct sl_media_tables *tables, uint32_t ticks);
/* No more to come. */
SL_MUST_CHECK int sl_media_tables_end(struct sl_media_tables *tables);

/* Bytes that they hold. */
size_t sl_media_tables_bytes(const struct sl_media_tables *tables);
