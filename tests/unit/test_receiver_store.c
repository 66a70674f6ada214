/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "receiver/store.h"

static char dir[64];

static const uint8_t *hash_of(uint8_t fill)
{
    static uint8_t hash[4][SL_TOKEN_HASH_BYTES];
    static int at;
    at = (at + 1) % 4;
    memset(hash[at], fill, SL_TOKEN_HASH_BYTES);
    return hash[at];
}

static void remove_files(void)
{
    char path[128];
    static const char *const names[] = {"sightline.db", "sightline.db-wal", "sightline.db-shm"};
    for (size_t i = 0; i < SL_COUNT(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
}

static int set_up(void **state)
{
    char why[SL_STORE_WHY];
    struct sl_store *store;
    snprintf(dir, sizeof(dir), "/tmp/sightline-store-XXXXXX");
    assert_non_null(mkdtemp(dir));
    assert_int_equal(sl_store_open(&store, dir, true, why), 0);
    *state = store;
    return 0;
}

static int tear_down(void **state)
{
    sl_store_close(*state);
    remove_files();
    return rmdir(dir);
}

static struct sl_snapshot *snapshot_of(struct sl_store *store)
{
    struct sl_snapshot *snapshot = NULL;
    assert_int_equal(sl_store_snapshot(store, &snapshot), 0);
    return snapshot;
}

static void test_cameras_come_change_links_and_go(void **state)
{
    struct sl_store *store = *state;
    struct sl_token token;
    assert_int_equal(sl_store_camera_add(store, "yard", "Back yard", hash_of(1), 1000), 0);
    assert_int_equal(sl_store_camera_add(store, "yard", "", hash_of(2), 1000), -EEXIST);
    assert_int_equal(sl_store_token_find(store, hash_of(2), &token), -ENOENT);
    assert_int_equal(sl_store_token_find(store, hash_of(1), &token), 0);
    assert_int_equal(token.role, SL_ROLE_CAMERA);
    assert_string_equal(token.subject, "yard");
    assert_int_equal(token.created_us, 1000);

    assert_int_equal(sl_store_camera_link(store, "nope", hash_of(3), 2000), -ENOENT);
    assert_int_equal(sl_store_camera_link(store, "yard", hash_of(3), 2000), 0);
    assert_int_equal(sl_store_token_find(store, hash_of(1), &token), -ENOENT);
    assert_int_equal(sl_store_token_find(store, hash_of(3), &token), 0);

    assert_int_equal(sl_store_camera_remove(store, "nope"), -ENOENT);
    assert_int_equal(sl_store_camera_remove(store, "yard"), 0);
    assert_int_equal(sl_store_token_find(store, hash_of(3), &token), -ENOENT);
    struct sl_snapshot *snapshot = snapshot_of(store);
    assert_int_equal(snapshot->camera_count + snapshot->token_count, 0);
    free(snapshot);
}

static void test_viewers(void **state)
{
    struct sl_store *store = *state;
    struct sl_token token;
    assert_int_equal(sl_store_viewer_add(store, "wall", hash_of(1), 5), 0);
    assert_int_equal(sl_store_viewer_add(store, "wall", hash_of(2), 5), -EEXIST);
    /* A camera may have a viewer's name. */
    assert_int_equal(sl_store_camera_add(store, "wall", "", hash_of(3), 5), 0);
    assert_int_equal(sl_store_token_find(store, hash_of(1), &token), 0);
    assert_int_equal(token.role, SL_ROLE_VIEWER);
    assert_int_equal(sl_store_viewer_remove(store, "wall"), 0);
    assert_int_equal(sl_store_viewer_remove(store, "wall"), -ENOENT);
    assert_int_equal(sl_store_token_find(store, hash_of(3), &token), 0);
}

static void test_snapshot_is_sorted_and_found_in(void **state)
{
    struct sl_store *store = *state;
    static const char *const names[] = {"m", "a", "z", "b-2", "b_1"};
    for (size_t i = 0; i < SL_COUNT(names); i++)
        assert_int_equal(
            sl_store_camera_add(store, names[i], "here", hash_of((uint8_t)(200 - i * 31)), 7), 0);
    struct sl_snapshot *snapshot = snapshot_of(store);
    assert_int_equal(snapshot->camera_count, 5);
    assert_int_equal(snapshot->token_count, 5);
    for (int i = 1; i < 5; i++)
        assert_true(strcmp(snapshot->cameras[i - 1].name, snapshot->cameras[i].name) < 0);
    for (size_t i = 0; i < SL_COUNT(names); i++) {
        assert_non_null(sl_snapshot_camera(snapshot, names[i]));
        const struct sl_token *token =
            sl_snapshot_token(snapshot, hash_of((uint8_t)(200 - i * 31)));
        assert_non_null(token);
        assert_string_equal(token->subject, names[i]);
    }
    assert_null(sl_snapshot_camera(snapshot, "b"));
    assert_null(sl_snapshot_token(snapshot, hash_of(9)));
    free(snapshot);
}

static void test_limits_hold_at_one_more(void **state)
{
    struct sl_store *store = *state;
    uint8_t hash[SL_TOKEN_HASH_BYTES] = {0};
    char name[16];
    /* One by one each add is synced to disk; inside a transaction of another kind it is not, so the
     * rows are put in directly and the limit's own edge is gone over with the real call. */
    sqlite3 *db;
    char path[128];
    snprintf(path, sizeof(path), "%s/sightline.db", dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(
            db,
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 255)"
            " INSERT INTO cameras(name, location, created) SELECT 'c' || i, '', 0 FROM n;"
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1023)"
            " INSERT INTO tokens SELECT randomblob(32), 2, 'v' || i, 0 FROM n;",
            NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof(name), "last%d", i);
        hash[0] = (uint8_t)(1 + i);
        assert_int_equal(sl_store_camera_add(store, name, "", hash, 0), i ? -ENOSPC : 0);
        hash[0] = (uint8_t)(3 + i);
        assert_int_equal(sl_store_viewer_add(store, name, hash, 0), i ? -ENOSPC : 0);
    }
    struct sl_snapshot *snapshot = snapshot_of(store);
    assert_int_equal(snapshot->camera_count, SL_STORE_CAMERAS_MAX);
    assert_int_equal(snapshot->token_count, SL_STORE_VIEWERS_MAX + 1);
    free(snapshot);
}

static void test_meta(void **state)
{
    struct sl_store *store = *state;
    char out[8];
    assert_int_equal(sl_store_meta_get(store, "listen", out, sizeof(out)), -ENOENT);
    assert_int_equal(sl_store_meta_set(store, "listen", "a"), 0);
    assert_int_equal(sl_store_meta_set(store, "listen", "1234567"), 0);
    assert_int_equal(sl_store_meta_get(store, "listen", out, sizeof(out)), 0);
    assert_string_equal(out, "1234567");
    assert_int_equal(sl_store_meta_set(store, "listen", "12345678"), 0);
    assert_int_equal(sl_store_meta_get(store, "listen", out, sizeof(out)), -EMSGSIZE);
}

static void test_a_reader_sees_what_another_writes(void **state)
{
    struct sl_store *writer = *state, *reader;
    char why[SL_STORE_WHY];
    struct sl_token token;
    assert_int_equal(sl_store_open(&reader, dir, false, why), 0);
    assert_int_equal(sl_store_changed(reader), 1); /* nothing was looked at yet */
    assert_int_equal(sl_store_changed(reader), 0);
    assert_int_equal(sl_store_camera_add(writer, "yard", "", hash_of(1), 0), 0);
    assert_int_equal(sl_store_changed(reader), 1);
    assert_int_equal(sl_store_changed(reader), 0);
    assert_int_equal(sl_store_token_find(reader, hash_of(1), &token), 0);
    assert_int_equal(sl_store_camera_remove(writer, "yard"), 0);
    assert_int_equal(sl_store_token_find(reader, hash_of(1), &token), -ENOENT);
    /* It only reads. */
    assert_int_equal(sl_store_camera_add(reader, "other", "", hash_of(2), 0), -EROFS);
    assert_non_null(strstr(sl_store_why(reader), "readonly"));
    sl_store_close(reader);
}

static void test_survives_closing_and_is_private(void **state)
{
    struct sl_store *again;
    char why[SL_STORE_WHY], path[128];
    struct sl_token token;
    struct stat st;
    assert_int_equal(sl_store_camera_add(*state, "yard", "x", hash_of(1), 0), 0);
    sl_store_close(*state);
    *state = NULL;
    assert_int_equal(sl_store_open(&again, dir, true, why), 0);
    *state = again;
    assert_int_equal(sl_store_token_find(again, hash_of(1), &token), 0);
    snprintf(path, sizeof(path), "%s/sightline.db", dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_when_a_camera_is_recorded(void **state)
{
    struct sl_store *store = *state;
    struct sl_record_rule rule = {.mode = SL_RECORD_MOTION, .pre = 0, .post = SL_SEC};
    assert_int_equal(sl_store_camera_add(store, "yard", "x", hash_of(1), 0), 0);
    struct sl_snapshot *snapshot = snapshot_of(store);
    assert_int_equal(snapshot->cameras[0].record.mode, SL_RECORD_ALWAYS);
    assert_true(snapshot->cameras[0].record.pre == SL_RECORD_PRE_DEFAULT);
    assert_true(snapshot->cameras[0].record.post == SL_RECORD_POST_DEFAULT);
    free(snapshot);
    assert_int_equal(sl_store_camera_record(store, "yard", &rule), 0);
    rule = sl_record_rule_default();
    assert_int_equal(sl_store_camera_record_get(store, "yard", &rule), 0);
    assert_int_equal(rule.mode, SL_RECORD_MOTION);
    assert_true(rule.pre == 0 && rule.post == SL_SEC);
    assert_int_equal(sl_store_camera_record(store, "porch", &rule), -ENOENT);
    assert_int_equal(sl_store_camera_record_get(store, "porch", &rule), -ENOENT);
}

/* One of version 1, as releases before recording made it. */
static void test_an_older_store_is_brought_up_to_date(void **state)
{
    char why[SL_STORE_WHY] = "", path[128];
    struct sl_store *store;
    sl_store_close(*state);
    *state = NULL;
    remove_files();
    snprintf(path, sizeof(path), "%s/sightline.db", dir);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db,
                     "CREATE TABLE cameras(name TEXT PRIMARY KEY, location TEXT NOT NULL,"
                     " created INTEGER NOT NULL) WITHOUT ROWID;"
                     "CREATE TABLE tokens(hash BLOB PRIMARY KEY, role INTEGER NOT NULL,"
                     " subject TEXT NOT NULL, created INTEGER NOT NULL, UNIQUE(role, subject))"
                     " WITHOUT ROWID;"
                     "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
                     "INSERT INTO cameras VALUES('yard', 'x', 5); PRAGMA user_version = 1;",
                     NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(sl_store_open(&store, dir, false, why), -EBADMSG); /* not by a reader */
    assert_int_equal(sl_store_open(&store, dir, true, why), 0);
    *state = store;
    struct sl_snapshot *snapshot = snapshot_of(store);
    assert_int_equal(snapshot->camera_count, 1);
    assert_int_equal(snapshot->cameras[0].created_us, 5);
    assert_int_equal(snapshot->cameras[0].record.mode, SL_RECORD_ALWAYS);
    assert_true(snapshot->cameras[0].record.post == SL_RECORD_POST_DEFAULT);
    free(snapshot);
}

static void test_what_is_not_a_store_is_refused(void **state)
{
    char why[SL_STORE_WHY] = "", path[128];
    struct sl_store *store;
    sl_store_close(*state);
    *state = NULL;
    snprintf(path, sizeof(path), "%s/sightline.db", dir);

    /* Of a newer version. */
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 4", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(sl_store_open(&store, dir, true, why), -EBADMSG);
    assert_non_null(strstr(why, "version 4"));

    /* Not a database. */
    remove_files();
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++)
        fputs("not a database\n", file);
    fclose(file);
    assert_int_equal(sl_store_open(&store, dir, true, why), -EBADMSG);
    assert_non_null(strstr(why, path));

    /* Not there, and not to be made. */
    remove_files();
    assert_int_equal(sl_store_open(&store, dir, false, why), -ENOENT);
    assert_int_equal(sl_store_open(&store, "/proc/1/nothing", true, why), -ENOENT);
}

/* Of SQLite's locks on the file itself, as another process sees them. */
static bool is_locked(const char *path)
{
    const pid_t child = fork();
    if (child == 0) {
        struct flock lock = {
            .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0x40000000, .l_len = 1024};
        const int fd = open(path, O_RDWR | O_CLOEXEC);
        _exit(fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK ? 1 : 0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WEXITSTATUS(status) == 1;
}

static void test_a_second_open_leaves_the_locks_of_the_first(void **state)
{
    char path[128], why[SL_STORE_WHY], text[8];
    struct sl_store *second;
    snprintf(path, sizeof(path), "%s/sightline.db", dir);
    assert_int_equal(sl_store_meta_set(*state, "key", "value"), 0);
    assert_true(is_locked(path));
    assert_int_equal(sl_store_open(&second, dir, true, why), 0);
    sl_store_close(second); /* what is held now is the first one's */
    assert_true(is_locked(path));
    assert_int_equal(sl_store_meta_get(*state, "key", text, sizeof(text)), 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_cameras_come_change_links_and_go),
        CASE(test_viewers),
        CASE(test_snapshot_is_sorted_and_found_in),
        CASE(test_limits_hold_at_one_more),
        CASE(test_meta),
        CASE(test_a_reader_sees_what_another_writes),
        CASE(test_survives_closing_and_is_private),
        CASE(test_when_a_camera_is_recorded),
        CASE(test_an_older_store_is_brought_up_to_date),
        CASE(test_what_is_not_a_store_is_refused),
        CASE(test_a_second_open_leaves_the_locks_of_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
