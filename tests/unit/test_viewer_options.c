/* SPDX-License-Identifier: MIT */
#include "viewer/options.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct sl_viewer_options options;
static char said[1024];

/* Parses a command line of up to eight words; returns the status. */
static int parse(const char *first, ...)
{
    char *argv[10] = {(char *)(uintptr_t) "sightline-viewer"};
    int argc = 1;
    va_list rest;
    va_start(rest, first);
    for (const char *word = first; word; word = va_arg(rest, const char *))
        argv[argc++] = (char *)(uintptr_t)word;
    va_end(rest);
    memset(&options, 0, sizeof(options));
    memset(said, 0, sizeof(said));
    FILE *err = fmemopen(said, sizeof(said), "w");
    const int status =
        sl_option_parse(&sl_viewer_option_table, &options, argc, argv, err, err).status;
    fclose(err);
    return status;
}

static void assert_refused(const char *flag, const char *value)
{
    assert_int_equal(parse(flag, value, NULL), 2);
    assert_non_null(strstr(said, flag + 2));
    assert_int_equal(strcspn(said, "\n"), strlen(said) - 1); /* one line */
}

static void test_defaults(void **state)
{
    (void)state;
    assert_int_equal(parse("--from", "link", NULL), -1);
    assert_string_equal(options.from, "link");
    assert_int_equal(options.rows + options.columns, 0);
    assert_int_equal(options.size.width, 1280);
    assert_int_equal(options.size.height, 720);
    assert_true(options.latency == SL_LATENCY_AUTO);
    assert_int_equal(options.hud, SL_HUD_FULL);
    assert_false(options.mute || options.fullscreen);
    assert_true(options.stats == 0 && options.exit_after == 0);
    assert_null(options.screenshot);
}

static void test_values(void **state)
{
    (void)state;
    assert_int_equal(parse("--layout", "2x3", "--hud", "names", "--latency", "80", "--mute", NULL),
                     -1);
    assert_int_equal(options.rows, 2);
    assert_int_equal(options.columns, 3);
    assert_int_equal(options.hud, SL_HUD_NAMES);
    assert_true(options.latency == 80 * SL_MS);
    assert_true(options.mute);
    assert_int_equal(parse("--latency", "0.1s", NULL), 2);
    assert_int_equal(parse("--latency", "250ms", "--hud", "off", "--stats", "1s", NULL), -1);
    assert_true(options.latency == 250 * SL_MS);
    assert_int_equal(options.hud, SL_HUD_OFF);
    assert_true(options.stats == SL_SEC);
    assert_int_equal(options.layer, SL_LAYER_AUTO);
    assert_int_equal(parse("--layer", "sub", NULL), -1);
    assert_int_equal(options.layer, SL_LAYER_SUB);
    assert_int_equal(parse("--layer", "small", NULL), 2);
    assert_int_equal(parse("--latency", "auto", "--layout", "auto", NULL), -1);
}

static void test_refused(void **state)
{
    (void)state;
    const char *const layouts[] = {"", "2", "2x", "x2", "0x1", "17x1", "2x2x", "-1x2", "2X2"};
    for (size_t i = 0; i < SL_COUNT(layouts); i++)
        assert_refused("--layout", layouts[i]);
    const char *const latencies[] = {"", "fast", "-1", "1001", "2s"};
    for (size_t i = 0; i < SL_COUNT(latencies); i++)
        assert_refused("--latency", latencies[i]);
    assert_refused("--hud", "on");
    assert_refused("--size", "1280");
    assert_refused("--size", "20000x100");
}

static void test_check(void **state)
{
    (void)state;
    char why[256] = "";
    assert_int_equal(parse("--mute", NULL), -1);
    assert_int_equal(sl_viewer_options_check(&options, why, sizeof(why)), -EINVAL);
    assert_non_null(strstr(why, "--from"));
    assert_int_equal(parse("--from", "x", "--cameras", "a,b", NULL), -1);
    assert_int_equal(sl_viewer_options_check(&options, why, sizeof(why)), 0);
    assert_int_equal(parse("--from", "x", "--cameras", "a, b", NULL), -1);
    assert_int_equal(sl_viewer_options_check(&options, why, sizeof(why)), -EINVAL);
    assert_non_null(strstr(why, "--cameras"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
