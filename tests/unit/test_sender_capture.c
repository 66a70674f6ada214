/* SPDX-License-Identifier: MIT */
/* Sources of pictures and sound: y4m from pipes and files, media files, and the synthetic ones. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
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

#include "base/time.h"
#include "sender/audio.h"
#include "sender/capture.h"

#define WIDTH 32
#define HEIGHT 16
#define BYTES (WIDTH * HEIGHT * 3 / 2)
#define HEADER "YUV4MPEG2 W32 H16 F100:1 Ip C420jpeg\n"

static struct sl_halt halt;
static uint8_t pixels[64 * 64 * 3 / 2];

static int set_up(void **state)
{
    (void)state;
    av_log_set_level(AV_LOG_QUIET);
    return sl_halt_init(&halt);
}

static int tear_down(void **state)
{
    (void)state;
    sl_halt_fini(&halt);
    return 0;
}

static struct sl_capture *open_source(const char *source, const struct sl_capture_config *extra)
{
    struct sl_capture_config config = extra ? *extra : (struct sl_capture_config){0};
    config.halt = &halt;
    struct sl_capture *capture = NULL;
    char why[256] = "";
    if (sl_capture_open(&capture, source, &config, why, sizeof(why)))
        fail_msg("%s: %s", source, why);
    return capture;
}

/* -errno; `why` is what was said. */
static int open_wrong(const char *source, char why[256])
{
    const struct sl_capture_config config = {.halt = &halt};
    struct sl_capture *capture = NULL;
    const int error = sl_capture_open(&capture, source, &config, why, 256);
    assert_null(capture);
    assert_true(error < 0 && why[0] && !strchr(why, '\n'));
    return error;
}

/* ---- y4m from a pipe ---- */

struct feed {
    int fds[2];
    char source[64];
};

/* The reading end is opened a second time by its name, so that nothing is inherited. */
static struct feed make_feed(void)
{
    struct feed feed;
    assert_int_equal(pipe2(feed.fds, O_CLOEXEC), 0);
    snprintf(feed.source, sizeof(feed.source), "y4m:/dev/fd/%d", feed.fds[0]);
    return feed;
}

static void put(const struct feed *feed, const void *data, size_t len)
{
    assert_int_equal(write(feed->fds[1], data, len), (ssize_t)len);
}

static void put_frame(const struct feed *feed, const char *line, uint8_t luma)
{
    uint8_t frame[BYTES];
    memset(frame, luma, sizeof(frame));
    put(feed, line, strlen(line));
    put(feed, frame, sizeof(frame));
}

static void expect(struct sl_capture *capture, uint8_t first, uint8_t last)
{
    sl_ns captured = 0;
    const sl_ns before = sl_time_now();
    assert_int_equal(sl_capture_next(capture, pixels, &captured), 1);
    assert_int_equal(pixels[0], first);
    assert_int_equal(pixels[BYTES - 1], last);
    if (!capture->stored) /* a live picture's moment is when it was all here */
        assert_true(captured >= before && captured <= sl_time_now());
}

static void pipe_frames_and_their_end(void **state)
{
    (void)state;
    const struct feed feed = make_feed();
    put(&feed, HEADER, strlen(HEADER));
    struct sl_capture *capture = open_source(feed.source, NULL);
    close(feed.fds[0]);
    assert_false(capture->stored);
    assert_null(capture->sound);
    assert_int_equal(capture->width, WIDTH);
    assert_int_equal(capture->height, HEIGHT);
    assert_int_equal(capture->fps_num, 100);
    put_frame(&feed, "FRAME\n", 10);
    put_frame(&feed, "FRAME Ip XCOMMENT\n", 20); /* parameters of a frame */
    put_frame(&feed, "FRAME \n", 30);
    put_frame(&feed, "FRAME\n", 40);
    expect(capture, 10, 10);
    expect(capture, 20, 20);
    expect(capture, 30, 30);
    expect(capture, 40, 40);
    put(&feed, "FRAME\n12345", 11); /* cut off within a frame: that one is lost, nothing else */
    close(feed.fds[1]);
    sl_ns captured;
    assert_int_equal(sl_capture_next(capture, pixels, &captured), 0);
    assert_int_equal(sl_capture_next(capture, pixels, &captured), 0);
    sl_capture_close(capture);
}

static void *write_slowly(void *ctx)
{
    const struct feed *feed = ctx;
    static const char bytes[] = HEADER "FRAME x\n";
    for (size_t i = 0; i < strlen(bytes); i++)
        put(feed, bytes + i, 1);
    uint8_t frame[BYTES];
    for (size_t i = 0; i < sizeof(frame); i++)
        frame[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof(frame); i += 7)
        put(feed, frame + i, sizeof(frame) - i < 7 ? sizeof(frame) - i : 7);
    close(feed->fds[1]);
    return NULL;
}

static void pipe_in_small_pieces(void **state)
{
    (void)state;
    struct feed feed = make_feed();
    pthread_t writer;
    assert_int_equal(pthread_create(&writer, NULL, write_slowly, &feed), 0);
    struct sl_capture *capture = open_source(feed.source, NULL);
    sl_ns captured;
    assert_int_equal(sl_capture_next(capture, pixels, &captured), 1);
    for (size_t i = 0; i < BYTES; i++)
        assert_int_equal(pixels[i], (uint8_t)i);
    assert_int_equal(sl_capture_next(capture, pixels, &captured), 0);
    pthread_join(writer, NULL);
    close(feed.fds[0]);
    sl_capture_close(capture);
}

static void pipe_nonsense(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        const char *why;
    } openings[] = {
        {"", "ended within its header"},
        {"YUV4MPEG2 W32 H16", "ended within its header"},
        {"GIF89a\n", "not YUV4MPEG2"},
        {"YUV4MPEG2 W32 H16 F1:1 C444\n", "4:2:0"},
    };
    for (size_t i = 0; i < SL_COUNT(openings); i++) {
        const struct feed feed = make_feed();
        char why[256];
        put(&feed, openings[i].bytes, strlen(openings[i].bytes));
        close(feed.fds[1]);
        assert_int_equal(open_wrong(feed.source, why), -EBADMSG);
        if (!strstr(why, openings[i].why))
            fail_msg("'%s' says '%s'", openings[i].bytes, why);
        close(feed.fds[0]);
    }
    static const char *const frames[] = {"FRAMX\n", "frame\n", "FRAMED\n", "YUV4MPEG2 W32 H16"};
    for (size_t i = 0; i < SL_COUNT(frames); i++) {
        const struct feed feed = make_feed();
        put(&feed, HEADER, strlen(HEADER));
        struct sl_capture *capture = open_source(feed.source, NULL);
        put_frame(&feed, frames[i], 10);
        sl_ns captured;
        assert_int_equal(sl_capture_next(capture, pixels, &captured), -EBADMSG);
        sl_capture_close(capture);
        close(feed.fds[0]);
        close(feed.fds[1]);
    }
}

static void header_without_an_end(void **state)
{
    (void)state;
    char why[256], line[2048];
    memset(line, 'x', sizeof(line));
    memcpy(line, "YUV4MPEG2 ", 10);
    const struct feed feed = make_feed();
    put(&feed, line, sizeof(line));
    assert_int_equal(open_wrong(feed.source, why), -EBADMSG);
    close(feed.fds[0]);
    close(feed.fds[1]);
}

static void *halt_soon(void *ctx)
{
    (void)ctx;
    sl_halt_set(&halt);
    return NULL;
}

/* A read that waits for a writer who says nothing ends at once. */
static void halt_ends_a_read(void **state)
{
    (void)state;
    const struct feed feed = make_feed();
    put(&feed, HEADER "FRAME\n123", strlen(HEADER) + 9);
    struct sl_capture *capture = open_source(feed.source, NULL);
    pthread_t halter;
    assert_int_equal(pthread_create(&halter, NULL, halt_soon, NULL), 0);
    sl_ns captured;
    assert_int_equal(sl_capture_next(capture, pixels, &captured), -ECANCELED);
    pthread_join(halter, NULL);
    sl_capture_close(capture);

    char why[256];
    assert_int_equal(open_wrong(feed.source, why), -ECANCELED); /* while being opened, too */
    close(feed.fds[0]);
    close(feed.fds[1]);
}

/* ---- y4m files ---- */

static void write_file(char path[], const char *header, size_t frame_bytes, int frames)
{
    const int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    fputs(header, file);
    for (int i = 0; i < frames; i++) {
        fputs("FRAME\n", file);
        for (size_t k = 0; k < frame_bytes; k++)
            fputc(10 * (i + 1), file);
    }
    fclose(file);
}

static void files_keep_their_rate_and_loop(void **state)
{
    (void)state;
    char path[] = "/tmp/sightline-test-XXXXXX", source[64];
    write_file(path, HEADER, BYTES, 3);
    snprintf(source, sizeof(source), "y4m:%s", path);
    struct sl_capture *capture = open_source(source, NULL);
    assert_true(capture->stored);
    sl_ns first, second, captured;
    assert_int_equal(sl_capture_next(capture, pixels, &first), 1);
    assert_int_equal(sl_capture_next(capture, pixels, &second), 1);
    assert_true(sl_time_now() >= second);
    assert_true(second - first == 10 * SL_MS);
    expect(capture, 30, 30);
    assert_int_equal(sl_capture_next(capture, pixels, &captured), 0);
    sl_capture_close(capture);

    capture = open_source(source, &(struct sl_capture_config){.loop = true});
    sl_ns last = 0;
    for (int i = 0; i < 8; i++) {
        assert_int_equal(sl_capture_next(capture, pixels, &captured), 1);
        assert_int_equal(pixels[0], 10 * (i % 3 + 1));
        assert_true(i == 0 || captured - last == 10 * SL_MS); /* on and on, without a seam */
        last = captured;
    }
    sl_capture_close(capture);
    unlink(path);
}

static void a_loop_of_nothing_ends(void **state)
{
    (void)state;
    char path[] = "/tmp/sightline-test-XXXXXX", source[64];
    write_file(path, HEADER, 0, 0);
    snprintf(source, sizeof(source), "y4m:%s", path);
    struct sl_capture *capture = open_source(source, &(struct sl_capture_config){.loop = true});
    sl_ns captured;
    assert_int_equal(sl_capture_next(capture, pixels, &captured), 0);
    sl_capture_close(capture);
    unlink(path);
}

static void other_sizes_are_scaled(void **state)
{
    (void)state;
    char path[] = "/tmp/sightline-test-XXXXXX", source[64];
    write_file(path, "YUV4MPEG2 W33 H17 F100:1\n", 33 * 17 + 2 * 17 * 9, 2);
    snprintf(source, sizeof(source), "y4m:%s", path);
    struct sl_capture *capture = open_source(source, NULL);
    assert_int_equal(capture->width, 32); /* odd sides become even */
    assert_int_equal(capture->height, 16);
    expect(capture, 10, 10);
    sl_capture_close(capture);
    capture = open_source(source, &(struct sl_capture_config){.size = {64, 48}});
    assert_int_equal(capture->width, 64);
    assert_int_equal(sl_capture_bytes(capture), 64 * 48 * 3 / 2);
    sl_ns captured;
    assert_int_equal(sl_capture_next(capture, pixels, &captured), 1);
    assert_in_range(pixels[64 * 24 + 32], 9, 11);
    sl_capture_close(capture);
    unlink(path);
}

static void what_cannot_be_opened(void **state)
{
    (void)state;
    char why[256];
    assert_int_equal(open_wrong("y4m:/no/such/file", why), -ENOENT);
    assert_int_equal(open_wrong("y4m:/tmp", why), -EISDIR);
    assert_int_equal(open_wrong("file:/no/such/file", why), -ENOENT);
    assert_int_equal(open_wrong("file:/tmp", why), -EISDIR);
    assert_int_equal(open_wrong("file:/dev/null", why), -EBADMSG);
    assert_int_equal(open_wrong("v4l:/dev/video0", why), -ENOTSUP);
    assert_int_equal(open_wrong("tester", why), -ENOTSUP);
    assert_int_equal(open_wrong("y4m:", why), -ENOTSUP);
    char path[] = "/tmp/sightline-test-XXXXXX", source[64];
    write_file(path, "This is a letter, not a film.\n", 100, 3);
    snprintf(source, sizeof(source), "file:%s", path);
    assert_int_equal(open_wrong(source, why), -EBADMSG);
    unlink(path);
}

/* ---- Media files ---- */

#define FILM_FPS 20
#define FILM_FRAMES 8
#define HOLE 2  /* there is no sound at all beside this frame */
#define FLASH 4 /* this frame is bright, and while it is shown there is a tone */

static void write_packet(AVFormatContext *format, int stream, int64_t pts, AVRational base,
                         const void *data, int len)
{
    AVPacket *packet = av_packet_alloc();
    assert_int_equal(av_new_packet(packet, len), 0);
    memcpy(packet->data, data, (size_t)len);
    packet->stream_index = stream;
    packet->pts = packet->dts = av_rescale_q(pts, base, format->streams[stream]->time_base);
    packet->flags |= AV_PKT_FLAG_KEY;
    assert_int_equal(av_write_frame(format, packet), 0);
    av_packet_free(&packet);
}

/* Raw video 32x16 and mono 8 kHz sound in Matroska. All pictures come before all sound: the worst
 * interleaving that there can be. */
static void write_film(const char *path, bool with_sound, bool with_video)
{
    AVFormatContext *format = NULL;
    assert_true(avformat_alloc_output_context2(&format, NULL, "matroska", path) >= 0);
    if (with_video) {
        AVCodecParameters *video = avformat_new_stream(format, NULL)->codecpar;
        video->codec_type = AVMEDIA_TYPE_VIDEO;
        video->codec_id = AV_CODEC_ID_RAWVIDEO;
        video->format = AV_PIX_FMT_YUV420P;
        video->codec_tag = MKTAG('I', '4', '2', '0');
        video->width = WIDTH;
        video->height = HEIGHT;
        format->streams[0]->avg_frame_rate = (AVRational){FILM_FPS, 1};
    }
    if (with_sound) {
        AVCodecParameters *sound = avformat_new_stream(format, NULL)->codecpar;
        sound->codec_type = AVMEDIA_TYPE_AUDIO;
        sound->codec_id = AV_CODEC_ID_PCM_S16LE;
        sound->format = AV_SAMPLE_FMT_S16;
        sound->sample_rate = 8000;
        sound->bits_per_coded_sample = 16;
        av_channel_layout_default(&sound->ch_layout, 1);
    }
    assert_true(avio_open(&format->pb, path, AVIO_FLAG_WRITE) >= 0);
    assert_true(avformat_write_header(format, NULL) >= 0);
    for (int i = 0; i < FILM_FRAMES && with_video; i++) {
        uint8_t frame[BYTES];
        memset(frame, i == FLASH ? 200 : 50, sizeof(frame));
        write_packet(format, 0, i, (AVRational){1, FILM_FPS}, frame, sizeof(frame));
    }
    const int per_frame = 8000 / FILM_FPS;
    for (int i = 0; i < FILM_FRAMES && with_sound; i++) {
        if (i == HOLE)
            continue;
        int16_t samples[8000 / FILM_FPS];
        for (int k = 0; k < per_frame; k++)
            samples[k] = i == FLASH ? (int16_t)(10000 * sin(2 * M_PI * 500 * k / 8000.0)) : 0;
        write_packet(format, with_video, i * per_frame, (AVRational){1, 8000}, samples,
                     sizeof(samples));
    }
    assert_int_equal(av_write_trailer(format), 0);
    avio_closep(&format->pb);
    avformat_free_context(format);
}

static int peak(const struct sl_audio_block *block)
{
    int highest = 0;
    for (int i = 0; i < SL_AUDIO_BLOCK_SAMPLES; i++)
        highest = abs(block->samples[i]) > highest ? abs(block->samples[i]) : highest;
    return highest;
}

/* Takes blocks up to `until`, and notes where a tone begins. */
static void hear(struct sl_capture *capture, sl_ns *heard_until, sl_ns *tone, sl_ns until)
{
    struct sl_audio_block block;
    while (*heard_until < until) {
        assert_int_equal(sl_audio_next(capture->sound, &block), 1);
        if (*heard_until) /* no gap and no overlap, over loops as well */
            assert_true(llabs(block.captured - *heard_until) <= SL_US);
        *heard_until = block.captured + SL_AUDIO_BLOCK;
        if (peak(&block) > 5000 && !*tone)
            *tone = block.captured;
    }
}

static void film_and_sound_stay_together(void **state)
{
    (void)state;
    char path[] = "/tmp/sightline-test-XXXXXX", source[64];
    close(mkstemp(path));
    write_film(path, true, true);
    snprintf(source, sizeof(source), "file:%s", path);
    struct sl_capture *capture =
        open_source(source, &(struct sl_capture_config){.loop = true, .sound = true});
    assert_true(capture->stored);
    assert_non_null(capture->sound);
    assert_int_equal(capture->fps_num, FILM_FPS * capture->fps_den);
    sl_ns flashes[2] = {0}, tones[2] = {0}, heard = 0, captured = 0, last = 0;
    for (int i = 0; i < 2 * FILM_FRAMES; i++) {
        assert_int_equal(sl_capture_next(capture, pixels, &captured), 1);
        assert_true(sl_time_now() >= captured);
        if (i)
            assert_true(llabs(captured - last - SL_SEC / FILM_FPS) <= 2 * SL_MS);
        last = captured;
        assert_int_equal(pixels[0], i % FILM_FRAMES == FLASH ? 200 : 50);
        if (i % FILM_FRAMES == FLASH)
            flashes[i / FILM_FRAMES] = captured;
        /* What began before this picture is there when it is. */
        if (i)
            hear(capture, &heard, &tones[i / FILM_FRAMES], captured - 20 * SL_MS);
    }
    for (int i = 0; i < 2; i++) {
        assert_true(flashes[i] && tones[i]);
        assert_true(llabs(flashes[i] - tones[i]) <= 30 * SL_MS);
    }
    sl_capture_close(capture);
    unlink(path);
}

static void film_without_sound_and_sound_without_film(void **state)
{
    (void)state;
    char path[] = "/tmp/sightline-test-XXXXXX", source[64], why[256];
    close(mkstemp(path));
    snprintf(source, sizeof(source), "file:%s", path);
    write_film(path, false, true);
    struct sl_capture *capture =
        open_source(source, &(struct sl_capture_config){.sound = true, .size = {64, 32}});
    assert_null(capture->sound);
    sl_ns captured;
    for (int i = 0; i < FILM_FRAMES; i++)
        assert_int_equal(sl_capture_next(capture, pixels, &captured), 1);
    assert_int_equal(sl_capture_next(capture, pixels, &captured), 0);
    sl_capture_close(capture);
    write_film(path, true, true);
    capture = open_source(source, NULL); /* sound not wanted */
    assert_null(capture->sound);
    sl_capture_close(capture);
    write_film(path, true, false);
    assert_int_equal(open_wrong(source, why), -EBADMSG);
    assert_string_equal(why, "it has no video");
    unlink(path);
}

/* ---- Synthetic ---- */

static void test_pictures_are_evenly_spaced(void **state)
{
    (void)state;
    struct sl_capture *capture = open_source(
        "test", &(struct sl_capture_config){.size = {64, 64}, .fps = 50, .name = "yard"});
    assert_false(capture->stored);
    sl_ns last = 0, captured = 0;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(sl_capture_next(capture, pixels, &captured), 1);
        assert_true(i == 0 || captured - last == 20 * SL_MS);
        assert_true(sl_time_now() >= captured);
        last = captured;
    }
    sl_halt_set(&halt);
    assert_int_equal(sl_capture_next(capture, pixels, &captured), -ECANCELED);
    sl_capture_close(capture);
    capture = open_source("test", NULL);
    assert_int_equal(capture->width, 1280);
    assert_int_equal(capture->height, 720);
    assert_int_equal(capture->fps_num, 30);
    sl_capture_close(capture);
    sl_capture_close(NULL);
}

/* The tick falls on the second of the clock that the test picture shows. */
static void test_sound_ticks_on_the_second(void **state)
{
    (void)state;
    /* The epoch that makes a second begin 90 ms from now. */
    const sl_ns epoch = 1000 * SL_SEC - (sl_time_now() + 90 * SL_MS) % SL_SEC;
    const struct sl_audio_config config = {.halt = &halt, .epoch = epoch};
    struct sl_audio *audio = NULL;
    char why[256];
    assert_int_equal(sl_audio_open(&audio, "test", &config, why, sizeof(why)), 0);
    struct sl_audio_block block;
    sl_ns tick = 0, expected_next = 0;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(sl_audio_next(audio, &block), 1);
        assert_true(sl_time_now() >= block.captured + SL_AUDIO_BLOCK); /* no sound of the future */
        assert_true(!expected_next || block.captured == expected_next);
        expected_next = block.captured + SL_AUDIO_BLOCK;
        for (int k = 0; k < SL_AUDIO_FRAME_SAMPLES && !tick; k++)
            if (abs(block.samples[2 * k]) > 9000)
                tick = block.captured + k * SL_SEC / SL_AUDIO_RATE_HZ;
        assert_true(peak(&block) > 300); /* never silent */
    }
    assert_true(tick != 0);
    assert_true((tick + epoch) % SL_SEC < 2 * SL_MS);
    sl_halt_set(&halt);
    assert_int_equal(sl_audio_next(audio, &block), -ECANCELED);
    sl_audio_close(audio);
    sl_audio_close(NULL);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(pipe_frames_and_their_end),
        T(pipe_in_small_pieces),
        T(pipe_nonsense),
        T(header_without_an_end),
        T(halt_ends_a_read),
        T(files_keep_their_rate_and_loop),
        T(a_loop_of_nothing_ends),
        T(other_sizes_are_scaled),
        T(what_cannot_be_opened),
        T(film_and_sound_stay_together),
        T(film_without_sound_and_sound_without_film),
        T(test_pictures_are_evenly_spaced),
        T(test_sound_ticks_on_the_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
