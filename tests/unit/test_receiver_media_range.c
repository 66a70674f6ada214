/* SPDX-License-Identifier: MIT */
/*
 * Virtual files out of segments made here (random bytes, with junk where a fragment's head would
 * be), read back by libavformat: each packet, and when it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <libavformat/avformat.h>

#include "base/random.h"
#include "receiver/media_range.h"
#include "receiver/media_tables.h"

#define DAY_US (24 * 3600 * INT64_C(1000000))
#define T0 INT64_C(1795183200000000) /* 2026-11-20T14:00:00Z */
#define FRAME 3000                   /* ticks: 30/s */
#define GOP 30
#define SECOND INT64_C(1000000)

static const uint8_t sps_pps[] = {1,    0x42, 0xc0, 0x1f, 0xff, 0xe1, 0,    6,    0x67, 0x42, 0xc0,
                                  0x1f, 0x10, 0x11, 1,    0,    4,    0x68, 0xce, 0x3c, 0x80};
static const uint8_t dops[] = {0, 1, 0, 0, 0, 0, 0xbb, 0x80, 0, 0, 0};

struct segment {
    char path[64];
    struct sl_segment_index index;
    uint8_t *bytes;
    size_t len;
};

struct world {
    char dir[64];
    int store;
    struct sl_random random;
    struct segment segments[80];
    int count;
};

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    strcpy(world->dir, "/tmp/sightline-range-XXXXXX");
    assert_non_null(mkdtemp(world->dir));
    world->store = open(world->dir, O_RDONLY | O_DIRECTORY);
    sl_random_init_seed(&world->random, 7);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < world->count; i++) {
        struct segment *segment = &world->segments[i];
        unlinkat(world->store, segment->path, 0);
        for (int k = 0; k < SL_SEGMENT_TRACKS; k++)
            free(segment->index.tracks[k].items);
        free(segment->bytes);
    }
    close(world->store);
    rmdir(world->dir);
    free(world);
    return 0;
}

/* ---- Segments ---- */

static void add_sample(struct world *world, struct segment *segment, enum sl_segment_track kind,
                       int64_t at, uint32_t ticks, bool key)
{
    struct sl_segment_samples *samples = &segment->index.tracks[kind];
    const uint32_t size = kind == SL_SEGMENT_AUDIO ? sl_random_range(&world->random, 20, 80)
                                                   : sl_random_range(&world->random, 50, 900);
    samples->items[samples->count++] = (struct sl_segment_sample){
        .offset = (int64_t)segment->len, .at = at, .size = size, .ticks = ticks, .key = key};
    sl_random_fill(&world->random, segment->bytes + segment->len, size);
    segment->len += size;
}

/* `frames` pictures from `start_us` on in fragments of 15, sound beside them if wanted. */
static struct segment *make_segment(struct world *world, int64_t start_us, int frames, bool sound,
                                    uint8_t config)
{
    struct segment *segment = &world->segments[world->count];
    const size_t room = (size_t)frames * 1200 + 4096;
    struct sl_segment_index *index = &segment->index;
    snprintf(segment->path, sizeof(segment->path), "%d.mp4", world->count);
    snprintf(index->info.meta.uuid, sizeof(index->info.meta.uuid), "uuid-%d", world->count++);
    index->info.meta.start_us = start_us;
    for (int k = 0; k < SL_SEGMENT_TRACKS; k++) {
        struct sl_segment_samples *track = &index->tracks[k];
        track->present = k == SL_SEGMENT_VIDEO || sound;
        track->hz = k == SL_SEGMENT_VIDEO ? 90000 : 48000;
        track->items = calloc((size_t)frames * 2 + 16, sizeof(*track->items));
        track->config_len = k == SL_SEGMENT_VIDEO ? sizeof(sps_pps) : sizeof(dops);
        memcpy(track->config, k == SL_SEGMENT_VIDEO ? sps_pps : dops, track->config_len);
        track->width = 640;
        track->height = 360;
        track->channels = 1;
    }
    index->tracks[SL_SEGMENT_VIDEO].config[12] = config; /* within the SPS */
    segment->bytes = malloc(room);
    int64_t heard = 0;
    for (int i = 0; i < frames; i += 15) {
        memset(segment->bytes + segment->len, 0x55, 100);
        segment->len += 100;
        for (int k = i; k < i + 15 && k < frames; k++)
            add_sample(world, segment, SL_SEGMENT_VIDEO, (int64_t)k * FRAME, FRAME, k % GOP == 0);
        for (; sound && heard < (int64_t)(i + 15) * 1600; heard += 960)
            add_sample(world, segment, SL_SEGMENT_AUDIO, heard, 960, true);
    }
    const int fd = openat(world->store, segment->path, O_CREAT | O_EXCL | O_WRONLY, 0600);
    assert_true(write(fd, segment->bytes, segment->len) == (ssize_t)segment->len);
    close(fd);
    return segment;
}

static int add(struct world *world, struct sl_media_range *range, int number)
{
    const struct segment *segment = &world->segments[number];
    const int fd = openat(world->store, segment->path, O_RDONLY);
    const int err = sl_media_range_add(range, segment->path, fd, &segment->index);
    close(fd);
    return err;
}

static struct sl_media_range *make_range(struct world *world, int64_t from_us, int64_t to_us)
{
    struct sl_media_range *range;
    assert_int_equal(sl_media_range_begin(&range, from_us, to_us), 0);
    for (int i = 0; i < world->count; i++)
        assert_int_equal(add(world, range, i), 0);
    assert_int_equal(sl_media_range_end(range), 0);
    return range;
}

/* ---- Read back ---- */

struct file {
    uint8_t *data;
    size_t len, at;
    AVFormatContext *format;
    AVIOContext *io;
};

static int file_read(void *ctx, uint8_t *out, int size)
{
    struct file *file = ctx;
    const size_t left = file->len - file->at;
    const size_t len = left < (size_t)size ? left : (size_t)size;
    memcpy(out, file->data + file->at, len);
    file->at += len;
    return len ? (int)len : AVERROR_EOF;
}

static int64_t file_seek(void *ctx, int64_t offset, int whence)
{
    struct file *file = ctx;
    if (whence == AVSEEK_SIZE)
        return (int64_t)file->len;
    file->at = (size_t)offset;
    return offset;
}

/* All of the virtual file, by reads of sizes of all kinds. */
static void file_load(struct world *world, struct file *file, const struct sl_media_range *range)
{
    struct sl_media_reader reader = {.fd = -1};
    *file = (struct file){.len = (size_t)sl_media_range_length(range)};
    file->data = malloc(file->len);
    for (size_t at = 0; at < file->len;) {
        const size_t want = sl_random_range(&world->random, 1, 5000);
        const ssize_t got = sl_media_range_read(range, &reader, world->store, at, file->data + at,
                                                want < file->len - at ? want : file->len - at);
        assert_true(got > 0);
        at += (size_t)got;
    }
    uint8_t beyond;
    assert_int_equal(sl_media_range_read(range, &reader, world->store, file->len, &beyond, 1), 0);
    sl_media_reader_fini(&reader);
}

static void file_open(struct world *world, struct file *file, const struct sl_media_range *range)
{
    AVDictionary *options = NULL;
    file_load(world, file, range);
    file->format = avformat_alloc_context();
    file->io = avio_alloc_context(av_malloc(4096), 4096, 0, file, file_read, NULL, file_seek);
    file->format->pb = file->io;
    file->format->flags |= AVFMT_FLAG_NOPARSE | AVFMT_FLAG_NOFILLIN;
    /* The edit list as an offset, so that what lies before `from` is seen too. */
    av_dict_set(&options, "advanced_editlist", "0", 0);
    assert_int_equal(avformat_open_input(&file->format, NULL, NULL, &options), 0);
    av_dict_free(&options);
}

static void file_close(struct file *file)
{
    avformat_close_input(&file->format);
    av_freep(&file->io->buffer);
    avio_context_free(&file->io);
    free(file->data);
}

/* The file's packets of a track against the samples [begin, end) of a segment from `from_us` on,
 * key frames with their parameter sets before them. */
static void expect(struct file *file, struct world *world, int number, enum sl_segment_track kind,
                   int64_t from_us, size_t begin, size_t end, AVPacket *packet)
{
    uint8_t sets[] = {0,    0, 0, 6, 0x67, 0x42, 0xc0, 0x1f, 0,
                      0x11, 0, 0, 0, 4,    0x68, 0xce, 0x3c, 0x80};
    const struct segment *segment = &world->segments[number];
    const struct sl_segment_samples *track = &segment->index.tracks[kind];
    sets[8] = track->config[12];
    const int64_t zero = (segment->index.info.meta.start_us - from_us) * track->hz / 1000000;
    for (size_t i = begin; i < end; i++) {
        const struct sl_segment_sample *sample = &track->items[i];
        do {
            av_packet_unref(packet);
            assert_int_equal(av_read_frame(file->format, packet), 0);
        } while (packet->stream_index != (int)kind);
        const size_t more = kind == SL_SEGMENT_VIDEO && sample->key ? sizeof(sets) : 0;
        assert_int_equal(packet->size, sample->size + more);
        assert_memory_equal(packet->data, sets, more);
        assert_memory_equal(packet->data + more, segment->bytes + sample->offset, sample->size);
        assert_in_range(packet->pts - (zero + sample->at) + 2, 0, 4);
        assert_int_equal(!!(packet->flags & AV_PKT_FLAG_KEY), sample->key);
    }
}

static void expect_end(struct file *file, enum sl_segment_track kind, AVPacket *packet)
{
    av_packet_unref(packet);
    while (av_read_frame(file->format, packet) == 0) {
        assert_int_not_equal(packet->stream_index, (int)kind);
        av_packet_unref(packet);
    }
}

/* ---- Tests ---- */

static void test_a_range_begins_at_the_key_frame_and_keeps_a_gap(void **state)
{
    struct world *world = *state;
    AVPacket *packet = av_packet_alloc();
    struct file file;
    make_segment(world, T0, 150, true, 1);
    make_segment(world, T0 + 9 * SECOND, 150, true, 1); /* 4 s are missing */
    const int64_t from = T0 + 2500000, to = T0 + 11 * SECOND;
    struct sl_media_range *range = make_range(world, from, to);
    file_open(world, &file, range);
    assert_int_equal(file.format->nb_streams, 2);
    assert_in_range(file.format->duration, 8500000 - 20, 8500000 + 20);
    assert_in_range(sl_media_range_end_us(range), to - 20, to);

    expect(&file, world, 0, SL_SEGMENT_VIDEO, from, 60, 150, packet);
    assert_in_range(packet->duration, 4 * 90000 + FRAME - 2, 4 * 90000 + FRAME + 2);
    expect(&file, world, 1, SL_SEGMENT_VIDEO, from, 0, 60, packet);
    expect_end(&file, SL_SEGMENT_VIDEO, packet);

    file_close(&file);
    file_open(world, &file, range);
    expect(&file, world, 0, SL_SEGMENT_AUDIO, from, 121, 250, packet);
    for (int i = 0; i < 200; i++) { /* 4 s of silence */
        do {
            av_packet_unref(packet);
            assert_int_equal(av_read_frame(file.format, packet), 0);
        } while (packet->stream_index != SL_SEGMENT_AUDIO);
        assert_int_equal(packet->size, 3);
        assert_int_equal(packet->data[0], 0xf8);
        assert_in_range(packet->duration, 955, 965);
    }
    expect(&file, world, 1, SL_SEGMENT_AUDIO, from, 0, 100, packet);
    expect_end(&file, SL_SEGMENT_AUDIO, packet);
    file_close(&file);
    sl_media_range_destroy(range);
    av_packet_free(&packet);
}

static void test_a_range_that_begins_in_a_gap_begins_with_nothing(void **state)
{
    struct world *world = *state;
    AVPacket *packet = av_packet_alloc();
    struct file file;
    make_segment(world, T0, 60, false, 1);
    const int64_t from = T0 - 3 * SECOND;
    struct sl_media_range *range = make_range(world, from, T0 + 60 * SECOND);
    file_open(world, &file, range);
    assert_int_equal(file.format->nb_streams, 1);
    assert_in_range(file.format->duration, 4999980, 5000020);
    assert_in_range(sl_media_range_end_us(range), T0 + 1999980, T0 + 2000020);
    expect(&file, world, 0, SL_SEGMENT_VIDEO, from, 0, 60, packet);
    expect_end(&file, SL_SEGMENT_VIDEO, packet);
    file_close(&file);
    sl_media_range_destroy(range);
    av_packet_free(&packet);
}

static void test_other_parameter_sets_have_a_description_of_their_own(void **state)
{
    struct world *world = *state;
    AVPacket *packet = av_packet_alloc();
    struct file file;
    size_t len = 0;
    make_segment(world, T0, 30, true, 1);
    make_segment(world, T0 + SECOND, 30, true, 2);
    make_segment(world, T0 + 2 * SECOND, 30, true, 1);
    struct sl_media_range *range = make_range(world, T0, T0 + 3 * SECOND);
    file_open(world, &file, range);
    assert_int_equal(file.format->streams[0]->codecpar->extradata[12], 1);
    for (int i = 0; i < 3; i++) {
        expect(&file, world, i, SL_SEGMENT_VIDEO, T0, 0, 1, packet);
        const uint8_t *data = av_packet_get_side_data(packet, AV_PKT_DATA_NEW_EXTRADATA, &len);
        if (i > 0) {
            assert_non_null(data);
            assert_int_equal(len, sizeof(sps_pps));
            assert_int_equal(data[12], i == 1 ? 2 : 1);
        }
        expect(&file, world, i, SL_SEGMENT_VIDEO, T0, 1, 30, packet);
    }
    file_close(&file);
    sl_media_range_destroy(range);
    av_packet_free(&packet);
}

static void test_a_gap_of_many_hours_shows_the_last_key_frame(void **state)
{
    struct world *world = *state;
    AVPacket *packet = av_packet_alloc();
    struct file file;
    make_segment(world, T0, 45, false, 1);
    make_segment(world, T0 + DAY_US - 2 * SECOND, 45, false, 1);
    struct sl_media_range *range = make_range(world, T0, T0 + DAY_US);
    file_open(world, &file, range);
    assert_in_range(file.format->duration, DAY_US - 500020, DAY_US - 499980);
    expect(&file, world, 0, SL_SEGMENT_VIDEO, T0, 0, 45, packet);
    int fillers = 0;
    do {
        av_packet_unref(packet);
        assert_int_equal(av_read_frame(file.format, packet), 0);
        if (packet->size == (int)world->segments[0].index.tracks[0].items[30].size + 18)
            fillers++;
    } while (packet->pts < (DAY_US - 2 * SECOND) / 100 * 9 - 10);
    assert_int_equal(fillers, 7); /* 24 h in pieces of 3.3 h */
    expect(&file, world, 1, SL_SEGMENT_VIDEO, T0, 1, 45, packet);
    file_close(&file);
    sl_media_range_destroy(range);
    av_packet_free(&packet);
}

static void test_what_overlaps_is_left_out_up_to_a_key_frame(void **state)
{
    struct world *world = *state;
    AVPacket *packet = av_packet_alloc();
    struct file file;
    make_segment(world, T0, 45, false, 1);          /* up to 1.5 s */
    make_segment(world, T0 + SECOND, 90, false, 1); /* its second key frame is at 2 s */
    struct sl_media_range *range = make_range(world, T0, T0 + 60 * SECOND);
    file_open(world, &file, range);
    expect(&file, world, 0, SL_SEGMENT_VIDEO, T0, 0, 45, packet);
    expect(&file, world, 1, SL_SEGMENT_VIDEO, T0, 30, 90, packet);
    expect_end(&file, SL_SEGMENT_VIDEO, packet);
    file_close(&file);
    sl_media_range_destroy(range);
    av_packet_free(&packet);
}

static void test_equal_tags_are_equal_bytes(void **state)
{
    struct world *world = *state;
    struct file a, b;
    struct segment *segment = make_segment(world, T0, 300, true, 1);
    struct sl_media_range *past = make_range(world, T0 + SECOND, T0 + 3 * SECOND);
    struct sl_media_range *early = NULL, *late, *again;
    size_t *pictures = &segment->index.tracks[SL_SEGMENT_VIDEO].count;
    size_t *sounds = &segment->index.tracks[SL_SEGMENT_AUDIO].count;

    *pictures = 150; /* as it was when it was half as long */
    *sounds = 250;
    early = make_range(world, T0 + SECOND, T0 + 60 * SECOND);
    again = make_range(world, T0 + SECOND, T0 + 3 * SECOND);
    *pictures = 300;
    *sounds = 500;
    late = make_range(world, T0 + SECOND, T0 + 60 * SECOND);
    /* A link to the early one is for what is known of it: the same later. */
    const int64_t known_us = sl_media_range_known_us(early);
    assert_in_range(known_us, T0 + 4900000, T0 + 5000000);
    assert_int_equal(sl_media_range_known_us(past), T0 + 3 * SECOND);
    struct sl_media_range *link_late = make_range(world, T0 + SECOND, known_us);
    *pictures = 150;
    *sounds = 250;
    struct sl_media_range *link = make_range(world, T0 + SECOND, known_us);
    assert_string_equal(sl_media_range_etag(link), sl_media_range_etag(link_late));
    assert_int_equal(sl_media_range_known_us(link), known_us);
    sl_media_range_destroy(link);
    sl_media_range_destroy(link_late);

    assert_string_equal(sl_media_range_etag(past), sl_media_range_etag(again));
    file_load(world, &a, past);
    file_load(world, &b, again);
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len);
    assert_string_not_equal(sl_media_range_etag(early), sl_media_range_etag(late));
    assert_true(sl_media_range_length(early) < sl_media_range_length(late));
    free(a.data);
    free(b.data);
    sl_media_range_destroy(past);
    sl_media_range_destroy(early);
    sl_media_range_destroy(late);
    sl_media_range_destroy(again);
}

/* The index of whole fragments: [from, to) in tenths of a second. */
static void add_stretch(struct world *world, struct sl_media_range *range, size_t from, size_t to)
{
    const struct segment *segment = &world->segments[world->count - 1];
    struct sl_segment_index part = segment->index;
    for (int k = 0; k < SL_SEGMENT_TRACKS; k++) {
        const size_t scale = k == SL_SEGMENT_VIDEO ? 3 : 5; /* 30 pictures, 50 sounds a second */
        part.tracks[k].items += from * scale;
        part.tracks[k].count = (to - from) * scale;
    }
    const int fd = openat(world->store, segment->path, O_RDONLY);
    assert_int_equal(sl_media_range_add(range, segment->path, fd, &part), 0);
    close(fd);
}

static void test_stretches_make_what_the_whole_makes(void **state)
{
    struct world *world = *state;
    struct sl_media_range *range;
    make_segment(world, T0, 60, true, 1);
    make_segment(world, T0 + 2 * SECOND, 300, true, 2);
    for (int64_t from_us = T0 + SECOND / 2; from_us < T0 + 4 * SECOND; from_us += SECOND) {
        struct sl_media_range *whole = make_range(world, from_us, T0 + 11 * SECOND);
        assert_int_equal(sl_media_range_begin(&range, from_us, T0 + 11 * SECOND), 0);
        assert_int_equal(add(world, range, 0), 0);
        add_stretch(world, range, 0, 40);
        add_stretch(world, range, 30, 75);
        add_stretch(world, range, 30, 75); /* nothing new in it */
        add_stretch(world, range, 70, 100);
        assert_int_equal(sl_media_range_end(range), 0);
        assert_string_equal(sl_media_range_etag(range), sl_media_range_etag(whole));
        assert_int_equal(sl_media_range_known_us(range), sl_media_range_known_us(whole));
        sl_media_range_destroy(range);
        sl_media_range_destroy(whole);
    }
}

/* 15 minutes of one picture a second and of sound by a clock that is off. */
static void make_drifting(struct world *world, int64_t start_us, int ppm)
{
    struct segment *segment = make_segment(world, start_us, 30, true, 1);
    struct sl_segment_samples *video = &segment->index.tracks[SL_SEGMENT_VIDEO];
    struct sl_segment_samples *sound = &segment->index.tracks[SL_SEGMENT_AUDIO];
    const int64_t end = INT64_C(900) * 48000;
    video->items = realloc(video->items, 900 * sizeof(*video->items));
    sound->items = realloc(sound->items, 50000 * sizeof(*sound->items));
    for (size_t i = 0; i < 900; i++)
        video->items[i] = (struct sl_segment_sample){
            .offset = 100, .at = (int64_t)i * 90000, .size = 10, .ticks = 90000, .key = true};
    video->count = 900;
    sound->count = 0;
    for (int64_t at, i = 0; (at = i * 960 * (1000000 - ppm) / 1000000) < end; i++) {
        const int64_t next = (i + 1) * 960 * (1000000 - ppm) / 1000000;
        sound->items[sound->count++] = (struct sl_segment_sample){
            .offset = 110, .at = at, .size = 5, .ticks = (uint32_t)(next - at), .key = true};
    }
}

/* For 2 h, who counts packets of sound is never further off than one and a half. */
static void test_counted_sound_stays_with_the_pictures(void **state)
{
    struct world *world = *state;
    for (int ppm = -500; ppm <= 500; ppm += 1000) {
        AVPacket *packet = av_packet_alloc();
        struct sl_media_range *range;
        struct file file;
        const int first = world->count;
        for (int i = 0; i < 8; i++)
            make_drifting(world, T0 + i * 900 * SECOND, ppm);
        assert_int_equal(sl_media_range_begin(&range, T0, T0 + 7200 * SECOND), 0);
        for (int i = 0; i < 8; i++)
            assert_int_equal(add(world, range, first + i), 0);
        assert_int_equal(sl_media_range_end(range), 0);
        file_open(world, &file, range);
        int64_t counted = 0, last = 0;
        while (av_read_frame(file.format, packet) == 0) {
            if (file.format->streams[packet->stream_index]->codecpar->codec_id ==
                AV_CODEC_ID_OPUS) {
                assert_in_range(packet->pts - counted + 1440, 0, 2 * 1440);
                counted += 960;
                last = packet->pts;
            }
            av_packet_unref(packet);
        }
        assert_true(last > INT64_C(7199) * 48000);
        file_close(&file);
        sl_media_range_destroy(range);
        av_packet_free(&packet);
    }
}

static void test_another_file_of_that_name_is_noticed(void **state)
{
    struct world *world = *state;
    struct sl_media_reader reader = {.fd = -1};
    uint8_t data[64];
    make_segment(world, T0, 60, true, 1);
    struct sl_media_range *range = make_range(world, T0, T0 + SECOND);
    const uint64_t last = sl_media_range_length(range) - 10;
    assert_int_equal(sl_media_range_read(range, &reader, world->store, last, data, 64), 10);
    sl_media_reader_fini(&reader);
    assert_int_equal(renameat(world->store, "0.mp4", world->store, "away"), 0);
    assert_int_equal(sl_media_range_read(range, &reader, world->store, last, data, 64), -ENOENT);
    close(openat(world->store, "0.mp4", O_CREAT | O_WRONLY, 0600));
    assert_int_equal(sl_media_range_read(range, &reader, world->store, last, data, 64), -ESTALE);
    assert_int_equal(renameat(world->store, "away", world->store, "0.mp4"), 0);
    const int fd = openat(world->store, "0.mp4", O_WRONLY);
    assert_int_equal(ftruncate(fd, 5000), 0);
    close(fd);
    assert_int_equal(sl_media_range_read(range, &reader, world->store, last, data, 64), -ESTALE);
    sl_media_reader_fini(&reader);
    sl_media_range_destroy(range);
}

static void test_limits(void **state)
{
    struct world *world = *state;
    struct sl_media_range *range;
    assert_int_equal(sl_media_range_begin(&range, T0, T0), -ERANGE);
    assert_int_equal(sl_media_range_begin(&range, T0, T0 + SL_MEDIA_RANGE_MAX_US + 1), -ERANGE);
    assert_int_equal(sl_media_range_begin(&range, T0, T0 + DAY_US), 0);
    assert_int_equal(sl_media_range_end(range), -ENODATA);
    sl_media_range_destroy(range);

    assert_int_equal(sl_media_range_begin(&range, T0, T0 + DAY_US), 0);
    for (int i = 0; i <= SL_MEDIA_CONFIGS_MAX; i++) {
        make_segment(world, T0 + i * SECOND, 3, false, (uint8_t)i);
        assert_int_equal(add(world, range, i), i < SL_MEDIA_CONFIGS_MAX ? 0 : -E2BIG);
    }
    sl_media_range_destroy(range);

    struct sl_segment_index *index = &world->segments[0].index;
    assert_int_equal(sl_media_range_begin(&range, T0, T0 + DAY_US), 0);
    index->info.meta.start_us = INT64_MIN;
    assert_int_equal(add(world, range, 0), -EBADMSG);
    index->info.meta.start_us = INT64_MAX;
    assert_int_equal(add(world, range, 0), -EBADMSG);
    sl_media_range_destroy(range);
}

int main(void)
{
    av_log_set_level(AV_LOG_QUIET);
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_range_begins_at_the_key_frame_and_keeps_a_gap),
        TEST(test_a_range_that_begins_in_a_gap_begins_with_nothing),
        TEST(test_other_parameter_sets_have_a_description_of_their_own),
        TEST(test_a_gap_of_many_hours_shows_the_last_key_frame),
        TEST(test_what_overlaps_is_left_out_up_to_a_key_frame),
        TEST(test_equal_tags_are_equal_bytes),
        TEST(test_stretches_make_what_the_whole_makes),
        TEST(test_counted_sound_stays_with_the_pictures),
        TEST(test_another_file_of_that_name_is_noticed),
        TEST(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
