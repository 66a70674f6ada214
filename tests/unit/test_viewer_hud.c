/* SPDX-License-Identifier: MIT */
#include "viewer/hud.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_ages(void **state)
{
    (void)state;
    const struct {
        sl_ns age;
        const char *text;
    } expected[] = {
        {12 * SL_MS, "12 ms"},      {7400 * SL_US, "7 ms"},  {7600 * SL_US, "8 ms"},
        {999 * SL_MS, "999 ms"},    {1240 * SL_MS, "1.2 s"}, {99 * SL_SEC, "99.0 s"},
        {3 * 60 * SL_SEC, "3 min"}, {SL_NEVER, ""},          {0, "0 ms"},
    };
    char out[SL_HUD_TEXT];
    for (size_t i = 0; i < SL_COUNT(expected); i++)
        assert_string_equal(sl_hud_age_text(expected[i].age, out), expected[i].text);
}

static void test_delays(void **state)
{
    (void)state;
    char out[SL_HUD_TEXT];
    assert_string_equal(sl_hud_delay_text(0, out), "");
    assert_string_equal(sl_hud_delay_text(400 * SL_US, out), "");
    assert_string_equal(sl_hud_delay_text(12345 * SL_US, out), "delay 12 ms");
    assert_string_equal(sl_hud_delay_text(500 * SL_MS, out), "delay 500 ms");
}

static void test_states(void **state)
{
    (void)state;
    const struct {
        struct sl_tile_view view;
        const char *text;
    } expected[] = {
        {{.state = SL_TILE_LIVE, .has_picture = true}, ""},
        {{.state = SL_TILE_CONNECTING}, "CONNECTING"},
        {{.state = SL_TILE_STALE, .has_picture = true, .stale_s = 7}, "STALE 00:07"},
        {{.state = SL_TILE_STALE, .has_picture = true, .stale_s = 754}, "STALE 12:34"},
        {{.state = SL_TILE_STALE, .has_picture = true, .stale_s = 3723}, "STALE 1:02:03"},
        {{.state = SL_TILE_RECONNECTING}, "RECONNECTING"},
        {{.state = SL_TILE_RECONNECTING, .has_picture = true, .stale_s = 62}, "RECONNECTING 01:02"},
    };
    char out[SL_HUD_TEXT];
    for (size_t i = 0; i < SL_COUNT(expected); i++)
        assert_string_equal(sl_hud_state_text(&expected[i].view, out), expected[i].text);
}

struct board {
    struct sl_hud *hud;
    struct sl_hud_label *label;
    struct sl_canvas canvas;
};

static void board_open(struct board *b, enum sl_hud_level level)
{
    char why[128] = "";
    if (sl_hud_create(&b->hud, level, why, sizeof(why)))
        fail_msg("%s", why);
    assert_int_equal(sl_hud_label_create(&b->label), 0);
    b->canvas = (struct sl_canvas){.width = 640, .height = 360, .stride = 2560};
    b->canvas.pixels = malloc(640 * 360 * 4);
}

static void board_close(struct board *b)
{
    sl_hud_label_destroy(b->label);
    sl_hud_destroy(b->hud);
    free(b->canvas.pixels);
}

/* Pixels that drawing changed, on a grey board; -1 if some lie outside the cell. */
static int drawn(struct board *b, struct sl_rect cell, const struct sl_hud_content *content)
{
    memset(b->canvas.pixels, 0x80, 640 * 360 * 4);
    sl_hud_draw(b->hud, b->label, &b->canvas, cell, content);
    int count = 0;
    for (int y = 0; y < 360; y++) {
        for (int x = 0; x < 640; x++) {
            if (b->canvas.pixels[y * 2560 + 4 * x] == 0x80)
                continue;
            if (x < cell.x || x >= cell.x + cell.width || y < cell.y || y >= cell.y + cell.height)
                return -1;
            count++;
        }
    }
    return count;
}

static const struct sl_rect cell = {320, 0, 320, 180};

static void test_levels(void **state)
{
    (void)state;
    const struct sl_hud_content live = {
        .name = "yard",
        .location = "behind the house",
        .reason = "",
        .view = {.state = SL_TILE_LIVE, .has_picture = true, .age = 12 * SL_MS},
    };
    struct sl_hud_content stale = live;
    stale.view = (struct sl_tile_view){
        .state = SL_TILE_STALE, .has_picture = true, .stale_s = 3, .age = SL_NEVER};
    int pixels[3];
    for (int level = SL_HUD_OFF; level <= SL_HUD_FULL; level++) {
        struct board b;
        board_open(&b, (enum sl_hud_level)level);
        pixels[level] = drawn(&b, cell, &live);
        assert_true(drawn(&b, cell, &stale) > 500); /* at any level */
        board_close(&b);
    }
    assert_int_equal(pixels[SL_HUD_OFF], 0);
    assert_true(pixels[SL_HUD_NAMES] > 200);
    assert_true(pixels[SL_HUD_FULL] > pixels[SL_HUD_NAMES] + 200);
}

static void test_nothing_leaves_its_tile(void **state)
{
    (void)state;
    char name[161];
    memset(name, 'W', 160);
    name[160] = '\0';
    struct board b;
    board_open(&b, SL_HUD_FULL);
    const struct sl_hud_content content = {
        .name = name,
        .location = name,
        .reason = name,
        .view = {.state = SL_TILE_RECONNECTING, .loss = true, .age = SL_NEVER},
        .selected = true,
        .sound = true,
    };
    const struct sl_rect cells[] = {cell, {0, 0, 60, 40}, {10, 10, 8, 8}, {600, 300, 40, 60}};
    for (size_t i = 0; i < SL_COUNT(cells); i++)
        assert_true(drawn(&b, cells[i], &content) > 0);
    board_close(&b);
}

static void test_changes_are_noticed(void **state)
{
    (void)state;
    struct board b;
    board_open(&b, SL_HUD_FULL);
    struct sl_hud_content content = {
        .name = "yard",
        .location = "",
        .reason = "",
        .view = {.state = SL_TILE_LIVE, .has_picture = true, .age = 12 * SL_MS},
    };
    assert_true(sl_hud_changed(b.hud, b.label, &content));
    drawn(&b, cell, &content);
    assert_false(sl_hud_changed(b.hud, b.label, &content));
    content.view.age = 12 * SL_MS + 1000;
    assert_false(sl_hud_changed(b.hud, b.label, &content)); /* reads the same */
    content.view.age = 13 * SL_MS;
    assert_true(sl_hud_changed(b.hud, b.label, &content));
    drawn(&b, cell, &content);
    content.delay = 45 * SL_MS;
    assert_true(sl_hud_changed(b.hud, b.label, &content));
    const int with_delay = drawn(&b, cell, &content);
    assert_false(sl_hud_changed(b.hud, b.label, &content));
    content.delay = 0;
    assert_true(with_delay > drawn(&b, cell, &content) + 200);
    content.view.loss = true;
    assert_true(sl_hud_changed(b.hud, b.label, &content));
    drawn(&b, cell, &content);
    content.selected = true;
    assert_true(sl_hud_changed(b.hud, b.label, &content));
    drawn(&b, cell, &content);
    content.view = (struct sl_tile_view){.state = SL_TILE_STALE, .grey = true, .stale_s = 1};
    assert_true(sl_hud_changed(b.hud, b.label, &content));
    drawn(&b, cell, &content);
    content.view.stale_s = 2;
    assert_true(sl_hud_changed(b.hud, b.label, &content));
    drawn(&b, cell, &content);
    content.reason = "receiver lost";
    assert_true(sl_hud_changed(b.hud, b.label, &content));
    board_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ages),
        cmocka_unit_test(test_delays),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_nothing_leaves_its_tile),
        cmocka_unit_test(test_changes_are_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
