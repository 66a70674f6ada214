/* SPDX-License-Identifier: MIT */
/*
 * Site: a receiver of this build on ports of its own, with an empty data store, its cameras' links
 * and one viewer's link: what a load (load.h) and a viewer need.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/option.h"
#include "base/types.h"
#include "bench/child.h"

#define SL_SITE_CAMERA "camera-%d" /* their names, from 1 on */

struct sl_site {
    struct sl_child receiver;
    int media_port;
    int cameras;
    char **publish; /* a link each */
    char *watch;
    char folder[PATH_MAX];    /* temporary: data and log; gone with the site */
    char trace[PATH_MAX + 8]; /* the receiver's (base/trace.h), in there */
    int log_fd;
};

/* A receiver that records or not. `receiver_words` may be NULL. 0 or -errno with `why`; then
 * nothing is left to stop. */
SL_MUST_CHECK int sl_site_start(struct sl_site *ret, int cameras, bool recording,
                                const struct sl_option_list *receiver_words, char *why,
                                size_t why_len);
/* All threads of the receiver run on this processor. 0 or -errno. */
SL_MUST_CHECK int sl_site_pin(const struct sl_site *site, int processor);
/* The end of what the receiver wrote to stderr, to ours. */
void sl_site_print_log(const struct sl_site *site);
void sl_site_stop(struct sl_site *site);
