/* SPDX-License-Identifier: MIT */
#include "receiver/segment_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "media/opus.h"
#include "receiver/segment_fragment.h"
#include "receiver/segment_moov.h"
#include "receiver/segment_summary.h"

#define VIDEO_HZ SL_SEGMENT_VIDEO_HZ
#define TRIES_MAX 1000                /* names of one second */
#define DEFAULT_TICKS (VIDEO_HZ / 30) /* of a picture that has no other beside it */
#define GAP_TICKS (VIDEO_HZ / 2)
#define GAP_ORDINARY 3

/* Of the unit held back, and what is known of those before. */
struct lane {
    bool key;
    sl_ns arrived;
    int64_t last;       /* time of the newest unit; -1: none yet */
    int64_t last_ticks; /* how long the one before it lasts; 0: none yet */
};

struct sl_segment_writer {
    struct sl_segment_fragment fragment; /* under way, and the units held back */
    struct lane lanes[SL_SEGMENT_TRACKS];
    int dir, fd, error;
    bool sync, sound;
    void (*wrote)(void *ctx, int fd, bool created);
    void *ctx;
    struct sl_segment_params params;
    char path[SL_SEGMENT_PATH_BYTES];
    sl_ns fragment_began;              /* SL_NEVER: nothing in it yet */
    struct sl_segment_info info, next; /* of the file; and with the fragment under way */
};

/* ---- The file ---- */

static int make_directories(int dir, const char *path)
{
    char part[SL_SEGMENT_PATH_BYTES];
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
        if (mkdirat(dir, part, 0700) != 0 && errno != EEXIST)
            return -errno;
    }
    return 0;
}

/* The name outlives a loss of power only if its directory is on the disk as well. */
static void sync_directories(int dir, const char *path)
{
    char part[SL_SEGMENT_PATH_BYTES];
    snprintf(part, sizeof(part), "%s", path);
    for (char *slash = strrchr(part, '/'); slash; slash = strrchr(part, '/')) {
        *slash = '\0';
        const int fd = openat(dir, part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0) {
            (void)fsync(fd);
            close(fd);
        }
    }
    (void)fsync(dir);
}

static int make_file(struct sl_segment_writer *writer, const struct sl_segment_write_config *config)
{
    for (int try = 1; try <= TRIES_MAX; try++) {
        int err = sl_segment_path(writer->path, config->meta.camera, config->meta.start_us, try);
        if (err < 0)
            return err;
        err = make_directories(config->dir, writer->path);
        if (err != 0)
            return err;
        writer->fd = openat(config->dir, writer->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (writer->fd >= 0)
            return 0;
        if (errno != EEXIST)
            return -errno;
    }
    return -EEXIST;
}

/* Of all parts by one call, mostly. */
static int write_all(int fd, struct iovec *parts, int count, int64_t offset)
{
    while (count > 0) {
        ssize_t n = pwritev(fd, parts, count, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        offset += n;
        for (; count > 0 && (size_t)n >= parts->iov_len; parts++, count--)
            n -= (ssize_t)parts->iov_len;
        if (count > 0) {
            parts->iov_base = (uint8_t *)parts->iov_base + n;
            parts->iov_len -= (size_t)n;
        }
    }
    return 0;
}

/* It ends with its last whole fragment from here on. */
static int fail(struct sl_segment_writer *writer, int err)
{
    if (writer->error == 0) {
        writer->error = err;
        (void)!ftruncate(writer->fd, writer->info.bytes);
    }
    return writer->error;
}

static int to_disk(struct sl_segment_writer *writer, struct iovec *parts, int count)
{
    size_t len = 0;
    for (int i = 0; i < count; i++)
        len += parts[i].iov_len;
    int err = write_all(writer->fd, parts, count, writer->info.bytes);
    if (err == 0 && writer->sync && fdatasync(writer->fd) != 0)
        err = -errno;
    if (err != 0)
        return fail(writer, err);
    if (writer->wrote)
        writer->wrote(writer->ctx, writer->fd, writer->info.bytes == 0);
    writer->next.bytes += (int64_t)len;
    writer->info = writer->next;
    return 0;
}

/* ---- Set-up ---- */

static int write_head(struct sl_segment_writer *writer,
                      const struct sl_segment_write_config *config)
{
    struct iovec part;
    uint8_t *head;
    int err = sl_segment_moov_make(&head, &part.iov_len, &config->meta, &config->params,
                                   config->sound ? config->channels : 0);
    if (err != 0)
        return err;
    part.iov_base = head;
    err = to_disk(writer, &part, 1);
    free(head);
    return err;
}

static void destroy(struct sl_segment_writer *writer)
{
    sl_segment_fragment_fini(&writer->fragment);
    if (writer->fd >= 0)
        close(writer->fd);
    if (writer->dir >= 0)
        close(writer->dir);
    free(writer);
}

int sl_segment_write_open(struct sl_segment_writer **ret,
                          const struct sl_segment_write_config *config)
{
    struct sl_segment_writer *writer = calloc(1, sizeof(*writer));
    if (!writer)
        return -ENOMEM;
    sl_segment_fragment_init(&writer->fragment);
    for (int i = 0; i < SL_SEGMENT_TRACKS; i++)
        writer->lanes[i].last = -1;
    writer->fd = -1;
    writer->dir = fcntl(config->dir, F_DUPFD_CLOEXEC, 0);
    writer->sync = config->sync;
    writer->sound = config->sound;
    writer->wrote = config->wrote;
    writer->ctx = config->ctx;
    writer->params = config->params;
    writer->fragment_began = SL_NEVER;
    writer->next.meta = config->meta;
    writer->next.sound = config->sound;
    writer->next.width = config->params.width;
    writer->next.height = config->params.height;
    int err = writer->dir < 0 ? -errno : make_file(writer, config);
    if (err == 0 && (err = write_head(writer, config)) != 0)
        (void)unlinkat(config->dir, writer->path, 0); /* made by us a moment ago */
    if (err != 0) {
        destroy(writer);
        return err;
    }
    if (config->sync)
        sync_directories(config->dir, writer->path);
    *ret = writer;
    return 0;
}

/* ---- Units ---- */

static void count(struct sl_segment_writer *writer, enum sl_segment_track track, int64_t at,
                  int64_t ticks)
{
    const int64_t hz = track == SL_SEGMENT_VIDEO ? VIDEO_HZ : SL_OPUS_CLOCK_HZ;
    const int64_t end_us = (at + ticks) * 1000000 / hz;
    if (end_us > writer->next.duration_us)
        writer->next.duration_us = end_us;
    if (track == SL_SEGMENT_AUDIO) {
        writer->next.sounds++;
        return;
    }
    writer->next.frames++;
}

/* How long the newest picture lasted, now that the next one is there. */
static void count_gap(struct sl_segment_writer *writer, int64_t ticks)
{
    const int64_t ordinary = writer->lanes[SL_SEGMENT_VIDEO].last_ticks;
    if (ticks <= GAP_TICKS || ticks <= GAP_ORDINARY * ordinary)
        return;
    writer->next.gaps++;
    writer->next.gaps_us += ticks * 1000000 / VIDEO_HZ;
}

static bool holds(const struct sl_segment_writer *writer, enum sl_segment_track track)
{
    return writer->fragment.tracks[track].held_len > 0;
}

/* What is held goes into the fragment, as a unit of `ticks`. */
static int release(struct sl_segment_writer *writer, enum sl_segment_track track, int64_t ticks)
{
    const struct lane *lane = &writer->lanes[track];
    count(writer, track, lane->last, ticks);
    if (lane->arrived < writer->fragment_began)
        writer->fragment_began = lane->arrived;
    const int err =
        sl_segment_fragment_add(&writer->fragment, track, lane->last, (uint32_t)ticks, lane->key);
    return err != 0 ? fail(writer, err) : 0;
}

/* Nothing to tell it by. */
static int64_t guess(const struct sl_segment_writer *writer, enum sl_segment_track track)
{
    const struct lane *lane = &writer->lanes[track];
    if (track == SL_SEGMENT_AUDIO) {
        size_t len;
        const uint8_t *held = sl_segment_fragment_held(&writer->fragment, track, &len);
        return sl_opus_samples(held, len);
    }
    return lane->last_ticks ? lane->last_ticks : DEFAULT_TICKS;
}

/* Cuts the fragment here. The next one's times begin with those of its first units. */
static int end_fragment(struct sl_segment_writer *writer)
{
    struct iovec parts[SL_SEGMENT_FRAGMENT_PARTS];
    const int parts_count = sl_segment_fragment_parts(&writer->fragment, parts);
    if (parts_count == 0)
        return 0;
    const int err = to_disk(writer, parts, parts_count);
    if (err != 0)
        return err;
    sl_segment_fragment_next(&writer->fragment);
    writer->fragment_began = SL_NEVER;
    return 0;
}

sl_ns sl_segment_write_due(const struct sl_segment_writer *writer)
{
    sl_ns oldest = writer->fragment_began;
    for (int i = 0; i < SL_SEGMENT_TRACKS; i++)
        if (holds(writer, i) && writer->lanes[i].arrived < oldest)
            oldest = writer->lanes[i].arrived;
    return oldest == SL_NEVER ? SL_NEVER : oldest + SL_SEGMENT_FRAGMENT;
}

int sl_segment_write_flush(struct sl_segment_writer *writer, sl_ns now)
{
    if (writer->error != 0)
        return writer->error;
    if (now < sl_segment_write_due(writer) && !sl_segment_fragment_full(&writer->fragment))
        return 0;
    for (int i = 0; i < SL_SEGMENT_TRACKS; i++) {
        if (!holds(writer, i) || now < writer->lanes[i].arrived + SL_SEGMENT_FRAGMENT)
            continue;
        const int err = release(writer, i, guess(writer, i));
        if (err != 0)
            return err;
    }
    return end_fragment(writer);
}

/* Makes room for a unit at `at`, which tells how long the one before it lasts. */
static int follow(struct sl_segment_writer *writer, enum sl_segment_track track, int64_t at,
                  sl_ns now)
{
    struct lane *lane = &writer->lanes[track];
    const int64_t ticks = at - lane->last;
    if (lane->last < 0)
        return 0;
    if (ticks <= 0)
        return -EINVAL;
    if (track == SL_SEGMENT_VIDEO)
        count_gap(writer, ticks);
    const int err = holds(writer, track) ? release(writer, track, ticks) : 0;
    lane->last_ticks = ticks;
    return err != 0 ? err : sl_segment_write_flush(writer, now);
}

/* `len` bytes of a unit are where there was room for it. */
static void hold(struct sl_segment_writer *writer, enum sl_segment_track track, size_t len,
                 int64_t at, bool key, sl_ns now)
{
    struct lane *lane = &writer->lanes[track];
    sl_segment_fragment_hold(&writer->fragment, track, len);
    lane->key = key;
    lane->last = at;
    lane->arrived = now;
}

int sl_segment_write_video(struct sl_segment_writer *writer, int64_t at_us, const uint8_t *unit,
                           size_t len, bool key, sl_ns now)
{
    const enum sl_segment_track track = SL_SEGMENT_VIDEO;
    const int64_t at = (at_us * VIDEO_HZ + 500000) / 1000000;
    const int err = writer->error != 0 ? writer->error : follow(writer, track, at, now);
    if (err != 0)
        return err;
    uint8_t *room = sl_segment_fragment_room(&writer->fragment, track, sl_segment_avc_room(len));
    if (!room)
        return fail(writer, -ENOMEM);
    hold(writer, track, sl_segment_avc_sample(room, &writer->params, unit, len), at, key, now);
    return 0;
}

int sl_segment_write_sound(struct sl_segment_writer *writer, int64_t at_us, const uint8_t *packet,
                           size_t len, sl_ns now)
{
    const enum sl_segment_track track = SL_SEGMENT_AUDIO;
    const int64_t at = (at_us * SL_OPUS_CLOCK_HZ + 500000) / 1000000;
    if (!writer->sound || at_us < 0 || sl_opus_samples(packet, len) < 0)
        return -EINVAL;
    const int err = writer->error != 0 ? writer->error : follow(writer, track, at, now);
    if (err != 0)
        return err;
    uint8_t *room = sl_segment_fragment_room(&writer->fragment, track, len);
    if (!room)
        return fail(writer, -ENOMEM);
    memcpy(room, packet, len);
    hold(writer, track, len, at, true, now);
    return 0;
}

/* ---- The end ---- */

/* Of the last unit of a file that ends at `end_us`; sound does not outlast the pictures. */
static int64_t last_ticks(const struct sl_segment_writer *writer, enum sl_segment_track track,
                          int64_t end_us)
{
    const int64_t hz = track == SL_SEGMENT_VIDEO ? VIDEO_HZ : SL_OPUS_CLOCK_HZ;
    const int64_t left = (end_us * hz + 500000) / 1000000 - writer->lanes[track].last;
    const int64_t usual = guess(writer, track);
    return left > 0 && (track == SL_SEGMENT_VIDEO || left < usual) ? left : usual;
}

/* So that reading the file back need not look at each fragment. */
static int summarise(struct sl_segment_writer *writer)
{
    uint8_t summary[SL_SEGMENT_SUMMARY_BYTES];
    struct iovec part = {.iov_base = summary, .iov_len = sizeof(summary)};
    sl_segment_summary_write(summary, &writer->info);
    return to_disk(writer, &part, 1);
}

int sl_segment_write_close(struct sl_segment_writer *writer, int64_t end_us,
                           struct sl_segment_info *info)
{
    int err = writer->error;
    for (int i = 0; i < SL_SEGMENT_TRACKS && err == 0; i++) {
        if (!holds(writer, i))
            continue;
        const int64_t ticks = last_ticks(writer, i, end_us);
        if (i == SL_SEGMENT_VIDEO) /* as whoever counts the file would */
            count_gap(writer, ticks);
        err = release(writer, i, ticks);
    }
    if (err == 0)
        err = end_fragment(writer);
    if (err == 0 && writer->info.frames > 0)
        err = summarise(writer);
    if (info)
        *info = writer->info;
    if (writer->info.frames == 0) /* of no use to anybody */
        (void)unlinkat(writer->dir, writer->path, 0);
    destroy(writer);
    return err;
}

void sl_segment_write_info(const struct sl_segment_writer *writer, struct sl_segment_info *ret)
{
    *ret = writer->info;
}

const char *sl_segment_write_path(const struct sl_segment_writer *writer)
{
    return writer->path;
}

int sl_segment_write_fd(const struct sl_segment_writer *writer)
{
    return writer->fd;
}
