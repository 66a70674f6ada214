/* SPDX-License-Identifier: MIT */
/*
 * Child: a program that the bench runs. Ends with the bench in every case: by stop(), or by the
 * kernel when the bench dies (PR_SET_PDEATHSIG). Start children from the main thread only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/types.h"

struct sl_child {
    pid_t pid; /* 0: none */
    int in;    /* its stdin, or -1 */
    int out;   /* its stdout, or -1 */
};

enum sl_child_pipes { SL_CHILD_NO_PIPES = 0, SL_CHILD_IN = 1, SL_CHILD_OUT = 2 };

/*
 * `argv` ends with NULL; argv[0] is looked for in PATH unless it has a slash. `pipes` says which
 * ends the bench wants; otherwise stdin is /dev/null and stdout goes to `log_fd`, as stderr does
 * (-1: /dev/null). 0 or -errno (of exec, too).
 */
SL_MUST_CHECK int sl_child_start(struct sl_child *ret, const char *const *argv,
                                 enum sl_child_pipes pipes, int log_fd);

bool sl_child_running(struct sl_child *child);

/* One line of its stdout, without the newline. 0, -ETIMEDOUT, -EPIPE (it ended), -ENOBUFS. */
SL_MUST_CHECK int sl_child_read_line(struct sl_child *child, char *line, size_t size,
                                     sl_ns timeout);

/* SIGTERM, SIGKILL after `patience`; returns its wait status (0 if there was none). */
int sl_child_stop(struct sl_child *child, sl_ns patience);
