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
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"
#include "bench/scene.h"
#include "bench/stamp.h"
#include "bench/tally.h"

#define PIPE_BYTES (1 << 20) /* what anyone may ask for: fewer switches between the two ends */

struct sl_source {
    struct sl_source_config config;
    pthread_t thread;
    struct sl_stamp_place place;
    uint8_t *rows; /* those of the picture's brightness that the stamp is in */
    atomic_bool stop;
    atomic_bool gone;
};

/* Takes `put` bytes off the front. */
static int advance(struct iovec *parts, int count, size_t put)
{
    int done = 0;
    for (; done < count && put >= parts[done].iov_len; done++)
        put -= parts[done].iov_len;
    if (done < count) {
        parts[done].iov_base = (uint8_t *)parts[done].iov_base + put;
        parts[done].iov_len -= put;
    }
    return done;
}

/* False: told to stop, or nobody reads any more. */
static bool write_all(struct sl_source *source, struct iovec *parts, int count)
{
    while (count && !atomic_load_explicit(&source->stop, memory_order_relaxed)) {
        const ssize_t put = writev(source->config.fd, parts, count);
        if (put > 0) {
            const int done = advance(parts, count, (size_t)put);
            parts += done;
            count -= done;
        } else if (errno == EAGAIN || errno == EINTR) {
            struct pollfd entry = {.fd = source->config.fd, .events = POLLOUT};
            poll(&entry, 1, 100);
        } else {
            atomic_store(&source->gone, true);
            return false;
        }
    }
    return count == 0;
}

static void sleep_until(sl_ns when)
{
    const struct timespec ts = {.tv_sec = when / SL_SEC, .tv_nsec = when % SL_SEC};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
        ;
}

/* The picture is shared with other cameras: only the rows with the stamp are ours. */
static uint8_t *stamped_rows(struct sl_source *source, const uint8_t *frame, uint32_t number)
{
    const int width = source->config.width;
    memcpy(source->rows, frame + (size_t)source->place.y * (size_t)width,
           (size_t)source->place.block * (size_t)width);
    sl_stamp_write_rows(&source->place, source->rows, width,
                        (struct sl_stamp){source->config.camera, number});
    return source->rows;
}

static bool write_frame(struct sl_source *source, uint8_t *frame, uint8_t *rows)
{
    char line[] = "FRAME\n";
    const size_t width = (size_t)source->config.width;
    const size_t from = (size_t)source->place.y * width;
    const size_t to = from + (size_t)source->place.block * width;
    struct iovec parts[] = {
        {line, strlen(line)},
        {frame, from},
        {rows, to - from},
        {frame + to, sl_scene_frame_bytes(source->config.scene) - to},
    };
    return write_all(source, parts, SL_COUNT(parts));
}

static void *play(void *arg)
{
    struct sl_source *source = arg;
    const struct sl_source_config *config = &source->config;
    char header[128];
    snprintf(header, sizeof(header), "YUV4MPEG2 W%d H%d F%d:1 Ip A1:1 C420jpeg\n", config->width,
             config->height, config->fps);
    pthread_setname_np(pthread_self(), "source");
    prctl(PR_SET_TIMERSLACK, 1);
    struct iovec head = {header, strlen(header)};
    bool going = write_all(source, &head, 1);
    const sl_ns period = SL_SEC / config->fps;
    const sl_ns begun = sl_time_now();
    sl_ns due = config->from > begun ? config->from : begun;
    for (uint32_t number = 0; going; number++) {
        uint8_t *frame = sl_scene_frame(config->scene, number);
        uint8_t *rows = stamped_rows(source, frame, number);
        sleep_until(due);
        sl_tally_handed(config->tally, number, sl_time_now());
        going = write_frame(source, frame, rows);
        const sl_ns now = sl_time_now();
        do /* moments that passed while the reader was busy are lost, as with a camera */
            due += period;
        while (due < now);
    }
    return NULL;
}

static int start(struct sl_source *source)
{
    const struct sl_source_config *config = &source->config;
    (void)fcntl(config->fd, F_SETPIPE_SZ, PIPE_BYTES);
    const int err = sl_stamp_place(&source->place, config->width, config->height);
    if (err != 0)
        return err;
    source->rows = malloc((size_t)source->place.block * (size_t)config->width);
    if (!source->rows)
        return -ENOMEM;
    if (fcntl(config->fd, F_SETFL, O_NONBLOCK) != 0)
        return -errno;
    return -pthread_create(&source->thread, NULL, play, source);
}

int sl_source_start(struct sl_source **ret, const struct sl_source_config *config)
{
    struct sl_source *source = calloc(1, sizeof(*source));
    if (!source)
        return -ENOMEM;
    source->config = *config;
    const int err = start(source);
    if (err != 0) {
        free(source->rows);
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
    free(source->rows);
    free(source);
}

bool sl_source_alive(const struct sl_source *source)
{
    return !atomic_load(&source->gone);
}
