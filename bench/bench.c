/* SPDX-License-Identifier: MIT */
#include "bench/bench.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "base/time.h"
#include "bench/round.h"

#define SLICE (20 * SL_MS)

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

int sl_bench_nap(sl_ns length, const atomic_bool *stop)
{
    const sl_ns until = sl_time_now() + length;
    for (sl_ns left; (left = until - sl_time_now()) > 0;) {
        const struct timespec slice = {.tv_nsec = left < SLICE ? left : SLICE};
        if (stop && atomic_load(stop))
            return -EINTR;
        nanosleep(&slice, NULL);
    }
    return 0;
}
