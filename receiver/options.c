/* SPDX-License-Identifier: MIT */
#include "receiver/options.h"

#include <errno.h>
#include <string.h>

#include "receiver/catalogue.h"
#include "receiver/export_file.h"
#include "receiver/when.h"
#include "whip/link.h"

#define PROGRAM "sightline-receiver"

static int parse_addr(struct sl_addr *ret, const char *text, char *wanted, size_t wanted_len)
{
    if (sl_addr_parse(ret, text) == 0)
        return 0;
    snprintf(wanted, wanted_len, "ADDR:PORT like 0.0.0.0:8443 or [::]:8443");
    return -EINVAL;
}

static int parse_listen(void *options, const char *text, char *wanted, size_t wanted_len)
{
    struct sl_receiver_options *o = options;
    return parse_addr(&o->listen, text, wanted, wanted_len);
}

static int parse_media(void *options, const char *text, char *wanted, size_t wanted_len)
{
    struct sl_receiver_options *o = options;
    return parse_addr(&o->media, text, wanted, wanted_len);
}

static int parse_record(void *options, const char *text, char *wanted, size_t wanted_len)
{
    static const char *const names[] = {
        [SL_RECORD_ALWAYS] = "always", [SL_RECORD_MOTION] = "motion", [SL_RECORD_OFF] = "off"};
    struct sl_receiver_options *o = options;
    for (size_t i = 0; i < SL_COUNT(names); i++) {
        if (strcmp(text, names[i]) != 0)
            continue;
        o->record.mode = (enum sl_record_mode)i;
        o->record_given = true;
        return 0;
    }
    snprintf(wanted, wanted_len, "always, motion or off");
    return -EINVAL;
}

static int parse_span(sl_ns *ret, bool *given, const char *text, sl_ns max, char *wanted,
                      size_t wanted_len)
{
    *given = sl_parse_duration(text, ret) == 0 && *ret <= max;
    if (*given)
        return 0;
    snprintf(wanted, wanted_len, "a duration up to %ds like 5s", (int)(max / SL_SEC));
    return -EINVAL;
}

static int parse_pre(void *options, const char *text, char *wanted, size_t wanted_len)
{
    struct sl_receiver_options *o = options;
    return parse_span(&o->record.pre, &o->pre_given, text, SL_RECORD_PRE_MAX, wanted, wanted_len);
}

static int parse_post(void *options, const char *text, char *wanted, size_t wanted_len)
{
    struct sl_receiver_options *o = options;
    return parse_span(&o->record.post, &o->post_given, text, SL_RECORD_POST_MAX, wanted,
                      wanted_len);
}

static int parse_gaps(void *options, const char *text, char *wanted, size_t wanted_len)
{
    struct sl_receiver_options *o = options;
    if (strcmp(text, "keep") != 0 && strcmp(text, "close") != 0) {
        snprintf(wanted, wanted_len, "keep or close");
        return -EINVAL;
    }
    o->close_gaps = strcmp(text, "close") == 0;
    return 0;
}

static int parse_keep(void *options, const char *text, char *wanted, size_t wanted_len)
{
    struct sl_receiver_options *o = options;
    sl_ns keep = 0;
    o->keep.us_given = true;
    o->keep.us = SL_STORE_AS_ALL;
    if (strcmp(text, "default") == 0)
        return 0;
    if (sl_parse_duration(text, &keep) != 0) {
        snprintf(wanted, wanted_len, "a duration like 30d or 12h, 0 for ever, or default");
        return -EINVAL;
    }
    o->keep.us = keep / SL_US;
    return 0;
}

static int parse_bytes(int64_t *ret, bool *given, const char *text, char *wanted, size_t wanted_len)
{
    *given = true;
    *ret = SL_STORE_AS_ALL;
    if (strcmp(text, "default") == 0 || sl_parse_size(text, ret) == 0)
        return 0;
    snprintf(wanted, wanted_len, "a size in bytes like 5M or 500G, 0 for no limit, or default");
    return -EINVAL;
}

static int parse_keep_bytes(void *options, const char *text, char *wanted, size_t wanted_len)
{
    struct sl_receiver_options *o = options;
    return parse_bytes(&o->keep.bytes, &o->keep.bytes_given, text, wanted, wanted_len);
}

static int parse_min_free(void *options, const char *text, char *wanted, size_t wanted_len)
{
    struct sl_receiver_options *o = options;
    return parse_bytes(&o->keep.min_free, &o->keep.min_free_given, text, wanted, wanted_len);
}

#define FIELD(name) offsetof(struct sl_receiver_options, name)

static const struct sl_option options_of_receiver[] = {
    {.name = "data",
     .type = SL_OPTION_TEXT,
     .offset = FIELD(data),
     .value = "DIR",
     .help = "the data store; made by the first command that needs it"},
    {.name = "listen",
     .type = SL_OPTION_CUSTOM,
     .value = "ADDR:PORT",
     .initial = "0.0.0.0:8443",
     .parse = parse_listen,
     .help = "run: where HTTPS listens; port 0 chooses a free one"},
    {.name = "media",
     .type = SL_OPTION_CUSTOM,
     .value = "ADDR:PORT",
     .parse = parse_media,
     .help = "run: UDP for all media (default: as --listen)"},
    {.name = "advertise",
     .type = SL_OPTION_LIST,
     .offset = FIELD(advertise),
     .value = "HOST[:PORT]",
     .help = "run: a further media address that peers are told; may be repeated"},
    {.name = "recordings",
     .type = SL_OPTION_TEXT,
     .offset = FIELD(recordings),
     .value = "DIR",
     .help = "where recordings are kept (default: recordings in the data store)"},
    {.name = "segment",
     .type = SL_OPTION_DURATION,
     .offset = FIELD(segment),
     .min = SL_SEC,
     .max = 24 * 3600 * SL_SEC,
     .initial = "15m",
     .help = "run: a file of a recording ends at each multiple of this, by UTC"},
    {.name = "keep",
     .type = SL_OPTION_CUSTOM,
     .value = "DURATION",
     .parse = parse_keep,
     .help = "run, camera set: how long recordings are kept; 0: for ever (30d)"},
    {.name = "keep-bytes",
     .type = SL_OPTION_CUSTOM,
     .value = "SIZE",
     .parse = parse_keep_bytes,
     .help = "run: how much of all cameras is kept, camera set: of one; 0: no limit (0)"},
    {.name = "min-free",
     .type = SL_OPTION_CUSTOM,
     .value = "SIZE",
     .parse = parse_min_free,
     .help = "run: what stays free on the disk (5G, a tenth of a smaller disk)"},
    {.name = "no-record",
     .type = SL_OPTION_FLAG,
     .offset = FIELD(no_record),
     .help = "run: record nothing"},
    {.name = "snapshot-every",
     .type = SL_OPTION_DURATION,
     .offset = FIELD(snapshot_every),
     .value = "TIME",
     .initial = "0",
     .help = "run: a JPEG of each camera so often, in snapshots in the data store; 0: only the "
             "latest"},
    {.name = "snapshot-keep",
     .type = SL_OPTION_DURATION,
     .offset = FIELD(snapshot_keep),
     .value = "TIME",
     .initial = "7d",
     .help = "run: how long they are kept; 0: for ever"},
    {.name = "trace",
     .type = SL_OPTION_TEXT,
     .offset = FIELD(trace),
     .value = "FILE",
     .help = "run: write there when each frame passed through, for sightline-bench"},
    {.name = "verbose",
     .type = SL_OPTION_FLAG,
     .offset = FIELD(verbose),
     .help = "say more on standard error"},
    {.name = "location",
     .type = SL_OPTION_TEXT,
     .offset = FIELD(location),
     .value = "TEXT",
     .help = "camera add: where the camera is"},
    {.name = "record",
     .type = SL_OPTION_CUSTOM,
     .value = "always|motion|off",
     .parse = parse_record,
     .help = "camera set: when the camera is recorded"},
    {.name = "pre",
     .type = SL_OPTION_CUSTOM,
     .value = "DURATION",
     .parse = parse_pre,
     .help = "camera set: recorded by motion, so long before it (5s)"},
    {.name = "post",
     .type = SL_OPTION_CUSTOM,
     .value = "DURATION",
     .parse = parse_post,
     .help = "camera set: and so long after it (10s)"},
    {.name = "host",
     .type = SL_OPTION_TEXT,
     .offset = FIELD(host),
     .value = "HOST:PORT",
     .help = "links: how peers reach the receiver (default: where the last run listened)"},
    {.name = "camera",
     .type = SL_OPTION_TEXT,
     .offset = FIELD(camera),
     .value = "NAME",
     .help = "export, recordings: whose"},
    {.name = "from",
     .type = SL_OPTION_TEXT,
     .offset = FIELD(from),
     .value = "T",
     .help = "export, recordings: the first moment, like 2026-11-20T14:30:00Z, \"2026-11-20 14:30\""
             " (local), -2h"},
    {.name = "to",
     .type = SL_OPTION_TEXT,
     .offset = FIELD(to),
     .value = "T",
     .help = "export, recordings: the moment behind the last one; also now"},
    {.name = "at",
     .type = SL_OPTION_TEXT,
     .offset = FIELD(at),
     .value = "T",
     .help = "recordings mark: of what moment (now)"},
    {.name = "o",
     .type = SL_OPTION_TEXT,
     .offset = FIELD(output),
     .value = "FILE",
     .help = "export: its ending chooses mp4, mkv, mov (as recorded), webm or avi (encoded anew)"},
    {.name = "fast",
     .type = SL_OPTION_FLAG,
     .offset = FIELD(fast),
     .help = "export: begin at the key frame before, and encode nothing"},
    {.name = "gaps",
     .type = SL_OPTION_CUSTOM,
     .value = "keep|close",
     .initial = "keep",
     .parse = parse_gaps,
     .help = "export: where nothing was recorded, the last picture stays, or the next one follows"},
    {.name = "force",
     .type = SL_OPTION_FLAG,
     .offset = FIELD(force),
     .help = "export: replace FILE"},
    {.name = "json",
     .type = SL_OPTION_FLAG,
     .offset = FIELD(json),
     .help = "recordings list, usage and marks: for programs"},
    {.name = "dry-run",
     .type = SL_OPTION_FLAG,
     .offset = FIELD(dry_run),
     .help = "retention: say what would be deleted"},
    {.name = "deep",
     .type = SL_OPTION_FLAG,
     .offset = FIELD(deep),
     .help = "check: read every byte of every file"},
    {.name = NULL},
};

const struct sl_option_table sl_receiver_option_table = {
    .program = PROGRAM,
    .synopsis =
        PROGRAM " [run] --data DIR [--listen ADDR:PORT] [OPTION]...\n"
                "       " PROGRAM " camera add|set|link|remove NAME | camera list  --data DIR\n"
                "       " PROGRAM " viewer add|remove NAME | viewer list  --data DIR\n"
                "       " PROGRAM " export --camera NAME --from T --to T -o FILE  --data DIR\n"
                "       " PROGRAM " recordings list|usage  --data DIR\n"
                "       " PROGRAM " recordings lock|unlock --camera NAME --from T --to T"
                "  --data DIR\n"
                "       " PROGRAM " recordings mark --camera NAME [--at T] TEXT  --data DIR\n"
                "       " PROGRAM " recordings marks | unmark NUMBER  --data DIR\n"
                "       " PROGRAM " retention --dry-run  --data DIR\n"
                "       " PROGRAM " check [--deep] | rebuild  --data DIR [--recordings DIR]",
    .summary = "Takes cameras in and gives them out to viewers; camera and viewer commands print\n"
               "enrolment links and work beside a running receiver.",
    .options = options_of_receiver,
    .positional_max = 3,
};

/* The word behind noun and verb. */
enum third { NONE, NAME, TEXT, NUMBER };

static const struct {
    const char *noun, *verb;
    enum sl_command command;
    enum third third;
} commands[] = {
    {"run", NULL, SL_COMMAND_RUN, NONE},
    {"camera", "add", SL_COMMAND_CAMERA_ADD, NAME},
    {"camera", "list", SL_COMMAND_CAMERA_LIST, NONE},
    {"camera", "link", SL_COMMAND_CAMERA_LINK, NAME},
    {"camera", "remove", SL_COMMAND_CAMERA_REMOVE, NAME},
    {"camera", "set", SL_COMMAND_CAMERA_SET, NAME},
    {"viewer", "add", SL_COMMAND_VIEWER_ADD, NAME},
    {"viewer", "list", SL_COMMAND_VIEWER_LIST, NONE},
    {"viewer", "remove", SL_COMMAND_VIEWER_REMOVE, NAME},
    {"export", NULL, SL_COMMAND_EXPORT, NONE},
    {"recordings", "list", SL_COMMAND_RECORDINGS_LIST, NONE},
    {"recordings", "usage", SL_COMMAND_RECORDINGS_USAGE, NONE},
    {"recordings", "lock", SL_COMMAND_RECORDINGS_LOCK, NONE},
    {"recordings", "unlock", SL_COMMAND_RECORDINGS_UNLOCK, NONE},
    {"recordings", "mark", SL_COMMAND_RECORDINGS_MARK, TEXT},
    {"recordings", "marks", SL_COMMAND_RECORDINGS_MARKS, NONE},
    {"recordings", "unmark", SL_COMMAND_RECORDINGS_UNMARK, NUMBER},
    {"retention", NULL, SL_COMMAND_RETENTION, NONE},
    {"check", NULL, SL_COMMAND_CHECK, NONE},
    {"rebuild", NULL, SL_COMMAND_REBUILD, NONE},
};

int sl_host_port_parse(const char *text, char host[256], int *port)
{
    const char *start = text, *end, *after;
    if (*text == '[') {
        start++;
        end = strchr(start, ']');
        if (!end)
            return -EINVAL;
        after = end + 1;
    } else {
        end = strchr(text, ':');
        if (!end)
            end = text + strlen(text);
        else if (strchr(end + 1, ':'))
            return -EINVAL; /* IPv6 wants brackets */
        after = end;
    }
    const size_t len = (size_t)(end - start);
    int64_t value = 0;
    if (len == 0 || len > 255 || (*after && *after != ':') ||
        (*after == ':' && sl_parse_int(after + 1, 1, 65535, &value) != 0))
        return -EINVAL;
    for (size_t i = 0; i < len; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:%",
                    start[i]))
            return -EINVAL;
    memcpy(host, start, len);
    host[len] = '\0';
    *port = (int)value;
    return 0;
}

static const char *verbs_of(const char *noun)
{
    return strcmp(noun, "camera") == 0       ? "add, list, link, set or remove"
           : strcmp(noun, "viewer") == 0     ? "add, list or remove"
           : strcmp(noun, "recordings") == 0 ? "list, usage, lock, unlock, mark, marks or unmark"
                                             : "";
}

static bool take_third(struct sl_receiver_options *options, enum third third, const char *word)
{
    if (third == NAME)
        options->name = word;
    else if (third == TEXT)
        options->text = word;
    return third != NUMBER || sl_parse_int(word, 1, INT64_MAX, &options->mark) == 0;
}

/* What the words that are not options ask for. False after one line on `err`. */
static bool find_command(struct sl_receiver_options *options, const struct sl_option_result *words,
                         FILE *err)
{
    if (words->positional_count == 0)
        return true; /* run */
    const char *noun = words->positional[0];
    const char *verb = words->positional_count > 1 ? words->positional[1] : NULL;
    const char *third = words->positional_count > 2 ? words->positional[2] : NULL;
    static const char *const missing[] = {[NAME] = "name given, wanted one like front-door",
                                          [TEXT] = "text given, wanted some words",
                                          [NUMBER] = "number given, wanted that of a mark"};
    bool noun_known = false;
    for (size_t i = 0; i < SL_COUNT(commands); i++) {
        if (strcmp(noun, commands[i].noun) != 0)
            continue;
        noun_known = true;
        if (commands[i].verb ? !verb || strcmp(verb, commands[i].verb) != 0 : verb != NULL)
            continue;
        if (commands[i].third != NONE && !third) {
            fprintf(err, PROGRAM ": %s %s: no %s\n", noun, verb, missing[commands[i].third]);
            return false;
        }
        if (commands[i].third == NONE && third) {
            fprintf(err, PROGRAM ": %s %s: unexpected argument '%s'\n", noun, verb, third);
            return false;
        }
        if (third && !take_third(options, commands[i].third, third)) {
            fprintf(err, PROGRAM ": %s %s: got '%s', wanted the number of a mark\n", noun, verb,
                    third);
            return false;
        }
        options->command = commands[i].command;
        return true;
    }
    if (!noun_known)
        fprintf(err,
                PROGRAM ": unknown command '%s', wanted run, camera, viewer, recordings, export, "
                        "retention, check or rebuild\n",
                noun);
    else if (!*verbs_of(noun))
        fprintf(err, PROGRAM ": %s: unexpected argument '%s'\n", noun, verb);
    else if (verb)
        fprintf(err, PROGRAM ": %s: unknown command '%s', wanted %s\n", noun, verb, verbs_of(noun));
    else
        fprintf(err, PROGRAM ": %s: no command given, wanted %s\n", noun, verbs_of(noun));
    return false;
}

/* Printable, and short enough for a label. */
static bool location_valid(const char *text)
{
    size_t len = 0;
    for (; text[len]; len++)
        if ((unsigned char)text[len] < 0x20 || text[len] == 0x7f)
            return false;
    return len <= 128;
}

/* The times are read when there is a clock to read them by: receiver/export_command.h. */
static bool check_export(const struct sl_receiver_options *options, FILE *err)
{
    enum sl_export_kind kind;
    const char *missing = !options->camera   ? "--camera given, wanted the name of one"
                          : !options->from   ? "--from given, wanted " SL_WHEN_WANTED
                          : !options->to     ? "--to given, wanted " SL_WHEN_WANTED
                          : !options->output ? "-o given, wanted a file"
                                             : NULL;
    if (missing) {
        fprintf(err, PROGRAM ": export: no %s\n", missing);
        return false;
    }
    if (!sl_name_valid(options->camera)) {
        fprintf(err, PROGRAM ": export: --camera: got '%s', wanted the name of a camera\n",
                options->camera);
        return false;
    }
    if (sl_export_kind_of(options->output, &kind) != 0) {
        fprintf(err,
                PROGRAM ": export: -o: got '%s', wanted an ending of mp4, mkv, mov, webm or avi\n",
                options->output);
        return false;
    }
    return true;
}

static bool check_set(const struct sl_receiver_options *options, FILE *err)
{
    if (options->record_given || options->pre_given || options->post_given ||
        options->keep.us_given || options->keep.bytes_given)
        return true;
    fprintf(err, PROGRAM ": camera set: nothing to set, wanted --record, --pre, --post, --keep or "
                         "--keep-bytes\n");
    return false;
}

static bool check_mark(const struct sl_receiver_options *options, FILE *err)
{
    const char *wrong = sl_mark_text_wrong(options->text);
    if (!options->camera)
        fprintf(err, PROGRAM ": recordings mark: no --camera given, wanted the name of one\n");
    else if (wrong) /* which is not printed: it may hold anything */
        fprintf(err, PROGRAM ": recordings mark: the text: wanted %s\n", wrong);
    return options->camera && !wrong;
}

/* A range is given in full where something is changed by it. */
static bool check_recordings(const struct sl_receiver_options *options, FILE *err)
{
    const bool lock = options->command == SL_COMMAND_RECORDINGS_LOCK;
    if (options->command == SL_COMMAND_CAMERA_SET)
        return check_set(options, err);
    if (options->command == SL_COMMAND_RETENTION && !options->dry_run) {
        fprintf(err,
                PROGRAM ": retention: wanted --dry-run; a running receiver deletes by itself\n");
        return false;
    }
    if (options->camera && !sl_name_valid(options->camera)) {
        fprintf(err, PROGRAM ": --camera: got '%s', wanted the name of a camera\n",
                options->camera);
        return false;
    }
    if (options->command == SL_COMMAND_RECORDINGS_MARK)
        return check_mark(options, err);
    if (!lock && options->command != SL_COMMAND_RECORDINGS_UNLOCK)
        return true;
    const char *missing = !options->camera ? "--camera given, wanted the name of one"
                          : !options->from ? "--from given, wanted " SL_WHEN_WANTED
                          : !options->to   ? "--to given, wanted " SL_WHEN_WANTED
                                           : NULL;
    if (missing)
        fprintf(err, PROGRAM ": recordings %s: no %s\n", lock ? "lock" : "unlock", missing);
    return !missing;
}

static bool check_values(const struct sl_receiver_options *options, FILE *err)
{
    char host[256];
    int port;
    if (!options->data || !*options->data) {
        fprintf(err, PROGRAM ": no --data given, wanted the directory of the data store\n");
        return false;
    }
    if (options->name && !sl_name_valid(options->name)) {
        fprintf(err,
                PROGRAM ": name '%s', wanted 1 to 32 of a-z 0-9 _ - (a letter or digit first)\n",
                options->name);
        return false;
    }
    if (options->location && options->command == SL_COMMAND_CAMERA_ADD &&
        !location_valid(options->location)) {
        fprintf(err, PROGRAM ": --location: wanted at most 128 bytes of printable text\n");
        return false;
    }
    if (options->host && (sl_host_port_parse(options->host, host, &port) != 0 || port == 0)) {
        fprintf(err, PROGRAM ": --host: got '%s', wanted HOST:PORT\n", options->host);
        return false;
    }
    for (int i = 0; i < options->advertise.count; i++) {
        if (sl_host_port_parse(options->advertise.items[i], host, &port) != 0) {
            fprintf(err, PROGRAM ": --advertise: got '%s', wanted HOST or HOST:PORT\n",
                    options->advertise.items[i]);
            return false;
        }
    }
    return (options->command != SL_COMMAND_EXPORT || check_export(options, err)) &&
           check_recordings(options, err);
}

int sl_receiver_options_parse(struct sl_receiver_options *options, int argc, char **argv, FILE *out,
                              FILE *err)
{
    const struct sl_option_result result =
        sl_option_parse(&sl_receiver_option_table, options, argc, argv, out, err);
    if (result.status >= 0)
        return result.status;
    if (!find_command(options, &result, err) || !check_values(options, err))
        return 2;
    return -1;
}
