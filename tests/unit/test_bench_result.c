/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/result.h"
#include "bench/view.h"

static const struct sl_column columns[] = {
    {.key = "path", .title = "path", .id = true},
    {.key = "cameras", .title = "cameras", .id = true},
    {.key = "p50", .title = "p50", .unit = "ms", .better = SL_BETTER_LOWER, .decimals = 2},
    {.key = "why", .title = "why not"},
    {.key = NULL},
};

static cJSON *example(void)
{
    cJSON *result = sl_result_create("latency", "Age of frames");
    sl_result_condition_number(result, "fps", 30);
    sl_result_condition_text(result, "display", "Xvfb");
    sl_result_note(result,
                   "%d cells could not be sustained, and this sentence is long enough that it "
                   "needs a second line of the terminal.",
                   1);
    sl_result_headline(result, "Median", 8.123456, 1, "ms", "720p30");
    sl_result_headline(result, "Ratio", NAN, 2, "", "");
    cJSON *table = sl_result_table(result, "ages", "Ages", columns);
    cJSON *row = sl_table_row(table);
    sl_row_text(row, "path", "sightline");
    sl_row_number(row, "cameras", 16);
    sl_row_ms(row, "p50", 8123456);
    row = sl_table_row(table);
    sl_row_text(row, "path", "K\xc3\xbc\x63he\x1b[2J");
    sl_row_number(row, "cameras", 4);
    sl_row_number(row, "p50", NAN);
    sl_row_text(row, "why", "too slow");
    return result;
}

static char *print(const cJSON *result)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    sl_result_write(result, out);
    fclose(out);
    return text;
}

static void test_table_is_aligned(void **state)
{
    (void)state;
    cJSON *result = example();
    char *text = print(result);
    assert_string_equal(text,
                        "\nAge of frames\n"
                        "=============\n"
                        "Median: 8.1 ms (720p30)\n"
                        "Ratio: -\n"
                        "\nAges\n"
                        "path       cameras   p50  why not\n"
                        "                      ms  \n"
                        "---------  -------  ----  --------\n"
                        "sightline       16  8.12  -\n"
                        "K\xc3\xbc\x63he [2J        4     -  too slow\n"
                        "\n- 1 cells could not be sustained, and this sentence is long enough that "
                        "it needs a second line of\n  the terminal.\n");
    free(text);
    cJSON_Delete(result);
}

static void test_json_has_all(void **state)
{
    (void)state;
    cJSON *result = example();
    const cJSON *table = cJSON_GetArrayItem(sl_view_array(result, "tables"), 0);
    const cJSON *row = cJSON_GetArrayItem(sl_view_array(table, "rows"), 1);
    assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(row, "p50"))); /* NAN */
    row = cJSON_GetArrayItem(sl_view_array(table, "rows"), 0);
    assert_float_equal(sl_view_number(row, "p50"), 8.123456, 1e-12);
    assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(row, "why"))); /* never set */
    assert_int_equal(cJSON_GetArraySize(row), 4);
    const cJSON *column = cJSON_GetArrayItem(sl_view_array(table, "columns"), 2);
    assert_string_equal(sl_view_text(column, "better"), "lower");
    assert_string_equal(sl_view_text(column, "unit"), "ms");
    assert_int_equal(sl_view_decimals(column), 2);
    assert_false(sl_view_true(column, "id"));
    assert_string_equal(sl_view_text(sl_view_object(result, "conditions"), "display"), "Xvfb");
    sl_result_condition_text(result, "display", ":7"); /* the last word holds */
    assert_int_equal(cJSON_GetArraySize(sl_view_object(result, "conditions")), 2);
    assert_string_equal(sl_view_text(sl_view_object(result, "conditions"), "display"), ":7");
    cJSON_Delete(result);
}

static void test_plot(void **state)
{
    (void)state;
    cJSON *result = sl_result_create("wall", "Wall");
    cJSON *plot =
        sl_result_plot(result, "cpu", "CPU", SL_PLOT_STACKED, &(struct sl_axis){.title = "tiles"},
                       &(struct sl_axis){.title = "cores", .unit = "1", .log = true});
    const double x[] = {0, 1}, y[] = {0.5, INFINITY};
    sl_plot_label(plot, "1 tile");
    sl_plot_label(plot, "4 tiles");
    sl_plot_series(plot, "viewer", x, y, 2);
    char *text = cJSON_PrintUnformatted(sl_view_array(result, "plots"));
    assert_string_equal(text, "[{\"name\":\"cpu\",\"title\":\"CPU\",\"kind\":\"stacked\","
                              "\"x\":{\"title\":\"tiles\",\"unit\":\"\",\"log\":false},"
                              "\"y\":{\"title\":\"cores\",\"unit\":\"1\",\"log\":true},"
                              "\"series\":[{\"name\":\"viewer\",\"x\":[0,1],\"y\":[0.5,null]}],"
                              "\"labels\":[\"1 tile\",\"4 tiles\"]}]");
    cJSON_free(text);
    cJSON_Delete(result);
}

static void test_column_without_remarks(void **state)
{
    (void)state;
    cJSON *result = sl_result_create("latency", "L");
    cJSON *row = sl_table_row(sl_result_table(result, "ages", "Ages", columns));
    sl_row_text(row, "path", "sightline");
    char *text = print(result);
    assert_null(strstr(text, "why not"));
    assert_non_null(strstr(text, "p50")); /* a figure that is missing is not hidden */
    free(text);
    cJSON_Delete(result);
}

/* Whoever is out of memory goes on to the end. */
static void test_null_does_nothing(void **state)
{
    (void)state;
    sl_result_condition_number(NULL, "a", 1);
    sl_result_note(NULL, "a");
    cJSON *table = sl_result_table(NULL, "a", "a", columns);
    assert_null(table);
    cJSON *row = sl_table_row(table);
    assert_null(row);
    sl_row_number(row, "p50", 1);
    sl_row_text(row, "path", "a");
    cJSON *plot = sl_result_plot(NULL, "a", "a", SL_PLOT_LINES, &(struct sl_axis){.title = "a"},
                                 &(struct sl_axis){.title = "a"});
    assert_null(plot);
    sl_plot_label(plot, "a");
    sl_plot_series(plot, "a", NULL, NULL, 0);
    char *text = print(NULL);
    free(text);
}

static void format(double value, int decimals, const char *wanted)
{
    char text[32];
    sl_view_format(value, decimals, text, sizeof(text));
    assert_string_equal(text, wanted);
}

static void test_numbers(void **state)
{
    (void)state;
    format(1.005, 1, "1.0");
    format(-0.04, 1, "0.0");
    format(-0.06, 1, "-0.1");
    format(1e300, 3, "1e+300");
    format(123456789, 0, "123456789");
}

static void test_infinite_is_none(void **state)
{
    (void)state;
    cJSON *row = cJSON_Parse("{\"a\":1e999}"), *column = cJSON_Parse("{\"key\":\"a\"}");
    char text[16];
    assert_true(isnan(sl_view_number(row, "a")));
    assert_false(sl_view_cell(column, row, text, sizeof(text)));
    assert_string_equal(text, "-");
    cJSON_Delete(row);
    cJSON_Delete(column);
}

static void test_clean_cuts_between_characters(void **state)
{
    (void)state;
    char text[4];
    sl_view_clean("ab\xc3\xbc", text, sizeof(text));
    assert_string_equal(text, "ab");
    sl_view_clean("a\xc3\xbc", text, sizeof(text));
    assert_string_equal(text, "a\xc3\xbc");
    sl_view_clean("\n\x7f\x1b", text, sizeof(text));
    assert_string_equal(text, "   ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_is_aligned),
        cmocka_unit_test(test_json_has_all),
        cmocka_unit_test(test_plot),
        cmocka_unit_test(test_column_without_remarks),
        cmocka_unit_test(test_null_does_nothing),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_infinite_is_none),
        cmocka_unit_test(test_clean_cuts_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
