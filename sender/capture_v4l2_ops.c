/* SPDX-License-Identifier: MIT */
#include "sender/capture_v4l2_ops.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <libv4l2.h>
#include <linux/videodev2.h>

#include "base/time.h"

/* Failures are told by us, in one line: the library's own words would come on top of them. */
static void silence_library(void)
{
    if (!v4l2_log_file)
        v4l2_log_file = fopen("/dev/null", "we");
}

/* What is no V4L2 device at all, the library's plug-ins complain about on stderr. */
static bool is_v4l2(int fd)
{
    struct v4l2_capability is;
    return ioctl(fd, VIDIOC_QUERYCAP, &is) == 0;
}

/* v4l2_open() has no way to leave conversion out. */
static int open_node(const char *path, bool emulate)
{
    silence_library();
    const int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (is_v4l2(fd) && v4l2_fd_open(fd, emulate ? 0 : V4L2_DISABLE_CONVERSION) >= 0)
        return fd;
    const int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static int control(int fd, unsigned long request, void *arg)
{
    return v4l2_ioctl(fd, request, arg);
}

static void *map(size_t len, int fd, int64_t offset)
{
    return v4l2_mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
}

const struct sl_v4l2_ops sl_v4l2_libv4l2 = {
    .dev = "/dev",
    .open = open_node,
    .close = v4l2_close,
    .ioctl = control,
    .mmap = map,
    .munmap = v4l2_munmap,
    .poll = poll,
    .now = sl_time_now,
};

int sl_v4l2_ioctl(const struct sl_v4l2_ops *ops, int fd, unsigned long request, void *arg)
{
    int done;
    do
        done = ops->ioctl(fd, request, arg);
    while (done < 0 && errno == EINTR);
    return done < 0 ? -errno : 0;
}
