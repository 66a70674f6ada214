/* SPDX-License-Identifier: MIT */
/*
 * Storage: the directory that recordings are in, and whether it is the right one. Its marker file
 * holds a UUID that the catalogue knows as well: an unmounted disk leaves an empty directory behind
 * without a marker, and nothing is written there.
 *
 *     STORE/.sightline-store     {"uuid": "..."}
 *
 * No marker and a catalogue that knows of no store: a first start, and the marker is made. Any
 * other mismatch is an error that says which was wanted. Looked at once a second while recording
 * (promise 14), and full disks are noticed here (promise 13).
 */
#pragma once

#include "receiver/catalogue.h"

struct sl_storage {
    char path[4096];
    int dir; /* descriptor; -1: not there now */
    char uuid[SL_SEGMENT_UUID_BYTES];
};

enum sl_storage_state {
    SL_STORAGE_FINE,
    SL_STORAGE_GONE, /* no marker, another store's, or another device */
    SL_STORAGE_READ_ONLY,
    SL_STORAGE_FULL,   /* nothing could be written even after retention did what it may */
    SL_STORAGE_BROKEN, /* input/output errors */
};

/*
 * Opens it, and makes it at the first start. -errno with one sentence in `why`; `ret` is filled all
 * the same if the catalogue knows which store is wanted (ret->uuid is not ""): it is not there now,
 * and sl_storage_look() finds it when it is. Zeroed by the caller, with dir -1.
 */
SL_MUST_CHECK int sl_storage_open(struct sl_storage *ret, const char *path,
                                  struct sl_catalogue *catalogue, char why[SL_STORE_WHY]);
void sl_storage_close(struct sl_storage *storage);

/* Looks again, by path; opens it anew when it is back. */
enum sl_storage_state sl_storage_look(struct sl_storage *storage, char why[SL_STORE_WHY]);

/* Bytes free for us, and of it all. -errno. */
SL_MUST_CHECK int sl_storage_free(const struct sl_storage *storage, int64_t *free_bytes,
                                  int64_t *total_bytes);
