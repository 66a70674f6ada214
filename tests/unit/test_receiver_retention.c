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

#include "receiver/amount.h"
#include "receiver/retention_run.h"
#include "receiver/segment_file.h"
#include "receiver/usage.h"

#define DAY (86400 * INT64_C(1000000))
#define ROWS 200
#define CAMERAS 3

static char dir[64];
static struct sl_random rng;
static const char *const names[CAMERAS] = {"a", "b", "c"};

static int set_up(void **state)
{
    struct sl_catalogue *catalogue;
    char why[SL_STORE_WHY];
    snprintf(dir, sizeof(dir), "/tmp/sightline-retention-XXXXXX");
    assert_non_null(mkdtemp(dir));
    sl_random_init_seed(&rng, 7);
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

static int64_t pick(uint32_t from, uint32_t to)
{
    return sl_random_range(&rng, from, to);
}

static struct sl_segment_row row_of(const char *camera, int64_t start_us, int64_t bytes)
{
    struct sl_segment_row row = {.info = {.duration_us = 10, .bytes = bytes, .frames = 1}};
    sl_segment_uuid(row.info.meta.uuid, &rng);
    snprintf(row.info.meta.camera, sizeof(row.info.meta.camera), "%s", camera);
    row.info.meta.start_us = start_us;
    snprintf(row.path, sizeof(row.path), "%s/2026-11-20/%.8s.mp4", camera, row.info.meta.uuid);
    return row;
}

/* ---- Against a slow model: one that sorts, and begins anew after each that goes ---- */

struct model_row {
    struct sl_segment_row row;
    bool gone;
    enum sl_retention_why why;
};

struct model {
    struct model_row rows[ROWS];
    int count;
    struct sl_retention rules;
    struct sl_retention_camera cameras[CAMERAS];
};

static int64_t sum(const struct model *model, const char *camera)
{
    int64_t bytes = 0;
    for (int i = 0; i < model->count; i++)
        if (!model->rows[i].gone &&
            (!camera || strcmp(camera, model->rows[i].row.info.meta.camera) == 0))
            bytes += model->rows[i].row.info.bytes;
    return bytes;
}

static int64_t freed(const struct model *model)
{
    int64_t bytes = 0;
    for (int i = 0; i < model->count; i++)
        if (model->rows[i].gone)
            bytes += model->rows[i].row.info.bytes;
    return bytes;
}

/* Rows are by start. */
static struct model_row *oldest(struct model *model, const char *camera)
{
    for (int i = 0; i < model->count; i++) {
        struct model_row *row = &model->rows[i];
        if (!row->gone && !row->row.locked && !row->row.open &&
            (!camera || strcmp(camera, row->row.info.meta.camera) == 0))
            return row;
    }
    return NULL;
}

static enum sl_retention_why judge_camera(struct model *model, int camera,
                                          const struct model_row *row)
{
    const struct sl_retention_limits *own = &model->cameras[camera].limits;
    const int64_t keep =
        own->keep_us == SL_RETENTION_AS_ALL ? model->rules.limits.keep_us : own->keep_us;
    if (keep &&
        row->row.info.meta.start_us + row->row.info.duration_us < model->rules.now_us - keep)
        return SL_RETENTION_OLD;
    return own->keep_bytes && sum(model, names[camera]) > own->keep_bytes
               ? SL_RETENTION_CAMERA_BYTES
               : SL_RETENTION_STAYS;
}

static enum sl_retention_why judge_all(struct model *model)
{
    if (model->rules.limits.keep_bytes && sum(model, NULL) > model->rules.limits.keep_bytes)
        return SL_RETENTION_BYTES;
    return model->rules.free_bytes + freed(model) < model->rules.min_free ? SL_RETENTION_FREE
                                                                          : SL_RETENTION_STAYS;
}

static void run_model(struct model *model)
{
    struct model_row *row;
    for (int i = 0; i < CAMERAS; i++)
        while ((row = oldest(model, names[i])) &&
               (row->why = judge_camera(model, i, row)) != SL_RETENTION_STAYS)
            row->gone = true;
    while ((row = oldest(model, NULL)) && (row->why = judge_all(model)) != SL_RETENTION_STAYS)
        row->gone = true;
}

static int compare_with_model(void *ctx, const struct sl_segment_row *row,
                              enum sl_retention_why why)
{
    struct model *model = ctx;
    for (int i = 0; i < model->count; i++) {
        struct model_row *wanted = &model->rows[i];
        if (strcmp(wanted->row.info.meta.uuid, row->info.meta.uuid) != 0)
            continue;
        assert_true(wanted->gone);
        assert_int_equal(wanted->why, why);
        wanted->gone = false; /* found */
        return 0;
    }
    fail_msg("a row that nobody knows");
    return 0;
}

static void fill(struct model *model, struct sl_catalogue *catalogue)
{
    model->count = (int)pick(0, ROWS);
    assert_int_equal(sl_catalogue_begin(catalogue), 0);
    for (int i = 0; i < model->count; i++) {
        struct sl_segment_row row = row_of(names[pick(0, 2)], i * 100, pick(0, 50));
        row.open = pick(0, 20) == 0;
        row.locked = pick(0, 8) == 0;
        assert_int_equal(sl_catalogue_put(catalogue, &row), 0);
        model->rows[i] = (struct model_row){.row = row};
    }
    assert_int_equal(sl_catalogue_commit(catalogue), 0);
}

static void choose_rules(struct model *model)
{
    model->rules = (struct sl_retention){.now_us = pick(0, 25000),
                                         .limits = {.keep_us = pick(0, 2) ? pick(0, 20000) : 0,
                                                    .keep_bytes = pick(0, 1) ? pick(0, 3000) : 0},
                                         .min_free = pick(0, 1) ? pick(0, 4000) : 0,
                                         .free_bytes = pick(0, 3000),
                                         .bytes = sum(model, NULL),
                                         .cameras = model->cameras,
                                         .camera_count = CAMERAS};
    for (int i = 0; i < CAMERAS; i++) {
        struct sl_retention_camera *camera = &model->cameras[i];
        *camera = (struct sl_retention_camera){
            .limits = {.keep_us = pick(0, 1) ? SL_RETENTION_AS_ALL : pick(0, 20000),
                       .keep_bytes = pick(0, 2) ? 0 : pick(1, 1500)},
            .bytes = sum(model, names[i])};
        snprintf(camera->name, sizeof(camera->name), "%s", names[i]);
    }
}

static void test_what_goes_is_what_a_slow_model_says(void **state)
{
    static struct model model;
    char path[96];
    for (int turn = 0; turn < 150; turn++) {
        struct sl_catalogue *catalogue;
        char why[SL_STORE_WHY];
        snprintf(path, sizeof(path), "%s/%d", dir, turn / 10);
        (void)mkdir(path, 0700);
        assert_int_equal(sl_catalogue_open(&catalogue, path, true, why), 0);
        if (turn % 10 == 0)
            fill(&model, catalogue);
        for (int i = 0; i < model.count; i++)
            model.rows[i].gone = false;
        choose_rules(&model);
        run_model(&model);
        struct sl_retention retention = model.rules;
        assert_int_equal(sl_retention_walk(&retention, catalogue, compare_with_model, &model), 0);
        for (int i = 0; i < model.count; i++)
            assert_false(model.rows[i].gone); /* each was found */
        sl_catalogue_close(catalogue);
    }
    (void)state;
}

static int count_all(void *ctx, const struct sl_segment_row *row, enum sl_retention_why why)
{
    (void)row;
    (void)why;
    ++*(int *)ctx;
    return 0;
}

static void test_an_empty_catalogue_lets_nothing_go(void **state)
{
    struct sl_retention retention = {
        .now_us = 1000 * DAY, .limits = {.keep_us = 1, .keep_bytes = 1}, .min_free = INT64_MAX};
    int count = 0;
    assert_int_equal(sl_retention_walk(&retention, *state, count_all, &count), 0);
    assert_int_equal(count, 0);
}

static void test_the_floor_of_a_small_disk(void **state)
{
    (void)state;
    const int64_t gib = INT64_C(1) << 30;
    assert_int_equal(sl_retention_floor(false, 5 * gib, 1000 * gib), 5 * gib);
    assert_int_equal(sl_retention_floor(false, 5 * gib, 10 * gib), gib);
    assert_int_equal(sl_retention_floor(true, 5 * gib, 10 * gib), 5 * gib);
    assert_int_equal(sl_retention_floor(true, 0, 10 * gib), 0);
}

/* ---- Files ---- */

static int store_fd(struct sl_storage *storage, struct sl_catalogue *catalogue)
{
    char path[96], why[SL_STORE_WHY] = "";
    snprintf(path, sizeof(path), "%s/disk", dir);
    if (sl_storage_open(storage, path, catalogue, why) != 0)
        fail_msg("%s", why);
    assert_int_equal(mkdirat(storage->dir, "a", 0700), 0);
    assert_int_equal(mkdirat(storage->dir, "a/2026-11-20", 0700), 0);
    return storage->dir;
}

static void test_what_is_not_that_recording_is_left_alone(void **state)
{
    struct sl_storage storage = {.dir = -1};
    struct sl_segment_row row = row_of("a", 5, 100), got;
    char why[SL_STORE_WHY] = "";
    const int store = store_fd(&storage, *state);
    snprintf(row.path, sizeof(row.path), "a/2026-11-20/00-00-00Z.mp4");
    assert_int_equal(sl_catalogue_put(*state, &row), 0);
    const int fd = openat(store, row.path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "a holiday, not a recording of ours", 34), 34);
    close(fd);
    assert_int_equal(sl_retention_delete(*state, &storage, &row, INT64_MAX / 2, why), -ESTALE);
    assert_true(*why);
    assert_int_equal(faccessat(store, row.path, F_OK, 0), 0);
    assert_int_equal(sl_catalogue_get(*state, row.info.meta.uuid, &got), 0);
    sl_storage_close(&storage);
}

/* A whole recording of ours, but not the one that the row is of; and then the row's. */
static void test_only_the_recording_of_that_uuid_goes(void **state)
{
    struct sl_storage storage = {.dir = -1};
    struct sl_segment_row row = row_of("a", 5, 100), got;
    struct sl_segment_info info;
    char why[SL_STORE_WHY] = "", command[8300];
    const int store = store_fd(&storage, *state);
    snprintf(row.path, sizeof(row.path), "a/2026-11-20/00-00-00Z.mp4");
    snprintf(command, sizeof(command), "cp %s/fuzz/corpus/receiver_segment_file/closed.mp4 %s/%s",
             SL_TEST_DIR, storage.path, row.path);
    assert_int_equal(system(command), 0);
    assert_int_equal(sl_catalogue_put(*state, &row), 0);
    assert_int_equal(sl_retention_delete(*state, &storage, &row, DAY, why), -ESTALE);
    assert_non_null(strstr(why, "another recording"));
    assert_int_equal(sl_catalogue_get(*state, row.info.meta.uuid, &got), 0);
    const int fd = openat(store, row.path, O_RDONLY);
    assert_int_equal(sl_segment_scan(fd, &info, why), 0);
    close(fd);
    row.info.meta = info.meta;
    assert_int_equal(sl_catalogue_put(*state, &row), 0);
    assert_int_equal(sl_retention_delete(*state, &storage, &row, DAY, why), 0);
    assert_int_equal(faccessat(store, row.path, F_OK, 0), -1);
    assert_int_equal(sl_catalogue_get(*state, info.meta.uuid, &got), -ENOENT);
    sl_storage_close(&storage);
}

static void test_a_row_without_a_file_goes_and_its_empty_day_too(void **state)
{
    struct sl_storage storage = {.dir = -1};
    struct sl_segment_row row = row_of("a", 5, 100), got;
    char why[SL_STORE_WHY] = "";
    const int store = store_fd(&storage, *state);
    snprintf(row.path, sizeof(row.path), "a/2026-11-20/00-00-00Z.mp4");
    assert_int_equal(sl_catalogue_put(*state, &row), 0);
    const int64_t that_day = 1795132800 * INT64_C(1000000); /* 2026-11-20 */
    assert_int_equal(sl_retention_delete(*state, &storage, &row, that_day, why), 0);
    assert_int_equal(faccessat(store, "a/2026-11-20", F_OK, 0), 0); /* not over yet */
    assert_int_equal(sl_catalogue_get(*state, row.info.meta.uuid, &got), -ENOENT);
    assert_int_equal(sl_catalogue_put(*state, &row), 0);
    assert_int_equal(sl_retention_delete(*state, &storage, &row, that_day + DAY, why), 0);
    assert_int_equal(faccessat(store, "a/2026-11-20", F_OK, 0), -1);
    assert_int_equal(faccessat(store, "a", F_OK, 0), 0);
    sl_storage_close(&storage);
}

static void test_what_was_locked_a_moment_ago_stays(void **state)
{
    struct sl_storage storage = {.dir = -1};
    struct sl_segment_row row = row_of("a", 5, 100), got;
    char why[SL_STORE_WHY] = "";
    (void)store_fd(&storage, *state);
    assert_int_equal(sl_catalogue_put(*state, &row), 0);
    assert_int_equal(sl_catalogue_lock(*state, "a", 0, 10, true), 1);
    assert_int_equal(sl_retention_delete(*state, &storage, &row, DAY, why), -EBUSY);
    assert_int_equal(sl_catalogue_get(*state, row.info.meta.uuid, &got), 0);
    sl_storage_close(&storage);
}

/* ---- Forecast and amounts ---- */

static void forecast(struct sl_usage usage, enum sl_usage_why why, int64_t at_us)
{
    const struct sl_usage_forecast got = sl_usage_forecast(&usage);
    assert_int_equal(got.why, why);
    if (why != SL_USAGE_NEVER)
        assert_int_equal(got.at_us, at_us);
}

static void test_forecasts(void **state)
{
    (void)state;
    struct sl_usage usage = {.now_us = 100 * DAY, .free_bytes = -1};
    forecast(usage, SL_USAGE_NEVER, 0);
    usage.expires_us = 110 * DAY;
    forecast(usage, SL_USAGE_AGE, 110 * DAY);
    usage.bytes_per_hour = 1000;
    usage.free_bytes = 24 * 1000 * 5 + 7;
    usage.min_free = 7;
    forecast(usage, SL_USAGE_FREE, 105 * DAY);
    usage.keep_bytes = 24 * 1000 * 5;
    usage.bytes = 24 * 1000;
    forecast(usage, SL_USAGE_BYTES, 104 * DAY);
    usage.bytes = INT64_MAX / 2;
    forecast(usage, SL_USAGE_BYTES, 100 * DAY);
    usage.bytes_per_hour = 1;
    usage.free_bytes = INT64_MAX / 2;
    usage.expires_us = usage.keep_bytes = 0;
    forecast(usage, SL_USAGE_NEVER, 0);
}

static void test_amounts(void **state)
{
    (void)state;
    char text[SL_AMOUNT_TEXT];
    assert_string_equal(sl_amount_size(0, text), "0");
    assert_string_equal(sl_amount_size(1023, text), "1023");
    assert_string_equal(sl_amount_size(1536, text), "1.5k");
    assert_string_equal(sl_amount_size(INT64_C(5) << 30, text), "5G");
    assert_string_equal(sl_amount_size(INT64_MAX, text), "8E");
    assert_string_equal(sl_amount_duration(30 * DAY, text), "30d");
    assert_string_equal(sl_amount_duration(90 * 60 * INT64_C(1000000), text), "90m");
    assert_string_equal(sl_amount_duration(0, text), "0s");
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH(test_what_goes_is_what_a_slow_model_says),
        WITH(test_an_empty_catalogue_lets_nothing_go),
        cmocka_unit_test(test_the_floor_of_a_small_disk),
        WITH(test_what_is_not_that_recording_is_left_alone),
        WITH(test_only_the_recording_of_that_uuid_goes),
        WITH(test_a_row_without_a_file_goes_and_its_empty_day_too),
        WITH(test_what_was_locked_a_moment_ago_stays),
        cmocka_unit_test(test_forecasts),
        cmocka_unit_test(test_amounts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
