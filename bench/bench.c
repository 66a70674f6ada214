/* SPDX-License-Identifier: MIT */
#include "bench/bench.h"

#include <stdarg.h>
#include <stdio.h>

#include "bench/round.h"

void sl_bench_progress(const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    fprintf(stderr, "%s\n", line);
}

int sl_bench_stage(struct sl_bench *bench, char *why, size_t why_len)
{
    const uint64_t seed = (uint64_t)bench->options->seed;
    return bench->stage ? 0 : sl_stage_open(&bench->stage, seed, bench->stop, why, why_len);
}
