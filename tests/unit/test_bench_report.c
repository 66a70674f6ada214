/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/draw.h"
#include "bench/markup.h"
#include "bench/report.h"
#include "bench/result.h"
#include "bench/view.h"

#define EVIL "<script>alert('x')</script> & \"quoted\""

static const struct sl_column columns[] = {
    {.key = "camera", .title = EVIL, .unit = EVIL, .id = true},
    {.key = "p50", .title = "p50", .unit = "ms", .decimals = 1},
    {.key = NULL},
};

static cJSON *evil_result(void)
{
    const double x[] = {0, 1}, y[] = {3, 4};
    cJSON *result = sl_result_create(EVIL, EVIL);
    sl_result_condition_text(result, EVIL, EVIL);
    sl_result_note(result, "%s", EVIL);
    sl_result_headline(result, EVIL, 1, 0, EVIL, EVIL);
    cJSON *row = sl_table_row(sl_result_table(result, EVIL, EVIL, columns));
    sl_row_text(row, "camera", EVIL);
    for (enum sl_plot_kind kind = SL_PLOT_LINES; kind <= SL_PLOT_BARS; kind++) {
        const struct sl_axis axis = {.title = EVIL, .unit = EVIL};
        cJSON *plot = sl_result_plot(result, EVIL, EVIL, kind, &axis, &axis);
        sl_plot_label(plot, EVIL);
        sl_plot_label(plot, EVIL);
        sl_plot_series(plot, EVIL, x, y, 2);
        sl_plot_series(plot, "<b>", x, y, 2);
    }
    return result;
}

static cJSON *document(cJSON *result)
{
    cJSON *top = cJSON_CreateObject();
    cJSON_AddNumberToObject(top, "sightline_bench", 1);
    cJSON *conditions = cJSON_AddObjectToObject(top, "conditions");
    cJSON_AddStringToObject(conditions, "command", EVIL);
    cJSON_AddStringToObject(conditions, "processor", EVIL);
    cJSON_AddStringToObject(conditions, "date", EVIL);
    cJSON_AddNumberToObject(conditions, "busy_before_percent", 55);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(top, "benches"), result);
    return top;
}

static int count_of(const char *text, const char *part)
{
    int count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
        count++;
    return count;
}

/* Text from a result stays text, in every place that shows some. */
static void test_escaped(void **state)
{
    (void)state;
    char *page;
    cJSON *top = document(evil_result());
    assert_int_equal(sl_report_create(&page, top), 0);
    assert_int_equal(count_of(page, "<script"), 0);
    assert_int_equal(count_of(page, "<b>"), 0);
    assert_int_equal(count_of(page, "alert('"), 0);
    assert_int_equal(count_of(page, "\"quoted\""), 0);
    assert_true(count_of(page, "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; "
                               "&quot;quoted&quot;") > 20);
    free(page);
    cJSON_Delete(top);
}

/* Nothing is fetched: no address, no script, and a policy that forbids both. */
static void test_self_contained(void **state)
{
    (void)state;
    char *page;
    cJSON *top = document(sl_result_create("a", "A"));
    assert_int_equal(sl_report_create(&page, top), 0);
    static const char *const strange[] = {"http:",   "https:", "src=",   "url(",
                                          "@import", "<link",  "<script"};
    for (size_t i = 0; i < SL_COUNT(strange); i++)
        assert_int_equal(count_of(page, strange[i]), 0);
    assert_int_equal(count_of(page, "default-src 'none'"), 1);
    assert_int_equal(count_of(page, "prefers-color-scheme:dark"), 1);
    assert_int_equal(count_of(page, "figures of a busy machine"), 1);
    free(page);
    cJSON_Delete(top);
}

static void test_no_document(void **state)
{
    (void)state;
    static const char *const texts[] = {"5",
                                        "{}",
                                        "[]",
                                        "{\"sightline_bench\":2,\"benches\":[]}",
                                        "{\"sightline_bench\":\"1\",\"benches\":[]}",
                                        "{\"sightline_bench\":1,\"benches\":{}}"};
    char *page = NULL;
    for (size_t i = 0; i < SL_COUNT(texts); i++) {
        cJSON *json = cJSON_Parse(texts[i]);
        assert_int_equal(sl_report_create(&page, json), -EINVAL);
        cJSON_Delete(json);
    }
    assert_int_equal(sl_report_create(&page, NULL), -EINVAL);
    assert_null(page);
}

static char *draw(const char *json)
{
    struct sl_markup markup = {.text = NULL};
    struct sl_palette palette = {.count = 0};
    struct sl_figure figure;
    cJSON *plot = cJSON_Parse(json);
    assert_non_null(plot);
    assert_int_equal(sl_figure_read(&figure, plot), 0);
    sl_draw_figure(&markup, &figure, &palette);
    sl_figure_free(&figure);
    cJSON_Delete(plot);
    char *text = sl_markup_take(&markup);
    assert_non_null(text);
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "inf"));
    return text;
}

static void drawn(const char *json, const char *part, int times)
{
    char *text = draw(json);
    if (count_of(text, part) != times)
        print_error("%s\n", text);
    assert_int_equal(count_of(text, part), times);
    free(text);
}

static void test_figures(void **state)
{
    (void)state;
    drawn("{}", "No data", 1);
    drawn("{\"series\":[{\"x\":[1],\"y\":[null]},{\"x\":5}]}", "No data", 1);
    drawn("{\"series\":[{\"x\":[1,2,3],\"y\":[1,\"a\"]}]}", "<circle", 1);
    /* A gap lifts the pen; what stands alone is a dot. */
    drawn("{\"series\":[{\"x\":[1,2,3,4,5,6],\"y\":[1,2,null,4,null,1e999]}]}", "h0\"", 1);
    drawn("{\"kind\":\"lines\",\"y\":{\"log\":true},\"series\":[{\"x\":[1,2,3],\"y\":[1,0,5]}]}",
          "1 figure of zero or less has no place", 1);
    drawn("{\"kind\":\"steps\",\"series\":[{\"x\":[1,2,3,4],\"y\":[0.25,0.5,0.75,1]}]}",
          "<td class=r>2<td class=r>4<td class=r>4", 1);
    drawn("{\"kind\":\"steps\",\"series\":[{\"x\":[1,2,3,4],\"y\":[0.25,0.5,0.75,1]}]}", ">25 %<",
          1);
    /* Labels at the lines, or a legend; never both. */
    drawn("{\"series\":[{\"name\":\"a\",\"x\":[0,1],\"y\":[1,2]},"
          "{\"name\":\"b\",\"x\":[0,1],\"y\":[5,9]}]}",
          "class=\"n c", 2);
    drawn("{\"series\":[{\"name\":\"a\",\"x\":[0,1],\"y\":[1,2]},"
          "{\"name\":\"b\",\"x\":[0,1],\"y\":[5,9]}]}",
          "legend", 0);
    drawn("{\"series\":[{\"name\":\"a\",\"x\":[0,1],\"y\":[1,2]},"
          "{\"name\":\"b\",\"x\":[0,0.5],\"y\":[5,9]}]}",
          "legend", 1); /* a label would lie in the field */
}

static void test_bars(void **state)
{
    (void)state;
    /* Parts of a sum, in per cent of it; what is missing or less than nothing is not drawn. */
    drawn("{\"kind\":\"stacked\",\"labels\":[\"one\"],\"series\":["
          "{\"name\":\"a\",\"x\":[0],\"y\":[1]},{\"name\":\"b\",\"x\":[0],\"y\":[3]},"
          "{\"name\":\"c\",\"x\":[0],\"y\":[null]},{\"name\":\"d\",\"x\":[0],\"y\":[-5]}]}",
          "one, b: 3 (75 %)", 1);
    drawn("{\"kind\":\"stacked\",\"labels\":[\"one\"],\"series\":["
          "{\"name\":\"a\",\"x\":[0],\"y\":[1]},{\"name\":\"b\",\"x\":[0],\"y\":[3]},"
          "{\"name\":\"c\",\"x\":[0],\"y\":[null]},{\"name\":\"d\",\"x\":[0],\"y\":[-5]}]}",
          " height=22.0>", 2);
    /* An index that is none names no bar. */
    drawn("{\"kind\":\"bars\",\"series\":[{\"x\":[-1,0.2,1e9,1e300,2.4],\"y\":[1,2,3,4,5]}]}",
          " height=17.0>", 2);
}

/* A name keeps its colour from figure to figure, unless it is taken. */
static void test_colours(void **state)
{
    (void)state;
    struct sl_markup markup = {.text = NULL};
    struct sl_palette palette = {.count = 0};
    static const char *const texts[] = {
        "{\"kind\":\"points\",\"series\":[{\"name\":\"a\",\"x\":[1],\"y\":[1]},"
        "{\"name\":\"b\",\"x\":[1],\"y\":[1]}]}",
        "{\"kind\":\"points\",\"series\":[{\"name\":\"b\",\"x\":[1],\"y\":[1]},"
        "{\"name\":\"c\",\"x\":[1],\"y\":[1]},{\"name\":\"b\",\"x\":[1],\"y\":[1]}]}",
    };
    static const char *const wanted[] = {"c0 c1 ", "c1 c0 c2 "};
    cJSON *plots[2];
    for (size_t i = 0; i < SL_COUNT(texts); i++) {
        struct sl_figure figure;
        char seen[32] = "";
        plots[i] = cJSON_Parse(texts[i]);
        assert_int_equal(sl_figure_read(&figure, plots[i]), 0);
        sl_draw_figure(&markup, &figure, &palette);
        char *text = sl_markup_take(&markup);
        for (const char *at = text; (at = strstr(at, "\"key c")) != NULL; at++)
            snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%.2s ", at + 5);
        assert_string_equal(seen, wanted[i]);
        free(text);
        sl_figure_free(&figure);
    }
    cJSON_Delete(plots[0]); /* the palette has names in it */
    cJSON_Delete(plots[1]);
}

static void escaped(const char *from, size_t max, const char *wanted)
{
    struct sl_markup markup = {.text = NULL};
    sl_markup_short(&markup, from, max);
    sl_markup_raw(&markup, "");
    char *text = sl_markup_take(&markup);
    assert_string_equal(text, wanted);
    free(text);
}

static void test_markup(void **state)
{
    (void)state;
    escaped("a<b>&\"'", SIZE_MAX, "a&lt;b&gt;&amp;&quot;&#39;");
    escaped("a\x01\nb\x7f", SIZE_MAX, "a  b ");
    escaped("\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80", SIZE_MAX,
            "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80");
    escaped(
        "\xc3<\xff\xc0\xbc\xed\xa0\x80", SIZE_MAX,
        "\xef\xbf\xbd&lt;\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    escaped("abcd", 4, "abcd");
    escaped("abcde", 4, "abc\xe2\x80\xa6");
    escaped("\xc3\xbc\xc3\xbc\xc3\xbc", 2, "\xc3\xbc\xe2\x80\xa6");
}

/* Half a tag is none: what does not fit is told at the end. */
static void test_markup_fails_whole(void **state)
{
    (void)state;
    struct sl_markup markup = {.text = NULL};
    sl_markup_format(&markup, "%2000d", 1);
    sl_markup_raw(&markup, "more");
    assert_null(sl_markup_take(&markup));
    sl_markup_raw(&markup, "again");
    char *text = sl_markup_take(&markup);
    assert_string_equal(text, "again");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escaped),     cmocka_unit_test(test_self_contained),
        cmocka_unit_test(test_no_document), cmocka_unit_test(test_figures),
        cmocka_unit_test(test_bars),        cmocka_unit_test(test_colours),
        cmocka_unit_test(test_markup),      cmocka_unit_test(test_markup_fails_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
