/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

#include "receiver/segment_write.h"
#include "tests/support/clip.h"

#define FRAME_US 40000
#define START_US 1795185000123456

static struct sl_test_clip clip;
static char store[] = "/tmp/sl_segment_write_XXXXXX";
static int store_dir;

static int set_up(void **state)
{
    (void)state;
    sl_test_clip_make(&clip, 64, 48, 50, 25);
    store_dir = mkdtemp(store) ? open(store, O_RDONLY | O_DIRECTORY) : -1;
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

static struct sl_segment_write_config config_of(bool sound)
{
    struct sl_segment_write_config config = {
        .dir = store_dir,
        .meta = {.uuid = "6f2c0f2e-8a5b-4c9e-9d49-0b6f1e3a7c55",
                 .camera = "yard",
                 .location = "behind the \"barn\"",
                 .start_us = START_US,
                 .clock = SL_CLOCK_SYNCED,
                 .boot_id = "0b6f1e3a-8a5b-4c9e-9d49-6f2c0f2e7c55",
                 .start_mono = 77 * SL_SEC},
        .sound = sound,
        .channels = 2,
        .sync = true,
    };
    assert_int_equal(sl_segment_params_read(&config.params, clip.video[0].data, clip.video[0].len),
                     0);
    return config;
}

static struct sl_segment_writer *begin(bool sound)
{
    struct sl_segment_writer *writer;
    const struct sl_segment_write_config config = config_of(sound);
    assert_int_equal(sl_segment_write_open(&writer, &config), 0);
    return writer;
}

static int put(struct sl_segment_writer *writer, int frame, int64_t at_us)
{
    const struct sl_test_unit *unit = &clip.video[frame];
    return sl_segment_write_video(writer, at_us, unit->data, unit->len, unit->key, at_us * SL_US);
}

static int put_sound(struct sl_segment_writer *writer, int i, int64_t at_us)
{
    const struct sl_test_unit *unit = &clip.sound[i % clip.sounds];
    return sl_segment_write_sound(writer, at_us, unit->data, unit->len, at_us * SL_US);
}

static int64_t size_of(const char *path)
{
    struct stat stat;
    assert_int_equal(fstatat(store_dir, path, &stat, 0), 0);
    return stat.st_size;
}

/* ---- What libavformat reads ---- */

struct seen {
    int frames, sounds, decoded;
    int64_t pts[SL_TEST_CLIP_MAX * 4], sound_pts[SL_TEST_CLIP_MAX * 8]; /* microseconds */
    int64_t duration_us;
    char uuid[64], location[64], start[64], clock[16], mono[32];
};

static void tag(const AVFormatContext *in, const char *key, char *out, size_t size)
{
    const AVDictionaryEntry *entry = av_dict_get(in->metadata, key, NULL, 0);
    assert_non_null(entry);
    snprintf(out, size, "%s", entry->value);
}

static void decode(AVCodecContext *decoder, const AVPacket *packet, struct seen *seen)
{
    AVFrame *frame = av_frame_alloc();
    assert_int_equal(avcodec_send_packet(decoder, packet), 0);
    while (avcodec_receive_frame(decoder, frame) == 0) {
        assert_int_equal(frame->decode_error_flags, 0);
        seen->decoded++;
    }
    av_frame_free(&frame);
}

static void take(const AVFormatContext *in, AVCodecContext *decoder, const AVPacket *packet,
                 struct seen *seen)
{
    const AVStream *stream = in->streams[packet->stream_index];
    const int64_t us = av_rescale_q(packet->pts, stream->time_base, AV_TIME_BASE_Q);
    if (stream->codecpar->codec_type != AVMEDIA_TYPE_VIDEO) {
        seen->sound_pts[seen->sounds++] = us;
        return;
    }
    seen->pts[seen->frames++] = us;
    decode(decoder, packet, seen);
}

static struct seen read_back(const char *path)
{
    struct seen seen = {0};
    char full[256];
    snprintf(full, sizeof(full), "%s/%s", store, path);
    AVFormatContext *in = NULL;
    assert_int_equal(avformat_open_input(&in, full, NULL, NULL), 0);
    tag(in, "sightline.uuid", seen.uuid, sizeof(seen.uuid));
    tag(in, "sightline.location", seen.location, sizeof(seen.location));
    tag(in, "sightline.start", seen.start, sizeof(seen.start));
    tag(in, "sightline.clock", seen.clock, sizeof(seen.clock));
    tag(in, "sightline.mono", seen.mono, sizeof(seen.mono));
    AVCodecContext *decoder = avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_H264));
    assert_int_equal(avcodec_parameters_to_context(decoder, in->streams[0]->codecpar), 0);
    decoder->thread_count = 1;
    decoder->err_recognition = AV_EF_EXPLODE;
    assert_int_equal(avcodec_open2(decoder, NULL, NULL), 0);
    AVPacket *packet = av_packet_alloc();
    while (av_read_frame(in, packet) == 0) {
        take(in, decoder, packet, &seen);
        av_packet_unref(packet);
    }
    decode(decoder, NULL, &seen);
    seen.duration_us =
        av_rescale_q(in->streams[0]->duration, in->streams[0]->time_base, AV_TIME_BASE_Q);
    av_packet_free(&packet);
    avcodec_free_context(&decoder);
    avformat_close_input(&in);
    return seen;
}

/* ---- Tests ---- */

static void a_file_is_read_back_as_it_was_written(void **state)
{
    (void)state;
    struct sl_segment_info info;
    struct sl_segment_writer *writer = begin(true);
    char path[SL_SEGMENT_PATH_BYTES];
    snprintf(path, sizeof(path), "%s", sl_segment_write_path(writer));
    assert_string_equal(path, "yard/2026-11-20/14-30-00Z.mp4");
    for (int i = 0; i < clip.frames; i++) {
        assert_int_equal(put(writer, i, i * FRAME_US), 0);
        assert_int_equal(put_sound(writer, 2 * i, i * FRAME_US + 5000), 0);
        assert_int_equal(put_sound(writer, 2 * i + 1, i * FRAME_US + 25000), 0);
    }
    assert_int_equal(sl_segment_write_close(writer, clip.frames * FRAME_US, &info), 0);
    const struct seen seen = read_back(path);
    assert_int_equal(seen.frames, clip.frames);
    assert_int_equal(seen.decoded, clip.frames);
    assert_int_equal(seen.sounds, 2 * clip.frames);
    for (int i = 0; i < clip.frames; i++) {
        assert_in_range(seen.pts[i] - i * FRAME_US + 20, 0, 40);
        assert_in_range(seen.sound_pts[2 * i] - (i * FRAME_US + 5000) + 30, 0, 60);
    }
    assert_in_range(seen.duration_us, clip.frames * FRAME_US - 20, clip.frames * FRAME_US + 20);
    assert_string_equal(seen.uuid, "6f2c0f2e-8a5b-4c9e-9d49-0b6f1e3a7c55");
    assert_string_equal(seen.location, "behind the \"barn\"");
    assert_string_equal(seen.start, "1795185000123456");
    assert_string_equal(seen.clock, "synced");
    assert_string_equal(seen.mono, "77000000000");
    assert_int_equal(info.frames, clip.frames);
    assert_int_equal(info.sounds, 2 * clip.frames);
    assert_int_equal(info.bytes, size_of(path));
    assert_int_equal(info.gaps, 0);
    /* Its last sound would end 5 ms behind its last picture. */
    assert_in_range(info.duration_us, clip.frames * FRAME_US - 20, clip.frames * FRAME_US + 20);
}

static void what_came_is_in_the_file_within_half_a_second(void **state)
{
    (void)state;
    struct sl_segment_info info;
    struct sl_segment_writer *writer = begin(false);
    assert_true(sl_segment_write_due(writer) == SL_NEVER);
    for (int i = 0; i < 14; i++) {
        assert_int_equal(put(writer, i, i * FRAME_US), 0);
        sl_segment_write_info(writer, &info);
        assert_true(info.duration_us >= i * FRAME_US - 500000 + FRAME_US);
    }
    /* 12 pictures left with the thirteenth; nothing more comes, and the two held leave by time. */
    assert_int_equal(info.frames, 12);
    assert_true(sl_segment_write_due(writer) == 480 * SL_MS + SL_SEGMENT_FRAGMENT);
    assert_int_equal(sl_segment_write_flush(writer, 480 * SL_MS + SL_SEGMENT_FRAGMENT - 1), 0);
    sl_segment_write_info(writer, &info);
    assert_int_equal(info.frames, 12);
    assert_int_equal(sl_segment_write_flush(writer, 520 * SL_MS + SL_SEGMENT_FRAGMENT), 0);
    sl_segment_write_info(writer, &info);
    assert_int_equal(info.frames, 14);
    assert_int_equal(info.duration_us, 14 * FRAME_US);
    assert_int_equal(size_of(sl_segment_write_path(writer)), info.bytes);
    assert_true(sl_segment_write_due(writer) == SL_NEVER);
    assert_int_equal(sl_segment_write_close(writer, 0, NULL), 0);
}

/* Each held picture is written with a guessed length, and the next one is where it belongs. */
static void slow_pictures_are_where_they_belong(void **state)
{
    (void)state;
    static const int64_t at[] = {0, 33000, 1033000, 2033000, 2060000, 12060000, 12093000};
    struct sl_segment_info info;
    struct sl_segment_writer *writer = begin(false);
    char path[SL_SEGMENT_PATH_BYTES];
    snprintf(path, sizeof(path), "%s", sl_segment_write_path(writer));
    for (int i = 0; i < (int)SL_COUNT(at); i++) {
        assert_int_equal(sl_segment_write_flush(writer, at[i] * SL_US), 0);
        assert_int_equal(put(writer, i, at[i]), 0);
        const sl_ns due = sl_segment_write_due(writer);
        if (i + 1 < (int)SL_COUNT(at) && due < at[i + 1] * SL_US)
            assert_int_equal(sl_segment_write_flush(writer, due), 0);
    }
    assert_int_equal(sl_segment_write_close(writer, 0, &info), 0);
    const struct seen seen = read_back(path);
    assert_int_equal(seen.decoded, SL_COUNT(at));
    for (int i = 0; i < (int)SL_COUNT(at); i++)
        assert_in_range(seen.pts[i] - at[i] + 20, 0, 40);
    assert_int_equal(info.gaps, 2); /* pictures of a second are ordinary the second time */
    assert_in_range(info.gaps_us, 10999980, 11000020);
}

static void nothing_is_ever_overwritten(void **state)
{
    (void)state;
    struct sl_segment_writer *a = begin(false), *b = begin(false);
    assert_string_not_equal(sl_segment_write_path(a), sl_segment_write_path(b));
    assert_non_null(strstr(sl_segment_write_path(b), "Z-"));
    assert_int_equal(sl_segment_write_close(a, 0, NULL), 0);
    assert_int_equal(sl_segment_write_close(b, 0, NULL), 0);
}

static void times_go_up(void **state)
{
    (void)state;
    struct sl_segment_writer *writer = begin(true);
    assert_int_equal(put(writer, 0, 0), 0);
    assert_int_equal(put(writer, 1, 0), -EINVAL);
    assert_int_equal(put_sound(writer, 0, -1), -EINVAL);
    assert_int_equal(put_sound(writer, 0, 100), 0);
    assert_int_equal(put_sound(writer, 0, 100), -EINVAL);
    assert_int_equal(sl_segment_write_sound(writer, 200, (const uint8_t *)"", 0, 0), -EINVAL);
    assert_int_equal(put(writer, 1, FRAME_US), 0);
    assert_int_equal(sl_segment_write_close(writer, 0, NULL), 0);
}

static void limit_files(rlim_t bytes)
{
    const struct rlimit limit = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A disk that is full in the middle of a fragment: of that nothing stays. */
static void a_full_disk_leaves_whole_fragments(void **state)
{
    (void)state;
    struct sl_segment_info before, info;
    struct sl_segment_writer *writer = begin(false);
    char path[SL_SEGMENT_PATH_BYTES];
    snprintf(path, sizeof(path), "%s", sl_segment_write_path(writer));
    int i = 0, err = 0;
    for (; i < 25; i++)
        assert_int_equal(put(writer, i, i * FRAME_US), 0);
    sl_segment_write_info(writer, &before);
    signal(SIGXFSZ, SIG_IGN);
    limit_files((rlim_t)before.bytes + 100);
    for (; i < clip.frames && err == 0; i++)
        err = put(writer, i, i * FRAME_US);
    assert_int_equal(err, -EFBIG);
    assert_int_equal(put(writer, i, i * FRAME_US), -EFBIG);
    assert_int_equal(size_of(path), before.bytes);
    limit_files(RLIM_INFINITY);
    assert_int_equal(sl_segment_write_close(writer, 0, &info), -EFBIG);
    assert_int_equal(info.bytes, before.bytes);
    const struct seen seen = read_back(path);
    assert_int_equal(seen.decoded, before.frames);
    assert_int_equal(info.frames, before.frames);
}

static void a_file_without_a_head_is_taken_away(void **state)
{
    (void)state;
    struct sl_segment_writer *writer = NULL;
    struct sl_segment_write_config config = config_of(false);
    snprintf(config.meta.camera, sizeof(config.meta.camera), "attic");
    limit_files(20);
    assert_int_equal(sl_segment_write_open(&writer, &config), -EFBIG);
    limit_files(RLIM_INFINITY);
    assert_null(writer);
    assert_int_equal(faccessat(store_dir, "attic/2026-11-20/14-30-00Z.mp4", F_OK, 0), -1);
}

static void a_file_without_a_picture_is_taken_away(void **state)
{
    (void)state;
    struct sl_segment_info info;
    struct sl_segment_writer *writer = begin(true);
    char path[SL_SEGMENT_PATH_BYTES];
    snprintf(path, sizeof(path), "%s", sl_segment_write_path(writer));
    assert_int_equal(put_sound(writer, 0, 0), 0);
    assert_int_equal(sl_segment_write_close(writer, 0, &info), 0);
    assert_int_equal(info.frames, 0);
    assert_int_equal(faccessat(store_dir, path, F_OK, 0), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_back_as_it_was_written),
        cmocka_unit_test(what_came_is_in_the_file_within_half_a_second),
        cmocka_unit_test(slow_pictures_are_where_they_belong),
        cmocka_unit_test(nothing_is_ever_overwritten),
        cmocka_unit_test(times_go_up),
        cmocka_unit_test(a_full_disk_leaves_whole_fragments),
        cmocka_unit_test(a_file_without_a_picture_is_taken_away),
        cmocka_unit_test(a_file_without_a_head_is_taken_away),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
