/* SPDX-License-Identifier: MIT */
#include "viewer/cameras.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct sl_camera_list list;

static void test_a_list(void **state)
{
    (void)state;
    assert_int_equal(
        sl_cameras_parse(&list,
                         "{\"version\":3,\"cameras\":["
                         "{\"name\":\"door\",\"location\":\"Haust\\u00fcr\",\"state\":\"live\","
                         "\"since\":\"2026-11-20T16:00:00.000Z\"},"
                         "{\"name\":\"yard\",\"location\":\"\",\"state\":\"offline\"},"
                         "{\"name\":\"door\"},{\"name\":7},{\"name\":\"Not A Name\"},3,null,"
                         "{\"name\":\"gate\",\"new\":[1,2]}]}"),
        0);
    assert_int_equal(list.count, 3);
    assert_string_equal(list.items[0].name, "door");
    assert_string_equal(list.items[0].location, "Haust\u00fcr");
    assert_true(list.items[0].live);
    assert_string_equal(list.items[1].name, "yard");
    assert_false(list.items[1].live);
    assert_string_equal(list.items[2].location, "");
    assert_int_equal(sl_cameras_parse(&list, "{\"cameras\":[]}"), 0);
    assert_int_equal(list.count, 0);
}

static void test_what_is_no_list(void **state)
{
    (void)state;
    const char *const texts[] = {"", "null", "[]", "{}", "{\"cameras\":{}}", "{\"cameras\":[", "x"};
    for (size_t i = 0; i < SL_COUNT(texts); i++)
        assert_int_equal(sl_cameras_parse(&list, texts[i]), -EBADMSG);
}

static void test_one_more_than_there_is_room_for(void **state)
{
    (void)state;
    char *json = malloc(65536);
    int at = sprintf(json, "{\"cameras\":[");
    for (int i = 0; i <= SL_FEEDS_MAX; i++)
        at += sprintf(json + at, "%s{\"name\":\"camera%d\"}", i ? "," : "", i);
    sprintf(json + at, "]}");
    assert_int_equal(sl_cameras_parse(&list, json), 0);
    assert_int_equal(list.count, SL_FEEDS_MAX);
    assert_int_equal(list.left_out, 1);
    free(json);
}

static void test_locations_are_cut_at_a_character(void **state)
{
    (void)state;
    char json[1024] = "{\"cameras\":[{\"name\":\"a\",\"location\":\"x\\n\\u007f";
    for (int i = 0; i < 200; i++)
        strcat(json, "\u00fc"); /* two bytes each */
    strcat(json, "\"}]}");
    assert_int_equal(sl_cameras_parse(&list, json), 0);
    const char *location = list.items[0].location;
    assert_int_equal(strlen(location), SL_EVENT_TEXT - 1);
    assert_memory_equal(location, "x  \u00fc\u00fc", 7);
    assert_memory_equal(location + SL_EVENT_TEXT - 3, "\u00fc", 3);
}

static void test_selection(void **state)
{
    (void)state;
    const char *json =
        "{\"cameras\":[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"},{\"name\":\"d\"}]}";
    char missing[33] = "";
    assert_int_equal(sl_cameras_parse(&list, json), 0);
    assert_int_equal(sl_cameras_select(&list, NULL, missing), 0);
    assert_int_equal(list.count, 4);
    assert_int_equal(sl_cameras_select(&list, "d,a,d", missing), 0);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[0].name, "d");
    assert_int_equal(list.items[0].order, 0);
    assert_string_equal(list.items[1].name, "a");
    assert_int_equal(list.items[1].order, 1);
    assert_string_equal(missing, "");
    assert_int_equal(sl_cameras_parse(&list, json), 0);
    assert_int_equal(sl_cameras_select(&list, "x,b,y", missing), -ENOENT);
    assert_string_equal(missing, "x");
    assert_int_equal(list.count, 1);
    assert_string_equal(list.items[0].name, "b");
}

static void test_wanted_names(void **state)
{
    (void)state;
    assert_int_equal(sl_cameras_check("a"), 0);
    assert_int_equal(sl_cameras_check("front-door,yard_2,c"), 0);
    const char *const bad[] = {
        "", ",", "a,,b", "A", "a, b", "x234567890123456789012345678901234567890",
    };
    for (size_t i = 0; i < SL_COUNT(bad); i++)
        assert_int_equal(sl_cameras_check(bad[i]), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_list),
        cmocka_unit_test(test_what_is_no_list),
        cmocka_unit_test(test_one_more_than_there_is_room_for),
        cmocka_unit_test(test_locations_are_cut_at_a_character),
        cmocka_unit_test(test_selection),
        cmocka_unit_test(test_wanted_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
