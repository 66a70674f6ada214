/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

#include "receiver/export.h"
#include "receiver/export_source.h"
#include "receiver/segment_write.h"
#include "tests/support/clip.h"

#define FRAME_US 40000
#define SOUND_US 20000
#define START_US INT64_C(1795185000000000) /* 2026-11-20T14:30:00Z */
#define FRAMES 50
#define GOP 25
#define SECOND INT64_C(1000000)
#define SEEN_MAX 400

static struct sl_test_clip clip, other;
static char store[] = "/tmp/sl_export_XXXXXX";
static int store_dir;
static struct sl_segment_row rows[8];
static int row_count;

static int set_up(void **state)
{
    (void)state;
    sl_test_clip_make(&clip, 64, 48, FRAMES, GOP);
    sl_test_clip_make(&other, 96, 64, FRAMES, GOP);
    store_dir = mkdtemp(store) ? open(store, O_RDONLY | O_DIRECTORY) : -1;
    return store_dir >= 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    sl_test_clip_free(&clip);
    sl_test_clip_free(&other);
    close(store_dir);
    snprintf(command, sizeof(command), "rm -rf %s", store);
    return system(command);
}

static int empty(void **state)
{
    (void)state;
    char command[128];
    row_count = 0;
    snprintf(command, sizeof(command), "rm -rf %s/*", store);
    return system(command);
}

/* A segment of two seconds of `from` that starts at `start_us`; without picture `hole` and the 19
 * behind it unless that is 0. */
static void record_hole(const struct sl_test_clip *from, int64_t start_us, bool sound, int hole)
{
    struct sl_segment_write_config config = {
        .dir = store_dir,
        .meta = {.uuid = "6f2c0f2e-8a5b-4c9e-9d49-0b6f1e3a7c55",
                 .boot_id = "0b6f1e3a-8a5b-4c9e-9d49-6f2c0f2e7c55",
                 .camera = "yard",
                 .location = "barn",
                 .start_us = start_us},
        .sound = sound,
        .channels = 2};
    struct sl_segment_writer *writer;
    assert_int_equal(
        sl_segment_params_read(&config.params, from->video[0].data, from->video[0].len), 0);
    assert_int_equal(sl_segment_write_open(&writer, &config), 0);
    struct sl_segment_row *row = &rows[row_count++];
    snprintf(row->path, sizeof(row->path), "%s", sl_segment_write_path(writer));
    for (int i = 0; i < FRAMES; i++) {
        const struct sl_test_unit *unit = &from->video[i];
        for (int k = 0; k < 2 && sound; k++) {
            const struct sl_test_unit *packet = &from->sound[(i * 2 + k) % from->sounds];
            assert_int_equal(sl_segment_write_sound(writer, i * FRAME_US + k * SOUND_US,
                                                    packet->data, packet->len, i * 40 * SL_MS),
                             0);
        }
        if (!hole || i < hole || i >= hole + 20)
            assert_int_equal(sl_segment_write_video(writer, i * FRAME_US, unit->data, unit->len,
                                                    unit->key, i * 40 * SL_MS),
                             0);
    }
    assert_int_equal(sl_segment_write_close(writer, FRAMES * FRAME_US, &row->info), 0);
}

static void record(const struct sl_test_clip *from, int64_t start_us)
{
    record_hole(from, start_us, true, 0);
}

/* ---- What came out ---- */

struct seen {
    int frames, sounds;
    int luma[SEEN_MAX];
    int64_t at_us[SEEN_MAX];              /* of pictures */
    int64_t sound_first_us, sound_end_us; /* decoded */
    double loud;                          /* mean of |sample| */
    char video[16], audio[16];
    int width;
};

static void see_picture(struct seen *seen, const AVFrame *frame, AVRational base)
{
    assert_true(seen->frames < SEEN_MAX);
    seen->luma[seen->frames] = frame->data[0][frame->linesize[0] * (frame->height / 2) + 20];
    seen->at_us[seen->frames++] = av_rescale_q(frame->pts, base, (AVRational){1, 1000000});
    seen->width = frame->width;
}

static void see_sound(struct seen *seen, const AVFrame *frame, AVRational base)
{
    const int64_t at = av_rescale_q(frame->pts, base, (AVRational){1, 1000000});
    if (seen->sounds++ == 0)
        seen->sound_first_us = at;
    seen->sound_end_us = at + frame->nb_samples * SECOND / frame->sample_rate;
}

static void see(struct seen *seen, AVCodecContext *decoder, const AVPacket *packet, AVRational base)
{
    AVFrame *frame = av_frame_alloc();
    assert_int_equal(avcodec_send_packet(decoder, packet), 0);
    while (avcodec_receive_frame(decoder, frame) == 0) {
        assert_int_equal(frame->flags & AV_FRAME_FLAG_CORRUPT, 0);
        if (decoder->codec_type == AVMEDIA_TYPE_VIDEO)
            see_picture(seen, frame, base);
        else
            see_sound(seen, frame, base);
    }
    av_frame_free(&frame);
}

static AVCodecContext *decoder_of(const AVStream *stream)
{
    const AVCodec *codec = avcodec_find_decoder(stream->codecpar->codec_id);
    AVCodecContext *decoder = avcodec_alloc_context3(codec);
    assert_int_equal(avcodec_parameters_to_context(decoder, stream->codecpar), 0);
    decoder->err_recognition = AV_EF_EXPLODE;
    decoder->pkt_timebase = stream->time_base;
    assert_int_equal(avcodec_open2(decoder, codec, NULL), 0);
    return decoder;
}

/* Decodes all of it; nothing may fail. */
static void play(const char *path, struct seen *seen)
{
    AVFormatContext *file = NULL;
    AVCodecContext *decoders[4] = {NULL};
    AVPacket *packet = av_packet_alloc();
    memset(seen, 0, sizeof(*seen));
    assert_int_equal(avformat_open_input(&file, path, NULL, NULL), 0);
    assert_true(avformat_find_stream_info(file, NULL) >= 0);
    for (unsigned i = 0; i < file->nb_streams; i++) {
        decoders[i] = decoder_of(file->streams[i]);
        const bool video = decoders[i]->codec_type == AVMEDIA_TYPE_VIDEO;
        snprintf(video ? seen->video : seen->audio, 16, "%s",
                 avcodec_get_name(decoders[i]->codec_id));
    }
    while (av_read_frame(file, packet) == 0) {
        if (packet->size > 0)
            see(seen, decoders[packet->stream_index], packet,
                file->streams[packet->stream_index]->time_base);
        av_packet_unref(packet);
    }
    for (unsigned i = 0; i < file->nb_streams; i++) {
        see(seen, decoders[i], NULL, file->streams[i]->time_base);
        avcodec_free_context(&decoders[i]);
    }
    av_packet_free(&packet);
    avformat_close_input(&file);
}

static struct sl_export_config config_of(const char *name, int64_t from_us, int64_t to_us)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", store, name);
    return (struct sl_export_config){.store = store_dir,
                                     .rows = rows,
                                     .count = row_count,
                                     .from_us = START_US + from_us,
                                     .to_us = START_US + to_us,
                                     .path = path};
}

static void run(const struct sl_export_config *config, struct sl_export_result *result)
{
    char why[SL_STORE_WHY];
    if (sl_export_run(config, result, why) != 0)
        fail_msg("%s", why);
}

static int luma_of(int frame)
{
    return 30 + 3 * (frame % FRAMES);
}

/* Pictures `first` and on, FRAME_US apart, each as it was recorded. */
static void check_pictures(const struct seen *seen, int first, int count, int tolerance,
                           int64_t jitter_us)
{
    assert_int_equal(seen->frames, count);
    for (int i = 0; i < count; i++) {
        assert_true(abs(seen->luma[i] - luma_of(first + i)) <= tolerance);
        assert_true(llabs(seen->at_us[i] - seen->at_us[0] - (int64_t)i * FRAME_US) <= jitter_us);
    }
}

static bool left_behind(void)
{
    DIR *dir = opendir(store);
    bool found = false;
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        found |= strstr(entry->d_name, ".part") != NULL;
    closedir(dir);
    return found;
}

/* ---- Tests ---- */

/* From the middle of one GOP over a segment's end: 17 pictures made anew, the rest as it was. */
static void begins_and_ends_with_the_frame(void **state)
{
    (void)state;
    static const char *const names[] = {"a.mp4", "a.mkv", "a.mov"};
    struct sl_export_result result;
    static struct seen seen;
    record(&clip, START_US);
    record(&clip, START_US + 2 * SECOND);
    for (size_t i = 0; i < SL_COUNT(names); i++) {
        const struct sl_export_config config = config_of(names[i], 8 * FRAME_US, 70 * FRAME_US);
        run(&config, &result);
        play(config.path, &seen);
        check_pictures(&seen, 8, 62, 1, 600);
        assert_int_equal(result.count, 1);
        assert_int_equal(result.parts[0].frames, 62);
        assert_int_equal(result.parts[0].remade, GOP - 8);
        assert_int_equal(result.parts[0].from_us, START_US + 8 * FRAME_US);
        assert_int_equal(result.parts[0].to_us, START_US + 70 * FRAME_US);
        assert_int_equal(result.parts[0].duration_us, 62 * FRAME_US);
        assert_int_equal(result.parts[0].gaps, 0);
        assert_int_equal(result.damaged, 0);
        assert_string_equal(seen.video, "h264");
        assert_string_equal(seen.audio, i == 2 ? "aac" : "opus");
        assert_true(llabs(seen.sound_first_us - seen.at_us[0]) <= 22000);
        assert_true(llabs(seen.sound_end_us - 62 * FRAME_US) <= 43000);
    }
    assert_false(left_behind());
}

static void fast_begins_at_the_key_frame(void **state)
{
    (void)state;
    struct sl_export_result result;
    static struct seen seen;
    record(&clip, START_US);
    struct sl_export_config config = config_of("f.mp4", 30 * FRAME_US + 10, 40 * FRAME_US);
    config.fast = true;
    run(&config, &result);
    play(config.path, &seen);
    check_pictures(&seen, GOP, 15, 0, 20);
    assert_int_equal(result.parts[0].remade, 0);
    assert_int_equal(result.parts[0].from_us, START_US + GOP * FRAME_US);
}

/* Between two pictures, and behind the last key frame: all of it is made anew. */
static void less_than_a_gop(void **state)
{
    (void)state;
    struct sl_export_result result;
    static struct seen seen;
    record(&clip, START_US);
    const struct sl_export_config config = config_of("l.mp4", 30 * FRAME_US + 1, 33 * FRAME_US);
    run(&config, &result);
    play(config.path, &seen);
    check_pictures(&seen, 31, 2, 1, 20);
    assert_int_equal(result.parts[0].remade, 2);
}

static void transcodes(void **state)
{
    (void)state;
    static const char *const names[] = {"t.webm", "t.avi"};
    struct sl_export_result result;
    static struct seen seen;
    record(&clip, START_US);
    record(&clip, START_US + 2 * SECOND);
    for (size_t i = 0; i < SL_COUNT(names); i++) {
        const struct sl_export_config config = config_of(names[i], 10 * FRAME_US, 60 * FRAME_US);
        run(&config, &result);
        play(config.path, &seen);
        check_pictures(&seen, 10, 50, 3, 1000);
        assert_int_equal(result.parts[0].remade, 50);
        assert_string_equal(seen.video, i == 0 ? "vp8" : "mpeg4");
        assert_string_equal(seen.audio, i == 0 ? "opus" : "mp3");
        assert_true(llabs(seen.sound_first_us) <= 22000);
        assert_true(llabs(seen.sound_end_us - 50 * FRAME_US) <= 50000);
    }
}

/* Ten seconds between two segments, and 0.8 s within the second. */
static void gaps_stay_or_close(void **state)
{
    (void)state;
    static const char *const names[] = {"g.mp4", "g.mkv", "g.mov", "g.webm", "g.avi"};
    struct sl_export_result result;
    static struct seen seen;
    record(&clip, START_US);
    record_hole(&clip, START_US + 12 * SECOND, true, 5);
    for (size_t i = 0; i < SL_COUNT(names); i++) {
        struct sl_export_config config = config_of(names[i], 0, 14 * SECOND);
        run(&config, &result);
        play(config.path, &seen);
        const bool counts = strstr(names[i], "avi") != NULL; /* repeats what it has last */
        assert_int_equal(result.parts[0].gaps, 2);
        assert_int_equal(result.parts[0].gaps_us, 10 * SECOND + 20 * FRAME_US);
        assert_int_equal(result.parts[0].duration_us, 14 * SECOND);
        assert_true(seen.frames == 80 || (counts && seen.frames == 81));
        assert_true(llabs(seen.at_us[seen.frames - 1] - 14 * SECOND + FRAME_US) <= 1000);
        assert_true(llabs(seen.sound_end_us - 14 * SECOND) <= 50000);

        config.close_gaps = config.replace = true;
        run(&config, &result);
        play(config.path, &seen);
        assert_int_equal(result.parts[0].gaps, 2);
        assert_int_equal(result.parts[0].duration_us, 80 * FRAME_US);
        assert_int_equal(seen.frames, 80);
        assert_true(llabs(seen.at_us[79] - 79 * FRAME_US) <= 1000);
        assert_true(llabs(seen.sound_end_us - 80 * FRAME_US) <= 50000);
    }
}

/* What was heard in a gap that is closed would be heard beside pictures of later. */
static void sound_of_a_closed_gap_goes(void **state)
{
    (void)state;
    const int64_t begins = START_US + 5 * FRAME_US, ends = START_US + 25 * FRAME_US;
    struct sl_export_source_config config = {.store = store_dir,
                                             .rows = rows,
                                             .count = 1,
                                             .from_us = START_US,
                                             .to_us = START_US + 2 * SECOND};
    record_hole(&clip, START_US, true, 5);
    for (int closed = 0; closed < 2; closed++) {
        struct sl_export_source *source;
        struct sl_export_unit unit;
        int within = 0;
        config.close_gaps = closed;
        assert_int_equal(sl_export_source_open(&source, &config), 0);
        while (sl_export_source_next(source, &unit) == 1) {
            within += unit.track == SL_SEGMENT_AUDIO && unit.at_us >= begins && unit.at_us < ends;
            const int64_t moved = closed && unit.at_us >= ends ? 20 * FRAME_US : 0;
            assert_true(llabs(unit.out_us - (unit.at_us - START_US - moved)) <= 20);
        }
        assert_int_equal(within, closed ? 0 : 40);
        sl_export_source_close(source);
    }
}

/* 2 h 40 min in one file, a picture and a sound each 10 s, but none for 80 min of them. */
#define SPARSE_US (10 * SECOND)
#define SPARSE 960
static bool is_hole(int i)
{
    return i >= 300 && i < 780;
}

static void record_sparse(void)
{
    struct sl_segment_write_config config = {
        .dir = store_dir,
        .meta = {.uuid = "6f2c0f2e-8a5b-4c9e-9d49-0b6f1e3a7c56",
                 .boot_id = "0b6f1e3a-8a5b-4c9e-9d49-6f2c0f2e7c55",
                 .camera = "yard",
                 .start_us = START_US},
        .sound = true,
        .channels = 2};
    struct sl_segment_writer *writer;
    struct sl_segment_row *row = &rows[row_count++];
    const struct sl_test_unit *unit = &clip.video[0], *sound = &clip.sound[0];
    assert_int_equal(sl_segment_params_read(&config.params, unit->data, unit->len), 0);
    assert_int_equal(sl_segment_write_open(&writer, &config), 0);
    snprintf(row->path, sizeof(row->path), "%s", sl_segment_write_path(writer));
    for (int i = 0; i < SPARSE; i++) {
        if (is_hole(i))
            continue;
        const int64_t at = i * SPARSE_US;
        assert_int_equal(
            sl_segment_write_video(writer, at, unit->data, unit->len, true, at * SL_US), 0);
        assert_int_equal(
            sl_segment_write_sound(writer, at + 1000, sound->data, sound->len, at * SL_US), 0);
    }
    assert_int_equal(sl_segment_write_close(writer, SPARSE * SPARSE_US, &row->info), 0);
}

/* A long file is read a stretch at a time: nothing comes twice, and nothing is passed over. */
static void a_long_file_comes_whole(void **state)
{
    (void)state;
    record_sparse();
    for (int first = 0; first < SPARSE; first += 310) {
        const struct sl_export_source_config config = {.store = store_dir,
                                                       .rows = rows,
                                                       .count = 1,
                                                       .from_us = START_US + first * SPARSE_US,
                                                       .to_us = START_US + SPARSE * SPARSE_US};
        struct sl_export_source *source;
        struct sl_export_unit unit;
        int next[SL_SEGMENT_TRACKS] = {first, first}, got;
        assert_int_equal(sl_export_source_open(&source, &config), 0);
        while ((got = sl_export_source_next(source, &unit)) == 1) {
            const int64_t at_us = unit.at_us - START_US - (unit.track == SL_SEGMENT_AUDIO) * 1000;
            if (unit.lead)
                continue;
            while (is_hole(next[unit.track]))
                next[unit.track]++;
            assert_true(llabs(at_us - next[unit.track]++ * SPARSE_US) <= 20);
            assert_int_equal(unit.segment, 1);
        }
        assert_int_equal(got, 0);
        assert_int_equal(next[SL_SEGMENT_VIDEO], SPARSE);
        assert_int_equal(next[SL_SEGMENT_AUDIO], SPARSE);
        assert_int_equal(sl_export_source_stats(source)->gaps, first < 300);
        sl_export_source_close(source);
    }
}

/* The wall clock was set back a second: what came later is later in the file as well. */
static void time_never_goes_back(void **state)
{
    (void)state;
    struct sl_export_result result;
    static struct seen seen;
    record(&clip, START_US);
    record(&clip, START_US + SECOND);
    const struct sl_export_config config = config_of("b.mp4", 0, 4 * SECOND);
    run(&config, &result);
    play(config.path, &seen);
    check_pictures(&seen, 0, 100, 1, 600);
    assert_int_equal(result.parts[0].duration_us, 4 * SECOND);
    assert_true(llabs(seen.sound_end_us - 4 * SECOND) <= 43000);
}

static void other_parameters_are_another_file(void **state)
{
    (void)state;
    struct sl_export_result result;
    static struct seen seen;
    char path[160];
    record(&clip, START_US);
    record(&other, START_US + 2 * SECOND);
    struct sl_export_config config = config_of("p.mp4", 10 * FRAME_US, 60 * FRAME_US);
    run(&config, &result);
    assert_int_equal(result.count, 2);
    play(config.path, &seen);
    check_pictures(&seen, 10, 40, 1, 600);
    assert_int_equal(seen.width, 64);
    snprintf(path, sizeof(path), "%s/p-2.mp4", store);
    assert_string_equal(result.parts[1].path, path);
    assert_int_equal(result.parts[1].from_us, START_US + 2 * SECOND);
    play(path, &seen);
    check_pictures(&seen, 0, 10, 1, 600);
    assert_int_equal(seen.width, 96);
    assert_true(llabs(seen.sound_end_us - 10 * FRAME_US) <= 21000);

    config = config_of("p.webm", 10 * FRAME_US, 60 * FRAME_US); /* all in the first one's size */
    run(&config, &result);
    assert_int_equal(result.count, 1);
    play(config.path, &seen);
    check_pictures(&seen, 10, 50, 4, 1000);
    assert_int_equal(seen.width, 64);
}

static void sound_may_come_late_or_never(void **state)
{
    (void)state;
    struct sl_export_result result;
    static struct seen seen;
    record_hole(&clip, START_US, false, 0);
    struct sl_export_config config = config_of("s.mov", 0, 2 * SECOND);
    run(&config, &result);
    play(config.path, &seen);
    assert_int_equal(seen.sounds, 0);
    record(&clip, START_US + 2 * SECOND);
    config = config_of("s.mp4", 0, 4 * SECOND);
    run(&config, &result);
    play(config.path, &seen);
    check_pictures(&seen, 0, 100, 0, 20);
    assert_true(llabs(seen.sound_first_us - 2 * SECOND) <= 20000);
    config = config_of("s.avi", 0, 4 * SECOND); /* which has no times: silence first */
    run(&config, &result);
    play(config.path, &seen);
    assert_true(llabs(seen.sound_end_us - 4 * SECOND) <= 50000);
}

/* A file that is gone is a gap that is told. */
static void what_cannot_be_read_is_left_out(void **state)
{
    (void)state;
    struct sl_export_result result;
    record(&clip, START_US);
    record(&clip, START_US + 2 * SECOND);
    record(&clip, START_US + 4 * SECOND);
    assert_int_equal(unlinkat(store_dir, rows[1].path, 0), 0);
    const struct sl_export_config config = config_of("m.mp4", 0, 6 * SECOND);
    run(&config, &result);
    assert_int_equal(result.skipped, 1);
    assert_non_null(strstr(result.skipped_why, rows[1].path));
    assert_int_equal(result.parts[0].frames, 100);
    assert_int_equal(result.parts[0].gaps, 1);
    assert_int_equal(result.parts[0].gaps_us, 2 * SECOND);
}

static bool never(void *ctx, int64_t done_us, int64_t total_us)
{
    int *calls = ctx;
    assert_true(done_us <= total_us);
    return ++*calls < 2;
}

static void leaves_nothing_half_done(void **state)
{
    (void)state;
    struct sl_export_result result;
    char why[SL_STORE_WHY];
    int calls = 0;
    struct stat status;
    record(&clip, START_US);
    struct sl_export_config config = config_of("x.mp4", 0, 2 * SECOND);
    config.go_on = never;
    config.ctx = &calls;
    assert_int_equal(sl_export_run(&config, &result, why), -ECANCELED);
    assert_int_equal(stat(config.path, &status), -1);
    assert_false(left_behind());

    config = config_of("x.mp4", 5 * SECOND, 6 * SECOND);
    assert_int_equal(sl_export_run(&config, &result, why), -ENODATA);
    config = config_of("x.ogg", 0, SECOND);
    assert_int_equal(sl_export_run(&config, &result, why), -EINVAL);
    config = config_of("nowhere/x.mp4", 0, SECOND);
    assert_int_equal(sl_export_run(&config, &result, why), -ENOENT);
    config = config_of("x.mp4", 0, SECOND);
    run(&config, &result);
    assert_int_equal(sl_export_run(&config, &result, why), -EEXIST);
    assert_non_null(strstr(why, "is there already"));
    config.replace = true;
    run(&config, &result);
    assert_false(left_behind());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(begins_and_ends_with_the_frame, empty),
        cmocka_unit_test_setup(fast_begins_at_the_key_frame, empty),
        cmocka_unit_test_setup(less_than_a_gop, empty),
        cmocka_unit_test_setup(transcodes, empty),
        cmocka_unit_test_setup(gaps_stay_or_close, empty),
        cmocka_unit_test_setup(sound_of_a_closed_gap_goes, empty),
        cmocka_unit_test_setup(a_long_file_comes_whole, empty),
        cmocka_unit_test_setup(time_never_goes_back, empty),
        cmocka_unit_test_setup(other_parameters_are_another_file, empty),
        cmocka_unit_test_setup(sound_may_come_late_or_never, empty),
        cmocka_unit_test_setup(what_cannot_be_read_is_left_out, empty),
        cmocka_unit_test_setup(leaves_nothing_half_done, empty),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
