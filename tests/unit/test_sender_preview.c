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

static bool wait_open(const struct sl_preview *preview, bool open)
{
    for (int i = 0; i < 5000 && sl_preview_is_open(preview) != open; i++)
        usleep(1000);
    return sl_preview_is_open(preview) == open;
}

static struct sl_preview *start(void)
{
    const struct sl_preview_config config = {.camera = "yard", .width = 64, .height = 48};
    struct sl_preview *preview = NULL;
    assert_int_equal(sl_preview_create(&preview, &config), 0);
    return preview;
}

static void a_window_lives_and_is_closed(void **state)
{
    (void)state;
    static uint8_t pixels[64 * 48 * 3 / 2];
    setenv("SDL_VIDEODRIVER", "dummy", 1);
    struct sl_preview *preview = start();
    assert_true(wait_open(preview, true));
    for (int i = 0; i < 200; i++) {
        sl_preview_offer(preview, pixels, sl_time_now() + i * 40 * SL_MS);
        sl_preview_set_state(preview, i % 2 ? SL_ENDPOINT_LIVE : SL_ENDPOINT_RECONNECTING);
    }
    SDL_Event event = {.type = SDL_QUIT};
    SDL_PushEvent(&event);
    assert_true(wait_open(preview, false));
    sl_preview_offer(preview, pixels, SL_NEVER - SL_SEC);
    sl_preview_set_state(preview, SL_ENDPOINT_LIVE);
    sl_preview_destroy(preview);

    preview = start(); /* and at the end of the program, while it is open */
    assert_true(wait_open(preview, true));
    sl_preview_offer(preview, pixels, sl_time_now());
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
    sl_preview_offer(preview, pixels, sl_time_now());
    sl_preview_set_state(preview, SL_ENDPOINT_LIVE);
    assert_false(sl_preview_is_open(preview));
    sl_preview_destroy(preview);
    sl_preview_destroy(NULL);
    sl_preview_offer(NULL, pixels, 0);
    sl_preview_set_state(NULL, SL_ENDPOINT_LIVE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thumbs_fit),
        cmocka_unit_test(thumbs_are_means),
        cmocka_unit_test(no_display_is_no_failure),
        cmocka_unit_test(a_window_lives_and_is_closed),
    };
    sl_log_init("test", SL_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
