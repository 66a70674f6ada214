/* SPDX-License-Identifier: MIT */
/* Whether there is a camera of that name: a name misspelt must not look like nothing recorded. */
#pragma once

#include <stdio.h>

#include "receiver/catalogue.h"

/*
 * Enrolled in the accounts at `data`, or known to the catalogue (it may have been removed since).
 * 0; 2 after one line on `err` that says there is none, and which there are if they are few; 1
 * after one that says why it cannot be told.
 */
SL_MUST_CHECK int sl_camera_known(struct sl_catalogue *catalogue, const char *data,
                                  const char *name, FILE *err);
