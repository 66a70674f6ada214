/* SPDX-License-Identifier: MIT */
#include "receiver/segment_verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "media/nal.h"
#include "media/opus.h"
#include "receiver/segment_box.h"
#include "receiver/segment_summary.h"

#define SAMPLE_MAX (64 << 20) /* of which nothing that is recorded comes near */
#define LENGTH_BYTES 4        /* in front of each unit */

/* Of one kind; the first of them is said. */
struct damages {
    int64_t count, offset;
    double seconds;
    const char *why;
};

struct verify {
    const struct sl_segment_verify *config;
    int fd;
    struct sl_segment_index index;
    size_t at[SL_SEGMENT_TRACKS]; /* the next sample of each track */
    uint8_t *sample;
    size_t room;
    struct damages samples[SL_SEGMENT_TRACKS], boxes;
};

static SL_PRINTF(2, 3) void differ(const struct verify *v, const char *format, ...)
{
    char what[SL_STORE_WHY];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    v->config->differ(v->config->ctx, what);
}

static void note(struct damages *damages, int64_t offset, double seconds, const char *why)
{
    if (damages->count++ > 0)
        return;
    damages->offset = offset;
    damages->seconds = seconds;
    damages->why = why;
}

/* 0, -EIO or another -errno of the disk; -ENODATA: the file became shorter. */
static int read_all(int fd, uint8_t *out, size_t len, int64_t at)
{
    while (len > 0) {
        const ssize_t n = pread(fd, out, len, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -ENODATA;
        out += n;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

/* ---- Samples ---- */

/* Emulation prevention keeps them out (ITU-T H.264 clause 7.4.1). */
static bool has_start_code(const uint8_t *unit, size_t len)
{
    const uint8_t *at = unit, *end = unit + len;
    while ((at = memchr(at, 0, (size_t)(end - at))) != NULL && end - at >= 3) {
        if (at[1] == 0 && at[2] <= 1)
            return true;
        at++;
    }
    return false;
}

/* NULL: it is well formed. */
static const char *picture_wrong(const uint8_t *data, size_t len)
{
    bool slice = false;
    while (len > 0) {
        const uint32_t bytes = len > LENGTH_BYTES ? sl_get32(data) : 0;
        if (bytes == 0 || bytes > len - LENGTH_BYTES)
            return "the lengths of its units do not fill it";
        const uint8_t *unit = data + LENGTH_BYTES;
        const int type = unit[0] & 0x1f;
        if ((unit[0] & 0x80) || type == 0 || type >= SL_NAL_STAP_A)
            return "a unit of it is none of H.264";
        const bool of_picture = type >= SL_NAL_SLICE && type <= SL_NAL_IDR;
        if (of_picture && has_start_code(unit, bytes))
            return "a slice of it is overwritten";
        slice |= of_picture;
        data += LENGTH_BYTES + bytes;
        len -= LENGTH_BYTES + bytes;
    }
    return slice ? NULL : "it has no slice";
}

static const char *read_sample(struct verify *v, enum sl_segment_track track,
                               const struct sl_segment_sample *sample)
{
    if (sample->size > v->room)
        return "it is too large";
    const int err = read_all(v->fd, v->sample, sample->size, sample->offset);
    if (err != 0)
        return err == -ENODATA ? "the file became shorter" : "the disk cannot read it";
    if (track == SL_SEGMENT_VIDEO)
        return picture_wrong(v->sample, sample->size);
    return sl_opus_samples(v->sample, sample->size) > 0 ? NULL : "it is none of Opus";
}

/* The largest there is, once. */
static int make_room(struct verify *v)
{
    for (int track = 0; track < SL_SEGMENT_TRACKS; track++)
        for (size_t i = 0; i < v->index.tracks[track].count; i++) {
            const size_t size = v->index.tracks[track].items[i].size;
            if (size > v->room && size <= SAMPLE_MAX)
                v->room = size;
        }
    v->sample = malloc(v->room);
    return v->sample ? 0 : -ENOMEM;
}

/* ---- Boxes ---- */

/* Samples of a track that begin before `end`, one after the other. How many bytes they have. */
static int64_t read_samples(struct verify *v, enum sl_segment_track track, int64_t end)
{
    const struct sl_segment_samples *samples = &v->index.tracks[track];
    int64_t bytes = 0;
    for (; v->at[track] < samples->count; v->at[track]++) {
        const struct sl_segment_sample *sample = &samples->items[v->at[track]];
        if (sample->offset >= end)
            break;
        const char *why = read_sample(v, track, sample);
        if (why)
            note(&v->samples[track], sample->offset, (double)sample->at / samples->hz, why);
        bytes += sample->size;
    }
    return bytes;
}

static void read_mdat(struct verify *v, int64_t at, const struct sl_segment_box *box)
{
    const int64_t end = at + (int64_t)box->bytes;
    int64_t bytes = box->head_bytes;
    for (int track = 0; track < SL_SEGMENT_TRACKS; track++)
        bytes += read_samples(v, track, end);
    if (bytes != (int64_t)box->bytes)
        note(&v->boxes, at, 0, "its samples are not all of it");
}

/* Up to where counting came, box by box; the rest of it lies in none. */
static void read_boxes(struct verify *v)
{
    uint8_t data[SL_SEGMENT_BOX_BYTES];
    struct sl_segment_box box;
    const int64_t end = v->index.info.bytes;
    for (int64_t at = 0; at < end; at += (int64_t)box.bytes) {
        const size_t len = end - at < SL_SEGMENT_BOX_BYTES ? (size_t)(end - at) : sizeof(data);
        if (read_all(v->fd, data, len, at) != 0 || !sl_segment_box_read(&box, data, len) ||
            (int64_t)box.bytes > end - at) {
            note(&v->boxes, at, 0, "it cannot be read");
            return;
        }
        if (box.type == SL_BOX('m', 'd', 'a', 't'))
            read_mdat(v, at, &box);
        if (v->config->done)
            v->config->done(v->config->ctx, (int64_t)box.bytes);
    }
}

/* ---- What it says of itself ---- */

static void compare(const struct verify *v, const char *what, int64_t said, int64_t counted)
{
    if (said != counted)
        differ(v, "its summary says %" PRId64 " %s, counting gives %" PRId64, said, what, counted);
}

static void compare_summary(const struct verify *v, int64_t size)
{
    const struct sl_segment_info *counted = &v->index.info;
    struct sl_segment_info said = *counted;
    uint8_t data[SL_SEGMENT_SUMMARY_BYTES];
    if (size < SL_SEGMENT_SUMMARY_BYTES ||
        read_all(v->fd, data, sizeof(data), size - SL_SEGMENT_SUMMARY_BYTES) != 0 ||
        !sl_segment_summary_read(&said, size, data))
        return; /* it was not closed: then whatever scans it counts */
    if (counted->bytes < said.bytes)
        differ(v, "damaged at byte %" PRId64 ": %" PRId64 " bytes behind that cannot be played",
               counted->bytes, said.bytes - counted->bytes);
    compare(v, "pictures", said.frames, counted->frames);
    compare(v, "packets of sound", said.sounds, counted->sounds);
    compare(v, "us", said.duration_us, counted->duration_us);
    compare(v, "gaps", said.gaps, counted->gaps);
    compare(v, "us of gaps", said.gaps_us, counted->gaps_us);
}

static void tell(const struct verify *v, const char *what, const struct damages *damages)
{
    if (damages->count > 0)
        differ(v, "%" PRId64 " %s damaged, the first at byte %" PRId64 ", %.3f s in: %s",
               damages->count, what, damages->offset, damages->seconds, damages->why);
}

static void tell_all(const struct verify *v)
{
    tell(v, "pictures", &v->samples[SL_SEGMENT_VIDEO]);
    tell(v, "packets of sound", &v->samples[SL_SEGMENT_AUDIO]);
    if (v->boxes.count > 0)
        differ(v, "%" PRId64 " boxes damaged, the first at byte %" PRId64 ": %s", v->boxes.count,
               v->boxes.offset, v->boxes.why);
}

int sl_segment_verify(int fd, const struct sl_segment_verify *config, struct sl_segment_info *ret)
{
    struct verify v = {.config = config, .fd = fd};
    struct stat stat;
    char why[SL_STORE_WHY];
    *ret = (struct sl_segment_info){0};
    int err = fstat(fd, &stat) != 0 ? -errno : sl_segment_index(fd, &v.index, why);
    if (err == -ENOMEM)
        return err;
    if (err != 0) {
        differ(&v, "cannot be played: %s", why);
        return 0;
    }
    compare_summary(&v, stat.st_size);
    err = make_room(&v);
    if (err == 0) {
        read_boxes(&v);
        tell_all(&v);
        *ret = v.index.info;
    }
    free(v.sample);
    sl_segment_index_free(&v.index);
    return err;
}
