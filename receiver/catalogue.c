/* SPDX-License-Identifier: MIT */
#include "receiver/catalogue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "receiver/catalogue_db.h"

#define BUSY_MS 5000

/*
 * Of events, "until" is their end, or the last of all times while they go on; an instant is 1 us
 * long. Sums of bytes are kept by triggers, so that retention need not add up a million rows.
 */
static const char tables[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE cameras(name TEXT PRIMARY KEY, location TEXT NOT NULL DEFAULT '',"
    " address TEXT NOT NULL DEFAULT '', seen INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
    "CREATE TABLE segments(id INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL UNIQUE,"
    " camera TEXT NOT NULL REFERENCES cameras(name), location TEXT NOT NULL, path TEXT NOT NULL,"
    " start INTEGER NOT NULL, duration INTEGER NOT NULL, bytes INTEGER NOT NULL,"
    " frames INTEGER NOT NULL, sounds INTEGER NOT NULL, sound INTEGER NOT NULL,"
    " width INTEGER NOT NULL, height INTEGER NOT NULL, gaps INTEGER NOT NULL,"
    " gaps_us INTEGER NOT NULL, clock INTEGER NOT NULL, boot TEXT NOT NULL, mono INTEGER NOT NULL,"
    " open INTEGER NOT NULL, locked INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE sessions(id INTEGER PRIMARY KEY, camera TEXT NOT NULL,"
    " connected INTEGER NOT NULL, disconnected INTEGER, why TEXT NOT NULL DEFAULT '');"
    "CREATE TABLE events(id INTEGER PRIMARY KEY AUTOINCREMENT, camera TEXT NOT NULL,"
    " type TEXT NOT NULL, start INTEGER NOT NULL, \"end\" INTEGER NOT NULL,"
    " until INTEGER NOT NULL, duration INTEGER NOT NULL, score REAL NOT NULL,"
    " detail TEXT NOT NULL);"
    "CREATE TABLE marks(id INTEGER PRIMARY KEY, camera TEXT NOT NULL, at INTEGER NOT NULL,"
    " text TEXT NOT NULL);"
    "CREATE INDEX sessions_camera ON sessions(camera, connected);"
    "CREATE INDEX marks_camera ON marks(camera, at);"
    "CREATE INDEX events_camera ON events(camera, start, id);"
    "CREATE INDEX events_start ON events(start, id);"
    "CREATE INDEX segments_start ON segments(start, id, duration);"
    "CREATE INDEX segments_camera ON segments(camera, start, id, duration);";

static const char pages[] =
    "CREATE INDEX segments_location ON segments(location, start, id, duration);"
    "CREATE INDEX segments_camera_location ON"
    " segments(camera, location, start, id, duration);"
    "CREATE INDEX segments_duration ON segments(duration, start, id);"
    "CREATE INDEX segments_camera_duration ON segments(camera, duration, start, id);"
    "CREATE INDEX segments_location_duration ON segments(location, duration, start, id);"
    "CREATE INDEX segments_oldest ON segments(start, id) WHERE open = 0 AND locked = 0;"
    "CREATE INDEX segments_camera_oldest ON segments(camera, start, id)"
    " WHERE open = 0 AND locked = 0;"
    "CREATE INDEX events_until ON events(camera, until, type, start);"
    "CREATE INDEX events_type ON events(type, start, id);"
    "CREATE INDEX events_duration ON events(duration);"
    "CREATE INDEX events_going_on ON events(camera, start) WHERE until = 9223372036854775807;"
    "CREATE TABLE tags(type TEXT NOT NULL, start INTEGER NOT NULL, segment INTEGER NOT NULL"
    " REFERENCES segments(id) ON DELETE CASCADE, camera TEXT NOT NULL,"
    " PRIMARY KEY(type, start, segment)) WITHOUT ROWID;"
    "CREATE INDEX tags_camera ON tags(type, camera, start, segment);"
    "CREATE INDEX tags_segment ON tags(segment);"
    "INSERT OR IGNORE INTO tags SELECT e.type, s.start, s.id, s.camera FROM events e"
    " JOIN segments s ON s.camera = e.camera AND s.start < e.until"
    " AND s.start + s.duration > e.start;"
    "CREATE TABLE sums(camera TEXT PRIMARY KEY, bytes INTEGER NOT NULL, segments INTEGER NOT NULL,"
    " locked INTEGER NOT NULL) WITHOUT ROWID;"
    "INSERT INTO sums SELECT camera, SUM(bytes), COUNT(*), SUM(bytes * locked) FROM segments"
    " GROUP BY camera;"
    "CREATE TRIGGER segments_in AFTER INSERT ON segments BEGIN"
    " INSERT INTO sums VALUES(new.camera, new.bytes, 1, new.bytes * new.locked)"
    " ON CONFLICT(camera) DO UPDATE SET bytes = bytes + excluded.bytes, segments = segments + 1,"
    " locked = locked + excluded.locked; END;"
    "CREATE TRIGGER segments_out AFTER DELETE ON segments BEGIN"
    " UPDATE sums SET bytes = bytes - old.bytes, segments = segments - 1,"
    " locked = locked - old.bytes * old.locked WHERE camera = old.camera; END;"
    "CREATE TRIGGER segments_changed AFTER UPDATE OF camera, bytes, locked ON segments BEGIN"
    " UPDATE sums SET bytes = bytes - old.bytes, segments = segments - 1,"
    " locked = locked - old.bytes * old.locked WHERE camera = old.camera;"
    " INSERT INTO sums VALUES(new.camera, new.bytes, 1, new.bytes * new.locked)"
    " ON CONFLICT(camera) DO UPDATE SET bytes = bytes + excluded.bytes, segments = segments + 1,"
    " locked = locked + excluded.locked; END;";

/* The number of a mark that was removed is no other's later: whoever removes twice hits nothing. */
static const char marks[] =
    "ALTER TABLE marks RENAME TO marks_before;"
    "DROP INDEX marks_camera;"
    "CREATE TABLE marks(id INTEGER PRIMARY KEY AUTOINCREMENT, camera TEXT NOT NULL,"
    " at INTEGER NOT NULL, text TEXT NOT NULL);"
    "INSERT INTO marks SELECT id, camera, at, text FROM marks_before;"
    "DROP TABLE marks_before;"
    "CREATE INDEX marks_camera ON marks(camera, at, id);"
    "CREATE INDEX marks_at ON marks(at, id);";

/* What makes version i + 1 of version i; 0 is an empty file. */
static const char *const steps[SL_CATALOGUE_VERSION] = {tables, pages, marks};

static int migrate(struct sl_catalogue *catalogue, int64_t *version)
{
    static const char asked[] = "PRAGMA user_version";
    char text[48];
    int err = sl_db_run(catalogue, version, asked, NULL, 0);
    for (; err == 0 && *version < SL_CATALOGUE_VERSION; ++*version)
        err = sl_db_execute(catalogue, steps[*version]);
    snprintf(text, sizeof(text), "PRAGMA user_version = %d", SL_CATALOGUE_VERSION);
    return err == 0 && *version == SL_CATALOGUE_VERSION ? sl_db_execute(catalogue, text) : err;
}

static int wrong_version(struct sl_catalogue *catalogue, int64_t version)
{
    if (version > SL_CATALOGUE_VERSION)
        snprintf(catalogue->why, sizeof(catalogue->why),
                 "the catalogue has version %d, made by a newer program; this one knows up to %d",
                 (int)version, SL_CATALOGUE_VERSION);
    else
        snprintf(catalogue->why, sizeof(catalogue->why),
                 "the catalogue has version %d, this program wants %d: start the receiver once",
                 (int)version, SL_CATALOGUE_VERSION);
    return -EBADMSG;
}

static int check_schema(struct sl_catalogue *catalogue, bool write)
{
    int64_t version = 0;
    int err = sl_db_run(catalogue, &version, "PRAGMA user_version", NULL, 0);
    if (err != 0 || version == SL_CATALOGUE_VERSION)
        return err;
    if (version > SL_CATALOGUE_VERSION || version < 0 || !write)
        return wrong_version(catalogue, version);
    err = sl_catalogue_begin(catalogue); /* two programs may meet here */
    if (err != 0)
        return err;
    err = migrate(catalogue, &version);
    if (err == 0 && version > SL_CATALOGUE_VERSION)
        err = wrong_version(catalogue, version);
    if (err == 0)
        err = sl_catalogue_commit(catalogue);
    if (err != 0)
        sl_catalogue_rollback(catalogue);
    return err;
}

/*
 * SQLite makes its files with the umask's mode; who was seen where is nobody else's. One that is
 * there is not opened: closing it would take away the locks of this process's other connections.
 */
static int make_private_file(const char *path)
{
    const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST ? 0 : -errno;
    close(fd);
    return 0;
}

/* A lost last second is made up for from the files, so synchronous NORMAL. */
static int open_at(struct sl_catalogue *catalogue, const char *path, bool write)
{
    const int flags = (write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX;
    const int code = sqlite3_open_v2(path, &catalogue->db, flags, NULL);
    if (!catalogue->db)
        return -ENOMEM;
    if (code != SQLITE_OK)
        return sl_db_failed(catalogue, code);
    sqlite3_extended_result_codes(catalogue->db, 1);
    sqlite3_busy_timeout(catalogue->db, BUSY_MS);
    int err = sl_db_execute(catalogue, "PRAGMA foreign_keys = ON; PRAGMA cache_size = -16384;"
                                       "PRAGMA temp_store = MEMORY;");
    if (err == 0 && write)
        err = sl_db_execute(catalogue, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
    return err == 0 ? check_schema(catalogue, write) : err;
}

int sl_catalogue_open(struct sl_catalogue **ret, const char *dir, bool write,
                      char why[SL_STORE_WHY])
{
    char path[4096];
    if (snprintf(path, sizeof(path), "%s/catalogue.db", dir) >= (int)sizeof(path)) {
        snprintf(why, SL_STORE_WHY, "the path is too long");
        return -ENAMETOOLONG;
    }
    struct sl_catalogue *catalogue = calloc(1, sizeof(*catalogue));
    if (!catalogue) {
        snprintf(why, SL_STORE_WHY, "out of memory");
        return -ENOMEM;
    }
    int err = write ? make_private_file(path) : access(path, R_OK) != 0 ? -errno : 0;
    if (err == -ENOENT && !write)
        snprintf(catalogue->why, sizeof(catalogue->why),
                 "there is no catalogue; nothing was "
                 "recorded here yet");
    else if (err != 0)
        snprintf(catalogue->why, sizeof(catalogue->why), "%s", strerror(-err));
    else
        err = open_at(catalogue, path, write);
    if (err != 0) {
        snprintf(why, SL_STORE_WHY, "%.120s: %.120s", path, catalogue->why);
        sl_catalogue_close(catalogue);
        return err;
    }
    *ret = catalogue;
    return 0;
}

void sl_catalogue_close(struct sl_catalogue *catalogue)
{
    if (!catalogue)
        return;
    for (int i = 0; i < catalogue->kept_count; i++)
        sqlite3_finalize(catalogue->kept[i].statement);
    sqlite3_close(catalogue->db);
    free(catalogue);
}

int sl_catalogue_check(struct sl_catalogue *catalogue)
{
    sqlite3_stmt *statement;
    char said[160] = "";
    int err = sl_db_statement(catalogue, &statement, "PRAGMA quick_check(1)", NULL, 0);
    if (err != 0)
        return err;
    const int code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        sl_db_copy(said, sizeof(said), statement, 0);
    else
        err = sl_db_failed(catalogue, code);
    sqlite3_reset(statement);
    if (err != 0 || strcmp(said, "ok") == 0)
        return err;
    snprintf(catalogue->why, sizeof(catalogue->why), "the catalogue is damaged: %.100s", said);
    catalogue->why[strcspn(catalogue->why, "\n")] = '\0';
    return -EBADMSG;
}

const char *sl_catalogue_why(const struct sl_catalogue *catalogue)
{
    return catalogue->why;
}

int sl_catalogue_begin(struct sl_catalogue *catalogue)
{
    return sl_db_execute(catalogue, "BEGIN IMMEDIATE");
}

int sl_catalogue_commit(struct sl_catalogue *catalogue)
{
    const int err = sl_db_execute(catalogue, "COMMIT");
    if (err != 0)
        sl_catalogue_rollback(catalogue);
    return err;
}

void sl_catalogue_rollback(struct sl_catalogue *catalogue)
{
    if (!sqlite3_get_autocommit(catalogue->db)) /* SQLite may have done it already */
        (void)sqlite3_exec(catalogue->db, "ROLLBACK", NULL, NULL, NULL);
}

int sl_catalogue_meta_set(struct sl_catalogue *catalogue, const char *key, const char *value)
{
    return SL_DB_RUN(catalogue, NULL,
                     "INSERT INTO meta(key, value) VALUES(?1, ?2)"
                     " ON CONFLICT(key) DO UPDATE SET value = excluded.value",
                     SL_DB_TEXT(key), SL_DB_TEXT(value));
}

int sl_catalogue_meta_get(struct sl_catalogue *catalogue, const char *key, char *out, size_t size)
{
    sqlite3_stmt *statement;
    int err = sl_db_statement(catalogue, &statement, "SELECT value FROM meta WHERE key = ?1",
                              SL_DB_VALUES(SL_DB_TEXT(key)));
    if (err != 0)
        return err;
    const int code = sqlite3_step(statement);
    if (code == SQLITE_DONE)
        err = -ENOENT;
    else if (code != SQLITE_ROW)
        err = sl_db_failed(catalogue, code);
    else if ((size_t)sqlite3_column_bytes(statement, 0) >= size)
        err = -EMSGSIZE;
    else
        sl_db_copy(out, size, statement, 0);
    sqlite3_reset(statement);
    return err;
}
