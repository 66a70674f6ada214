/* SPDX-License-Identifier: MIT */
/*
 * Rebuild and check: the catalogue against the files, by hand.
 *
 *     rebuild  every segment's row anew from the files alone; with what only the catalogue knows
 *              (locks, marks, sessions, events) kept; out of one that is damaged, which is set
 *              aside, as far as it can be read. All in one transaction: the old one stays until
 *              the new one is whole.
 *     check    says each difference, changes nothing; beside a running receiver too. The deep one
 *              reads every byte (segment_verify.h) in place of what a closed file sums up.
 *
 * Results on `out`, progress on `err` if that is a terminal. Exit status: 0; 1 (check: there are
 * differences); 2 after one line on `err` about what was wrong.
 */
#pragma once

#include <stdio.h>

/* `store`: of the recordings; NULL: DATA/recordings. */
int sl_rebuild_run(const char *data, const char *store, FILE *out, FILE *err);
int sl_check_run(const char *data, const char *store, FILE *out, FILE *err);
int sl_check_deep_run(const char *data, const char *store, FILE *out, FILE *err);
