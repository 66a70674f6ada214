/* SPDX-License-Identifier: MIT */
/*
 * Halt: tells threads that sleep or wait for a descriptor to end. Set once, from any thread or a
 * signal handler; it stays set, and any number of threads may look.
 */
#pragma once

#include <stdbool.h>

#include "base/types.h"

struct sl_halt {
    int fd;
};

/* 0 or -errno. */
SL_MUST_CHECK int sl_halt_init(struct sl_halt *halt);
void sl_halt_fini(struct sl_halt *halt);
void sl_halt_set(struct sl_halt *halt);

/* Sleeps until `due` (SL_NEVER waits on). True if halted, at once if it was so already. */
SL_MUST_CHECK bool sl_halt_sleep(const struct sl_halt *halt, sl_ns due);

/* Waits until `fd` can be read (or has ended). True if halted. */
SL_MUST_CHECK bool sl_halt_or_readable(const struct sl_halt *halt, int fd);
