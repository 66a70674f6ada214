/* SPDX-License-Identifier: MIT */
/* The commands beside `run`: camera and viewer add, list, link, remove. */
#pragma once

#include <stdio.h>

#include "receiver/options.h"

/* Results on `out`, one line on `err` if it fails. Exit status. */
int sl_admin_run(const struct sl_receiver_options *options, FILE *out, FILE *err);
