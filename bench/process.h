/* SPDX-License-Identifier: MIT */
/*
 * Process: what a program holds at a moment, and what it has written so far, from /proc.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/types.h"

struct sl_process {
    int64_t rss;     /* bytes */
    int64_t written; /* bytes that went towards a disk, by whole pages; -1: not told */
    int descriptors, threads;
};

/* 0, or -ESRCH. */
SL_MUST_CHECK int sl_process_look(pid_t pid, struct sl_process *ret);
