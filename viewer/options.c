/* SPDX-License-Identifier: MIT */
#include "viewer/options.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "viewer/cameras.h"

#define LATENCY_MAX (1 * SL_SEC)
#define GRID_MAX 16

static int wanted_is(char *wanted, size_t len, const char *text)
{
    snprintf(wanted, len, "%s", text);
    return -EINVAL;
}

static int parse_layout(void *target, const char *text, char *wanted, size_t wanted_len)
{
    struct sl_viewer_options *options = target;
    if (!strcmp(text, "auto")) {
        options->rows = options->columns = 0;
        return 0;
    }
    int rows, columns, end = 0;
    if (sscanf(text, "%2dx%2d%n", &rows, &columns, &end) != 2 || text[end] || rows < 1 ||
        columns < 1 || rows > GRID_MAX || columns > GRID_MAX)
        return wanted_is(wanted, wanted_len, "auto, or ROWSxCOLUMNS up to 16x16");
    options->rows = rows;
    options->columns = columns;
    return 0;
}

static int parse_latency(void *target, const char *text, char *wanted, size_t wanted_len)
{
    struct sl_viewer_options *options = target;
    if (!strcmp(text, "auto")) {
        options->latency = SL_LATENCY_AUTO;
        return 0;
    }
    int64_t ms;
    sl_ns latency;
    if (!sl_parse_int(text, 0, LATENCY_MAX / SL_MS, &ms))
        latency = ms * SL_MS;
    else if (sl_parse_duration(text, &latency) || latency > LATENCY_MAX)
        return wanted_is(wanted, wanted_len, "auto, or milliseconds from 0 to 1000");
    options->latency = latency;
    return 0;
}

static int parse_layer(void *target, const char *text, char *wanted, size_t wanted_len)
{
    struct sl_viewer_options *options = target;
    static const char *const names[] = {"auto", "main", "sub"};
    for (size_t i = 0; i < SL_COUNT(names); i++) {
        if (!strcmp(text, names[i])) {
            options->layer = (enum sl_layer)i;
            return 0;
        }
    }
    return wanted_is(wanted, wanted_len, "auto, main or sub");
}

static int parse_hud(void *target, const char *text, char *wanted, size_t wanted_len)
{
    struct sl_viewer_options *options = target;
    static const char *const names[] = {"off", "names", "full"};
    for (size_t i = 0; i < SL_COUNT(names); i++) {
        if (!strcmp(text, names[i])) {
            options->hud = (enum sl_hud_level)i;
            return 0;
        }
    }
    return wanted_is(wanted, wanted_len, "full, names or off");
}

#define FIELD(name) offsetof(struct sl_viewer_options, name)

static const struct sl_option options_list[] = {
    {.name = "from",
     .type = SL_OPTION_TEXT,
     .offset = FIELD(from),
     .value = "LINK|@FILE",
     .help = "the viewer's link, as printed by `sightline-receiver viewer add`"},
    {.name = "via",
     .type = SL_OPTION_TEXT,
     .offset = FIELD(via),
     .value = "HOST:PORT",
     .help = "send media there in place of the addresses told"},
    {.name = "cameras",
     .type = SL_OPTION_TEXT,
     .offset = FIELD(cameras),
     .value = "A,B,C",
     .help = "only these, in this order (all)"},
    {.name = "layout",
     .type = SL_OPTION_CUSTOM,
     .value = "auto|RxC",
     .initial = "auto",
     .help = "rows and columns of the wall",
     .parse = parse_layout},
    {.name = "size",
     .type = SL_OPTION_FRAME,
     .offset = FIELD(size),
     .value = "WxH",
     .initial = "1280x720",
     .help = "of the window"},
    {.name = "fullscreen",
     .type = SL_OPTION_FLAG,
     .offset = FIELD(fullscreen),
     .help = "start without a window's frame, on the whole screen"},
    {.name = "latency",
     .type = SL_OPTION_CUSTOM,
     .value = "auto|MS",
     .initial = "auto",
     .help = "auto: as much delay as evens out the network, none on a good one; or a fixed one",
     .parse = parse_latency},
    {.name = "layer",
     .type = SL_OPTION_CUSTOM,
     .value = "auto|main|sub",
     .initial = "auto",
     .help = "a camera's main picture or its small one; auto: by the size of the tile",
     .parse = parse_layer},
    {.name = "hud",
     .type = SL_OPTION_CUSTOM,
     .value = "full|names|off",
     .initial = "full",
     .help = "what is written on the tiles",
     .parse = parse_hud},
    {.name = "mute", .type = SL_OPTION_FLAG, .offset = FIELD(mute), .help = "start without sound"},
    {.name = "snapshot-dir",
     .type = SL_OPTION_TEXT,
     .offset = FIELD(snapshot_dir),
     .value = "DIR",
     .help = "where the key s puts a picture of the selected tile"},
    {.name = "stats",
     .type = SL_OPTION_DURATION,
     .offset = FIELD(stats),
     .value = "TIME",
     .max = 3600 * SL_SEC,
     .help = "a line of figures for each camera on stdout, each TIME"},
    {.name = "trace",
     .type = SL_OPTION_TEXT,
     .offset = FIELD(trace),
     .value = "FILE",
     .help = "write there when each frame passed through, for sightline-bench"},
    {.name = "exit-after",
     .type = SL_OPTION_DURATION,
     .offset = FIELD(exit_after),
     .value = "TIME",
     .help = "leave by itself"},
    {.name = "screenshot",
     .type = SL_OPTION_TEXT,
     .offset = FIELD(screenshot),
     .value = "FILE.png",
     .help = "write what the window shows when leaving"},
    {0},
};

const struct sl_option_table sl_viewer_option_table = {
    .program = "sightline-viewer",
    .synopsis = "sightline-viewer --from LINK|@FILE [options]",
    .summary = "Shows the cameras of a Sightline receiver as a wall.",
    .options = options_list,
};

int sl_viewer_options_check(const struct sl_viewer_options *options, char *why, size_t why_len)
{
    if (!options->from) {
        snprintf(why, why_len, "--from is missing; wanted a viewer's link or @FILE");
        return -EINVAL;
    }
    if (options->cameras && sl_cameras_check(options->cameras)) {
        snprintf(why, why_len, "--cameras: got '%.60s', wanted names like door,yard",
                 options->cameras);
        return -EINVAL;
    }
    return 0;
}
