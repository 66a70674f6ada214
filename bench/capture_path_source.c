/* SPDX-License-Identifier: MIT */
/* Capture paths that are sources of the sender, whole. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/time.h"
#include "bench/capture_path.h"
#include "bench/scene.h"
#include "sender/capture.h"

struct source {
    struct sl_capture_path base;
    struct sl_capture *capture;
    int fd; /* of the file in memory; -1: there is none */
};

static int source_next(struct sl_capture_path *path, uint8_t *pixels)
{
    struct sl_capture *capture = ((struct source *)path)->capture;
    struct sl_capture_unit unit;
    sl_ns captured;
    const int got = path->encoded ? sl_capture_next_unit(capture, &unit)
                                  : sl_capture_next(capture, pixels, &captured);
    return got == 1 ? 0 : got ? got : -EPIPE;
}

static void source_close(struct sl_capture_path *path)
{
    struct source *source = (struct source *)path;
    sl_capture_close(source->capture);
    if (source->fd >= 0)
        close(source->fd);
    free(source);
}

static const struct sl_capture_path_kind kind = {.next = source_next, .close = source_close};

static int open_source(struct source *source, const char *name,
                       const struct sl_capture_path_config *config, char *why, size_t why_len)
{
    const struct sl_capture_config capture = {
        .size = {config->width, config->height},
        .fps = config->fps,
        .loop = true,
        .pictures = true, /* there is nothing to burn into otherwise */
        .name = "bench",
        .epoch = sl_time_epoch(),
        .halt = config->halt, /* retries 0: a device that gives nothing is given up */
    };
    const int error = sl_capture_open(&source->capture, name, &capture, why, why_len);
    if (error)
        return error;
    source->base.encoded = source->capture->encoded;
    return 0;
}

static struct source *take(void)
{
    struct source *source = calloc(1, sizeof(*source));
    if (source)
        *source = (struct source){.base = {.kind = &kind, .bytes = NAN}, .fd = -1};
    return source;
}

int sl_capture_path_source(struct sl_capture_path **ret, const char *name,
                           const struct sl_capture_path_config *config, char *why, size_t why_len)
{
    struct source *source = take();
    int error = source ? 0 : -ENOMEM;
    snprintf(why, why_len, "out of memory");
    if (!error)
        error = open_source(source, name, config, why, why_len);
    if (error) {
        if (source)
            source_close(&source->base);
        return error;
    }
    *ret = &source->base;
    return 0;
}

/* ---- y4m ---- */

static int write_all(int fd, const void *data, size_t len)
{
    for (const uint8_t *at = data; len;) {
        const ssize_t done = write(fd, at, len);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return done ? -errno : -EIO;
        at += done;
        len -= (size_t)done;
    }
    return 0;
}

static int write_y4m(int fd, const struct sl_capture_path_config *config)
{
    char header[64];
    snprintf(header, sizeof(header), "YUV4MPEG2 W%d H%d F%d:1 Ip C420jpeg\n", config->width,
             config->height, config->fps);
    int error = write_all(fd, header, strlen(header));
    for (int i = 0; i < config->pictures && !error; i++) {
        error = write_all(fd, "FRAME\n", 6);
        if (!error)
            error = write_all(fd, sl_scene_frame(config->scene, (uint32_t)i),
                              sl_scene_frame_bytes(config->scene));
    }
    return error;
}

int sl_capture_path_y4m(struct sl_capture_path **ret, const struct sl_capture_path_config *config,
                        char *why, size_t why_len)
{
    char name[48];
    struct source *source = take();
    int error = source ? 0 : -ENOMEM;
    if (!error)
        source->fd = memfd_create("y4m", MFD_CLOEXEC);
    if (!error)
        error = source->fd < 0 ? -errno : write_y4m(source->fd, config);
    if (error)
        snprintf(why, why_len, "a y4m file in memory: %s", strerror(-error));
    if (!error) {
        snprintf(name, sizeof(name), "y4m:/proc/self/fd/%d", source->fd);
        error = open_source(source, name, config, why, why_len);
    }
    if (error) {
        if (source)
            source_close(&source->base);
        return error;
    }
    source->base.bytes = (double)sl_scene_frame_bytes(config->scene);
    *ret = &source->base;
    return 0;
}
