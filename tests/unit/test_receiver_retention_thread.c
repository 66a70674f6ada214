/* SPDX-License-Identifier: MIT */
/* The thread beside a wall clock that says what it is told to. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cmocka.h>

#include "receiver/retention_run.h"
#include "receiver/snapshot_files.h"
#include "receiver/wall_clock.h"

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)
#define YEAR (365 * DAY)
#define NOW (1795132800 * SECOND) /* 2026-11-20 */

#define BLOCK 4096 /* what a picture takes */

static char dir[64];
static int64_t free_at_first;
static int snapshot_count;
static struct sl_random rng;
static _Atomic int64_t wall_us;
static _Atomic enum sl_clock_state wall_state;

int64_t sl_wall_clock_us(void)
{
    return wall_us;
}

enum sl_clock_state sl_wall_clock_state(void)
{
    return wall_state;
}

static int set_up(void **state)
{
    struct sl_catalogue *catalogue;
    struct sl_store *store;
    struct sl_storage storage;
    char why[SL_STORE_WHY], path[96];
    snprintf(dir, sizeof(dir), "/tmp/sightline-ages-XXXXXX");
    assert_non_null(mkdtemp(dir));
    free_at_first = 500 * BLOCK;
    snapshot_count = 0;
    sl_random_init_seed(&rng, 7);
    assert_int_equal(sl_store_open(&store, dir, true, why), 0);
    const uint8_t hash[SL_TOKEN_HASH_BYTES] = {1};
    const int64_t one_byte = 1;
    assert_int_equal(sl_store_camera_add(store, "z", "", hash, 1), 0);
    assert_int_equal(sl_store_camera_keep(store, "z", NULL, &one_byte), 0);
    sl_store_close(store);
    assert_int_equal(sl_catalogue_open(&catalogue, dir, true, why), 0);
    snprintf(path, sizeof(path), "%s/disk", dir);
    assert_int_equal(sl_storage_open(&storage, path, catalogue, why), 0);
    sl_storage_close(&storage);
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

/* A row whose file is gone: it is taken out when it is its turn. */
static struct sl_segment_row put(struct sl_catalogue *catalogue, const char *camera,
                                 int64_t start_us)
{
    struct sl_segment_row row = {.info = {.duration_us = SECOND, .bytes = 9, .frames = 1}};
    sl_segment_uuid(row.info.meta.uuid, &rng);
    snprintf(row.info.meta.camera, sizeof(row.info.meta.camera), "%s", camera);
    row.info.meta.start_us = start_us;
    snprintf(row.path, sizeof(row.path), "%s/2026-11-20/%.8s.mp4", camera, row.info.meta.uuid);
    assert_int_equal(sl_catalogue_put(catalogue, &row), 0);
    return row;
}

/* Lets it go round once: "z", the last in its turn, has more than its bytes. */
static int rows_after_a_run(struct sl_catalogue *catalogue, int64_t at_us,
                            enum sl_clock_state clock)
{
    char path[96], why[SL_STORE_WHY] = "";
    snprintf(path, sizeof(path), "%s/disk", dir);
    const struct sl_retention_config config = {
        .data = dir, .recordings = path, .limits = {.keep_us = 30 * DAY}, .min_free_given = true};
    struct sl_retention_thread *thread = NULL;
    wall_us = at_us;
    wall_state = clock;
    struct sl_segment_row last = put(catalogue, "z", 1);
    if (sl_retention_start(&thread, &config, why) != 0)
        fail_msg("%s", why);
    while (sl_catalogue_get(catalogue, last.info.meta.uuid, &last) == 0)
        usleep(1000);
    sl_retention_stop(thread);
    const struct sl_segment_filter all = {0};
    struct sl_catalogue_cursor cursor = {0};
    struct sl_segment_row rows[16];
    return sl_catalogue_page(catalogue, &all, &cursor, rows, 16);
}

static void check_known(struct sl_catalogue *catalogue, int64_t from_us, int64_t to_us)
{
    struct sl_retention_clock clock;
    assert_int_equal(sl_retention_clock_load(&clock, catalogue), 0);
    assert_true(clock.known_us >= from_us && clock.known_us <= to_us);
}

/* A start beside a clock without a battery's word, and nobody who knows better. */
static void years_ahead_nothing_goes(void **state)
{
    put(*state, "a", NOW - 2 * DAY);
    put(*state, "a", NOW - DAY);
    assert_int_equal(rows_after_a_run(*state, NOW + 14 * YEAR, SL_CLOCK_FREE), 2);
    check_known(*state, NOW - DAY, NOW);
    put(*state, "a", NOW + 14 * YEAR); /* what is recorded meanwhile proves nothing */
    assert_int_equal(rows_after_a_run(*state, NOW + 14 * YEAR + DAY, SL_CLOCK_UNKNOWN), 3);
    check_known(*state, NOW - DAY, NOW);
}

static void what_the_last_run_knew_counts(void **state)
{
    put(*state, "a", NOW - 31 * DAY);
    assert_int_equal(rows_after_a_run(*state, NOW - 2 * DAY, SL_CLOCK_SYNCED), 1);
    check_known(*state, NOW - 2 * DAY, NOW - 2 * DAY);
    assert_int_equal(rows_after_a_run(*state, NOW, SL_CLOCK_FREE), 1);
}

static void off_for_a_month_by_a_synchronised_clock_it_deletes_as_told(void **state)
{
    put(*state, "a", NOW - 2 * DAY);
    put(*state, "a", NOW);
    assert_int_equal(rows_after_a_run(*state, NOW + 30 * DAY, SL_CLOCK_SYNCED), 1);
}

/* ---- Snapshots ---- */

static _Atomic int looks; /* at what is free */
static int64_t snapshots_us[4];

static void snapshots_path(char path[96])
{
    snprintf(path, 96, "%s/snapshots", dir);
}

static bool snapshot_there(int i)
{
    char path[300], name[SL_SNAPSHOT_PATH_BYTES];
    assert_int_equal(sl_snapshot_name(name, snapshots_us[i]), 0);
    snprintf(path, sizeof(path), "%s/snapshots/yard/%s", dir, name);
    return access(path, F_OK) == 0;
}

/* A disk on which but the snapshots of these tests nothing takes room. */
int fstatvfs(int fd, struct statvfs *ret)
{
    (void)fd;
    int64_t free_bytes = free_at_first;
    for (int i = 0; i < snapshot_count; i++)
        free_bytes += snapshot_there(i) ? 0 : BLOCK;
    *ret = (struct statvfs){.f_frsize = 1,
                            .f_bsize = 1,
                            .f_blocks = 1000 * BLOCK,
                            .f_bavail = (fsblkcnt_t)free_bytes,
                            .f_files = 100,
                            .f_favail = 50};
    looks++;
    return 0;
}

/* The last of them is latest.jpg, too. */
static void put_snapshots(const int64_t *times, int count)
{
    char path[96];
    snapshots_path(path);
    assert_int_equal(mkdir(path, 0700), 0);
    const int fd = open(path, O_RDONLY | O_DIRECTORY);
    const uint8_t picture[BLOCK] = {0xff};
    snapshot_count = count;
    for (int i = 0; i < count; i++) {
        snapshots_us[i] = times[i];
        assert_int_equal(sl_snapshot_put(fd, "yard", times[i], true, picture, sizeof(picture)), 0);
    }
    close(fd);
}

/* Some turns of it. */
static void let_run(int64_t at_us, enum sl_clock_state clock, int64_t keep_us, int64_t min_free)
{
    char path[96], snapshots[96], why[SL_STORE_WHY] = "";
    snprintf(path, sizeof(path), "%s/disk", dir);
    snapshots_path(snapshots);
    const struct sl_retention_config config = {.data = dir,
                                               .recordings = path,
                                               .min_free = min_free,
                                               .min_free_given = true,
                                               .snapshots = snapshots,
                                               .snapshot_keep_us = keep_us};
    struct sl_retention_thread *thread = NULL;
    wall_us = at_us;
    wall_state = clock;
    looks = 0;
    if (sl_retention_start(&thread, &config, why) != 0)
        fail_msg("%s", why);
    while (looks < 9) /* four a turn */
        usleep(1000);
    sl_retention_stop(thread);
}

static bool there(struct sl_catalogue *catalogue, const struct sl_segment_row *row)
{
    struct sl_segment_row now;
    return sl_catalogue_get(catalogue, row->info.meta.uuid, &now) == 0;
}

static void snapshots_go_by_the_clock_of_retention(void **state)
{
    put(*state, "a", NOW);
    put_snapshots((const int64_t[]){NOW - 8 * DAY, NOW - 6 * DAY, NOW - DAY}, 3);
    let_run(NOW + 14 * YEAR, SL_CLOCK_FREE, 7 * DAY, 0); /* which jumped */
    assert_false(snapshot_there(0));
    assert_true(snapshot_there(1) && snapshot_there(2));
    let_run(NOW + 2 * DAY, SL_CLOCK_SYNCED, 0, 0); /* for ever */
    assert_true(snapshot_there(1));
    let_run(NOW + 2 * DAY, SL_CLOCK_SYNCED, 7 * DAY, 0);
    assert_false(snapshot_there(1));
    assert_true(snapshot_there(2));
}

/* Both as old as they are: a recording stays that older snapshots made room for. */
static void on_a_full_disk_what_is_oldest_goes(void **state)
{
    const struct sl_segment_row first = put(*state, "a", NOW - 3 * DAY),
                                second = put(*state, "a", NOW - DAY);
    put_snapshots((const int64_t[]){NOW - 5 * DAY, NOW - 4 * DAY, NOW - 2 * DAY, NOW}, 4);
    free_at_first = BLOCK;
    let_run(NOW, SL_CLOCK_SYNCED, 0, 3 * BLOCK);
    assert_false(snapshot_there(0) || snapshot_there(1));
    assert_true(snapshot_there(2) && snapshot_there(3));
    assert_true(there(*state, &first) && there(*state, &second));
    let_run(NOW, SL_CLOCK_SYNCED, 0, 3 * BLOCK + 9); /* by the row's bytes, which free nothing */
    assert_false(there(*state, &first) || snapshot_there(2));
    assert_true(there(*state, &second) && snapshot_there(3));
}

static void where_no_recording_may_go_the_oldest_snapshots_do(void **state)
{
    const struct sl_segment_row locked = put(*state, "a", NOW - 3 * DAY);
    assert_int_equal(sl_catalogue_lock(*state, "a", NOW - 3 * DAY, NOW, true), 1);
    put_snapshots((const int64_t[]){NOW - 3 * DAY, NOW - 2 * DAY, NOW - DAY, NOW}, 4);
    free_at_first = BLOCK;
    let_run(NOW, SL_CLOCK_SYNCED, 0, 3 * BLOCK);
    assert_false(snapshot_there(0) || snapshot_there(1));
    assert_true(snapshot_there(2) && snapshot_there(3));
    let_run(NOW, SL_CLOCK_SYNCED, 0, 900 * BLOCK); /* all that there are, but the newest minute's */
    assert_false(snapshot_there(2));
    assert_true(snapshot_there(3) && there(*state, &locked));
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH(years_ahead_nothing_goes),
        WITH(what_the_last_run_knew_counts),
        WITH(off_for_a_month_by_a_synchronised_clock_it_deletes_as_told),
        WITH(snapshots_go_by_the_clock_of_retention),
        WITH(on_a_full_disk_what_is_oldest_goes),
        WITH(where_no_recording_may_go_the_oldest_snapshots_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
