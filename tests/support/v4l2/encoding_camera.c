/* SPDX-License-Identifier: MIT */
/*
 * A camera that encodes, for programs that are run with LD_PRELOAD=this: it answers in the place of
 * libv4l2 for the node SIGHTLINE_CAMERA, in real time.
 *
 * It plays the access units of SIGHTLINE_CAMERA_UNITS (each behind its length, 32 bits, the lowest
 * byte first), 30 a second, for ever; asked for a key frame it goes on with the next one of the
 * file. What is set of its controls it writes to SIGHTLINE_CAMERA_LOG, a line each: number, value.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <libv4l2.h>
#include <linux/videodev2.h>

#define BUFFERS 8
#define BUFFER_BYTES (1 << 20)
#define PAGE 4096
#define WIDTH 384
#define HEIGHT 288

static struct {
    int fd; /* a timer; -1: closed */
    FILE *units, *log;
    bool streams, key_wanted;
    uint32_t sequence;
    unsigned count, queue[BUFFERS], queued; /* the oldest first */
    uint8_t *data[BUFFERS];
} camera = {.fd = -1};

static int fail(int error)
{
    errno = error;
    return -1;
}

/* ---- Units ---- */

static size_t read_unit(uint8_t *out)
{
    uint8_t head[4];
    if (fread(head, 1, 4, camera.units) != 4) {
        rewind(camera.units);
        if (fread(head, 1, 4, camera.units) != 4)
            abort();
    }
    const size_t len = head[0] | head[1] << 8 | head[2] << 16;
    if (len > BUFFER_BYTES || fread(out, 1, len, camera.units) != len)
        abort();
    return len;
}

static bool is_key(const uint8_t *data, size_t len)
{
    for (size_t i = 0; i + 3 < len; i++)
        if (!data[i] && !data[i + 1] && data[i + 2] == 1 && (data[i + 3] & 31) == 5)
            return true;
    return false;
}

static int dequeue(struct v4l2_buffer *buffer)
{
    uint64_t ticks;
    struct timespec now;
    if (!camera.streams || !camera.queued || read(camera.fd, &ticks, sizeof(ticks)) < 0)
        return fail(EAGAIN);
    const unsigned index = camera.queue[0];
    memmove(camera.queue, camera.queue + 1, --camera.queued * sizeof(camera.queue[0]));
    size_t len;
    do
        len = read_unit(camera.data[index]);
    while (camera.key_wanted && !is_key(camera.data[index], len));
    camera.key_wanted = false;
    clock_gettime(CLOCK_MONOTONIC, &now);
    *buffer = (struct v4l2_buffer){
        .index = index,
        .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
        .bytesused = (uint32_t)len,
        .flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC,
        .timestamp = {now.tv_sec, now.tv_nsec / 1000},
        .sequence = camera.sequence++,
    };
    return 0;
}

static int stream(bool on)
{
    const long interval = on ? 1000000000 / 30 : 0;
    const struct itimerspec each = {{0, interval}, {0, interval}};
    camera.streams = on;
    return timerfd_settime(camera.fd, 0, &each, NULL);
}

/* ---- Controls ---- */

static int query_control(struct v4l2_queryctrl *is)
{
    const bool bitrate = is->id == V4L2_CID_MPEG_VIDEO_BITRATE;
    if (!bitrate && is->id != V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME)
        return fail(EINVAL);
    *is = (struct v4l2_queryctrl){
        .id = is->id, .minimum = bitrate ? 50000 : 0, .maximum = bitrate ? 8000000 : 1, .step = 1};
    return 0;
}

static int set_control(const struct v4l2_control *set)
{
    camera.key_wanted |= set->id == V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME;
    fprintf(camera.log, "%x %d\n", set->id, set->value);
    fflush(camera.log);
    return 0;
}

/* ---- The calls ---- */

static int set_format(struct v4l2_pix_format *pix)
{
    *pix = (struct v4l2_pix_format){.width = WIDTH,
                                    .height = HEIGHT,
                                    .pixelformat = V4L2_PIX_FMT_H264,
                                    .sizeimage = BUFFER_BYTES};
    return 0;
}

static int answer(unsigned long request, void *arg)
{
    switch (request) {
    case VIDIOC_QUERYCAP: {
        struct v4l2_capability *is = arg;
        *is = (struct v4l2_capability){.driver = "test",
                                       .card = "Encoding camera",
                                       .bus_info = "test",
                                       .capabilities = V4L2_CAP_DEVICE_CAPS |
                                                       V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING,
                                       .device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING};
        return 0;
    }
    case VIDIOC_ENUM_FMT:
        ((struct v4l2_fmtdesc *)arg)->pixelformat = V4L2_PIX_FMT_H264;
        return ((struct v4l2_fmtdesc *)arg)->index ? fail(EINVAL) : 0;
    case VIDIOC_ENUM_FRAMESIZES: {
        struct v4l2_frmsizeenum *size = arg;
        size->type = V4L2_FRMSIZE_TYPE_DISCRETE;
        size->discrete = (struct v4l2_frmsize_discrete){WIDTH, HEIGHT};
        return size->index ? fail(EINVAL) : 0;
    }
    case VIDIOC_ENUM_FRAMEINTERVALS: {
        struct v4l2_frmivalenum *interval = arg;
        interval->type = V4L2_FRMIVAL_TYPE_DISCRETE;
        interval->discrete = (struct v4l2_fract){1, 30};
        return interval->index ? fail(EINVAL) : 0;
    }
    case VIDIOC_S_FMT:
        return set_format(&((struct v4l2_format *)arg)->fmt.pix);
    case VIDIOC_S_PARM:
        ((struct v4l2_streamparm *)arg)->parm.capture.timeperframe = (struct v4l2_fract){1, 30};
        return 0;
    case VIDIOC_REQBUFS:
        if (((struct v4l2_requestbuffers *)arg)->count > BUFFERS)
            ((struct v4l2_requestbuffers *)arg)->count = BUFFERS;
        return 0;
    case VIDIOC_QUERYBUF:
        ((struct v4l2_buffer *)arg)->length = BUFFER_BYTES;
        ((struct v4l2_buffer *)arg)->m.offset = ((struct v4l2_buffer *)arg)->index * PAGE;
        return 0;
    case VIDIOC_QBUF:
        camera.queue[camera.queued++] = ((struct v4l2_buffer *)arg)->index;
        return 0;
    case VIDIOC_DQBUF:
        return dequeue(arg);
    case VIDIOC_STREAMON:
    case VIDIOC_STREAMOFF:
        return stream(request == VIDIOC_STREAMON);
    case VIDIOC_QUERYCTRL:
        return query_control(arg);
    case VIDIOC_S_CTRL:
        return set_control(arg);
    }
    return fail(ENOTTY);
}

int open(const char *path, int flags, ...)
{
    int (*next)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
    const char *node = getenv("SIGHTLINE_CAMERA");
    va_list args;
    va_start(args, flags);
    const int mode = flags & O_CREAT ? va_arg(args, int) : 0;
    va_end(args);
    if (!node || strcmp(path, node) != 0)
        return next(path, flags, mode);
    if (!camera.units) {
        camera.units = fopen(getenv("SIGHTLINE_CAMERA_UNITS"), "re");
        camera.log = fopen(getenv("SIGHTLINE_CAMERA_LOG"), "ae");
    }
    if (!camera.units || !camera.log)
        return fail(EIO);
    camera.queued = camera.sequence = 0;
    return camera.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
}

int ioctl(int fd, unsigned long request, ...)
{
    int (*next)(int, unsigned long, ...) =
        (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
    va_list args;
    va_start(args, request);
    void *arg = va_arg(args, void *);
    va_end(args);
    return fd >= 0 && fd == camera.fd ? answer(request, arg) : next(fd, request, arg);
}

int v4l2_fd_open(int fd, int flags)
{
    (void)flags;
    return fd;
}

int v4l2_ioctl(int fd, unsigned long request, ...)
{
    (void)fd;
    va_list args;
    va_start(args, request);
    void *arg = va_arg(args, void *);
    va_end(args);
    return answer(request, arg);
}

int v4l2_close(int fd)
{
    camera.fd = -1;
    return close(fd);
}

void *v4l2_mmap(void *start, size_t len, int prot, int flags, int fd, int64_t offset)
{
    (void)start;
    (void)prot;
    (void)flags;
    (void)fd;
    return camera.data[offset / PAGE] = malloc(len);
}

int v4l2_munmap(void *start, size_t len)
{
    (void)len;
    free(start);
    return 0;
}
