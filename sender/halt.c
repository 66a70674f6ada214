/* SPDX-License-Identifier: MIT */
#include "sender/halt.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"

int sl_halt_init(struct sl_halt *halt)
{
    const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    halt->fd = fd;
    return 0;
}

void sl_halt_fini(struct sl_halt *halt)
{
    if (halt->fd >= 0)
        close(halt->fd);
    halt->fd = -1;
}

void sl_halt_set(struct sl_halt *halt)
{
    const int saved = errno;
    const uint64_t one = 1;
    const ssize_t written = write(halt->fd, &one, sizeof(one));
    (void)written; /* a full counter is readable too */
    errno = saved;
}

bool sl_halt_sleep(const struct sl_halt *halt, sl_ns due)
{
    struct pollfd entry = {.fd = halt->fd, .events = POLLIN};
    for (;;) {
        const sl_ns left = due == SL_NEVER ? SL_NEVER : due - sl_time_now();
        const sl_ns wait = left > 0 ? left : 0;
        const struct timespec ts = {.tv_sec = wait / SL_SEC, .tv_nsec = wait % SL_SEC};
        if (ppoll(&entry, 1, due == SL_NEVER ? NULL : &ts, NULL) > 0)
            return true;
        if (due != SL_NEVER && sl_time_now() >= due)
            return false;
    }
}

bool sl_halt_or_readable(const struct sl_halt *halt, int fd)
{
    struct pollfd entries[] = {{.fd = halt->fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    for (;;) {
        if (poll(entries, 2, -1) <= 0)
            continue; /* interrupted */
        if (entries[0].revents)
            return true;
        if (entries[1].revents)
            return false;
    }
}
