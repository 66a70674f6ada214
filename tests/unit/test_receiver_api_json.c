/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "receiver/api_json.h"

static void test_segments(void **state)
{
    (void)state;
    struct sl_segment_row rows[2] = {
        {.info = {.meta = {.uuid = "u1",
                           .camera = "yard",
                           .location = "the \"pond\"",
                           .start_us = INT64_C(1795183200000000),
                           .clock = SL_CLOCK_SYNCED},
                  .duration_us = 900500000,
                  .bytes = 5000000000,
                  .frames = 27000,
                  .sound = true,
                  .width = 1280,
                  .height = 720},
         .locked = true},
        {.info.meta.uuid = "u2", .open = true},
    };
    struct sl_api_query query;
    sl_api_query_init(&query);
    query.limit = 3;
    char *text = sl_api_segments_json(&query, rows, 2, &(struct sl_catalogue_cursor){.id = 1});
    assert_string_equal(
        text,
        "{\"segments\":[{\"uuid\":\"u1\",\"camera\":\"yard\",\"location\":\"the \\\"pond\\\"\","
        "\"start\":\"2026-11-20T14:00:00.000000Z\",\"end\":\"2026-11-20T14:15:00.500000Z\","
        "\"duration\":900.5,\"bytes\":5000000000,\"frames\":27000,\"width\":1280,\"height\":720,"
        "\"sound\":true,\"gaps\":0,\"gaps_duration\":0,\"clock\":\"synced\",\"open\":false,"
        "\"locked\":true,\"media\":\"/api/v1/segments/u1/media\"},{\"uuid\":\"u2\",\"camera\":\"\","
        "\"location\":\"\",\"start\":\"1970-01-01T00:00:00.000000Z\","
        "\"end\":\"1970-01-01T00:00:00.000000Z\",\"duration\":0,\"bytes\":0,\"frames\":0,"
        "\"width\":0,\"height\":0,\"sound\":false,\"gaps\":0,\"gaps_duration\":0,"
        "\"clock\":\"unknown\",\"open\":true,\"locked\":false,"
        "\"media\":\"/api/v1/segments/u2/media\"}]}");
    cJSON_free(text);
    query.limit = 2; /* a full page: there may be more */
    text = sl_api_segments_json(&query, rows, 2, &(struct sl_catalogue_cursor){.id = 1});
    assert_non_null(strstr(text, "],\"next\":\""));
    cJSON_free(text);
}

static void test_events(void **state)
{
    (void)state;
    const struct sl_catalogue_event rows[2] = {
        {.id = 7, .camera = "yard", .type = "motion", .start_us = 1000000, .score = 0.5},
        {.id = 8, .camera = "yard", .type = "gap", .end_us = 2000000, .detail = "no packets"}};
    struct sl_api_query query;
    sl_api_query_init(&query);
    char *text = sl_api_events_json(&query, rows, 2, &(struct sl_catalogue_cursor){.id = 1});
    assert_string_equal(
        text, "{\"events\":[{\"id\":7,\"camera\":\"yard\",\"type\":\"motion\",\"start\":"
              "\"1970-01-01T00:00:01.000000Z\",\"score\":0.5},{\"id\":8,\"camera\":\"yard\","
              "\"type\":\"gap\",\"start\":\"1970-01-01T00:00:00.000000Z\",\"end\":"
              "\"1970-01-01T00:00:02.000000Z\",\"score\":0,\"detail\":\"no packets\"}]}");
    cJSON_free(text);
}

static void test_marks(void **state)
{
    (void)state;
    const struct sl_catalogue_mark rows[1] = {
        {.id = 7, .camera = "yard", .at_us = 1500000, .text = "\"\xc3\xa4\" <fox>"}};
    struct sl_api_query query;
    sl_api_query_init(&query);
    char *text = sl_api_marks_json(&query, rows, 1, &(struct sl_catalogue_cursor){.id = 1});
    assert_string_equal(text, "{\"marks\":[{\"id\":7,\"camera\":\"yard\",\"at\":"
                              "\"1970-01-01T00:00:01.500000Z\","
                              "\"text\":\"\\\"\xc3\xa4\\\" <fox>\"}]}");
    cJSON_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
