/* SPDX-License-Identifier: MIT */
#include "bench/bench.h"
#include "bench/round.h"

int sl_bench_stage(struct sl_bench *bench, char *why, size_t why_len)
{
    return bench->stage ? 0
                        : sl_stage_open(&bench->stage, (uint64_t)bench->options->seed, bench->stop,
                                        why, why_len);
}
