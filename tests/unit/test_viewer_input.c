/* SPDX-License-Identifier: MIT */
#include "viewer/input.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <SDL_events.h>

#include "base/types.h"

static struct sl_input key(SDL_Keycode code, bool repeat)
{
    SDL_Event event = {.type = SDL_KEYDOWN};
    event.key.keysym.sym = code;
    event.key.repeat = repeat;
    return sl_input_read(&event);
}

static struct sl_input button(int which, int clicks)
{
    SDL_Event event = {.type = SDL_MOUSEBUTTONDOWN};
    event.button.button = (Uint8)which;
    event.button.clicks = (Uint8)clicks;
    event.button.x = 30;
    event.button.y = 40;
    return sl_input_read(&event);
}

static void test_keys(void **state)
{
    (void)state;
    const struct {
        SDL_Keycode code;
        enum sl_action once, repeated;
    } expected[] = {
        {SDLK_q, SL_ACTION_LEAVE, SL_ACTION_NONE},
        {SDLK_ESCAPE, SL_ACTION_BACK, SL_ACTION_NONE},
        {SDLK_RETURN, SL_ACTION_ENLARGE, SL_ACTION_NONE},
        {SDLK_LEFT, SL_ACTION_LEFT, SL_ACTION_LEFT},
        {SDLK_RIGHT, SL_ACTION_RIGHT, SL_ACTION_RIGHT},
        {SDLK_UP, SL_ACTION_UP, SL_ACTION_UP},
        {SDLK_DOWN, SL_ACTION_DOWN, SL_ACTION_DOWN},
        {SDLK_TAB, SL_ACTION_NEXT, SL_ACTION_NEXT},
        {SDLK_f, SL_ACTION_FULLSCREEN, SL_ACTION_NONE},
        {SDLK_m, SL_ACTION_MUTE, SL_ACTION_NONE},
        {SDLK_s, SL_ACTION_SNAPSHOT, SL_ACTION_NONE},
        {SDLK_v, SL_ACTION_MOTION, SL_ACTION_NONE},
        {SDLK_x, SL_ACTION_NONE, SL_ACTION_NONE},
    };
    for (size_t i = 0; i < SL_COUNT(expected); i++) {
        assert_int_equal(key(expected[i].code, false).action, expected[i].once);
        assert_int_equal(key(expected[i].code, true).action, expected[i].repeated);
    }
}

static void test_mouse(void **state)
{
    (void)state;
    const struct sl_input once = button(SDL_BUTTON_LEFT, 1);
    assert_int_equal(once.action, SL_ACTION_SELECT_AT);
    assert_int_equal(once.x, 30);
    assert_int_equal(once.y, 40);
    assert_int_equal(button(SDL_BUTTON_LEFT, 2).action, SL_ACTION_ENLARGE_AT);
    assert_int_equal(button(SDL_BUTTON_LEFT, 3).action, SL_ACTION_SELECT_AT);
    assert_int_equal(button(SDL_BUTTON_RIGHT, 1).action, SL_ACTION_NONE);
}

static void test_window(void **state)
{
    (void)state;
    SDL_Event event = {.type = SDL_QUIT};
    assert_int_equal(sl_input_read(&event).action, SL_ACTION_LEAVE);
    event.type = SDL_WINDOWEVENT;
    event.window.event = SDL_WINDOWEVENT_EXPOSED;
    assert_int_equal(sl_input_read(&event).action, SL_ACTION_REDRAW);
    event.window.event = SDL_WINDOWEVENT_SIZE_CHANGED;
    assert_int_equal(sl_input_read(&event).action, SL_ACTION_REDRAW);
    event.window.event = SDL_WINDOWEVENT_ENTER;
    assert_int_equal(sl_input_read(&event).action, SL_ACTION_NONE);
    event.type = SDL_MOUSEMOTION;
    assert_int_equal(sl_input_read(&event).action, SL_ACTION_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_mouse),
        cmocka_unit_test(test_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
