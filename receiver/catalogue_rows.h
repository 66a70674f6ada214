/* SPDX-License-Identifier: MIT */
/* Catalogue rows: the columns of segments, events and marks, in the order they are read in. */
#pragma once

#include <sqlite3.h>

#include "receiver/catalogue.h"

#define SL_SEGMENT_COLUMNS                                                                         \
    "s.id, s.uuid, s.camera, s.location, s.path, s.start, s.duration, s.bytes, s.frames,"          \
    " s.sounds, s.sound, s.width, s.height, s.gaps, s.gaps_us, s.clock, s.boot, s.mono, s.open,"   \
    " s.locked"
#define SL_EVENT_COLUMNS "s.id, s.camera, s.type, s.start, s.\"end\", s.score, s.detail"
#define SL_MARK_COLUMNS "s.id, s.camera, s.at, s.text"

void sl_catalogue_read_segment(struct sl_segment_row *ret, sqlite3_stmt *statement);
void sl_catalogue_read_event(struct sl_catalogue_event *ret, sqlite3_stmt *statement);
void sl_catalogue_read_mark(struct sl_catalogue_mark *ret, sqlite3_stmt *statement);
