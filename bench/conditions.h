/* SPDX-License-Identifier: MIT */
/*
 * Conditions: under which a run's figures came about. Without them a figure says nothing.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "bench/bench.h"

/*
 * Of the machine, the libraries, the load now, and what was asked for; `words` are the command
 * line. Looks at the machine for half a second, to learn how busy it is before anything starts.
 * NULL: out of memory.
 */
cJSON *sl_conditions_create(const struct sl_bench_options *options, int count, char *const *words);
/* At the end: the load now, and how long it took. */
void sl_conditions_finish(cJSON *conditions, double seconds);

/* A condition as a reader wants it; `key` tells which it is. */
struct sl_condition {
    char key[64], title[64];
    char text[512];
};

/* Of any object that calls itself conditions. Returns how many; those beyond `max` are left out. */
size_t sl_conditions_list(const cJSON *conditions, struct sl_condition *list, size_t max);
/* One line each, in plain text. */
void sl_conditions_print(const cJSON *conditions, FILE *out);
/* A busy machine is said in a sentence; false: there is nothing to warn of. */
bool sl_conditions_warning(const cJSON *conditions, char *text, size_t size);

/* The value of a line of /proc/cpuinfo, /proc/meminfo or os-release: "KEY : value", KEY="value".
 * False: there is none. */
bool sl_conditions_find(const char *text, const char *key, char *ret, size_t size);
