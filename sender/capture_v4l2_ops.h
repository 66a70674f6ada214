/* SPDX-License-Identifier: MIT */
/*
 * What capture from V4L2 asks of the machine, as a few functions that tests answer in its place, in
 * virtual time. The real ones are libv4l2's.
 *
 * Return values are those of the system calls: -1 and errno on failure.
 */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

struct sl_v4l2_ops {
    const char *dev; /* where the nodes are: "/dev" */
    /* Does not block, nor does what is done with it. emulate: the library lists formats that it
     * makes out of the device's own as well. */
    int (*open)(const char *path, bool emulate);
    int (*close)(int fd);
    int (*ioctl)(int fd, unsigned long request, void *arg);
    void *(*mmap)(size_t len, int fd, int64_t offset); /* MAP_FAILED on failure */
    int (*munmap)(void *start, size_t len);
    int (*poll)(struct pollfd *entries, nfds_t count, int timeout_ms);
    sl_ns (*now)(void);
};

extern const struct sl_v4l2_ops sl_v4l2_libv4l2;

/* 0 or -errno; begun anew when a signal interrupts it. */
SL_MUST_CHECK int sl_v4l2_ioctl(const struct sl_v4l2_ops *ops, int fd, unsigned long request,
                                void *arg);
