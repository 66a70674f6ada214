/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "receiver/directory.h"

/* 2026-11-20T17:00:00.123Z */
#define NOON 1795194000123456

static const struct sl_camera_entry two[] = {
    {.name = "gate", .created_us = 1},
    {.name = "yard",
     .location = "a \"b\"\\",
     .created_us = 2,
     .record = {.mode = SL_RECORD_MOTION, .pre = 2500 * SL_MS, .post = 60 * SL_SEC}}};

static struct sl_snapshot snapshot_of(const struct sl_camera_entry *cameras, int count)
{
    return (struct sl_snapshot){.cameras = (struct sl_camera_entry *)cameras,
                                .camera_count = count};
}

static struct sl_directory *make(void)
{
    struct sl_directory *directory = NULL;
    assert_int_equal(sl_directory_create(&directory, "tag"), 0);
    return directory;
}

static void test_text_and_version(void **state)
{
    (void)state;
    struct sl_directory *directory = make();
    const struct sl_snapshot snapshot = snapshot_of(two, 2);
    assert_string_equal(sl_directory_json(directory), "{\"version\":1,\"cameras\":[]}");
    assert_true(sl_directory_apply(directory, &snapshot, NOON));
    assert_string_equal(sl_directory_etag(directory), "W/\"tag-2\"");
    assert_string_equal(
        sl_directory_json(directory),
        "{\"version\":2,\"cameras\":[{\"name\":\"gate\",\"location\":\"\",\"state\":\"offline\","
        "\"since\":\"2026-11-20T17:00:00.123Z\",\"signal\":false,\"motion\":false,"
        "\"record\":{\"mode\":\"always\",\"pre\":0,\"post\":0}},"
        "{\"name\":\"yard\",\"location\":\"a \\\"b\\\"\\\\\","
        "\"state\":\"offline\",\"since\":\"2026-11-20T17:00:00.123Z\",\"signal\":false,"
        "\"motion\":false,\"record\":{\"mode\":\"motion\",\"pre\":2.5,\"post\":60}}]}");
    /* The same again is no news. */
    assert_false(sl_directory_apply(directory, &snapshot, NOON + 5));
    assert_string_equal(sl_directory_etag(directory), "W/\"tag-2\"");
    sl_directory_destroy(directory);
}

static void test_states_survive_other_cameras_coming_and_going(void **state)
{
    (void)state;
    struct sl_directory *directory = make();
    struct sl_snapshot snapshot = snapshot_of(two + 1, 1);
    assert_true(sl_directory_apply(directory, &snapshot, NOON));
    assert_true(sl_directory_state(directory, "yard", true, false, NOON + 1, "42e01f"));
    assert_false(sl_directory_state(directory, "yard", true, false, NOON + 1, "42e01f"));
    assert_false(sl_directory_state(directory, "nope", true, false, NOON + 1, "42e01f"));
    assert_string_equal(sl_directory_etag(directory), "W/\"tag-3\"");
    snapshot = snapshot_of(two, 2);
    assert_true(sl_directory_apply(directory, &snapshot, NOON + 9));
    const struct sl_directory_camera *yard = sl_directory_find(directory, "yard");
    assert_non_null(yard);
    assert_true(yard->live);
    assert_int_equal(yard->since_us, NOON + 1);
    assert_string_equal(yard->h264_profile, "42e01f");
    assert_int_equal(sl_directory_find(directory, "gate")->since_us, NOON + 9);
    assert_non_null(strstr(sl_directory_json(directory), "\"state\":\"live\""));
    assert_null(strstr(sl_directory_json(directory), "layers"));
    assert_true(sl_directory_state(directory, "yard", true, true, NOON + 1, "42e01f"));
    assert_non_null(strstr(sl_directory_json(directory), "\"layers\":[\"main\",\"sub\"]"));
    snapshot = snapshot_of(two, 1);
    assert_true(sl_directory_apply(directory, &snapshot, NOON + 10));
    assert_null(sl_directory_find(directory, "yard"));
    sl_directory_destroy(directory);
}

static void test_motion_is_news(void **state)
{
    (void)state;
    struct sl_directory *directory = make();
    const struct sl_snapshot snapshot = snapshot_of(two + 1, 1);
    assert_true(sl_directory_apply(directory, &snapshot, NOON));
    assert_false(sl_directory_motion(directory, "yard", false, 0));
    assert_false(sl_directory_motion(directory, "nope", true, NOON));
    assert_true(sl_directory_motion(directory, "yard", true, NOON));
    assert_false(sl_directory_motion(directory, "yard", true, NOON));
    assert_string_equal(sl_directory_etag(directory), "W/\"tag-3\"");
    assert_non_null(strstr(sl_directory_json(directory),
                           "\"motion\":true,\"motion_since\":\"2026-11-20T17:00:00.123Z\""));
    assert_true(sl_directory_motion(directory, "yard", false, NOON + 1));
    assert_non_null(strstr(sl_directory_json(directory), "\"motion\":false,\"motion_since\""));
    sl_directory_destroy(directory);
}

static void test_the_newest_picture_is_no_news(void **state)
{
    (void)state;
    struct sl_directory *directory = make();
    const struct sl_snapshot snapshot = snapshot_of(two, 2);
    assert_true(sl_directory_apply(directory, &snapshot, NOON));
    assert_null(strstr(sl_directory_json(directory), "snapshot"));
    sl_directory_snapshot(directory, "gate", NOON);
    sl_directory_snapshot(directory, "nope", NOON);
    assert_non_null(strstr(sl_directory_json(directory),
                           "\"snapshot\":{\"time\":\"2026-11-20T17:00:00.123Z\","
                           "\"url\":\"/api/v1/cameras/gate/snapshot.jpg\"}},{"));
    sl_directory_snapshot(directory, "gate", NOON + 1000000);
    assert_non_null(strstr(sl_directory_json(directory), "2026-11-20T17:00:01.123Z"));
    assert_string_equal(sl_directory_etag(directory), "W/\"tag-2\"");
    assert_string_equal(sl_directory_at(directory, 1)->entry.name, "yard");
    assert_null(sl_directory_at(directory, 2));
    sl_directory_destroy(directory);
}

static void test_another_rule_is_news(void **state)
{
    (void)state;
    struct sl_directory *directory = make();
    struct sl_camera_entry camera = {.name = "yard", .record = sl_record_rule_default()};
    const struct sl_snapshot snapshot = snapshot_of(&camera, 1);
    assert_true(sl_directory_apply(directory, &snapshot, NOON));
    camera.record.mode = SL_RECORD_OFF;
    assert_true(sl_directory_apply(directory, &snapshot, NOON));
    assert_non_null(strstr(sl_directory_json(directory), "\"record\":{\"mode\":\"off\""));
    camera.record.pre += SL_SEC;
    assert_true(sl_directory_apply(directory, &snapshot, NOON));
    camera.record.post += SL_SEC;
    assert_true(sl_directory_apply(directory, &snapshot, NOON));
    assert_false(sl_directory_apply(directory, &snapshot, NOON));
    sl_directory_destroy(directory);
}

static void test_a_new_location_is_news(void **state)
{
    (void)state;
    struct sl_directory *directory = make();
    struct sl_camera_entry camera = {.name = "yard", .created_us = 1};
    const struct sl_snapshot snapshot = snapshot_of(&camera, 1);
    assert_true(sl_directory_apply(directory, &snapshot, NOON));
    strcpy(camera.location, "elsewhere");
    assert_true(sl_directory_apply(directory, &snapshot, NOON));
    camera.created_us = 2; /* removed and added again between two looks */
    assert_true(sl_directory_apply(directory, &snapshot, NOON));
    sl_directory_destroy(directory);
    sl_directory_destroy(NULL);
}

static void test_a_device_that_is_away_is_news(void **state)
{
    (void)state;
    struct sl_directory *directory = make();
    const struct sl_snapshot snapshot = snapshot_of(two + 1, 1);
    assert_true(sl_directory_apply(directory, &snapshot, NOON));
    assert_true(sl_directory_state(directory, "yard", true, false, NOON, "42e01f"));
    assert_non_null(strstr(sl_directory_json(directory), "\"signal\":true"));
    assert_false(sl_directory_device(directory, "nope", true));
    assert_false(sl_directory_device(directory, "yard", false));
    assert_true(sl_directory_device(directory, "yard", true));
    assert_false(sl_directory_device(directory, "yard", true));
    assert_non_null(strstr(sl_directory_json(directory), "\"state\":\"live\""));
    assert_non_null(strstr(sl_directory_json(directory), "\"signal\":false"));
    sl_directory_destroy(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_and_version),
        cmocka_unit_test(test_states_survive_other_cameras_coming_and_going),
        cmocka_unit_test(test_motion_is_news),
        cmocka_unit_test(test_a_device_that_is_away_is_news),
        cmocka_unit_test(test_the_newest_picture_is_no_news),
        cmocka_unit_test(test_another_rule_is_news),
        cmocka_unit_test(test_a_new_location_is_news),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
