/* SPDX-License-Identifier: MIT */
/* Capture from V4L2 cameras, against a machine in virtual time. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libavcodec/avcodec.h>
#include <libavutil/log.h>

#include "base/log.h"
#include "sender/capture_v4l2.h"
#include "tests/support/fake_v4l2.h"

#define RATE(fps)                                                                                  \
    {                                                                                              \
        1, fps                                                                                     \
    }

static struct sl_halt halt;
static uint8_t pixels[1920 * 1080 * 3 / 2];

static const struct fake_v4l2_camera webcam = {
    .card = "Webcam",
    .bus_info = "usb-1",
    .formats =
        {
            {.fourcc = V4L2_PIX_FMT_YUYV,
             .sizes = {{.width = 64, .height = 48, .intervals = {RATE(30), RATE(15)}},
                       {.width = 128, .height = 72, .intervals = {RATE(10)}}}},
            {.fourcc = V4L2_PIX_FMT_MJPEG,
             .sizes = {{.width = 128, .height = 72, .intervals = {RATE(30)}}}},
        },
    .number = -1,
};

static int set_up(void **state)
{
    (void)state;
    sl_log_init("test", SL_LOG_ERROR);
    av_log_set_level(AV_LOG_QUIET);
    fake_v4l2_begin();
    fake_v4l2.cameras[0] = webcam;
    return sl_halt_init(&halt);
}

static int tear_down(void **state)
{
    (void)state;
    fake_v4l2_end();
    sl_halt_fini(&halt);
    return 0;
}

static const char *node(int number)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/video%d", fake_v4l2_ops.dev, number);
    return path;
}

static struct sl_capture_config patient(void)
{
    return (struct sl_capture_config){.halt = &halt, .retries = -1};
}

static struct sl_capture *open_with(const char *path, struct sl_capture_config config)
{
    struct sl_capture *capture = NULL;
    char why[256] = "";
    if (sl_v4l2_capture_open(&capture, &fake_v4l2_ops, path, &config, why, sizeof(why)))
        fail_msg("%s: %s", path, why);
    return capture;
}

static struct sl_capture *open_camera(int width, int height)
{
    struct sl_capture_config config = patient();
    config.size = (struct sl_frame_size){width, height};
    return open_with(node(fake_v4l2.cameras[0].number), config);
}

static void expect_refusal(const char *path, struct sl_capture_config config, int error,
                           const char *words)
{
    struct sl_capture *capture = NULL;
    char why[256] = "";
    const int got = sl_v4l2_capture_open(&capture, &fake_v4l2_ops, path, &config, why, sizeof(why));
    assert_null(capture);
    if (got != error || !strstr(why, words) || strchr(why, '\n'))
        fail_msg("%s: %d '%s', wanted %d '%s'", path, got, why, error, words);
    assert_int_equal(fake_v4l2.open, 0);
    assert_int_equal(fake_v4l2.mapped, 0);
}

static struct sl_v4l2_capture_stats stats_of(const struct sl_capture *capture)
{
    struct sl_v4l2_capture_stats stats;
    sl_v4l2_capture_stats(capture, &stats);
    assert_int_equal(stats.device.dequeued,
                     stats.device.taken + stats.device.replaced + stats.device.damaged);
    assert_int_equal(stats.device.taken, stats.given + stats.undecodable + stats.lost);
    return stats;
}

/* The picture's number, by its pixels. */
static int next_number(struct sl_capture *capture, sl_ns *captured)
{
    assert_int_equal(sl_capture_next(capture, pixels, captured), 1);
    stats_of(capture);
    return pixels[0] - 16;
}

/* ---- Streaming ---- */

static void pictures_come_with_their_moment(void **state)
{
    (void)state;
    fake_v4l2_plug(0, 3);
    struct sl_capture *capture = open_camera(64, 48);
    assert_int_equal(capture->width, 64);
    assert_int_equal(capture->height, 48);
    assert_int_equal(capture->fps_num, 30 * capture->fps_den);
    assert_false(capture->stored);
    assert_false(capture->full_range);
    sl_ns last = 0, captured;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(next_number(capture, &captured), i);
        /* To a microsecond, which is what drivers tell; and it is handed out at once. */
        assert_true(fake_v4l2.now - captured < SL_US);
        assert_true(!last || llabs(captured - last - SL_SEC / 30) <= SL_US);
        last = captured;
    }
    const struct sl_v4l2_capture_stats stats = stats_of(capture);
    assert_int_equal(stats.given, 100);
    assert_int_equal(stats.device.dequeued, 100);
    assert_int_equal(stats.device.missed, 0);
    sl_capture_close(capture);
}

static void the_newest_wins(void **state)
{
    (void)state;
    fake_v4l2_plug(0, 0);
    struct sl_capture *capture = open_camera(64, 48);
    sl_ns captured;
    assert_int_equal(next_number(capture, &captured), 0);
    fake_v4l2.now += 3 * SL_SEC / 30; /* three came meanwhile: 1, 2, 3 */
    assert_int_equal(next_number(capture, &captured), 3);
    assert_int_equal(stats_of(capture).device.replaced, 2);
    assert_true(fake_v4l2.now - captured < SL_MS);
    /* Four buffers hold four; what came after that the driver had to leave out. */
    fake_v4l2.now += 20 * SL_SEC / 30;
    assert_int_equal(next_number(capture, &captured), 7);
    assert_int_equal(next_number(capture, &captured), 24);
    const struct sl_v4l2_capture_stats stats = stats_of(capture);
    assert_int_equal(stats.device.replaced, 5);
    assert_int_equal(stats.device.missed, 16);
    assert_int_equal(stats.given, 4);
    sl_capture_close(capture);
}

static void numbers_left_out_are_counted(void **state)
{
    (void)state;
    fake_v4l2_plug(0, 0);
    struct sl_capture *capture = open_camera(64, 48);
    sl_ns captured;
    assert_int_equal(next_number(capture, &captured), 0);
    fake_v4l2.cameras[0].skipped = 5;
    assert_int_equal(next_number(capture, &captured), 6);
    assert_int_equal(next_number(capture, &captured), 7);
    assert_int_equal(stats_of(capture).device.missed, 5);
    sl_capture_close(capture);
}

static void damaged_pictures_are_skipped(void **state)
{
    (void)state;
    fake_v4l2_plug(0, 0);
    struct sl_capture *capture = open_camera(64, 48);
    sl_ns captured;
    assert_int_equal(next_number(capture, &captured), 0);
    fake_v4l2.cameras[0].damaged = 6; /* more than there are buffers */
    assert_int_equal(next_number(capture, &captured), 7);
    const struct sl_v4l2_capture_stats stats = stats_of(capture);
    assert_int_equal(stats.device.damaged, 6);
    assert_int_equal(stats.outages, 0);
    sl_capture_close(capture);
}

static size_t half_a_picture(uint8_t *data, size_t len, uint32_t sequence,
                             const struct v4l2_pix_format *pix)
{
    (void)pix;
    memset(data, 16 + (int)sequence, len);
    return sequence % 2 ? len : sequence % 4 ? 0 : len / 2;
}

static void short_pictures_are_skipped(void **state)
{
    (void)state;
    fake_v4l2.cameras[0].fill = half_a_picture;
    fake_v4l2_plug(0, 0);
    struct sl_capture *capture = open_camera(64, 48);
    sl_ns captured;
    for (int i = 0; i < 10; i++)
        assert_int_equal(next_number(capture, &captured), 2 * i + 1);
    const struct sl_v4l2_capture_stats stats = stats_of(capture);
    assert_int_equal(stats.undecodable, 5);
    assert_int_equal(stats.device.damaged, 5);
    sl_capture_close(capture);
}

/* A clock that is not ours, or one that is ahead: the moment is when the picture was there. */
static void other_clocks(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        fake_v4l2.cameras[0].wall_clock = i == 0;
        fake_v4l2.cameras[0].in_future = i == 1;
        fake_v4l2_plug(0, 0);
        struct sl_capture *capture = open_camera(64, 48);
        sl_ns captured, last = 0;
        for (int k = 0; k < 3; k++) {
            fake_v4l2.now += 40 * SL_MS;
            next_number(capture, &captured);
            assert_true(captured == fake_v4l2.now && captured > last);
            last = captured;
        }
        sl_capture_close(capture);
        fake_v4l2_unplug(0);
    }
}

static void rows_with_padding(void **state)
{
    (void)state;
    fake_v4l2.cameras[0].padding = 48;
    fake_v4l2_plug(0, 0);
    struct sl_capture *capture = open_camera(64, 48);
    sl_ns captured;
    assert_int_equal(next_number(capture, &captured), 0);
    for (size_t i = 0; i < sl_capture_bytes(capture); i++)
        assert_int_equal(pixels[i], 16);
    sl_capture_close(capture);
}

static void the_range_is_what_the_driver_tells(void **state)
{
    (void)state;
    static const struct {
        uint32_t fourcc, colorspace, quantization;
        bool full;
    } cases[] = {
        {V4L2_PIX_FMT_YUYV, V4L2_COLORSPACE_SRGB, V4L2_QUANTIZATION_DEFAULT, false},
        {V4L2_PIX_FMT_YUYV, V4L2_COLORSPACE_JPEG, V4L2_QUANTIZATION_DEFAULT, true},
        {V4L2_PIX_FMT_YUYV, V4L2_COLORSPACE_JPEG, V4L2_QUANTIZATION_LIM_RANGE, false},
        {V4L2_PIX_FMT_NV12, V4L2_COLORSPACE_SRGB, V4L2_QUANTIZATION_FULL_RANGE, true},
        {V4L2_PIX_FMT_GREY, V4L2_COLORSPACE_SRGB, V4L2_QUANTIZATION_DEFAULT, true},
        {V4L2_PIX_FMT_GREY, V4L2_COLORSPACE_SRGB, V4L2_QUANTIZATION_LIM_RANGE, false},
        {V4L2_PIX_FMT_RGB24, V4L2_COLORSPACE_SRGB, V4L2_QUANTIZATION_DEFAULT, false},
    };
    for (size_t i = 0; i < SL_COUNT(cases); i++) {
        fake_v4l2.cameras[0].formats[0].fourcc = cases[i].fourcc;
        fake_v4l2.cameras[0].formats[1].fourcc = 0;
        fake_v4l2.cameras[0].colorspace = cases[i].colorspace;
        fake_v4l2.cameras[0].quantization = cases[i].quantization;
        fake_v4l2_plug(0, 0);
        struct sl_capture *capture = open_camera(64, 48);
        sl_ns captured;
        assert_int_equal(capture->full_range, cases[i].full);
        next_number(capture, &captured);
        if (cases[i].fourcc != V4L2_PIX_FMT_RGB24)
            assert_int_equal(pixels[64 * 24], 16); /* what is as it should be stays so */
        sl_capture_close(capture);
        fake_v4l2_unplug(0);
    }
}

/* ---- What is chosen ---- */

static void sizes_and_rates_in_ranges(void **state)
{
    (void)state;
    fake_v4l2.cameras[0].formats[0] = (struct fake_v4l2_format){
        .fourcc = V4L2_PIX_FMT_NV12,
        .sizes = {{.width = 32,
                   .height = 32,
                   .most_width = 256,
                   .most_height = 128,
                   .step = 8,
                   .intervals = {{1, 60}, {1, 1}},
                   .interval_range = true}},
    };
    fake_v4l2.cameras[0].formats[1].fourcc = 0;
    fake_v4l2_plug(0, 0);
    struct sl_capture_config config = patient();
    config.size = (struct sl_frame_size){200, 104};
    config.fps = 25;
    struct sl_capture *capture = open_with(node(0), config);
    sl_ns first, second;
    assert_int_equal(capture->width, 200);
    assert_int_equal(capture->fps_num, 25 * capture->fps_den);
    next_number(capture, &first);
    next_number(capture, &second);
    assert_true(llabs(second - first - 40 * SL_MS) <= SL_US);
    sl_capture_close(capture);
    config.size = (struct sl_frame_size){0, 0}; /* what is nearest to 1280x720 */
    capture = open_with(node(0), config);
    assert_int_equal(capture->width, 256);
    assert_int_equal(capture->height, 128);
    sl_capture_close(capture);
}

static void sizes_that_are_not_listed(void **state)
{
    (void)state;
    fake_v4l2.cameras[0].formats[0].unlisted = true;
    fake_v4l2.cameras[0].formats[0].sizes[0].intervals[0] = (struct v4l2_fract){0, 0};
    fake_v4l2.cameras[0].formats[1].fourcc = 0;
    fake_v4l2_plug(0, 0);
    struct sl_capture *capture = open_camera(0, 0);
    assert_int_equal(capture->width, 64);
    assert_int_equal(capture->height, 48);
    assert_int_equal(capture->fps_num, 30); /* not told: as good as any */
    sl_ns captured;
    assert_int_equal(next_number(capture, &captured), 0);
    sl_capture_close(capture);
}

static void other_sizes_are_scaled(void **state)
{
    (void)state;
    fake_v4l2_plug(0, 0);
    struct sl_capture *capture = open_camera(60, 46);
    assert_int_equal(capture->width, 60);
    assert_int_equal(capture->height, 46);
    sl_ns captured;
    assert_int_equal(next_number(capture, &captured), 0);
    assert_in_range(pixels[60 * 23 + 30], 15, 17);
    sl_capture_close(capture);
}

static void what_libv4l2_makes_comes_last(void **state)
{
    (void)state;
    fake_v4l2.cameras[0].formats[0].fourcc = V4L2_PIX_FMT_SBGGR8;
    fake_v4l2.cameras[0].formats[1].emulated = true;
    fake_v4l2.cameras[0].formats[1].fourcc = V4L2_PIX_FMT_YUV420;
    fake_v4l2_plug(0, 0);
    struct sl_capture *capture = open_camera(0, 0);
    sl_ns captured;
    assert_int_equal(capture->width, 128);
    assert_int_equal(next_number(capture, &captured), 0);
    sl_capture_close(capture);
    fake_v4l2.cameras[0].formats[0].fourcc = V4L2_PIX_FMT_YUYV; /* its own is better */
    capture = open_camera(0, 0);
    assert_int_equal(capture->width, 64);
    sl_capture_close(capture);
    struct sl_capture_config config = patient();
    config.format = "yu12"; /* unless it is asked for */
    capture = open_with(node(0), config);
    assert_int_equal(capture->width, 128);
    sl_capture_close(capture);
}

/* ---- JPEG ---- */

static AVPacket *jpeg;

static void make_jpeg(int width, int height)
{
    AVCodecContext *encoder = avcodec_alloc_context3(avcodec_find_encoder(AV_CODEC_ID_MJPEG));
    AVFrame *frame = av_frame_alloc();
    jpeg = av_packet_alloc();
    frame->format = encoder->pix_fmt = AV_PIX_FMT_YUVJ422P;
    frame->width = encoder->width = width;
    frame->height = encoder->height = height;
    encoder->color_range = AVCOL_RANGE_JPEG;
    encoder->time_base = (AVRational){1, 30};
    assert_int_equal(avcodec_open2(encoder, NULL, NULL), 0);
    assert_int_equal(av_frame_get_buffer(frame, 0), 0);
    for (int plane = 0; plane < 3; plane++)
        for (int y = 0; y < height; y++)
            memset(frame->data[plane] + y * frame->linesize[plane], plane ? 100 : 8 + 3 * y,
                   (size_t)(plane ? width / 2 : width));
    assert_int_equal(avcodec_send_frame(encoder, frame), 0);
    assert_int_equal(avcodec_receive_packet(encoder, jpeg), 0);
    avcodec_free_context(&encoder);
    av_frame_free(&frame);
}

static int cut_from; /* of each four pictures, from which on they are cut off */

static size_t jpeg_picture(uint8_t *data, size_t len, uint32_t sequence,
                           const struct v4l2_pix_format *pix)
{
    (void)pix;
    assert_true((size_t)jpeg->size < len);
    memcpy(data, jpeg->data, (size_t)jpeg->size);
    return (size_t)jpeg->size / ((int)(sequence % 4) >= cut_from ? 2 : 1);
}

static void jpeg_is_decoded(void **state)
{
    (void)state;
    cut_from = 3;
    make_jpeg(128, 72);
    fake_v4l2.cameras[0].fill = jpeg_picture;
    fake_v4l2_plug(0, 0);
    struct sl_capture *capture = open_camera(128, 72); /* 30/s is reached by JPEG only */
    assert_true(capture->full_range);
    assert_int_equal(capture->fps_num, 30);
    sl_ns captured;
    for (int i = 0; i < 9; i++) {
        assert_int_equal(sl_capture_next(capture, pixels, &captured), 1);
        for (int y = 0; y < 72; y++)
            assert_in_range(pixels[y * 128 + 77] + 6, 8 + 3 * y, 8 + 3 * y + 12);
        assert_in_range(pixels[128 * 72 + 99], 97, 103);
    }
    assert_int_equal(stats_of(capture).undecodable, 2);
    sl_capture_close(capture);
    av_packet_free(&jpeg);
}

static void heal_jpeg(void)
{
    cut_from = 4;
}

/* If nothing but rubbish comes, the device is opened anew: some need that. */
static void nothing_but_rubbish(void **state)
{
    (void)state;
    cut_from = 0;
    make_jpeg(128, 72);
    fake_v4l2.cameras[0].fill = jpeg_picture;
    fake_v4l2_plug(0, 0);
    struct sl_capture *capture = open_camera(128, 72);
    const sl_ns began = fake_v4l2.now;
    fake_v4l2.event_at = began + 7 * SL_SEC;
    fake_v4l2.event = heal_jpeg;
    sl_ns captured;
    assert_int_equal(sl_capture_next(capture, pixels, &captured), 1);
    assert_int_equal(stats_of(capture).outages, 3); /* after 2 s each */
    assert_true(captured - began < 7 * SL_SEC + 100 * SL_MS);
    sl_capture_close(capture);
    av_packet_free(&jpeg);
}

/* ---- Away and back ---- */

static int new_number;
static struct sl_capture *watched; /* or NULL */

static void come_back(void)
{
    assert_true(!watched || atomic_load(&watched->away));
    fake_v4l2_plug(0, new_number);
}

static void go_away(void)
{
    assert_false(watched && atomic_load(&watched->away));
    fake_v4l2_unplug(0);
    fake_v4l2.event = come_back;
    fake_v4l2.event_at = fake_v4l2.now + 1700 * SL_MS;
}

/* Another camera of the same make takes the number that became free. */
static void unplug_200_times(const char *by_id, bool by_link)
{
    fake_v4l2.cameras[0].by_id = by_id;
    fake_v4l2.cameras[1] = webcam;
    fake_v4l2.cameras[1].bus_info = "usb-2";
    fake_v4l2.cameras[1].by_id = by_id ? "usb-Webcam-2" : NULL;
    fake_v4l2.cameras[1].formats[0].sizes[0].width = 32;
    fake_v4l2_plug(0, 0);
    char link[256];
    snprintf(link, sizeof(link), "%s/v4l/by-id/%s", fake_v4l2_ops.dev, by_id ? by_id : "");
    struct sl_capture_config config = patient();
    config.size = (struct sl_frame_size){64, 48};
    struct sl_capture *capture = watched = open_with(by_link ? link : node(0), config);
    sl_ns captured, last = 0;
    for (int i = 1; i <= 200; i++) {
        const int old = fake_v4l2.cameras[0].number;
        next_number(capture, &captured);
        new_number = i % 7 == 0 ? old : i % 5 + 10;
        fake_v4l2.event = go_away;
        fake_v4l2.event_at = fake_v4l2.now + (i % 3) * 10 * SL_MS + 1;
        const sl_ns back = fake_v4l2.event_at + 1700 * SL_MS;
        if (i % 7 && fake_v4l2.cameras[1].number < 0 && new_number != 5)
            fake_v4l2_plug(1, 5);
        while (captured < back) { /* those before it went away, then the first after it came */
            next_number(capture, &captured);
            assert_true(captured > last);
            last = captured;
        }
        assert_true(captured - back <= 500 * SL_MS);
        assert_false(atomic_load(&capture->away));
        assert_int_equal(fake_v4l2.open, 1);
        assert_int_equal(fake_v4l2.mapped, 4);
        assert_int_equal(stats_of(capture).outages, i);
    }
    watched = NULL;
    sl_capture_close(capture);
}

static void back_200_times_known_by_its_place(void **state)
{
    (void)state;
    unplug_200_times(NULL, false);
}

static void back_200_times_known_by_its_serial_number(void **state)
{
    (void)state;
    unplug_200_times("usb-Webcam-1", false);
}

static void back_200_times_opened_by_its_link(void **state)
{
    (void)state;
    unplug_200_times("usb-Webcam-1", true);
}

static void swap_for_another(void)
{
    fake_v4l2_unplug(0);
    fake_v4l2_plug(1, 0);
    fake_v4l2.event = come_back;
    fake_v4l2.event_at = fake_v4l2.now + 3 * SL_SEC;
}

/* Another camera under the old number is not this one. */
static void another_camera_is_not_taken_for_it(void **state)
{
    (void)state;
    for (int with_id = 0; with_id < 2; with_id++) {
        fake_v4l2.cameras[0].by_id = with_id ? "usb-Webcam-1" : NULL;
        fake_v4l2.cameras[1] = webcam;
        fake_v4l2.cameras[1].bus_info = with_id ? "usb-1" : "usb-2";
        fake_v4l2.cameras[1].by_id = with_id ? "usb-Webcam-2" : NULL;
        fake_v4l2_plug(0, 0);
        struct sl_capture *capture = open_camera(64, 48);
        sl_ns captured;
        next_number(capture, &captured);
        new_number = 4;
        fake_v4l2.event = swap_for_another;
        fake_v4l2.event_at = fake_v4l2.now + 1;
        const sl_ns back = fake_v4l2.event_at + 3 * SL_SEC;
        next_number(capture, &captured);
        assert_true(captured >= back);
        sl_capture_close(capture);
        fake_v4l2_unplug(0);
        fake_v4l2_unplug(1);
    }
}

/* It may come back to a slower port, and offer less. */
static void pictures_keep_their_size(void **state)
{
    (void)state;
    fake_v4l2_plug(0, 0);
    struct sl_capture *capture = open_camera(64, 48);
    sl_ns captured;
    next_number(capture, &captured);
    fake_v4l2_unplug(0);
    fake_v4l2.cameras[0].formats[0].sizes[0] =
        (struct fake_v4l2_size){.width = 32, .height = 24, .intervals = {RATE(15)}};
    fake_v4l2.cameras[0].formats[0].sizes[1].width = 0;
    fake_v4l2.cameras[0].formats[1].fourcc = 0;
    fake_v4l2_plug(0, 1);
    assert_int_equal(next_number(capture, &captured), 0);
    assert_int_equal(sl_capture_bytes(capture), 64 * 48 * 3 / 2);
    for (int i = 0; i < 64 * 48; i++)
        assert_in_range(pixels[i], 15, 17);
    sl_capture_close(capture);
}

static void revive(void)
{
    fake_v4l2.cameras[0].wedged = false;
}

/* A driver that says nothing any more is left and opened anew, after 2 s or ten pictures' time. */
static void wedged_driver(void **state)
{
    (void)state;
    fake_v4l2_plug(0, 0);
    struct sl_capture *capture = open_camera(64, 48);
    sl_ns captured;
    next_number(capture, &captured);
    const sl_ns stuck = fake_v4l2.now;
    fake_v4l2.cameras[0].wedged = true;
    fake_v4l2.event = revive;
    fake_v4l2.event_at = stuck + 2010 * SL_MS; /* it was the reopening that helped */
    next_number(capture, &captured);
    assert_true(captured > stuck + 2010 * SL_MS && captured < stuck + 2100 * SL_MS);
    assert_int_equal(stats_of(capture).outages, 1);
    sl_capture_close(capture);

    fake_v4l2.cameras[0].formats[0].sizes[0].intervals[0] = (struct v4l2_fract){1, 1};
    fake_v4l2.cameras[0].formats[0].sizes[0].intervals[1] = (struct v4l2_fract){0, 0};
    capture = open_camera(64, 48); /* one picture a second */
    next_number(capture, &captured);
    fake_v4l2.cameras[0].wedged = true;
    fake_v4l2.event = revive;
    fake_v4l2.event_at = fake_v4l2.now + 9500 * SL_MS;
    next_number(capture, &captured);
    assert_int_equal(stats_of(capture).outages, 0); /* patience was right */
    sl_capture_close(capture);
}

/* Gone without a word from poll. */
static void hung_driver(void **state)
{
    (void)state;
    fake_v4l2.cameras[0].hung = true;
    fake_v4l2_plug(0, 0);
    struct sl_capture *capture = open_camera(64, 48);
    sl_ns captured;
    next_number(capture, &captured);
    const sl_ns left = fake_v4l2.now;
    fake_v4l2_unplug(0);
    new_number = 1;
    fake_v4l2.event = come_back;
    fake_v4l2.event_at = left + SL_SEC;
    next_number(capture, &captured);
    assert_true(captured > left + 2 * SL_SEC && captured < left + 2500 * SL_MS);
    assert_int_equal(stats_of(capture).outages, 1);
    sl_capture_close(capture);
}

static void searching_costs_little(void **state)
{
    (void)state;
    fake_v4l2_plug(0, 0);
    struct sl_capture *capture = open_camera(64, 48);
    sl_ns captured;
    next_number(capture, &captured);
    fake_v4l2_unplug(0);
    new_number = 0;
    fake_v4l2.event = come_back;
    fake_v4l2.event_at = fake_v4l2.now + 60 * SL_SEC;
    next_number(capture, &captured);
    assert_in_range(stats_of(capture).searches, 120, 242);
    sl_capture_close(capture);
}

static void become_free(void)
{
    fake_v4l2.cameras[0].busy = false;
}

static void somebody_else_has_it(void **state)
{
    (void)state;
    fake_v4l2_plug(0, 0);
    fake_v4l2.cameras[0].busy = true;
    expect_refusal(node(0), patient(), -EBUSY, "in use by another program");
    fake_v4l2.cameras[0].busy = false;
    struct sl_capture *capture = open_camera(64, 48);
    struct sl_capture *second = NULL; /* two captures of one camera: the second is refused */
    char why[256];
    const struct sl_capture_config config = patient();
    assert_int_equal(
        sl_v4l2_capture_open(&second, &fake_v4l2_ops, node(0), &config, why, sizeof(why)), -EBUSY);
    sl_ns captured;
    next_number(capture, &captured); /* the first never noticed */
    fake_v4l2_unplug(0);
    fake_v4l2.cameras[0].busy = true; /* who was quicker has it for a while */
    fake_v4l2_plug(0, 0);
    fake_v4l2.event = become_free;
    fake_v4l2.event_at = fake_v4l2.now + 5 * SL_SEC;
    const sl_ns free_at = fake_v4l2.event_at;
    next_number(capture, &captured);
    assert_true(captured > free_at && captured < free_at + 500 * SL_MS);
    sl_capture_close(capture);
}

static void halt_ends_the_search(void **state)
{
    (void)state;
    fake_v4l2_plug(0, 0);
    struct sl_capture *capture = open_camera(64, 48);
    sl_ns captured;
    next_number(capture, &captured);
    fake_v4l2_unplug(0);
    sl_halt_set(&halt);
    const sl_ns before = fake_v4l2.now;
    assert_int_equal(sl_capture_next(capture, pixels, &captured), -ECANCELED);
    assert_true(fake_v4l2.now == before);
    sl_capture_close(capture);
}

static void halt_ends_streaming(void **state)
{
    (void)state;
    fake_v4l2_plug(0, 0);
    struct sl_capture *capture = open_camera(64, 48);
    sl_ns captured;
    next_number(capture, &captured);
    fake_v4l2.now += SL_SEC; /* pictures are ready: it ends all the same */
    sl_halt_set(&halt);
    assert_int_equal(sl_capture_next(capture, pixels, &captured), -ECANCELED);
    sl_capture_close(capture);
}

static void tries_are_used_up(void **state)
{
    (void)state;
    for (int retries = 0; retries <= 3; retries += 3) {
        fake_v4l2_plug(0, 0);
        struct sl_capture_config config = patient();
        config.retries = retries;
        config.size = (struct sl_frame_size){64, 48};
        struct sl_capture *capture = open_with(node(0), config);
        sl_ns captured;
        /* Tries that succeed are not counted. */
        for (int i = 0; retries && i < 5; i++) {
            next_number(capture, &captured);
            fake_v4l2_unplug(0);
            fake_v4l2_plug(0, i + 1);
        }
        next_number(capture, &captured);
        fake_v4l2_unplug(0);
        const sl_ns before = fake_v4l2.now;
        assert_int_equal(sl_capture_next(capture, pixels, &captured), -ENODEV);
        assert_true(fake_v4l2.now - before <= retries * 250 * SL_MS);
        assert_int_equal(fake_v4l2.open, 0);
        assert_int_equal(fake_v4l2.mapped, 0);
        sl_capture_close(capture);
    }
}

/* ---- What is refused ---- */

static void refusals(void **state)
{
    (void)state;
    struct sl_capture_config config = patient();
    char path[128], longest[400];
    snprintf(path, sizeof(path), "%s/null", fake_v4l2_ops.dev);
    FILE *file = fopen(path, "w");
    fclose(file);
    expect_refusal(path, config, -ENOTTY, "not a camera");
    remove(path);
    memset(longest, 'x', sizeof(longest));
    longest[sizeof(longest) - 1] = 0;
    expect_refusal(longest, config, -ENAMETOOLONG, "too long");
    expect_refusal(node(0), config, -ENOENT, "there is no such device");
    expect_refusal("auto", config, -ENODEV, "there is no camera");
    fake_v4l2_plug(0, 0);
    fake_v4l2.cameras[0].forbidden = true;
    expect_refusal(node(0), config, -EACCES, "group video");
    fake_v4l2.cameras[0].forbidden = false;
    fake_v4l2.cameras[0].caps = V4L2_CAP_META_CAPTURE | V4L2_CAP_STREAMING;
    expect_refusal(node(0), config, -ENOTTY, "not a camera");
    fake_v4l2.cameras[0].caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_READWRITE;
    expect_refusal(node(0), config, -ENOTTY, "not a camera");
    expect_refusal("auto", config, -ENODEV, "there is no camera");
    fake_v4l2.cameras[0].caps = 0;
    config.format = "nv12";
    expect_refusal(node(0), config, -EINVAL,
                   "it does not offer nv12, but YUYV 64x48 to 128x72, MJPG 128x72");
    config.format = "h264";
    expect_refusal(node(0), config, -EINVAL, "it does not offer h264, but YUYV 64x48");
    config.format = "gif";
    expect_refusal(node(0), config, -EINVAL, "there is no format gif");
    config.format = "auto";
    config.size = (struct sl_frame_size){1280, 720};
    expect_refusal(node(0), config, -EINVAL,
                   "1280x720 is far from what it offers: YUYV 64x48 to 128x72, MJPG 128x72");
    config.size = (struct sl_frame_size){0, 0};
    fake_v4l2.cameras[0].formats[0].fourcc = V4L2_PIX_FMT_SBGGR8;
    fake_v4l2.cameras[0].formats[1].fourcc = V4L2_PIX_FMT_HEVC;
    expect_refusal(node(0), config, -EINVAL,
                   "it offers no format that can be used, but BA81 64x48 to 128x72, HEVC 128x72");
    fake_v4l2.cameras[0].formats[0].fourcc = 0;
    expect_refusal(node(0), config, -EINVAL, "no format that can be used, but nothing");
}

static void the_first_that_is_free(void **state)
{
    (void)state;
    fake_v4l2.cameras[1] = fake_v4l2.cameras[2] = fake_v4l2.cameras[3] = webcam;
    fake_v4l2.cameras[0].caps = V4L2_CAP_META_CAPTURE | V4L2_CAP_STREAMING;
    fake_v4l2.cameras[1].busy = true;
    fake_v4l2.cameras[2].formats[0].sizes[0].width = 96;
    fake_v4l2_plug(0, 0);
    fake_v4l2_plug(1, 1);
    fake_v4l2_plug(3, 10); /* after 9, not after 1 */
    fake_v4l2_plug(2, 9);
    struct sl_capture *capture = open_with("auto", patient());
    assert_int_equal(capture->width, 128);
    sl_ns captured;
    cut_from = 4;
    make_jpeg(128, 72);
    fake_v4l2.cameras[2].fill = fake_v4l2.cameras[3].fill = jpeg_picture;
    assert_int_equal(sl_capture_next(capture, pixels, &captured), 1);
    assert_int_equal(fake_v4l2.open, 1);
    sl_capture_close(capture);
    av_packet_free(&jpeg);
    fake_v4l2.cameras[2].busy = fake_v4l2.cameras[3].busy = true;
    char words[200];
    snprintf(words, sizeof(words), "no camera is free: %s: in use by another program", node(1));
    expect_refusal("auto", patient(), -EBUSY, words);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(pictures_come_with_their_moment),
        T(the_newest_wins),
        T(numbers_left_out_are_counted),
        T(damaged_pictures_are_skipped),
        T(short_pictures_are_skipped),
        T(other_clocks),
        T(rows_with_padding),
        T(the_range_is_what_the_driver_tells),
        T(sizes_and_rates_in_ranges),
        T(sizes_that_are_not_listed),
        T(other_sizes_are_scaled),
        T(what_libv4l2_makes_comes_last),
        T(jpeg_is_decoded),
        T(nothing_but_rubbish),
        T(back_200_times_known_by_its_place),
        T(back_200_times_known_by_its_serial_number),
        T(back_200_times_opened_by_its_link),
        T(another_camera_is_not_taken_for_it),
        T(pictures_keep_their_size),
        T(wedged_driver),
        T(hung_driver),
        T(searching_costs_little),
        T(somebody_else_has_it),
        T(halt_ends_the_search),
        T(halt_ends_streaming),
        T(tries_are_used_up),
        T(refusals),
        T(the_first_that_is_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
