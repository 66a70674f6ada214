/* SPDX-License-Identifier: MIT */
/*
 * Options: one table per program drives the flags, the config file,
 * --check-config, --help, and a test against docs/man.
 *
 * Values go straight into a struct of the program (offsetof). Config files are
 * INI (libinih), keys are the flags without dashes; a flag on the command line
 * wins over the file. An error is one line that names where (flag, or
 * file:line), the value given and the value wanted.
 *
 * --help, --version, --config FILE and --check-config are built in. A name of one letter is given
 * with one dash (-o FILE). A value that starts with "--" needs the form --flag=VALUE.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "base/types.h"

enum sl_option_type {
    SL_OPTION_FLAG,     /* bool; takes no value on the command line, yes|no in a file */
    SL_OPTION_TEXT,     /* const char *                                               */
    SL_OPTION_INT,      /* int, within [min, max]                                     */
    SL_OPTION_DURATION, /* sl_ns: 250ms 5s 15m 2h 30d (0 needs no unit)               */
    SL_OPTION_SIZE,     /* int64_t bytes: 500G 5M 64k                                 */
    SL_OPTION_RATE,     /* int64_t bits/s: 2M 300k                                    */
    SL_OPTION_FRAME,    /* struct sl_frame_size: 1280x720                             */
    SL_OPTION_LIST,     /* struct sl_option_list: may be given again and again        */
    SL_OPTION_CUSTOM,   /* parse() of the table does it                               */
};

struct sl_frame_size {
    int width;
    int height;
};

#define SL_OPTION_LIST_MAX 32
struct sl_option_list {
    const char *items[SL_OPTION_LIST_MAX];
    int count;
};

struct sl_option {
    const char *name; /* without dashes */
    enum sl_option_type type;
    size_t offset;       /* of the field in the program's options struct */
    const char *value;   /* shown in help: "HOST:PORT"; NULL for a flag  */
    const char *initial; /* default, in the text form a user would type; NULL: leave zero */
    const char *help;    /* one line */
    int64_t min, max;    /* for INT, DURATION, SIZE, RATE; both 0: any non-negative value */
    /* CUSTOM: 0, or -EINVAL after writing what was wanted into `wanted`. */
    int (*parse)(void *options, const char *text, char *wanted, size_t wanted_len);
};

struct sl_option_table {
    const char *program;             /* "sightline-sender"                    */
    const char *synopsis;            /* the line after "usage:"               */
    const char *summary;             /* one sentence                          */
    const struct sl_option *options; /* ends with name == NULL            */
    int positional_max;              /* arguments that are not flags          */
};

struct sl_option_result {
    int status; /* -1: go on; else exit with this (0 after --help, 2 after an error) */
    const char *positional[16];
    int positional_count;
};

/*
 * Fills `options` (zeroed by the caller) with defaults, the config file, then
 * the flags. On a bad command line writes ONE line to `err` and sets status 2.
 * Texts point into argv or memory that lives as long as the process.
 */
struct sl_option_result sl_option_parse(const struct sl_option_table *table, void *options,
                                        int argc, char **argv, FILE *out, FILE *err);

/* What --help prints: synopsis, summary, and every option with its value, help and default. */
void sl_option_print(const struct sl_option_table *table, FILE *out);

/* Single values, for other users of the same syntax. 0 or -EINVAL. */
SL_MUST_CHECK int sl_parse_duration(const char *text, sl_ns *ret);
SL_MUST_CHECK int sl_parse_size(const char *text, int64_t *ret); /* k M G T: powers of 1024 */
SL_MUST_CHECK int sl_parse_rate(const char *text, int64_t *ret); /* k M: powers of 1000 */
SL_MUST_CHECK int sl_parse_int(const char *text, int64_t min, int64_t max, int64_t *ret);
