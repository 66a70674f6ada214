/* SPDX-License-Identifier: MIT */
/*
 * Salvage: what only a catalogue knows, out of one that cannot be used any more (damaged, or of a
 * newer program), into the one that was made anew from the files.
 *
 *     old ─▶ locks, marks, events, sessions, row by row, from both ends up to a damage ─▶ new
 *
 * A row that is not sane is left out. Nothing is written to the old one.
 */
#pragma once

#include "receiver/catalogue.h"

struct sl_salvage_counts {
    int64_t locks, marks, events, sessions; /* taken over */
    bool whole;                             /* everything could be read */
};

/* The recordings are listed in `to` already, in its transaction. `path`: of the old one. 0, also if
 * nothing can be read there; or what `to` said, or -ENOMEM. */
SL_MUST_CHECK int sl_salvage(struct sl_catalogue *to, const char *path,
                             struct sl_salvage_counts *ret);
