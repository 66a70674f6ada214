/* SPDX-License-Identifier: MIT */
/* Font, scene and overlay: what is drawn, and that nothing is drawn beside the picture. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sender/font.h"
#include "sender/motion_mark.h"
#include "sender/overlay.h"
#include "sender/scene.h"

/* Exactly one picture's memory, so that a sanitizer sees a byte too far. */
static uint8_t *blank(int width, int height)
{
    const size_t bytes = (size_t)width * (size_t)height * 3 / 2;
    uint8_t *pixels = malloc(bytes);
    memset(pixels, 128, bytes);
    return pixels;
}

static size_t count_luma(const uint8_t *pixels, int width, int height, uint8_t luma)
{
    size_t count = 0;
    for (size_t i = 0; i < (size_t)width * (size_t)height; i++)
        count += pixels[i] == luma;
    return count;
}

static void letters_have_their_shape(void **state)
{
    (void)state;
    static const char *const shape[SL_FONT_HEIGHT] = {
        "#####.#...#", /* T H */
        "..#...#...#", "..#...#...#", "..#...#####", "..#...#...#",
        "..#...#...#", "..#...#...#", "...........",
    };
    uint8_t *pixels = blank(16, 16);
    const struct sl_canvas canvas = sl_canvas(pixels, 16, 16);
    sl_font_draw(&canvas, 0, 0, 1, 235, "TH");
    for (int y = 0; y < SL_FONT_HEIGHT; y++)
        for (int x = 0; x < 11; x++)
            assert_int_equal(pixels[y * 16 + x], shape[y][x] == '#' ? 235 : 128);
    free(pixels);
}

static void scale_and_encoding(void **state)
{
    (void)state;
    uint8_t *pixels = blank(64, 32), *other = blank(64, 32);
    const struct sl_canvas canvas = sl_canvas(pixels, 64, 32), plain = sl_canvas(other, 64, 32);
    sl_font_draw(&canvas, 0, 0, 2, 235, "é"); /* Latin-1: without its accent */
    sl_font_draw(&plain, 0, 0, 2, 235, "e");
    assert_memory_equal(pixels, other, 64 * 32);
    sl_font_draw(&canvas, 20, 0, 2, 235, "日");
    sl_font_draw(&plain, 20, 0, 2, 235, "?");
    assert_memory_equal(pixels, other, 64 * 32);
    assert_int_equal(sl_font_width("éA日", 2), sl_font_width("abc", 2));
    assert_int_equal(sl_font_width("abc", 2), 34);
    assert_int_equal(sl_font_width("", 2), 0);
    sl_font_draw(&canvas, 0, 20, 1, 235, "\xc3"); /* cut off within a character */
    free(pixels);
    free(other);
}

static void drawing_is_clipped(void **state)
{
    (void)state;
    uint8_t *pixels = blank(18, 16);
    const struct sl_canvas canvas = sl_canvas(pixels, 18, 16);
    for (int x = -20; x < 24; x += 3)
        for (int y = -20; y < 24; y += 3) {
            sl_font_draw(&canvas, x, y, 3, 235, "W8g");
            sl_canvas_shade(&canvas, x, y, 7, 9);
            sl_canvas_fill(&canvas, x, y, 9, 7, (struct sl_color){81, 90, 240});
            sl_canvas_fill(&canvas, x, y, -1, 7, (struct sl_color){81, 90, 240});
        }
    free(pixels);
    pixels = blank(18, 16);
    const struct sl_canvas fresh = sl_canvas(pixels, 18, 16);
    sl_canvas_fill(&fresh, 16, 14, 50, 50, (struct sl_color){81, 90, 240});
    assert_int_equal(count_luma(pixels, 18, 16, 81), 4);
    assert_int_equal(pixels[18 * 16 + 9 * 8 - 1], 90); /* the last of U */
    assert_int_equal(pixels[18 * 16 * 3 / 2 - 1], 240);
    free(pixels);
}

static void scene_moves_and_repeats_itself(void **state)
{
    (void)state;
    struct sl_scene *scene = NULL;
    assert_int_equal(sl_scene_create(&scene, 15, 16, "x"), -EINVAL);
    assert_int_equal(sl_scene_create(&scene, 320, 240, "front-door"), 0);
    uint8_t *one = blank(320, 240), *two = blank(320, 240);
    const size_t bytes = 320 * 240 * 3 / 2;
    const sl_ns wall = 1700000000 * SL_SEC;
    sl_scene_draw(scene, one, wall, 1);
    sl_scene_draw(scene, two, wall, 1);
    assert_memory_equal(one, two, bytes);
    sl_scene_draw(scene, two, wall, 2); /* the counter alone */
    assert_memory_not_equal(one, two, bytes);
    sl_scene_draw(scene, two, wall + 33 * SL_MS, 1);
    size_t moved = 0;
    for (size_t i = 0; i < bytes; i++)
        moved += one[i] != two[i];
    assert_in_range(moved, 200, bytes / 4);
    sl_scene_destroy(scene);
    sl_scene_destroy(NULL);
    free(one);
    free(two);
}

static void scene_fits_any_size(void **state)
{
    (void)state;
    static const int sizes[][2] = {{16, 16}, {18, 200}, {640, 18}, {1920, 1080}};
    for (size_t i = 0; i < SL_COUNT(sizes); i++) {
        struct sl_scene *scene = NULL;
        assert_int_equal(sl_scene_create(&scene, sizes[i][0], sizes[i][1], "a-name-of-32-letters"),
                         0);
        uint8_t *pixels = blank(sizes[i][0], sizes[i][1]);
        for (int step = 0; step < 70; step++)
            sl_scene_draw(scene, pixels, 1700000000 * SL_SEC + step * 997 * SL_MS,
                          (uint64_t)step * 1000000007u);
        free(pixels);
        sl_scene_destroy(scene);
    }
}

static void overlay_shows_what_was_asked_for(void **state)
{
    (void)state;
    struct sl_overlay overlay = {.name_text = "yard", .location_text = "behind the house"};
    assert_int_equal(sl_overlay_parse(&overlay, NULL), 0);
    assert_int_equal(sl_overlay_parse(&overlay, ""), 0);
    assert_false(sl_overlay_wanted(&overlay));
    assert_int_equal(sl_overlay_parse(&overlay, "name,mood"), -EINVAL);
    assert_false(sl_overlay_wanted(&overlay));
    assert_int_equal(sl_overlay_parse(&overlay, "name"), 0);
    assert_true(overlay.name && !overlay.time && !overlay.location && !overlay.fps);

    uint8_t *pixels = blank(640, 480), *more = blank(640, 480);
    const struct sl_canvas canvas = sl_canvas(pixels, 640, 480), second = sl_canvas(more, 640, 480);
    sl_overlay_draw(&overlay, &canvas, SL_SEC);
    const size_t name_only = count_luma(pixels, 640, 480, 235);
    assert_in_range(name_only, 100, 2000);
    assert_int_equal(sl_overlay_parse(&overlay, "location,fps,time"), 0);
    sl_overlay_draw(&overlay, &second, SL_SEC);
    assert_true(count_luma(more, 640, 480, 235) > 3 * name_only);
    free(pixels);
    free(more);
}

static void overlay_counts_frames(void **state)
{
    (void)state;
    struct sl_overlay overlay = {.fps = true};
    uint8_t *pixels = blank(64, 64);
    const struct sl_canvas canvas = sl_canvas(pixels, 64, 64);
    for (int i = 0; i < 60; i++)
        sl_overlay_draw(&overlay, &canvas, 100 * SL_SEC + i * SL_SEC / 25);
    assert_int_equal(overlay.shown_fps, 25);
    free(pixels);
}

static void motion_is_outlined(void **state)
{
    (void)state;
    uint8_t *pixels = blank(320, 180);
    const struct sl_canvas canvas = sl_canvas(pixels, 320, 180);
    struct sl_motion_map map = {0};
    sl_motion_map_set(&map, 3, 4);
    sl_motion_mark(&canvas, &map);
    assert_int_equal(count_luma(pixels, 320, 180, 150), 100 - 36);
    assert_int_equal(canvas.plane[0][40 * 320 + 30], 150);
    assert_int_equal(canvas.plane[0][45 * 320 + 35], canvas.plane[0][0]);
    assert_int_equal(canvas.plane[1][20 * 160 + 15], 90);
    free(pixels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_have_their_shape),
        cmocka_unit_test(scale_and_encoding),
        cmocka_unit_test(drawing_is_clipped),
        cmocka_unit_test(scene_moves_and_repeats_itself),
        cmocka_unit_test(scene_fits_any_size),
        cmocka_unit_test(overlay_shows_what_was_asked_for),
        cmocka_unit_test(overlay_counts_frames),
        cmocka_unit_test(motion_is_outlined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
