/* SPDX-License-Identifier: MIT */
#include "viewer/input.h"

#include <stddef.h>

#include <SDL_events.h>

#include "base/types.h"

static const struct {
    SDL_Keycode key;
    enum sl_action action;
} keys[] = {
    {SDLK_q, SL_ACTION_LEAVE},        {SDLK_ESCAPE, SL_ACTION_BACK},
    {SDLK_RETURN, SL_ACTION_ENLARGE}, {SDLK_KP_ENTER, SL_ACTION_ENLARGE},
    {SDLK_LEFT, SL_ACTION_LEFT},      {SDLK_RIGHT, SL_ACTION_RIGHT},
    {SDLK_UP, SL_ACTION_UP},          {SDLK_DOWN, SL_ACTION_DOWN},
    {SDLK_TAB, SL_ACTION_NEXT},       {SDLK_f, SL_ACTION_FULLSCREEN},
    {SDLK_F11, SL_ACTION_FULLSCREEN}, {SDLK_m, SL_ACTION_MUTE},
    {SDLK_s, SL_ACTION_SNAPSHOT},     {SDLK_v, SL_ACTION_MOTION},
};

static enum sl_action key_action(const SDL_KeyboardEvent *event)
{
    for (size_t i = 0; i < SL_COUNT(keys); i++) {
        if (keys[i].key != event->keysym.sym)
            continue;
        const bool moves = keys[i].action >= SL_ACTION_LEFT && keys[i].action <= SL_ACTION_NEXT;
        return event->repeat && !moves ? SL_ACTION_NONE : keys[i].action;
    }
    return SL_ACTION_NONE;
}

static enum sl_action window_action(const SDL_WindowEvent *event)
{
    switch (event->event) {
    case SDL_WINDOWEVENT_CLOSE:
        return SL_ACTION_LEAVE;
    case SDL_WINDOWEVENT_EXPOSED:
    case SDL_WINDOWEVENT_SIZE_CHANGED:
        return SL_ACTION_REDRAW;
    default:
        return SL_ACTION_NONE;
    }
}

struct sl_input sl_input_read(const union SDL_Event *event)
{
    struct sl_input input = {.action = SL_ACTION_NONE};
    switch (event->type) {
    case SDL_QUIT:
        input.action = SL_ACTION_LEAVE;
        break;
    case SDL_KEYDOWN:
        input.action = key_action(&event->key);
        break;
    case SDL_MOUSEBUTTONDOWN:
        if (event->button.button == SDL_BUTTON_LEFT)
            input.action = event->button.clicks == 2 ? SL_ACTION_ENLARGE_AT : SL_ACTION_SELECT_AT;
        input.x = event->button.x;
        input.y = event->button.y;
        break;
    case SDL_WINDOWEVENT:
        input.action = window_action(&event->window);
        break;
    default:
        break;
    }
    return input;
}
