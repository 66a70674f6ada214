/* SPDX-License-Identifier: MIT */
/*
 * What is in a driver's buffer becomes the picture that was in front of the camera, exactly: each
 * format is packed here by the V4L2 documentation, byte by byte, and read back as I420.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>
#include <libavcodec/avcodec.h>
#include <libavutil/log.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
#include <linux/videodev2.h>

#include "sender/capture_v4l2_picture.h"
#include "sender/scale.h"
#include "tests/support/fake_v4l2.h"

#define HEIGHT 16
#define WIDTH_MOST 848

static int width; /* of the scene */

/* The scene. Chroma is the same in pairs of rows and columns, so that 4:2:2 holds no more of it
 * than 4:2:0. */
static uint8_t luma(int x, int y)
{
    return (uint8_t)(16 + (x * 7 + y * 13) % 220);
}

static uint8_t blue(int x, int y)
{
    return (uint8_t)(16 + (x / 2 * 11 + y / 2 * 3) % 225);
}

static uint8_t red(int x, int y)
{
    return (uint8_t)(16 + (x / 2 * 5 + y / 2 * 17 + 100) % 225);
}

/* A packed pair of pixels, in an order such as "YUYV". */
static void pack_pair(uint8_t *to, const char *order, int x, int y)
{
    bool second = false;
    for (int i = 0; i < 4; i++) {
        to[i] = order[i] == 'U' ? blue(x, y) : order[i] == 'V' ? red(x, y) : luma(x + second, y);
        second |= order[i] == 'Y';
    }
}

static void pack_row(uint8_t *to, uint32_t fourcc, int y)
{
    for (int x = 0; x < width; x++) {
        switch (fourcc) {
        case V4L2_PIX_FMT_YUYV:
            pack_pair(to + 2 * (x & ~1), "YUYV", x & ~1, y);
            break;
        case V4L2_PIX_FMT_UYVY:
            pack_pair(to + 2 * (x & ~1), "UYVY", x & ~1, y);
            break;
        case V4L2_PIX_FMT_YVYU:
            pack_pair(to + 2 * (x & ~1), "YVYU", x & ~1, y);
            break;
        case V4L2_PIX_FMT_RGB24:
        case V4L2_PIX_FMT_BGR24:
            to[3 * x + (fourcc == V4L2_PIX_FMT_RGB24 ? 0 : 2)] = red(x, y);
            to[3 * x + 1] = luma(x & ~1, y & ~1); /* all of it is chroma too */
            to[3 * x + (fourcc == V4L2_PIX_FMT_RGB24 ? 2 : 0)] = blue(x, y);
            break;
        default:
            to[x] = luma(x, y);
        }
    }
}

/* The chroma of formats that keep it in planes of its own, behind the luma. */
static void pack_planes(uint8_t *to, uint32_t fourcc, int stride)
{
    const int half = stride / 2;
    for (int y = 0; y < HEIGHT; y += 2) {
        for (int x = 0; x < width; x += 2) {
            uint8_t *pair = to + y / 2 * stride + x;
            uint8_t *first = to + y / 2 * half + x / 2, *second = first + HEIGHT / 2 * half;
            if (fourcc == V4L2_PIX_FMT_NV12 || fourcc == V4L2_PIX_FMT_NV21) {
                pair[0] = fourcc == V4L2_PIX_FMT_NV12 ? blue(x, y) : red(x, y);
                pair[1] = fourcc == V4L2_PIX_FMT_NV12 ? red(x, y) : blue(x, y);
            } else if (fourcc == V4L2_PIX_FMT_YUV420 || fourcc == V4L2_PIX_FMT_YVU420) {
                *first = fourcc == V4L2_PIX_FMT_YUV420 ? blue(x, y) : red(x, y);
                *second = fourcc == V4L2_PIX_FMT_YUV420 ? red(x, y) : blue(x, y);
            }
        }
    }
}

/* Memory behind which there is none, as behind a driver's buffer: libswscale's assembler is not
 * seen by AddressSanitizer. */
static uint8_t *bounded(size_t len)
{
    const size_t pages = (len + 4095) / 4096 * 4096;
    uint8_t *start =
        mmap(NULL, pages + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(start, MAP_FAILED);
    assert_int_equal(mprotect(start + pages, 4096, PROT_NONE), 0);
    return start + pages - len;
}

static void unbound(uint8_t *data, size_t len)
{
    const size_t pages = (len + 4095) / 4096 * 4096;
    munmap(data + len - pages, pages + 4096);
}

static uint8_t *pack(uint32_t fourcc, int stride, size_t *len)
{
    *len = fake_v4l2_bytes(fourcc, stride, HEIGHT);
    uint8_t *data = bounded(*len);
    memset(data, 0xee, *len); /* what is between the rows is no picture */
    for (int y = 0; y < HEIGHT; y++)
        pack_row(data + y * stride, fourcc, y);
    pack_planes(data + HEIGHT * stride, fourcc, stride);
    return data;
}

/* ---- What is expected of it ---- */

static void expect_yuv(uint8_t *i420)
{
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < width; x++) {
            i420[y * width + x] = luma(x, y);
            i420[width * HEIGHT + y / 2 * width / 2 + x / 2] = blue(x, y);
            i420[width * HEIGHT * 5 / 4 + y / 2 * width / 2 + x / 2] = red(x, y);
        }
}

static void expect_grey(uint8_t *i420)
{
    expect_yuv(i420);
    memset(i420 + width * HEIGHT, 128, width * HEIGHT / 2);
}

/* Three planes, one a colour: no order of bytes could be mistaken. */
static void expect_rgb(uint8_t *i420)
{
    static uint8_t green_plane[WIDTH_MOST * HEIGHT], blue_plane[WIDTH_MOST * HEIGHT],
        red_plane[WIDTH_MOST * HEIGHT];
    for (int i = 0; i < width * HEIGHT; i++) {
        green_plane[i] = luma(i % width & ~1, i / width & ~1);
        blue_plane[i] = blue(i % width, i / width);
        red_plane[i] = red(i % width, i / width);
    }
    const uint8_t *from[4] = {green_plane, blue_plane, red_plane};
    const int strides[4] = {width, width, width}, to_strides[4] = {width, width / 2, width / 2};
    uint8_t *to[4] = {i420, i420 + width * HEIGHT, i420 + width * HEIGHT * 5 / 4};
    struct SwsContext *sws = sws_getContext(width, HEIGHT, AV_PIX_FMT_GBRP, width, HEIGHT,
                                            AV_PIX_FMT_YUV420P, SWS_POINT, NULL, NULL, NULL);
    assert_int_equal(sws_scale(sws, from, strides, 0, HEIGHT, to, to_strides), HEIGHT);
    sws_freeContext(sws);
}

static void compare(const char *name, const uint8_t *got, const uint8_t *expected, int tolerance)
{
    for (int i = 0; i < width * HEIGHT * 3 / 2; i++)
        if (abs(got[i] - expected[i]) > tolerance)
            fail_msg("%s: byte %d is %d, wanted %d", name, i, got[i], expected[i]);
}

/* Reads it from `padding` bytes a row more than there need be, into width x height. */
static void convert(const struct sl_v4l2_format *format, int padding, int to_width, int to_height,
                    uint8_t *got)
{
    const int row = fake_v4l2_row(format->fourcc, width);
    const struct sl_v4l2_shape shape = {width, HEIGHT, row + padding, false};
    struct sl_v4l2_picture *picture;
    struct sl_scaler *scaler;
    const AVFrame *frame;
    size_t len;
    uint8_t *data = pack(format->fourcc, shape.stride, &len);
    assert_int_equal(sl_v4l2_format_bytes(format, &shape), len);
    assert_int_equal(sl_v4l2_picture_create(&picture, format), 0);
    assert_int_equal(sl_scaler_create(&scaler, to_width, to_height, false), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sl_v4l2_picture_read(picture, &shape, data, len, &frame), 0);
        assert_int_equal(sl_scaler_run(scaler, frame, got), 0);
    }
    assert_int_equal(sl_v4l2_picture_read(picture, &shape, data, len - 1, &frame), -EBADMSG);
    sl_scaler_destroy(scaler);
    sl_v4l2_picture_destroy(picture);
    unbound(data, len);
}

static void one_format_is_exact(const struct sl_v4l2_format *format)
{
    static uint8_t expected[WIDTH_MOST * HEIGHT * 3 / 2];
    const bool rgb = format->fourcc == V4L2_PIX_FMT_RGB24 || format->fourcc == V4L2_PIX_FMT_BGR24;
    const size_t bytes = (size_t)width * HEIGHT * 3 / 2;
    uint8_t *got = bounded(bytes);
    rgb ? expect_rgb(expected) : format->grey ? expect_grey(expected) : expect_yuv(expected);
    for (int padding = 0; padding <= 32; padding += 16) {
        convert(format, padding, width, HEIGHT, got);
        /* Of RGB the two ways through swscale round differently, by one. */
        compare(format->name, got, expected, rgb);
        convert(format, padding, width / 4 * 2, HEIGHT - 2, got); /* only that nothing bursts */
    }
    unbound(got, bytes);
}

/* Sizes whose rows are no multiples of anything are those that conversion trips over. */
static void every_format_is_exact(void **state)
{
    (void)state;
    static const int widths[] = {32,  34,  36,  38,  40,  44,  48,  52,  64,  66,  72,
                                 80,  88,  96,  104, 112, 120, 128, 144, 160, 176, 200,
                                 208, 240, 352, 360, 424, 432, 640, 720, 768, 800, 848};
    int compared = 0;
    for (const struct sl_v4l2_format *format = sl_v4l2_format_after(NULL); format;
         format = sl_v4l2_format_after(format))
        for (size_t i = 0; format->pixels != AV_PIX_FMT_NONE && i < SL_COUNT(widths); i++) {
            width = widths[i];
            one_format_is_exact(format);
            compared++;
        }
    assert_int_equal(compared, 10 * SL_COUNT(widths));
}

static void shapes_that_cannot_be(void **state)
{
    (void)state;
    const struct sl_v4l2_format *yuyv = sl_v4l2_format_named("yuyv");
    const struct sl_v4l2_format *yu12 = sl_v4l2_format_named("yu12");
    const struct sl_v4l2_format *mjpeg = sl_v4l2_format_named("mjpeg");
    const struct {
        const struct sl_v4l2_format *format;
        struct sl_v4l2_shape shape;
        int bytes;
    } cases[] = {
        {yuyv, {64, 48, 128, false}, 64 * 48 * 2},
        {yuyv, {64, 48, 127, false}, -EINVAL},
        {yuyv, {64, 48, -128, false}, -EINVAL},
        {yuyv, {64, 48, INT32_MAX, false}, -EINVAL},
        {yuyv, {0, 48, 128, false}, -EINVAL},
        {yuyv, {64, 0, 128, false}, -EINVAL},
        {yuyv, {64, -48, 128, false}, -EINVAL},
        {yuyv, {8193, 48, 20000, false}, -EINVAL},
        {yuyv, {8192, 8192, 16384, false}, 8192 * 16384},
        {yu12, {64, 48, 64, false}, 64 * 48 * 3 / 2},
        {yu12, {63, 48, 63, false}, -EINVAL}, /* the rows of chroma would overlap */
        {yu12, {63, 48, 64, false}, 64 * 48 * 3 / 2},
        {mjpeg, {64, 48, 0, false}, -EINVAL}, /* has no rows */
    };
    for (size_t i = 0; i < SL_COUNT(cases); i++)
        if (sl_v4l2_format_bytes(cases[i].format, &cases[i].shape) != cases[i].bytes)
            fail_msg("%zu: %d bytes", i, sl_v4l2_format_bytes(cases[i].format, &cases[i].shape));
}

static void names(void **state)
{
    (void)state;
    char text[SL_V4L2_FOURCC_TEXT];
    assert_string_equal(sl_v4l2_fourcc_text(V4L2_PIX_FMT_YUYV, text), "YUYV");
    assert_string_equal(sl_v4l2_fourcc_text(V4L2_PIX_FMT_Y16, text), "Y16");
    assert_string_equal(sl_v4l2_fourcc_text(0x1b0a4141, text), "AA??");
    assert_string_equal(sl_v4l2_fourcc_text(V4L2_PIX_FMT_Y16_BE, text), "Y16");
    assert_null(sl_v4l2_format_named("auto"));
    assert_null(sl_v4l2_format_named(""));
    assert_null(sl_v4l2_format_find(V4L2_PIX_FMT_SBGGR8));
    for (const struct sl_v4l2_format *format = sl_v4l2_format_after(NULL); format;
         format = sl_v4l2_format_after(format)) {
        assert_ptr_equal(sl_v4l2_format_named(format->name), format);
        assert_ptr_equal(sl_v4l2_format_find(format->fourcc), format);
    }
}

/* ---- JPEG ---- */

/* A soft scene, which JPEG keeps nearly as it is; 4:2:2 as most cameras send it. */
#define WIDTH 64
#define PIXELS (WIDTH * HEIGHT)

static AVPacket *encode(void)
{
    AVCodecContext *encoder = avcodec_alloc_context3(avcodec_find_encoder(AV_CODEC_ID_MJPEG));
    AVFrame *frame = av_frame_alloc();
    AVPacket *packet = av_packet_alloc();
    frame->format = encoder->pix_fmt = AV_PIX_FMT_YUVJ422P;
    frame->width = encoder->width = WIDTH;
    frame->height = encoder->height = HEIGHT;
    frame->quality = FF_QP2LAMBDA;
    encoder->color_range = AVCOL_RANGE_JPEG;
    encoder->time_base = (AVRational){1, 30};
    encoder->flags |= AV_CODEC_FLAG_QSCALE;
    encoder->global_quality = FF_QP2LAMBDA;
    assert_int_equal(avcodec_open2(encoder, NULL, NULL), 0);
    assert_int_equal(av_frame_get_buffer(frame, 0), 0);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            frame->data[0][y * frame->linesize[0] + x] = (uint8_t)(2 * x + y);
            frame->data[1][y * frame->linesize[1] + x / 2] = (uint8_t)(60 + x);
            frame->data[2][y * frame->linesize[2] + x / 2] = (uint8_t)(200 - y / 2 * 2);
        }
    assert_int_equal(avcodec_send_frame(encoder, frame), 0);
    assert_int_equal(avcodec_receive_packet(encoder, packet), 0);
    avcodec_free_context(&encoder);
    av_frame_free(&frame);
    return packet;
}

static void jpeg_is_decoded(void **state)
{
    (void)state;
    static uint8_t got[PIXELS * 3 / 2];
    const struct sl_v4l2_shape shape = {WIDTH, HEIGHT, 0, true};
    struct sl_v4l2_picture *picture;
    struct sl_scaler *scaler;
    const AVFrame *frame;
    AVPacket *jpeg = encode();
    assert_int_equal(sl_v4l2_picture_create(&picture, sl_v4l2_format_named("mjpeg")), 0);
    assert_int_equal(sl_scaler_create(&scaler, WIDTH, HEIGHT, true), 0);
    for (int i = 0; i < 3; i++) { /* each gives its own picture, at once */
        assert_int_equal(
            sl_v4l2_picture_read(picture, &shape, jpeg->data, (size_t)jpeg->size, &frame), 0);
        assert_int_equal(sl_scaler_run(scaler, frame, got), 0);
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH; x++) {
                const int at = y / 2 * (WIDTH / 2) + x / 2;
                assert_in_range(got[y * WIDTH + x] + 4, 2 * x + y, 2 * x + y + 8);
                assert_in_range(got[PIXELS + at] + 5, 60 + (x | 1), 60 + (x | 1) + 10);
                assert_in_range(got[PIXELS * 5 / 4 + at] + 5, 200 - y / 2 * 2,
                                200 - y / 2 * 2 + 10);
            }
    }
    sl_scaler_destroy(scaler);
    sl_v4l2_picture_destroy(picture);
    av_packet_free(&jpeg);
}

static int read_cut(struct sl_v4l2_picture *picture, const AVPacket *jpeg, size_t len)
{
    const struct sl_v4l2_shape shape = {WIDTH, HEIGHT, 0, true};
    const AVFrame *frame;
    uint8_t *cut = malloc(len + 1); /* exactly that long */
    memset(cut, 0, len + 1);
    memcpy(cut, jpeg->data, len < (size_t)jpeg->size ? len : (size_t)jpeg->size);
    const int error = sl_v4l2_picture_read(picture, &shape, cut, len, &frame);
    free(cut);
    return error;
}

/* What is cut off gives no picture, wherever it was; the next whole one does. */
static void damaged_jpeg_gives_nothing(void **state)
{
    (void)state;
    struct sl_v4l2_picture *picture;
    AVPacket *jpeg = encode();
    const size_t whole = (size_t)jpeg->size;
    assert_int_equal(sl_v4l2_picture_create(&picture, sl_v4l2_format_named("mjpeg")), 0);
    /* A camera that never ends its JPEGs: what can be decoded is taken. */
    assert_int_equal(read_cut(picture, jpeg, whole / 2), -EBADMSG);
    assert_int_equal(read_cut(picture, jpeg, whole - 2), 0);
    assert_int_equal(read_cut(picture, jpeg, whole), 0);
    for (size_t len = 0; len < whole; len++)
        if (read_cut(picture, jpeg, len) != -EBADMSG)
            fail_msg("%zu bytes of %zu gave a picture", len, whole);
    assert_int_equal(read_cut(picture, jpeg, whole), 0);
    assert_int_equal(read_cut(picture, jpeg, whole + 100), 0); /* filled up, as cameras do */
    sl_v4l2_picture_destroy(picture);
    av_packet_free(&jpeg);
}

static int quiet(void **state)
{
    (void)state;
    av_log_set_level(AV_LOG_QUIET);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_is_exact),
        cmocka_unit_test(shapes_that_cannot_be),
        cmocka_unit_test(names),
        cmocka_unit_test(jpeg_is_decoded),
        cmocka_unit_test(damaged_jpeg_gives_nothing),
    };
    return cmocka_run_group_tests(tests, quiet, NULL);
}
