/* SPDX-License-Identifier: MIT */
/*
 * The command line of sightline-bench: one option table for every command, so that one config file
 * serves all of them, and the words that are not options.
 */
#pragma once

#include <stdio.h>

#include "base/option.h"
#include "bench/bench.h"

extern const struct sl_option_table sl_bench_option_table;

struct sl_bench_command_line {
    struct sl_bench_options options;
    const char *command;
    const char *words[16]; /* after the command */
    int count;
};

/* -1: go on; else exit with this (after --help, or one line about what was wrong). */
int sl_bench_options_parse(struct sl_bench_command_line *ret, int argc, char **argv, FILE *out,
                           FILE *err);
