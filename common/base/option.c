/* SPDX-License-Identifier: MIT */
#include "base/option.h"

#include <errno.h>
#include <ini.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define OPTIONS_MAX 128
#define CONFIG_BYTES_MAX (1 << 20)
#define WANTED_MAX 160

/* Where a value comes from; a LIST from a stronger source replaces one from a weaker. */
enum source { SOURCE_NONE, SOURCE_DEFAULT, SOURCE_FILE, SOURCE_FLAG };

struct parse {
    const struct sl_option_table *table;
    void *options;
    FILE *err;
    uint8_t list_source[OPTIONS_MAX]; /* enum source, per option */

    bool help, version, check;
    const char *config;
    bool failed; /* the one line is out */

    FILE *file;
    bool line_too_long;
    char *texts; /* values out of the config file */
    size_t texts_left;
    char first_error[512]; /* of the config file */
};

static const struct sl_option built_in[] = {
    {.name = "config", .type = SL_OPTION_TEXT, .value = "FILE", .help = "read options from FILE"},
    {.name = "check-config", .type = SL_OPTION_FLAG, .help = "check all options, print ok, exit"},
    {.name = "help", .type = SL_OPTION_FLAG, .help = "print this, exit"},
    {.name = "version", .type = SL_OPTION_FLAG, .help = "print the version, exit"},
    {.name = NULL},
};

/* ---- Values ---- */

/* Decimal digits up to `*end`; -EINVAL if there are none or they overflow. */
static int parse_digits(const char *text, const char **end, int64_t *ret)
{
    int64_t value = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *at - '0', &value))
            return -EINVAL;
    if (at == text)
        return -EINVAL;
    *end = at;
    *ret = value;
    return 0;
}

struct unit {
    const char *suffix;
    int64_t factor;
};

static int parse_with_unit(const char *text, const struct unit *units, int64_t *ret)
{
    const char *rest;
    int64_t value;
    if (parse_digits(text, &rest, &value) != 0)
        return -EINVAL;
    for (; units->suffix; units++) {
        if (strcmp(rest, units->suffix) != 0)
            continue;
        if (__builtin_mul_overflow(value, units->factor, &value))
            return -EINVAL;
        *ret = value;
        return 0;
    }
    return -EINVAL;
}

int sl_parse_duration(const char *text, sl_ns *ret)
{
    static const struct unit units[] = {
        {"ms", SL_MS},        {"s", SL_SEC},         {"m", 60 * SL_SEC},
        {"h", 3600 * SL_SEC}, {"d", 86400 * SL_SEC}, {NULL, 0},
    };
    if (strcmp(text, "0") == 0) {
        *ret = 0;
        return 0;
    }
    return parse_with_unit(text, units, ret);
}

int sl_parse_size(const char *text, int64_t *ret)
{
    static const struct unit units[] = {
        {"", 1},
        {"k", (int64_t)1 << 10},
        {"M", (int64_t)1 << 20},
        {"G", (int64_t)1 << 30},
        {"T", (int64_t)1 << 40},
        {NULL, 0},
    };
    return parse_with_unit(text, units, ret);
}

int sl_parse_rate(const char *text, int64_t *ret)
{
    static const struct unit units[] = {{"", 1}, {"k", 1000}, {"M", 1000000}, {NULL, 0}};
    return parse_with_unit(text, units, ret);
}

int sl_parse_int(const char *text, int64_t min, int64_t max, int64_t *ret)
{
    const bool negative = text[0] == '-';
    const char *rest;
    int64_t value;
    if (parse_digits(text + negative, &rest, &value) != 0 || *rest)
        return -EINVAL;
    if (negative)
        value = -value;
    if (value < min || value > max)
        return -EINVAL;
    *ret = value;
    return 0;
}

static int parse_frame(const char *text, struct sl_frame_size *ret)
{
    const char *rest;
    int64_t width, height;
    if (parse_digits(text, &rest, &width) != 0 || *rest != 'x' ||
        parse_digits(rest + 1, &rest, &height) != 0 || *rest)
        return -EINVAL;
    if (width < 16 || width > 8192 || height < 16 || height > 8192 || width % 2 || height % 2)
        return -EINVAL;
    *ret = (struct sl_frame_size){.width = (int)width, .height = (int)height};
    return 0;
}

static int parse_yes_no(const char *text, bool *ret)
{
    const bool yes = strcmp(text, "yes") == 0;
    if (!yes && strcmp(text, "no") != 0)
        return -EINVAL;
    *ret = yes;
    return 0;
}

static bool has_range(const struct sl_option *option)
{
    return option->min || option->max;
}

static bool in_range(const struct sl_option *option, int64_t value)
{
    return !has_range(option) || (value >= option->min && value <= option->max);
}

/* A range in the unit in which a user thinks of the type. */
static void write_range(const struct sl_option *option, int64_t unit, const char *suffix,
                        char *wanted)
{
    const size_t len = strlen(wanted);
    if (has_range(option))
        snprintf(wanted + len, WANTED_MAX - len, ", from %" PRId64 "%s to %" PRId64 "%s",
                 option->min / unit, suffix, option->max / unit, suffix);
}

static int set_number(const struct sl_option *option, void *field, const char *text,
                      char wanted[WANTED_MAX])
{
    int64_t value = 0;
    int err;
    switch (option->type) {
    case SL_OPTION_DURATION:
        err = sl_parse_duration(text, &value);
        snprintf(wanted, WANTED_MAX, "a duration like 250ms, 5s, 15m, 2h or 30d");
        write_range(option, SL_MS, "ms", wanted);
        break;
    case SL_OPTION_SIZE:
        err = sl_parse_size(text, &value);
        snprintf(wanted, WANTED_MAX, "a size in bytes like 64k, 5M or 500G");
        write_range(option, 1, "", wanted);
        break;
    case SL_OPTION_RATE:
        err = sl_parse_rate(text, &value);
        snprintf(wanted, WANTED_MAX, "a rate in bits/s like 300k or 2M");
        write_range(option, 1, "", wanted);
        break;
    default:
        err = sl_parse_int(text, has_range(option) ? option->min : 0,
                           has_range(option) ? option->max : INT32_MAX, &value);
        snprintf(wanted, WANTED_MAX, "a whole number");
        write_range(option, 1, "", wanted);
        break;
    }
    if (err != 0 || !in_range(option, value))
        return -EINVAL;
    if (option->type == SL_OPTION_INT)
        *(int *)field = (int)value;
    else
        *(int64_t *)field = value;
    return 0;
}

static int add_to_list(struct parse *parse, const struct sl_option *option,
                       struct sl_option_list *list, const char *text, enum source source,
                       char wanted[WANTED_MAX])
{
    uint8_t *held = &parse->list_source[option - parse->table->options];
    if (*held != source)
        list->count = 0;
    *held = (uint8_t)source;
    if (list->count == SL_OPTION_LIST_MAX) {
        snprintf(wanted, WANTED_MAX, "at most %d of these", SL_OPTION_LIST_MAX);
        return -EINVAL;
    }
    list->items[list->count++] = text;
    return 0;
}

/* `text` must live on. 0, or -EINVAL with `wanted` written. */
static int set_value(struct parse *parse, const struct sl_option *option, const char *text,
                     enum source source, char wanted[WANTED_MAX])
{
    void *field = (char *)parse->options + option->offset;
    switch (option->type) {
    case SL_OPTION_FLAG:
        snprintf(wanted, WANTED_MAX, "yes or no");
        return parse_yes_no(text, field);
    case SL_OPTION_TEXT:
        *(const char **)field = text;
        return 0;
    case SL_OPTION_FRAME:
        snprintf(wanted, WANTED_MAX, "WIDTHxHEIGHT, both even and from 16 to 8192");
        return parse_frame(text, field);
    case SL_OPTION_LIST:
        return add_to_list(parse, option, field, text, source, wanted);
    case SL_OPTION_CUSTOM:
        snprintf(wanted, WANTED_MAX, "%s", option->value ? option->value : "another value");
        return option->parse(parse->options, text, wanted, WANTED_MAX);
    default:
        return set_number(option, field, text, wanted);
    }
}

/* ---- Finding options ---- */

static const struct sl_option *find_in(const struct sl_option *options, const char *name,
                                       size_t len)
{
    for (; options->name; options++)
        if (strlen(options->name) == len && memcmp(options->name, name, len) == 0)
            return options;
    return NULL;
}

/* One line, and only the first. */
static SL_PRINTF(2, 3) void fail(struct parse *parse, const char *format, ...)
{
    if (parse->failed)
        return;
    parse->failed = true;
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    for (char *at = line; *at; at++)
        if ((unsigned char)*at < 0x20)
            *at = '?';
    fprintf(parse->err, "%s: %s\n", parse->table->program, line);
}

/* ---- Command line ---- */

static void take_built_in(struct parse *parse, const struct sl_option *option, const char *value)
{
    switch (option - built_in) {
    case 0:
        parse->config = value;
        break;
    case 1:
        parse->check = true;
        break;
    case 2:
        parse->help = true;
        break;
    default:
        parse->version = true;
        break;
    }
}

/* Handles the flag at argv[*at] and moves *at past its value. apply false: only what is built in.
 */
static void take_flag(struct parse *parse, int argc, char **argv, int *at, bool apply)
{
    const char *given = argv[*at];
    const char *name = given + (given[1] == '-' ? 2 : 1);
    const size_t len = strcspn(name, "=");
    const char *value = name[len] ? name + len + 1 : NULL;
    const struct sl_option *option = find_in(parse->table->options, name, len);
    const struct sl_option *own = find_in(built_in, name, len);
    /* One dash is for names of one letter. */
    if ((!option && !own) || (given[1] != '-' && len != 1)) {
        fail(parse, "unknown option %.*s (--help lists them)", (int)(len + (size_t)(name - given)),
             given);
        return;
    }
    const struct sl_option *known = own ? own : option;
    if (known->type == SL_OPTION_FLAG) {
        if (!value)
            value = "yes";
    } else if (!value) {
        const char *next = *at + 1 < argc ? argv[*at + 1] : NULL;
        if (!next || strncmp(next, "--", 2) == 0) {
            fail(parse, "%s: no value given, wanted %s", given,
                 known->value ? known->value : "one");
            return;
        }
        value = next;
        ++*at;
    }
    if (own && !apply) {
        take_built_in(parse, own, value);
    } else if (option && apply) {
        char wanted[WANTED_MAX];
        if (set_value(parse, option, value, SOURCE_FLAG, wanted) != 0)
            fail(parse, "--%s: got '%s', wanted %s", option->name, value, wanted);
    }
}

static void walk_arguments(struct parse *parse, int argc, char **argv, bool apply,
                           struct sl_option_result *result)
{
    bool flags = true;
    result->positional_count = 0;
    for (int i = 1; i < argc && !parse->failed; i++) {
        if (flags && strcmp(argv[i], "--") == 0) {
            flags = false;
        } else if (flags && argv[i][0] == '-' && argv[i][1]) {
            take_flag(parse, argc, argv, &i, apply);
        } else if (result->positional_count >= parse->table->positional_max ||
                   result->positional_count >= (int)SL_COUNT(result->positional)) {
            fail(parse, "unexpected argument '%s' (--help shows the usage)", argv[i]);
        } else {
            result->positional[result->positional_count++] = argv[i];
        }
    }
}

/* ---- Config file ---- */

/* For ini_parse_stream: whole lines only, since libinih would take the rest for another line. */
static char *read_line(char *line, int size, void *stream)
{
    struct parse *parse = stream;
    if (parse->line_too_long || !fgets(line, size, parse->file))
        return NULL;
    if (!strchr(line, '\n') && !feof(parse->file)) {
        parse->line_too_long = true;
        snprintf(parse->first_error, sizeof(parse->first_error),
                 "the line is too long (at most %d characters)", size - 2);
        /* No key and no comment, so that libinih counts this line as the bad one. */
        snprintf(line, (size_t)size, "-\n");
    }
    /* libinih would take a line that begins with blanks for more of the value before. */
    const size_t blanks = strspn(line, " \t");
    memmove(line, line + blanks, strlen(line + blanks) + 1);
    return line;
}

static const char *keep_text(struct parse *parse, const char *text)
{
    const size_t len = strlen(text) + 1;
    if (len > parse->texts_left)
        return NULL;
    char *kept = memcpy(parse->texts, text, len);
    parse->texts += len;
    parse->texts_left -= len;
    return kept;
}

/* 1: fine. Sections only group: their names mean nothing. */
static int take_key(void *user, const char *section, const char *name, const char *text)
{
    (void)section;
    struct parse *parse = user;
    if (parse->first_error[0])
        return 0;
    const struct sl_option *option = find_in(parse->table->options, name, strlen(name));
    char wanted[WANTED_MAX];
    if (!option) {
        snprintf(parse->first_error, sizeof(parse->first_error),
                 "unknown key '%.100s' (--help lists them)", name);
        return 0;
    }
    const char *kept = keep_text(parse, text);
    if (!kept)
        snprintf(parse->first_error, sizeof(parse->first_error), "the file grew while being read");
    else if (set_value(parse, option, kept, SOURCE_FILE, wanted) != 0)
        snprintf(parse->first_error, sizeof(parse->first_error), "%s: got '%.200s', wanted %s",
                 option->name, text, wanted);
    return !parse->first_error[0];
}

/* The texts of options live as long as the process: a mapping that is never given back. */
static int map_texts(struct parse *parse)
{
    struct stat st;
    if (fstat(fileno(parse->file), &st) != 0)
        return -errno;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    if (st.st_size > CONFIG_BYTES_MAX)
        return -EFBIG;
    /* A line "k=v" holds at least one byte more than the value and its NUL take. */
    parse->texts_left = S_ISREG(st.st_mode) ? (size_t)st.st_size + 2 : CONFIG_BYTES_MAX;
    void *map =
        mmap(NULL, parse->texts_left, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        return -errno;
    parse->texts = map;
    return 0;
}

static void read_config(struct parse *parse)
{
    parse->file = fopen(parse->config, "re");
    int err = parse->file ? map_texts(parse) : -errno;
    if (err != 0) {
        fail(parse, "--config %s: %s", parse->config, strerror(-err));
    } else {
        const int line = ini_parse_stream(read_line, parse, take_key, parse);
        if (line != 0)
            fail(parse, "%s:%d: %s", parse->config, line,
                 parse->first_error[0] ? parse->first_error : "wanted key = value");
    }
    if (parse->file)
        fclose(parse->file);
    parse->file = NULL;
}

/* ---- Whole ---- */

static void set_defaults(struct parse *parse)
{
    const struct sl_option *option = parse->table->options;
    for (; option->name; option++) {
        char wanted[WANTED_MAX];
        if (option->initial &&
            set_value(parse, option, option->initial, SOURCE_DEFAULT, wanted) != 0)
            fail(parse, "--%s: its default '%s' is wrong, wanted %s", option->name, option->initial,
                 wanted);
    }
}

static void print_option(const struct sl_option *option, FILE *out)
{
    char left[80];
    snprintf(left, sizeof(left), "%s%s%s%s", option->name[1] ? "--" : "-", option->name,
             option->value ? " " : "", option->value ? option->value : "");
    fprintf(out, "  %-30s  %s", left, option->help ? option->help : "");
    if (option->initial && option->initial[0])
        fprintf(out, " (default %s)", option->initial);
    fputc('\n', out);
}

void sl_option_print(const struct sl_option_table *table, FILE *out)
{
    fprintf(out, "usage: %s\n\n%s\n\n", table->synopsis, table->summary);
    for (const struct sl_option *option = table->options; option->name; option++)
        print_option(option, out);
    for (const struct sl_option *option = built_in; option->name; option++)
        print_option(option, out);
}

struct sl_option_result sl_option_parse(const struct sl_option_table *table, void *options,
                                        int argc, char **argv, FILE *out, FILE *err)
{
    struct parse parse = {.table = table, .options = options, .err = err};
    struct sl_option_result result = {.status = -1};
    size_t count = 0;
    while (table->options[count].name)
        count++;
    if (count > OPTIONS_MAX)
        fail(&parse, "more than %d options in the table", OPTIONS_MAX);

    /* First what is built in: which file to read must be known before flags go over it. */
    walk_arguments(&parse, argc, argv, false, &result);
    if (!parse.failed && parse.help) {
        sl_option_print(table, out);
        result.status = 0;
        return result;
    }
    if (!parse.failed && parse.version) {
        fprintf(out, "%s %s\n", table->program, SL_VERSION);
        result.status = 0;
        return result;
    }
    if (!parse.failed)
        set_defaults(&parse);
    if (!parse.failed && parse.config)
        read_config(&parse);
    if (!parse.failed)
        walk_arguments(&parse, argc, argv, true, &result);
    if (parse.failed) {
        result.status = 2;
    } else if (parse.check) {
        fputs("ok\n", out);
        result.status = 0;
    }
    return result;
}
