/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "receiver/catalogue_db.h"

static void read_camera(struct sl_catalogue_camera *ret, sqlite3_stmt *statement)
{
    sl_db_copy(ret->name, sizeof(ret->name), statement, 0);
    sl_db_copy(ret->location, sizeof(ret->location), statement, 1);
    sl_db_copy(ret->address, sizeof(ret->address), statement, 2);
    ret->seen_us = sqlite3_column_int64(statement, 3);
    ret->bytes = sqlite3_column_int64(statement, 4);
    ret->segments = sqlite3_column_int64(statement, 5);
    ret->locked_bytes = sqlite3_column_int64(statement, 6);
    ret->oldest_us = sqlite3_column_int64(statement, 7);
    ret->newest_us = sqlite3_column_int64(statement, 8);
}

int sl_catalogue_cameras(struct sl_catalogue *catalogue, struct sl_catalogue_camera *rows, int max)
{
    sqlite3_stmt *statement;
    const int err = sl_db_statement(
        catalogue, &statement,
        "SELECT c.name, c.location, c.address, c.seen, COALESCE(u.bytes, 0),"
        " COALESCE(u.segments, 0), COALESCE(u.locked, 0),"
        " COALESCE((SELECT MIN(start) FROM segments WHERE camera = c.name), 0),"
        " COALESCE((SELECT MAX(start) FROM segments WHERE camera = c.name), 0)"
        " FROM cameras c LEFT JOIN sums u ON u.camera = c.name ORDER BY c.name LIMIT ?1",
        SL_DB_VALUES(SL_DB_NUMBER(max)));
    if (err != 0)
        return err;
    int count = 0, code = SQLITE_DONE;
    while (count < max && (code = sqlite3_step(statement)) == SQLITE_ROW)
        read_camera(&rows[count++], statement);
    const int failed =
        code != SQLITE_ROW && code != SQLITE_DONE ? sl_db_failed(catalogue, code) : 0;
    sqlite3_reset(statement);
    return failed != 0 ? failed : count;
}

int sl_catalogue_has_camera(struct sl_catalogue *catalogue, const char *name)
{
    int64_t there = 0;
    const int err =
        SL_DB_RUN(catalogue, &there, "SELECT 1 FROM cameras WHERE name = ?1", SL_DB_TEXT(name));
    return err != 0 ? err : there ? 0 : -ENOENT;
}

#define PART                                                                                       \
    "SELECT CAST(COALESCE(SUM(bytes * (1.0 * (MIN(start + duration, ?3) - MAX(start, ?2))"         \
    " / duration)), 0) AS INTEGER) FROM segments WHERE duration > 0 AND start < ?3"                \
    " AND start > ?2 - ?4 AND start + duration > ?2"

int sl_catalogue_bytes(struct sl_catalogue *catalogue, const char *camera, int64_t from_us,
                       int64_t to_us, int64_t *ret)
{
    int64_t longest = 0;
    const int err = sl_db_run(catalogue, &longest, "SELECT MAX(duration) FROM segments", NULL, 0);
    if (err != 0)
        return err;
    return SL_DB_RUN(catalogue, ret, camera ? PART " AND camera = ?1" : PART " AND ?1 = ''",
                     SL_DB_TEXT(camera ? camera : ""), SL_DB_NUMBER(from_us), SL_DB_NUMBER(to_us),
                     SL_DB_NUMBER(longest));
}

int sl_catalogue_first_unlocked(struct sl_catalogue *catalogue, const char *camera, int64_t *end_us)
{
    int64_t end = 0;
    int err = SL_DB_RUN(catalogue, &end,
                        "SELECT start + duration FROM segments WHERE camera = ?1 AND open = 0"
                        " AND locked = 0 ORDER BY start, id LIMIT 1",
                        SL_DB_TEXT(camera));
    if (err == 0 && end == 0) /* what is open is the newest */
        err = SL_DB_RUN(catalogue, &end,
                        "SELECT start + duration FROM segments WHERE camera = ?1 AND locked = 0"
                        " ORDER BY start DESC LIMIT 1",
                        SL_DB_TEXT(camera));
    if (err != 0)
        return err;
    if (end == 0)
        return -ENOENT;
    *end_us = end;
    return 0;
}
