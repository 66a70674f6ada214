/* SPDX-License-Identifier: MIT */
/* What is over, what is too old, and which row is refused for good. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "receiver/catalogue_db.h"

static char dir[64];
static struct sl_random rng;

static int set_up(void **state)
{
    struct sl_catalogue *catalogue;
    char why[SL_STORE_WHY];
    snprintf(dir, sizeof(dir), "/tmp/sightline-past-XXXXXX");
    assert_non_null(mkdtemp(dir));
    sl_random_init_seed(&rng, 6);
    assert_int_equal(sl_catalogue_open(&catalogue, dir, true, why), 0);
    *state = catalogue;
    return 0;
}

static int tear_down(void **state)
{
    char command[96];
    sl_catalogue_close(*state);
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command);
}

static struct sl_segment_row put(struct sl_catalogue *catalogue, const char *camera,
                                 int64_t start_us, int64_t duration_us)
{
    struct sl_segment_row row = {.info = {.duration_us = duration_us, .bytes = 1, .frames = 1}};
    sl_segment_uuid(row.info.meta.uuid, &rng);
    snprintf(row.info.meta.camera, sizeof(row.info.meta.camera), "%s", camera);
    row.info.meta.start_us = start_us;
    snprintf(row.path, sizeof(row.path), "%s/%d.mp4", camera, (int)start_us);
    assert_int_equal(sl_catalogue_put(catalogue, &row), 0);
    return row;
}

static int64_t put_event(struct sl_catalogue *catalogue, const char *camera, int64_t start_us,
                         int64_t end_us)
{
    struct sl_catalogue_event event = {.type = "motion", .start_us = start_us, .end_us = end_us};
    snprintf(event.camera, sizeof(event.camera), "%s", camera);
    assert_int_equal(sl_catalogue_event_put(catalogue, &event), 0);
    return event.id;
}

static int64_t ask(struct sl_catalogue *catalogue, const char *text)
{
    int64_t number = 0;
    assert_int_equal(sl_db_run(catalogue, &number, text, NULL, 0), 0);
    return number;
}

static int tagged(struct sl_catalogue *catalogue)
{
    const struct sl_segment_filter filter = {.event = "motion"};
    struct sl_catalogue_cursor cursor = {0};
    struct sl_segment_row rows[16];
    return sl_catalogue_page(catalogue, &filter, &cursor, rows, 16);
}

static void check_event(struct sl_catalogue *catalogue, int64_t id, int64_t end_us)
{
    int64_t got = 0;
    assert_int_equal(
        SL_DB_RUN(catalogue, &got, "SELECT \"end\" FROM events WHERE id = ?1", SL_DB_NUMBER(id)),
        0);
    assert_int_equal(got, end_us);
}

/* ---- What a crash left open ---- */

static void events_end_with_the_last_recording_of_their_camera(void **state)
{
    put(*state, "a", 100, 50);
    put(*state, "a", 150, 50);
    put(*state, "b", 150, 5000);
    const int64_t a = put_event(*state, "a", 160, 0), late = put_event(*state, "a", 300, 0);
    const int64_t none = put_event(*state, "c", 170, 0), over = put_event(*state, "a", 10, 20);
    const int64_t ahead = put_event(*state, "b", 160, 0);
    assert_int_equal(sl_catalogue_end_past(*state, 1000), 4);
    check_event(*state, a, 200);
    check_event(*state, late, 300);
    check_event(*state, none, 170);
    check_event(*state, over, 20);
    check_event(*state, ahead, 1000);
    assert_int_equal(sl_catalogue_end_past(*state, 2000), 0);
    put(*state, "a", 2000, 10); /* it does not go on into what is recorded now */
    assert_int_equal(tagged(*state), 2);
}

static void more_events_than_one_piece_end_too(void **state)
{
    assert_int_equal(sl_catalogue_begin(*state), 0);
    for (int i = 0; i < 450; i++)
        put_event(*state, "a", 100 + i, 0);
    assert_int_equal(sl_catalogue_commit(*state), 0);
    assert_int_equal(sl_catalogue_end_past(*state, 1000), 450);
    assert_int_equal(ask(*state, "SELECT COUNT(*) FROM events WHERE \"end\" = 0"), 0);
}

static void sessions_end_when_the_camera_was_last_seen(void **state)
{
    assert_int_equal(sl_catalogue_connected(*state, "a", "", "", 100), 0);
    assert_int_equal(sl_catalogue_connected(*state, "b", "", "", 100), 0);
    assert_int_equal(sl_catalogue_disconnected(*state, "b", "left", 120), 0);
    put(*state, "a", 150, 50);
    assert_int_equal(sl_catalogue_end_past(*state, 1000), 1);
    assert_int_equal(ask(*state, "SELECT disconnected FROM sessions WHERE camera = 'a'"), 200);
    assert_int_equal(ask(*state, "SELECT COUNT(*) FROM sessions WHERE camera = 'a'"
                                 " AND why = 'the receiver ended'"),
                     1);
    assert_int_equal(ask(*state, "SELECT disconnected FROM sessions WHERE camera = 'b'"), 120);
}

/* ---- What is too old ---- */

static void prune(struct sl_catalogue *catalogue, const char *camera, int64_t before_us)
{
    int went;
    do {
        went = sl_catalogue_prune(catalogue, camera, before_us);
        assert_true(went >= 0);
    } while (went > 0);
}

static void an_event_stays_as_long_as_a_recording_overlaps_it(void **state)
{
    const struct sl_segment_row row = put(*state, "a", 100, 50);
    put(*state, "b", 0, 1000);
    put_event(*state, "a", 10, 100);  /* ends where the recording begins */
    put_event(*state, "a", 20, 101);  /* within */
    put_event(*state, "a", 149, 149); /* an instant, within */
    put_event(*state, "a", 150, 160); /* begins where it ends */
    put_event(*state, "a", 900, 950); /* young */
    put_event(*state, "a", 30, 0);    /* goes on */
    put_event(*state, "b", 10, 20);
    assert_int_equal(sl_catalogue_lock(*state, "a", 100, 101, true), 1);
    prune(*state, "a", 500);
    assert_int_equal(ask(*state, "SELECT COUNT(*) FROM events WHERE camera = 'a'"), 4);
    assert_int_equal(ask(*state, "SELECT SUM(start) FROM events WHERE camera = 'a'"),
                     20 + 149 + 900 + 30);
    assert_int_equal(ask(*state, "SELECT COUNT(*) FROM events WHERE camera = 'b'"), 1);
    assert_int_equal(sl_catalogue_remove(*state, row.info.meta.uuid), 0);
    prune(*state, "a", INT64_MIN); /* kept for ever */
    assert_int_equal(ask(*state, "SELECT COUNT(*) FROM events WHERE camera = 'a'"), 4);
    prune(*state, "a", 500);
    assert_int_equal(ask(*state, "SELECT COUNT(*) FROM events WHERE camera = 'a'"), 2);
}

static void sessions_go_when_they_were_over_before(void **state)
{
    for (int i = 0; i < 500; i++) {
        assert_int_equal(sl_catalogue_connected(*state, "a", "", "", 10 * i), 0);
        assert_int_equal(sl_catalogue_disconnected(*state, "a", "left", 10 * i + 5), 0);
    }
    assert_int_equal(sl_catalogue_connected(*state, "a", "", "", 4999), 0);
    prune(*state, "a", 4965);
    assert_int_equal(ask(*state, "SELECT COUNT(*) FROM sessions"), 5);
    prune(*state, "a", 1 << 20);
    assert_int_equal(ask(*state, "SELECT COUNT(*) FROM sessions"), 1); /* it goes on */
}

static void there_are_never_more_than_so_many(void **state)
{
    struct sl_catalogue *catalogue = *state;
    put(catalogue, "a", 1, 3);
    assert_int_equal(sl_catalogue_begin(catalogue), 0);
    put_event(catalogue, "a", 2, 3);
    assert_int_equal(
        sl_db_execute(catalogue,
                      "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n"
                      " WHERE i < 50009) INSERT INTO events(camera, type, start, \"end\", until,"
                      " duration, score, detail) SELECT 'a', 'gap', i, i, i + 1, 1, 0, '' FROM n"),
        0);
    assert_int_equal(sl_db_execute(catalogue,
                                   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                                   " WHERE i < 10001) INSERT INTO sessions(camera, connected,"
                                   " disconnected) SELECT 'a', i, i FROM n"),
                     0);
    assert_int_equal(sl_catalogue_commit(catalogue), 0);
    assert_int_equal(tagged(catalogue), 1);
    prune(catalogue, "a", INT64_MIN);
    assert_int_equal(ask(catalogue, "SELECT COUNT(*) FROM events"), SL_CATALOGUE_EVENTS_MAX);
    assert_int_equal(ask(catalogue, "SELECT MIN(start) FROM events"), 10);
    assert_int_equal(ask(catalogue, "SELECT COUNT(*) FROM sessions"), SL_CATALOGUE_SESSIONS_MAX);
    assert_int_equal(ask(catalogue, "SELECT MIN(connected) FROM sessions"), 2);
    assert_int_equal(tagged(catalogue), 0); /* and no tag is left of what went */
}

/* ---- Questions of retention and usage ---- */

static void the_first_that_is_not_locked(void **state)
{
    int64_t end_us = 0;
    assert_int_equal(sl_catalogue_first_unlocked(*state, "a", &end_us), -ENOENT);
    put(*state, "a", 100, 10);
    put(*state, "a", 200, 20);
    put(*state, "b", 1, 1);
    assert_int_equal(sl_catalogue_first_unlocked(*state, "a", &end_us), 0);
    assert_int_equal(end_us, 110);
    assert_int_equal(sl_catalogue_lock(*state, "a", 100, 101, true), 1);
    assert_int_equal(sl_catalogue_first_unlocked(*state, "a", &end_us), 0);
    assert_int_equal(end_us, 220);
    assert_int_equal(sl_catalogue_lock(*state, "a", 0, 0, true), 1);
    assert_int_equal(sl_catalogue_first_unlocked(*state, "a", &end_us), -ENOENT);
    struct sl_segment_row row = put(*state, "a", 300, 30);
    row.open = true;
    assert_int_equal(sl_catalogue_put(*state, &row), 0);
    assert_int_equal(sl_catalogue_first_unlocked(*state, "a", &end_us), 0);
    assert_int_equal(end_us, 330);
}

static void the_newest_is_one_of_a_synchronised_clock_if_there_is_any(void **state)
{
    int64_t end_us = 0;
    assert_int_equal(sl_catalogue_newest(*state, &end_us), -ENOENT);
    struct sl_segment_row row = put(*state, "a", 100, 10);
    put(*state, "b", 90000, 10);
    assert_int_equal(sl_catalogue_newest(*state, &end_us), 0);
    assert_int_equal(end_us, 90010);
    row.info.meta.clock = SL_CLOCK_SYNCED;
    assert_int_equal(sl_catalogue_put(*state, &row), 0);
    assert_int_equal(sl_catalogue_newest(*state, &end_us), 0);
    assert_int_equal(end_us, 110);
}

static void what_breaks_a_rule_is_refused_for_good(void **state)
{
    struct sl_catalogue_event event = {.type = "motion", .camera = "a", .start_us = 1};
    assert_int_equal(sl_db_execute(*state, "CREATE TRIGGER no AFTER INSERT ON events BEGIN"
                                           " SELECT RAISE(ABORT, 'no'); END"),
                     0);
    assert_int_equal(sl_catalogue_begin(*state), 0);
    assert_int_equal(sl_catalogue_event_put(*state, &event), -EINVAL);
    put(*state, "a", 1, 1); /* the rest of the transaction is as it was */
    assert_int_equal(sl_catalogue_commit(*state), 0);
    assert_int_equal(ask(*state, "SELECT COUNT(*) FROM segments"), 1);
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH(events_end_with_the_last_recording_of_their_camera),
        WITH(more_events_than_one_piece_end_too),
        WITH(sessions_end_when_the_camera_was_last_seen),
        WITH(an_event_stays_as_long_as_a_recording_overlaps_it),
        WITH(sessions_go_when_they_were_over_before),
        WITH(there_are_never_more_than_so_many),
        WITH(the_first_that_is_not_locked),
        WITH(the_newest_is_one_of_a_synchronised_clock_if_there_is_any),
        WITH(what_breaks_a_rule_is_refused_for_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
