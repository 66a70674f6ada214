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
#include <unistd.h>

#include <cmocka.h>

#include "receiver/catalogue_db.h"

static char dir[64];
static struct sl_random rng;

static void remove_files(void)
{
    char path[128];
    static const char *const names[] = {"catalogue.db", "catalogue.db-wal", "catalogue.db-shm"};
    for (size_t i = 0; i < SL_COUNT(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
}

static struct sl_catalogue *open_it(bool write)
{
    struct sl_catalogue *catalogue;
    char why[SL_STORE_WHY] = "";
    if (sl_catalogue_open(&catalogue, dir, write, why) != 0)
        fail_msg("%s", why);
    return catalogue;
}

static int set_up(void **state)
{
    snprintf(dir, sizeof(dir), "/tmp/sightline-catalogue-XXXXXX");
    assert_non_null(mkdtemp(dir));
    sl_random_init_seed(&rng, 6);
    *state = open_it(true);
    return 0;
}

static int tear_down(void **state)
{
    sl_catalogue_close(*state);
    remove_files();
    return rmdir(dir);
}

static struct sl_segment_row row_of(const char *camera, int64_t start_us, int64_t duration_us)
{
    struct sl_segment_row row = {.info = {.duration_us = duration_us, .bytes = 1000, .frames = 10}};
    sl_segment_uuid(row.info.meta.uuid, &rng);
    snprintf(row.info.meta.camera, sizeof(row.info.meta.camera), "%s", camera);
    snprintf(row.info.meta.location, sizeof(row.info.meta.location), "Hall");
    row.info.meta.start_us = start_us;
    snprintf(row.path, sizeof(row.path), "%s/%lld.mp4", camera, (long long)start_us);
    return row;
}

static void put(struct sl_catalogue *catalogue, const struct sl_segment_row *row)
{
    if (sl_catalogue_put(catalogue, row) != 0)
        fail_msg("%s", sl_catalogue_why(catalogue));
}

static int64_t number_of(struct sl_catalogue *catalogue, const char *text)
{
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_prepare_v2(catalogue->db, text, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    const int64_t number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return number;
}

static void test_a_row_comes_back_as_it_was_put(void **state)
{
    struct sl_segment_row row = row_of("yard", 1000, 500), got;
    row.info.meta.clock = SL_CLOCK_SYNCED;
    row.info.meta.start_mono = 77;
    snprintf(row.info.meta.boot_id, sizeof(row.info.meta.boot_id), "boot");
    row.info.sounds = 3;
    row.info.sound = true;
    row.info.width = 1280;
    row.info.height = 720;
    row.info.gaps = 2;
    row.info.gaps_us = 9;
    row.open = true;
    put(*state, &row);
    assert_int_equal(sl_catalogue_get(*state, "nobody", &got), -ENOENT);
    memset(&got, 0, sizeof(got));
    assert_int_equal(sl_catalogue_get(*state, row.info.meta.uuid, &got), 0);
    assert_int_equal(got.id, 1);
    row.id = 1;
    assert_string_equal(got.path, row.path);
    assert_string_equal(got.info.meta.location, "Hall");
    assert_string_equal(got.info.meta.boot_id, "boot");
    assert_int_equal(got.info.meta.clock, SL_CLOCK_SYNCED);
    assert_int_equal(got.info.meta.start_mono, 77);
    assert_int_equal(got.info.duration_us, 500);
    assert_int_equal(got.info.bytes, 1000);
    assert_int_equal(got.info.frames, 10);
    assert_int_equal(got.info.sounds, 3);
    assert_int_equal(got.info.width * 10000 + got.info.height, 12800720);
    assert_int_equal(got.info.gaps * 100 + got.info.gaps_us, 209);
    assert_true(got.info.sound && got.open && !got.locked);
}

static void test_an_update_leaves_the_lock(void **state)
{
    struct sl_segment_row row = row_of("yard", 1000, 500), got;
    put(*state, &row);
    assert_int_equal(sl_catalogue_lock(*state, "yard", 1499, 1600, true), 1);
    assert_int_equal(sl_catalogue_lock(*state, "yard", 1500, 1600, true), 0);
    assert_int_equal(sl_catalogue_lock(*state, "yard", 900, 1000, true), 0);
    assert_int_equal(sl_catalogue_lock(*state, "hall", 0, 0, true), 0);
    row.info.duration_us = 900;
    put(*state, &row);
    assert_int_equal(sl_catalogue_get(*state, row.info.meta.uuid, &got), 0);
    assert_true(got.locked);
    assert_int_equal(got.info.duration_us, 900);
    assert_int_equal(sl_catalogue_lock(*state, "yard", 0, 0, false), 1);
    assert_int_equal(sl_catalogue_remove(*state, row.info.meta.uuid), 0);
    assert_int_equal(sl_catalogue_remove(*state, row.info.meta.uuid), -ENOENT);
    assert_int_equal(sl_catalogue_get(*state, row.info.meta.uuid, &got), -ENOENT);
}

static void test_several_changes_are_all_or_none(void **state)
{
    struct sl_segment_row row = row_of("yard", 1000, 500), got;
    struct sl_catalogue_event event = {.camera = "yard", .type = "motion", .start_us = 1100};
    assert_int_equal(sl_catalogue_begin(*state), 0);
    put(*state, &row);
    assert_int_equal(sl_catalogue_event_put(*state, &event), 0);
    sl_catalogue_rollback(*state);
    assert_int_equal(sl_catalogue_get(*state, row.info.meta.uuid, &got), -ENOENT);
    assert_int_equal(number_of(*state, "SELECT COUNT(*) FROM events"), 0);
    assert_int_equal(number_of(*state, "SELECT COUNT(*) FROM sums"), 0);
    assert_int_equal(sl_catalogue_begin(*state), 0);
    put(*state, &row);
    assert_int_equal(sl_catalogue_commit(*state), 0);
    assert_int_equal(sl_catalogue_get(*state, row.info.meta.uuid, &got), 0);
}

static void test_sums_follow_the_rows(void **state)
{
    struct sl_segment_row a = row_of("yard", 1000, 500), b = row_of("yard", 2000, 500);
    put(*state, &a);
    put(*state, &b);
    a.info.bytes = 5000;
    put(*state, &a);
    assert_int_equal(sl_catalogue_lock(*state, "yard", 2000, 2001, true), 1);
    static const char sums[] = "SELECT bytes * 1000000 + segments * 100000 + locked FROM sums";
    assert_int_equal(number_of(*state, sums), 6000LL * 1000000 + 2 * 100000 + 1000);
    assert_int_equal(sl_catalogue_remove(*state, b.info.meta.uuid), 0);
    assert_int_equal(number_of(*state, sums), 5000LL * 1000000 + 100000);
}

static void test_meta(void **state)
{
    char text[8];
    assert_int_equal(sl_catalogue_meta_get(*state, "store", text, sizeof(text)), -ENOENT);
    assert_int_equal(sl_catalogue_meta_set(*state, "store", "abc"), 0);
    assert_int_equal(sl_catalogue_meta_set(*state, "store", "abcd"), 0);
    assert_int_equal(sl_catalogue_meta_get(*state, "store", text, 4), -EMSGSIZE);
    assert_int_equal(sl_catalogue_meta_get(*state, "store", text, sizeof(text)), 0);
    assert_string_equal(text, "abcd");
}

static void test_sessions(void **state)
{
    assert_int_equal(sl_catalogue_connected(*state, "yard", "Hall", "10.0.0.1:5", 100), 0);
    assert_int_equal(sl_catalogue_disconnected(*state, "yard", "closed", 200), 0);
    assert_int_equal(sl_catalogue_disconnected(*state, "yard", "twice", 300), 0);
    assert_int_equal(sl_catalogue_connected(*state, "yard", "Yard", "10.0.0.2:5", 400), 0);
    assert_int_equal(sl_catalogue_connected(*state, "yard", "Yard", "10.0.0.3:5", 500), 0);
    assert_int_equal(number_of(*state, "SELECT COUNT(*) FROM sessions WHERE connected = 100"
                                       " AND disconnected = 200 AND why = 'closed'"),
                     1);
    assert_int_equal(number_of(*state, "SELECT COUNT(*) FROM sessions WHERE connected = 400"
                                       " AND disconnected = 400 AND why = 'not seen'"),
                     1);
    assert_int_equal(number_of(*state, "SELECT COUNT(*) FROM sessions"
                                       " WHERE disconnected IS NULL"),
                     1);
    assert_int_equal(number_of(*state, "SELECT seen FROM cameras WHERE address = '10.0.0.3:5'"
                                       " AND location = 'Yard'"),
                     500);
}

/* ---- Schemas ---- */

/* As version 1 was made, with two segments and a motion that both are in. */
static const char version_1[] =
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
    "CREATE INDEX segments_camera ON segments(camera, start, id, duration);"
    "INSERT INTO cameras(name) VALUES('yard');"
    "INSERT INTO segments VALUES(1, 'a', 'yard', 'Hall', 'yard/a', 1000, 100, 50, 1, 0, 0, 0, 0, 0,"
    " 0, 0, '', 0, 0, 1);"
    "INSERT INTO segments VALUES(2, 'b', 'yard', 'Hall', 'yard/b', 1100, 100, 70, 1, 0, 0, 0, 0, 0,"
    " 0, 0, '', 0, 0, 0);"
    "INSERT INTO segments VALUES(3, 'c', 'yard', 'Hall', 'yard/c', 1200, 100, 90, 1, 0, 0, 0, 0, 0,"
    " 0, 0, '', 0, 0, 0);"
    "INSERT INTO events VALUES(1, 'yard', 'motion', 1050, 1150, 1150, 100, 0.5, '');"
    "INSERT INTO meta VALUES('store', 'kept');"
    "PRAGMA user_version = 1;";

static void make_by_hand(const char *text)
{
    char path[128];
    sqlite3 *db;
    remove_files();
    snprintf(path, sizeof(path), "%s/catalogue.db", dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void test_an_older_schema_is_brought_up_to_date(void **state)
{
    char why[SL_STORE_WHY], text[8];
    struct sl_catalogue *catalogue;
    struct sl_segment_row rows[4];
    struct sl_catalogue_cursor cursor = {0};
    const struct sl_segment_filter moving = {.event = "motion"};
    sl_catalogue_close(*state);
    *state = NULL;
    make_by_hand(version_1);
    assert_int_equal(sl_catalogue_open(&catalogue, dir, false, why), -EBADMSG);
    assert_non_null(strstr(why, "version 1"));
    *state = catalogue = open_it(true);
    assert_int_equal(number_of(catalogue, "PRAGMA user_version"), SL_CATALOGUE_VERSION);
    assert_int_equal(sl_catalogue_meta_get(catalogue, "store", text, sizeof(text)), 0);
    assert_int_equal(sl_catalogue_page(catalogue, &moving, &cursor, rows, 4), 2);
    assert_true(rows[0].locked && !rows[1].locked);
    assert_int_equal(number_of(catalogue, "SELECT bytes FROM sums"), 210);
    assert_int_equal(number_of(catalogue, "SELECT locked FROM sums"), 50);
    assert_int_equal(number_of(catalogue, "PRAGMA integrity_check") == 0, 1);
}

static void test_a_migration_that_fails_changes_nothing(void **state)
{
    char why[SL_STORE_WHY];
    struct sl_catalogue *catalogue;
    sl_catalogue_close(*state);
    *state = NULL;
    make_by_hand("CREATE TABLE unlike_ours(a); CREATE TABLE tags(b); PRAGMA user_version = 1;");
    assert_int_not_equal(sl_catalogue_open(&catalogue, dir, true, why), 0);
    sqlite3 *db;
    char path[128];
    snprintf(path, sizeof(path), "%s/catalogue.db", dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    struct sl_catalogue by_hand = {.db = db};
    assert_int_equal(number_of(&by_hand, "PRAGMA user_version"), 1);
    assert_int_equal(number_of(&by_hand, "SELECT COUNT(*) FROM sqlite_master"), 2);
    sqlite3_close(db);
}

static void test_a_newer_one_is_refused(void **state)
{
    char why[SL_STORE_WHY];
    struct sl_catalogue *catalogue;
    sl_catalogue_close(*state);
    *state = NULL;
    make_by_hand("CREATE TABLE a(b); PRAGMA user_version = 99;");
    assert_int_equal(sl_catalogue_open(&catalogue, dir, true, why), -EBADMSG);
    assert_non_null(strstr(why, "version 99, made by a newer program"));
    assert_non_null(strstr(why, "catalogue.db: "));
}

static void test_what_is_no_catalogue_is_refused(void **state)
{
    char why[SL_STORE_WHY], path[128];
    struct sl_catalogue *catalogue;
    sl_catalogue_close(*state);
    *state = NULL;
    remove_files();
    assert_int_equal(sl_catalogue_open(&catalogue, dir, false, why), -ENOENT);
    assert_non_null(strstr(why, "nothing was recorded"));
    snprintf(path, sizeof(path), "%s/catalogue.db", dir);
    const int fd = open(path, O_WRONLY | O_CREAT, 0600);
    for (int i = 0; i < 100; i++)
        assert_int_equal(write(fd, "This is a letter to grandmother. ", 33), 33);
    close(fd);
    assert_int_equal(sl_catalogue_open(&catalogue, dir, true, why), -EBADMSG);
    assert_int_equal(sl_catalogue_open(&catalogue, "/nonexistent", true, why), -ENOENT);
}

/* ---- Against a slow model ---- */

#define MODEL_ROWS 220
#define MODEL_EVENTS 90

static struct sl_segment_row model[MODEL_ROWS];
static struct sl_catalogue_event events[MODEL_EVENTS];
static int model_count, event_count;
static const char *const cameras[] = {"a", "b", "c"};
static const char *const places[] = {"Hall", "Yard"};
static const char *const types[] = {"motion", "gap", "sound"};

static int64_t pick(uint32_t from, uint32_t to)
{
    return sl_random_range(&rng, from, to);
}

static int64_t until_of(const struct sl_catalogue_event *event)
{
    return event->end_us == 0                ? INT64_MAX
           : event->end_us > event->start_us ? event->end_us
                                             : event->start_us + 1;
}

static bool tagged(const struct sl_segment_row *row, const char *type)
{
    const int64_t start = row->info.meta.start_us, end = start + row->info.duration_us;
    for (int i = 0; i < event_count; i++)
        if (strcmp(events[i].type, type) == 0 &&
            strcmp(events[i].camera, row->info.meta.camera) == 0 && events[i].start_us < end &&
            until_of(&events[i]) > start)
            return true;
    return false;
}

static bool in_range(const struct sl_segment_filter *filter, int64_t start, int64_t until)
{
    return (!filter->from_us || until > filter->from_us) &&
           (!filter->to_us || start < filter->to_us);
}

static bool wanted(const struct sl_segment_row *row, const struct sl_segment_filter *f)
{
    const struct sl_segment_info *info = &row->info;
    const int64_t length = info->duration_us > 1 ? info->duration_us : 1;
    return (!f->camera || strcmp(f->camera, info->meta.camera) == 0) &&
           (!f->location || strcmp(f->location, info->meta.location) == 0) &&
           in_range(f, info->meta.start_us, info->meta.start_us + length) &&
           (!f->longer_us || info->duration_us >= f->longer_us) &&
           (!f->shorter_us || info->duration_us <= f->shorter_us) &&
           (!f->event || tagged(row, f->event));
}

static bool event_wanted(const struct sl_catalogue_event *event, const struct sl_segment_filter *f)
{
    const int64_t length = until_of(event) - event->start_us;
    return (!f->camera || strcmp(f->camera, event->camera) == 0) &&
           (!f->event || strcmp(f->event, event->type) == 0) &&
           in_range(f, event->start_us, until_of(event)) &&
           (!(f->longer_us || f->shorter_us) || event->end_us) &&
           (!f->longer_us || length >= f->longer_us) && (!f->shorter_us || length <= f->shorter_us);
}

/* Times are few, so that many rows begin at once and ends meet. */
static void shape(struct sl_segment_row *row)
{
    struct sl_segment_meta *meta = &row->info.meta;
    snprintf(meta->camera, sizeof(meta->camera), "%s", cameras[pick(0, 2)]);
    snprintf(meta->location, sizeof(meta->location), "%s", places[pick(0, 1)]);
    meta->start_us = 100 + pick(0, 60);
    row->info.duration_us = pick(0, 3) ? pick(0, 6) : pick(0, 40);
    row->open = pick(0, 9) == 0;
}

static void change_segment(struct sl_catalogue *catalogue)
{
    const int kind = (int)pick(0, 9);
    if (model_count == 0 || (kind < 5 && model_count < MODEL_ROWS)) {
        struct sl_segment_row row = row_of("a", 0, 0), got;
        shape(&row);
        put(catalogue, &row);
        assert_int_equal(sl_catalogue_get(catalogue, row.info.meta.uuid, &got), 0);
        row.id = got.id;
        model[model_count++] = row;
        return;
    }
    struct sl_segment_row *row = &model[pick(0, (uint32_t)model_count - 1)];
    if (kind < 8) {
        row->info.duration_us += pick(0, 5);
        put(catalogue, row);
    } else if (kind == 8) {
        shape(row);
        put(catalogue, row);
    } else {
        assert_int_equal(sl_catalogue_remove(catalogue, row->info.meta.uuid), 0);
        *row = model[--model_count];
    }
}

static void change_event(struct sl_catalogue *catalogue)
{
    struct sl_catalogue_event *event;
    if (event_count < MODEL_EVENTS && pick(0, 1))
        event = &events[event_count++];
    else
        event = &events[pick(0, (uint32_t)(event_count ? event_count - 1 : 0))];
    if (event_count == 0)
        event_count = 1;
    if (event->id == 0 || pick(0, 3) == 0) {
        snprintf(event->camera, sizeof(event->camera), "%s", cameras[pick(0, 2)]);
        snprintf(event->type, sizeof(event->type), "%s", types[pick(0, 2)]);
        event->start_us = 100 + pick(0, 80);
    }
    event->end_us = pick(0, 5) ? event->start_us + pick(0, 8) : 0;
    event->score = 0.25;
    if (sl_catalogue_event_put(catalogue, event) != 0)
        fail_msg("%s", sl_catalogue_why(catalogue));
}

static struct sl_segment_filter any_filter(void)
{
    struct sl_segment_filter filter = {.newest_first = pick(0, 1)};
    if (pick(0, 1))
        filter.camera = cameras[pick(0, 2)];
    if (pick(0, 2) == 0)
        filter.location = places[pick(0, 1)];
    if (pick(0, 1))
        filter.from_us = 95 + pick(0, 80);
    if (pick(0, 1))
        filter.to_us = 95 + pick(0, 80);
    if (pick(0, 2) == 0)
        filter.longer_us = pick(1, 8);
    if (pick(0, 2) == 0)
        filter.shorter_us = pick(1, 30);
    if (pick(0, 2) == 0)
        filter.event = types[pick(0, 2)];
    return filter;
}

static int by_start(const void *a, const void *b)
{
    const struct sl_segment_row *one = a, *two = b;
    const int64_t difference = one->info.meta.start_us != two->info.meta.start_us
                                   ? one->info.meta.start_us - two->info.meta.start_us
                                   : one->id - two->id;
    return difference < 0 ? -1 : difference > 0;
}

/* Walks all pages and finds each row of the model, in its order, and no other. */
static void check_segments(struct sl_catalogue *catalogue, const struct sl_segment_filter *filter)
{
    struct sl_segment_row page[7];
    struct sl_catalogue_cursor cursor = {0};
    int at = 0, count, size;
    qsort(model, (size_t)model_count, sizeof(model[0]), by_start);
    do {
        size = (int)pick(1, 7);
        count = sl_catalogue_page(catalogue, filter, &cursor, page, size);
        if (count < 0)
            fail_msg("%s", sl_catalogue_why(catalogue));
        for (int i = 0; i < count; i++, at++) {
            const struct sl_segment_row *row = NULL;
            for (; at < model_count; at++) {
                row = &model[filter->newest_first ? model_count - 1 - at : at];
                if (wanted(row, filter))
                    break;
            }
            assert_true(at < model_count);
            assert_string_equal(page[i].info.meta.uuid, row->info.meta.uuid);
            assert_int_equal(page[i].info.duration_us, row->info.duration_us);
        }
    } while (count == size);
    for (; at < model_count; at++)
        assert_false(wanted(&model[filter->newest_first ? model_count - 1 - at : at], filter));
}

static void check_events(struct sl_catalogue *catalogue, const struct sl_segment_filter *filter)
{
    struct sl_catalogue_event page[5];
    struct sl_catalogue_cursor cursor = {0}, before = {0};
    int found = 0, expected = 0, count;
    for (int i = 0; i < event_count; i++)
        expected += event_wanted(&events[i], filter);
    do {
        count = sl_catalogue_events(catalogue, filter, &cursor, page, 5);
        assert_true(count >= 0);
        for (int i = 0; i < count; i++, found++) {
            assert_true(event_wanted(&page[i], filter));
            const int64_t step = page[i].start_us != before.start_us
                                     ? page[i].start_us - before.start_us
                                     : page[i].id - before.id;
            assert_true(before.id == 0 || (filter->newest_first ? step < 0 : step > 0));
            before = (struct sl_catalogue_cursor){page[i].start_us, page[i].id};
        }
    } while (count == 5);
    assert_int_equal(found, expected);
}

static void test_pages_are_those_of_a_slow_model(void **state)
{
    model_count = event_count = 0;
    memset(events, 0, sizeof(events));
    (void)!sqlite3_exec(((struct sl_catalogue *)*state)->db, "PRAGMA synchronous = OFF", NULL, NULL,
                        NULL);
    for (int turn = 0; turn < 120; turn++) {
        assert_int_equal(sl_catalogue_begin(*state), 0);
        for (int i = 0; i < 8; i++)
            change_segment(*state);
        for (int i = 0; i < 4; i++)
            change_event(*state);
        assert_int_equal(sl_catalogue_commit(*state), 0);
        for (int i = 0; i < 12; i++) {
            struct sl_segment_filter filter = any_filter();
            check_segments(*state, &filter);
            filter.location = NULL;
            check_events(*state, &filter);
        }
    }
    assert_int_equal(number_of(*state, "SELECT COUNT(*) FROM pragma_foreign_key_check"), 0);
    int64_t bytes = 0;
    for (int i = 0; i < model_count; i++)
        bytes += model[i].info.bytes;
    assert_int_equal(number_of(*state, "SELECT SUM(bytes) FROM sums"), bytes);
}

static void test_a_page_goes_on_where_it_was_while_rows_come_in(void **state)
{
    const struct sl_segment_filter all = {0}, newest = {.newest_first = true};
    struct sl_catalogue_cursor up = {0}, down = {0};
    struct sl_segment_row page[10];
    bool seen[100] = {false};
    for (int i = 0; i < 100; i++) {
        struct sl_segment_row row = row_of("a", 1000 + i * 10, 10);
        row.info.bytes = i;
        put(*state, &row);
    }
    for (int turn = 0; turn < 10; turn++) {
        const int count = sl_catalogue_page(*state, &all, &up, page, 10);
        assert_int_equal(count, 10);
        for (int i = 0; i < count; i++)
            if (page[i].info.bytes < 100) {
                assert_false(seen[page[i].info.bytes]);
                seen[page[i].info.bytes] = true;
            }
        struct sl_segment_row row = row_of("a", 500 - turn, 10); /* behind it: not seen */
        row.info.bytes = 1000;
        put(*state, &row);
    }
    for (int i = 0; i < 100; i++)
        assert_true(seen[i]);
    assert_int_equal(sl_catalogue_page(*state, &newest, &down, page, 10), 10);
    struct sl_segment_row row = row_of("a", 100000, 10);
    put(*state, &row);
    assert_int_equal(sl_catalogue_page(*state, &newest, &down, page, 10), 10);
    assert_int_equal(page[0].info.bytes, 89);
}

/* ---- Plans ---- */

struct plan {
    char text[8192];
    int searches;
};

static int note_step(void *ctx, int columns, char **values, char **names)
{
    struct plan *plan = ctx;
    (void)names;
    assert_int_equal(columns, 4);
    snprintf(plan->text + strlen(plan->text), sizeof(plan->text) - strlen(plan->text), "%s\n",
             values[3]);
    plan->searches += strncmp(values[3], "SEARCH", 6) == 0;
    return 0;
}

static char traced[8][1200];
static int traced_count;

static int note_statement(unsigned int type, void *ctx, void *statement, void *text)
{
    (void)type;
    (void)ctx;
    (void)text;
    if (traced_count < 8)
        snprintf(traced[traced_count++], sizeof(traced[0]), "EXPLAIN QUERY PLAN %s",
                 sqlite3_sql(statement));
    return 0;
}

static void explain(struct sl_catalogue *catalogue, const struct sl_segment_filter *filter,
                    struct sl_catalogue_cursor cursor, bool of_events, struct plan *plan)
{
    struct sl_segment_row rows[2];
    struct sl_catalogue_event happened[2];
    traced_count = 0;
    *plan = (struct plan){.searches = 0};
    sqlite3_trace_v2(catalogue->db, SQLITE_TRACE_STMT, note_statement, NULL);
    const int count = of_events ? sl_catalogue_events(catalogue, filter, &cursor, happened, 2)
                                : sl_catalogue_page(catalogue, filter, &cursor, rows, 2);
    sqlite3_trace_v2(catalogue->db, 0, NULL, NULL);
    assert_true(count >= 0 && traced_count > 0);
    for (int i = 0; i < traced_count; i++)
        assert_int_equal(sqlite3_exec(catalogue->db, traced[i], note_step, plan, NULL), SQLITE_OK);
}

/* Rows are read in the order of an index; whatever is filtered is what an index begins with. */
static void test_no_page_scans_a_table(void **state)
{
    static const struct sl_segment_filter filters[] = {
        {.camera = "a"},
        {.location = "Hall"},
        {.from_us = 5},
        {.to_us = 5},
        {.longer_us = 5},
        {.shorter_us = 5},
        {.event = "motion"},
        {.camera = "a", .from_us = 5, .to_us = 9},
        {.location = "Hall", .from_us = 5, .to_us = 9},
        {.camera = "a", .longer_us = 5},
        {.camera = "a", .location = "Hall"},
        {.location = "Hall", .shorter_us = 5},
        {.event = "motion", .camera = "a", .from_us = 5},
    };
    struct sl_segment_row row = row_of("a", 100, 10);
    put(*state, &row);
    for (size_t i = 0; i < 4 * SL_COUNT(filters); i++) {
        struct sl_segment_filter filter = filters[i / 4];
        const struct sl_catalogue_cursor cursor = {i & 1 ? 50 : 0, i & 1 ? 1 : 0};
        struct plan plan;
        filter.newest_first = i & 2;
        explain(*state, &filter, cursor, false, &plan);
        if (strstr(plan.text, "SCAN s") || strstr(plan.text, "SCAN t") || plan.searches < 2)
            fail_msg("filter %zu:\n%s", i / 4, plan.text);
        if (filter.longer_us || filter.shorter_us)
            continue;
        /* of the two hundred rows of a page alone, if at all */
        const char *sorted = strstr(plan.text, "USE TEMP B-TREE FOR ORDER BY");
        if (sorted && strstr(sorted + 1, "USE TEMP B-TREE"))
            fail_msg("filter %zu is sorted:\n%s", i / 4, plan.text);
        if (filter.location && filter.camera)
            continue;
        explain(*state, &filter, cursor, true, &plan);
        if (strstr(plan.text, "TEMP B-TREE"))
            fail_msg("events of filter %zu are sorted:\n%s", i / 4, plan.text);
    }
}

static void test_two_programs_write_in_turn(void **state)
{
    struct sl_catalogue *other = open_it(true), *reader = open_it(false);
    struct sl_segment_row a = row_of("a", 1, 1), b = row_of("b", 2, 1), got;
    put(*state, &a);
    put(other, &b);
    assert_int_equal(sl_catalogue_get(*state, b.info.meta.uuid, &got), 0);
    assert_int_equal(sl_catalogue_get(reader, a.info.meta.uuid, &got), 0);
    assert_int_equal(sl_catalogue_put(reader, &a), -EROFS);
    sqlite3_busy_timeout(other->db, 1);
    assert_int_equal(sl_catalogue_begin(*state), 0);
    assert_int_equal(sl_catalogue_put(other, &b), -EBUSY);
    assert_non_null(strstr(sl_catalogue_why(other), "locked"));
    assert_int_equal(sl_catalogue_commit(*state), 0);
    put(other, &b);
    sl_catalogue_close(other);
    sl_catalogue_close(reader);
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH(test_a_row_comes_back_as_it_was_put),
        WITH(test_an_update_leaves_the_lock),
        WITH(test_several_changes_are_all_or_none),
        WITH(test_sums_follow_the_rows),
        WITH(test_meta),
        WITH(test_sessions),
        WITH(test_an_older_schema_is_brought_up_to_date),
        WITH(test_a_migration_that_fails_changes_nothing),
        WITH(test_a_newer_one_is_refused),
        WITH(test_what_is_no_catalogue_is_refused),
        WITH(test_pages_are_those_of_a_slow_model),
        WITH(test_a_page_goes_on_where_it_was_while_rows_come_in),
        WITH(test_no_page_scans_a_table),
        WITH(test_two_programs_write_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
