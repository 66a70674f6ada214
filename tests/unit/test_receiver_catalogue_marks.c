/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "receiver/catalogue_db.h"

static char dir[64], why[SL_STORE_WHY];

static int set_up(void **state)
{
    struct sl_catalogue *catalogue;
    snprintf(dir, sizeof(dir), "/tmp/sightline-marks-XXXXXX");
    assert_non_null(mkdtemp(dir));
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

static int64_t add(struct sl_catalogue *catalogue, const char *camera, int64_t at_us,
                   const char *text)
{
    struct sl_catalogue_mark mark = {.at_us = at_us};
    snprintf(mark.camera, sizeof(mark.camera), "%s", camera);
    snprintf(mark.text, sizeof(mark.text), "%s", text);
    assert_int_equal(sl_catalogue_mark_add(catalogue, &mark), 0);
    assert_true(mark.id > 0);
    return mark.id;
}

/* The times of all pages, of `max` rows each, one behind the other. */
static void assert_pages(struct sl_catalogue *catalogue, const struct sl_segment_filter *filter,
                         int max, const char *wanted)
{
    struct sl_catalogue_cursor cursor = {0};
    struct sl_catalogue_mark rows[8];
    char got[128] = "";
    int count;
    do {
        count = sl_catalogue_marks(catalogue, filter, &cursor, rows, max);
        assert_true(count >= 0 && count <= max);
        for (int i = 0; i < count; i++)
            snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%d ", rows[i].camera,
                     (int)rows[i].at_us);
    } while (count == max);
    assert_string_equal(got, wanted);
}

static void pages_by_time_camera_and_range(void **state)
{
    static const int64_t times[] = {300, 100, 200, 100};
    for (size_t i = 0; i < SL_COUNT(times); i++)
        add(*state, i % 2 ? "a" : "b", times[i], "x");
    for (int max = 1; max < 6; max++) {
        assert_pages(*state, &(struct sl_segment_filter){0}, max, "a100 a100 b200 b300 ");
        assert_pages(*state, &(struct sl_segment_filter){.newest_first = true}, max,
                     "b300 b200 a100 a100 ");
        assert_pages(*state, &(struct sl_segment_filter){.camera = "b"}, max, "b200 b300 ");
        assert_pages(*state, &(struct sl_segment_filter){.from_us = 200}, max, "b200 b300 ");
        assert_pages(*state, &(struct sl_segment_filter){.to_us = 200}, max, "a100 a100 ");
        assert_pages(
            *state, &(struct sl_segment_filter){.from_us = 101, .to_us = 300, .newest_first = true},
            max, "b200 ");
    }
}

static void a_number_is_never_anothers(void **state)
{
    struct sl_catalogue_mark was;
    const int64_t first = add(*state, "yard", 100,
                              "the fox, \xe2\x80\x9c"
                              "again\xe2\x80\x9d");
    const int64_t second = add(*state, "yard", 200, "x");
    assert_int_equal(sl_catalogue_mark_remove(*state, second, &was), 0);
    assert_int_equal(sl_catalogue_mark_remove(*state, second, &was), -ENOENT);
    assert_int_equal(sl_catalogue_mark_remove(*state, first, &was), 0);
    assert_string_equal(was.camera, "yard");
    assert_string_equal(was.text, "the fox, \xe2\x80\x9c"
                                  "again\xe2\x80\x9d");
    assert_true(was.at_us == 100 && was.id == first);
    assert_true(add(*state, "yard", 300, "x") > second);
}

static void what_is_no_text_is_refused(void **state)
{
    static const char *const wrong[] = {"",
                                        " ",
                                        "two\nlines",
                                        "tab\t",
                                        "\x1b[2J",
                                        "del\x7f",
                                        "\xc2\x9b",
                                        "\xe2\x80\xae"
                                        "txt",
                                        "\xe2\x80\xa8",
                                        "\xff",
                                        "\xc3",
                                        "\xc3(",
                                        "\xc0\xaf",
                                        "\xe0\x80\xaf",
                                        "\xed\xa0\x80",
                                        "\xf5\x80\x80\x80",
                                        "\xe2\x82",
                                        "\x80"};
    static const char *const fine[] = {
        "a", " a ", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\xa6\x8a", "<b>'\"&"};
    struct sl_catalogue_mark mark = {.camera = "yard", .at_us = 1};
    char text[SL_MARK_TEXT_BYTES + 1];
    for (size_t i = 0; i < SL_COUNT(wrong); i++) {
        snprintf(mark.text, sizeof(mark.text), "%s", wrong[i]);
        assert_non_null(sl_mark_text_wrong(mark.text));
        assert_int_equal(sl_catalogue_mark_add(*state, &mark), -EINVAL);
    }
    for (size_t i = 0; i < SL_COUNT(fine); i++)
        assert_null(sl_mark_text_wrong(fine[i]));
    memset(text, 'x', sizeof(text));
    text[SL_MARK_TEXT_BYTES] = '\0';
    assert_string_equal(sl_mark_text_wrong(text), "at most 512 bytes");
    text[SL_MARK_TEXT_BYTES - 1] = '\0';
    assert_null(sl_mark_text_wrong(text));
    assert_pages(*state, &(struct sl_segment_filter){0}, 8, "");
}

static void there_is_an_end_to_them(void **state)
{
    struct sl_catalogue *catalogue = *state;
    struct sl_catalogue_mark mark = {.camera = "yard", .at_us = 5, .text = "one more"}, was;
    assert_int_equal(
        SL_DB_RUN(catalogue, NULL,
                  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)"
                  " INSERT INTO marks(camera, at, text) SELECT 'yard', i, 'x' FROM n",
                  SL_DB_NUMBER(SL_CATALOGUE_MARKS_MAX)),
        0);
    assert_int_equal(sl_catalogue_mark_add(catalogue, &mark), -ENOSPC);
    assert_non_null(strstr(sl_catalogue_why(catalogue), "no more fit"));
    assert_int_equal(sl_catalogue_mark_remove(catalogue, 7, &was), 0);
    assert_int_equal(sl_catalogue_mark_add(catalogue, &mark), 0);
}

static void the_marks_of_version_2_stay(void **state)
{
    struct sl_catalogue *catalogue = *state;
    struct sl_catalogue_cursor cursor = {0};
    struct sl_catalogue_mark row;
    assert_int_equal(
        sl_db_execute(catalogue,
                      "DROP TABLE marks;"
                      "CREATE TABLE marks(id INTEGER PRIMARY KEY, camera TEXT NOT NULL,"
                      " at INTEGER NOT NULL, text TEXT NOT NULL);"
                      "CREATE INDEX marks_camera ON marks(camera, at);"
                      "INSERT INTO marks VALUES(4, 'yard', 70, 'kept'); PRAGMA user_version = 2;"),
        0);
    sl_catalogue_close(catalogue);
    assert_int_equal(sl_catalogue_open(&catalogue, dir, true, why), 0);
    *state = catalogue;
    assert_int_equal(
        sl_catalogue_marks(catalogue, &(struct sl_segment_filter){0}, &cursor, &row, 1), 1);
    assert_true(row.id == 4 && row.at_us == 70 && strcmp(row.text, "kept") == 0);
    assert_int_equal(add(catalogue, "yard", 1, "x"), 5);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(pages_by_time_camera_and_range), WITH(a_number_is_never_anothers),
        WITH(what_is_no_text_is_refused),     WITH(there_is_an_end_to_them),
        WITH(the_marks_of_version_2_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
