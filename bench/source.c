/* SPDX-License-Identifier: MIT */
#include "bench/source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"
#include "bench/scene.h"
#include "bench/stamp.h"
#include "bench/tally.h"

#define PIPE_BYTES (1 << 20) /* what anyone may ask for: fewer switches between the two ends */

struct sl_source {
    pthread_t thread;
    struct sl_scene *scene;
    struct sl_tally *tally;
    struct sl_stamp_place place;
    int fd;
    int width, height, fps;
    atomic_bool stop;
    atomic_bool gone;
};

/* False: told to stop, or nobody reads any more. */
static bool write_all(struct sl_source *source, const void *data, size_t len)
{
    const uint8_t *at = data;
    while (len && !atomic_load_explicit(&source->stop, memory_order_relaxed)) {
        const ssize_t put = write(source->fd, at, len);
        if (put > 0) {
            at += put;
            len -= (size_t)put;
        } else if (errno == EAGAIN || errno == EINTR) {
            struct pollfd entry = {.fd = source->fd, .events = POLLOUT};
            poll(&entry, 1, 100);
        } else {
            atomic_store(&source->gone, true);
            return false;
        }
    }
    return len == 0;
}

static void sleep_until(sl_ns when)
{
    const struct timespec ts = {.tv_sec = when / SL_SEC, .tv_nsec = when % SL_SEC};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
        ;
}

static void *play(void *arg)
{
    struct sl_source *source = arg;
    char header[128];
    snprintf(header, sizeof(header), "YUV4MPEG2 W%d H%d F%d:1 Ip A1:1 C420jpeg\n", source->width,
             source->height, source->fps);
    pthread_setname_np(pthread_self(), "source");
    prctl(PR_SET_TIMERSLACK, 1);
    bool going = write_all(source, header, strlen(header));
    const sl_ns period = SL_SEC / source->fps;
    sl_ns due = sl_time_now();
    for (uint32_t number = 0; going; number++) {
        uint8_t *frame = sl_scene_frame(source->scene, number);
        uint8_t *plane[3];
        int stride[3];
        sl_scene_planes(source->scene, frame, plane, stride);
        sl_stamp_write(&source->place, plane, stride, number);
        sleep_until(due);
        sl_tally_handed(source->tally, number, sl_time_now());
        going = write_all(source, "FRAME\n", 6) &&
                write_all(source, frame, sl_scene_frame_bytes(source->scene));
        const sl_ns now = sl_time_now();
        do /* moments that passed while the reader was busy are lost, as with a camera */
            due += period;
        while (due < now);
    }
    return NULL;
}

int sl_source_start(struct sl_source **ret, struct sl_scene *scene, struct sl_tally *tally, int fd,
                    int width, int height, int fps)
{
    struct sl_source *source = calloc(1, sizeof(*source));
    if (!source)
        return -ENOMEM;
    source->scene = scene;
    source->tally = tally;
    source->fd = fd;
    source->width = width;
    source->height = height;
    source->fps = fps;
    (void)fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);
    int err = sl_stamp_place(&source->place, width, height);
    if (err == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
        err = -errno;
    if (err == 0)
        err = -pthread_create(&source->thread, NULL, play, source);
    if (err != 0) {
        free(source);
        return err;
    }
    *ret = source;
    return 0;
}

void sl_source_stop(struct sl_source *source)
{
    if (!source)
        return;
    atomic_store(&source->stop, true);
    pthread_join(source->thread, NULL);
    free(source);
}

bool sl_source_alive(const struct sl_source *source)
{
    return !atomic_load(&source->gone);
}
