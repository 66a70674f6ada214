/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "receiver/catalogue_db.h"
#include "receiver/catalogue_rows.h"

static int see_camera(struct sl_catalogue *catalogue, const struct sl_segment_meta *meta)
{
    return SL_DB_RUN(catalogue, NULL,
                     "INSERT INTO cameras(name, location, seen) VALUES(?1, ?2, ?3)"
                     " ON CONFLICT(name) DO UPDATE SET location = excluded.location,"
                     " seen = excluded.seen WHERE excluded.seen > seen",
                     SL_DB_TEXT(meta->camera), SL_DB_TEXT(meta->location),
                     SL_DB_NUMBER(meta->start_us));
}

static int write_row(struct sl_catalogue *catalogue, const struct sl_segment_row *row, int64_t *id)
{
    const struct sl_segment_info *info = &row->info;
    const struct sl_segment_meta *meta = &info->meta;
    return SL_DB_RUN(
        catalogue, id,
        "INSERT INTO segments(uuid, camera, location, path, start, duration, bytes, frames, sounds,"
        " sound, width, height, gaps, gaps_us, clock, boot, mono, open, locked)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,"
        " ?19) ON CONFLICT(uuid) DO UPDATE SET camera = excluded.camera,"
        " location = excluded.location, path = excluded.path, start = excluded.start,"
        " duration = excluded.duration, bytes = excluded.bytes, frames = excluded.frames,"
        " sounds = excluded.sounds, sound = excluded.sound, width = excluded.width,"
        " height = excluded.height, gaps = excluded.gaps, gaps_us = excluded.gaps_us,"
        " clock = excluded.clock, boot = excluded.boot, mono = excluded.mono, open = excluded.open"
        " RETURNING id",
        SL_DB_TEXT(meta->uuid), SL_DB_TEXT(meta->camera), SL_DB_TEXT(meta->location),
        SL_DB_TEXT(row->path), SL_DB_NUMBER(meta->start_us), SL_DB_NUMBER(info->duration_us),
        SL_DB_NUMBER(info->bytes), SL_DB_NUMBER(info->frames), SL_DB_NUMBER(info->sounds),
        SL_DB_NUMBER(info->sound), SL_DB_NUMBER(info->width), SL_DB_NUMBER(info->height),
        SL_DB_NUMBER(info->gaps), SL_DB_NUMBER(info->gaps_us), SL_DB_NUMBER(meta->clock),
        SL_DB_TEXT(meta->boot_id), SL_DB_NUMBER(meta->start_mono), SL_DB_NUMBER(row->open),
        SL_DB_NUMBER(row->locked));
}

/* Where the row of that UUID was before; false if it is new or lies elsewhere in time now. */
static int grew(struct sl_catalogue *catalogue, const struct sl_segment_info *info, int64_t *from)
{
    *from = INT64_MIN;
    return SL_DB_RUN(catalogue, from,
                     "SELECT COALESCE((SELECT start + duration FROM segments WHERE uuid = ?1"
                     " AND camera = ?2 AND start = ?3 AND duration <= ?4), ?5)",
                     SL_DB_TEXT(info->meta.uuid), SL_DB_TEXT(info->meta.camera),
                     SL_DB_NUMBER(info->meta.start_us), SL_DB_NUMBER(info->duration_us),
                     SL_DB_NUMBER(INT64_MIN));
}

static int put(struct sl_catalogue *catalogue, const struct sl_segment_row *row)
{
    int64_t id = 0, from = 0;
    int err = grew(catalogue, &row->info, &from);
    if (err == 0 && from == INT64_MIN)
        err = see_camera(catalogue, &row->info.meta);
    if (err == 0)
        err = write_row(catalogue, row, &id);
    if (err != 0)
        return err;
    return from == INT64_MIN ? sl_tags_segment(catalogue, id) : sl_tags_grown(catalogue, id, from);
}

int sl_catalogue_put(struct sl_catalogue *catalogue, const struct sl_segment_row *row)
{
    const int err = sl_db_enter(catalogue);
    return err != 0 ? err : sl_db_leave(catalogue, put(catalogue, row));
}

void sl_catalogue_read_segment(struct sl_segment_row *ret, sqlite3_stmt *statement)
{
    struct sl_segment_info *info = &ret->info;
    struct sl_segment_meta *meta = &info->meta;
    ret->id = sqlite3_column_int64(statement, 0);
    sl_db_copy(meta->uuid, sizeof(meta->uuid), statement, 1);
    sl_db_copy(meta->camera, sizeof(meta->camera), statement, 2);
    sl_db_copy(meta->location, sizeof(meta->location), statement, 3);
    sl_db_copy(ret->path, sizeof(ret->path), statement, 4);
    meta->start_us = sqlite3_column_int64(statement, 5);
    info->duration_us = sqlite3_column_int64(statement, 6);
    info->bytes = sqlite3_column_int64(statement, 7);
    info->frames = sqlite3_column_int64(statement, 8);
    info->sounds = sqlite3_column_int64(statement, 9);
    info->sound = sqlite3_column_int(statement, 10) != 0;
    info->width = sqlite3_column_int(statement, 11);
    info->height = sqlite3_column_int(statement, 12);
    info->gaps = sqlite3_column_int(statement, 13);
    info->gaps_us = sqlite3_column_int64(statement, 14);
    const int clock = sqlite3_column_int(statement, 15);
    meta->clock = clock == SL_CLOCK_FREE || clock == SL_CLOCK_SYNCED ? (enum sl_clock_state)clock
                                                                     : SL_CLOCK_UNKNOWN;
    sl_db_copy(meta->boot_id, sizeof(meta->boot_id), statement, 16);
    meta->start_mono = sqlite3_column_int64(statement, 17);
    ret->open = sqlite3_column_int(statement, 18) != 0;
    ret->locked = sqlite3_column_int(statement, 19) != 0;
}

int sl_catalogue_get(struct sl_catalogue *catalogue, const char *uuid, struct sl_segment_row *ret)
{
    sqlite3_stmt *statement;
    int err = sl_db_statement(catalogue, &statement,
                              "SELECT " SL_SEGMENT_COLUMNS " FROM segments s WHERE s.uuid = ?1",
                              SL_DB_VALUES(SL_DB_TEXT(uuid)));
    if (err != 0)
        return err;
    const int code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        sl_catalogue_read_segment(ret, statement);
    else
        err = code == SQLITE_DONE ? -ENOENT : sl_db_failed(catalogue, code);
    sqlite3_reset(statement);
    return err;
}

int sl_catalogue_remove(struct sl_catalogue *catalogue, const char *uuid)
{
    int64_t id = 0;
    const int err = SL_DB_RUN(catalogue, &id, "DELETE FROM segments WHERE uuid = ?1 RETURNING id",
                              SL_DB_TEXT(uuid));
    return err != 0 ? err : id == 0 ? -ENOENT : 0;
}

int sl_catalogue_lock(struct sl_catalogue *catalogue, const char *camera, int64_t from_us,
                      int64_t to_us, bool locked)
{
    int64_t span = 0;
    int err = SL_DB_RUN(catalogue, &span, "SELECT MAX(duration) FROM segments WHERE camera = ?1",
                        SL_DB_TEXT(camera));
    if (err == 0)
        err = SL_DB_RUN(catalogue, NULL,
                        "UPDATE segments SET locked = ?5 WHERE camera = ?1 AND start < ?3"
                        " AND start > ?2 - MAX(?4, 1) AND start + MAX(duration, 1) > ?2"
                        " AND locked != ?5",
                        SL_DB_TEXT(camera), SL_DB_NUMBER(from_us),
                        SL_DB_NUMBER(to_us ? to_us : INT64_MAX), SL_DB_NUMBER(span),
                        SL_DB_NUMBER(locked));
    return err != 0 ? err : sqlite3_changes(catalogue->db);
}

int sl_catalogue_newest(struct sl_catalogue *catalogue, int64_t *ret)
{
    int64_t end = 0;
    int err =
        SL_DB_RUN(catalogue, &end, "SELECT MAX(start + duration) FROM segments WHERE clock = ?1",
                  SL_DB_NUMBER(SL_CLOCK_SYNCED));
    if (err == 0 && end == 0)
        err = sl_db_run(catalogue, &end, "SELECT MAX(start + duration) FROM segments", NULL, 0);
    if (err != 0)
        return err;
    if (end == 0)
        return -ENOENT;
    *ret = end;
    return 0;
}
