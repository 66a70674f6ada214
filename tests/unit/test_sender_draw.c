/* SPDX-License-Identifier: MIT */
/* Font, landscape and overlay: what is drawn, and that nothing is drawn beside the picture. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "sender/font.h"
#include "sender/landscape.h"
#include "sender/letters.h"
#include "sender/motion_mark.h"
#include "sender/overlay.h"

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

/* At scale 1 on 8x12, two rows down, as text of # and blanks. */
static void letter_shape(const char *text, char shape[12][6])
{
    uint8_t *pixels = blank(8, 12);
    const struct sl_canvas canvas = sl_canvas(pixels, 8, 12);
    sl_font_draw(&canvas, 0, SL_FONT_RISE, 1, 235, text);
    for (int y = 0; y < 12; y++) {
        for (int x = 0; x < 5; x++)
            shape[y][x] = pixels[y * 8 + x] == 235 ? '#' : '.';
        shape[y][5] = '\0';
    }
    free(pixels);
}

static void letters_keep_their_marks(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shape[12];
    } cases[] = {
        {"é", {".....", "...#.", "..#..", ".....", ".###.", "#...#", "#####", "#....", ".###."}},
        {"É", {"...#.", "..#..", "#####", "#....", "#....", "####.", "#....", "#....", "#####"}},
        {"ï", {".....", ".....", ".#.#.", ".....", ".##..", "..#..", "..#..", "..#..", ".###."}},
        {"ç",
         {".....", ".....", ".....", ".....", ".###.", "#....", "#....", "#...#", ".###.",
          "..#.."}},
        {"Ł", {".....", ".....", "#....", "#....", "####.", "#....", "#....", "#....", "#####"}},
    };
    for (size_t i = 0; i < SL_COUNT(cases); i++) {
        char shape[12][6];
        letter_shape(cases[i].text, shape);
        for (int y = 0; y < 12; y++)
            if (strcmp(shape[y], cases[i].shape[y] ? cases[i].shape[y] : ".....") != 0)
                fail_msg("%s, row %d: %s", cases[i].text, y, shape[y]);
    }
    char one[12][6], other[12][6]; /* every letter of the two blocks is drawn, and not as '?' */
    letter_shape("?", other);
    for (unsigned code = 0xc0; code < 0x180; code++) {
        const char text[] = {(char)(0xc0 | code >> 6), (char)(0x80 | (code & 0x3f)), '\0'};
        letter_shape(text, one);
        assert_memory_not_equal(one, other, sizeof(one));
    }
}

static void text_of_any_bytes(void **state)
{
    (void)state;
    assert_int_equal(sl_letter_count("Straße 5 – Łódź"), 15);
    assert_int_equal(sl_letter_count("e\xcc\x81"), 1); /* a combining acute */
    assert_int_equal(sl_letter_count("日本"), 2);
    assert_int_equal(sl_letter_count("\xc3"), 1);
    assert_int_equal(sl_letter_count("\xc3(\xf0\x9f\x98"), 5); /* each broken byte is one */
    assert_int_equal(sl_letter_count("\x80\xff\xc0\xaf"), 4);
    assert_int_equal(sl_letter_count(""), 0);
    assert_int_equal(sl_letter_bytes("äöü", 2), 4);
    assert_int_equal(sl_letter_bytes("ab", 9), 2);
    uint8_t *pixels = blank(64, 32);
    const struct sl_canvas canvas = sl_canvas(pixels, 64, 32);
    uint32_t seed = 1;
    for (int run = 0; run < 2000; run++) {
        char text[24];
        for (size_t i = 0; i < sizeof(text) - 1; i++) {
            seed = seed * 1664525 + 1013904223;
            text[i] = (char)(seed >> 24);
        }
        text[sizeof(text) - 1] = '\0';
        char *exact = strdup(text); /* a sanitizer sees a byte too far */
        const int count = sl_letter_count(exact);
        assert_in_range(count, 0, 23);
        assert_int_equal(sl_letter_bytes(exact, count + 1), strlen(exact));
        sl_font_draw(&canvas, 0, 4, 1, 235, exact);
        free(exact);
    }
    free(pixels);
}

static void scale_and_encoding(void **state)
{
    (void)state;
    uint8_t *pixels = blank(64, 32), *other = blank(64, 32);
    const struct sl_canvas canvas = sl_canvas(pixels, 64, 32), plain = sl_canvas(other, 64, 32);
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

static void landscape_moves_and_repeats_itself(void **state)
{
    (void)state;
    struct sl_landscape *landscape = NULL;
    assert_int_equal(sl_landscape_create(&landscape, 15, 16, "x"), -EINVAL);
    assert_int_equal(sl_landscape_create(&landscape, 320, 240, "front-door"), 0);
    uint8_t *one = blank(320, 240), *two = blank(320, 240);
    const size_t bytes = 320 * 240 * 3 / 2;
    const sl_ns wall = 1700000000 * SL_SEC;
    sl_landscape_draw(landscape, one, wall, 1);
    sl_landscape_draw(landscape, two, wall, 1);
    assert_memory_equal(one, two, bytes);
    sl_landscape_draw(landscape, two, wall, 2); /* the counter alone */
    assert_memory_not_equal(one, two, bytes);
    sl_landscape_draw(landscape, two, wall + 33 * SL_MS, 1);
    size_t moved = 0;
    for (size_t i = 0; i < bytes; i++)
        moved += one[i] != two[i];
    assert_in_range(moved, 200, bytes / 4);
    sl_landscape_destroy(landscape);
    sl_landscape_destroy(NULL);
    free(one);
    free(two);
}

static void landscape_fits_any_size(void **state)
{
    (void)state;
    static const int sizes[][2] = {{16, 16}, {18, 200}, {640, 18}, {1920, 1080}};
    for (size_t i = 0; i < SL_COUNT(sizes); i++) {
        struct sl_landscape *landscape = NULL;
        assert_int_equal(
            sl_landscape_create(&landscape, sizes[i][0], sizes[i][1], "a-name-of-32-letters"), 0);
        uint8_t *pixels = blank(sizes[i][0], sizes[i][1]);
        for (int step = 0; step < 70; step++)
            sl_landscape_draw(landscape, pixels, 1700000000 * SL_SEC + step * 997 * SL_MS,
                              (uint64_t)step * 1000000007u);
        free(pixels);
        sl_landscape_destroy(landscape);
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
    sl_overlay_draw(&overlay, &canvas, SL_SEC, 0);
    const size_t name_only = count_luma(pixels, 640, 480, 235);
    assert_in_range(name_only, 100, 2000);
    assert_int_equal(sl_overlay_parse(&overlay, "location,fps,time"), 0);
    sl_overlay_draw(&overlay, &second, SL_SEC, 0);
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
        sl_overlay_draw(&overlay, &canvas, 100 * SL_SEC + i * SL_SEC / 25, 0);
    assert_int_equal(overlay.shown_fps, 25);
    free(pixels);
}

/* What is drawn on, and memory of exactly one picture. */
static void paint_ground(uint8_t *pixels, size_t bytes, int kind)
{
    uint32_t seed = 7;
    for (size_t i = 0; i < bytes; i++) {
        seed = seed * 1664525 + 1013904223;
        pixels[i] = kind == 0 ? 0 : kind == 1 ? 255 : (uint8_t)(seed >> 24);
    }
}

/* Every picture pixel is text, its box, or untouched; text and box are far apart in brightness. */
static size_t check_overlay(struct sl_overlay *overlay, int width, int height, int kind)
{
    const size_t luma = (size_t)width * (size_t)height, bytes = luma * 3 / 2;
    uint8_t *drawn = malloc(bytes), *ground = malloc(bytes);
    paint_ground(drawn, bytes, kind);
    memcpy(ground, drawn, bytes);
    const struct sl_canvas canvas = sl_canvas(drawn, width, height);
    sl_overlay_draw(overlay, &canvas, SL_SEC, 1700000000 * SL_SEC);
    int right = 0, bottom = 0;
    for (size_t i = 0; i < luma; i++)
        if (drawn[i] != ground[i]) {
            right = (int)(i % (size_t)width) > right ? (int)(i % (size_t)width) : right;
            bottom = (int)(i / (size_t)width);
        }
    size_t text = 0;
    for (int y = 0; y <= bottom; y++)
        for (int x = 0; x <= right; x++) {
            const uint8_t pixel = drawn[(size_t)y * (size_t)width + (size_t)x];
            text += pixel == 235;
            assert_true(pixel == 235 || pixel <= 235 - 140);
        }
    /* The last column and row of the box are box: no letter is cut off by the picture's edge. */
    for (int y = 0; y <= bottom; y++)
        assert_int_not_equal(drawn[(size_t)y * (size_t)width + (size_t)right], 235);
    for (int x = 0; x <= right; x++)
        assert_int_not_equal(drawn[(size_t)bottom * (size_t)width + (size_t)x], 235);
    assert_true(bottom < height * 6 / 10);
    free(drawn);
    free(ground);
    return text;
}

static void overlay_is_legible_on_everything(void **state)
{
    (void)state;
    static const int sizes[][2] = {{96, 96},   {160, 90},   {320, 180},  {640, 360},
                                   {768, 576}, {720, 1280}, {1280, 720}, {1920, 1080}};
    static const char *const locations[] = {
        "", "Hof", "Straße der Märtyrer 125, hinter dem Łódźer Tor, Blick nach Süden",
        "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"};
    for (size_t i = 0; i < SL_COUNT(sizes); i++)
        for (size_t j = 0; j < SL_COUNT(locations); j++) {
            size_t text[3];
            for (int kind = 0; kind < 3; kind++) {
                struct sl_overlay overlay = {.name_text = "back-yard",
                                             .location_text = locations[j],
                                             .second_began = SL_SEC};
                assert_int_equal(sl_overlay_parse(&overlay, "time,name,location,fps"), 0);
                text[kind] = check_overlay(&overlay, sizes[i][0], sizes[i][1], kind);
            }
            assert_int_equal(text[0], text[1]); /* the same on each */
            assert_int_equal(text[0], text[2]);
            /* As large as the picture asks for: 30 letters of at least so many pixels of ink. */
            const int side = sizes[i][0] < sizes[i][1] ? sizes[i][0] : sizes[i][1];
            const size_t scale = side < 240 ? 1 : (size_t)side / 240;
            assert_true(text[0] > 25 * 8 * scale * scale);
        }
}

static void overlay_fits_any_size(void **state)
{
    (void)state;
    for (int width = 16; width < 100; width += 6)
        for (int height = 16; height < 100; height += 14) {
            struct sl_overlay overlay = {.name_text = "x y", .location_text = "  by the — gate  "};
            assert_int_equal(sl_overlay_parse(&overlay, "time,name,location,fps"), 0);
            uint8_t *pixels = blank(width, height);
            const struct sl_canvas canvas = sl_canvas(pixels, width, height);
            sl_overlay_draw(&overlay, &canvas, SL_SEC, 0);
            free(pixels);
        }
}

static void time_tells_its_zone(void **state)
{
    (void)state;
    static const struct {
        const char *zone;
        int64_t at;
        const char *text;
    } cases[] = {
        {"UTC0", 1795872605, "2026-11-28 13:30:05 +00:00"},
        {"CET-1CEST,M3.5.0,M10.5.0/3", 1795872605, "2026-11-28 14:30:05 +01:00"},
        /* The hour that comes twice. */
        {"CET-1CEST,M3.5.0,M10.5.0/3", 1792889999, "2026-10-25 02:59:59 +02:00"},
        {"CET-1CEST,M3.5.0,M10.5.0/3", 1792890000, "2026-10-25 02:00:00 +01:00"},
        {"CET-1CEST,M3.5.0,M10.5.0/3", 1774745999, "2026-03-29 01:59:59 +01:00"},
        {"CET-1CEST,M3.5.0,M10.5.0/3", 1774746000, "2026-03-29 03:00:00 +02:00"},
        {"NST3:30NDT,M3.2.0,M11.1.0", 1795872605, "2026-11-28 10:00:05 -03:30"},
        {"<+0545>-5:45", 1795872605, "2026-11-28 19:15:05 +05:45"},
    };
    for (size_t i = 0; i < SL_COUNT(cases); i++) {
        char text[SL_OVERLAY_TIME];
        setenv("TZ", cases[i].zone, 1);
        tzset();
        sl_overlay_time(cases[i].at * SL_SEC + 999 * SL_MS, text);
        assert_string_equal(text, cases[i].text);
    }
    unsetenv("TZ");
    tzset();
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
        cmocka_unit_test(letters_keep_their_marks),
        cmocka_unit_test(text_of_any_bytes),
        cmocka_unit_test(scale_and_encoding),
        cmocka_unit_test(drawing_is_clipped),
        cmocka_unit_test(landscape_moves_and_repeats_itself),
        cmocka_unit_test(landscape_fits_any_size),
        cmocka_unit_test(overlay_shows_what_was_asked_for),
        cmocka_unit_test(overlay_counts_frames),
        cmocka_unit_test(overlay_is_legible_on_everything),
        cmocka_unit_test(overlay_fits_any_size),
        cmocka_unit_test(time_tells_its_zone),
        cmocka_unit_test(motion_is_outlined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
