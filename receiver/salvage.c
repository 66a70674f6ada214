/* SPDX-License-Identifier: MIT */
#include "receiver/salvage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "receiver/catalogue_db.h"
#include "whip/link.h"

struct salvage {
    struct sl_catalogue *to;
    sqlite3 *from;
    struct sl_salvage_counts counts;
};

static bool text_of(sqlite3_stmt *row, int column, char *out, size_t size)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    return text && (size_t)snprintf(out, size, "%s", text) < size;
}

/* Of marks and sessions: it may have no recordings any more. */
static bool camera_of(sqlite3_stmt *row, int column, char out[SL_NAME_BYTES])
{
    return text_of(row, column, out, SL_NAME_BYTES) && sl_name_valid(out);
}

static int see_camera(struct salvage *s, const char *name)
{
    return SL_DB_RUN(s->to, NULL, "INSERT OR IGNORE INTO cameras(name) VALUES(?1)",
                     SL_DB_TEXT(name));
}

/* ---- Rows: 0, or what the new catalogue said ---- */

static int take_lock(struct salvage *s, sqlite3_stmt *row)
{
    char uuid[SL_SEGMENT_UUID_BYTES];
    int64_t id = 0;
    if (!text_of(row, 1, uuid, sizeof(uuid)))
        return 0;
    const int err = SL_DB_RUN(s->to, &id,
                              "UPDATE segments SET locked = 1 WHERE uuid = ?1 AND locked = 0"
                              " RETURNING id",
                              SL_DB_TEXT(uuid));
    s->counts.locks += err == 0 && id != 0;
    return err;
}

static int take_mark(struct salvage *s, sqlite3_stmt *row)
{
    struct sl_catalogue_mark mark = {.id = sqlite3_column_int64(row, 0),
                                     .at_us = sqlite3_column_int64(row, 2)};
    if (!camera_of(row, 1, mark.camera) || !text_of(row, 3, mark.text, sizeof(mark.text)) ||
        sl_mark_text_wrong(mark.text) || mark.id <= 0 || mark.at_us < 0)
        return 0;
    int err = see_camera(s, mark.camera);
    if (err == 0)
        err = SL_DB_RUN(s->to, NULL,
                        "INSERT OR IGNORE INTO marks(id, camera, at, text) VALUES(?1, ?2, ?3, ?4)",
                        SL_DB_NUMBER(mark.id), SL_DB_TEXT(mark.camera), SL_DB_NUMBER(mark.at_us),
                        SL_DB_TEXT(mark.text));
    s->counts.marks += err == 0;
    return err;
}

static int take_event(struct salvage *s, sqlite3_stmt *row)
{
    struct sl_catalogue_event event = {.start_us = sqlite3_column_int64(row, 3),
                                       .end_us = sqlite3_column_int64(row, 4),
                                       .score = sqlite3_column_double(row, 5)};
    if (!camera_of(row, 1, event.camera) || !text_of(row, 2, event.type, sizeof(event.type)) ||
        !text_of(row, 6, event.detail, sizeof(event.detail)) ||
        (event.end_us != 0 && event.end_us < event.start_us))
        return 0;
    const int err = sl_catalogue_event_put(s->to, &event);
    s->counts.events += err == 0;
    return err;
}

static int take_session(struct salvage *s, sqlite3_stmt *row)
{
    char camera[SL_NAME_BYTES], why[128];
    if (!camera_of(row, 1, camera) || !text_of(row, 4, why, sizeof(why)))
        return 0;
    int err = see_camera(s, camera);
    if (err == 0)
        err = SL_DB_RUN(s->to, NULL,
                        "INSERT INTO sessions(camera, connected, disconnected, why)"
                        " VALUES(?1, ?2, NULLIF(?3, 0), ?4)",
                        SL_DB_TEXT(camera), SL_DB_NUMBER(sqlite3_column_int64(row, 2)),
                        SL_DB_NUMBER(sqlite3_column_int64(row, 3)), SL_DB_TEXT(why));
    s->counts.sessions += err == 0;
    return err;
}

/* ---- Tables ---- */

/* By the table itself: an index may be damaged where it is not. %s: the order. */
static const struct {
    const char *text;
    int (*take)(struct salvage *s, sqlite3_stmt *row);
} tables[] = {
    {"SELECT id, uuid FROM segments NOT INDEXED WHERE locked = 1 AND id > ?1 ORDER BY id%s",
     take_lock},
    {"SELECT id, camera, at, text FROM marks NOT INDEXED WHERE id > ?1 ORDER BY id%s", take_mark},
    {"SELECT id, camera, type, start, \"end\", score, detail FROM events NOT INDEXED WHERE id > ?1"
     " ORDER BY id%s",
     take_event},
    {"SELECT id, camera, connected, disconnected, why FROM sessions NOT INDEXED WHERE id > ?1"
     " ORDER BY id%s",
     take_session},
};

/* 1: up to its end; 0: up to a damage; or what the new catalogue said. `*last`: the id before it.
 */
static int read_rows(struct salvage *s, size_t table, const char *order, int64_t after,
                     int64_t *last)
{
    char text[256];
    sqlite3_stmt *statement = NULL;
    int err = 0, code;
    snprintf(text, sizeof(text), tables[table].text, order);
    if (sqlite3_prepare_v2(s->from, text, -1, &statement, NULL) != SQLITE_OK)
        return 0;
    sqlite3_bind_int64(statement, 1, after);
    while ((code = sqlite3_step(statement)) == SQLITE_ROW && err == 0) {
        *last = sqlite3_column_int64(statement, 0);
        err = tables[table].take(s, statement);
    }
    sqlite3_finalize(statement);
    return err == -EINVAL ? 0 : err != 0 ? err : code == SQLITE_DONE;
}

/* Forwards up to a damage, and backwards down to it. */
static int read_table(struct salvage *s, size_t table)
{
    int64_t last = INT64_MIN, unused = 0;
    int got = read_rows(s, table, "", INT64_MIN, &last);
    if (got == 1)
        return 0;
    s->counts.whole = false;
    if (got == 0)
        got = read_rows(s, table, " DESC", last, &unused);
    return got < 0 ? got : 0;
}

int sl_salvage(struct sl_catalogue *to, const char *path, struct sl_salvage_counts *ret)
{
    struct salvage s = {.to = to, .counts = {.whole = true}};
    int err = 0;
    if (sqlite3_open_v2(path, &s.from, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK) {
        s.counts.whole = false;
    } else {
        (void)sqlite3_exec(s.from, "PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF;",
                           NULL, NULL, NULL);
        for (size_t i = 0; i < SL_COUNT(tables) && err == 0; i++)
            err = read_table(&s, i);
    }
    sqlite3_close(s.from);
    if (err == 0)
        *ret = s.counts;
    return err;
}
