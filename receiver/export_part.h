/* SPDX-License-Identifier: MIT */
/*
 * Export part: one file of an export, and all that makes it: decides which units are kept as they
 * are and which are made anew. One thread.
 */
#pragma once

#include "receiver/export.h"
#include "receiver/export_source.h"

struct sl_export_part_writer;

struct sl_export_part_config {
    const char *path;
    enum sl_export_kind kind;
    struct sl_export_source *source; /* at `unit`; outlives the part */
    bool sound;
    bool replace;
};

/* With the first unit, a key frame, which is to be written then. All below: 0 or -errno, and a
 * sentence in `why`. */
SL_MUST_CHECK int sl_export_part_begin(struct sl_export_part_writer **ret,
                                       const struct sl_export_part_config *config,
                                       const struct sl_export_unit *unit, char why[SL_STORE_WHY]);
void sl_export_part_destroy(struct sl_export_part_writer *part);
SL_MUST_CHECK int sl_export_part_write(struct sl_export_part_writer *part,
                                       const struct sl_export_unit *unit, char why[SL_STORE_WHY]);
/* The source has come to another segment. 1: it goes on in this file; 0: it cannot. */
SL_MUST_CHECK int sl_export_part_continue(struct sl_export_part_writer *part,
                                          char why[SL_STORE_WHY]);
SL_MUST_CHECK int sl_export_part_end(struct sl_export_part_writer *part, char why[SL_STORE_WHY]);
/* Puts the file in its place; what it covers. */
SL_MUST_CHECK int sl_export_part_place(struct sl_export_part_writer *part,
                                       struct sl_export_part *ret, char why[SL_STORE_WHY]);
/* Pictures that could not be decoded. */
int64_t sl_export_part_damaged(const struct sl_export_part_writer *part);
