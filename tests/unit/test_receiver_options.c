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

#include "receiver/options.h"

struct parsed {
    struct sl_receiver_options options;
    int status;
    char out[4096], err[512];
};

/* `line` is split at spaces. Texts of the options live until the next call. */
static struct parsed parse(const char *line)
{
    struct parsed parsed = {.status = 0};
    static char words[512];
    char *rest = words, *word;
    snprintf(words, sizeof(words), "%s", line);
    char *argv[32] = {(char *)(uintptr_t) "sightline-receiver"};
    int argc = 1;
    while ((word = strsep(&rest, " ")) != NULL)
        if (*word)
            argv[argc++] = word;
    FILE *out = fmemopen(parsed.out, sizeof(parsed.out), "w");
    FILE *err = fmemopen(parsed.err, sizeof(parsed.err), "w");
    parsed.status = sl_receiver_options_parse(&parsed.options, argc, argv, out, err);
    fclose(out);
    fclose(err);
    return parsed;
}

static void assert_refused(const char *line, const char *said)
{
    const struct parsed parsed = parse(line);
    assert_int_equal(parsed.status, 2);
    assert_non_null(strstr(parsed.err, said));
    assert_int_equal(strlen(parsed.err) - strcspn(parsed.err, "\n"), 1); /* one line */
    assert_string_equal(parsed.out, "");
}

static void test_run(void **state)
{
    (void)state;
    struct parsed p = parse("--data d");
    assert_int_equal(p.status, -1);
    assert_int_equal(p.options.command, SL_COMMAND_RUN);
    assert_string_equal(p.options.data, "d");
    assert_int_equal(sl_addr_port(&p.options.listen), 8443);
    assert_false(sl_addr_is_set(&p.options.media));
    p = parse("run --data=d --listen 127.0.0.1:0 --media [::1]:99 --advertise a.example "
              "--advertise 1.2.3.4:5 --advertise [2001:db8::1]");
    assert_int_equal(p.status, -1);
    assert_int_equal(sl_addr_port(&p.options.media), 99);
    assert_int_equal(p.options.advertise.count, 3);
}

static void test_commands(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum sl_command command;
        const char *name;
    } cases[] = {
        {"camera add yard --data d", SL_COMMAND_CAMERA_ADD, "yard"},
        {"--data d camera list", SL_COMMAND_CAMERA_LIST, NULL},
        {"camera --data d link a-1_b", SL_COMMAND_CAMERA_LINK, "a-1_b"},
        {"camera remove 0 --data d", SL_COMMAND_CAMERA_REMOVE, "0"},
        {"camera set yard --pre 0 --data d", SL_COMMAND_CAMERA_SET, "yard"},
        {"viewer add wall --host h:1 --data d", SL_COMMAND_VIEWER_ADD, "wall"},
        {"viewer list --data d", SL_COMMAND_VIEWER_LIST, NULL},
        {"viewer remove wall --data d", SL_COMMAND_VIEWER_REMOVE, "wall"},
        {"check --data d --recordings r", SL_COMMAND_CHECK, NULL},
        {"rebuild --data d", SL_COMMAND_REBUILD, NULL},
    };
    for (size_t i = 0; i < SL_COUNT(cases); i++) {
        const struct parsed p = parse(cases[i].line);
        assert_int_equal(p.status, -1);
        assert_int_equal(p.options.command, cases[i].command);
        if (cases[i].name)
            assert_string_equal(p.options.name, cases[i].name);
        else
            assert_null(p.options.name);
    }
}

static void test_recording(void **state)
{
    (void)state;
    struct parsed p = parse("--data d");
    assert_true(p.options.segment == 900 * SL_SEC);
    assert_null(p.options.recordings);
    p = parse("--data d --recordings /mnt/r --segment 24h --no-record");
    assert_int_equal(p.status, -1);
    assert_string_equal(p.options.recordings, "/mnt/r");
    assert_true(p.options.segment == 86400 * SL_SEC && p.options.no_record);
    p = parse("camera set yard --data d --record motion --post 1m");
    assert_int_equal(p.options.record.mode, SL_RECORD_MOTION);
    assert_true(p.options.record_given && p.options.post_given && !p.options.pre_given);
    assert_true(p.options.record.post == 60 * SL_SEC);
    assert_refused("--data d --segment 500ms", "--segment");
    assert_refused("--data d --segment 25h", "--segment");
    assert_refused("camera set yard --data d", "nothing to set");
    assert_refused("camera set yard --data d --record sometimes", "motion or off");
    assert_refused("camera set yard --data d --pre 2m", "60s");
    assert_refused("camera set --data d --pre 2s", "no name");
}

static void test_wrong_command_lines(void **state)
{
    (void)state;
    assert_refused("", "--data");
    assert_refused("run", "--data");
    assert_refused("--data d jump", "jump");
    assert_refused("--data d run twice", "twice");
    assert_refused("--data d camera", "wanted add");
    assert_refused("--data d camera paint", "paint");
    assert_refused("--data d viewer link x", "link");
    assert_refused("--data d camera add", "no name");
    assert_refused("--data d camera add Yard", "Yard");
    assert_refused("--data d camera add a/b", "a/b");
    assert_refused("--data d camera add aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "32");
    assert_refused("--data d camera list x", "x");
    assert_refused("--data d camera add x y", "y");
    assert_refused("--data d --listen 8443", "ADDR:PORT");
    assert_refused("--data d --media host:1", "ADDR:PORT");
    assert_refused("--data d --advertise a:b:c", "--advertise");
    assert_refused("--data d --advertise a:0", "--advertise");
    assert_refused("--data d viewer add w --host h", "HOST:PORT");
    assert_refused("--data d --keep month", "a duration like 30d");
    assert_refused("--data", "--data");
}

static void test_recordings(void **state)
{
    (void)state;
    struct parsed p = parse("--data d --keep 7d --keep-bytes 50G --min-free 0");
    assert_int_equal(p.status, -1);
    assert_true(p.options.keep.us_given && p.options.keep.bytes_given);
    assert_int_equal(p.options.keep.us, 7 * 86400 * INT64_C(1000000));
    assert_int_equal(p.options.keep.bytes, INT64_C(50) << 30);
    assert_true(p.options.keep.min_free_given && p.options.keep.min_free == 0);
    p = parse("camera set yard --keep default --data d");
    assert_int_equal(p.status, -1);
    assert_int_equal(p.options.keep.us, SL_STORE_AS_ALL);
    assert_false(p.options.keep.bytes_given);
    assert_int_equal(parse("recordings list --data d --json").options.command,
                     SL_COMMAND_RECORDINGS_LIST);
    assert_int_equal(parse("recordings lock --camera a --from -2h --to now --data d").status, -1);
    assert_refused("recordings --data d",
                   "wanted list, usage, lock, unlock, mark, marks or unmark");
    assert_refused("recordings burn --data d",
                   "wanted list, usage, lock, unlock, mark, marks or unmark");
    assert_refused("recordings list a --data d", "unexpected argument 'a'");
    assert_refused("recordings list --camera ../x --data d", "got '../x'");
    assert_refused("recordings lock --camera a --from -2h --data d", "lock: no --to given");
    assert_refused("recordings unlock --from -2h --data d", "unlock: no --camera given");
    assert_refused("retention --data d", "wanted --dry-run");
    assert_refused("camera set yard --data d", "nothing to set");
    assert_refused("camera set yard --keep-bytes much --data d", "a size in bytes");
}

static void test_export(void **state)
{
    (void)state;
    struct parsed p = parse("export --camera yard --from -2h --to now -o a.mp4 --data d");
    assert_int_equal(p.status, -1);
    assert_int_equal(p.options.command, SL_COMMAND_EXPORT);
    assert_string_equal(p.options.camera, "yard");
    assert_string_equal(p.options.from, "-2h");
    assert_string_equal(p.options.to, "now");
    assert_string_equal(p.options.output, "a.mp4");
    assert_false(p.options.fast || p.options.close_gaps || p.options.force);
    p = parse("export --camera yard --from -2h --to now -o a.AVI --fast --gaps close --force "
              "--recordings /r --data d");
    assert_int_equal(p.status, -1);
    assert_true(p.options.fast && p.options.close_gaps && p.options.force);
    assert_string_equal(p.options.recordings, "/r");
    assert_refused("export --from -2h --to now -o a.mp4 --data d", "no --camera given");
    assert_refused("export --camera yard --to now -o a.mp4 --data d", "no --from given");
    assert_refused("export --camera yard --from -2h -o a.mp4 --data d", "no --to given");
    assert_refused("export --camera yard --from -2h --to now --data d", "no -o given");
    assert_refused("export --camera ../x --from -2h --to now -o a.mp4 --data d", "got '../x'");
    assert_refused("export --camera yard --from -2h --to now -o a --data d", "got 'a'");
    assert_refused("export --camera yard --from -2h --to now -o .mp4 --data d", "got '.mp4'");
    assert_refused("export --gaps fill --data d", "wanted keep or close");
    assert_refused("export yard --data d", "export: unexpected argument 'yard'");
    p = parse("--data d");
    assert_int_equal(p.options.snapshot_every, 0);
    assert_int_equal(p.options.snapshot_keep, 7 * 24 * 3600 * SL_SEC);
}

static void test_help(void **state)
{
    (void)state;
    const struct parsed p = parse("--help");
    assert_int_equal(p.status, 0);
    assert_non_null(strstr(p.out, "camera add"));
    for (const struct sl_option *o = sl_receiver_option_table.options; o->name; o++)
        assert_non_null(strstr(p.out, o->name));
}

static void test_hosts(void **state)
{
    (void)state;
    char host[256];
    int port = -1;
    assert_int_equal(sl_host_port_parse("a.example:8443", host, &port), 0);
    assert_string_equal(host, "a.example");
    assert_int_equal(port, 8443);
    assert_int_equal(sl_host_port_parse("[::1]:5", host, &port), 0);
    assert_string_equal(host, "::1");
    assert_int_equal(sl_host_port_parse("a", host, &port), 0);
    assert_int_equal(port, 0);
    static const char *const bad[] = {"",     ":1",    "a:",    "a:65536", "a:-1",   "[::1",
                                      "[]:1", "::1:5", "a b:1", "a/b:1",   "[::1]x", "a@b:1"};
    for (size_t i = 0; i < SL_COUNT(bad); i++)
        assert_int_equal(sl_host_port_parse(bad[i], host, &port), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run),       cmocka_unit_test(test_commands),
        cmocka_unit_test(test_recording), cmocka_unit_test(test_wrong_command_lines),
        cmocka_unit_test(test_export),    cmocka_unit_test(test_recordings),
        cmocka_unit_test(test_help),      cmocka_unit_test(test_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
