/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "session/sources.h"

static void test_found_by_ssrc(void **state)
{
    (void)state;
    struct sl_sources sources = {0};
    assert_null(sl_sources_find(&sources, 0));
    assert_non_null(sl_sources_add(&sources, 1, SL_VIDEO, SL_SOURCE_MEDIA));
    assert_non_null(sl_sources_add(&sources, 2, SL_VIDEO, SL_SOURCE_RTX));
    assert_non_null(sl_sources_add(&sources, 3, SL_AUDIO, SL_SOURCE_MEDIA));
    assert_int_equal(sl_sources_find(&sources, 3)->kind, SL_AUDIO);
    assert_int_equal(sl_sources_find(&sources, 2)->role, SL_SOURCE_RTX);
    assert_int_equal(sl_sources_find(&sources, 1)->role, SL_SOURCE_MEDIA);
    assert_null(sl_sources_find(&sources, 4));
}

static void test_a_new_one_retires_its_forerunner(void **state)
{
    (void)state;
    struct sl_sources sources = {0};
    sl_sources_add(&sources, 1, SL_VIDEO, SL_SOURCE_MEDIA);
    sl_sources_add(&sources, 2, SL_VIDEO, SL_SOURCE_RTX);
    sl_sources_add(&sources, 3, SL_AUDIO, SL_SOURCE_MEDIA);
    sl_sources_add(&sources, 4, SL_VIDEO, SL_SOURCE_MEDIA);
    assert_int_equal(sl_sources_find(&sources, 1)->role, SL_SOURCE_RETIRED);
    assert_int_equal(sl_sources_find(&sources, 2)->role, SL_SOURCE_RTX);
    assert_int_equal(sl_sources_find(&sources, 3)->role, SL_SOURCE_MEDIA);
    assert_int_equal(sl_sources_find(&sources, 4)->role, SL_SOURCE_MEDIA);
}

static void test_limit(void **state)
{
    (void)state;
    struct sl_sources sources = {0};
    for (uint32_t i = 1; i <= SL_SOURCES_MAX; i++)
        assert_non_null(sl_sources_add(&sources, i, SL_VIDEO, SL_SOURCE_MEDIA));
    assert_null(sl_sources_add(&sources, 99, SL_VIDEO, SL_SOURCE_MEDIA));
    assert_int_equal(sl_sources_find(&sources, SL_SOURCES_MAX)->role, SL_SOURCE_MEDIA);
    assert_null(sl_sources_find(&sources, 99));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found_by_ssrc),
        cmocka_unit_test(test_a_new_one_retires_its_forerunner),
        cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
