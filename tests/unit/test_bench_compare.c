/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/types.h"
#include "bench/compare.h"
#include "bench/view.h"

#define COLUMNS                                                                                    \
    "\"columns\":[{\"key\":\"path\",\"title\":\"path\",\"id\":true},"                              \
    "{\"key\":\"n\",\"title\":\"cameras\",\"id\":true},"                                           \
    "{\"key\":\"p50\",\"title\":\"p50\",\"unit\":\"ms\",\"better\":\"lower\",\"decimals\":1},"     \
    "{\"key\":\"fps\",\"title\":\"shown\",\"unit\":\"1/s\",\"better\":\"higher\"},"                \
    "{\"key\":\"size\",\"title\":\"bytes\"},{\"key\":\"limit\",\"title\":\"limit\"}]"

#define RUN(conditions, rows)                                                                      \
    "{\"sightline_bench\":1,\"conditions\":{" conditions "},\"benches\":[{\"name\":\"latency\","   \
    "\"title\":\"Latency\",\"tables\":[{\"name\":\"ages\",\"title\":\"Ages\"," COLUMNS             \
    ",\"rows\":[" rows "]}]}]}"

struct compared {
    struct sl_compare_tally tally;
    char *text;
};

static struct compared compare(const char *a, const char *b)
{
    struct compared ret;
    size_t size;
    cJSON *left = cJSON_Parse(a), *right = cJSON_Parse(b);
    FILE *out = open_memstream(&ret.text, &size);
    assert_non_null(left);
    assert_non_null(right);
    ret.tally = sl_compare_write(left, right, out);
    fclose(out);
    cJSON_Delete(left);
    cJSON_Delete(right);
    return ret;
}

static void has_line(const struct compared *compared, const char *line)
{
    if (!strstr(compared->text, line))
        print_error("wanted: %s\ngot: %s\n", line, compared->text);
    assert_non_null(strstr(compared->text, line));
}

static void test_rows_are_matched_by_id(void **state)
{
    (void)state;
    struct compared c = compare(
        RUN("", "{\"path\":\"a\",\"n\":1,\"p50\":10,\"fps\":30,\"size\":5,\"limit\":\"sender\"},"
                "{\"path\":\"a\",\"n\":4,\"p50\":20,\"fps\":30,\"size\":5,\"limit\":\"sender\"}"),
        RUN("",
            "{\"path\":\"a\",\"n\":4,\"p50\":16,\"fps\":24,\"size\":50,\"limit\":\"viewer\"},"
            "{\"path\":\"a\",\"n\":1,\"p50\":10.9,\"fps\":31,\"size\":5,\"limit\":\"sender\"}"));
    has_line(&c, "  a, cameras 1\n"
                 "    p50, ms                               10.0        10.9        +0.9       "
                 "1.090\n"
                 "    shown, 1/s                              30          31          +1       "
                 "1.033\n");
    has_line(&c, "p50, ms                               20.0        16.0        -4.0       "
                 "0.800  better\n");
    has_line(&c, "shown, 1/s                              30          24          -6       "
                 "0.800  worse\n");
    has_line(&c, "bytes                                    5          50         +45      "
                 "10.000\n");
    has_line(&c, "limit                               sender      viewer                          "
                 "differs\n");
    has_line(&c, "6 figures: 1 better, 1 worse (by more than 10 %), 4 otherwise; 0 in one run");
    assert_int_equal(c.tally.figures, 6);
    assert_int_equal(c.tally.conditions, 0);
    assert_null(strstr(c.text, "CONDITIONS"));
    free(c.text);
}

/* From nothing, any change is one; to a figure from nothing there is no ratio. */
static void test_zero(void **state)
{
    (void)state;
    struct compared c = compare(RUN("", "{\"path\":\"a\",\"p50\":0,\"fps\":0}"),
                                RUN("", "{\"path\":\"a\",\"p50\":0.1,\"fps\":0}"));
    assert_int_equal(c.tally.worse, 1);
    assert_int_equal(c.tally.better, 0);
    has_line(&c, "+0.1           -  worse\n");
    free(c.text);
}

static void test_what_is_missing_is_said(void **state)
{
    (void)state;
    struct compared c =
        compare(RUN("", "{\"path\":\"a\",\"p50\":1,\"fps\":null},{\"path\":\"gone\"}"),
                RUN("", "{\"path\":\"a\",\"p50\":null,\"fps\":3},{\"path\":\"new\"}"));
    has_line(&c, "row only in A: gone");
    has_line(&c, "row only in B: new");
    has_line(&c, "not in A");
    has_line(&c, "not in B");
    assert_int_equal(c.tally.missing, 4);
    assert_int_equal(c.tally.figures, 0);
    free(c.text);

    c = compare(
        "{\"benches\":[{\"name\":\"fps\"},{\"name\":\"both\",\"tables\":[{\"name\":\"t\"},"
        "{\"name\":\"u\",\"columns\":[{\"key\":\"k\",\"title\":\"K\"}]}]}]}",
        "{\"benches\":[{\"name\":\"wall\"},{\"name\":\"both\",\"tables\":[{\"name\":\"u\"}]}]}");
    has_line(&c, "bench only in A: fps");
    has_line(&c, "bench only in B: wall");
    has_line(&c, "table only in A: t");
    has_line(&c, "column only in A: K");
    assert_int_equal(c.tally.missing, 4);
    free(c.text);
}

static void test_conditions_come_first(void **state)
{
    (void)state;
    struct compared c =
        compare(RUN("\"cores\":2,\"date\":\"x\",\"libraries\":{\"x264\":\"build 163\"},"
                    "\"busy_before_percent\":50",
                    ""),
                RUN("\"cores\":4,\"date\":\"y\",\"libraries\":{\"x264\":\"build 163\"},\"seed\":7,"
                    "\"busy_before_percent\":3",
                    ""));
    assert_int_equal(strncmp(c.text, "THE CONDITIONS DIFFER", 21), 0);
    has_line(&c, "  cores\n    A  2\n    B  4\n");
    has_line(&c, "  seed\n    A  -\n    B  7\n");
    has_line(&c, "A: 50 % of the cores were in use");
    assert_int_equal(c.tally.conditions, 2);
    free(c.text);
}

/* A document is outside bytes. */
static void test_any_json(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "5",
        "null",
        "{\"benches\":5,\"conditions\":[]}",
        "{\"benches\":[5,null,[],{},{\"name\":5,\"tables\":[1,{\"columns\":{},\"rows\":5}]}]}",
        "{\"benches\":[{\"tables\":[{\"columns\":[5,{\"key\":7},{\"key\":\"\"}],"
        "\"rows\":[1,{}]}]}]}",
        "{\"benches\":[{\"tables\":[{\"columns\":[{\"key\":\"a\",\"decimals\":1e9},"
        "{\"key\":\"a\",\"better\":4}],\"rows\":[{\"a\":1e999},{\"a\":-1e308},{\"a\":[1]}]}]}]}",
        "{\"conditions\":{\"a\":[[1]],\"b\":{\"c\":{}},\"d\":null,\"e\":1e999}}",
        "{\"benches\":[{\"tables\":[{\"columns\":[{\"key\":\"a\",\"better\":\"lower\"}],"
        "\"rows\":[{\"a\":1e308},{\"a\":-1e308}]}]}]}",
        "{\"benches\":[{\"tables\":[{\"columns\":[{\"key\":\"a\",\"better\":\"lower\"}],"
        "\"rows\":[{\"a\":-1e308},{\"a\":5e-324}]}]}]}",
        RUN("\"cores\":2", "{\"path\":\"\x1b[2J\"}"),
    };
    for (size_t i = 0; i < SL_COUNT(texts); i++)
        for (size_t k = 0; k < SL_COUNT(texts); k++) {
            struct compared c = compare(texts[i], texts[k]);
            assert_null(strchr(c.text, '\x1b'));
            free(c.text);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_matched_by_id),
        cmocka_unit_test(test_zero),
        cmocka_unit_test(test_what_is_missing_is_said),
        cmocka_unit_test(test_conditions_come_first),
        cmocka_unit_test(test_any_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
