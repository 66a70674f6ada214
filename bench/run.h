/* SPDX-License-Identifier: MIT */
/*
 * Run: one or several benches one after the other, what they found printed and kept as a document:
 *
 *   { "sightline_bench": 1, "command", "conditions": {...}, "benches": [ RESULT (result.h) ... ] }
 */
#pragma once

#include <stdatomic.h>

#include "bench/bench.h"

struct sl_bench_command {
    const char *name;
    sl_bench_run *run;
    int cameras_max; /* of --cameras */
};

struct sl_run_config {
    const struct sl_bench_command *const *commands; /* in this order */
    int count;
    const char *name; /* of the run: "latency", "all" */
    const struct sl_bench_options *options;
    const atomic_bool *stop;
    int words; /* of the command line, for the conditions */
    char *const *word;
};

/* The process's exit status: 0, also when told to stop; 1 if a bench could measure nothing or a
 * file could not be written; 2 if a file cannot be, which is found out before anything starts. */
int sl_run(const struct sl_run_config *config);
