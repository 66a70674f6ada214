/* SPDX-License-Identifier: MIT */
#include "tests/support/fake_v4l2.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define FIRST_FD 100000 /* none of the process's own */
#define FDS 32
#define BEGIN (1000 * SL_SEC)
#define PAGE 4096
#define POLLS_MOST 1000000 /* of one test: more is a program that runs in circles */
#define TIME_MOST (3600 * SL_SEC)

struct fake_buffer {
    uint8_t *data; /* NULL: not mapped */
    bool queued;
    uint64_t order; /* in which it was queued, then filled */
    bool done;
    struct v4l2_buffer told;
};

struct opened {
    bool used, emulate, gone, streaming;
    struct fake_v4l2_camera *camera;
    struct v4l2_pix_format pix;
    struct v4l2_fract interval;
    unsigned count;
    struct fake_buffer buffers[FAKE_V4L2_BUFFERS];
    sl_ns due;
    uint32_t sequence;
    uint64_t order;
};

struct fake_v4l2 fake_v4l2;
static struct opened table[FDS];
static char dev[64];

/* ---- The folder ---- */

static void node_path(char path[PATH_MAX], int number)
{
    snprintf(path, PATH_MAX, "%s/video%d", dev, number);
}

static void link_path(char path[PATH_MAX], const struct fake_v4l2_camera *camera)
{
    snprintf(path, PATH_MAX, "%s/v4l/by-id/%s", dev, camera->by_id);
}

void fake_v4l2_begin(void)
{
    char path[PATH_MAX];
    fake_v4l2 = (struct fake_v4l2){.now = BEGIN};
    memset(table, 0, sizeof(table));
    for (int i = 0; i < FAKE_V4L2_CAMERAS; i++)
        fake_v4l2.cameras[i].number = -1;
    snprintf(dev, sizeof(dev), "/tmp/sightline-test-XXXXXX");
    assert_non_null(mkdtemp(dev));
    snprintf(path, sizeof(path), "%s/v4l", dev);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/v4l/by-id", dev);
    assert_int_equal(mkdir(path, 0700), 0);
    fake_v4l2_ops.dev = dev;
}

void fake_v4l2_end(void)
{
    char path[PATH_MAX];
    for (int i = 0; i < FAKE_V4L2_CAMERAS; i++)
        if (fake_v4l2.cameras[i].number >= 0)
            fake_v4l2_unplug(i);
    snprintf(path, sizeof(path), "%s/v4l/by-id", dev);
    assert_int_equal(rmdir(path), 0);
    snprintf(path, sizeof(path), "%s/v4l", dev);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(dev), 0);
    assert_int_equal(fake_v4l2.open, 0);
    assert_int_equal(fake_v4l2.mapped, 0);
}

void fake_v4l2_plug(int index, int number)
{
    struct fake_v4l2_camera *camera = &fake_v4l2.cameras[index];
    char path[PATH_MAX], link[PATH_MAX];
    assert_int_equal(camera->number, -1);
    node_path(path, number);
    FILE *file = fopen(path, "wx");
    assert_non_null(file);
    fclose(file);
    if (camera->by_id) {
        link_path(link, camera);
        assert_int_equal(symlink(path, link), 0);
    }
    camera->number = number;
}

void fake_v4l2_unplug(int index)
{
    struct fake_v4l2_camera *camera = &fake_v4l2.cameras[index];
    char path[PATH_MAX];
    assert_true(camera->number >= 0);
    node_path(path, camera->number);
    assert_int_equal(unlink(path), 0);
    if (camera->by_id) {
        link_path(path, camera);
        assert_int_equal(unlink(path), 0);
    }
    camera->number = -1;
    for (int i = 0; i < FDS; i++)
        if (table[i].used && table[i].camera == camera)
            table[i].gone = true;
}

/* ---- Formats ---- */

int fake_v4l2_row(uint32_t fourcc, int width)
{
    switch (fourcc) {
    case V4L2_PIX_FMT_YUYV:
    case V4L2_PIX_FMT_UYVY:
    case V4L2_PIX_FMT_YVYU:
        return 2 * width;
    case V4L2_PIX_FMT_RGB24:
    case V4L2_PIX_FMT_BGR24:
        return 3 * width;
    case V4L2_PIX_FMT_MJPEG:
    case V4L2_PIX_FMT_JPEG:
    case V4L2_PIX_FMT_H264:
        return 0;
    }
    return width;
}

size_t fake_v4l2_bytes(uint32_t fourcc, int stride, int height)
{
    switch (fourcc) {
    case V4L2_PIX_FMT_YUV420:
    case V4L2_PIX_FMT_YVU420:
    case V4L2_PIX_FMT_NV12:
    case V4L2_PIX_FMT_NV21:
        return (size_t)stride * (size_t)height * 3 / 2;
    case V4L2_PIX_FMT_MJPEG:
    case V4L2_PIX_FMT_JPEG:
    case V4L2_PIX_FMT_H264:
        return 65536;
    }
    return (size_t)stride * (size_t)height;
}

static const struct fake_v4l2_format *format_at(const struct opened *opened, uint32_t index)
{
    for (int i = 0; i < FAKE_V4L2_FORMATS && opened->camera->formats[i].fourcc; i++) {
        const struct fake_v4l2_format *format = &opened->camera->formats[i];
        if (format->emulated && !opened->emulate)
            continue;
        if (index-- == 0)
            return format;
    }
    return NULL;
}

static const struct fake_v4l2_format *format_of(const struct opened *opened, uint32_t fourcc)
{
    const struct fake_v4l2_format *format;
    for (uint32_t i = 0; (format = format_at(opened, i)); i++)
        if (format->fourcc == fourcc)
            return format;
    return NULL;
}

static bool holds(const struct fake_v4l2_size *size, int width, int height)
{
    if (!size->most_width)
        return size->width == width && size->height == height;
    return width >= size->width && width <= size->most_width && height >= size->height &&
           height <= size->most_height && (width - size->width) % size->step == 0 &&
           (height - size->height) % size->step == 0;
}

static const struct fake_v4l2_size *size_of(const struct fake_v4l2_format *format, int width,
                                            int height)
{
    for (int i = 0; format && i < FAKE_V4L2_SIZES && format->sizes[i].width; i++)
        if (holds(&format->sizes[i], width, height))
            return &format->sizes[i];
    return NULL;
}

/* As drivers do: what is not there becomes something that is. */
static void adjust(const struct opened *opened, struct v4l2_pix_format *pix)
{
    const struct fake_v4l2_format *format = format_of(opened, pix->pixelformat);
    if (!format)
        format = format_at(opened, 0);
    const struct fake_v4l2_size *size = size_of(format, (int)pix->width, (int)pix->height);
    if (!size) {
        pix->width = (unsigned)format->sizes[0].width;
        pix->height = (unsigned)format->sizes[0].height;
    }
    const int row = fake_v4l2_row(format->fourcc, (int)pix->width);
    pix->pixelformat = format->fourcc;
    pix->bytesperline = (unsigned)(row ? row + opened->camera->padding : 0);
    pix->sizeimage =
        (unsigned)fake_v4l2_bytes(format->fourcc, (int)pix->bytesperline, (int)pix->height);
    pix->colorspace = opened->camera->colorspace;
    pix->quantization = opened->camera->quantization;
}

static int enum_format(const struct opened *opened, struct v4l2_fmtdesc *entry)
{
    const struct fake_v4l2_format *format = format_at(opened, entry->index);
    if (!format)
        return EINVAL;
    entry->pixelformat = format->fourcc;
    entry->flags = format->emulated ? V4L2_FMT_FLAG_EMULATED : 0;
    return 0;
}

static int enum_size(const struct opened *opened, struct v4l2_frmsizeenum *entry)
{
    const struct fake_v4l2_format *format = format_of(opened, entry->pixel_format);
    if (!format || format->unlisted || entry->index >= FAKE_V4L2_SIZES)
        return format && format->unlisted ? ENOTTY : EINVAL;
    const struct fake_v4l2_size *size = &format->sizes[entry->index];
    if (!size->width)
        return EINVAL;
    entry->type = size->most_width ? V4L2_FRMSIZE_TYPE_STEPWISE : V4L2_FRMSIZE_TYPE_DISCRETE;
    if (!size->most_width) {
        entry->discrete.width = (unsigned)size->width;
        entry->discrete.height = (unsigned)size->height;
        return 0;
    }
    entry->stepwise = (struct v4l2_frmsize_stepwise){
        .min_width = (unsigned)size->width,
        .max_width = (unsigned)size->most_width,
        .step_width = (unsigned)size->step,
        .min_height = (unsigned)size->height,
        .max_height = (unsigned)size->most_height,
        .step_height = (unsigned)size->step,
    };
    return 0;
}

static int enum_interval(const struct opened *opened, struct v4l2_frmivalenum *entry)
{
    const struct fake_v4l2_size *size =
        size_of(format_of(opened, entry->pixel_format), (int)entry->width, (int)entry->height);
    if (!size || entry->index >= FAKE_V4L2_RATES || !size->intervals[entry->index].denominator)
        return EINVAL;
    entry->type = size->interval_range ? V4L2_FRMIVAL_TYPE_STEPWISE : V4L2_FRMIVAL_TYPE_DISCRETE;
    if (size->interval_range)
        entry->stepwise = (struct v4l2_frmival_stepwise){
            .min = size->intervals[0], .max = size->intervals[1], .step = {1, 1}};
    else
        entry->discrete = size->intervals[entry->index];
    return 0;
}

/* ---- One descriptor ---- */

static struct opened *opened_of(int fd)
{
    if (fd < FIRST_FD || fd >= FIRST_FD + FDS || !table[fd - FIRST_FD].used)
        fail_msg("descriptor %d is not open", fd);
    return &table[fd - FIRST_FD];
}

static bool others_hold(const struct opened *opened)
{
    bool held = opened->camera->busy;
    for (int i = 0; i < FDS; i++)
        held |= table[i].used && &table[i] != opened && table[i].camera == opened->camera &&
                !table[i].gone && table[i].count > 0;
    return held;
}

static int set_format(struct opened *opened, struct v4l2_format *format)
{
    if (others_hold(opened) || opened->count)
        return EBUSY;
    adjust(opened, &format->fmt.pix);
    opened->pix = format->fmt.pix;
    return 0;
}

/* The nearest interval that the size has, as drivers choose it. */
static int set_interval(struct opened *opened, struct v4l2_streamparm *parm)
{
    struct v4l2_fract *wanted = &parm->parm.capture.timeperframe;
    const struct fake_v4l2_size *size = size_of(format_of(opened, opened->pix.pixelformat),
                                                (int)opened->pix.width, (int)opened->pix.height);
    if (others_hold(opened))
        return EBUSY;
    if (!size || !size->intervals[0].denominator)
        return ENOTTY;
    struct v4l2_fract best = size->intervals[0];
    double distance = 1e9;
    for (int i = 0; i < FAKE_V4L2_RATES && size->intervals[i].denominator; i++) {
        const struct v4l2_fract *each = &size->intervals[i];
        double off = (double)each->denominator / each->numerator -
                     (double)wanted->denominator / wanted->numerator;
        off = off < 0 ? -off : off;
        if (off < distance) {
            distance = off;
            best = *each;
        }
    }
    *wanted = opened->interval = size->interval_range ? *wanted : best;
    return 0;
}

static int request_buffers(struct opened *opened, struct v4l2_requestbuffers *request)
{
    if (others_hold(opened))
        return EBUSY;
    for (unsigned i = 0; i < opened->count; i++)
        if (opened->buffers[i].data)
            return EBUSY;
    if (opened->streaming)
        return EBUSY;
    opened->count = request->count < FAKE_V4L2_BUFFERS ? request->count : FAKE_V4L2_BUFFERS;
    request->count = opened->count;
    memset(opened->buffers, 0, sizeof(opened->buffers));
    return 0;
}

static int query_buffer(const struct opened *opened, struct v4l2_buffer *buffer)
{
    if (buffer->index >= opened->count)
        return EINVAL;
    buffer->length = opened->pix.sizeimage;
    buffer->m.offset = buffer->index * PAGE;
    return 0;
}

static int queue_buffer(struct opened *opened, const struct v4l2_buffer *buffer)
{
    if (buffer->index >= opened->count)
        return EINVAL;
    struct fake_buffer *own = &opened->buffers[buffer->index];
    if (own->queued || own->done)
        fail_msg("buffer %u is queued already", buffer->index);
    own->queued = true;
    own->order = opened->order++;
    return 0;
}

static struct fake_buffer *oldest(struct opened *opened, bool done)
{
    struct fake_buffer *found = NULL;
    for (unsigned i = 0; i < opened->count; i++) {
        struct fake_buffer *each = &opened->buffers[i];
        if ((done ? each->done : each->queued) && (!found || each->order < found->order))
            found = each;
    }
    return found;
}

static int dequeue_buffer(struct opened *opened, struct v4l2_buffer *buffer)
{
    struct fake_buffer *done = oldest(opened, true);
    if (!opened->streaming)
        return EINVAL;
    if (!done)
        return EAGAIN;
    *buffer = done->told;
    buffer->index = (unsigned)(done - opened->buffers);
    done->done = false;
    return 0;
}

static int stream(struct opened *opened, bool on)
{
    if (on && !opened->count)
        return EINVAL;
    opened->streaming = on;
    opened->sequence = 0;
    opened->due = fake_v4l2.now + 5 * SL_MS;
    for (unsigned i = 0; !on && i < opened->count; i++)
        opened->buffers[i].queued = opened->buffers[i].done = false;
    return 0;
}

/* ---- Controls ---- */

static struct fake_v4l2_control *control_of(struct fake_v4l2_camera *camera, uint32_t id)
{
    for (int i = 0; i < FAKE_V4L2_CONTROLS && camera->controls[i].id; i++)
        if (camera->controls[i].id == id)
            return &camera->controls[i];
    return NULL;
}

struct fake_v4l2_control *fake_v4l2_control(int camera, uint32_t id)
{
    return control_of(&fake_v4l2.cameras[camera], id);
}

static int query_control(const struct opened *opened, struct v4l2_queryctrl *entry)
{
    const struct fake_v4l2_control *is = control_of(opened->camera, entry->id);
    if (!is)
        return EINVAL;
    *entry =
        (struct v4l2_queryctrl){.id = is->id,
                                .type = is->menu ? V4L2_CTRL_TYPE_MENU : V4L2_CTRL_TYPE_INTEGER,
                                .minimum = is->least,
                                .maximum = is->most,
                                .step = is->step};
    return 0;
}

static int query_menu(const struct opened *opened, const struct v4l2_querymenu *item)
{
    const struct fake_v4l2_control *is = control_of(opened->camera, item->id);
    return is && item->index < 32 && is->menu >> item->index & 1 ? 0 : EINVAL;
}

static int set_control(const struct opened *opened, const struct v4l2_control *set)
{
    struct fake_v4l2_control *is = control_of(opened->camera, set->id);
    if (!is)
        return EINVAL;
    if (is->still && opened->streaming)
        return EBUSY;
    if ((is->menu && !(is->menu >> set->value & 1)) || set->value < is->least ||
        set->value > is->most || (is->step > 1 && (set->value - is->least) % is->step))
        return ERANGE;
    is->value = set->value;
    is->sets++;
    return 0;
}

/* ---- Pictures ---- */

static void fill_buffer(struct opened *opened, struct fake_buffer *buffer)
{
    struct fake_v4l2_camera *camera = opened->camera;
    const size_t len = opened->pix.sizeimage;
    const sl_ns moment = opened->due + (camera->in_future ? SL_SEC : 0);
    size_t used = len;
    if (camera->fill)
        used = camera->fill(buffer->data, len, opened->sequence, &opened->pix);
    else
        memset(buffer->data, (int)(opened->sequence & 0x7f) + 16, len);
    buffer->told = (struct v4l2_buffer){
        .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
        .memory = V4L2_MEMORY_MMAP,
        .bytesused = (unsigned)used,
        .sequence = opened->sequence,
        .flags = camera->wall_clock ? V4L2_BUF_FLAG_TIMESTAMP_UNKNOWN
                                    : V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC,
        .timestamp = {moment / SL_SEC, moment % SL_SEC / SL_US},
    };
    if (camera->damaged) {
        camera->damaged--;
        buffer->told.flags |= V4L2_BUF_FLAG_ERROR;
    }
    buffer->queued = false;
    buffer->done = true;
    buffer->order = opened->order++;
}

static void produce(struct opened *opened)
{
    struct fake_v4l2_camera *camera = opened->camera;
    const sl_ns interval = opened->interval.denominator
                               ? SL_SEC * opened->interval.numerator / opened->interval.denominator
                               : SL_SEC / 30;
    while (opened->streaming && !opened->gone && opened->due <= fake_v4l2.now) {
        struct fake_buffer *buffer = oldest(opened, false);
        opened->sequence += camera->skipped;
        camera->skipped = 0;
        if (buffer && buffer->data && !camera->wedged)
            fill_buffer(opened, buffer);
        opened->sequence++;
        opened->due += interval;
    }
}

static void pass_time(void)
{
    if (fake_v4l2.event_at && fake_v4l2.now >= fake_v4l2.event_at) {
        fake_v4l2.event_at = 0;
        fake_v4l2.event();
    }
    for (int i = 0; i < FDS; i++)
        if (table[i].used)
            produce(&table[i]);
}

/* ---- The calls ---- */

static int fake_open(const char *path, bool emulate)
{
    char real[PATH_MAX], node[PATH_MAX];
    if (!realpath(path, real))
        return -1;
    for (int i = 0; i < FAKE_V4L2_CAMERAS; i++) {
        struct fake_v4l2_camera *camera = &fake_v4l2.cameras[i];
        node_path(node, camera->number);
        if (camera->number < 0 || strcmp(node, real) != 0)
            continue;
        if (camera->forbidden) {
            errno = EACCES;
            return -1;
        }
        for (int k = 0; k < FDS; k++) {
            if (table[k].used)
                continue;
            table[k] = (struct opened){.used = true, .emulate = emulate, .camera = camera};
            fake_v4l2.open++;
            return FIRST_FD + k;
        }
        fail_msg("more than %d descriptors are open", FDS);
    }
    errno = ENOTTY;
    return -1;
}

static int fake_close(int fd)
{
    opened_of(fd)->used = false;
    fake_v4l2.open--;
    return 0;
}

static int control(struct opened *opened, unsigned long request, void *arg)
{
    if (opened->gone)
        return ENODEV;
    switch (request) {
    case VIDIOC_QUERYCAP: {
        struct v4l2_capability *is = arg;
        const uint32_t caps = opened->camera->caps;
        memset(is, 0, sizeof(*is));
        snprintf((char *)is->driver, sizeof(is->driver), "fake");
        snprintf((char *)is->card, sizeof(is->card), "%s", opened->camera->card);
        snprintf((char *)is->bus_info, sizeof(is->bus_info), "%s", opened->camera->bus_info);
        is->device_caps = caps ? caps : V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
        /* All that the hardware can by any of its nodes. */
        is->capabilities = V4L2_CAP_DEVICE_CAPS | V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING |
                           V4L2_CAP_META_CAPTURE;
        return 0;
    }
    case VIDIOC_ENUM_FMT:
        return enum_format(opened, arg);
    case VIDIOC_ENUM_FRAMESIZES:
        return enum_size(opened, arg);
    case VIDIOC_ENUM_FRAMEINTERVALS:
        return enum_interval(opened, arg);
    case VIDIOC_TRY_FMT:
        adjust(opened, &((struct v4l2_format *)arg)->fmt.pix);
        return 0;
    case VIDIOC_S_FMT:
        return set_format(opened, arg);
    case VIDIOC_S_PARM:
        return set_interval(opened, arg);
    case VIDIOC_QUERYCTRL:
        return query_control(opened, arg);
    case VIDIOC_QUERYMENU:
        return query_menu(opened, arg);
    case VIDIOC_S_CTRL:
        return set_control(opened, arg);
    case VIDIOC_REQBUFS:
        return request_buffers(opened, arg);
    case VIDIOC_QUERYBUF:
        return query_buffer(opened, arg);
    case VIDIOC_QBUF:
        return queue_buffer(opened, arg);
    case VIDIOC_DQBUF:
        return dequeue_buffer(opened, arg);
    case VIDIOC_STREAMON:
    case VIDIOC_STREAMOFF:
        return stream(opened, request == VIDIOC_STREAMON);
    }
    return ENOTTY;
}

static int fake_ioctl(int fd, unsigned long request, void *arg)
{
    const int error = control(opened_of(fd), request, arg);
    errno = error;
    return error ? -1 : 0;
}

static void *fake_mmap(size_t len, int fd, int64_t offset)
{
    struct opened *opened = opened_of(fd);
    struct fake_buffer *buffer = &opened->buffers[offset / PAGE];
    if (opened->gone) {
        errno = ENODEV;
        return MAP_FAILED;
    }
    assert_true(offset % PAGE == 0 && offset / PAGE < opened->count && !buffer->data);
    assert_int_equal(len, opened->pix.sizeimage);
    buffer->data = malloc(len);
    fake_v4l2.mapped++;
    return buffer->data;
}

static int fake_munmap(void *start, size_t len)
{
    for (int i = 0; i < FDS; i++)
        for (int k = 0; k < FAKE_V4L2_BUFFERS; k++)
            if (table[i].used && table[i].buffers[k].data == start) {
                assert_int_equal(len, table[i].pix.sizeimage);
                table[i].buffers[k].data = NULL;
                free(start);
                fake_v4l2.mapped--;
                return 0;
            }
    fail_msg("what is unmapped was not mapped, or its device is closed");
    return -1;
}

static short ready(const struct pollfd *entry)
{
    if (entry->fd < FIRST_FD) {
        struct pollfd own = *entry;
        return poll(&own, 1, 0) > 0 ? own.revents : 0;
    }
    struct opened *opened = opened_of(entry->fd);
    if (opened->gone && !opened->camera->hung)
        return POLLERR | POLLHUP;
    return oldest(opened, true) ? POLLIN : 0;
}

static sl_ns next_moment(sl_ns end)
{
    sl_ns next = end;
    if (fake_v4l2.event_at && fake_v4l2.event_at < next)
        next = fake_v4l2.event_at;
    for (int i = 0; i < FDS; i++)
        if (table[i].used && table[i].streaming && !table[i].gone && table[i].due < next)
            next = table[i].due;
    return next;
}

static int fake_poll(struct pollfd *entries, nfds_t count, int timeout_ms)
{
    assert_true(timeout_ms >= 0); /* without a limit a driver could hold us for ever */
    assert_true(++fake_v4l2.polls < POLLS_MOST && fake_v4l2.now < BEGIN + TIME_MOST);
    const sl_ns end = fake_v4l2.now + timeout_ms * SL_MS;
    for (;;) {
        int found = 0;
        pass_time();
        for (nfds_t i = 0; i < count; i++) {
            entries[i].revents = ready(&entries[i]);
            found += entries[i].revents != 0;
        }
        if (found || fake_v4l2.now >= end)
            return found;
        fake_v4l2.now = next_moment(end);
    }
}

static sl_ns fake_now(void)
{
    return fake_v4l2.now;
}

struct sl_v4l2_ops fake_v4l2_ops = {
    .open = fake_open,
    .close = fake_close,
    .ioctl = fake_ioctl,
    .mmap = fake_mmap,
    .munmap = fake_munmap,
    .poll = fake_poll,
    .now = fake_now,
};
