/* SPDX-License-Identifier: MIT */
/* The stamp must be read rightly or not at all: through H.264 at a low rate, noise and scaling. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "bench/scene.h"
#include "bench/stamp.h"
#include "codec/decoder.h"
#include "codec/encoder.h"

#define WIDTH 1280
#define HEIGHT 720

static const uint8_t *stamp_line(const struct sl_stamp_place *place, const uint8_t *luma,
                                 int stride)
{
    return luma + (size_t)(place->y + place->block / 2) * (size_t)stride + place->x;
}

static void places(void **state)
{
    (void)state;
    struct sl_stamp_place place;
    assert_int_equal(sl_stamp_place(&place, 1280, 720), 0);
    assert_int_equal(place.block, 32);
    assert_true(place.x + SL_STAMP_BLOCKS * place.block <= 1280);
    assert_int_equal(sl_stamp_place(&place, 640, 360), 0);
    assert_int_equal(place.block, 16);
    assert_int_equal(sl_stamp_place(&place, 320, 240), -EINVAL);
    assert_int_equal(sl_stamp_place(&place, 1280, 64), -EINVAL);
}

static void every_bit(void **state)
{
    (void)state;
    struct sl_stamp_place place;
    assert_int_equal(sl_stamp_place(&place, WIDTH, HEIGHT), 0);
    uint8_t *frame = calloc(1, WIDTH * HEIGHT * 3 / 2);
    uint8_t *const plane[3] = {frame, frame + WIDTH * HEIGHT, frame + WIDTH * HEIGHT * 5 / 4};
    const int stride[3] = {WIDTH, WIDTH / 2, WIDTH / 2};
    uint32_t got;
    assert_false(sl_stamp_read(stamp_line(&place, frame, WIDTH), place.block, &got)); /* black */
    for (int bit = 0; bit <= 24; bit++) {
        const uint32_t number = bit == 24 ? SL_STAMP_NUMBER_MAX : 1u << bit;
        sl_stamp_write(&place, plane, stride, number);
        assert_true(sl_stamp_read(stamp_line(&place, frame, WIDTH), place.block, &got));
        assert_int_equal(got, number);
        assert_int_equal(plane[1][place.y / 2 * stride[1] + place.x], 128);
    }
    /* Any one block turned over is noticed. */
    uint8_t line[SL_STAMP_BLOCKS * 32];
    for (int i = 0; i < SL_STAMP_BLOCKS; i++) {
        memcpy(line, stamp_line(&place, frame, WIDTH), sizeof(line));
        memset(line + i * 32, line[i * 32] > 128 ? 16 : 235, 32);
        assert_false(sl_stamp_read(line, place.block, &got));
    }
    free(frame);
}

static void noise_never_lies(void **state)
{
    (void)state;
    struct sl_random random;
    sl_random_init_seed(&random, 5);
    uint8_t line[SL_STAMP_BLOCKS * 16];
    int taken = 0;
    for (int i = 0; i < 20000; i++) {
        uint32_t got;
        sl_random_fill(&random, line, sizeof(line));
        memset(line, 16, 16); /* even with good references */
        memset(line + 16, 235, 16);
        taken += sl_stamp_read(line, 16, &got);
    }
    assert_in_range(taken, 1, 200); /* 8 bits of checksum: 78 are expected */
}

static void scaled_and_noisy(void **state)
{
    (void)state;
    struct sl_stamp_place place;
    assert_int_equal(sl_stamp_place(&place, WIDTH, HEIGHT), 0);
    struct sl_scene *scene;
    assert_int_equal(sl_scene_create(&scene, WIDTH, HEIGHT, 1, 3), 0);
    uint8_t *plane[3];
    int stride[3];
    sl_scene_planes(scene, sl_scene_frame(scene, 0), plane, stride);
    struct sl_random random;
    sl_random_init_seed(&random, 6);
    for (uint32_t number = 0; number < 2000; number += 37) {
        sl_stamp_write(&place, plane, stride, number);
        const uint8_t *from = stamp_line(&place, plane[0], stride[0]);
        /* To between a third and double, full range, noise of +-30. */
        const double scale = 0.33 + 1.67 * sl_random_unit(&random);
        const int len = (int)(place.block * SL_STAMP_BLOCKS * scale);
        uint8_t line[SL_STAMP_BLOCKS * 64 + 64] = {0};
        for (int i = 0; i < len; i++) {
            const int source = (int)(i / scale);
            int v = (from[source] - 16) * 255 / 219 + (int)sl_random_range(&random, 0, 60) - 30;
            line[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
        }
        uint32_t got;
        assert_true(sl_stamp_read(line, place.block * scale, &got));
        assert_int_equal(got, number);
    }
    sl_scene_destroy(scene);
}

static void through_h264(void **state)
{
    (void)state;
    struct sl_stamp_place place;
    struct sl_scene *scene;
    struct sl_video_encoder *encoder;
    struct sl_video_decoder *decoder;
    char why[200] = "";
    assert_int_equal(sl_stamp_place(&place, WIDTH, HEIGHT), 0);
    assert_int_equal(sl_scene_create(&scene, WIDTH, HEIGHT, 10, 3), 0);
    const struct sl_video_encoder_config config = {.encoder = "auto",
                                                   .preset = "ultrafast",
                                                   .width = WIDTH,
                                                   .height = HEIGHT,
                                                   .fps_num = 30,
                                                   .fps_den = 1,
                                                   .bitrate_bps = 1000000,
                                                   .gop = 2 * SL_SEC};
    assert_int_equal(sl_video_encoder_create(&encoder, &config, why, sizeof(why)), 0);
    assert_int_equal(sl_video_decoder_create(&decoder, 1), 0);
    uint8_t *padded = malloc(WIDTH * HEIGHT * 2);
    for (uint32_t i = 0; i < 90; i++) {
        const uint32_t number = i * 7919; /* many bits change each time */
        uint8_t *plane[3];
        struct sl_picture picture = {.width = WIDTH, .height = HEIGHT};
        sl_scene_planes(scene, sl_scene_frame(scene, i), plane, picture.stride);
        sl_stamp_write(&place, plane, picture.stride, number);
        for (int c = 0; c < 3; c++)
            picture.plane[c] = plane[c];
        struct sl_encoded coded;
        assert_int_equal(sl_video_encoder_encode(encoder, &picture, false, &coded), 0);
        memcpy(padded, coded.data, coded.len);
        memset(padded + coded.len, 0, 64);
        struct sl_picture out;
        assert_int_equal(sl_video_decoder_decode(decoder, padded, coded.len, &out), 1);
        uint32_t got;
        assert_true(
            sl_stamp_read(stamp_line(&place, out.plane[0], out.stride[0]), place.block, &got));
        assert_int_equal(got, number);
    }
    free(padded);
    sl_video_decoder_destroy(decoder);
    sl_video_encoder_destroy(encoder);
    sl_scene_destroy(scene);
}

/* The loop's end meets its start: no cut that would cost an encoder a key frame's worth. */
static void scene_has_no_cut(void **state)
{
    (void)state;
    struct sl_scene *scene;
    assert_int_equal(sl_scene_create(&scene, 320, 240, 60, 3), 0);
    double step[60], most = 0, sum = 0;
    for (uint32_t i = 0; i < 60; i++) {
        const uint8_t *a = sl_scene_frame(scene, i), *b = sl_scene_frame(scene, i + 1);
        step[i] = 0;
        for (int j = 0; j < 320 * 240; j++)
            step[i] += abs(a[j] - b[j]);
        sum += step[i];
        most = step[i] > most ? step[i] : most;
    }
    assert_true(sum > 0);
    assert_true(step[59] < 1.5 * sum / 60);
    assert_true(most < 2 * sum / 60);
    assert_ptr_equal(sl_scene_frame(scene, 60), sl_scene_frame(scene, 0));
    sl_scene_destroy(scene);
    assert_int_equal(sl_scene_create(&scene, 321, 240, 60, 3), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places),           cmocka_unit_test(every_bit),
        cmocka_unit_test(noise_never_lies), cmocka_unit_test(scaled_and_noisy),
        cmocka_unit_test(through_h264),     cmocka_unit_test(scene_has_no_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
