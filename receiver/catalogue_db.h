/* SPDX-License-Identifier: MIT */
/*
 * Catalogue database: what the parts of the catalogue share of SQLite. Texts of statements are
 * literals, compiled once each and kept.
 *
 *     catalogue.c            opening, schema, meta      catalogue_segments.c  rows and locks
 *     catalogue_events.c     events and sessions        catalogue_pages.c     pages of both, and of
 *     catalogue_marks.c      marks                                            marks
 *     catalogue_tags.c       which segments an event is in
 *     catalogue_past.c       what is over at a start, and what is too old
 */
#pragma once

#include <sqlite3.h>

#include "receiver/catalogue.h"

#define SL_CATALOGUE_STATEMENTS 64
#define SL_CATALOGUE_VERSION 3

struct sl_catalogue {
    sqlite3 *db;
    struct {
        const char *text; /* by address */
        sqlite3_stmt *statement;
    } kept[SL_CATALOGUE_STATEMENTS];
    int kept_count;
    char why[SL_STORE_WHY];
};

/* A parameter: text if there is one, else the number. */
struct sl_db_value {
    const char *text;
    int64_t number;
};

#define SL_DB_TEXT(t)                                                                              \
    {                                                                                              \
        .text = (t)                                                                                \
    }
#define SL_DB_NUMBER(n)                                                                            \
    {                                                                                              \
        .number = (n)                                                                              \
    }

/* SQLite's answer as ours, and what it says into `why`. */
int sl_db_failed(struct sl_catalogue *catalogue, int code);
SL_MUST_CHECK int sl_db_execute(struct sl_catalogue *catalogue, const char *text);

/* The kept statement of a literal, reset, its parameters bound. The next use resets it; a reader
 * that stops half-way calls sqlite3_reset(). */
SL_MUST_CHECK int sl_db_statement(struct sl_catalogue *catalogue, sqlite3_stmt **ret,
                                  const char *text, const struct sl_db_value *values, int count);
SL_MUST_CHECK int sl_db_bind(struct sl_catalogue *catalogue, sqlite3_stmt *statement,
                             const struct sl_db_value *values, int count);

/* Runs a kept statement that gives at most one number, into `*ret` (may be NULL; 0 if no row). */
SL_MUST_CHECK int sl_db_run(struct sl_catalogue *catalogue, int64_t *ret, const char *text,
                            const struct sl_db_value *values, int count);

#define SL_DB_VALUES(...)                                                                          \
    (const struct sl_db_value[]){__VA_ARGS__},                                                     \
        (int)SL_COUNT(((const struct sl_db_value[]){__VA_ARGS__}))
#define SL_DB_RUN(catalogue, ret, text, ...)                                                       \
    sl_db_run(catalogue, ret, text, SL_DB_VALUES(__VA_ARGS__))

void sl_db_copy(char *out, size_t size, sqlite3_stmt *statement, int column);

/* Several statements as one, within the caller's transaction or one of their own. */
SL_MUST_CHECK int sl_db_enter(struct sl_catalogue *catalogue);
int sl_db_leave(struct sl_catalogue *catalogue, int err);

/* ---- Tags: segment x type of event that overlaps it ---- */

/* Of a segment that is new or began elsewhere; of one that only grew from `from_us` on. */
SL_MUST_CHECK int sl_tags_segment(struct sl_catalogue *catalogue, int64_t id);
SL_MUST_CHECK int sl_tags_grown(struct sl_catalogue *catalogue, int64_t id, int64_t from_us);

struct sl_tags_event {
    const char *camera, *type;
    int64_t start_us, until_us; /* INT64_MAX: not over; an instant is 1 us long */
};
SL_MUST_CHECK int sl_tags_event(struct sl_catalogue *catalogue, const struct sl_tags_event *event);
/* What that event alone had tagged; it is changed by now. */
SL_MUST_CHECK int sl_tags_event_was(struct sl_catalogue *catalogue,
                                    const struct sl_tags_event *event);
struct sl_tags_event sl_tags_of(const struct sl_catalogue_event *event);
