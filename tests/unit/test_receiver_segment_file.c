/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "receiver/segment_file.h"
#include "receiver/segment_summary.h"
#include "receiver/segment_write.h"
#include "tests/support/clip.h"

#define FRAME_US 40000
#define START_US 1795185000123456
#define BYTES_MAX (1 << 20)

static struct sl_test_clip clip;
static char store[] = "/tmp/sl_segment_file_XXXXXX";
static int store_dir;
static char why[SL_STORE_WHY];

/* A recording, and where it was whole. */
static struct sl_segment_info written;
static int64_t ends[32];
static int fragments;
static uint8_t bytes[BYTES_MAX];
static size_t bytes_len;

static const struct sl_segment_meta meta = {.uuid = "6f2c0f2e-8a5b-4c9e-9d49-0b6f1e3a7c55",
                                            .camera = "yard",
                                            .location = "behind the \"barn\"",
                                            .start_us = START_US,
                                            .clock = SL_CLOCK_SYNCED,
                                            .boot_id = "0b6f1e3a-8a5b-4c9e-9d49-6f2c0f2e7c55",
                                            .start_mono = 77 * SL_SEC};

static void note_fragment(struct sl_segment_writer *writer)
{
    struct sl_segment_info info;
    sl_segment_write_info(writer, &info);
    if (fragments == 0 || info.bytes != ends[fragments - 1])
        ends[fragments++] = info.bytes;
}

static void record(struct sl_segment_writer *writer)
{
    for (int i = 0; i < clip.frames; i++) {
        const struct sl_test_unit *unit = &clip.video[i];
        const int64_t at = i * FRAME_US;
        assert_int_equal(
            sl_segment_write_video(writer, at, unit->data, unit->len, unit->key, at * SL_US), 0);
        for (int k = 0; k < 2; k++) {
            const struct sl_test_unit *sound = &clip.sound[(2 * i + k) % clip.sounds];
            assert_int_equal(sl_segment_write_sound(writer, at + 5000 + k * 20000, sound->data,
                                                    sound->len, at * SL_US),
                             0);
        }
        note_fragment(writer);
    }
}

static void record_file(void)
{
    struct sl_segment_writer *writer;
    char path[SL_SEGMENT_PATH_BYTES];
    struct sl_segment_write_config config = {
        .dir = store_dir, .meta = meta, .sound = true, .channels = 2};
    assert_int_equal(sl_segment_params_read(&config.params, clip.video[0].data, clip.video[0].len),
                     0);
    assert_int_equal(sl_segment_write_open(&writer, &config), 0);
    note_fragment(writer);
    record(writer);
    snprintf(path, sizeof(path), "%s", sl_segment_write_path(writer));
    assert_int_equal(sl_segment_write_close(writer, clip.frames * FRAME_US, &written), 0);
    const int fd = openat(store_dir, path, O_RDONLY);
    const ssize_t len = read(fd, bytes, sizeof(bytes));
    assert_true(len > 0 && len < BYTES_MAX);
    bytes_len = (size_t)len;
    ends[fragments++] = len - SL_SEGMENT_SUMMARY_BYTES;
    ends[fragments++] = len;
    close(fd);
}

static int set_up(void **state)
{
    (void)state;
    sl_test_clip_make(&clip, 64, 48, 50, 25);
    store_dir = mkdtemp(store) ? open(store, O_RDONLY | O_DIRECTORY) : -1;
    record_file();
    return store_dir >= 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    sl_test_clip_free(&clip);
    close(store_dir);
    snprintf(command, sizeof(command), "rm -rf %s", store);
    return system(command);
}

static int file_of(const void *data, size_t len)
{
    const int fd = memfd_create("segment", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, data, len, 0), len);
    return fd;
}

static int scan(const void *data, size_t len, struct sl_segment_info *info)
{
    const int fd = file_of(data, len);
    const int err = sl_segment_scan(fd, info, why);
    close(fd);
    return err;
}

static void a_file_says_what_its_writer_did(void **state)
{
    (void)state;
    struct sl_segment_info info;
    assert_int_equal(scan(bytes, bytes_len, &info), 0);
    assert_string_equal(info.meta.uuid, meta.uuid);
    assert_string_equal(info.meta.camera, meta.camera);
    assert_string_equal(info.meta.location, meta.location);
    assert_string_equal(info.meta.boot_id, meta.boot_id);
    assert_int_equal(info.meta.start_us, meta.start_us);
    assert_int_equal(info.meta.start_mono, meta.start_mono);
    assert_int_equal(info.meta.clock, meta.clock);
    assert_int_equal(info.duration_us, written.duration_us);
    assert_int_equal(info.bytes, written.bytes);
    assert_int_equal(info.frames, clip.frames);
    assert_int_equal(info.sounds, 2 * clip.frames);
    assert_true(info.sound);
    assert_int_equal(info.width, 64);
    assert_int_equal(info.height, 48);
    assert_int_equal(info.gaps, 0);
}

static void every_sample_is_where_the_index_says(void **state)
{
    (void)state;
    struct sl_segment_index index;
    const int fd = file_of(bytes, bytes_len);
    assert_int_equal(sl_segment_index(fd, &index, why), 0);
    close(fd);
    const struct sl_segment_samples *video = &index.tracks[SL_SEGMENT_VIDEO];
    const struct sl_segment_samples *sound = &index.tracks[SL_SEGMENT_AUDIO];
    assert_true(video->present && sound->present);
    assert_int_equal(video->hz, 90000);
    assert_int_equal(sound->hz, 48000);
    assert_int_equal(video->count, clip.frames);
    assert_int_equal(sound->count, 2 * clip.frames);
    assert_int_equal(video->config[0], 1); /* avcC */
    assert_int_equal(sound->channels, 2);
    for (int i = 0; i < clip.frames; i++) {
        const struct sl_segment_sample *sample = &video->items[i];
        assert_int_equal(sample->at, i * 3600);
        assert_int_equal(sample->ticks, 3600);
        assert_int_equal(sample->key, clip.video[i].key);
        /* A whole number of units, and as its beginning the first byte of a slice or an SEI. */
        size_t at = 0;
        while (at + 4 < sample->size)
            at += 4 + sl_get32(bytes + sample->offset + at);
        assert_int_equal(at, sample->size);
    }
    for (int i = 0; i < 2 * clip.frames; i++) {
        const struct sl_test_unit *unit = &clip.sound[i % clip.sounds];
        assert_int_equal(sound->items[i].size, unit->len);
        assert_memory_equal(bytes + sound->items[i].offset, unit->data, unit->len);
        assert_int_equal(sound->items[i].at, 240 + i * 960);
    }
    sl_segment_index_free(&index);
}

/* Cut anywhere, it is whole up to the last fragment that ended before. */
static void a_torn_file_is_whole_up_to_its_last_whole_fragment(void **state)
{
    (void)state;
    struct sl_segment_info info;
    assert_true(fragments >= 4);
    for (size_t cut = 0; cut <= bytes_len; cut += cut + 64 < bytes_len ? 61 : 1) {
        int whole = -1;
        while (whole + 1 < fragments && ends[whole + 1] <= (int64_t)cut)
            whole++;
        const int fd = file_of(bytes, cut);
        const int err = sl_segment_scan(fd, &info, why);
        assert_int_equal(err, whole < 0 ? -EBADMSG : whole == 0 ? -ENODATA : 0);
        if (whole >= 0) {
            assert_int_equal(info.bytes, ends[whole]);
            assert_int_equal(sl_segment_tail_torn(fd, info.bytes), 1);
            assert_string_equal(info.meta.uuid, meta.uuid);
        }
        close(fd);
    }
}

/* What lies behind a damage in the middle may be footage: that is no torn tail. */
static void a_damage_in_the_middle_is_no_torn_tail(void **state)
{
    (void)state;
    struct sl_segment_info info;
    const int fd = file_of(bytes, bytes_len - 1);            /* without its summary */
    assert_int_equal(pwrite(fd, "XXXX", 4, ends[1] + 4), 4); /* of the moof */
    assert_int_equal(sl_segment_scan(fd, &info, why), 0);
    assert_int_equal(info.bytes, ends[1]);
    assert_int_equal(sl_segment_tail_torn(fd, info.bytes), 0);
    assert_int_equal(pwrite(fd, "moof", 4, ends[1] + 4), 4);
    assert_int_equal(pwrite(fd, "XXXX", 4, ends[1] + 12), 4); /* of what is in it */
    assert_int_equal(sl_segment_scan(fd, &info, why), 0);
    assert_int_equal(sl_segment_tail_torn(fd, ends[1]), 0);
    close(fd);
}

/* ---- Stretches ---- */

#define LONG_FRAMES 12000 /* 8 min, 3 MB; a key frame each second, but for a minute without */

static int long_file(void)
{
    struct sl_segment_writer *writer;
    struct sl_segment_write_config config = {
        .dir = store_dir, .meta = meta, .sound = true, .channels = 2};
    assert_int_equal(sl_segment_params_read(&config.params, clip.video[0].data, clip.video[0].len),
                     0);
    assert_int_equal(sl_segment_write_open(&writer, &config), 0);
    for (int i = 0; i < LONG_FRAMES; i++) {
        int pick = i % clip.frames;
        if (i > LONG_FRAMES / 2 && i < LONG_FRAMES / 2 + 1500 && clip.video[pick].key)
            pick++;
        const struct sl_test_unit *unit = &clip.video[pick], *sound = &clip.sound[i % clip.sounds];
        const int64_t at = (int64_t)i * FRAME_US;
        assert_int_equal(
            sl_segment_write_video(writer, at, unit->data, unit->len, unit->key, at * SL_US), 0);
        assert_int_equal(
            sl_segment_write_sound(writer, at + 5000, sound->data, sound->len, at * SL_US), 0);
    }
    const int fd = openat(store_dir, sl_segment_write_path(writer), O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(sl_segment_write_close(writer, (int64_t)LONG_FRAMES * FRAME_US, NULL), 0);
    return fd;
}

/* Where the stretch's samples are in the whole: they follow one another there. */
static size_t place_in(const struct sl_segment_samples *whole,
                       const struct sl_segment_samples *part)
{
    size_t at = 0;
    while (at < whole->count && whole->items[at].offset != part->items[0].offset)
        at++;
    assert_true(at + part->count <= whole->count);
    for (size_t i = 0; i < part->count; i++) {
        const struct sl_segment_sample *a = &whole->items[at + i], *b = &part->items[i];
        assert_true(a->offset == b->offset && a->at == b->at && a->size == b->size &&
                    a->ticks == b->ticks && a->key == b->key);
    }
    return at;
}

static void expect_stretch(int fd, const struct sl_segment_index *whole, int64_t from_us,
                           int64_t to_us)
{
    struct sl_segment_index part;
    assert_int_equal(sl_segment_index_stretch(fd, START_US + from_us, START_US + to_us, &part, why),
                     0);
    assert_string_equal(part.info.meta.uuid, meta.uuid);
    for (int i = 0; i < SL_SEGMENT_TRACKS; i++) {
        const struct sl_segment_samples *all = &whole->tracks[i], *some = &part.tracks[i];
        const size_t at = place_in(all, some), end = at + some->count;
        const int64_t from = from_us * all->hz / 1000000, to = to_us * all->hz / 1000000;
        assert_true(at == 0 || some->items[0].at < from);
        assert_true(end == all->count || all->items[end - 1].at > to);
        if (i == SL_SEGMENT_VIDEO)
            assert_true(some->items[0].key);
        assert_int_equal(some->config_len, all->config_len);
    }
    if (to_us - from_us < 20 * 1000000 && from_us < LONG_FRAMES / 2 * FRAME_US)
        assert_true(part.tracks[SL_SEGMENT_VIDEO].count < LONG_FRAMES / 4);
    sl_segment_index_free(&part);
}

static void a_stretch_is_found_without_reading_all(void **state)
{
    (void)state;
    struct sl_segment_index whole;
    const int64_t end_us = (int64_t)LONG_FRAMES * FRAME_US;
    const int fd = long_file();
    assert_int_equal(sl_segment_index(fd, &whole, why), 0);
    assert_int_equal(whole.info.frames, LONG_FRAMES);
    assert_true(whole.info.bytes > 2 << 20);
    for (int64_t from_us = -10 * 1000000; from_us < end_us + 10 * 1000000; from_us += 1234567) {
        expect_stretch(fd, &whole, from_us, from_us + 1);
        expect_stretch(fd, &whole, from_us, from_us + 10 * 1000000);
    }
    expect_stretch(fd, &whole, 0, end_us);
    expect_stretch(fd, &whole, -end_us, 2 * end_us);

    /* Neither what only looks like a fragment nor a damage before it keeps one from it. */
    const struct sl_segment_samples *video = &whole.tracks[SL_SEGMENT_VIDEO];
    for (size_t i = 100; i < 8000; i += 3) {
        static const uint8_t like[] = {0, 0, 0, 99, 'm', 'o', 'o', 'f',
                                       0, 0, 0, 16, 'm', 'f', 'h', 'd'};
        if (video->items[i].size > 8 + sizeof(like))
            assert_int_equal(pwrite(fd, like, sizeof(like), video->items[i].offset + 8),
                             sizeof(like));
    }
    assert_int_equal(pwrite(fd, bytes, 100000, video->items[2000].offset - 50), 100000);
    expect_stretch(fd, &whole, 300 * 1000000, 310 * 1000000);
    expect_stretch(fd, &whole, 450 * 1000000, 460 * 1000000);
    sl_segment_index_free(&whole);
    close(fd);
}

static void expect_same(const struct sl_segment_info *a, const struct sl_segment_info *b)
{
    assert_string_equal(a->meta.uuid, b->meta.uuid);
    assert_int_equal(a->duration_us, b->duration_us);
    assert_int_equal(a->bytes, b->bytes);
    assert_int_equal(a->frames, b->frames);
    assert_int_equal(a->sounds, b->sounds);
    assert_int_equal(a->gaps, b->gaps);
    assert_int_equal(a->gaps_us, b->gaps_us);
}

/* Of a file of a day, not a day is counted once more. */
static void what_was_known_is_not_counted_again(void **state)
{
    (void)state;
    struct sl_segment_index index;
    struct sl_segment_info known, all, on;
    const int fd = long_file();
    assert_int_equal(sl_segment_index(fd, &index, why), 0);
    const struct sl_segment_samples *video = &index.tracks[SL_SEGMENT_VIDEO];
    const int64_t torn = video->items[LONG_FRAMES - 20].offset;
    assert_int_equal(ftruncate(fd, video->items[LONG_FRAMES - 1000].offset), 0);
    assert_int_equal(sl_segment_scan(fd, &known, why), 0);
    close(fd);

    const int whole = long_file();
    assert_int_equal(ftruncate(whole, torn), 0);
    assert_int_equal(sl_segment_scan(whole, &all, why), 0);
    assert_int_equal(sl_segment_scan_on(whole, &known, &on, why), 0);
    expect_same(&on, &all);
    known.frames++; /* it is believed, not counted */
    assert_int_equal(sl_segment_scan_on(whole, &known, &on, why), 0);
    assert_int_equal(on.frames, all.frames + 1);

    known.bytes++; /* no fragment ends there: another state than this file's */
    assert_int_equal(sl_segment_scan_on(whole, &known, &on, why), 0);
    expect_same(&on, &all);
    known.bytes--;
    known.meta.uuid[0] = 'a';
    assert_int_equal(sl_segment_scan_on(whole, &known, &on, why), 0);
    assert_int_equal(on.frames, all.frames);
    known.meta.uuid[0] = '6';
    assert_int_equal(pwrite(whole, bytes, 5000, known.bytes - 6000), 5000); /* was never written */
    assert_int_equal(sl_segment_scan_on(whole, &known, &on, why), 0);
    assert_true(on.bytes < known.bytes && on.bytes > known.bytes - 100000);
    assert_int_equal(ftruncate(whole, known.bytes - 10), 0);
    assert_int_equal(sl_segment_scan_on(whole, &known, &on, why), 0);
    assert_true(on.bytes < known.bytes);
    close(whole);
    sl_segment_index_free(&index);
}

/* A loss of power can leave a length of zeros. */
static void zeros_are_no_fragment(void **state)
{
    (void)state;
    struct sl_segment_info info;
    const int fd = file_of(bytes, (size_t)ends[2]);
    assert_int_equal(ftruncate(fd, ends[2] + 9000), 0);
    assert_int_equal(sl_segment_scan(fd, &info, why), 0);
    assert_int_equal(info.bytes, ends[2]);
    assert_int_equal(sl_segment_tail_torn(fd, info.bytes), 1);
    close(fd);

    uint8_t *copy = malloc(bytes_len);
    assert_non_null(copy);
    memcpy(copy, bytes, bytes_len);
    const int64_t mdat = ends[1] + sl_get32(copy + ends[1]) + 8; /* its moof was written */
    memset(copy + mdat, 0, (size_t)(ends[2] - mdat));
    assert_int_equal(scan(copy, (size_t)ends[2], &info), 0);
    assert_int_equal(info.bytes, ends[1]);
    free(copy);
}

/* The first pictures need a key frame before them. */
static void a_file_begins_with_a_key_frame(void **state)
{
    (void)state;
    struct sl_segment_info info;
    const size_t head = (size_t)ends[0], tail = (size_t)(ends[2] - ends[1]);
    uint8_t *copy = malloc(bytes_len);
    assert_non_null(copy);
    memcpy(copy, bytes, head);
    memcpy(copy + head, bytes + ends[1], tail);
    assert_int_equal(scan(copy, head + tail, &info), -ENODATA);
    assert_int_equal(info.bytes, head);
    free(copy);
}

static void gaps_are_counted_between_fragments_too(void **state)
{
    (void)state;
    static const int64_t at[] = {0, 33000, 66000, 12060000, 12093000};
    struct sl_segment_writer *writer;
    struct sl_segment_info info;
    struct sl_segment_write_config config = {.dir = store_dir, .meta = meta};
    assert_int_equal(sl_segment_params_read(&config.params, clip.video[0].data, clip.video[0].len),
                     0);
    assert_int_equal(sl_segment_write_open(&writer, &config), 0);
    for (int i = 0; i < (int)SL_COUNT(at); i++) {
        const struct sl_test_unit *unit = &clip.video[i];
        assert_int_equal(sl_segment_write_flush(writer, at[i] * SL_US), 0);
        assert_int_equal(
            sl_segment_write_video(writer, at[i], unit->data, unit->len, unit->key, at[i] * SL_US),
            0);
    }
    const int fd = dup(sl_segment_write_fd(writer));
    assert_int_equal(sl_segment_write_close(writer, 0, NULL), 0);
    assert_int_equal(sl_segment_scan(fd, &info, why), 0);
    close(fd);
    assert_int_equal(info.frames, SL_COUNT(at));
    assert_int_equal(info.gaps, 1);
    assert_in_range(info.gaps_us, 11993980, 11994020);
    assert_in_range(info.duration_us, 12125980, 12126020);
}

static void replace(uint8_t *copy, const char *from, const char *to)
{
    uint8_t *at = memmem(copy, bytes_len, from, strlen(from));
    assert_non_null(at);
    assert_int_equal(strlen(from), strlen(to));
    memcpy(at, to, strlen(to));
}

static void expect_refused(const char *from, const char *to, const char *because)
{
    struct sl_segment_info info;
    uint8_t *copy = malloc(bytes_len);
    assert_non_null(copy);
    memcpy(copy, bytes, bytes_len);
    replace(copy, from, to);
    assert_int_equal(scan(copy, bytes_len, &info), -EBADMSG);
    assert_non_null(strstr(why, because));
    free(copy);
}

static void what_is_not_ours_is_refused(void **state)
{
    (void)state;
    struct sl_segment_info info;
    expect_refused("ftyp", "ftxp", "not an MP4");
    expect_refused("sightline.uuid", "sightlime.uuid", "not a recording of ours");
    expect_refused("6f2c0f2e-", "6F2C0F2E-", "sightline.uuid");
    expect_refused("1795185000123456", "-795185000123456", "sightline.start");
    expect_refused("yard", "../x", "sightline.camera");
    expect_refused("the \"barn\"", "the\n\"barn\"", "sightline.location");
    expect_refused("avc1", "hvc1", "neither H.264 nor Opus");
    expect_refused("moov", "moox", "head");
    assert_int_equal(scan("", 0, &info), -EBADMSG);
    assert_non_null(strstr(why, "empty"));
    assert_int_equal(sl_segment_scan(store_dir, &info, why), -EBADMSG);
    assert_non_null(strstr(why, "regular"));
}

/* Counting the fragments tells the same as the summary; a summary that lies is not one. */
static void a_summary_is_as_good_as_counting(void **state)
{
    (void)state;
    struct sl_segment_info told, counted;
    const int fd = file_of(bytes, bytes_len);
    assert_int_equal(pwrite(fd, "XXXX", 4, ends[1] + 4), 4); /* not looked at */
    assert_int_equal(sl_segment_scan(fd, &told, why), 0);
    assert_int_equal(told.bytes, bytes_len);
    assert_int_equal(pwrite(fd, "moof", 4, ends[1] + 4), 4);
    assert_int_equal(pwrite(fd, "X", 1, (off_t)bytes_len - 20), 1); /* of the summary */
    assert_int_equal(sl_segment_scan(fd, &counted, why), 0);
    assert_int_equal(told.bytes, counted.bytes);
    assert_int_equal(told.duration_us, counted.duration_us);
    assert_int_equal(told.frames, counted.frames);
    assert_int_equal(told.sounds, counted.sounds);
    assert_int_equal(told.gaps, counted.gaps);
    assert_int_equal(told.gaps_us, counted.gaps_us);
    assert_int_equal(ftruncate(fd, ends[2]), 0);
    assert_int_equal(
        pwrite(fd, bytes + bytes_len - SL_SEGMENT_SUMMARY_BYTES, SL_SEGMENT_SUMMARY_BYTES, ends[2]),
        SL_SEGMENT_SUMMARY_BYTES); /* another file's */
    assert_int_equal(sl_segment_scan(fd, &counted, why), 0);
    assert_true(counted.frames < told.frames);
    close(fd);
}

/* More samples than their bytes can be, or than anyone writes in half a second. */
static void counts_are_taken_for_lies(void **state)
{
    (void)state;
    struct sl_segment_info info;
    uint8_t *copy = malloc(bytes_len);
    assert_non_null(copy);
    memcpy(copy, bytes, bytes_len);
    copy[bytes_len - 1] ^= 1; /* no summary */
    uint8_t *trun = memmem(copy + ends[1], bytes_len - (size_t)ends[1], "trun", 4);
    assert_non_null(trun);
    sl_put32(trun + 8, UINT32_MAX);
    assert_int_equal(scan(copy, bytes_len, &info), 0);
    assert_int_equal(info.bytes, ends[1]);
    sl_put32(copy + ends[1], UINT32_MAX); /* a moof of 4 GiB */
    assert_int_equal(scan(copy, bytes_len, &info), 0);
    assert_int_equal(info.bytes, ends[1]);
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_says_what_its_writer_did),
        cmocka_unit_test(every_sample_is_where_the_index_says),
        cmocka_unit_test(a_torn_file_is_whole_up_to_its_last_whole_fragment),
        cmocka_unit_test(a_damage_in_the_middle_is_no_torn_tail),
        cmocka_unit_test(a_stretch_is_found_without_reading_all),
        cmocka_unit_test(what_was_known_is_not_counted_again),
        cmocka_unit_test(zeros_are_no_fragment),
        cmocka_unit_test(a_file_begins_with_a_key_frame),
        cmocka_unit_test(gaps_are_counted_between_fragments_too),
        cmocka_unit_test(what_is_not_ours_is_refused),
        cmocka_unit_test(a_summary_is_as_good_as_counting),
        cmocka_unit_test(counts_are_taken_for_lies),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
