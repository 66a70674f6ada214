/* SPDX-License-Identifier: MIT */
/* The command `export`: a range of a camera's recordings as a file to take away (export.h). */
#pragma once

#include <stdio.h>

#include "receiver/options.h"

/*
 * One line on `out` for each file made: what it covers. On `err` one line if it fails and, if that
 * is a terminal, how far it has come. SIGINT and SIGTERM end it, and nothing of it is left. Exit
 * status.
 */
int sl_export_command(const struct sl_receiver_options *options, FILE *out, FILE *err);
