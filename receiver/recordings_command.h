/* SPDX-License-Identifier: MIT */
/* The commands recordings ..., and retention --dry-run: beside a running receiver too. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "receiver/options.h"
#include "receiver/retention_run.h"

bool sl_recordings_command_is(enum sl_command command);

/* Results on `out`, one line on `err` if it fails. Exit status. */
int sl_recordings_command(const struct sl_receiver_options *options, FILE *out, FILE *err);

/* By what is given, with defaults for the rest. */
struct sl_retention_config sl_retention_config_of(const struct sl_receiver_options *options,
                                                  const char *data, const char *recordings);

/* ---- Shared by the files of these commands ---- */

struct sl_recordings {
    const struct sl_receiver_options *options;
    FILE *out, *err;
    struct sl_catalogue *catalogue;
    int64_t now_us;
    int64_t from_us, to_us; /* 0: not given */
    int64_t at_us;          /* now, if it is not given */
    char path[4096];        /* of the store */
    struct sl_retention_config config;
};

int sl_recordings_fail(const struct sl_recordings *recordings, const char *what);
/* After a list: frees `rows` (NULL: no memory). `failed`: stdout was not written; `count`: of the
 * last page, or the catalogue's error. The exit status, what went wrong being said. */
int sl_recordings_end(const struct sl_recordings *recordings, void *rows, int failed, int count);
int sl_recordings_list(const struct sl_recordings *recordings);
int sl_recordings_usage(const struct sl_recordings *recordings);
int sl_recordings_mark(const struct sl_recordings *recordings);
int sl_recordings_marks(const struct sl_recordings *recordings);
int sl_recordings_unmark(const struct sl_recordings *recordings);
int sl_recordings_dry_run(const struct sl_recordings *recordings);
