/* SPDX-License-Identifier: MIT */
/*
 * Log lines of the programs, to stderr. common/ itself does not log.
 *
 * A line says what, which object, the values and the errno. State changes,
 * refusals, failures; never per packet. Thread-safe: one write per line.
 */
#pragma once

#include "base/types.h"

enum sl_log_level { SL_LOG_ERROR, SL_LOG_WARN, SL_LOG_INFO, SL_LOG_DEBUG };

/* Lines above `level` are dropped. `program` must outlive the log. */
void sl_log_init(const char *program, enum sl_log_level level);

void sl_log(enum sl_log_level level, const char *format, ...) SL_PRINTF(2, 3);

#define sl_error(...) sl_log(SL_LOG_ERROR, __VA_ARGS__)
#define sl_warn(...) sl_log(SL_LOG_WARN, __VA_ARGS__)
#define sl_info(...) sl_log(SL_LOG_INFO, __VA_ARGS__)
#define sl_debug(...) sl_log(SL_LOG_DEBUG, __VA_ARGS__)
