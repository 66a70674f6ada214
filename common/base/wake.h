/* SPDX-License-Identifier: MIT */
/*
 * Wake: lets one thread wake another out of poll. An eventfd behind a pending
 * flag, so that many signals before a wake-up cost one system call.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "base/types.h"

struct sl_wake {
    int fd;
    atomic_bool pending;
};

/* 0 or -errno. */
SL_MUST_CHECK int sl_wake_init(struct sl_wake *wake);
void sl_wake_fini(struct sl_wake *wake);

/* Any thread, and signal handlers. */
void sl_wake_signal(struct sl_wake *wake);

/* Consumer, first thing after waking: clears the flag, so look at the queue AFTER this. */
void sl_wake_clear(struct sl_wake *wake);

/* Consumer: sleeps until signalled (true) or `timeout` ns passed (false); clears. SL_NEVER waits
 * on. */
bool sl_wake_wait(struct sl_wake *wake, sl_ns timeout);
