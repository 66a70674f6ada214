/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <libavutil/log.h>

#include "base/option.h"
#include "bench/impair.h"
#include "bench/latency.h"

static atomic_bool stop;

static void on_signal(int number)
{
    (void)number;
    atomic_store(&stop, true);
}

#define AT(field) offsetof(struct sl_latency_options, field)
static const struct sl_option options[] = {
    {.name = "seconds",
     .type = SL_OPTION_CUSTOM,
     .value = "N",
     .initial = "10",
     .help = "latency: seconds to measure, after a warm-up of 2 s",
     .parse = sl_latency_parse_seconds},
    {.name = "size",
     .type = SL_OPTION_FRAME,
     .offset = AT(size),
     .value = "WxH",
     .initial = "1280x720",
     .help = "picture"},
    {.name = "fps",
     .type = SL_OPTION_INT,
     .offset = AT(fps),
     .value = "N",
     .initial = "30",
     .help = "pictures a second",
     .min = 1,
     .max = 120},
    {.name = "bitrate",
     .type = SL_OPTION_RATE,
     .offset = AT(bitrate_bps),
     .value = "RATE",
     .initial = "4M",
     .help = "of the encoder",
     .min = 100000,
     .max = 100000000},
    {.name = "preset",
     .type = SL_OPTION_TEXT,
     .offset = AT(preset),
     .value = "NAME",
     .initial = "ultrafast",
     .help = "of the encoder"},
    {.name = "peer",
     .type = SL_OPTION_TEXT,
     .offset = AT(peer),
     .value = "gstreamer",
     .help = "measure this, too, in turns"},
    {.name = "floor",
     .type = SL_OPTION_FLAG,
     .offset = AT(floor),
     .help = "measure the source and the screen alone, too"},
    {.name = "peers-only",
     .type = SL_OPTION_FLAG,
     .offset = AT(peers_only),
     .help = "leave Sightline out"},
    {.name = "rounds",
     .type = SL_OPTION_INT,
     .offset = AT(rounds),
     .value = "N",
     .initial = "1",
     .help = "how often, each time with fresh programs",
     .min = 1,
     .max = 100},
    {.name = "json",
     .type = SL_OPTION_TEXT,
     .offset = AT(json),
     .value = "FILE",
     .help = "write the figures there, too"},
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

static const struct sl_option_table table = {
    .program = "sightline-bench",
    .synopsis = "sightline-bench latency [OPTION]... | impair LISTEN_PORT TARGET_PORT "
                "[NAME=VALUE]...",
    .summary = "Measures Sightline, and makes bad networks to measure it in.",
    .options = options,
    .positional_max = 16,
};

int main(int argc, char **argv)
{
    struct sl_latency_options o = {.peer = NULL};
    const struct sl_option_result args = sl_option_parse(&table, &o, argc, argv, stdout, stderr);
    if (args.status >= 0)
        return args.status;
    av_log_set_level(AV_LOG_QUIET);
    const char *command = args.positional_count ? args.positional[0] : "";
    if (strcmp(command, "impair") == 0)
        return sl_impair_main(args.positional + 1, args.positional_count - 1);
    if (strcmp(command, "latency") == 0 && args.positional_count == 1) {
        signal(SIGINT, on_signal);
        signal(SIGTERM, on_signal);
        signal(SIGPIPE, SIG_IGN);
        return sl_latency_main(&o, &stop);
    }
    fprintf(stderr, "sightline-bench: got '%s', wanted latency or impair\n", command);
    return 2;
}
