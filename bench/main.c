/* SPDX-License-Identifier: MIT */
#include <libavutil/log.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "bench/compare.h"
#include "bench/impair.h"
#include "bench/options.h"
#include "bench/report.h"
#include "bench/rig_peers.h"
#include "bench/run.h"

static atomic_bool stop;

static void on_signal(int number)
{
    (void)number;
    atomic_store(&stop, true);
}

/* What `all` does, in its order. */
static const struct sl_bench_command benches[] = {
    {"latency", sl_latency_run, 16}, {"fps", sl_fps_run, 1},    {"loss", sl_loss_run, 1},
    {"relay", sl_relay_run, 64},     {"wall", sl_wall_run, 64}, {"capture", sl_capture_run, 1},
    {"record", sl_record_run, 64},   {NULL, NULL, 0},
};

/* What is a number of cameras for one is none for another: `all` takes its own. */
static bool cameras_fit(const struct sl_bench_options *o, const struct sl_bench_command *bench)
{
    if (!bench && o->cameras)
        fprintf(stderr, "sightline-bench: --cameras: got '%d', wanted none for all\n", o->cameras);
    else if (bench && o->cameras > bench->cameras_max)
        fprintf(stderr, "sightline-bench: --cameras: got '%d', wanted at most %d for %s\n",
                o->cameras, bench->cameras_max, bench->name);
    else
        return true;
    return false;
}

/* Runs what `name` asks for, if it is a bench's or "all". -1: it is not. */
static int run(const struct sl_bench_command_line *line, int argc, char **argv)
{
    const struct sl_bench_command *chosen[sizeof(benches) / sizeof(benches[0])];
    struct sl_run_config config = {
        .commands = chosen,
        .name = line->command,
        .options = &line->options,
        .stop = &stop,
        .words = argc,
        .word = argv,
    };
    const bool all = strcmp(line->command, "all") == 0;
    for (const struct sl_bench_command *bench = benches; bench->name; bench++)
        if (all || strcmp(line->command, bench->name) == 0)
            chosen[config.count++] = bench;
    if (!config.count)
        return -1;
    if (!cameras_fit(&line->options, all ? NULL : chosen[0]))
        return 2;
    return sl_run(&config);
}

static int unknown(const char *command)
{
    fprintf(stderr, "sightline-bench: got '%s', wanted", command);
    for (const struct sl_bench_command *bench = benches; bench->name; bench++)
        fprintf(stderr, " %s,", bench->name);
    fputs(" all, compare, report or impair\n", stderr);
    return 2;
}

int main(int argc, char **argv)
{
    struct sl_bench_command_line line;
    const int status = sl_bench_options_parse(&line, argc, argv, stdout, stderr);
    if (status >= 0)
        return status;
    av_log_set_level(AV_LOG_QUIET);
    if (strcmp(line.command, "impair") == 0)
        return sl_impair_main(line.words, line.count);
    if (strcmp(line.command, "compare") == 0)
        return sl_compare_main(line.words, line.count);
    if (strcmp(line.command, "report") == 0)
        return sl_report_main(line.words, line.count);
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    signal(SIGPIPE, SIG_IGN);
    if (line.count > 0) {
        fprintf(stderr, "sightline-bench: %s: got '%s', wanted options only\n", line.command,
                line.words[0]);
        return 2;
    }
    char why[256];
    if (line.options.peer && sl_peer_check(line.options.peer, why, sizeof(why)) != 0) {
        fprintf(stderr, "sightline-bench: %s\n", why);
        return 1;
    }
    const int result = run(&line, argc, argv);
    return result >= 0 ? result : unknown(line.command);
}
