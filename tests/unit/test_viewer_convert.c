/* SPDX-License-Identifier: MIT */
/* Canvas and converters against plain arithmetic. */
#include "viewer/convert.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SPARE 64

static struct sl_picture make_picture(int width, int height, int stride)
{
    struct sl_picture picture = {.width = width, .height = height};
    for (int i = 0; i < 3; i++) {
        const int rows = i ? height / 2 : height;
        picture.stride[i] = i ? stride / 2 : stride;
        uint8_t *plane = malloc((size_t)(picture.stride[i] * rows + SPARE));
        for (int at = 0; at < picture.stride[i] * rows; at++) {
            const int x = at % picture.stride[i], y = at / picture.stride[i];
            plane[at] = (uint8_t)(i == 0   ? 16 + (x * 3 + y * 5) % 220
                                  : i == 1 ? 40 + (x + 2 * y) % 170
                                           : 200 - (2 * x + y) % 170);
        }
        picture.plane[i] = plane;
    }
    return picture;
}

static void free_picture(struct sl_picture *picture)
{
    for (int i = 0; i < 3; i++)
        free((void *)(uintptr_t)picture->plane[i]);
}

static struct sl_canvas make_canvas(int width, int height)
{
    struct sl_canvas canvas = {.width = width, .height = height, .stride = width * 4};
    canvas.pixels = malloc((size_t)(canvas.stride * height));
    memset(canvas.pixels, 0x77, (size_t)(canvas.stride * height));
    return canvas;
}

static double limit(double value)
{
    return value < 0 ? 0 : value > 255 ? 255 : value;
}

/* The definition, in floating point (ITU-R BT.601 / BT.709). */
static void expected_rgb(const struct sl_picture *picture, int x, int y, double rgb[3])
{
    const double kr = picture->bt709 ? 0.2126 : 0.299, kb = picture->bt709 ? 0.0722 : 0.114;
    double luma = picture->plane[0][y * picture->stride[0] + x];
    double u = picture->plane[1][y / 2 * picture->stride[1] + x / 2] - 128;
    double v = picture->plane[2][y / 2 * picture->stride[2] + x / 2] - 128;
    if (!picture->full_range) {
        luma = (luma - 16) * 255 / 219;
        u = u * 255 / 224;
        v = v * 255 / 224;
    }
    rgb[0] = limit(luma + 2 * (1 - kr) * v);
    rgb[1] =
        limit(luma - 2 * (1 - kb) * kb / (1 - kr - kb) * u - 2 * (1 - kr) * kr / (1 - kr - kb) * v);
    rgb[2] = limit(luma + 2 * (1 - kb) * u);
}

static void assert_painted(const struct sl_canvas *canvas, int left, int top,
                           const struct sl_picture *picture)
{
    for (int y = 0; y < canvas->height; y++) {
        for (int x = 0; x < canvas->width; x++) {
            const uint8_t *pixel = canvas->pixels + y * canvas->stride + x * 4;
            const bool inside =
                x >= left && x < left + picture->width && y >= top && y < top + picture->height;
            if (!inside) {
                assert_int_equal(pixel[0], 0x77);
                assert_int_equal(pixel[3], 0x77);
                continue;
            }
            double rgb[3];
            expected_rgb(picture, x - left, y - top, rgb);
            for (int i = 0; i < 3; i++)
                assert_true(fabs(pixel[2 - i] - rgb[i]) < 6);
        }
    }
}

/* Every width, also those that are no multiple of the SIMD's, and not a pixel beyond. */
static void test_paint_is_exact_and_stays_inside(void **state)
{
    (void)state;
    struct sl_painter *painter;
    assert_int_equal(sl_painter_create(&painter), 0);
    for (int width = 2; width <= 80; width += 2) {
        for (int kind = 0; kind < 4; kind++) {
            struct sl_picture picture = make_picture(width, 12, 128);
            picture.full_range = kind & 1;
            picture.bt709 = kind & 2;
            struct sl_canvas canvas = make_canvas(90, 20);
            assert_int_equal(sl_painter_paint(painter, &canvas, 3, 5, &picture), 0);
            assert_painted(&canvas, 3, 5, &picture);
            free(canvas.pixels);
            canvas = make_canvas(width, 12); /* to the very edge */
            assert_int_equal(sl_painter_paint(painter, &canvas, 0, 0, &picture), 0);
            assert_painted(&canvas, 0, 0, &picture);
            assert_int_equal(sl_painter_paint(painter, &canvas, 1, 0, &picture), -EINVAL);
            assert_int_equal(sl_painter_paint(painter, &canvas, 0, -1, &picture), -EINVAL);
            free(canvas.pixels);
            free_picture(&picture);
        }
    }
    sl_painter_destroy(painter);
    sl_painter_destroy(NULL);
}

static void test_scale_keeps_flat_colours_and_bounds(void **state)
{
    (void)state;
    struct sl_scaler *scaler;
    assert_int_equal(sl_scaler_create(&scaler), 0);
    struct sl_picture from = make_picture(160, 120, 192);
    for (int i = 0; i < 3; i++)
        memset((void *)(uintptr_t)from.plane[i], 60 + 50 * i,
               (size_t)(from.stride[i] * (i ? 60 : 120)));
    from.full_range = true;
    from.captured = 1234;
    const int sizes[][2] = {{80, 60}, {54, 40}, {40, 30}, {38, 30}, {320, 240}, {2, 2}, {302, 26}};
    for (size_t s = 0; s < SL_COUNT(sizes); s++) {
        struct sl_picture to = make_picture(sizes[s][0], sizes[s][1], (sizes[s][0] + 63) & ~63);
        uint8_t *planes[3];
        for (int i = 0; i < 3; i++)
            planes[i] = (uint8_t *)(uintptr_t)to.plane[i];
        assert_int_equal(sl_scaler_scale(scaler, &from, &to, planes), 0);
        assert_true(to.full_range && to.captured == 1234);
        for (int i = 0; i < 3; i++)
            for (int y = 0; y < (i ? to.height / 2 : to.height); y++)
                for (int x = 0; x < (i ? to.width / 2 : to.width); x++)
                    assert_true(abs(to.plane[i][y * to.stride[i] + x] - (60 + 50 * i)) <= 1);
        free_picture(&to);
    }
    free_picture(&from);
    sl_scaler_destroy(scaler);
    sl_scaler_destroy(NULL);
}

static uint32_t pixel_at(const struct sl_canvas *canvas, int x, int y)
{
    const uint8_t *pixel = canvas->pixels + y * canvas->stride + x * 4;
    return (uint32_t)(pixel[2] << 16 | pixel[1] << 8 | pixel[0]);
}

static void test_canvas_clips(void **state)
{
    (void)state;
    struct sl_canvas canvas = make_canvas(20, 10);
    const struct sl_rect rects[] = {{-5, -5, 8, 8}, {15, 7, 30, 30}, {50, 50, 5, 5},
                                    {3, 3, 0, 4},   {-9, 2, 4, 4},   {4, 4, -3, 2}};
    uint8_t alpha[12 * 12];
    memset(alpha, 255, sizeof(alpha));
    const struct sl_bitmap bitmap = {alpha, 12, 12};
    for (size_t i = 0; i < SL_COUNT(rects); i++) {
        sl_canvas_fill(&canvas, rects[i], 0x102030);
        sl_canvas_outline(&canvas, rects[i], 2, 0x102030);
        sl_canvas_shade(&canvas, rects[i], 128);
        sl_canvas_grey(&canvas, rects[i], 128);
        sl_canvas_blend(&canvas, rects[i].x, rects[i].y, &bitmap, 0x405060);
    }
    assert_int_equal(pixel_at(&canvas, 0, 0), 0x405060);
    free(canvas.pixels);
}

static void test_canvas_colours(void **state)
{
    (void)state;
    struct sl_canvas canvas = make_canvas(8, 4);
    sl_canvas_fill(&canvas, (struct sl_rect){0, 0, 8, 4}, 0x804020);
    assert_int_equal(pixel_at(&canvas, 7, 3), 0x804020);
    sl_canvas_shade(&canvas, (struct sl_rect){0, 0, 1, 1}, 128);
    assert_int_equal(pixel_at(&canvas, 0, 0), 0x402010);
    sl_canvas_grey(&canvas, (struct sl_rect){1, 0, 1, 1}, 256);
    const int luma = (77 * 0x80 + 150 * 0x40 + 29 * 0x20) >> 8;
    assert_int_equal(pixel_at(&canvas, 1, 0), luma * 0x010101);
    uint8_t alpha[] = {0, 128, 255};
    const struct sl_bitmap bitmap = {alpha, 3, 1};
    sl_canvas_blend(&canvas, 2, 0, &bitmap, 0xffffff);
    assert_int_equal(pixel_at(&canvas, 2, 0), 0x804020);
    const uint32_t half = pixel_at(&canvas, 3, 0);
    assert_true(abs((int)(half >> 16) - 0xc0) <= 1 && abs((int)(half & 255) - 0x90) <= 1);
    assert_int_equal(pixel_at(&canvas, 4, 0), 0xffffff);
    free(canvas.pixels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paint_is_exact_and_stays_inside),
        cmocka_unit_test(test_scale_keeps_flat_colours_and_bounds),
        cmocka_unit_test(test_canvas_clips),
        cmocka_unit_test(test_canvas_colours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
