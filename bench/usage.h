/* SPDX-License-Identifier: MIT */
/*
 * Usage: what a program took of the machine between two moments, from /proc.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/types.h"

#define SL_USAGE_THREADS 64

struct sl_usage_thread {
    int tid;
    char name[16];
    sl_ns cpu; /* user and system */
};

struct sl_usage {
    char program[32];
    pid_t pid;
    sl_ns at, cpu; /* between begin and end: elapsed, and processor time of all threads */
    int64_t rss;   /* bytes, at the end */
    int threads;   /* at the end; those beyond SL_USAGE_THREADS are in `cpu` only */
    struct sl_usage_thread thread[SL_USAGE_THREADS];
};

/* Reads the counters now. 0, or -ESRCH. */
SL_MUST_CHECK int sl_usage_begin(struct sl_usage *ret, const char *program, pid_t pid);
/* Turns them into what was taken since. 0, or -ESRCH: the program is gone. */
SL_MUST_CHECK int sl_usage_end(struct sl_usage *usage);
/* Cores: 1.0 is one core all the time. */
double sl_usage_cores(const struct sl_usage *usage);
/* The busiest thread's name and its share of a core, for "what limits it". */
double sl_usage_busiest(const struct sl_usage *usage, const char **name);

/* Processor time of the whole machine since boot, in use and in all, summed over cores. */
void sl_usage_machine(sl_ns *busy, sl_ns *all);
