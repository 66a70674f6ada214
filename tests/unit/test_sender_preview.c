/* SPDX-License-Identifier: MIT */
/* The preview's thread without a screen (SDL's dummy driver, or none at all), and its thumbs. What
 * the window shows is told by e2e/e2e_preview.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <SDL.h>

#include "base/log.h"
#include "base/time.h"
#include "sender/preview.h"
#include "sender/thumb.h"

static void thumbs_fit(void **state)
{
    (void)state;
    static const struct {
        int width, height, factor, small_width, small_height;
    } cases[] = {
        {1280, 720, 3, 426, 240}, {1920, 1080, 4, 480, 270},  {480, 360, 1, 480, 360},
        {482, 360, 2, 240, 180},  {720, 1280, 3, 240, 426},   {16, 16, 1, 16, 16},
        {8192, 16, 8, 1024, 2},   {8192, 8192, 18, 454, 454},
    };
    for (size_t i = 0; i < SL_COUNT(cases); i++) {
        const struct sl_thumb thumb = sl_thumb(cases[i].width, cases[i].height, 480);
        assert_int_equal(thumb.factor, cases[i].factor);
        assert_int_equal(thumb.width, cases[i].small_width);
        assert_int_equal(thumb.height, cases[i].small_height);
        const size_t luma = (size_t)cases[i].width * (size_t)cases[i].height;
        uint8_t *pixels = malloc(luma * 3 / 2), *made = malloc(sl_thumb_bytes(&thumb));
        memset(pixels, 10, luma);
        memset(pixels + luma, 20, luma / 4);
        memset(pixels + luma + luma / 4, 30, luma / 4);
        sl_thumb_make(&thumb, made, pixels, cases[i].width, cases[i].height);
        const size_t small = (size_t)thumb.width * (size_t)thumb.height;
        for (size_t j = 0; j < sl_thumb_bytes(&thumb); j++)
            assert_int_equal(made[j], j < small ? 10 : j < small + small / 4 ? 20 : 30);
        free(pixels);
        free(made);
    }
}

static void thumbs_are_means(void **state)
{
    (void)state;
    uint8_t pixels[8 * 4 * 3 / 2], made[4 * 2 * 3 / 2];
    for (size_t i = 0; i < sizeof(pixels); i++)
        pixels[i] = (uint8_t)(5 * i);
    const struct sl_thumb thumb = sl_thumb(8, 4, 4);
    sl_thumb_make(&thumb, made, pixels, 8, 4);
    assert_int_equal(made[0], (0 + 5 + 40 + 45 + 2) / 4);
    assert_int_equal(made[7], (5 * (22 + 23 + 30 + 31) + 2) / 4);
    assert_int_equal(made[8], (5 * (32 + 33 + 36 + 37) + 2) / 4); /* U */
}

/* What moved is outlined in the thumb as it is in the picture; the rest of it stays. */
static void thumbs_are_marked(void **state)
{
    (void)state;
    const struct sl_thumb thumb = sl_thumb(1280, 720, 480);
    const size_t luma = (size_t)thumb.width * (size_t)thumb.height;
    uint8_t *pixels = malloc(sl_thumb_bytes(&thumb));
    struct sl_motion_map moved = {{0}};
    memset(pixels, 50, sl_thumb_bytes(&thumb));
    sl_thumb_mark(&thumb, pixels, &moved);
    for (size_t i = 0; i < sl_thumb_bytes(&thumb); i++)
        assert_int_equal(pixels[i], 50);
    for (int row = 9; row < 12; row++)
        for (int column = 16; column < 20; column++)
            sl_motion_map_set(&moved, column, row);
    sl_thumb_mark(&thumb, pixels, &moved);
    const int left = 16 * 426 / 32, right = 20 * 426 / 32, top = 9 * 240 / 18,
              bottom = 12 * 240 / 18;
    size_t outside = 0;
    for (int y = 0; y < thumb.height; y++)
        for (int x = 0; x < thumb.width; x++)
            if (x < left || x >= right || y < top || y >= bottom)
                outside += pixels[y * thumb.width + x] != 50;
    assert_int_equal(outside, 0);
    for (int x = left; x < right; x++) {
        assert_int_not_equal(pixels[top * thumb.width + x], 50);
        assert_int_not_equal(pixels[(bottom - 1) * thumb.width + x], 50);
    }
    assert_int_equal(pixels[(top + bottom) / 2 * thumb.width + (left + right) / 2], 50);
    assert_int_not_equal(pixels[luma + (size_t)(top / 2 * thumb.width / 2 + left / 2 + 4)],
                         50);
    free(pixels);
}

static bool wait_open(const struct sl_preview *preview, bool open)
{
    for (int i = 0; i < 5000 && sl_preview_is_open(preview) != open; i++)
        usleep(1000);
    return sl_preview_is_open(preview) == open;
}

static struct sl_preview *start_with(bool motion)
{
    const struct sl_preview_config config = {
        .camera = "yard", .width = 64, .height = 48, .motion = motion};
    struct sl_preview *preview = NULL;
    assert_int_equal(sl_preview_create(&preview, &config), 0);
    return preview;
}

static struct sl_preview *start(void)
{
    return start_with(false);
}

static const struct sl_motion_map still;

static void press(SDL_Keycode key, uint8_t repeat)
{
    SDL_Event event = {.key = {.type = SDL_KEYDOWN, .repeat = repeat, .keysym = {.sym = key}}};
    assert_int_equal(SDL_PushEvent(&event), 1);
}

static bool wait_motion(const struct sl_preview *preview, bool shown)
{
    for (int i = 0; i < 5000 && sl_preview_shows_motion(preview) != shown; i++)
        usleep(1000);
    return sl_preview_shows_motion(preview) == shown;
}

static void a_key_switches_to_the_motion_view(void **state)
{
    (void)state;
    static uint8_t pixels[64 * 48 * 3 / 2];
    const struct sl_motion_map moved = {.rows = {0, 0xff00, 0xff00}};
    setenv("SDL_VIDEODRIVER", "dummy", 1);
    struct sl_preview *preview = start_with(true);
    assert_true(wait_open(preview, true));
    assert_false(sl_preview_shows_motion(preview));
    press(SDLK_v, 0);
    press(SDLK_m, 1); /* held down */
    press(SDLK_m, 0);
    assert_true(wait_motion(preview, true));
    for (int i = 0; i < 20; i++)
        sl_preview_offer(preview, pixels, &moved, sl_time_now() + i * SL_SEC);
    press(SDLK_m, 0);
    assert_true(wait_motion(preview, false));
    sl_preview_destroy(preview);

    preview = start(); /* nothing looks for motion */
    assert_true(wait_open(preview, true));
    press(SDLK_m, 0);
    press(SDLK_m, 0);
    press(SDLK_m, 0);
    SDL_Event quit = {.type = SDL_QUIT};
    SDL_PushEvent(&quit); /* is read after the keys */
    assert_true(wait_open(preview, false));
    assert_false(sl_preview_shows_motion(preview));
    sl_preview_destroy(preview);
    unsetenv("SDL_VIDEODRIVER");
}

static void a_window_lives_and_is_closed(void **state)
{
    (void)state;
    static uint8_t pixels[64 * 48 * 3 / 2];
    setenv("SDL_VIDEODRIVER", "dummy", 1);
    struct sl_preview *preview = start();
    assert_true(wait_open(preview, true));
    for (int i = 0; i < 200; i++) {
        sl_preview_offer(preview, pixels, &still, sl_time_now() + i * 40 * SL_MS);
        sl_preview_set_state(preview, i % 2 ? SL_ENDPOINT_LIVE : SL_ENDPOINT_RECONNECTING);
    }
    SDL_Event event = {.type = SDL_QUIT};
    SDL_PushEvent(&event);
    assert_true(wait_open(preview, false));
    sl_preview_offer(preview, pixels, &still, SL_NEVER - SL_SEC);
    sl_preview_set_state(preview, SL_ENDPOINT_LIVE);
    sl_preview_destroy(preview);

    preview = start(); /* and at the end of the program, while it is open */
    assert_true(wait_open(preview, true));
    sl_preview_offer(preview, pixels, &still, sl_time_now());
    sl_preview_destroy(preview);
    preview = start(); /* or before it is */
    sl_preview_destroy(preview);
    unsetenv("SDL_VIDEODRIVER");
}

static void no_display_is_no_failure(void **state)
{
    (void)state;
    static uint8_t pixels[64 * 48 * 3 / 2];
    unsetenv("DISPLAY");
    unsetenv("WAYLAND_DISPLAY");
    struct sl_preview *preview = start();
    sl_preview_offer(preview, pixels, &still, sl_time_now());
    sl_preview_set_state(preview, SL_ENDPOINT_LIVE);
    assert_false(sl_preview_is_open(preview));
    sl_preview_destroy(preview);
    sl_preview_destroy(NULL);
    sl_preview_offer(NULL, pixels, &still, 0);
    sl_preview_set_state(NULL, SL_ENDPOINT_LIVE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thumbs_fit),
        cmocka_unit_test(thumbs_are_means),
        cmocka_unit_test(thumbs_are_marked),
        cmocka_unit_test(no_display_is_no_failure),
        cmocka_unit_test(a_window_lives_and_is_closed),
        cmocka_unit_test(a_key_switches_to_the_motion_view),
    };
    sl_log_init("test", SL_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
