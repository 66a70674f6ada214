/* SPDX-License-Identifier: MIT */
/* The thread beside a wall clock that says what it is told to. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "receiver/retention_run.h"
#include "receiver/wall_clock.h"

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)
#define YEAR (365 * DAY)
#define NOW (1795132800 * SECOND) /* 2026-11-20 */

static char dir[64];
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

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH(years_ahead_nothing_goes),
        WITH(what_the_last_run_knew_counts),
        WITH(off_for_a_month_by_a_synchronised_clock_it_deletes_as_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
