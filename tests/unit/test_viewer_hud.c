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

static void test_networks(void **state)
{
    (void)state;
    const struct {
        struct sl_hud_net net;
        const char *whole, *brief;
    } expected[] = {
        {{.kbps = 2000, .rtt = 20 * SL_MS}, "", ""},
        {{.kbps = 2000, .rtt = 99 * SL_MS}, "", ""},
        {{.kbps = 640, .overhead_percent = .4, .rtt = 204 * SL_MS},
         "640 kb/s \u00b7 rtt 204 ms",
         "rtt 204 ms"},
        {{.loss_percent = 4.84,
          .by_fec = 47,
          .by_resend = 3,
          .kbps = 2040,
          .overhead_percent = 26.4,
          .rtt = 41 * SL_MS},
         "loss 4.8 % \u00b7 fec 47 \u00b7 resent 3 \u00b7 2.0 Mb/s +26 % \u00b7 rtt 41 ms",
         "loss 4.8 %"},
        {{.loss_percent = 12, .by_resend = 9, .late = 2, .given_up = 1, .kbps = 999},
         "loss 12.0 % \u00b7 resent 9 \u00b7 late 2 \u00b7 given up 1 \u00b7 999 kb/s",
         "loss 12.0 %"},
        {{.loss_percent = .04, .by_fec = 1, .rtt = 300 * SL_US},
         "loss < 0.1 % \u00b7 fec 1 \u00b7 0 kb/s \u00b7 rtt < 1 ms",
         "loss < 0.1 %"},
    };
    char out[SL_HUD_TEXT];
    for (size_t i = 0; i < SL_COUNT(expected); i++) {
        assert_string_equal(sl_hud_net_text(&expected[i].net, false, out), expected[i].whole);
        assert_string_equal(sl_hud_net_text(&expected[i].net, true, out), expected[i].brief);
    }
    const struct sl_hud_net all = {100,        UINT64_MAX, UINT64_MAX, UINT64_MAX,
                                   UINT64_MAX, 1e12,       1e12,       3600 * SL_SEC};
    assert_true(strlen(sl_hud_net_text(&all, false, out)) < SL_HUD_TEXT);
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
        {{.state = SL_TILE_NO_SIGNAL}, "NO SIGNAL"},
        {{.state = SL_TILE_NO_SIGNAL, .has_picture = true, .stale_s = 67}, "NO SIGNAL 01:07"},
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

/* The whole words, else the brief ones, else none: by what room the tile has. */
static void test_the_network_is_told_where_there_is_room(void **state)
{
    (void)state;
    struct sl_hud_content content = {
        .name = "yard",
        .location = "",
        .reason = "",
        .view = {.state = SL_TILE_LIVE, .has_picture = true, .age = 12 * SL_MS},
    };
    struct sl_hud_content told = content;
    told.net = "loss 4.8 % \u00b7 fec 47 \u00b7 resent 3 \u00b7 2.0 Mb/s +26 % \u00b7 rtt 41 ms";
    told.net_brief = "loss 4.8 %";
    struct sl_hud_content brief = told, empty = told;
    brief.net = told.net_brief;
    empty.net = empty.net_brief = "";
    const struct {
        struct sl_rect cell;
        bool whole, some;
    } rooms[] = {
        {{0, 0, 640, 360}, true, true},  {{320, 0, 320, 180}, true, true},
        {{0, 0, 160, 90}, false, true},  {{0, 0, 60, 90}, false, false},
        {{0, 0, 640, 80}, false, false},
    };
    struct board b;
    board_open(&b, SL_HUD_FULL);
    for (size_t i = 0; i < SL_COUNT(rooms); i++) {
        const struct sl_rect room = rooms[i].cell;
        const int without = drawn(&b, room, &content);
        assert_int_equal(drawn(&b, room, &empty), without);
        const int with = drawn(&b, room, &told), with_brief = drawn(&b, room, &brief);
        assert_true((with > without + 200) == rooms[i].some);
        assert_true((with > with_brief + 200) == rooms[i].whole);
        struct sl_hud_content stale = told;
        stale.view = (struct sl_tile_view){.state = SL_TILE_STALE, .has_picture = true};
        struct sl_hud_content plain = stale;
        plain.net = NULL;
        assert_int_equal(drawn(&b, room, &stale), drawn(&b, room, &plain));
    }
    drawn(&b, cell, &content);
    assert_false(sl_hud_changed(b.hud, b.label, &told)); /* waits for a picture */
    board_close(&b);
    board_open(&b, SL_HUD_NAMES);
    assert_int_equal(drawn(&b, cell, &told), drawn(&b, cell, &content));
    board_close(&b);
}

/* On a small tile the name and the age stay legible, whatever else there is to say. */
static void test_what_has_no_room_is_left_out(void **state)
{
    (void)state;
    const struct sl_rect small = {0, 0, 160, 90};
    struct sl_hud_content content = {
        .name = "yard",
        .location = "",
        .reason = "",
        .view = {.state = SL_TILE_LIVE, .has_picture = true, .age = 112 * SL_MS},
    };
    struct board b;
    board_open(&b, SL_HUD_FULL);
    const int bare = drawn(&b, small, &content);
    content.location = "behind the house";
    content.delay = 145 * SL_MS;
    assert_int_equal(drawn(&b, small, &content), bare);
    assert_true(drawn(&b, (struct sl_rect){0, 0, 640, 360}, &content) > 2 * bare);
    board_close(&b);
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
        .motion = true,
        .delay = 145 * SL_MS,
        .net = name,
        .net_brief = name,
    };
    struct sl_hud_content live = content;
    live.view.state = SL_TILE_LIVE;
    const struct sl_rect cells[] = {cell, {0, 0, 60, 40}, {10, 10, 8, 8}, {600, 300, 40, 60}};
    for (size_t i = 0; i < SL_COUNT(cells); i++)
        assert_true(drawn(&b, cells[i], &content) > 0 && drawn(&b, cells[i], &live) > 0);
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
    const int without_motion = drawn(&b, cell, &content);
    content.motion = true;
    assert_true(sl_hud_changed(b.hud, b.label, &content));
    assert_true(drawn(&b, cell, &content) > without_motion + 200);
    assert_false(sl_hud_changed(b.hud, b.label, &content));
    content.motion = false;
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
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_the_network_is_told_where_there_is_room),
        cmocka_unit_test(test_what_has_no_room_is_left_out),
        cmocka_unit_test(test_nothing_leaves_its_tile),
        cmocka_unit_test(test_changes_are_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
