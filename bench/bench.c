/* SPDX-License-Identifier: MIT */
#include "bench/bench.h"

#include <stdarg.h>
#include <stdio.h>

void sl_bench_progress(const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    fprintf(stderr, "%s\n", line);
}
