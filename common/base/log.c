/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The one writer of stderr in a process: set once by main, before any thread. */
static const char *log_program = "sightline";
static _Atomic int log_level = SL_LOG_INFO;

void sl_log_init(const char *program, enum sl_log_level level)
{
    log_program = program;
    atomic_store_explicit(&log_level, (int)level, memory_order_relaxed);
}

/* What a peer sent must not be able to start a new line or steer a terminal. */
static void defuse(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

void sl_log(enum sl_log_level level, const char *format, ...)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    if ((int)level > atomic_load_explicit(&log_level, memory_order_relaxed))
        return;

    char line[1024];
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t len = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S", &utc);
    len += (size_t)snprintf(line + len, sizeof(line) - len,
                            ".%03ldZ %.40s %s: ", now.tv_nsec / 1000000, log_program, names[level]);
    va_list args;
    va_start(args, format);
    vsnprintf(line + len, sizeof(line) - 1 - len, format, args); /* -1: room for the newline */
    va_end(args);
    defuse(line);
    len = strlen(line);
    line[len++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, len);
    (void)written; /* nowhere left to complain */
}
