/* SPDX-License-Identifier: MIT */
#include "receiver/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "receiver/sqlite_error.h"

#define SCHEMA_VERSION 3
#define BUSY_MS 5000

/* From each version to the next: [0] makes the first. */
static const char *const migrations[SCHEMA_VERSION] = {
    "CREATE TABLE cameras(name TEXT PRIMARY KEY, location TEXT NOT NULL, created INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE tokens(hash BLOB PRIMARY KEY, role INTEGER NOT NULL, subject TEXT NOT NULL,"
    " created INTEGER NOT NULL, UNIQUE(role, subject)) WITHOUT ROWID;"
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "PRAGMA user_version = 1;",
    /* Which record mode (record_rule.h), and nanoseconds before and after motion. */
    "ALTER TABLE cameras ADD COLUMN record INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE cameras ADD COLUMN pre INTEGER NOT NULL DEFAULT 5000000000;"
    "ALTER TABLE cameras ADD COLUMN post INTEGER NOT NULL DEFAULT 10000000000;"
    "PRAGMA user_version = 2;",
    /* Microseconds and bytes; SL_STORE_AS_ALL. */
    "ALTER TABLE cameras ADD COLUMN keep INTEGER NOT NULL DEFAULT -1;"
    "ALTER TABLE cameras ADD COLUMN keep_bytes INTEGER NOT NULL DEFAULT -1;"
    "PRAGMA user_version = 3;",
};

/* Statements that a running receiver repeats, compiled once. */
enum statement { TOKEN_FIND, DATA_VERSION, STATEMENTS };

static const char *const texts[STATEMENTS] = {
    [TOKEN_FIND] = "SELECT hash, role, subject, created FROM tokens WHERE hash = ?1",
    [DATA_VERSION] = "PRAGMA data_version",
};

struct sl_store {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
    int64_t data_version; /* 0: none seen yet */
    char why[SL_STORE_WHY];
};

static int failed(struct sl_store *store, int code)
{
    snprintf(store->why, sizeof(store->why), "the store: %s", sqlite3_errmsg(store->db));
    return sl_sqlite_error(store->db, code);
}

static int execute(struct sl_store *store, const char *sql)
{
    const int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : failed(store, code);
}

/* Opening and schema. */

static int user_version(struct sl_store *store, int *ret)
{
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(store->db, "PRAGMA user_version", -1, &statement, NULL);
    if (code != SQLITE_OK)
        return failed(store, code);
    code = sqlite3_step(statement);
    const int version = code == SQLITE_ROW ? sqlite3_column_int(statement, 0) : 0;
    sqlite3_finalize(statement);
    if (code != SQLITE_ROW)
        return failed(store, code);
    *ret = version;
    return 0;
}

static int check_schema(struct sl_store *store, bool write)
{
    int version = 0;
    int err = user_version(store, &version);
    if (err != 0 || version == SCHEMA_VERSION)
        return err;
    if (version > SCHEMA_VERSION || !write) {
        snprintf(store->why, sizeof(store->why), "the store has version %d, this program wants %d",
                 version, SCHEMA_VERSION);
        return -EBADMSG;
    }
    /* Two first commands may meet here: the second finds the work done. */
    err = execute(store, "BEGIN IMMEDIATE");
    if (err != 0)
        return err;
    err = user_version(store, &version);
    for (; err == 0 && version < SCHEMA_VERSION; version++)
        err = execute(store, migrations[version]);
    if (err == 0)
        return execute(store, "COMMIT");
    (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

/*
 * SQLite makes its files with the umask's mode; tokens' hashes and names are nobody else's. One
 * that is there is not opened: closing it would take away the locks of this process's other
 * connections.
 */
static int make_private_file(const char *path)
{
    const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST ? 0 : -errno;
    close(fd);
    return 0;
}

static int prepare_all(struct sl_store *store)
{
    for (int i = 0; i < STATEMENTS; i++) {
        const int code = sqlite3_prepare_v3(store->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                            &store->statements[i], NULL);
        if (code != SQLITE_OK)
            return failed(store, code);
    }
    return 0;
}

static int open_at(struct sl_store *store, const char *path, bool write)
{
    const int flags = (write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX;
    const int code = sqlite3_open_v2(path, &store->db, flags, NULL);
    if (!store->db)
        return -ENOMEM;
    if (code != SQLITE_OK)
        return failed(store, code);
    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_busy_timeout(store->db, BUSY_MS);
    int err = 0;
    /* A link that was printed must survive a power cut: synchronous FULL; writes are rare. */
    if (write)
        err = execute(store, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
    if (err == 0)
        err = check_schema(store, write);
    return err == 0 ? prepare_all(store) : err;
}

int sl_store_open(struct sl_store **ret, const char *dir, bool write, char why[SL_STORE_WHY])
{
    char path[4096];
    if (snprintf(path, sizeof(path), "%s/sightline.db", dir) >= (int)sizeof(path)) {
        snprintf(why, SL_STORE_WHY, "the path is too long");
        return -ENAMETOOLONG;
    }
    struct sl_store *store = calloc(1, sizeof(*store));
    if (!store) {
        snprintf(why, SL_STORE_WHY, "out of memory");
        return -ENOMEM;
    }
    int err = write ? make_private_file(path) : 0;
    if (err != 0)
        snprintf(store->why, sizeof(store->why), "%s", strerror(-err));
    else
        err = open_at(store, path, write);
    if (err != 0) {
        snprintf(why, SL_STORE_WHY, "%.120s: %.120s", path, store->why);
        sl_store_close(store);
        return err;
    }
    *ret = store;
    return 0;
}

void sl_store_close(struct sl_store *store)
{
    if (!store)
        return;
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(store->statements[i]);
    sqlite3_close(store->db);
    free(store);
}

const char *sl_store_why(const struct sl_store *store)
{
    return store->why;
}

/* Statements with text and numbers. */

struct value {
    const char *text;
    const uint8_t *hash;
    int64_t number;
};

static int bind_values(sqlite3_stmt *statement, const struct value *values, int count)
{
    int code = SQLITE_OK;
    for (int i = 0; i < count && code == SQLITE_OK; i++) {
        const struct value *value = &values[i];
        if (value->text)
            code = sqlite3_bind_text(statement, i + 1, value->text, -1, SQLITE_TRANSIENT);
        else if (value->hash)
            code = sqlite3_bind_blob(statement, i + 1, value->hash, SL_TOKEN_HASH_BYTES,
                                     SQLITE_TRANSIENT);
        else
            code = sqlite3_bind_int64(statement, i + 1, value->number);
    }
    return code;
}

/* Runs one statement that gives at most one number, into `*ret` (may be NULL; 0 if no row). */
static int run(struct sl_store *store, const char *sql, const struct value *values, int count,
               int64_t *ret)
{
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);
    if (code != SQLITE_OK)
        return failed(store, code);
    code = bind_values(statement, values, count);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    const int64_t number = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    const int err = code == SQLITE_ROW || code == SQLITE_DONE ? 0 : failed(store, code);
    sqlite3_finalize(statement);
    if (err == 0 && ret)
        *ret = number;
    return err;
}

#define RUN(store, ret, sql, ...)                                                                  \
    run(store, sql, (const struct value[]){__VA_ARGS__},                                           \
        (int)SL_COUNT(((const struct value[]){__VA_ARGS__})), ret)
#define TEXT(t)                                                                                    \
    {                                                                                              \
        .text = (t)                                                                                \
    }
#define HASH(h)                                                                                    \
    {                                                                                              \
        .hash = (h)                                                                                \
    }
#define NUMBER(n)                                                                                  \
    {                                                                                              \
        .number = (n)                                                                              \
    }

/* Ends a transaction: commits if `err` is 0. */
static int finish(struct sl_store *store, int err)
{
    if (err == 0)
        err = execute(store, "COMMIT");
    if (err != 0)
        (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

static int put_token(struct sl_store *store, enum sl_role role, const char *subject,
                     const uint8_t *hash, int64_t now_us)
{
    return RUN(store, NULL,
               "INSERT INTO tokens(hash, role, subject, created) VALUES(?1, ?2, ?3, ?4)",
               HASH(hash), NUMBER(role), TEXT(subject), NUMBER(now_us));
}

static int drop_token(struct sl_store *store, enum sl_role role, const char *subject)
{
    return RUN(store, NULL, "DELETE FROM tokens WHERE role = ?1 AND subject = ?2", NUMBER(role),
               TEXT(subject));
}

static int camera_add(struct sl_store *store, const char *name, const char *location,
                      const uint8_t *hash, int64_t now_us)
{
    int64_t known = 0, all = 0;
    int err = RUN(store, &known, "SELECT COUNT(*) FROM cameras WHERE name = ?1", TEXT(name));
    if (err == 0)
        err = run(store, "SELECT COUNT(*) FROM cameras", NULL, 0, &all);
    if (err != 0)
        return err;
    if (known)
        return -EEXIST;
    if (all >= SL_STORE_CAMERAS_MAX)
        return -ENOSPC;
    err = RUN(store, NULL, "INSERT INTO cameras(name, location, created) VALUES(?1, ?2, ?3)",
              TEXT(name), TEXT(location), NUMBER(now_us));
    return err == 0 ? put_token(store, SL_ROLE_CAMERA, name, hash, now_us) : err;
}

int sl_store_camera_add(struct sl_store *store, const char *name, const char *location,
                        const uint8_t hash[SL_TOKEN_HASH_BYTES], int64_t now_us)
{
    const int err = execute(store, "BEGIN IMMEDIATE");
    return err ? err : finish(store, camera_add(store, name, location, hash, now_us));
}

static int camera_link(struct sl_store *store, const char *name, const uint8_t *hash,
                       int64_t now_us)
{
    int64_t known = 0;
    int err = RUN(store, &known, "SELECT COUNT(*) FROM cameras WHERE name = ?1", TEXT(name));
    if (err == 0 && !known)
        return -ENOENT;
    if (err == 0)
        err = drop_token(store, SL_ROLE_CAMERA, name);
    return err == 0 ? put_token(store, SL_ROLE_CAMERA, name, hash, now_us) : err;
}

int sl_store_camera_link(struct sl_store *store, const char *name,
                         const uint8_t hash[SL_TOKEN_HASH_BYTES], int64_t now_us)
{
    const int err = execute(store, "BEGIN IMMEDIATE");
    return err ? err : finish(store, camera_link(store, name, hash, now_us));
}

int sl_store_camera_record(struct sl_store *store, const char *name,
                           const struct sl_record_rule *rule)
{
    const int err =
        RUN(store, NULL, "UPDATE cameras SET record = ?2, pre = ?3, post = ?4 WHERE name = ?1",
            TEXT(name), NUMBER(rule->mode), NUMBER(rule->pre), NUMBER(rule->post));
    return err ? err : sqlite3_changes(store->db) == 0 ? -ENOENT : 0;
}

int sl_store_camera_record_get(struct sl_store *store, const char *name, struct sl_record_rule *ret)
{
    struct sl_snapshot *snapshot;
    const int err = sl_store_snapshot(store, &snapshot);
    if (err != 0)
        return err;
    const struct sl_camera_entry *camera = sl_snapshot_camera(snapshot, name);
    if (camera)
        *ret = camera->record;
    free(snapshot);
    return camera ? 0 : -ENOENT;
}

int sl_store_camera_keep(struct sl_store *store, const char *name, const int64_t *keep_us,
                         const int64_t *keep_bytes)
{
    const int err = RUN(store, NULL,
                        "UPDATE cameras SET keep = CASE WHEN ?2 < ?4 THEN keep ELSE ?2 END,"
                        " keep_bytes = CASE WHEN ?3 < ?4 THEN keep_bytes ELSE ?3 END"
                        " WHERE name = ?1",
                        TEXT(name), NUMBER(keep_us ? *keep_us : INT64_MIN),
                        NUMBER(keep_bytes ? *keep_bytes : INT64_MIN), NUMBER(SL_STORE_AS_ALL));
    return err ? err : sqlite3_changes(store->db) == 0 ? -ENOENT : 0;
}

static int camera_remove(struct sl_store *store, const char *name)
{
    int err = RUN(store, NULL, "DELETE FROM cameras WHERE name = ?1", TEXT(name));
    if (err == 0 && sqlite3_changes(store->db) == 0)
        return -ENOENT;
    return err == 0 ? drop_token(store, SL_ROLE_CAMERA, name) : err;
}

int sl_store_camera_remove(struct sl_store *store, const char *name)
{
    const int err = execute(store, "BEGIN IMMEDIATE");
    return err ? err : finish(store, camera_remove(store, name));
}

static int viewer_add(struct sl_store *store, const char *name, const uint8_t *hash, int64_t now_us)
{
    int64_t known = 0, all = 0;
    int err = RUN(store, &known, "SELECT COUNT(*) FROM tokens WHERE role = ?1 AND subject = ?2",
                  NUMBER(SL_ROLE_VIEWER), TEXT(name));
    if (err == 0)
        err =
            RUN(store, &all, "SELECT COUNT(*) FROM tokens WHERE role = ?1", NUMBER(SL_ROLE_VIEWER));
    if (err != 0)
        return err;
    if (known)
        return -EEXIST;
    if (all >= SL_STORE_VIEWERS_MAX)
        return -ENOSPC;
    return put_token(store, SL_ROLE_VIEWER, name, hash, now_us);
}

int sl_store_viewer_add(struct sl_store *store, const char *name,
                        const uint8_t hash[SL_TOKEN_HASH_BYTES], int64_t now_us)
{
    const int err = execute(store, "BEGIN IMMEDIATE");
    return err ? err : finish(store, viewer_add(store, name, hash, now_us));
}

int sl_store_viewer_remove(struct sl_store *store, const char *name)
{
    const int err = drop_token(store, SL_ROLE_VIEWER, name);
    return err ? err : sqlite3_changes(store->db) == 0 ? -ENOENT : 0;
}

/* Reading. */

static void copy_text(char *out, size_t size, sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);
    snprintf(out, size, "%s", text ? (const char *)text : "");
}

/* Columns: hash, role, subject, created. False if the row is not one of ours. */
static bool read_token(struct sl_token *ret, sqlite3_stmt *statement)
{
    const void *hash = sqlite3_column_blob(statement, 0);
    const int role = sqlite3_column_int(statement, 1);
    if (sqlite3_column_bytes(statement, 0) != SL_TOKEN_HASH_BYTES || !hash ||
        (role != SL_ROLE_CAMERA && role != SL_ROLE_VIEWER))
        return false;
    memcpy(ret->hash, hash, SL_TOKEN_HASH_BYTES);
    ret->role = (enum sl_role)role;
    copy_text(ret->subject, sizeof(ret->subject), statement, 2);
    ret->created_us = sqlite3_column_int64(statement, 3);
    return true;
}

int sl_store_token_find(struct sl_store *store, const uint8_t hash[SL_TOKEN_HASH_BYTES],
                        struct sl_token *ret)
{
    sqlite3_stmt *statement = store->statements[TOKEN_FIND];
    int code = sqlite3_bind_blob(statement, 1, hash, SL_TOKEN_HASH_BYTES, SQLITE_STATIC);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    int err = -ENOENT;
    if (code == SQLITE_ROW)
        err = read_token(ret, statement) ? 0 : -ENOENT;
    else if (code != SQLITE_DONE)
        err = failed(store, code);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return err;
}

int sl_store_meta_set(struct sl_store *store, const char *key, const char *value)
{
    return RUN(store, NULL,
               "INSERT INTO meta(key, value) VALUES(?1, ?2)"
               " ON CONFLICT(key) DO UPDATE SET value = excluded.value",
               TEXT(key), TEXT(value));
}

int sl_store_meta_get(struct sl_store *store, const char *key, char *out, size_t size)
{
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(store->db, "SELECT value FROM meta WHERE key = ?1", -1,
                                  &statement, NULL);
    if (code != SQLITE_OK)
        return failed(store, code);
    code = sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    int err = 0;
    if (code == SQLITE_DONE)
        err = -ENOENT;
    else if (code != SQLITE_ROW)
        err = failed(store, code);
    else if ((size_t)sqlite3_column_bytes(statement, 0) >= size)
        err = -EMSGSIZE;
    else
        copy_text(out, size, statement, 0);
    sqlite3_finalize(statement);
    return err;
}

int sl_store_changed(struct sl_store *store)
{
    sqlite3_stmt *statement = store->statements[DATA_VERSION];
    const int code = sqlite3_step(statement);
    const int64_t version = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    const int err = code == SQLITE_ROW ? 0 : failed(store, code);
    sqlite3_reset(statement);
    if (err != 0)
        return err;
    const int changed = version != store->data_version;
    store->data_version = version;
    return changed;
}

/* At most `max` rows of `sql` through `read` into `rows`. */
static int read_rows(struct sl_store *store, const char *sql, int max,
                     bool (*read)(void *rows, int index, sqlite3_stmt *statement), void *rows,
                     int *count)
{
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);
    if (code != SQLITE_OK)
        return failed(store, code);
    int n = 0;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW && n < max)
        n += read(rows, n, statement);
    const int err = code == SQLITE_DONE || code == SQLITE_ROW ? 0 : failed(store, code);
    sqlite3_finalize(statement);
    *count = n;
    return err;
}

/* What is not ours is as by default. */
static void read_rule(struct sl_record_rule *rule, sqlite3_stmt *statement, int column)
{
    const int mode = sqlite3_column_int(statement, column);
    const int64_t pre = sqlite3_column_int64(statement, column + 1);
    const int64_t post = sqlite3_column_int64(statement, column + 2);
    *rule = sl_record_rule_default();
    if (mode == SL_RECORD_MOTION || mode == SL_RECORD_OFF)
        rule->mode = (enum sl_record_mode)mode;
    if (pre >= 0 && pre <= SL_RECORD_PRE_MAX)
        rule->pre = pre;
    if (post >= 0 && post <= SL_RECORD_POST_MAX)
        rule->post = post;
}

static bool read_camera_row(void *rows, int index, sqlite3_stmt *statement)
{
    struct sl_camera_entry *camera = (struct sl_camera_entry *)rows + index;
    copy_text(camera->name, sizeof(camera->name), statement, 0);
    copy_text(camera->location, sizeof(camera->location), statement, 1);
    camera->created_us = sqlite3_column_int64(statement, 2);
    read_rule(&camera->record, statement, 3);
    camera->keep_us = sqlite3_column_int64(statement, 6);
    camera->keep_bytes = sqlite3_column_int64(statement, 7);
    return true;
}

static bool read_token_row(void *rows, int index, sqlite3_stmt *statement)
{
    return read_token((struct sl_token *)rows + index, statement);
}

#define TOKENS_MAX (SL_STORE_CAMERAS_MAX + SL_STORE_VIEWERS_MAX)

static int read_snapshot(struct sl_store *store, struct sl_snapshot *snapshot)
{
    int err = execute(store, "BEGIN");
    if (err != 0)
        return err;
    err = read_rows(store,
                    "SELECT name, location, created, record, pre, post, keep, keep_bytes"
                    " FROM cameras ORDER BY name",
                    SL_STORE_CAMERAS_MAX, read_camera_row, snapshot->cameras,
                    &snapshot->camera_count);
    if (err == 0)
        err = read_rows(store, "SELECT hash, role, subject, created FROM tokens ORDER BY hash",
                        TOKENS_MAX, read_token_row, snapshot->tokens, &snapshot->token_count);
    return finish(store, err);
}

int sl_store_snapshot(struct sl_store *store, struct sl_snapshot **ret)
{
    struct sl_snapshot *snapshot =
        calloc(1, sizeof(*snapshot) + SL_STORE_CAMERAS_MAX * sizeof(struct sl_camera_entry) +
                      TOKENS_MAX * sizeof(struct sl_token));
    if (!snapshot) {
        snprintf(store->why, sizeof(store->why), "out of memory");
        return -ENOMEM;
    }
    snapshot->cameras = (struct sl_camera_entry *)(snapshot + 1);
    snapshot->tokens = (struct sl_token *)(snapshot->cameras + SL_STORE_CAMERAS_MAX);
    const int err = read_snapshot(store, snapshot);
    if (err != 0) {
        free(snapshot);
        return err;
    }
    *ret = snapshot;
    return 0;
}

static int compare_hash(const void *key, const void *element)
{
    return memcmp(key, ((const struct sl_token *)element)->hash, SL_TOKEN_HASH_BYTES);
}

static int compare_name(const void *key, const void *element)
{
    return strcmp(key, ((const struct sl_camera_entry *)element)->name);
}

const struct sl_token *sl_snapshot_token(const struct sl_snapshot *snapshot,
                                         const uint8_t hash[SL_TOKEN_HASH_BYTES])
{
    return bsearch(hash, snapshot->tokens, (size_t)snapshot->token_count, sizeof(struct sl_token),
                   compare_hash);
}

const struct sl_camera_entry *sl_snapshot_camera(const struct sl_snapshot *snapshot,
                                                 const char *name)
{
    return bsearch(name, snapshot->cameras, (size_t)snapshot->camera_count,
                   sizeof(struct sl_camera_entry), compare_name);
}
