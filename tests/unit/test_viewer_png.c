/* SPDX-License-Identifier: MIT */
/* What is written is read back, by libavcodec's decoder, pixel by pixel. */
#include "viewer/png.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <libavcodec/avcodec.h>

#define WIDTH 37
#define HEIGHT 11

static struct sl_canvas make_canvas(void)
{
    struct sl_canvas canvas = {.width = WIDTH, .height = HEIGHT, .stride = WIDTH * 4 + 20};
    canvas.pixels = malloc((size_t)(canvas.stride * HEIGHT));
    for (int i = 0; i < canvas.stride * HEIGHT; i++)
        canvas.pixels[i] = (uint8_t)(i * 7);
    return canvas;
}

static AVFrame *read_png(const char *path)
{
    AVCodecContext *context = avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_PNG));
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(av_new_packet(packet, 65536), 0);
    packet->size = (int)fread(packet->data, 1, 65536, file);
    fclose(file);
    assert_int_equal(avcodec_open2(context, NULL, NULL), 0);
    assert_int_equal(avcodec_send_packet(context, packet), 0);
    assert_int_equal(avcodec_receive_frame(context, frame), 0);
    av_packet_free(&packet);
    avcodec_free_context(&context);
    return frame;
}

static void test_round_trip(void **state)
{
    (void)state;
    char path[] = "/tmp/sl-png-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    struct sl_canvas canvas = make_canvas();
    assert_int_equal(sl_png_write(path, &canvas), 0);
    AVFrame *frame = read_png(path);
    assert_int_equal(frame->width, WIDTH);
    assert_int_equal(frame->height, HEIGHT);
    assert_int_equal(frame->format, AV_PIX_FMT_RGB24);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            for (int i = 0; i < 3; i++)
                assert_int_equal(frame->data[0][y * frame->linesize[0] + 3 * x + i],
                                 canvas.pixels[y * canvas.stride + 4 * x + 2 - i]);
    av_frame_free(&frame);
    free(canvas.pixels);
    unlink(path);
}

static void test_what_cannot_be_written(void **state)
{
    (void)state;
    struct sl_canvas canvas = make_canvas();
    char dir[] = "/tmp/sl-png-XXXXXX", path[64], part[80];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/no/such.png", dir);
    assert_int_equal(sl_png_write(path, &canvas), -ENOENT);
    snprintf(path, sizeof(path), "%s/dir.png", dir); /* a directory is in the way */
    assert_int_equal(mkdir(path, 0700), 0);
    assert_true(sl_png_write(path, &canvas) < 0);
    snprintf(part, sizeof(part), "%s.part", path);
    assert_int_equal(access(part, F_OK), -1); /* nothing is left behind */
    rmdir(path);
    rmdir(dir);
    free(canvas.pixels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_what_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
