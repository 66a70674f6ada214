/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "receiver/segment.h"

static void a_name_is_the_time_in_utc(void **state)
{
    (void)state;
    static const char *const zones[] = {"UTC", "Europe/Berlin", "America/New_York",
                                        "Australia/Lord_Howe"};
    for (size_t i = 0; i < SL_COUNT(zones); i++) {
        char path[SL_SEGMENT_PATH_BYTES];
        setenv("TZ", zones[i], 1);
        tzset();
        assert_int_equal(sl_segment_path(path, "garden", 1795184999999999, 1), 1);
        assert_string_equal(path, "garden/2026-11-20/14-29-59Z.mp4");
        assert_int_equal(sl_segment_path(path, "garden", 1795185000000000, 2), 1);
        assert_string_equal(path, "garden/2026-11-20/14-30-00Z-2.mp4");
    }
}

static void what_has_no_name_is_refused(void **state)
{
    (void)state;
    char path[SL_SEGMENT_PATH_BYTES], name[SL_SEGMENT_PATH_BYTES];
    memset(name, 'a', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(sl_segment_path(path, name, 1795185000000000, 1), -ENAMETOOLONG);
    assert_int_equal(sl_segment_path(path, "a", -1, 1), -EINVAL);
    assert_int_equal(sl_segment_path(path, "a", INT64_MAX, 0), -EINVAL);
}

static void a_uuid_is_of_version_4(void **state)
{
    (void)state;
    struct sl_random random;
    char a[SL_SEGMENT_UUID_BYTES], b[SL_SEGMENT_UUID_BYTES];
    sl_random_init_seed(&random, 1);
    sl_segment_uuid(a, &random);
    sl_segment_uuid(b, &random);
    assert_string_not_equal(a, b);
    assert_int_equal(strlen(a), 36);
    assert_int_equal(a[14], '4');
    assert_non_null(strchr("89ab", a[19]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_the_time_in_utc),
        cmocka_unit_test(what_has_no_name_is_refused),
        cmocka_unit_test(a_uuid_is_of_version_4),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
