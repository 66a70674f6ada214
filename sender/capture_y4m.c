/* SPDX-License-Identifier: MIT */
/*
 * YUV4MPEG2 from a file, a named pipe or standard input. Pipes are live: a picture's moment is
 * when its last byte was read. Files are played at their own rate.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <libavutil/frame.h>

#include "base/time.h"
#include "sender/capture.h"
#include "sender/scale.h"
#include "sender/y4m.h"

#define PIPE_BYTES (1 << 20)
#define FRAME_LINE "FRAME"
#define FRAME_LINE_MAX 256

struct y4m {
    struct sl_capture base;
    const struct sl_halt *halt;
    int fd;
    bool loop;
    struct sl_y4m_header header;
    size_t frame_bytes;
    off_t first_frame;        /* where to go back to */
    sl_ns start;              /* files: when frame `number` 0 was due; 0: not started */
    uint64_t number;          /* frames given since then */
    struct sl_scaler *scaler; /* NULL: frames are read straight to where they are wanted */
    AVFrame *view;            /* of `raw`, for the scaler */
    uint8_t *raw;
};

static void y4m_close(struct sl_capture *capture)
{
    struct y4m *y4m = (struct y4m *)capture;
    if (y4m->fd > STDIN_FILENO)
        close(y4m->fd);
    sl_scaler_destroy(y4m->scaler);
    av_frame_free(&y4m->view);
    free(y4m->raw);
    free(y4m);
}

/* 1 when some bytes came, 0 at the end, -ECANCELED or -errno. Never blocks past a halt: poll says
 * that there is something, and a read takes what is there. */
static int read_some(const struct y4m *y4m, struct iovec *parts, int count)
{
    for (;;) {
        if (sl_halt_or_readable(y4m->halt, y4m->fd))
            return -ECANCELED;
        ssize_t got = readv(y4m->fd, parts, count);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got <= 0)
            return got < 0 ? -errno : 0;
        for (int i = 0; i < count; i++) {
            const size_t used = (size_t)got < parts[i].iov_len ? (size_t)got : parts[i].iov_len;
            parts[i].iov_base = (uint8_t *)parts[i].iov_base + used;
            parts[i].iov_len -= used;
            got -= (ssize_t)used;
        }
        return 1;
    }
}

/* As read_some, until all parts are full. */
static int read_all(const struct y4m *y4m, struct iovec *parts, int count)
{
    int got = 1;
    while (got == 1 && count) {
        if (!parts->iov_len) {
            parts++;
            count--;
            continue;
        }
        got = read_some(y4m, parts, count);
    }
    return got;
}

/* Byte by byte, since what follows belongs elsewhere; once per stream. */
static int read_line(const struct y4m *y4m, char *line, size_t size, size_t *len)
{
    for (*len = 0; *len < size;) {
        struct iovec part = {line + *len, 1};
        const int got = read_all(y4m, &part, 1);
        if (got != 1)
            return got;
        if (line[(*len)++] == '\n')
            return 1;
    }
    return -EBADMSG;
}

/* The FRAME line is nearly always bare, so it and the planes are read at once. If it carries
 * parameters, the first bytes of `planes` are theirs: they are moved out. */
static int read_frame(const struct y4m *y4m, uint8_t *planes)
{
    uint8_t line[sizeof(FRAME_LINE)]; /* "FRAME\n" */
    struct iovec parts[] = {{line, sizeof(line)}, {planes, y4m->frame_bytes}};
    int got = read_all(y4m, parts, 2);
    if (got != 1)
        return got;
    if (memcmp(line, FRAME_LINE, strlen(FRAME_LINE)) != 0)
        return -EBADMSG;
    if (line[strlen(FRAME_LINE)] == '\n')
        return 1;
    const size_t look = y4m->frame_bytes < FRAME_LINE_MAX ? y4m->frame_bytes : FRAME_LINE_MAX;
    const uint8_t *newline = memchr(planes, '\n', look);
    if (!newline || line[strlen(FRAME_LINE)] != ' ')
        return -EBADMSG;
    const size_t extra = (size_t)(newline + 1 - planes);
    memmove(planes, planes + extra, y4m->frame_bytes - extra);
    struct iovec rest = {planes + y4m->frame_bytes - extra, extra};
    return read_all(y4m, &rest, 1);
}

static int read_or_loop(struct y4m *y4m, uint8_t *planes)
{
    int got = read_frame(y4m, planes);
    if (got == 0 && y4m->loop && y4m->number &&
        lseek(y4m->fd, y4m->first_frame, SEEK_SET) == y4m->first_frame)
        got = read_frame(y4m, planes);
    return got;
}

static sl_ns due(const struct y4m *y4m)
{
    const __int128 ns = (__int128)y4m->number * SL_SEC * y4m->header.fps_den;
    return y4m->start + (sl_ns)(ns / y4m->header.fps_num);
}

/* Files: holds the frame until its time. */
static int keep_time(struct y4m *y4m, sl_ns *captured)
{
    const sl_ns now = sl_time_now();
    if (!y4m->start || now - due(y4m) > SL_SEC) /* began, or was suspended */
        y4m->start += now - due(y4m);
    *captured = due(y4m);
    if (sl_halt_sleep(y4m->halt, *captured))
        return -ECANCELED;
    y4m->number++;
    return 1;
}

static int y4m_next(struct sl_capture *capture, uint8_t *pixels, sl_ns *captured)
{
    struct y4m *y4m = (struct y4m *)capture;
    int got = read_or_loop(y4m, y4m->raw ? y4m->raw : pixels);
    if (got != 1)
        return got;
    if (!capture->stored)
        *captured = sl_time_now();
    if (y4m->scaler) {
        const int error = sl_scaler_run(y4m->scaler, y4m->view, pixels);
        if (error)
            return error;
    }
    return capture->stored ? keep_time(y4m, captured) : 1;
}

static int open_input(struct y4m *y4m, const char *path, char *why, size_t why_len)
{
    struct stat st;
    y4m->fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (y4m->fd < 0 || fstat(y4m->fd, &st) != 0) {
        const int error = -errno;
        snprintf(why, why_len, "%s", strerror(-error));
        return error;
    }
    if (S_ISDIR(st.st_mode)) {
        snprintf(why, why_len, "%s", strerror(EISDIR));
        return -EISDIR;
    }
    y4m->base.stored = S_ISREG(st.st_mode);
    if (S_ISFIFO(st.st_mode)) /* fewer, larger reads; without it only slower */
        (void)fcntl(y4m->fd, F_SETPIPE_SZ, PIPE_BYTES);
    return 0;
}

static int read_header(struct y4m *y4m, char *why, size_t why_len)
{
    char line[SL_Y4M_LINE_MAX];
    size_t len = 0;
    const int got = read_line(y4m, line, sizeof(line), &len);
    if (got == -ECANCELED)
        snprintf(why, why_len, "interrupted");
    else if (got == 0)
        snprintf(why, why_len, "ended within its header");
    else if (got == -EBADMSG)
        return sl_y4m_read_header(&y4m->header, line, len, why, why_len)
                   ? -EBADMSG
                   : (snprintf(why, why_len, "its header has no end"), -EBADMSG);
    else if (got < 0)
        snprintf(why, why_len, "%s", strerror(-got));
    if (got != 1)
        return got ? got : -EBADMSG;
    y4m->first_frame = (off_t)len;
    return sl_y4m_read_header(&y4m->header, line, len, why, why_len);
}

/* Frames of another size or odd sides are read into a buffer and scaled out of it. */
static int prepare_scaling(struct y4m *y4m)
{
    const struct sl_y4m_header *header = &y4m->header;
    if (y4m->base.width == header->width && y4m->base.height == header->height)
        return 0;
    const int half = (header->width + 1) / 2;
    const size_t luma = (size_t)header->width * (size_t)header->height;
    y4m->raw = malloc(y4m->frame_bytes);
    y4m->view = av_frame_alloc();
    if (!y4m->raw || !y4m->view)
        return -ENOMEM;
    y4m->view->format = AV_PIX_FMT_YUV420P;
    y4m->view->color_range = header->full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    y4m->view->width = header->width;
    y4m->view->height = header->height;
    y4m->view->data[0] = y4m->raw;
    y4m->view->data[1] = y4m->raw + luma;
    y4m->view->data[2] = y4m->raw + luma + (y4m->frame_bytes - luma) / 2;
    y4m->view->linesize[0] = header->width;
    y4m->view->linesize[1] = y4m->view->linesize[2] = half;
    return sl_scaler_create(&y4m->scaler, y4m->base.width, y4m->base.height, header->full_range);
}

static int set_up(struct y4m *y4m, const char *path, const struct sl_capture_config *config,
                  char *why, size_t why_len)
{
    y4m->fd = -1;
    y4m->base.kind = &sl_capture_y4m;
    y4m->halt = config->halt;
    y4m->loop = config->loop;
    int error = open_input(y4m, path, why, why_len);
    error = error ? error : read_header(y4m, why, why_len);
    if (error)
        return error;
    const struct sl_y4m_header *header = &y4m->header;
    y4m->frame_bytes = sl_y4m_frame_bytes(header);
    y4m->base.width = config->size.width ? config->size.width : header->width & ~1;
    y4m->base.height = config->size.height ? config->size.height : header->height & ~1;
    y4m->base.fps_num = header->fps_num;
    y4m->base.fps_den = header->fps_den;
    y4m->base.full_range = header->full_range;
    error = prepare_scaling(y4m);
    if (error)
        snprintf(why, why_len, "%s", strerror(-error));
    return error;
}

static int y4m_open(struct sl_capture **ret, const char *rest,
                    const struct sl_capture_config *config, char *why, size_t why_len)
{
    struct y4m *y4m = calloc(1, sizeof(*y4m));
    snprintf(why, why_len, "out of memory");
    if (!y4m)
        return -ENOMEM;
    const int error = set_up(y4m, rest, config, why, why_len);
    if (error) {
        y4m_close(&y4m->base);
        return error;
    }
    *ret = &y4m->base;
    return 0;
}

const struct sl_capture_kind sl_capture_y4m = {
    .prefix = "y4m:",
    .open = y4m_open,
    .next = y4m_next,
    .close = y4m_close,
};
