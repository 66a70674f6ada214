/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "receiver/when.h"

#define NOW INT64_C(1795185000123456) /* 2026-11-20T14:30:00.123456Z */
#define HALF_PAST INT64_C(1795185000000000)

static int64_t parsed(const char *text)
{
    int64_t us = -1;
    if (sl_when_parse(text, NOW, &us) != 0)
        fail_msg("%s", text);
    return us;
}

static void zone(const char *name)
{
    setenv("TZ", name, 1);
    tzset();
}

static void reads_what_users_type(void **state)
{
    (void)state;
    zone("Europe/Berlin");
    assert_int_equal(parsed("2026-11-20T14:30:00Z"), HALF_PAST);
    assert_int_equal(parsed("2026-11-20T14:30Z"), HALF_PAST);
    assert_int_equal(parsed("2026-11-20t14:30:00z"), HALF_PAST);
    assert_int_equal(parsed("2026-11-20T14:30:00.25Z"), HALF_PAST + 250000);
    assert_int_equal(parsed("2026-11-20T14:30:00.1234567Z"), HALF_PAST + 123456);
    assert_int_equal(parsed("2026-11-20T16:30:00+02:00"), HALF_PAST);
    assert_int_equal(parsed("2026-11-20T07:30:00-0700"), HALF_PAST);
    assert_int_equal(parsed("2026-11-20 15:30"), HALF_PAST);
    assert_int_equal(parsed("2026-11-20T15:30:05"), HALF_PAST + 5000000);
    assert_int_equal(parsed("2026-11-20"), HALF_PAST - INT64_C(55800000000));
    assert_int_equal(parsed("now"), NOW);
    assert_int_equal(parsed("-2h"), NOW - INT64_C(7200000000));
    assert_int_equal(parsed("-250ms"), NOW - 250000);
}

static void local_time_knows_the_season(void **state)
{
    (void)state;
    zone("America/New_York");
    assert_int_equal(parsed("2026-07-01 12:00"), parsed("2026-07-01T16:00:00Z"));
    assert_int_equal(parsed("2026-12-01 12:00"), parsed("2026-12-01T17:00:00Z"));
}

static void refuses_the_rest(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "yesterday",
                                      "2026-11-20T14:30:00Zulu",
                                      "2026-11-31T14:30:00Z",
                                      "2026-13-01T14:30:00Z",
                                      "2026-11-20T25:00:00Z",
                                      "2026-11-20T14:30:60Z",
                                      "2026-11-20T14:30:00.Z",
                                      "2026-11-20T14:3",
                                      "2026-11-20T14",
                                      "26-11-20 14:30",
                                      "1969-12-31T23:59:59Z",
                                      "1970-01-01T00:00:00+01:00",
                                      "2026-11-20T14:30:00+25:00",
                                      "2026-11-20T14:30:00+1",
                                      "-",
                                      "-2",
                                      "--2h",
                                      "-99999d",
                                      "nowish"};
    int64_t us = 7;
    for (size_t i = 0; i < SL_COUNT(bad); i++)
        if (sl_when_parse(bad[i], NOW, &us) != -EINVAL)
            fail_msg("%s", bad[i]);
    assert_int_equal(us, 7);
}

static void writes_utc(void **state)
{
    (void)state;
    char text[SL_WHEN_TEXT];
    assert_string_equal(sl_when_text(NOW, text), "2026-11-20T14:30:00.123Z");
    assert_string_equal(sl_when_text(0, text), "1970-01-01T00:00:00.000Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_users_type),
        cmocka_unit_test(local_time_knows_the_season),
        cmocka_unit_test(refuses_the_rest),
        cmocka_unit_test(writes_utc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
