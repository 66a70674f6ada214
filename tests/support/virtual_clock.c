/* SPDX-License-Identifier: MIT */
#include "tests/support/virtual_clock.h"

#include <stdbool.h>
#include <sys/time.h>
#include <time.h>

#define EPOCH_SECONDS 1700000000 /* OpenSSL takes second 0 for "no timer" */

int gettimeofday(struct timeval *restrict tv, void *restrict zone);

static bool is_virtual;
static sl_ns virtual_now;

void sl_virtual_clock_set(sl_ns now)
{
    is_virtual = true;
    virtual_now = now;
}

/* Takes the place of the C library's for libssl, which is linked dynamically. */
int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    (void)zone;
    if (is_virtual) {
        tv->tv_sec = EPOCH_SECONDS + virtual_now / SL_SEC;
        tv->tv_usec = virtual_now % SL_SEC / SL_US;
        return 0;
    }
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;
    return 0;
}
