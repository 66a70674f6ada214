/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/types.h"
#include "receiver/http_range.h"

#define TAG "\"abc\""

static enum sl_http_part ask(struct sl_http_conditions conditions, uint64_t length, uint64_t *first,
                             uint64_t *count)
{
    return sl_http_part(&conditions, TAG, length, first, count);
}

static void test_ranges(void **state)
{
    (void)state;
    static const struct {
        const char *range;
        uint64_t length;
        enum sl_http_part part;
        uint64_t first, count;
    } rows[] = {
        {"bytes=0-", 1000, SL_HTTP_PART, 0, 1000},
        {"bytes=0-0", 1000, SL_HTTP_PART, 0, 1},
        {"Bytes= 10-19 ", 1000, SL_HTTP_PART, 10, 10},
        {"bytes=999-", 1000, SL_HTTP_PART, 999, 1},
        {"bytes=10-99999999999999999999999", 1000, SL_HTTP_PART, 10, 990},
        {"bytes=-1", 1000, SL_HTTP_PART, 999, 1},
        {"bytes=-5000", 1000, SL_HTTP_PART, 0, 1000},
        {"bytes=1000-", 1000, SL_HTTP_NO_PART, 0, 0},
        {"bytes=99999999999999999999999-", 1000, SL_HTTP_NO_PART, 0, 0},
        {"bytes=-0", 1000, SL_HTTP_NO_PART, 0, 0},
        {"bytes=0-", 0, SL_HTTP_NO_PART, 0, 0},
        {"bytes=20-10", 1000, SL_HTTP_ALL, 0, 1000},
        {"bytes=-", 1000, SL_HTTP_ALL, 0, 1000},
        {"bytes=", 1000, SL_HTTP_ALL, 0, 1000},
        {"bytes=1-2,4-5", 1000, SL_HTTP_ALL, 0, 1000},
        {"bytes=a-b", 1000, SL_HTTP_ALL, 0, 1000},
        {"items=0-1", 1000, SL_HTTP_ALL, 0, 1000},
        {"", 1000, SL_HTTP_ALL, 0, 1000},
    };
    for (size_t i = 0; i < SL_COUNT(rows); i++) {
        uint64_t first, count;
        const enum sl_http_part part =
            ask((struct sl_http_conditions){.range = rows[i].range, .get = true}, rows[i].length,
                &first, &count);
        assert_int_equal(part, rows[i].part);
        if (part != SL_HTTP_NO_PART) {
            assert_int_equal(first, rows[i].first);
            assert_int_equal(count, rows[i].count);
        }
    }
}

static void test_conditions(void **state)
{
    (void)state;
    static const struct {
        struct sl_http_conditions conditions;
        enum sl_http_part part;
    } rows[] = {
        {{.range = "bytes=1-2"}, SL_HTTP_ALL}, /* HEAD */
        {{.range = "bytes=1-2", .if_range = TAG, .get = true}, SL_HTTP_PART},
        {{.range = "bytes=1-2", .if_range = "\"old\"", .get = true}, SL_HTTP_ALL},
        {{.range = "bytes=1-2", .if_range = "W/" TAG, .get = true}, SL_HTTP_ALL},
        {{.range = "bytes=1-2", .if_range = "Sat, 28 Nov 2026 12:00:00 GMT", .get = true},
         SL_HTTP_ALL},
        {{.range = "bytes=5000-", .if_range = "\"old\"", .get = true}, SL_HTTP_ALL},
        {{.if_none_match = TAG, .get = true}, SL_HTTP_NOT_MODIFIED},
        {{.if_none_match = "\"x\", W/" TAG, .get = true}, SL_HTTP_NOT_MODIFIED},
        {{.if_none_match = "*"}, SL_HTTP_NOT_MODIFIED},
        {{.if_none_match = "\"x\", \"y\"", .get = true}, SL_HTTP_ALL},
        {{.if_none_match = "abc", .get = true}, SL_HTTP_ALL},
        {{.if_none_match = "\"abc", .get = true}, SL_HTTP_ALL},
        {{.if_match = TAG, .get = true}, SL_HTTP_ALL},
        {{.if_match = "*", .get = true}, SL_HTTP_ALL},
        {{.if_match = "W/" TAG, .get = true}, SL_HTTP_OTHER_VERSION},
        {{.if_match = "\"x\"", .range = "bytes=1-2", .get = true}, SL_HTTP_OTHER_VERSION},
    };
    for (size_t i = 0; i < SL_COUNT(rows); i++) {
        uint64_t first, count;
        assert_int_equal(ask(rows[i].conditions, 1000, &first, &count), rows[i].part);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_conditions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
