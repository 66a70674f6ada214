/* SPDX-License-Identifier: MIT */
/*
 * Retention: which recordings have to go, and why. Decides, deletes nothing. Pure.
 *
 *     1. of each camera, its oldest rows:  older than its keep | the camera has more than its bytes
 *     2. of all, the oldest rows:          all have more than their bytes | too little disk is free
 *
 * It is told only of rows that may go at all: closed and not locked. What it lets go is taken off
 * all sums at once, so that the next row is judged by what will be left. An empty catalogue has no
 * rows, so nothing goes.
 */
#pragma once

#include "receiver/segment.h"

/* Zero: no limit. */
struct sl_retention_limits {
    int64_t keep_us; /* behind a recording's end */
    int64_t keep_bytes;
};

#define SL_RETENTION_AS_ALL (-1) /* of a camera: as the receiver's */

struct sl_retention_camera {
    char name[SL_NAME_BYTES];
    struct sl_retention_limits limits; /* of its own; keep_us may be SL_RETENTION_AS_ALL */
    int64_t bytes, segments, locked_bytes;
    int64_t gone_start_us, gone_id; /* the last one that step 1 let go; id 0: none */
};

struct sl_retention {
    int64_t now_us;                    /* by retention_clock.h */
    struct sl_retention_limits limits; /* keep_us: of cameras without one; keep_bytes: of all */
    int64_t min_free;                  /* bytes */
    int64_t free_bytes;
    int64_t bytes; /* of all cameras */
    struct sl_retention_camera *cameras;
    int camera_count;
};

/* What of a recording is asked. */
struct sl_retention_row {
    int64_t id, start_us, end_us, bytes;
    const char *camera;
};

enum sl_retention_why {
    SL_RETENTION_STAYS,
    SL_RETENTION_OLD,
    SL_RETENTION_CAMERA_BYTES,
    SL_RETENTION_BYTES,
    SL_RETENTION_FREE,
};

/* How long recordings of that camera (NULL: of one that is not known) are kept; 0: no limit. */
int64_t sl_retention_keep(const struct sl_retention *retention,
                          const struct sl_retention_camera *camera);

/* Step 1: rows of one camera, the oldest first, until one stays. */
enum sl_retention_why sl_retention_of_camera(struct sl_retention *retention,
                                             struct sl_retention_camera *camera,
                                             const struct sl_retention_row *row);
/* Step 2: whether more has to go; then the oldest row of all that step 1 has not let go already. */
enum sl_retention_why sl_retention_of_all(const struct sl_retention *retention);
bool sl_retention_went(const struct sl_retention *retention, const struct sl_retention_row *row);
void sl_retention_let_go(struct sl_retention *retention, const struct sl_retention_row *row);

/* "older than 30d", "the camera has more than 50G" ... */
const char *sl_retention_text(const struct sl_retention *retention,
                              const struct sl_retention_row *row, enum sl_retention_why why,
                              char out[64]);

/* A floor that was not asked for is at most a tenth of the disk. */
int64_t sl_retention_floor(bool given, int64_t min_free, int64_t total_bytes);
