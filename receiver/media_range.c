/* SPDX-License-Identifier: MIT */
#include "receiver/media_range.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "receiver/media_moov.h"

#define VIDEO_HZ SL_MOOV_HZ
#define AUDIO_HZ 48000u
#define PREROLL 3840 /* 80 ms of sound, RFC 7845 section 4.6 */
#define SOUND_LATE_US (2 * INT64_C(1000000))
#define TICKS_MAX (1 << 30) /* of one picture: libavformat reads durations as signed */
#define FAR_US (8 * SL_MEDIA_RANGE_MAX_US)
#define PACKET 960 /* of silence: 20 ms */
#define SILENT_PACKETS 50
#define PAYLOAD_FILES (SILENT_PACKETS * sizeof(silent_packet)) /* where the files' bytes begin */

/* CELT, full band, 20 ms, mono: what encoders make of digital silence. */
static const uint8_t silent_packet[3] = {0xf8, 0xff, 0xfe};

struct source {
    char path[SL_SEGMENT_PATH_BYTES];
    char uuid[SL_SEGMENT_UUID_BYTES];
    dev_t device;
    ino_t inode;
};

/* Bytes of a file that follow one another in the payload as well; up to the next extent. */
struct extent {
    uint64_t at; /* in the payload */
    uint64_t offset;
    uint32_t source; /* a file, or OURS */
};
#define OURS UINT32_MAX /* the range's own bytes */

struct track {
    struct sl_media_tables tables;
    uint32_t hz;
    bool begun;
    uint32_t source;     /* of the newest sample */
    bool beyond;         /* there is more behind the range: nothing can be added to it */
    int64_t first, last; /* ticks since `from` of the first sample, and of the newest */
    uint32_t last_ticks;
    int64_t debt;        /* sound: time that passed without packets for it; < 0: too many */
    uint64_t key_offset; /* video: the newest key frame */
    uint32_t key_size;
    uint32_t config;
    size_t sets_at, sets_len; /* video: parameter sets to be put before key frames, of our bytes */
    uint64_t chunk_end; /* in the payload, of the chunk being filled; 0: the next begins one */
};

struct sl_media_range {
    int64_t from_us, to_us;
    struct track tracks[SL_SEGMENT_TRACKS];
    struct sl_media_bytes sources, extents; /* of struct source, struct extent */
    struct sl_media_bytes ours;
    uint64_t payload; /* bytes of the mdat */

    uint8_t *head;
    size_t head_len;
    int64_t end_us;
    char etag[SL_MEDIA_RANGE_ETAG];
};

/* ---- Life ---- */

int sl_media_range_begin(struct sl_media_range **ret, int64_t from_us, int64_t to_us)
{
    if (from_us >= to_us || from_us < 0 || to_us - from_us > SL_MEDIA_RANGE_MAX_US)
        return -ERANGE;
    struct sl_media_range *range = calloc(1, sizeof(*range));
    if (!range)
        return -ENOMEM;
    range->from_us = from_us;
    range->to_us = to_us;
    range->payload = PAYLOAD_FILES;
    range->tracks[SL_SEGMENT_VIDEO].hz = VIDEO_HZ;
    range->tracks[SL_SEGMENT_AUDIO].hz = AUDIO_HZ;
    *ret = range;
    return 0;
}

void sl_media_range_destroy(struct sl_media_range *range)
{
    if (!range)
        return;
    for (int i = 0; i < SL_SEGMENT_TRACKS; i++)
        sl_media_tables_fini(&range->tracks[i].tables);
    sl_media_bytes_fini(&range->sources);
    sl_media_bytes_fini(&range->extents);
    sl_media_bytes_fini(&range->ours);
    free(range->head);
    free(range);
}

static size_t extent_count(const struct sl_media_range *range)
{
    return range->extents.len / sizeof(struct extent);
}

static uint32_t source_count(const struct sl_media_range *range)
{
    return (uint32_t)(range->sources.len / sizeof(struct source));
}

/* ---- Time ---- */

static int64_t ticks_of(int64_t us, uint32_t hz)
{
    const int64_t product = us * hz;
    return product >= 0 ? product / 1000000 : -((-product + 999999) / 1000000);
}

/* What a packet of sound that is said to last `ticks` does last: the recorder's times are the
 * wall's, a few ticks off, and before a hole much longer. */
static int64_t packet_ticks(uint32_t ticks)
{
    static const uint32_t lengths[] = {120, 240, 480, 960, 1920, 2880};
    for (size_t i = 0; i < SL_COUNT(lengths); i++) {
        if (ticks > lengths[i] * 3 / 4 && ticks < lengths[i] * 5 / 4)
            return lengths[i];
    }
    return PACKET;
}

/* ---- Samples ---- */

/* `count` packets of silence, `ticks` together from the newest sample's end on. */
static int add_silence(struct track *track, int64_t count, int64_t ticks)
{
    int err = 0;
    for (int64_t i = 0; i < count && err == 0; i++) {
        if (i % SILENT_PACKETS == 0)
            err = sl_media_tables_chunk(&track->tables, 0, track->config);
        if (err == 0)
            err = sl_media_tables_sample(&track->tables, sizeof(silent_packet), true);
        if (err == 0)
            err = sl_media_tables_ticks(&track->tables,
                                        (uint32_t)(ticks / count + (i < ticks % count)));
    }
    track->chunk_end = 0;
    return err;
}

/* The newest sample of sound lasts up to `at`, or what is missing there is filled. */
static int sound_until(struct track *track, int64_t at)
{
    const int64_t span = at - track->last;
    track->debt += span - packet_ticks(track->last_ticks);
    int64_t missing = track->debt >= PACKET ? track->debt / PACKET : 0;
    if (missing > span / PACKET)
        missing = span / PACKET;
    track->debt -= missing * PACKET;
    const int64_t own = span / (missing + 1);
    const int err = sl_media_tables_ticks(&track->tables, (uint32_t)own);
    return err != 0 || missing == 0 ? err : add_silence(track, missing, span - own);
}

/* A sender whose clock is fast sends more packets than there is time for: who counts them would be
 * late by 3.6 s after 2 h at 500 ppm. One is left out for each that there is too much of. */
static bool is_too_much(const struct track *track, int64_t at, uint32_t ticks)
{
    return track->begun &&
           track->debt + at - track->last - packet_ticks(track->last_ticks) <= -packet_ticks(ticks);
}

/* The newest picture stays until `at`. A duration has 31 bits: for longer, its key frame again. */
static int picture_until(struct track *track, int64_t at)
{
    int err = 0;
    while (err == 0 && at - track->last > TICKS_MAX) {
        err = sl_media_tables_ticks(&track->tables, TICKS_MAX);
        if (err == 0)
            err = sl_media_tables_chunk(&track->tables, track->key_offset, track->config);
        if (err == 0)
            err = sl_media_tables_sample(&track->tables, track->key_size, true);
        track->last += TICKS_MAX;
        track->chunk_end = 0;
    }
    return err != 0 ? err : sl_media_tables_ticks(&track->tables, (uint32_t)(at - track->last));
}

/* The payload grows by `size` bytes of a source. */
static int add_extent(struct sl_media_range *range, uint32_t source, uint64_t offset, size_t size)
{
    const size_t count = extent_count(range);
    const struct extent *last =
        count ? (const struct extent *)(void *)range->extents.data + (count - 1) : NULL;
    if (!last || last->source != source || last->offset + (range->payload - last->at) != offset) {
        struct extent extent = {.at = range->payload, .offset = offset, .source = source};
        uint8_t *at = sl_media_bytes_add(&range->extents, sizeof(extent));
        if (!at)
            return -ENOMEM;
        memcpy(at, &extent, sizeof(extent));
    }
    range->payload += size;
    return 0;
}

/* Where the sample's bytes are, and what goes before them. */
static int add_bytes(struct sl_media_range *range, const struct track *track,
                     const struct sl_segment_sample *sample)
{
    const uint32_t source = source_count(range) - 1;
    int err = 0;
    if (sample->key && track->sets_len > 0)
        err = add_extent(range, OURS, track->sets_at, track->sets_len);
    return err != 0 ? err : add_extent(range, source, (uint64_t)sample->offset, sample->size);
}

static int add_sample(struct sl_media_range *range, enum sl_segment_track kind,
                      const struct sl_segment_sample *sample, int64_t at, uint32_t ticks)
{
    struct track *track = &range->tracks[kind];
    const uint64_t place = range->payload;
    int err = 0;
    if (track->begun)
        err = kind == SL_SEGMENT_VIDEO ? picture_until(track, at) : sound_until(track, at);
    if (err == 0)
        err = add_bytes(range, track, sample);
    const uint64_t size = range->payload - place;
    if (size > UINT32_MAX)
        return -EBADMSG;
    if (err == 0 && track->chunk_end != place)
        err = sl_media_tables_chunk(&track->tables, place, track->config);
    if (err == 0)
        err = sl_media_tables_sample(&track->tables, (uint32_t)size, sample->key);
    if (err != 0)
        return err;
    track->first = track->begun ? track->first : at;
    track->begun = true;
    track->source = source_count(range) - 1;
    track->last = at;
    track->last_ticks = ticks;
    track->chunk_end = range->payload;
    if (kind == SL_SEGMENT_VIDEO && sample->key) {
        track->key_offset = place;
        track->key_size = (uint32_t)size;
    }
    const uint64_t samples = (uint64_t)range->tracks[SL_SEGMENT_VIDEO].tables.samples +
                             range->tracks[SL_SEGMENT_AUDIO].tables.samples;
    return samples > SL_MEDIA_RANGE_SAMPLES_MAX ? -E2BIG : 0;
}

/* ---- A segment ---- */

/* Samples [at, end) of a segment's track are wanted. */
struct wanted {
    const struct sl_segment_samples *samples;
    size_t at, end;
    int64_t zero; /* of the track's ticks, in ours */
    uint32_t hz;
};

static int64_t time_of(const struct wanted *wanted, size_t i)
{
    const int64_t at = wanted->samples->items[i].at;
    if (wanted->samples->hz == wanted->hz)
        return wanted->zero + at;
    return wanted->zero + (int64_t)((__int128)at * wanted->hz / wanted->samples->hz);
}

static bool is_wanted_config(const struct sl_segment_samples *samples)
{
    return samples->present && samples->count > 0 && samples->hz > 0 && samples->config_len > 0 &&
           samples->config_len <= sizeof(samples->config);
}

/* Video from the key frame at or before `from` (or the first one) on, sound from a little earlier;
 * neither before what there is already. The next stretch of a segment goes on where it is. */
static void choose(struct sl_media_range *range, enum sl_segment_track kind, struct wanted *wanted)
{
    const struct track *track = &range->tracks[kind];
    const struct sl_segment_samples *samples = wanted->samples;
    const bool goes_on = track->begun && track->source == source_count(range) - 1;
    const int64_t until = ticks_of(range->to_us - range->from_us, track->hz);
    size_t begin = samples->count;
    for (size_t i = 0; i < samples->count; i++) {
        const int64_t at = time_of(wanted, i);
        if (at >= until) {
            range->tracks[kind].beyond = true;
            break;
        }
        wanted->end = i + 1;
        if (track->begun && at <= track->last)
            continue;
        if (goes_on) {
            begin = begin < i ? begin : i;
            continue;
        }
        if (kind == SL_SEGMENT_AUDIO
                ? at >= -PREROLL && begin == samples->count
                : samples->items[i].key && (at <= 0 || begin == samples->count))
            begin = i;
    }
    wanted->at = begin < wanted->end ? begin : wanted->end;
}

/* The parameter sets of an avcC, each as a unit with its length in 4 bytes. */
static int copy_sets(struct sl_media_bytes *out, const uint8_t *avcc, size_t len)
{
    struct sl_reader r = sl_reader(avcc, len);
    (void)sl_read_bytes(&r, 5);
    for (int kind = 0; kind < 2; kind++) {
        const int count = sl_read8(&r) & (kind == 0 ? 0x1f : 0xff);
        for (int i = 0; i < count; i++) {
            const size_t size = sl_read16(&r);
            const uint8_t *set = sl_read_bytes(&r, size);
            uint8_t *at = set ? sl_media_bytes_add(out, 4 + size) : NULL;
            if (!at)
                return set ? -ENOMEM : -EBADMSG;
            sl_put32(at, (uint32_t)size);
            memcpy(at + 4, set, size);
        }
    }
    return r.failed ? -EBADMSG : 0;
}

/* Key frames bring their parameter sets with them: Chromium knows the first description alone, and
 * seeks back to it as well. */
static int take_sets(struct sl_media_range *range, const struct sl_segment_samples *samples)
{
    struct track *track = &range->tracks[SL_SEGMENT_VIDEO];
    track->sets_at = range->ours.len;
    const int err = copy_sets(&range->ours, samples->config, samples->config_len);
    track->sets_len = range->ours.len - track->sets_at;
    return err;
}

static int take_config(struct track *track, const struct sl_segment_samples *samples)
{
    struct sl_media_config config = {.len = samples->config_len,
                                     .width = samples->width,
                                     .height = samples->height,
                                     .channels = samples->channels};
    memcpy(config.data, samples->config, samples->config_len);
    track->config = sl_media_tables_config(&track->tables, &config);
    track->chunk_end = 0;
    return track->config ? 0 : -E2BIG;
}

static int prepare(struct sl_media_range *range, const struct sl_segment_index *index,
                   enum sl_segment_track kind, struct wanted *wanted)
{
    struct track *track = &range->tracks[kind];
    const int64_t zero_us = index->info.meta.start_us - range->from_us;
    *wanted = (struct wanted){
        .samples = &index->tracks[kind], .hz = track->hz, .zero = ticks_of(zero_us, track->hz)};
    if (!is_wanted_config(wanted->samples))
        return 0;
    choose(range, kind, wanted);
    if (wanted->at == wanted->end)
        return 0;
    const uint32_t before = track->config;
    const int err = take_config(track, wanted->samples);
    if (err != 0 || kind != SL_SEGMENT_VIDEO || track->config == before)
        return err;
    return take_sets(range, wanted->samples);
}

/* In the order of the file, so that what is played together lies together. */
static int take_samples(struct sl_media_range *range, struct wanted wanted[SL_SEGMENT_TRACKS])
{
    for (;;) {
        int next = -1;
        for (int i = 0; i < SL_SEGMENT_TRACKS; i++) {
            if (wanted[i].at < wanted[i].end &&
                (next < 0 || wanted[i].samples->items[wanted[i].at].offset <
                                 wanted[next].samples->items[wanted[next].at].offset))
                next = i;
        }
        if (next < 0)
            return 0;
        const size_t i = wanted[next].at++;
        const struct sl_segment_sample *sample = &wanted[next].samples->items[i];
        const int64_t at = time_of(&wanted[next], i);
        const uint32_t ticks =
            (uint32_t)((uint64_t)sample->ticks * wanted[next].hz / wanted[next].samples->hz);
        const struct track *track = &range->tracks[next];
        if ((track->begun && at < track->last) || sample->size == 0 ||
            (next == SL_SEGMENT_AUDIO && is_too_much(track, at, ticks)))
            continue;
        const int err = add_sample(range, next, sample, at, ticks);
        if (err != 0)
            return err;
    }
}

static int add_source(struct sl_media_range *range, const char *path, const char *uuid, int fd)
{
    struct stat status;
    struct source source = {.device = 0};
    const struct source *last = (const struct source *)(void *)range->sources.data;
    if (source_count(range) > 0 && strcmp(last[source_count(range) - 1].uuid, uuid) == 0)
        return 0;
    if (source_count(range) >= SL_MEDIA_RANGE_SEGMENTS_MAX)
        return -E2BIG;
    if (fstat(fd, &status) != 0)
        return -errno;
    const int len = snprintf(source.path, sizeof(source.path), "%s", path);
    if (len < 0 || (size_t)len >= sizeof(source.path))
        return -ENAMETOOLONG;
    snprintf(source.uuid, sizeof(source.uuid), "%s", uuid);
    source.device = status.st_dev;
    source.inode = status.st_ino;
    uint8_t *at = sl_media_bytes_add(&range->sources, sizeof(source));
    if (!at)
        return -ENOMEM;
    memcpy(at, &source, sizeof(source));
    return 0;
}

int sl_media_range_add(struct sl_media_range *range, const char *path, int fd,
                       const struct sl_segment_index *index)
{
    struct wanted wanted[SL_SEGMENT_TRACKS];
    const int64_t start_us = index->info.meta.start_us;
    if (start_us < range->from_us - FAR_US || start_us > range->to_us)
        return -EBADMSG;
    int err = add_source(range, path, index->info.meta.uuid, fd);
    for (int i = 0; i < SL_SEGMENT_TRACKS && err == 0; i++)
        err = prepare(range, index, i, &wanted[i]);
    return err != 0 ? err : take_samples(range, wanted);
}

/* ---- The head ---- */

/* The newest sample's duration: to its own end, but not beyond the range. Ticks since `from`. */
static int end_track(const struct sl_media_range *range, struct track *track, int64_t *end)
{
    const int64_t until = ticks_of(range->to_us - range->from_us, track->hz);
    *end = track->last + (track->last_ticks ? track->last_ticks : 1);
    if (*end > until)
        *end = until;
    const int err = sl_media_tables_ticks(&track->tables, (uint32_t)(*end - track->last));
    return err != 0 ? err : sl_media_tables_end(&track->tables);
}

static struct sl_moov_track describe(struct track *track, enum sl_segment_track kind, int64_t end)
{
    const int64_t begin = track->first > 0 ? track->first : 0;
    return (struct sl_moov_track){
        .tables = &track->tables,
        .kind = kind,
        .hz = track->hz,
        .skip = (uint64_t)(begin - track->first),
        .delay = (uint64_t)begin * SL_MOOV_HZ / track->hz,
        .play = end > begin ? (uint64_t)(end - begin) * SL_MOOV_HZ / track->hz : 0,
    };
}

static bool hash_origins(const struct sl_media_range *range, EVP_MD_CTX *context)
{
    const struct source *sources = (const void *)range->sources.data;
    const struct extent *extents = (const void *)range->extents.data;
    bool ok = EVP_DigestUpdate(context, range->ours.data, range->ours.len);
    for (uint32_t i = 0; ok && i < source_count(range); i++)
        ok = EVP_DigestUpdate(context, sources[i].uuid, sizeof(sources[i].uuid));
    for (size_t i = 0; ok && i < extent_count(range); i++) {
        const uint64_t place[] = {extents[i].at, extents[i].offset, extents[i].source};
        ok = EVP_DigestUpdate(context, place, sizeof(place));
    }
    return ok;
}

/* Of all that the bytes come from. */
static int make_etag(struct sl_media_range *range)
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const bool ok = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) &&
                    EVP_DigestUpdate(context, range->head, range->head_len) &&
                    hash_origins(range, context) && EVP_DigestFinal_ex(context, hash, NULL);
    EVP_MD_CTX_free(context);
    if (!ok)
        return -ENOMEM;
    range->etag[0] = '"';
    for (int i = 0; i < 16; i++)
        snprintf(range->etag + 1 + 2 * i, 3, "%02x", hash[i]);
    snprintf(range->etag + 33, 2, "\"");
    return 0;
}

static int add_silent_bytes(struct sl_media_range *range)
{
    uint8_t *head = realloc(range->head, range->head_len + PAYLOAD_FILES);
    if (!head)
        return -ENOMEM;
    range->head = head;
    for (size_t i = 0; i < PAYLOAD_FILES; i++)
        head[range->head_len + i] = silent_packet[i % sizeof(silent_packet)];
    range->head_len += PAYLOAD_FILES;
    return 0;
}

int sl_media_range_end(struct sl_media_range *range)
{
    struct sl_moov_track tracks[SL_SEGMENT_TRACKS];
    int count = 0, err = 0;
    if (!range->tracks[SL_SEGMENT_VIDEO].begun)
        return -ENODATA;
    for (int i = 0; i < SL_SEGMENT_TRACKS && err == 0; i++) {
        struct track *track = &range->tracks[i];
        int64_t end;
        if (!track->begun)
            continue;
        err = end_track(range, track, &end);
        tracks[count] = describe(track, i, end);
        if (i == SL_SEGMENT_VIDEO && tracks[count].play == 0)
            return -ENODATA;
        if (tracks[count].play > 0)
            count++;
    }
    if (err != 0)
        return err;
    range->end_us = range->from_us + (int64_t)((tracks[0].delay + tracks[0].play) * 100 + 8) / 9;
    range->head = sl_moov_write(tracks, count, range->from_us, range->payload, &range->head_len);
    if (!range->head)
        return -ENOMEM;
    for (int i = 0; i < SL_SEGMENT_TRACKS; i++)
        sl_media_tables_fini(&range->tracks[i].tables);
    err = add_silent_bytes(range);
    return err != 0 ? err : make_etag(range);
}

/* ---- What it is ---- */

uint64_t sl_media_range_length(const struct sl_media_range *range)
{
    return range->head_len + range->payload - PAYLOAD_FILES;
}

const char *sl_media_range_etag(const struct sl_media_range *range)
{
    return range->etag;
}

int64_t sl_media_range_end_us(const struct sl_media_range *range)
{
    return range->end_us < range->to_us ? range->end_us : range->to_us;
}

int64_t sl_media_range_known_us(const struct sl_media_range *range)
{
    const struct track *video = &range->tracks[SL_SEGMENT_VIDEO];
    const struct track *sound = &range->tracks[SL_SEGMENT_AUDIO];
    const int64_t seen = video->beyond ? range->to_us - range->from_us : video->last * 100 / 9;
    const int64_t heard = sound->last * 125 / 6;
    /* Sound that ended long ago, or in another segment, is not waited for. */
    const bool silent = !sound->begun || sound->beyond || heard < seen - SOUND_LATE_US;
    const int64_t known = silent || seen < heard ? seen : heard;
    return range->from_us + (known > 0 ? known : 1);
}

size_t sl_media_range_memory(const struct sl_media_range *range)
{
    return sizeof(*range) + range->head_len + range->sources.room + range->extents.room +
           range->ours.room;
}

/* ---- Reading ---- */

/* The extent that has `at` of the payload. */
static size_t find_extent(const struct sl_media_range *range, uint64_t at)
{
    const struct extent *extents = (const void *)range->extents.data;
    size_t low = 0, high = extent_count(range);
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (extents[middle].at <= at)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static int open_source(const struct sl_media_range *range, struct sl_media_reader *reader,
                       int store, uint32_t number)
{
    const struct source *source = (const struct source *)(void *)range->sources.data + number;
    struct stat status;
    if (reader->fd >= 0 && reader->source == number)
        return 0;
    sl_media_reader_fini(reader);
    const int fd = openat(store, source->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &status) != 0 || status.st_dev != source->device ||
        status.st_ino != source->inode) {
        close(fd);
        return -ESTALE;
    }
    reader->fd = fd;
    reader->source = number;
    return 0;
}

static int read_whole(int fd, uint8_t *out, size_t len, uint64_t offset)
{
    while (len > 0) {
        const ssize_t got = pread(fd, out, len, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : -ESTALE; /* shorter than it was */
        out += got;
        len -= (size_t)got;
        offset += (uint64_t)got;
    }
    return 0;
}

static int read_payload(const struct sl_media_range *range, struct sl_media_reader *reader,
                        int store, uint64_t at, uint8_t *out, size_t len)
{
    const struct extent *extents = (const void *)range->extents.data;
    const size_t count = extent_count(range);
    for (size_t i = find_extent(range, at); len > 0; i++) {
        const uint64_t end = i + 1 < count ? extents[i + 1].at : range->payload;
        const size_t piece = end - at < len ? (size_t)(end - at) : len;
        const uint64_t offset = extents[i].offset + (at - extents[i].at);
        const bool ours = extents[i].source == OURS;
        int err = ours ? 0 : open_source(range, reader, store, extents[i].source);
        if (ours)
            memcpy(out, range->ours.data + offset, piece);
        else if (err == 0)
            err = read_whole(reader->fd, out, piece, offset);
        if (err != 0)
            return err;
        out += piece;
        at += piece;
        len -= piece;
    }
    return 0;
}

ssize_t sl_media_range_read(const struct sl_media_range *range, struct sl_media_reader *reader,
                            int store, uint64_t offset, void *out, size_t len)
{
    const uint64_t length = sl_media_range_length(range);
    if (offset >= length)
        return 0;
    if (len > length - offset)
        len = (size_t)(length - offset);
    size_t done = 0;
    if (offset < range->head_len) {
        done = range->head_len - offset < len ? (size_t)(range->head_len - offset) : len;
        memcpy(out, range->head + offset, done);
    }
    if (done < len) {
        const uint64_t at = offset + done - range->head_len + PAYLOAD_FILES;
        const int err = read_payload(range, reader, store, at, (uint8_t *)out + done, len - done);
        if (err != 0)
            return err;
    }
    return (ssize_t)len;
}

void sl_media_reader_fini(struct sl_media_reader *reader)
{
    if (reader->fd >= 0)
        close(reader->fd);
    reader->fd = -1;
}
