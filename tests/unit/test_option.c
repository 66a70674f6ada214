/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/option.h"

struct options {
    bool mute;
    const char *to;
    int fps;
    sl_ns keep;
    int64_t keep_bytes;
    int64_t bitrate;
    struct sl_frame_size size;
    struct sl_option_list advertise;
    int latency_ms; /* -1: auto */
    const char *output;
};

static int parse_latency(void *options, const char *text, char *wanted, size_t wanted_len)
{
    struct options *o = options;
    int64_t value;
    if (strcmp(text, "auto") == 0) {
        o->latency_ms = -1;
        return 0;
    }
    if (sl_parse_int(text, 0, 2000, &value) != 0) {
        snprintf(wanted, wanted_len, "auto or milliseconds up to 2000");
        return -EINVAL;
    }
    o->latency_ms = (int)value;
    return 0;
}

#define AT(field) offsetof(struct options, field)
static const struct sl_option options[] = {
    {.name = "mute", .type = SL_OPTION_FLAG, .offset = AT(mute), .help = "no sound"},
    {.name = "to", .type = SL_OPTION_TEXT, .offset = AT(to), .value = "LINK", .help = "where to"},
    {.name = "fps",
     .type = SL_OPTION_INT,
     .offset = AT(fps),
     .value = "N",
     .initial = "30",
     .help = "pictures a second",
     .min = 1,
     .max = 240},
    {.name = "keep",
     .type = SL_OPTION_DURATION,
     .offset = AT(keep),
     .value = "D",
     .initial = "30d"},
    {.name = "keep-bytes", .type = SL_OPTION_SIZE, .offset = AT(keep_bytes), .value = "SIZE"},
    {.name = "bitrate",
     .type = SL_OPTION_RATE,
     .offset = AT(bitrate),
     .value = "RATE",
     .initial = "2M",
     .min = 100000,
     .max = 50000000},
    {.name = "size",
     .type = SL_OPTION_FRAME,
     .offset = AT(size),
     .value = "WxH",
     .initial = "1280x720"},
    {.name = "advertise",
     .type = SL_OPTION_LIST,
     .offset = AT(advertise),
     .value = "HOST",
     .initial = "fallback"},
    {.name = "latency",
     .type = SL_OPTION_CUSTOM,
     .offset = AT(latency_ms),
     .value = "auto|MS",
     .initial = "auto",
     .parse = parse_latency},
    {.name = "o", .type = SL_OPTION_TEXT, .offset = AT(output), .value = "FILE"},
    {.name = NULL},
};

static const struct sl_option_table table = {
    .program = "prog",
    .synopsis = "prog [run] --to LINK",
    .summary = "Does things.",
    .options = options,
    .positional_max = 2,
};

struct run {
    struct options options;
    struct sl_option_result result;
    char *out, *err;
};

/* `line`: arguments separated by single blanks. */
static struct run run(const char *line)
{
    static char words[2048]; /* texts point into it until the next run */
    char *argv[80] = {"prog"};
    int argc = 1;
    struct run r = {.result.status = 0};
    size_t out_len, err_len;
    snprintf(words, sizeof(words), "%s", line);
    for (char *save, *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save))
        argv[argc++] = word;
    FILE *out = open_memstream(&r.out, &out_len);
    FILE *err = open_memstream(&r.err, &err_len);
    r.result = sl_option_parse(&table, &r.options, argc, argv, out, err);
    fclose(out);
    fclose(err);
    return r;
}

static void done(struct run *r)
{
    free(r->out);
    free(r->err);
}

/* Runs with `text` as the config file; "@" in `line` is its path. */
static struct run run_config(const char *text, const char *before, const char *after)
{
    char path[] = "/tmp/sl-option-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    char line[256];
    snprintf(line, sizeof(line), "%s --config %s %s", before, path, after);
    struct run r = run(line);
    unlink(path);
    return r;
}

static void assert_one_line(const struct run *r, const char *part)
{
    assert_int_equal(r->result.status, 2);
    const char *end = strchr(r->err, '\n');
    assert_non_null(end);
    assert_int_equal(end[1], '\0');
    assert_int_equal(strncmp(r->err, "prog: ", 6), 0);
    if (!strstr(r->err, part))
        fail_msg("'%s' lacks '%s'", r->err, part);
    assert_string_equal(r->out, "");
}

static void assert_refused(const char *line, const char *part)
{
    struct run r = run(line);
    assert_one_line(&r, part);
    done(&r);
}

static void defaults(void **state)
{
    (void)state;
    struct run r = run("");
    assert_int_equal(r.result.status, -1);
    assert_false(r.options.mute);
    assert_null(r.options.to);
    assert_int_equal(r.options.fps, 30);
    assert_int_equal(r.options.keep, 30 * 86400 * SL_SEC);
    assert_int_equal(r.options.keep_bytes, 0);
    assert_int_equal(r.options.bitrate, 2000000);
    assert_int_equal(r.options.size.width, 1280);
    assert_int_equal(r.options.size.height, 720);
    assert_int_equal(r.options.advertise.count, 1);
    assert_int_equal(r.options.latency_ms, -1);
    assert_string_equal(r.err, "");
    done(&r);
}

static void values_in_both_forms(void **state)
{
    (void)state;
    struct run r = run("run --to https://x --fps=25 --keep 90m --keep-bytes 500G --bitrate=300k "
                       "--size 640x360 --latency 50 --mute -o out.mp4 --advertise a --advertise=b");
    assert_int_equal(r.result.status, -1);
    assert_string_equal(r.options.to, "https://x");
    assert_int_equal(r.options.fps, 25);
    assert_int_equal(r.options.keep, 5400 * SL_SEC);
    assert_int_equal(r.options.keep_bytes, 500 * ((int64_t)1 << 30));
    assert_int_equal(r.options.bitrate, 300000);
    assert_int_equal(r.options.size.width, 640);
    assert_int_equal(r.options.latency_ms, 50);
    assert_true(r.options.mute);
    assert_string_equal(r.options.output, "out.mp4");
    assert_int_equal(r.options.advertise.count, 2); /* the default is replaced, not added to */
    assert_string_equal(r.options.advertise.items[0], "a");
    assert_string_equal(r.options.advertise.items[1], "b");
    assert_int_equal(r.result.positional_count, 1);
    assert_string_equal(r.result.positional[0], "run");
    done(&r);

    r = run("--to - -- --fps");
    assert_string_equal(r.options.to, "-");
    assert_string_equal(r.result.positional[0], "--fps");
    done(&r);
    r = run("--to=--odd");
    assert_string_equal(r.options.to, "--odd");
    done(&r);
}

static void refusals(void **state)
{
    (void)state;
    assert_refused("--nope", "unknown option --nope");
    assert_refused("--nope=3", "unknown option --nope ");
    assert_refused("-fps 3", "unknown option -fps");
    assert_refused("-x", "unknown option -x");
    assert_refused("--fps", "--fps: no value given, wanted N");
    assert_refused("--fps --mute", "--fps: no value given");
    assert_refused("--fps abc", "--fps: got 'abc', wanted a whole number, from 1 to 240");
    assert_refused("--fps 0", "got '0'");
    assert_refused("--fps 241", "got '241'");
    assert_refused("--fps=", "got ''");
    assert_refused("--fps 99999999999999999999", "wanted a whole number");
    assert_refused("--keep 5", "wanted a duration");
    assert_refused("--keep 5x", "wanted a duration");
    assert_refused("--keep 99999999999999d", "wanted a duration");
    assert_refused("--keep-bytes 5g", "wanted a size");
    assert_refused("--bitrate 1k", "from 100000 to 50000000");
    assert_refused("--size 1280", "wanted WIDTHxHEIGHT");
    assert_refused("--size 1281x720", "wanted WIDTHxHEIGHT");
    assert_refused("--size 1280x720x", "wanted WIDTHxHEIGHT");
    assert_refused("--latency soon", "--latency: got 'soon', wanted auto or milliseconds");
    assert_refused("--mute=maybe", "wanted yes or no");
    assert_refused("a b c", "unexpected argument 'c'");
    assert_refused("--config /nonexistent/file", "--config /nonexistent/file: No such file");
    assert_refused("--config /tmp", "Is a directory");
}

static void list_is_bounded(void **state)
{
    (void)state;
    char line[1024] = "";
    for (int i = 0; i < SL_OPTION_LIST_MAX; i++)
        strcat(line, "--advertise h ");
    struct run r = run(line);
    assert_int_equal(r.result.status, -1);
    assert_int_equal(r.options.advertise.count, SL_OPTION_LIST_MAX);
    done(&r);
    strcat(line, "--advertise h");
    assert_refused(line, "at most 32");
}

static void help_version_check(void **state)
{
    (void)state;
    struct run r = run("--help");
    assert_int_equal(r.result.status, 0);
    assert_non_null(strstr(r.out, "usage: prog [run] --to LINK\n"));
    assert_non_null(strstr(r.out, "Does things."));
    assert_non_null(strstr(r.out, "--fps N"));
    assert_non_null(strstr(r.out, "pictures a second (default 30)"));
    assert_non_null(strstr(r.out, "  -o FILE"));
    assert_non_null(strstr(r.out, "--check-config"));
    done(&r);
    r = run("--version");
    assert_int_equal(r.result.status, 0);
    assert_string_equal(r.out, "prog " SL_VERSION "\n");
    done(&r);
    r = run("--check-config --fps 5");
    assert_int_equal(r.result.status, 0);
    assert_string_equal(r.out, "ok\n");
    done(&r);
    assert_refused("--check-config --fps x", "--fps");
}

static void config_file(void **state)
{
    (void)state;
    const char *text = "# cameras\n[media]\nfps = 10\nmute = yes\nto = https://h/x#frag\n"
                       "advertise = a\nadvertise = b ; note\n\n[disk]\nkeep=5s\no = f.mkv\n";
    struct run r = run_config(text, "", "");
    assert_string_equal(r.err, "");
    assert_int_equal(r.result.status, -1);
    assert_int_equal(r.options.fps, 10);
    assert_true(r.options.mute);
    assert_string_equal(r.options.to, "https://h/x#frag");
    assert_int_equal(r.options.advertise.count, 2);
    assert_string_equal(r.options.advertise.items[1], "b");
    assert_int_equal(r.options.keep, 5 * SL_SEC);
    assert_string_equal(r.options.output, "f.mkv");
    done(&r);

    r = run_config("to = one\n  fps = 12\n\tmute = yes\n   # note\n", "", ""); /* indented */
    assert_string_equal(r.err, "");
    assert_string_equal(r.options.to, "one");
    assert_int_equal(r.options.fps, 12);
    assert_true(r.options.mute);
    done(&r);

    /* A flag wins over the file on whichever side of --config it stands. */
    r = run_config(text, "--fps 20 --advertise z", "--mute=no");
    assert_int_equal(r.result.status, -1);
    assert_int_equal(r.options.fps, 20);
    assert_false(r.options.mute);
    assert_int_equal(r.options.advertise.count, 1);
    assert_string_equal(r.options.advertise.items[0], "z");
    done(&r);
}

static void assert_config_refused(const char *text, int line, const char *part)
{
    struct run r = run_config(text, "", "");
    char place[32];
    snprintf(place, sizeof(place), ":%d: ", line);
    assert_one_line(&r, place);
    assert_one_line(&r, part);
    done(&r);
}

static void config_refusals(void **state)
{
    (void)state;
    assert_config_refused("fps = 5\nfsp = 6\nkeep = 5\n", 2, "unknown key 'fsp'");
    assert_config_refused("\n\nfps = many\n", 3, "fps: got 'many', wanted a whole number");
    assert_config_refused("mute\n", 1, "wanted key = value");
    assert_config_refused("fps = 5\nmute = perhaps\n", 2, "wanted yes or no");
    assert_config_refused("help = yes\n", 1, "unknown key 'help'");
    char text[600] = "fps = 5\nto = ";
    memset(text + strlen(text), 'x', 500);
    assert_config_refused(text, 2, "too long");
    struct run r = run_config("fps = 0\n", "", "--check-config");
    assert_one_line(&r, ":1: fps");
    done(&r);
}

static void units(void **state)
{
    (void)state;
    int64_t v = -7;
    assert_int_equal(sl_parse_duration("0", &v), 0);
    assert_int_equal(v, 0);
    assert_int_equal(sl_parse_duration("250ms", &v), 0);
    assert_int_equal(v, 250 * SL_MS);
    assert_int_equal(sl_parse_duration("2h", &v), 0);
    assert_int_equal(v, 7200 * SL_SEC);
    v = -7;
    assert_int_equal(sl_parse_duration("-5s", &v), -EINVAL);
    assert_int_equal(sl_parse_duration("", &v), -EINVAL);
    assert_int_equal(sl_parse_duration("s", &v), -EINVAL);
    assert_int_equal(sl_parse_duration("5s ", &v), -EINVAL);
    assert_int_equal(sl_parse_size("k", &v), -EINVAL);
    assert_int_equal(sl_parse_rate("1G", &v), -EINVAL);
    assert_int_equal(sl_parse_int("5", 6, 7, &v), -EINVAL);
    assert_int_equal(sl_parse_int("--5", -9, 7, &v), -EINVAL);
    assert_int_equal(v, -7); /* outputs on success only */
    assert_int_equal(sl_parse_int("-5", -9, 7, &v), 0);
    assert_int_equal(v, -5);
    assert_int_equal(sl_parse_size("64k", &v), 0);
    assert_int_equal(v, 65536);
    assert_int_equal(sl_parse_rate("2M", &v), 0);
    assert_int_equal(v, 2000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),           cmocka_unit_test(values_in_both_forms),
        cmocka_unit_test(refusals),           cmocka_unit_test(list_is_bounded),
        cmocka_unit_test(help_version_check), cmocka_unit_test(config_file),
        cmocka_unit_test(config_refusals),    cmocka_unit_test(units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
