/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "receiver/api_query.h"

#define ALL (SL_API_TAKES_FILTER | SL_API_TAKES_TICKET)

static void test_parameters(void **state)
{
    (void)state;
    char why[SL_STORE_WHY];
    struct sl_api_query query;
    sl_api_query_init(&query);
    assert_int_equal(query.limit, 100);
    assert_true(sl_api_query_set(&query, ALL, "camera", "yard", why));
    assert_true(sl_api_query_set(&query, ALL, "location", "by the pond", why));
    assert_true(sl_api_query_set(&query, ALL, "from", "2026-11-20T14:00:00Z", why));
    assert_true(sl_api_query_set(&query, ALL, "to", "1795183260000000", why));
    assert_true(sl_api_query_set(&query, ALL, "longer", "90s", why));
    assert_true(sl_api_query_set(&query, ALL, "shorter", "5m", why));
    assert_true(sl_api_query_set(&query, ALL, "limit", "1000", why));
    assert_true(sl_api_query_set(&query, ALL, "order", "newest", why));
    assert_true(sl_api_query_set(&query, ALL, "event", "motion", why));
    assert_true(sl_api_query_end(&query, why));
    const struct sl_segment_filter filter = sl_api_query_filter(&query);
    assert_string_equal(filter.camera, "yard");
    assert_string_equal(filter.location, "by the pond");
    assert_string_equal(filter.event, "motion");
    assert_int_equal(filter.from_us, INT64_C(1795183200000000));
    assert_int_equal(filter.to_us, INT64_C(1795183260000000));
    assert_int_equal(filter.longer_us, 90000000);
    assert_int_equal(filter.shorter_us, 300000000);
    assert_true(filter.newest_first);
}

static void test_what_is_wrong_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *word;
    } rows[] = {
        {"camera", "../etc", "camera's name"},
        {"camera", "", "camera's name"},
        {"from", "yesterday", "2026-11-20T14"},
        {"from", "2026-11-20T14:00:00", "2026-11-20T14"},
        {"from", "-5", "2026-11-20T14"},
        {"from", "now", "2026-11-20T14"},
        {"to", "2026-02-31T00:00:00Z", "2026"},
        {"to", "99999999999999999999", "2026"},
        {"limit", "0", "1..1000"},
        {"limit", "1001", "1..1000"},
        {"limit", "1e2", "1..1000"},
        {"longer", "5", "duration"},
        {"shorter", "0", "duration"},
        {"order", "up", "oldest or newest"},
        {"cursor", "AAAA", "page before"},
        {"cursor", "!", "page before"},
        {"event", "a-very-long-type-of-event", "type"},
        {"colour", "red", "only camera location"},
        {"camera", NULL, "camera's name"},
    };
    for (size_t i = 0; i < SL_COUNT(rows); i++) {
        char why[SL_STORE_WHY] = "";
        struct sl_api_query query;
        sl_api_query_init(&query);
        assert_false(sl_api_query_set(&query, ALL, rows[i].key, rows[i].value, why));
        assert_non_null(strstr(why, rows[i].word));
        assert_non_null(strstr(why, rows[i].key));
    }
    char why[SL_STORE_WHY];
    struct sl_api_query query;
    sl_api_query_init(&query);
    assert_false(sl_api_query_set(&query, SL_API_TAKES_RANGE, "limit", "5", why));
    assert_non_null(strstr(why, "only from to"));
    assert_false(sl_api_query_set(&query, 0, "limit", "5", why));
    assert_non_null(strstr(why, "no parameters"));
}

static void test_times(void **state)
{
    (void)state;
    int64_t us, again;
    char text[SL_API_TIME_TEXT];
    assert_int_equal(sl_api_time("2026-11-20T15:00:00.25+01:00", &us), 0);
    assert_int_equal(us, INT64_C(1795183200250000));
    assert_int_equal(sl_api_time("2026-11-20T15:00:00.25 01:00", &again), 0);
    assert_int_equal(us, again);
    sl_api_time_text(us + 7, text);
    assert_string_equal(text, "2026-11-20T14:00:00.250007Z");
    assert_int_equal(sl_api_time(text, &again), 0);
    assert_int_equal(again, us + 7);
}

static void test_ranges(void **state)
{
    (void)state;
    const int64_t day = 24 * 3600 * INT64_C(1000000);
    char why[SL_STORE_WHY];
    assert_true(sl_api_range_valid(5, 5 + day, why));
    assert_false(sl_api_range_valid(5, 6 + day, why));
    assert_non_null(strstr(why, "24 hours"));
    assert_false(sl_api_range_valid(5, 5, why));
    assert_false(sl_api_range_valid(0, 5, why));
    assert_false(sl_api_range_valid(5, 0, why));
}

static void test_a_cursor_is_of_its_query(void **state)
{
    (void)state;
    char why[SL_STORE_WHY], text[SL_API_CURSOR_TEXT];
    struct sl_api_query query, other;
    sl_api_query_init(&query);
    assert_true(sl_api_query_set(&query, ALL, "camera", "yard", why));
    other = query;
    sl_api_cursor_text(&query, &(struct sl_catalogue_cursor){.start_us = 77, .id = -3}, text);
    assert_true(sl_api_query_set(&query, ALL, "limit", "5", why)); /* may change */
    assert_true(sl_api_query_set(&query, ALL, "cursor", text, why));
    assert_true(sl_api_query_end(&query, why));
    assert_int_equal(query.cursor.start_us, 77);
    assert_int_equal(query.cursor.id, -3);

    assert_true(sl_api_query_set(&other, ALL, "cursor", text, why));
    assert_true(sl_api_query_set(&other, ALL, "camera", "gate", why));
    assert_false(sl_api_query_end(&other, why));
    assert_non_null(strstr(why, "this very query"));
}

static void test_what_does_not_fit_together(void **state)
{
    (void)state;
    char why[SL_STORE_WHY];
    struct sl_api_query query;
    sl_api_query_init(&query);
    query.from_us = 5;
    query.to_us = 5;
    assert_false(sl_api_query_end(&query, why));
    sl_api_query_init(&query);
    query.longer_us = 6;
    query.shorter_us = 5;
    assert_false(sl_api_query_end(&query, why));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_what_is_wrong_is_said),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_a_cursor_is_of_its_query),
        cmocka_unit_test(test_what_does_not_fit_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
