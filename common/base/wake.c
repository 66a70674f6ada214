/* SPDX-License-Identifier: MIT */
#include "base/wake.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"

int sl_wake_init(struct sl_wake *wake)
{
    const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    wake->fd = fd;
    atomic_init(&wake->pending, false);
    return 0;
}

void sl_wake_fini(struct sl_wake *wake)
{
    if (wake->fd >= 0)
        close(wake->fd);
    wake->fd = -1;
}

void sl_wake_signal(struct sl_wake *wake)
{
    if (atomic_exchange_explicit(&wake->pending, true, memory_order_acq_rel))
        return;
    const int saved = errno; /* may run in a signal handler */
    const uint64_t one = 1;
    ssize_t written = write(wake->fd, &one, sizeof(one));
    (void)written; /* fails only when the counter is full, and then the reader wakes anyway */
    errno = saved;
}

void sl_wake_clear(struct sl_wake *wake)
{
    /* Drained first: a signal after the flag is down must leave the descriptor readable. */
    uint64_t count;
    ssize_t got = read(wake->fd, &count, sizeof(count));
    (void)got;
    atomic_exchange_explicit(&wake->pending, false, memory_order_acq_rel);
}

bool sl_wake_wait(struct sl_wake *wake, sl_ns timeout)
{
    const bool forever = timeout == SL_NEVER;
    const sl_ns deadline = forever ? SL_NEVER : sl_time_now() + (timeout > 0 ? timeout : 0);
    struct pollfd entry = {.fd = wake->fd, .events = POLLIN};
    for (sl_ns left = timeout > 0 ? timeout : 0;;) {
        const struct timespec ts = {.tv_sec = left / SL_SEC, .tv_nsec = left % SL_SEC};
        const int got = ppoll(&entry, 1, forever ? NULL : &ts, NULL);
        if (got > 0) {
            sl_wake_clear(wake);
            return true;
        }
        if (!forever) {
            left = deadline - sl_time_now();
            if (got == 0 || left <= 0)
                return false;
        }
    }
}
