/* SPDX-License-Identifier: MIT */
/*
 * Catalogue: what was recorded and what happened, in SQLite (WAL) at DATA/catalogue.db. Made anew
 * from the files whenever need be, so it holds nothing that they do not tell but locks, marks,
 * sessions and events.
 *
 *     segments(uuid, camera, location, path, start, end, bytes, frames, gaps, clock, locked, ...)
 *     sessions(camera, connected, disconnected, why)   events(camera, type, start, end, score)
 *     marks(camera, at, text)                          cameras(name, location, address, seen)
 *     meta(key, value): schema, store (UUID of the store's marker file)
 *
 * A running receiver writes on its store thread alone; admin commands write beside it in short
 * transactions (busy_timeout). Times are UTC in microseconds, ranges half-open: [from, to). One
 * thread per open catalogue. Errors: -errno, and a sentence in sl_catalogue_why(); -EINVAL: a row
 * that the catalogue will never take.
 */
#pragma once

#include "receiver/segment.h"

struct sl_catalogue;

/* With `write`, makes it if it is absent and brings an older schema up to date, in one
 * transaction. -EBADMSG: not a database, or of a newer version. `why` names the file. */
SL_MUST_CHECK int sl_catalogue_open(struct sl_catalogue **ret, const char *dir, bool write,
                                    char why[SL_STORE_WHY]);
void sl_catalogue_close(struct sl_catalogue *catalogue);
const char *sl_catalogue_why(const struct sl_catalogue *catalogue);

/* Reads all of it: -EBADMSG if it is damaged anywhere. A second for each million rows or two. */
SL_MUST_CHECK int sl_catalogue_check(struct sl_catalogue *catalogue);

/* Several changes as one: all or none. */
SL_MUST_CHECK int sl_catalogue_begin(struct sl_catalogue *catalogue);
SL_MUST_CHECK int sl_catalogue_commit(struct sl_catalogue *catalogue);
void sl_catalogue_rollback(struct sl_catalogue *catalogue);

/* ---- Segments ---- */

struct sl_segment_row {
    int64_t id; /* ascending; of the catalogue, gone with a rebuild */
    struct sl_segment_info info;
    char path[SL_SEGMENT_PATH_BYTES]; /* relative to the store */
    bool open;                        /* still being written */
    bool locked;
};

/* New, or known by its UUID: then all but `locked` is brought up to date. */
SL_MUST_CHECK int sl_catalogue_put(struct sl_catalogue *catalogue,
                                   const struct sl_segment_row *row);
/* -ENOENT */
SL_MUST_CHECK int sl_catalogue_get(struct sl_catalogue *catalogue, const char *uuid,
                                   struct sl_segment_row *ret);
/* -ENOENT */
SL_MUST_CHECK int sl_catalogue_remove(struct sl_catalogue *catalogue, const char *uuid);

/* What is wanted; zero: everything. */
struct sl_segment_filter {
    const char *camera;            /* exactly, or NULL */
    const char *location;          /* exactly, or NULL */
    int64_t from_us, to_us;        /* overlaps it; 0: open */
    int64_t longer_us, shorter_us; /* durations, inclusive; 0: any */
    const char *event; /* type of an event of the camera that overlaps the segment, or NULL */
    bool newest_first;
};

/* A place between two rows: where the page before ended. Zero: at the beginning. */
struct sl_catalogue_cursor {
    int64_t start_us, id;
};

/*
 * Up to `max` rows by start (and id) behind `*cursor`, which moves on. How many, or -errno; fewer
 * than `max`: there are no more.
 */
SL_MUST_CHECK int sl_catalogue_page(struct sl_catalogue *catalogue,
                                    const struct sl_segment_filter *filter,
                                    struct sl_catalogue_cursor *cursor, struct sl_segment_row *rows,
                                    int max);

/*
 * An open row says how long it was some seconds ago. Who wants all footage of a range asks for rows
 * from here on, and leaves out those that sl_segment_row_ended() by `from_us`.
 */
int64_t sl_catalogue_footage_from(int64_t from_us);
bool sl_segment_row_ended(const struct sl_segment_row *row, int64_t from_us);

/* Locks or unlocks what overlaps [from, to). How many changed, or -errno. */
SL_MUST_CHECK int sl_catalogue_lock(struct sl_catalogue *catalogue, const char *camera,
                                    int64_t from_us, int64_t to_us, bool locked);

/* As sl_catalogue_page(), of what retention may let go, the oldest first: closed and not locked.
 * `camera`: NULL: of all. */
SL_MUST_CHECK int sl_catalogue_oldest(struct sl_catalogue *catalogue, const char *camera,
                                      struct sl_catalogue_cursor *cursor,
                                      struct sl_segment_row *rows, int max);

/* When the newest of all ends, of those of a synchronised clock if there are any. -ENOENT. */
SL_MUST_CHECK int sl_catalogue_newest(struct sl_catalogue *catalogue, int64_t *ret);

/* When the camera's first that is not locked ends, be it open or closed. -ENOENT. */
SL_MUST_CHECK int sl_catalogue_first_unlocked(struct sl_catalogue *catalogue, const char *camera,
                                              int64_t *end_us);

/* ---- What it takes ---- */

struct sl_catalogue_camera {
    char name[SL_NAME_BYTES];
    char location[SL_LOCATION_BYTES];
    char address[64]; /* last seen at */
    int64_t seen_us;
    int64_t bytes, segments, locked_bytes;
    int64_t oldest_us, newest_us; /* starts; 0: nothing recorded */
};

/* By name. How many, or -errno. */
SL_MUST_CHECK int sl_catalogue_cameras(struct sl_catalogue *catalogue,
                                       struct sl_catalogue_camera *rows, int max);
/* 0 if it was ever seen, or -ENOENT. */
SL_MUST_CHECK int sl_catalogue_has_camera(struct sl_catalogue *catalogue, const char *name);
/* Bytes of what was recorded in [from, to), of segments in part a part. `camera`: NULL: of all. */
SL_MUST_CHECK int sl_catalogue_bytes(struct sl_catalogue *catalogue, const char *camera,
                                     int64_t from_us, int64_t to_us, int64_t *ret);

/* ---- What happened ---- */

struct sl_catalogue_event {
    int64_t id;
    char camera[SL_NAME_BYTES];
    char type[16];            /* "motion", "connected", "gap" ... */
    int64_t start_us, end_us; /* end 0: not over */
    double score;
    char detail[128];
};

/* `id` 0: a new one, its id in it then; else that one is brought up to date. */
SL_MUST_CHECK int sl_catalogue_event_put(struct sl_catalogue *catalogue,
                                         struct sl_catalogue_event *event);
/* As sl_catalogue_page(); of the filter: camera, location, from_us, to_us, durations, event. */
SL_MUST_CHECK int sl_catalogue_events(struct sl_catalogue *catalogue,
                                      const struct sl_segment_filter *filter,
                                      struct sl_catalogue_cursor *cursor,
                                      struct sl_catalogue_event *rows, int max);

SL_MUST_CHECK int sl_catalogue_connected(struct sl_catalogue *catalogue, const char *camera,
                                         const char *location, const char *address, int64_t at_us);
SL_MUST_CHECK int sl_catalogue_disconnected(struct sl_catalogue *catalogue, const char *camera,
                                            const char *why, int64_t at_us);

/* What a run that ended without a word left open, is over: events with the last recording of their
 * camera, sessions when it was last seen ("the receiver ended"). How many, or -errno. */
SL_MUST_CHECK int sl_catalogue_end_past(struct sl_catalogue *catalogue, int64_t now_us);

#define SL_CATALOGUE_EVENTS_MAX 50000 /* that are over, of a camera; the oldest go */
#define SL_CATALOGUE_SESSIONS_MAX 10000
/*
 * Of a camera, takes out events and sessions that were over before `before_us` (events that a
 * recording overlaps stay), and those beyond what is kept of them. A piece of the work, so that
 * others can write meanwhile: how many went, 0: all is done, or -errno.
 */
SL_MUST_CHECK int sl_catalogue_prune(struct sl_catalogue *catalogue, const char *camera,
                                     int64_t before_us);

/* ---- Marks ---- */

#define SL_MARK_TEXT_BYTES 513        /* 512 and NUL */
#define SL_CATALOGUE_MARKS_MAX 100000 /* of all cameras; they stay until somebody removes them */

/* A moment of a camera that somebody gave words to. */
struct sl_catalogue_mark {
    int64_t id; /* never another's, also when it is gone */
    char camera[SL_NAME_BYTES];
    int64_t at_us;
    char text[SL_MARK_TEXT_BYTES];
};

/* NULL: it can be a mark's text; else what was wanted: UTF-8, not empty, not too long, and nothing
 * that moves a terminal's cursor. */
const char *sl_mark_text_wrong(const char *text);

/* Its id in it then. -EINVAL: such a text is none; -ENOSPC: there are too many. */
SL_MUST_CHECK int sl_catalogue_mark_add(struct sl_catalogue *catalogue,
                                        struct sl_catalogue_mark *mark);
/* What it was in `ret`. -ENOENT. */
SL_MUST_CHECK int sl_catalogue_mark_remove(struct sl_catalogue *catalogue, int64_t id,
                                           struct sl_catalogue_mark *ret);
/* As sl_catalogue_page(), by time; of the filter: camera, from_us <= at < to_us, newest_first. */
SL_MUST_CHECK int sl_catalogue_marks(struct sl_catalogue *catalogue,
                                     const struct sl_segment_filter *filter,
                                     struct sl_catalogue_cursor *cursor,
                                     struct sl_catalogue_mark *rows, int max);

SL_MUST_CHECK int sl_catalogue_meta_set(struct sl_catalogue *catalogue, const char *key,
                                        const char *value);
/* -ENOENT, -EMSGSIZE. */
SL_MUST_CHECK int sl_catalogue_meta_get(struct sl_catalogue *catalogue, const char *key, char *out,
                                        size_t size);
