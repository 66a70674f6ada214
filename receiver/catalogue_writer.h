/* SPDX-License-Identifier: MIT */
/*
 * Catalogue writer: the thread that keeps the catalogue while the receiver runs, so that a slow
 * disk or a locked database holds up nobody.
 *
 *     record ──tell──▶ [ ring ] ──▶ store thread ─▶ one transaction a second ─▶ catalogue
 *                                        └─ then turn(): what else has to be done there
 *
 * What cannot be written now (locked, a full disk) is tried again each second, for as long as it
 * takes; it is the ring that bounds what waits. A row that is refused for good is left out, and so
 * is one that failed SL_CATALOGUE_WRITER_TRIES times for no such reason; the rest is written. A
 * full ring refuses what is told: of segments that grow three quarters are enough, the rest is kept
 * for what is told once.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"
#include "receiver/catalogue.h"

#define SL_CATALOGUE_WRITER_TRIES 3

struct sl_catalogue_writer;

struct sl_catalogue_writer_config {
    struct sl_catalogue *catalogue;     /* of the thread alone, from start to stop */
    void (*turn)(void *ctx, sl_ns now); /* on the thread, once a second; or NULL */
    void *ctx;
};

SL_MUST_CHECK int sl_catalogue_writer_create(struct sl_catalogue_writer **ret,
                                             const struct sl_catalogue_writer_config *config);
SL_MUST_CHECK int sl_catalogue_writer_start(struct sl_catalogue_writer *writer);
/* Writes all that was told. Whoever tells has stopped. */
void sl_catalogue_writer_stop(struct sl_catalogue_writer *writer);
void sl_catalogue_writer_destroy(struct sl_catalogue_writer *writer);

/* One thread tells. False: the ring is full (counted). */

/* Opened, grown or closed; one that was closed without a picture is taken out again. */
bool sl_catalogue_writer_segment(struct sl_catalogue_writer *writer,
                                 const struct sl_segment_row *row);
/* With end_us == 0 it goes on: the next of that camera and type tells the rest of it, or it is over
 * when the camera disconnects. */
bool sl_catalogue_writer_event(struct sl_catalogue_writer *writer,
                               const struct sl_catalogue_event *event);
bool sl_catalogue_writer_connected(struct sl_catalogue_writer *writer, const char *camera,
                                   const char *location, const char *address, int64_t at_us);
bool sl_catalogue_writer_disconnected(struct sl_catalogue_writer *writer, const char *camera,
                                      const char *why, int64_t at_us);

/* told == written + refused + left_out + held */
struct sl_catalogue_writer_stats {
    uint64_t told, written, refused;
    uint64_t left_out; /* by the catalogue, for good */
    uint64_t transactions, failures;
};
void sl_catalogue_writer_stats(const struct sl_catalogue_writer *writer,
                               struct sl_catalogue_writer_stats *ret);
