/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "receiver/catalogue_db.h"
#include "receiver/catalogue_rows.h"

#define PIECE 200 /* of one transaction */

/* ---- At a start ---- */

/* Not before it began, and not ahead of time. */
static int end_of(struct sl_catalogue *catalogue, const struct sl_catalogue_event *event,
                  int64_t now_us, int64_t *ret)
{
    return SL_DB_RUN(catalogue, ret,
                     "SELECT MAX(?2, MIN(?3, COALESCE((SELECT start + duration FROM segments"
                     " WHERE camera = ?1 ORDER BY start DESC LIMIT 1), ?2)))",
                     SL_DB_TEXT(event->camera), SL_DB_NUMBER(event->start_us),
                     SL_DB_NUMBER(now_us));
}

/* Up to PIECE rows. How many, or -errno. */
static int read_events(struct sl_catalogue *catalogue, sqlite3_stmt *statement,
                       struct sl_catalogue_event *rows)
{
    int count = 0, code = SQLITE_DONE;
    while (count < PIECE && (code = sqlite3_step(statement)) == SQLITE_ROW)
        sl_catalogue_read_event(&rows[count++], statement);
    const int failed =
        code != SQLITE_ROW && code != SQLITE_DONE ? sl_db_failed(catalogue, code) : 0;
    sqlite3_reset(statement);
    return failed != 0 ? failed : count;
}

static int end_events(struct sl_catalogue *catalogue, struct sl_catalogue_event *rows,
                      int64_t now_us)
{
    sqlite3_stmt *statement;
    int err = sl_db_statement(catalogue, &statement,
                              "SELECT " SL_EVENT_COLUMNS
                              " FROM events s WHERE s.until = 9223372036854775807 LIMIT ?1",
                              SL_DB_VALUES(SL_DB_NUMBER(PIECE)));
    const int count = err != 0 ? err : read_events(catalogue, statement, rows);
    for (int i = 0; i < count && err == 0; i++) {
        err = end_of(catalogue, &rows[i], now_us, &rows[i].end_us);
        if (rows[i].end_us == 0) /* of 1970 */
            rows[i].end_us = 1;
        if (err == 0)
            err = sl_catalogue_event_put(catalogue, &rows[i]);
    }
    return err != 0 ? err : count;
}

static int end_sessions(struct sl_catalogue *catalogue, int64_t now_us)
{
    const int err = SL_DB_RUN(
        catalogue, NULL,
        "UPDATE sessions SET why = 'the receiver ended', disconnected = MAX(connected, MIN(?1,"
        " MAX(COALESCE((SELECT seen FROM cameras c WHERE c.name = sessions.camera), 0),"
        " COALESCE((SELECT start + duration FROM segments s WHERE s.camera = sessions.camera"
        " ORDER BY start DESC LIMIT 1), 0)))) WHERE disconnected IS NULL",
        SL_DB_NUMBER(now_us));
    return err != 0 ? err : sqlite3_changes(catalogue->db);
}

static int end_past(struct sl_catalogue *catalogue, struct sl_catalogue_event *rows, int64_t now_us,
                    int *ended)
{
    int count;
    do {
        count = end_events(catalogue, rows, now_us);
        *ended += count > 0 ? count : 0;
    } while (count == PIECE);
    if (count < 0)
        return count;
    count = end_sessions(catalogue, now_us);
    *ended += count > 0 ? count : 0;
    return count < 0 ? count : 0;
}

int sl_catalogue_end_past(struct sl_catalogue *catalogue, int64_t now_us)
{
    struct sl_catalogue_event *rows = calloc(PIECE, sizeof(*rows));
    int ended = 0, err = rows ? sl_db_enter(catalogue) : -ENOMEM;
    if (err == 0)
        err = sl_db_leave(catalogue, end_past(catalogue, rows, now_us, &ended));
    free(rows);
    return err != 0 ? err : ended;
}

/* ---- What is too old ---- */

static int too_old(struct sl_catalogue *catalogue, struct sl_catalogue_event *rows,
                   const char *camera, int64_t before_us)
{
    int64_t longest = 0;
    sqlite3_stmt *statement;
    int err = SL_DB_RUN(catalogue, &longest, "SELECT MAX(duration) FROM segments WHERE camera = ?1",
                        SL_DB_TEXT(camera));
    if (err == 0)
        err = sl_db_statement(catalogue, &statement,
                              "SELECT " SL_EVENT_COLUMNS
                              " FROM events s WHERE s.camera = ?1 AND s.until <= ?2 AND NOT EXISTS"
                              " (SELECT 1 FROM segments g WHERE g.camera = ?1 AND g.start < s.until"
                              " AND g.start > s.start - MAX(?3, 1)"
                              " AND g.start + MAX(g.duration, 1) > s.start)"
                              " ORDER BY s.until LIMIT ?4",
                              SL_DB_VALUES(SL_DB_TEXT(camera), SL_DB_NUMBER(before_us),
                                           SL_DB_NUMBER(longest), SL_DB_NUMBER(PIECE)));
    return err != 0 ? err : read_events(catalogue, statement, rows);
}

static int too_many(struct sl_catalogue *catalogue, struct sl_catalogue_event *rows,
                    const char *camera)
{
    sqlite3_stmt *statement;
    const int err = sl_db_statement(
        catalogue, &statement,
        "SELECT " SL_EVENT_COLUMNS " FROM events s WHERE s.camera = ?1"
        " AND s.until < 9223372036854775807 ORDER BY s.start DESC, s.id DESC LIMIT ?3 OFFSET ?2",
        SL_DB_VALUES(SL_DB_TEXT(camera), SL_DB_NUMBER(SL_CATALOGUE_EVENTS_MAX),
                     SL_DB_NUMBER(PIECE)));
    return err != 0 ? err : read_events(catalogue, statement, rows);
}

static int remove_events(struct sl_catalogue *catalogue, const struct sl_catalogue_event *rows,
                         int count)
{
    int err = 0;
    for (int i = 0; i < count && err == 0; i++) {
        err = SL_DB_RUN(catalogue, NULL, "DELETE FROM events WHERE id = ?1",
                        SL_DB_NUMBER(rows[i].id));
        const struct sl_tags_event was = sl_tags_of(&rows[i]);
        if (err == 0)
            err = sl_tags_event_was(catalogue, &was);
    }
    return err != 0 ? err : count;
}

static int prune_sessions(struct sl_catalogue *catalogue, const char *camera, int64_t before_us)
{
    const int err =
        SL_DB_RUN(catalogue, NULL,
                  "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE camera = ?1"
                  " AND connected < ?2 AND disconnected < ?2 UNION SELECT id FROM (SELECT id FROM"
                  " sessions WHERE camera = ?1 AND disconnected IS NOT NULL"
                  " ORDER BY connected DESC LIMIT -1 OFFSET ?3) LIMIT ?4)",
                  SL_DB_TEXT(camera), SL_DB_NUMBER(before_us),
                  SL_DB_NUMBER(SL_CATALOGUE_SESSIONS_MAX), SL_DB_NUMBER(PIECE));
    return err != 0 ? err : sqlite3_changes(catalogue->db);
}

static int prune(struct sl_catalogue *catalogue, struct sl_catalogue_event *rows,
                 const char *camera, int64_t before_us, int *went)
{
    int count = too_old(catalogue, rows, camera, before_us);
    if (count == 0)
        count = too_many(catalogue, rows, camera);
    if (count > 0)
        count = remove_events(catalogue, rows, count);
    if (count < 0)
        return count;
    const int sessions = prune_sessions(catalogue, camera, before_us);
    if (sessions < 0)
        return sessions;
    *went = count + sessions;
    return 0;
}

int sl_catalogue_prune(struct sl_catalogue *catalogue, const char *camera, int64_t before_us)
{
    struct sl_catalogue_event *rows = calloc(PIECE, sizeof(*rows));
    int went = 0, err = rows ? sl_db_enter(catalogue) : -ENOMEM;
    if (err == 0)
        err = sl_db_leave(catalogue, prune(catalogue, rows, camera, before_us, &went));
    free(rows);
    return err != 0 ? err : went;
}
