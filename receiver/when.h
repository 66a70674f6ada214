/* SPDX-License-Identifier: MIT */
/*
 * When: moments as users type and read them. UTC in microseconds.
 *
 *     2026-11-20T14:30:00Z   2026-11-20T14:30:00.25+02:00   2026-11-20 14:30 (local)   now   -2h
 */
#pragma once

#include <stdint.h>

#include "base/types.h"

#define SL_WHEN_TEXT 28 /* "2026-11-20T14:30:00.250000Z" and NUL */
#define SL_WHEN_WANTED "a time like 2026-11-20T14:30:00Z, \"2026-11-20 14:30\" (local), now or -2h"

/* 0 or -EINVAL. A local time that is twice in autumn is the first; one that is never, in spring, is
 * an hour later. */
SL_MUST_CHECK int sl_when_parse(const char *text, int64_t now_us, int64_t *ret);

/* To the millisecond: "2026-11-20T14:30:00.250Z". */
const char *sl_when_text(int64_t us, char out[SL_WHEN_TEXT]);
