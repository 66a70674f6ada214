/* SPDX-License-Identifier: MIT */
/*
 * The command line of sightline-receiver: one option table for every command, so that one config
 * file serves all of them, and what the words that are not options ask for.
 */
#pragma once

#include <stdio.h>

#include "base/address.h"
#include "base/option.h"
#include "receiver/store.h"

enum sl_command {
    SL_COMMAND_RUN,
    SL_COMMAND_CAMERA_ADD,
    SL_COMMAND_CAMERA_LIST,
    SL_COMMAND_CAMERA_LINK,
    SL_COMMAND_CAMERA_REMOVE,
    SL_COMMAND_CAMERA_SET,
    SL_COMMAND_VIEWER_ADD,
    SL_COMMAND_VIEWER_LIST,
    SL_COMMAND_VIEWER_REMOVE,
    SL_COMMAND_EXPORT,
    SL_COMMAND_RECORDINGS_LIST,
    SL_COMMAND_RECORDINGS_USAGE,
    SL_COMMAND_RECORDINGS_LOCK,
    SL_COMMAND_RECORDINGS_UNLOCK,
    SL_COMMAND_RECORDINGS_MARK,
    SL_COMMAND_RECORDINGS_MARKS,
    SL_COMMAND_RECORDINGS_UNMARK,
    SL_COMMAND_RETENTION,
    SL_COMMAND_CHECK,
    SL_COMMAND_REBUILD,
};

#define SL_KEEP_DEFAULT_US (INT64_C(1000000) * 30 * 86400)
#define SL_MIN_FREE_DEFAULT (INT64_C(5) << 30)

/* What was given of --keep, --keep-bytes and --min-free; SL_STORE_AS_ALL: "default". */
struct sl_keep {
    bool us_given, bytes_given, min_free_given;
    int64_t us, bytes, min_free;
};

struct sl_receiver_options {
    const char *trace; /* file, or NULL */
    bool verbose;
    const char *data;
    struct sl_addr listen;
    struct sl_addr media; /* unset: the same as listen */
    struct sl_option_list advertise;
    const char *recordings; /* directory; NULL: in `data` */
    sl_ns segment;
    bool no_record;
    struct sl_record_rule record; /* camera set: what was given of it */
    bool record_given, pre_given, post_given;
    struct sl_keep keep; /* run: of all cameras; camera set: of one */
    const char *location;
    const char *host;
    sl_ns snapshot_every;  /* 0: only when asked for */
    sl_ns snapshot_keep;   /* 0: for ever */
    const char *camera;    /* whose recordings */
    const char *from, *to; /* receiver/when.h */
    const char *at;        /* of a mark, the same; NULL: now */
    const char *output;
    bool fast, close_gaps, force;
    bool json, dry_run, deep;

    enum sl_command command;
    const char *name; /* of the camera or viewer */
    const char *text; /* of a new mark */
    int64_t mark;     /* the number of the one to be removed */
};

extern const struct sl_option_table sl_receiver_option_table;

/* -1: go on; else exit with this (after --help, or one line about what was wrong). */
int sl_receiver_options_parse(struct sl_receiver_options *options, int argc, char **argv, FILE *out,
                              FILE *err);

/* Splits "HOST[:PORT]" ("[::1]:5", "name"); port 0 if there is none. 0 or -EINVAL. */
SL_MUST_CHECK int sl_host_port_parse(const char *text, char host[256], int *port);
