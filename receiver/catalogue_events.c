/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "receiver/catalogue_db.h"
#include "receiver/catalogue_rows.h"

/* ---- Events ---- */

struct sl_tags_event sl_tags_of(const struct sl_catalogue_event *event)
{
    const int64_t end = event->end_us;
    return (struct sl_tags_event){.camera = event->camera,
                                  .type = event->type,
                                  .start_us = event->start_us,
                                  .until_us = end == 0                ? INT64_MAX
                                              : end > event->start_us ? end
                                                                      : event->start_us + 1};
}

static int bind_event(struct sl_catalogue *catalogue, sqlite3_stmt **ret, const char *text,
                      const struct sl_catalogue_event *event)
{
    const int64_t until = sl_tags_of(event).until_us;
    const int64_t duration = until == INT64_MAX ? 0 : until - event->start_us;
    const int err =
        sl_db_statement(catalogue, ret, text,
                        SL_DB_VALUES(SL_DB_TEXT(event->camera), SL_DB_TEXT(event->type),
                                     SL_DB_NUMBER(event->start_us), SL_DB_NUMBER(event->end_us),
                                     SL_DB_NUMBER(until), SL_DB_NUMBER(duration),
                                     SL_DB_TEXT(event->detail), SL_DB_NUMBER(event->id)));
    if (err != 0)
        return err;
    const int code = sqlite3_bind_double(*ret, 9, event->score);
    return code == SQLITE_OK ? 0 : sl_db_failed(catalogue, code);
}

static int insert_event(struct sl_catalogue *catalogue, const struct sl_catalogue_event *event,
                        int64_t *id)
{
    sqlite3_stmt *statement;
    const int err = bind_event(catalogue, &statement,
                               "INSERT INTO events(camera, type, start, \"end\", until, duration,"
                               " detail, score) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?9)"
                               " RETURNING ?8 + id",
                               event);
    if (err != 0)
        return err;
    const int code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *id = sqlite3_column_int64(statement, 0);
    const int reset = sqlite3_reset(statement);
    return code == SQLITE_ROW && reset == SQLITE_OK ? 0 : sl_db_failed(catalogue, reset);
}

static int update_event(struct sl_catalogue *catalogue, const struct sl_catalogue_event *event)
{
    sqlite3_stmt *statement;
    const int err = bind_event(catalogue, &statement,
                               "UPDATE events SET camera = ?1, type = ?2, start = ?3, \"end\" = ?4,"
                               " until = ?5, duration = ?6, detail = ?7, score = ?9 WHERE id = ?8",
                               event);
    if (err != 0)
        return err;
    const int code = sqlite3_step(statement);
    sqlite3_reset(statement);
    return code == SQLITE_DONE ? 0 : sl_db_failed(catalogue, code);
}

void sl_catalogue_read_event(struct sl_catalogue_event *ret, sqlite3_stmt *statement)
{
    ret->id = sqlite3_column_int64(statement, 0);
    sl_db_copy(ret->camera, sizeof(ret->camera), statement, 1);
    sl_db_copy(ret->type, sizeof(ret->type), statement, 2);
    ret->start_us = sqlite3_column_int64(statement, 3);
    ret->end_us = sqlite3_column_int64(statement, 4);
    ret->score = sqlite3_column_double(statement, 5);
    sl_db_copy(ret->detail, sizeof(ret->detail), statement, 6);
}

static int get_event(struct sl_catalogue *catalogue, int64_t id, struct sl_catalogue_event *ret)
{
    sqlite3_stmt *statement;
    int err = sl_db_statement(catalogue, &statement,
                              "SELECT " SL_EVENT_COLUMNS " FROM events s WHERE s.id = ?1",
                              SL_DB_VALUES(SL_DB_NUMBER(id)));
    if (err != 0)
        return err;
    const int code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        sl_catalogue_read_event(ret, statement);
    else
        err = code == SQLITE_DONE ? -ENOENT : sl_db_failed(catalogue, code);
    sqlite3_reset(statement);
    return err;
}

/* Other segments than before may be in it. */
static int change_event(struct sl_catalogue *catalogue, const struct sl_catalogue_event *event)
{
    struct sl_catalogue_event before;
    int err = get_event(catalogue, event->id, &before);
    if (err == 0)
        err = update_event(catalogue, event);
    if (err != 0)
        return err;
    const struct sl_tags_event was = sl_tags_of(&before);
    return sl_tags_event_was(catalogue, &was);
}

static int put_event(struct sl_catalogue *catalogue, const struct sl_catalogue_event *event,
                     int64_t *id)
{
    const struct sl_tags_event tags = sl_tags_of(event);
    *id = event->id;
    int err = event->id ? change_event(catalogue, event) : insert_event(catalogue, event, id);
    return err == 0 ? sl_tags_event(catalogue, &tags) : err;
}

int sl_catalogue_event_put(struct sl_catalogue *catalogue, struct sl_catalogue_event *event)
{
    int64_t id = 0;
    int err = sl_db_enter(catalogue);
    if (err == 0)
        err = sl_db_leave(catalogue, put_event(catalogue, event, &id));
    if (err == 0)
        event->id = id;
    return err;
}

/* ---- Sessions ---- */

/* One session of a camera at a time: of one before it no end was seen. */
static int connected(struct sl_catalogue *catalogue, const char *camera, const char *location,
                     const char *address, int64_t at_us)
{
    int err = SL_DB_RUN(catalogue, NULL,
                        "UPDATE sessions SET disconnected = MAX(connected, MIN(?2, COALESCE("
                        "(SELECT seen FROM cameras WHERE name = ?1), ?2))), why = 'not seen'"
                        " WHERE camera = ?1 AND disconnected IS NULL",
                        SL_DB_TEXT(camera), SL_DB_NUMBER(at_us));
    if (err == 0)
        err = SL_DB_RUN(catalogue, NULL,
                        "INSERT INTO cameras(name, location, address, seen) VALUES(?1, ?2, ?3, ?4)"
                        " ON CONFLICT(name) DO UPDATE SET location = excluded.location,"
                        " address = excluded.address, seen = MAX(seen, excluded.seen)",
                        SL_DB_TEXT(camera), SL_DB_TEXT(location), SL_DB_TEXT(address),
                        SL_DB_NUMBER(at_us));
    if (err == 0)
        err = SL_DB_RUN(catalogue, NULL, "INSERT INTO sessions(camera, connected) VALUES(?1, ?2)",
                        SL_DB_TEXT(camera), SL_DB_NUMBER(at_us));
    return err;
}

int sl_catalogue_connected(struct sl_catalogue *catalogue, const char *camera, const char *location,
                           const char *address, int64_t at_us)
{
    const int err = sl_db_enter(catalogue);
    return err != 0
               ? err
               : sl_db_leave(catalogue, connected(catalogue, camera, location, address, at_us));
}

static int disconnected(struct sl_catalogue *catalogue, const char *camera, const char *why,
                        int64_t at_us)
{
    const int err = SL_DB_RUN(catalogue, NULL,
                              "UPDATE sessions SET disconnected = ?2, why = ?3"
                              " WHERE camera = ?1 AND disconnected IS NULL",
                              SL_DB_TEXT(camera), SL_DB_NUMBER(at_us), SL_DB_TEXT(why));
    if (err != 0)
        return err;
    return SL_DB_RUN(catalogue, NULL, "UPDATE cameras SET seen = ?2 WHERE name = ?1 AND seen < ?2",
                     SL_DB_TEXT(camera), SL_DB_NUMBER(at_us));
}

int sl_catalogue_disconnected(struct sl_catalogue *catalogue, const char *camera, const char *why,
                              int64_t at_us)
{
    const int err = sl_db_enter(catalogue);
    return err != 0 ? err : sl_db_leave(catalogue, disconnected(catalogue, camera, why, at_us));
}
