/* SPDX-License-Identifier: MIT */
/* The stamp must be read rightly or not at all: through H.264 at a low rate, noise and scaling. */
#include <errno.h>
#include <math.h>
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
    struct sl_stamp got;
    assert_true(sl_stamp_read(stamp_line(&place, frame, WIDTH), 0, place.block, &got) <
                0); /* black */
    for (int bit = 0; bit <= 24; bit++) {
        const struct sl_stamp stamp = {.camera = bit < 18 ? 0
                                                 : bit == 24
                                                     ? SL_STAMP_CAMERAS - 1
                                                     : (1 << (bit - 18)) & (SL_STAMP_CAMERAS - 1),
                                       .number = bit == 24  ? SL_STAMP_NUMBER_MAX
                                                 : bit < 18 ? 1u << bit
                                                            : 0};
        sl_stamp_write(&place, plane, stride, stamp);
        assert_true(sl_stamp_read(stamp_line(&place, frame, WIDTH), 0, place.block, &got) > 0.4);
        assert_int_equal(got.camera, stamp.camera);
        assert_int_equal(got.number, stamp.number);
        assert_int_equal(plane[1][place.y / 2 * stride[1] + place.x], 128);
    }
    /* Any one block turned over is noticed. */
    uint8_t line[SL_STAMP_BLOCKS * 32];
    for (int i = 0; i < SL_STAMP_BLOCKS; i++) {
        memcpy(line, stamp_line(&place, frame, WIDTH), sizeof(line));
        memset(line + i * 32, line[i * 32] > 128 ? 16 : 235, 32);
        assert_true(sl_stamp_read(line, 0, place.block, &got) < 0);
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
        struct sl_stamp got;
        sl_random_fill(&random, line, sizeof(line));
        memset(line, 16, 16); /* even with good references */
        memset(line + 16, 235, 16);
        memset(line + 32, 16, 16);
        taken += sl_stamp_read(line, 0, 16, &got) >= 0;
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
        sl_stamp_write(&place, plane, stride, (struct sl_stamp){3, number});
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
        struct sl_stamp got;
        assert_true(sl_stamp_read(line, 0, place.block * scale, &got) >= 0);
        assert_int_equal(got.camera, 3);
        assert_int_equal(got.number, number);
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
        /* Many bits change each time. */
        const struct sl_stamp stamp = {(int)i % SL_STAMP_CAMERAS, i * 2917};
        uint8_t *plane[3];
        struct sl_picture picture = {.width = WIDTH, .height = HEIGHT};
        sl_scene_planes(scene, sl_scene_frame(scene, i), plane, picture.stride);
        sl_stamp_write(&place, plane, picture.stride, stamp);
        for (int c = 0; c < 3; c++)
            picture.plane[c] = plane[c];
        struct sl_encoded coded;
        assert_int_equal(sl_video_encoder_encode(encoder, &picture, false, &coded), 0);
        memcpy(padded, coded.data, coded.len);
        memset(padded + coded.len, 0, 64);
        struct sl_picture out;
        assert_int_equal(sl_video_decoder_decode(decoder, padded, coded.len, &out), 1);
        struct sl_stamp got;
        assert_true(sl_stamp_read(stamp_line(&place, out.plane[0], out.stride[0]), 0, place.block,
                                  &got) >= 0);
        assert_int_equal(got.camera, stamp.camera);
        assert_int_equal(got.number, stamp.number);
    }
    free(padded);
    sl_video_decoder_destroy(decoder);
    sl_video_encoder_destroy(encoder);
    sl_scene_destroy(scene);
}

/* ---- Finding ---- */

/* A screen on which pictures with stamps are put, scaled by area. */
struct wall {
    struct sl_scene *scene;
    uint8_t *screen;
    struct sl_random random;
};

static void wall_open(struct wall *wall)
{
    assert_int_equal(sl_scene_create(&wall->scene, WIDTH, HEIGHT, 1, 3), 0);
    wall->screen = calloc(1, WIDTH * HEIGHT);
    sl_random_init_seed(&wall->random, 8);
}

static void wall_close(struct wall *wall)
{
    sl_scene_destroy(wall->scene);
    free(wall->screen);
}

static uint8_t mean_of(const uint8_t *luma, int x, int y, int width, int height)
{
    int sum = 0;
    for (int i = 0; i < width * height; i++)
        sum += luma[(y + i / width) * WIDTH + x + i % width];
    return (uint8_t)(sum / (width * height));
}

/* The picture of camera `camera` in a rectangle of the screen, which may stick out of it. */
static void put(struct wall *wall, struct sl_stamp stamp, int left, int top, int width, int noise)
{
    struct sl_stamp_place place;
    uint8_t *plane[3];
    int stride[3];
    assert_int_equal(sl_stamp_place(&place, WIDTH, HEIGHT), 0);
    sl_scene_planes(wall->scene, sl_scene_frame(wall->scene, 0), plane, stride);
    sl_stamp_write(&place, plane, stride, stamp);
    const int height = width * HEIGHT / WIDTH;
    const int side = WIDTH / width > 0 ? WIDTH / width : 1;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            if (left + x < 0 || left + x >= WIDTH || top + y < 0 || top + y >= HEIGHT)
                continue;
            int v = mean_of(plane[0], x * WIDTH / width, y * HEIGHT / height, side, side);
            v += noise ? (int)sl_random_range(&wall->random, 0, 2 * (uint32_t)noise) - noise : 0;
            wall->screen[(top + y) * WIDTH + left + x] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
        }
}

static int find(const struct wall *wall, struct sl_stamp_found *found)
{
    return sl_stamp_find(wall->screen, WIDTH, HEIGHT, found, SL_STAMP_CAMERAS);
}

/* Where it says a stamp is, it can be read as the watcher does. */
static void reads(const struct wall *wall, const struct sl_stamp_found *found)
{
    struct sl_stamp got;
    const int middle = (found->top + found->bottom) / 2;
    assert_true(sl_stamp_read(wall->screen + middle * WIDTH, found->x, found->block, &got) >= 0);
    assert_int_equal(got.camera, found->stamp.camera);
    assert_int_equal(got.number, found->stamp.number);
}

static void nothing_to_find(void **state)
{
    (void)state;
    struct wall wall;
    struct sl_stamp_found found[SL_STAMP_CAMERAS];
    wall_open(&wall);
    assert_int_equal(find(&wall, found), 0); /* black */
    memcpy(wall.screen, sl_scene_frame(wall.scene, 0), WIDTH * HEIGHT);
    assert_int_equal(find(&wall, found), 0); /* a picture without one */
    for (int i = 0; i < 20; i++) {
        sl_random_fill(&wall.random, wall.screen, WIDTH * HEIGHT);
        assert_int_equal(find(&wall, found), 0); /* snow */
    }
    wall_close(&wall);
}

static void found_at_any_place_and_size(void **state)
{
    (void)state;
    struct wall wall;
    struct sl_stamp_found found[SL_STAMP_CAMERAS];
    wall_open(&wall);
    for (int i = 0; i < 120; i++) {
        const int width = 160 + (int)sl_random_range(&wall.random, 0, WIDTH - 160);
        const int height = width * HEIGHT / WIDTH;
        const int x = (int)sl_random_range(&wall.random, 0, (uint32_t)(WIDTH - width));
        const int y = (int)sl_random_range(&wall.random, 0, (uint32_t)(HEIGHT - height));
        const struct sl_stamp stamp = {i % SL_STAMP_CAMERAS,
                                       (uint32_t)i * 4099 % (SL_STAMP_NUMBER_MAX + 1)};
        const double scale = (double)width / WIDTH;
        memset(wall.screen, 40, WIDTH * HEIGHT);
        put(&wall, stamp, x, y, width, i % 2 ? 12 : 0);
        assert_int_equal(find(&wall, found), 1);
        assert_int_equal(found[0].stamp.camera, stamp.camera);
        assert_int_equal(found[0].stamp.number, stamp.number);
        assert_true(fabs(found[0].block - 32 * scale) < 0.03 * 32 * scale);
        assert_true(fabs(found[0].x - x - 32 * scale) < 1.5);
        assert_true(fabs(found[0].bottom - found[0].top - 32 * scale) <= 4);
        reads(&wall, &found[0]);
        /* Dimmed, as the wall does with a picture that stands still. */
        for (int j = 0; j < WIDTH * HEIGHT; j++)
            wall.screen[j] /= 2;
        assert_int_equal(find(&wall, found), 1);
        reads(&wall, &found[0]);
    }
    wall_close(&wall);
}

static void many_tiles(void **state)
{
    (void)state;
    struct wall wall;
    struct sl_stamp_found found[SL_STAMP_CAMERAS];
    wall_open(&wall);
    for (int i = 0; i < 16; i++)
        put(&wall, (struct sl_stamp){15 - i, 1000 + (uint32_t)i}, i % 4 * 320, i / 4 * 180, 320, 6);
    assert_int_equal(find(&wall, found), 16);
    uint32_t seen = 0;
    for (int i = 0; i < 16; i++) {
        seen |= 1u << found[i].stamp.camera;
        assert_int_equal(found[i].stamp.number, 1015 - (uint32_t)found[i].stamp.camera);
        assert_true(!i || found[i].top >= found[i - 1].top - 1);
        reads(&wall, &found[i]);
    }
    assert_int_equal(seen, 0xffff);
    assert_int_equal(sl_stamp_find(wall.screen, WIDTH, HEIGHT, found, 3),
                     3); /* no more than asked */
    /* One camera twice: the larger picture's counts. */
    put(&wall, (struct sl_stamp){2, 7}, 0, 0, 640, 0);
    bool larger = false;
    const int count = find(&wall, found);
    for (int i = 0; i < count; i++)
        larger |= found[i].stamp.camera == 2 && found[i].stamp.number == 7;
    assert_true(larger);
    wall_close(&wall);
}

static void half_a_stamp(void **state)
{
    (void)state;
    struct wall wall;
    struct sl_stamp_found found[SL_STAMP_CAMERAS];
    wall_open(&wall);
    put(&wall, (struct sl_stamp){1, 99}, WIDTH / 2, 0, WIDTH, 0); /* its right half is off */
    assert_int_equal(find(&wall, found), 0);
    put(&wall, (struct sl_stamp){1, 99}, -WIDTH / 2, 0, WIDTH, 0);
    assert_int_equal(find(&wall, found), 0);
    memset(wall.screen, 0, WIDTH * HEIGHT);
    put(&wall, (struct sl_stamp){1, 99}, 0, 56, WIDTH, 0); /* only its upper quarter is on */
    assert_int_equal(find(&wall, found), 0);
    put(&wall, (struct sl_stamp){1, 99}, 0, 0, WIDTH, 0);
    assert_int_equal(find(&wall, found), 1);
    wall_close(&wall);
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
        cmocka_unit_test(nothing_to_find),  cmocka_unit_test(found_at_any_place_and_size),
        cmocka_unit_test(many_tiles),       cmocka_unit_test(half_a_stamp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
