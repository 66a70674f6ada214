/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "receiver/api_cache.h"

static const struct sl_api_cache_limits limits = {.entries = 3, .bytes = 1 << 20, .keep = 10};

static struct sl_media_target target(int64_t from_us)
{
    return (struct sl_media_target){.name = "yard", .from_us = from_us, .to_us = 1000};
}

/* Of nothing, which is enough here. */
static struct sl_media_range *range(void)
{
    struct sl_media_range *ret;
    assert_int_equal(sl_media_range_begin(&ret, 1, 1000), 0);
    return ret;
}

static struct sl_api_media *put(struct sl_api_cache *cache, int64_t from_us, sl_ns now)
{
    const struct sl_media_target what = target(from_us);
    return sl_api_cache_put(cache, &what, range(), true, now);
}

static struct sl_api_media *find(struct sl_api_cache *cache, int64_t from_us, sl_ns now)
{
    const struct sl_media_target what = target(from_us);
    return sl_api_cache_find(cache, &what, now);
}

static void test_the_oldest_that_nobody_holds_makes_room(void **state)
{
    (void)state;
    struct sl_api_cache *cache;
    assert_int_equal(sl_api_cache_create(&cache, &limits), 0);
    struct sl_api_media *media[3];
    for (int i = 0; i < 3; i++)
        media[i] = put(cache, i, i);
    assert_null(put(cache, 9, 3)); /* limit + 1 */
    sl_api_cache_release(cache, media[2], 4);
    sl_api_cache_release(cache, media[1], 5);
    media[2] = put(cache, 3, 6);
    assert_non_null(media[2]);
    assert_int_equal(sl_api_cache_count(cache), 3);
    assert_null(find(cache, 2, 7));
    assert_ptr_equal(find(cache, 1, 7), media[1]);
    sl_api_cache_release(cache, media[0], 8);
    sl_api_cache_release(cache, media[1], 8);
    sl_api_cache_release(cache, media[2], 8);
    sl_api_cache_destroy(cache);
}

static void test_memory_is_bounded(void **state)
{
    (void)state;
    struct sl_api_cache *cache;
    struct sl_media_range *one = range();
    const struct sl_api_cache_limits small = {
        .entries = 10, .bytes = 2 * sl_media_range_memory(one), .keep = 10};
    sl_media_range_destroy(one);
    assert_int_equal(sl_api_cache_create(&cache, &small), 0);
    struct sl_api_media *a = put(cache, 1, 1);
    struct sl_api_media *b = put(cache, 2, 1);
    assert_null(put(cache, 3, 1));
    sl_api_cache_release(cache, a, 2);
    struct sl_api_media *c = put(cache, 3, 3);
    assert_non_null(c);
    sl_api_cache_release(cache, b, 2);
    sl_api_cache_release(cache, c, 2);
    sl_api_cache_destroy(cache);
}

static void test_what_is_not_used_goes(void **state)
{
    (void)state;
    struct sl_api_cache *cache;
    assert_int_equal(sl_api_cache_create(&cache, &limits), 0);
    struct sl_api_media *held = put(cache, 1, 0);
    sl_api_cache_release(cache, put(cache, 2, 0), 5);
    sl_api_cache_tidy(cache, 14);
    assert_int_equal(sl_api_cache_count(cache), 2);
    sl_api_cache_tidy(cache, 15);
    assert_int_equal(sl_api_cache_count(cache), 1);
    sl_api_cache_tidy(cache, 1000);
    assert_int_equal(sl_api_cache_count(cache), 1);
    sl_api_cache_release(cache, held, 1000);
    sl_api_cache_destroy(cache);
}

static void test_what_is_newer_is_found_and_what_is_spoilt_is_not(void **state)
{
    (void)state;
    struct sl_api_cache *cache;
    assert_int_equal(sl_api_cache_create(&cache, &limits), 0);
    struct sl_api_media *old = put(cache, 1, 0);
    struct sl_api_media *young = put(cache, 1, 1);
    assert_ptr_equal(find(cache, 1, 2), young);
    sl_api_cache_spoil(cache, young);
    assert_ptr_equal(find(cache, 1, 2), old);
    sl_api_cache_release(cache, young, 3);
    assert_int_equal(sl_api_cache_count(cache), 2); /* held once more */
    sl_api_cache_release(cache, young, 3);
    assert_int_equal(sl_api_cache_count(cache), 1);
    sl_api_cache_release(cache, old, 3);
    sl_api_cache_release(cache, old, 3);
    sl_api_cache_destroy(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_oldest_that_nobody_holds_makes_room),
        cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_what_is_not_used_goes),
        cmocka_unit_test(test_what_is_newer_is_found_and_what_is_spoilt_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
