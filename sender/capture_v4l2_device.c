/* SPDX-License-Identifier: MIT */
#include "sender/capture_v4l2_device.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <linux/videodev2.h>

#include "sender/capture_v4l2_find.h"
#include "sender/capture_v4l2_modes.h"

/* One being looked at, one being filled, and two for a late reader. More do not make pictures
 * older: whatever is ready is taken at once. */
#define BUFFERS 4
#define BUFFERS_ENCODED 8 /* none of which may be missed */
#define BUFFERS_MAX 32    /* a driver may insist on more than asked for */
#define BUFFERS_LEAST 2

struct mapped {
    void *start;
    size_t len;
};

struct sl_v4l2_device {
    const struct sl_v4l2_ops *ops;
    struct sl_v4l2_stats *stats;
    int fd;
    bool streaming, any;
    uint32_t sequence; /* of the last buffer, if there was any */
    unsigned count;
    struct mapped buffers[BUFFERS_MAX];
    struct sl_v4l2_device_info info;
    bool encoded, any_damaged; /* the latter: since the last that was handed out */
    struct sl_v4l2_encoder encoder;
};

static int control(const struct sl_v4l2_device *device, unsigned long request, void *arg)
{
    return sl_v4l2_ioctl(device->ops, device->fd, request, arg);
}

void sl_v4l2_device_close(struct sl_v4l2_device *device)
{
    if (!device)
        return;
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    if (device->streaming)
        (void)!control(device, VIDIOC_STREAMOFF, &type); /* nothing else to do about it */
    for (unsigned i = 0; i < device->count; i++)
        if (device->buffers[i].start)
            device->ops->munmap(device->buffers[i].start, device->buffers[i].len);
    if (device->fd >= 0)
        device->ops->close(device->fd);
    free(device);
}

const struct sl_v4l2_device_info *sl_v4l2_device_info(const struct sl_v4l2_device *device)
{
    return &device->info;
}

/* ---- Opening, step by step ---- */

static int explain(int error, char *why, size_t why_len)
{
    switch (error) {
    case -ENOENT:
    case -ENODEV:
    case -ENXIO:
        snprintf(why, why_len, "there is no such device (--list-devices shows what there is)");
        break;
    case -EACCES:
    case -EPERM:
        snprintf(why, why_len, "no permission; wanted a user of the group video");
        break;
    case -EBUSY:
        snprintf(why, why_len, "in use by another program");
        break;
    case -ENOTTY:
        snprintf(why, why_len, "not a camera (--list-devices shows what there is)");
        break;
    default:
        snprintf(why, why_len, "%s", strerror(-error));
    }
    return error;
}

static int refuse_modes(const struct sl_v4l2_modes *modes, const struct sl_v4l2_wish *wish,
                        char *why, size_t why_len)
{
    char offers[160];
    bool usable = false, named = !wish->format;
    for (size_t i = 0; i < modes->count; i++) {
        usable |= sl_v4l2_mode_usable(&modes->list[i]);
        named |= sl_v4l2_format_find(modes->list[i].fourcc) == wish->format;
    }
    sl_v4l2_describe(modes->list, modes->count, offers, sizeof(offers));
    if (!usable)
        snprintf(why, why_len, "it offers no format that can be used, but %s", offers);
    else if (!named)
        snprintf(why, why_len, "it does not offer %s, but %s", wish->format->name, offers);
    else
        snprintf(why, why_len, "%dx%d is far from what it offers: %s", wish->size.width,
                 wish->size.height, offers);
    return -EINVAL;
}

static int choose(struct sl_v4l2_device *device, const struct sl_v4l2_wish *wish, char *why,
                  size_t why_len)
{
    struct sl_v4l2_modes modes = {0};
    int error = sl_v4l2_modes_read(&modes, device->ops, device->fd, wish);
    if (error)
        return explain(error, why, why_len);
    const struct sl_v4l2_mode *mode = sl_v4l2_choose(modes.list, modes.count, wish);
    if (mode)
        device->info.mode = *mode;
    else
        error = refuse_modes(&modes, wish, why, why_len);
    sl_v4l2_modes_free(&modes);
    return error;
}

/* The defaults of the V4L2 documentation, by which grey is no YCbCr. */
static bool is_full_range(const struct sl_v4l2_format *format, const struct v4l2_pix_format *pix)
{
    if (format->pixels == AV_PIX_FMT_NONE) /* JPEG is */
        return true;
    if (pix->quantization == V4L2_QUANTIZATION_DEFAULT)
        return format->grey || pix->colorspace == V4L2_COLORSPACE_JPEG;
    return pix->quantization == V4L2_QUANTIZATION_FULL_RANGE;
}

static int set_format(struct sl_v4l2_device *device, char *why, size_t why_len)
{
    struct sl_v4l2_mode *mode = &device->info.mode;
    const struct sl_v4l2_format *format = sl_v4l2_format_find(mode->fourcc);
    struct v4l2_format set = {
        .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
        .fmt.pix =
            {
                .width = (unsigned)mode->width,
                .height = (unsigned)mode->height,
                .pixelformat = mode->fourcc,
                .field = V4L2_FIELD_NONE,
                .priv = V4L2_PIX_FMT_PRIV_MAGIC, /* the driver tells of its colours as well */
            },
    };
    const struct v4l2_pix_format *pix = &set.fmt.pix;
    const int error = control(device, VIDIOC_S_FMT, &set);
    if (error)
        return explain(error, why, why_len);
    if (pix->pixelformat != mode->fourcc || pix->width < 16 || pix->height < 16 ||
        pix->width > 8192 || pix->height > 8192 || pix->bytesperline > INT_MAX) {
        snprintf(why, why_len, "its driver does not keep to what it offers");
        return -EINVAL;
    }
    mode->width = (int)pix->width;
    mode->height = (int)pix->height;
    device->info.shape = (struct sl_v4l2_shape){
        .width = mode->width,
        .height = mode->height,
        .stride =
            pix->bytesperline ? (int)pix->bytesperline : sl_v4l2_format_stride(format, mode->width),
        .full_range = is_full_range(format, pix),
    };
    return 0;
}

/* A driver that does not know rates does not matter; one that changes ours tells what it took. */
static int set_rate(struct sl_v4l2_device *device, const struct sl_v4l2_wish *wish)
{
    struct sl_v4l2_mode *mode = &device->info.mode;
    struct v4l2_streamparm set = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    const bool known = mode->fps_num > 0;
    set.parm.capture.timeperframe.numerator = known ? (unsigned)mode->fps_den : 1;
    set.parm.capture.timeperframe.denominator = (unsigned)(known       ? mode->fps_num
                                                           : wish->fps ? wish->fps
                                                                       : SL_V4L2_FPS);
    const int error = control(device, VIDIOC_S_PARM, &set);
    const struct v4l2_fract *took = &set.parm.capture.timeperframe;
    if (error == -ENODEV || error == -EBUSY)
        return error;
    (void)sl_v4l2_set_interval(mode, took->numerator, took->denominator);
    return 0;
}

static struct v4l2_buffer numbered(unsigned index)
{
    return (struct v4l2_buffer){
        .index = index,
        .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
        .memory = V4L2_MEMORY_MMAP,
    };
}

static int queue(const struct sl_v4l2_device *device, unsigned index)
{
    struct v4l2_buffer buffer = numbered(index);
    return control(device, VIDIOC_QBUF, &buffer);
}

static int map_buffer(struct sl_v4l2_device *device, unsigned index)
{
    struct v4l2_buffer buffer = numbered(index);
    const int error = control(device, VIDIOC_QUERYBUF, &buffer);
    if (error)
        return error;
    void *start = device->ops->mmap(buffer.length, device->fd, buffer.m.offset);
    if (start == MAP_FAILED)
        return -errno;
    device->buffers[index] = (struct mapped){start, buffer.length};
    return queue(device, index);
}

static void set_up_encoder(struct sl_v4l2_device *device, const struct sl_v4l2_wish *wish)
{
    const struct sl_v4l2_mode *mode = &device->info.mode;
    const struct sl_v4l2_coding coding = {.bitrate_bps = wish->bitrate_bps,
                                          .gop = wish->gop,
                                          .fps_num = mode->fps_num,
                                          .fps_den = mode->fps_den};
    device->encoded = sl_v4l2_format_find(mode->fourcc)->encoded;
    if (device->encoded)
        sl_v4l2_encoder_set_up(&device->encoder, device->ops, device->fd, &coding);
}

static int start(struct sl_v4l2_device *device)
{
    struct v4l2_requestbuffers request = {
        .count = device->encoded ? BUFFERS_ENCODED : BUFFERS,
        .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
        .memory = V4L2_MEMORY_MMAP,
    };
    int error = control(device, VIDIOC_REQBUFS, &request);
    if (error)
        return error;
    if (request.count < BUFFERS_LEAST)
        return -ENOMEM;
    device->count = request.count < BUFFERS_MAX ? request.count : BUFFERS_MAX;
    for (unsigned i = 0; !error && i < device->count; i++)
        error = map_buffer(device, i);
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    error = error ? error : control(device, VIDIOC_STREAMON, &type);
    device->streaming = !error;
    return error;
}

static int set_up(struct sl_v4l2_device *device, const struct sl_v4l2_wish *wish, bool emulate,
                  char *why, size_t why_len)
{
    struct sl_v4l2_card card;
    device->fd = device->ops->open(device->info.path, emulate);
    int error = device->fd < 0 ? -errno : sl_v4l2_card_read(&card, device->ops, device->fd);
    if (error)
        return explain(error, why, why_len);
    memcpy(device->info.card, card.card, sizeof(card.card));
    memcpy(device->info.bus_info, card.bus_info, sizeof(card.bus_info));
    error = choose(device, wish, why, why_len);
    error = error ? error : set_format(device, why, why_len);
    if (error)
        return error;
    error = set_rate(device, wish);
    if (!error)
        set_up_encoder(device, wish);
    error = error ? error : start(device);
    return error ? explain(error, why, why_len) : 0;
}

static int open_once(struct sl_v4l2_device **ret, const struct sl_v4l2_ops *ops, const char *path,
                     const struct sl_v4l2_wish *wish, bool emulate, char *why, size_t why_len)
{
    struct sl_v4l2_device *device = calloc(1, sizeof(*device));
    if (!device)
        return explain(-ENOMEM, why, why_len);
    device->ops = ops;
    device->fd = -1;
    snprintf(device->info.path, sizeof(device->info.path), "%s", path);
    const int error = set_up(device, wish, emulate, why, why_len);
    if (error) {
        sl_v4l2_device_close(device);
        return error;
    }
    *ret = device;
    return 0;
}

/* libv4l2 lists what it converts to beside the device's own formats, as if they were no worse. So
 * it is first asked without, and only if none of those will do with conversion; then for H.264. The
 * first reason is the one that is told. */
int sl_v4l2_device_open(struct sl_v4l2_device **ret, const struct sl_v4l2_ops *ops,
                        const char *path, const struct sl_v4l2_wish *wish,
                        struct sl_v4l2_stats *stats, char *why, size_t why_len)
{
    if (strlen(path) >= sizeof(((struct sl_v4l2_device_info *)0)->path))
        return explain(-ENAMETOOLONG, why, why_len);
    int error = open_once(ret, ops, path, wish, false, why, why_len);
    char second[256];
    if (error == -EINVAL && !open_once(ret, ops, path, wish, true, second, sizeof(second)))
        error = 0;
    if (error == -EINVAL && !wish->format && wish->encoded != SL_V4L2_ENCODED_NEVER) {
        struct sl_v4l2_wish encoded = *wish;
        encoded.format = sl_v4l2_format_named("h264");
        if (!open_once(ret, ops, path, &encoded, false, second, sizeof(second)))
            error = 0;
    }
    if (!error)
        (*ret)->stats = stats;
    return error;
}

/* ---- Streaming ---- */

/* How many are missing before it. */
static uint32_t note_sequence(struct sl_v4l2_device *device, uint32_t sequence)
{
    const uint32_t ahead = sequence - device->sequence;
    const uint32_t missed = device->any && ahead && ahead < UINT32_MAX / 2 ? ahead - 1 : 0;
    device->stats->missed += missed;
    device->any = true;
    device->sequence = sequence;
    return missed;
}

/* A moment in the future is a driver's mistake. */
static sl_ns moment(const struct v4l2_buffer *buffer, sl_ns now)
{
    const sl_ns told = buffer->timestamp.tv_sec * SL_SEC + buffer->timestamp.tv_usec * SL_US;
    const bool ours =
        (buffer->flags & V4L2_BUF_FLAG_TIMESTAMP_MASK) == V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    return ours && told > 0 && told <= now ? told : now;
}

static bool is_whole(const struct sl_v4l2_device *device, const struct v4l2_buffer *buffer)
{
    return !(buffer->flags & V4L2_BUF_FLAG_ERROR) && buffer->bytesused > 0 &&
           buffer->bytesused <= device->buffers[buffer->index].len;
}

/* Takes what is ready (of what is encoded one that is whole), but no more than there are buffers: a
 * driver that fails each at once would keep us here. 1, 0 or -errno; an error after a picture shows
 * again the next time. */
static int drain(struct sl_v4l2_device *device, struct sl_v4l2_buffer *ret)
{
    bool have = false;
    int error = 0;
    for (unsigned i = 0; !error && i < device->count; i++) {
        struct v4l2_buffer buffer = numbered(0);
        error = control(device, VIDIOC_DQBUF, &buffer);
        if (!error && buffer.index >= device->count)
            error = -EIO;
        if (error)
            break;
        device->stats->dequeued++;
        const uint32_t missed = note_sequence(device, buffer.sequence);
        if (!is_whole(device, &buffer)) {
            device->any_damaged = true;
            device->stats->damaged++;
            error = queue(device, buffer.index);
            continue;
        }
        if (have) {
            device->stats->replaced++;
            error = queue(device, ret->index);
        }
        have = true;
        *ret = (struct sl_v4l2_buffer){
            .data = device->buffers[buffer.index].start,
            .len = buffer.bytesused,
            .captured = moment(&buffer, device->ops->now()),
            .index = buffer.index,
            .missed = missed,
            .damaged = device->any_damaged,
        };
        device->any_damaged = false;
        if (device->encoded)
            break;
    }
    if (!have)
        return error == -EAGAIN ? 0 : error;
    device->stats->taken++;
    return 1;
}

static int wait_ms(sl_ns left)
{
    const sl_ns ms = (left + SL_MS - 1) / SL_MS;
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

int sl_v4l2_device_take(struct sl_v4l2_device *device, const struct sl_halt *halt, sl_ns deadline,
                        struct sl_v4l2_buffer *ret)
{
    for (;;) {
        struct pollfd entries[] = {{.fd = halt->fd, .events = POLLIN},
                                   {.fd = device->fd, .events = POLLIN}};
        const sl_ns left = deadline - device->ops->now();
        const int ready = device->ops->poll(entries, 2, left > 0 ? wait_ms(left) : 0);
        if (ready < 0 && errno != EINTR)
            return -errno;
        if (ready > 0 && entries[0].revents)
            return -ECANCELED;
        int got = ready > 0 ? drain(device, ret) : 0;
        if (!got && ready > 0 && (entries[1].revents & (POLLERR | POLLHUP | POLLNVAL)))
            got = -ENODEV;
        if (got || left <= 0)
            return got;
    }
}

int sl_v4l2_device_give_back(struct sl_v4l2_device *device, const struct sl_v4l2_buffer *buffer)
{
    return queue(device, buffer->index);
}

const struct sl_v4l2_encoder *sl_v4l2_device_encoder(const struct sl_v4l2_device *device)
{
    return &device->encoder;
}

bool sl_v4l2_device_force_key(struct sl_v4l2_device *device)
{
    return sl_v4l2_encoder_force_key(&device->encoder, device->ops, device->fd);
}

void sl_v4l2_device_set_bitrate(struct sl_v4l2_device *device, int64_t bps)
{
    sl_v4l2_encoder_set_bitrate(&device->encoder, device->ops, device->fd, bps, device->ops->now());
}
