/* SPDX-License-Identifier: MIT */
/* Every route, and every kind of caller at each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "receiver/route.h"

enum caller { STRANGER, CAMERA, OTHER_CAMERA, VIEWER, CALLERS };

static const struct sl_token tokens[CALLERS] = {
    [CAMERA] = {.role = SL_ROLE_CAMERA, .subject = "yard"},
    [OTHER_CAMERA] = {.role = SL_ROLE_CAMERA, .subject = "gate"},
    [VIEWER] = {.role = SL_ROLE_VIEWER, .subject = "yard"},
};

/* The whole table once more: who changes one without meaning to sees it here. */
static const struct {
    const char *method, *path, *argument;
    enum sl_route_action action;
    bool allowed[CALLERS];
} expected[] = {
    {"POST", "/whip/yard", "yard", SL_ROUTE_PUBLISH, {[CAMERA] = true}},
    {"OPTIONS", "/whip/yard", "yard", SL_ROUTE_OPTIONS, {true, true, true, true}},
    {"POST", "/whep/yard", "yard", SL_ROUTE_SUBSCRIBE, {[VIEWER] = true}},
    {"OPTIONS", "/whep/yard", "yard", SL_ROUTE_OPTIONS, {true, true, true, true}},
    {"DELETE",
     "/s/0123456789abcdefABCDEF",
     "0123456789abcdefABCDEF",
     SL_ROUTE_END,
     {false, true, true, true}},
    {"PATCH",
     "/s/0123456789abcdefABCDEF",
     "0123456789abcdefABCDEF",
     SL_ROUTE_PATCH,
     {false, true, true, true}},
    {"PUT",
     "/s/0123456789abcdefABCDEF",
     "0123456789abcdefABCDEF",
     SL_ROUTE_LAYER,
     {false, true, true, true}},
    {"GET", "/api/v1/cameras", "", SL_ROUTE_CAMERAS, {[VIEWER] = true}},
    {"GET", "/api/v1/segments", "", SL_ROUTE_SEGMENTS, {[VIEWER] = true}},
    {"GET", "/api/v1/events", "", SL_ROUTE_EVENTS, {[VIEWER] = true}},
    {"GET", "/api/v1/marks", "", SL_ROUTE_MARKS, {[VIEWER] = true}},
    {"POST", "/api/v1/media-links", "", SL_ROUTE_MEDIA_LINKS, {[VIEWER] = true}},
    {"GET", "/api/v1/cameras/yard/media", "yard", SL_ROUTE_CAMERA_MEDIA, {[VIEWER] = true}},
    {"HEAD", "/api/v1/cameras/yard/media", "yard", SL_ROUTE_CAMERA_MEDIA, {[VIEWER] = true}},
    {"GET", "/api/v1/segments/1a2b/media", "1a2b", SL_ROUTE_SEGMENT_MEDIA, {[VIEWER] = true}},
    {"HEAD", "/api/v1/segments/1a2b/media", "1a2b", SL_ROUTE_SEGMENT_MEDIA, {[VIEWER] = true}},
    {"GET", "/api/v1/cameras/yard/snapshot.jpg", "yard", SL_ROUTE_SNAPSHOT, {[VIEWER] = true}},
    {"HEAD", "/api/v1/cameras/yard/snapshot.jpg", "yard", SL_ROUTE_SNAPSHOT, {[VIEWER] = true}},
};

static void test_every_route_says_who_may_call_it(void **state)
{
    (void)state;
    char argument[SL_ROUTE_ARGUMENT], allow[64];
    size_t routes = 0;
    while (sl_routes[routes].method)
        routes++;
    assert_int_equal(routes, SL_COUNT(expected));
    for (size_t i = 0; i < SL_COUNT(expected); i++) {
        const struct sl_route *route =
            sl_route_find(expected[i].method, expected[i].path, argument, allow);
        assert_non_null(route);
        assert_int_equal(route->action, expected[i].action);
        assert_string_equal(argument, expected[i].argument);
        for (int caller = 0; caller < CALLERS; caller++)
            assert_int_equal(
                sl_route_allows(route, argument, caller == STRANGER ? NULL : &tokens[caller]),
                expected[i].allowed[caller]);
        /* A token without a role, which no store gives out, is a stranger's. */
        assert_int_equal(sl_route_allows(route, argument, &(struct sl_token){.role = 0}),
                         expected[i].allowed[STRANGER]);
    }
}

static void test_a_route_that_forgets_to_say_is_closed(void **state)
{
    (void)state;
    const struct sl_route forgot = {.method = "GET", .prefix = "/new"};
    for (int caller = 0; caller < CALLERS; caller++)
        assert_false(sl_route_allows(&forgot, "", &tokens[caller]));
}

static void test_other_paths_and_methods(void **state)
{
    (void)state;
    char argument[SL_ROUTE_ARGUMENT], allow[64];
    static const char *const nowhere[] = {"",
                                          "/",
                                          "/whip",
                                          "/whip/",
                                          "/whip/a/b",
                                          "/whipa",
                                          "//whip/yard",
                                          "/api/v1/cameras/",
                                          "/api/v1/camera",
                                          "/api/v1/cameras/yard",
                                          "/api/v1/cameras//media",
                                          "/api/v1/cameras/yard/media/",
                                          "/api/v1/cameras/yard/x/media",
                                          "/s/",
                                          "/s/a/b",
                                          "/WHIP/yard",
                                          "/api/v1",
                                          "whip/yard"};
    for (size_t i = 0; i < SL_COUNT(nowhere); i++) {
        assert_null(sl_route_find("POST", nowhere[i], argument, allow));
        assert_string_equal(allow, "");
    }
    char path[SL_ROUTE_ARGUMENT + 16] = "/whip/";
    memset(path + 6, 'a', SL_ROUTE_ARGUMENT - 1);
    assert_non_null(sl_route_find("POST", path, argument, allow));
    path[6 + SL_ROUTE_ARGUMENT - 1] = 'a'; /* one too many */
    assert_null(sl_route_find("POST", path, argument, allow));

    assert_null(sl_route_find("GET", "/whip/yard", argument, allow));
    assert_string_equal(allow, "POST, OPTIONS");
    assert_null(sl_route_find("POST", "/s/x", argument, allow));
    assert_string_equal(allow, "DELETE, PATCH, PUT");
    /* Viewers read what is in the catalogue, and change nothing there. */
    assert_null(sl_route_find("POST", "/api/v1/marks", argument, allow));
    assert_string_equal(allow, "GET");
    assert_null(sl_route_find("DELETE", "/api/v1/marks/1", argument, allow));
    assert_null(sl_route_find("post", "/whip/yard", argument, allow));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_route_says_who_may_call_it),
        cmocka_unit_test(test_a_route_that_forgets_to_say_is_closed),
        cmocka_unit_test(test_other_paths_and_methods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
