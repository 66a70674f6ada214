/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/options.h"

struct parsed {
    struct sl_bench_command_line line;
    int status;
    char out[8192], err[512];
};

/* Words are separated by '|', since some have blanks. Texts live until the next call. */
static struct parsed parse(const char *line)
{
    struct parsed parsed = {.status = 0};
    static char words[512];
    char *rest = words, *word;
    snprintf(words, sizeof(words), "%s", line);
    char *argv[32] = {(char *)(uintptr_t) "sightline-bench"};
    int argc = 1;
    while ((word = strsep(&rest, "|")) != NULL)
        argv[argc++] = word;
    FILE *out = fmemopen(parsed.out, sizeof(parsed.out), "w");
    FILE *err = fmemopen(parsed.err, sizeof(parsed.err), "w");
    parsed.status = sl_bench_options_parse(&parsed.line, argc, argv, out, err);
    fclose(out);
    fclose(err);
    return parsed;
}

static void refused(const char *line, const char *said)
{
    const struct parsed parsed = parse(line);
    if (parsed.status != 2 || !strstr(parsed.err, said))
        print_error("%s: %d %s", line, parsed.status, parsed.err);
    assert_int_equal(parsed.status, 2);
    assert_non_null(strstr(parsed.err, said));
    assert_int_equal(strlen(parsed.err) - strcspn(parsed.err, "\n"), 1); /* one line */
    assert_string_equal(parsed.out, "");
}

static void test_defaults(void **state)
{
    (void)state;
    const struct parsed p = parse("latency");
    const struct sl_bench_options *o = &p.line.options;
    assert_int_equal(p.status, -1);
    assert_string_equal(p.line.command, "latency");
    assert_int_equal(p.line.count, 0);
    assert_int_equal(o->seconds, 10 * SL_SEC);
    assert_int_equal(o->rounds, 1);
    assert_int_equal(o->seed, 1);
    assert_int_equal(o->bitrate_bps, 4000000);
    assert_string_equal(o->preset, "ultrafast");
    assert_null(o->peer);
    assert_null(o->impair);
    assert_int_equal(o->size.width, 0); /* the matrix */
    assert_int_equal(o->fps, 0);
    assert_int_equal(o->cameras, 0);
}

static void test_all_of_them(void **state)
{
    (void)state;
    const struct parsed p =
        parse("loss|--seconds|2|--peer=ffplay|--size|640x360|--fps|60|--cameras|4|"
              "--seed|0|--full|--floor|--peers-only|--impair|loss=5  delay=20|"
              "--sender-word=--x|--sender-word|y|--json|a|--report|b|--device|v4l2:auto");
    const struct sl_bench_options *o = &p.line.options;
    assert_int_equal(p.status, -1);
    assert_int_equal(o->seconds, 2 * SL_SEC);
    assert_string_equal(o->peer, "ffplay");
    assert_int_equal(o->size.height, 360);
    assert_int_equal(o->fps, 60);
    assert_int_equal(o->cameras, 4);
    assert_int_equal(o->seed, 0);
    assert_true(o->full && o->floor && o->peers_only);
    assert_string_equal(o->device, "v4l2:auto");
    assert_string_equal(o->impair, "loss=5  delay=20");
    assert_int_equal(o->sender_words.count, 2);
    assert_string_equal(o->sender_words.items[0], "--x");
}

static void test_words(void **state)
{
    (void)state;
    const struct parsed p = parse("compare|a.json|b.json");
    assert_string_equal(p.line.command, "compare");
    assert_int_equal(p.line.count, 2);
    assert_string_equal(p.line.words[1], "b.json");
    assert_string_equal(parse("--json|x").line.command, "");
}

static void test_refusals(void **state)
{
    (void)state;
    refused("latency|--seconds|0", "--seconds: got '0', wanted whole seconds, from 1 to 3600");
    refused("latency|--seconds|1.5", "got '1.5'");
    refused("latency|--peer|vlc", "--peer: got 'vlc', wanted gstreamer or ffplay");
    refused("latency|--preset|fastest", "--preset: got 'fastest', wanted a preset of x264");
    refused("latency|--seed|-1", "--seed: got '-1', wanted a whole number");
    refused("capture|--device|/dev/video0", "--device: got '/dev/video0', wanted v4l2:DEVICE");
    refused("latency|--rounds|101", "--rounds: got '101'");
    refused("latency|--size|1280", "--size: got '1280', wanted WIDTHxHEIGHT");
    refused("latency|--cameras|0", "--cameras: got '0'");
    refused("latency|--peers-only", "wanted --peer or --floor");
    refused("latency|--json|a|--report|a", "--report: got 'a', which is --json's");
    refused("latency|--impair|loss", "--impair: got 'loss', wanted NAME=VALUE");
    refused("latency|--impair|loss=200", "got 'loss=200'");
    refused("latency|--impair|loss=1 5000", "--impair: got '5000'");
    refused("latency|--impair|lose=1", "lose=1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_all_of_them),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
