/* SPDX-License-Identifier: MIT */
#include "bench/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/impair.h"

#define SECONDS_MAX 3600
#define USUAL_BITRATE 4000000

static int parse_seconds(void *options, const char *text, char *wanted, size_t wanted_len)
{
    int64_t value;
    snprintf(wanted, wanted_len, "whole seconds, from 1 to %d", SECONDS_MAX);
    if (sl_parse_int(text, 1, SECONDS_MAX, &value) != 0)
        return -EINVAL;
    ((struct sl_bench_options *)options)->seconds = value * SL_SEC;
    return 0;
}

static int parse_seed(void *options, const char *text, char *wanted, size_t wanted_len)
{
    snprintf(wanted, wanted_len, "a whole number, from 0 to %lld", (long long)INT64_MAX);
    return sl_parse_int(text, 0, INT64_MAX, &((struct sl_bench_options *)options)->seed);
}

static int parse_peer(void *options, const char *text, char *wanted, size_t wanted_len)
{
    snprintf(wanted, wanted_len, "gstreamer or ffplay");
    if (strcmp(text, "gstreamer") != 0 && strcmp(text, "ffplay") != 0)
        return -EINVAL;
    ((struct sl_bench_options *)options)->peer = text;
    return 0;
}

static int parse_device(void *options, const char *text, char *wanted, size_t wanted_len)
{
    snprintf(wanted, wanted_len, "v4l2:DEVICE, such as v4l2:/dev/video0, or v4l2:auto");
    if (strncmp(text, "v4l2:", 5) != 0 || !text[5])
        return -EINVAL;
    ((struct sl_bench_options *)options)->device = text;
    return 0;
}

static int parse_preset(void *options, const char *text, char *wanted, size_t wanted_len)
{
    static const char *const presets[] = {"ultrafast", "superfast", "veryfast", "faster",
                                          "fast",      "medium",    "slow",     "slower",
                                          "veryslow",  "placebo"};
    for (size_t i = 0; i < SL_COUNT(presets); i++) {
        if (strcmp(text, presets[i]) == 0) {
            ((struct sl_bench_options *)options)->preset = text;
            return 0;
        }
    }
    snprintf(wanted, wanted_len, "a preset of x264: ultrafast, superfast, veryfast ... placebo");
    return -EINVAL;
}

#define AT(field) offsetof(struct sl_bench_options, field)
static const struct sl_option options[] = {
    {.name = "seconds",
     .type = SL_OPTION_CUSTOM,
     .value = "N",
     .initial = "10",
     .help = "how long each figure is measured",
     .parse = parse_seconds},
    {.name = "rounds",
     .type = SL_OPTION_INT,
     .offset = AT(rounds),
     .value = "N",
     .initial = "1",
     .help = "how often, each time with fresh programs",
     .min = 1,
     .max = 100},
    {.name = "seed",
     .type = SL_OPTION_CUSTOM,
     .value = "N",
     .initial = "1",
     .help = "of the scene and of losses: the same seed, the same of both",
     .parse = parse_seed},
    {.name = "peer",
     .type = SL_OPTION_CUSTOM,
     .value = "gstreamer|ffplay",
     .help = "measure this, too, in turns",
     .parse = parse_peer},
    {.name = "peers-only",
     .type = SL_OPTION_FLAG,
     .offset = AT(peers_only),
     .help = "leave Sightline out"},
    {.name = "floor",
     .type = SL_OPTION_FLAG,
     .offset = AT(floor),
     .help = "measure the source and the screen alone, too"},
    {.name = "full",
     .type = SL_OPTION_FLAG,
     .offset = AT(full),
     .help = "every cell, which takes long"},
    {.name = "json",
     .type = SL_OPTION_TEXT,
     .offset = AT(json),
     .value = "FILE",
     .help = "keep the results there, not among the state files"},
    {.name = "report",
     .type = SL_OPTION_TEXT,
     .offset = AT(report),
     .value = "FILE.html",
     .help = "write one page with plots, too"},
    {.name = "size",
     .type = SL_OPTION_FRAME,
     .offset = AT(size),
     .value = "WxH",
     .help = "one picture size in place of several"},
    {.name = "fps",
     .type = SL_OPTION_INT,
     .offset = AT(fps),
     .value = "N",
     .help = "pictures a second",
     .min = 1,
     .max = 240},
    {.name = "cameras",
     .type = SL_OPTION_INT,
     .offset = AT(cameras),
     .value = "N",
     .help = "that many in place of several numbers",
     .min = 1,
     .max = 1024},
    {.name = "bitrate",
     .type = SL_OPTION_RATE,
     .offset = AT(bitrate_bps),
     .value = "RATE",
     .help = "of 1280x720 (default 4M; loss, record: 2M); other sizes in proportion to pixels",
     .min = 100000,
     .max = 100000000},
    {.name = "preset",
     .type = SL_OPTION_CUSTOM,
     .value = "NAME",
     .initial = "ultrafast",
     .help = "of x264",
     .parse = parse_preset},
    {.name = "device",
     .type = SL_OPTION_CUSTOM,
     .value = "v4l2:DEVICE",
     .help = "capture: this camera, too",
     .parse = parse_device},
    {.name = "impair",
     .type = SL_OPTION_TEXT,
     .offset = AT(impair),
     .value = "WORDS",
     .help = "'loss=5 delay=20': a bad network between sender and receiver"},
    {.name = "sender-word",
     .type = SL_OPTION_LIST,
     .offset = AT(sender_words),
     .value = "WORD",
     .help = "a further argument for sightline-sender; may be repeated"},
    {.name = "receiver-word",
     .type = SL_OPTION_LIST,
     .offset = AT(receiver_words),
     .value = "WORD",
     .help = "the same for sightline-receiver"},
    {.name = "viewer-word",
     .type = SL_OPTION_LIST,
     .offset = AT(viewer_words),
     .value = "WORD",
     .help = "the same for sightline-viewer"},
    {.name = NULL},
};

const struct sl_option_table sl_bench_option_table = {
    .program = "sightline-bench",
    .synopsis =
        "sightline-bench COMMAND [OPTION]...\n"
        "       sightline-bench compare A.json B.json\n"
        "       sightline-bench report RESULTS.json PAGE.html\n"
        "       sightline-bench impair LISTEN_PORT TARGET_PORT [NAME=VALUE]...\n"
        "           loss=PERCENT burst=N delay=MS jitter=MS dup=PERCENT rate=KBIT queue=MS\n"
        "           outage=START,LEN squeeze=START,LEN,KBIT seed=N dir=both|up|down\n"
        "           up.NAME=VALUE down.NAME=VALUE",
    .summary = "Measures Sightline, and makes bad networks to measure it in.",
    .options = options,
    .positional_max = 16,
};

/* As `impair` would take them, behind two ports; a word of its own, such as a third port, is not
 * wanted here. One line on `err` if they are wrong. */
static int check_impair(const char *words, FILE *err)
{
    const char *list[SL_OPTION_LIST_MAX] = {"0", "1"};
    int count = 2, result = 0;
    char *copy = strdup(words), *rest = copy, *word;
    while ((word = strsep(&rest, " ")) != NULL) {
        if (!*word)
            continue;
        if (count == SL_OPTION_LIST_MAX || !strchr(word, '=')) {
            fprintf(err,
                    "sightline-bench: --impair: got '%s', wanted NAME=VALUE, such as loss=5, with "
                    "blanks between\n",
                    word);
            free(copy);
            return -EINVAL;
        }
        list[count++] = word;
    }
    struct sl_impair_config config;
    result = copy ? sl_impair_parse(&config, list, count, err) : -ENOMEM;
    free(copy);
    return result;
}

static int check(const struct sl_bench_options *o, FILE *err)
{
    if (o->json && o->report && strcmp(o->json, o->report) == 0) {
        fprintf(err, "sightline-bench: --report: got '%s', which is --json's, wanted another\n",
                o->report);
        return -EINVAL;
    }
    if (o->peers_only && !o->peer && !o->floor) {
        fputs("sightline-bench: --peers-only: got nothing else to measure, wanted --peer or "
              "--floor, too\n",
              err);
        return -EINVAL;
    }
    return o->impair ? check_impair(o->impair, err) : 0;
}

int sl_bench_options_parse(struct sl_bench_command_line *ret, int argc, char **argv, FILE *out,
                           FILE *err)
{
    struct sl_bench_command_line line = {.command = ""};
    const struct sl_option_result args =
        sl_option_parse(&sl_bench_option_table, &line.options, argc, argv, out, err);
    if (args.status >= 0)
        return args.status;
    if (check(&line.options, err) != 0)
        return 2;
    line.options.bitrate_given = line.options.bitrate_bps != 0;
    if (!line.options.bitrate_given)
        line.options.bitrate_bps = USUAL_BITRATE;
    if (args.positional_count)
        line.command = args.positional[0];
    for (int i = 1; i < args.positional_count; i++)
        line.words[line.count++] = args.positional[i];
    *ret = line;
    return -1;
}
