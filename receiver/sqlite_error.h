/* SPDX-License-Identifier: MIT */
/* What SQLite answers, as ours. Pure but for the system's error behind a failed opening. */
#pragma once

#include <sqlite3.h>

/* 0 for OK, DONE and ROW, else -errno: -EINVAL for what will be refused again (a constraint),
 * -EPROTO for what it has no other name for. `db` may be NULL. */
int sl_sqlite_error(sqlite3 *db, int code);
