/* SPDX-License-Identifier: MIT */
/* Input: what keys and mouse ask of the wall. Pure. */
#pragma once

#include <stdbool.h>

enum sl_action {
    SL_ACTION_NONE,
    SL_ACTION_LEAVE,   /* the window was closed, or q */
    SL_ACTION_BACK,    /* Esc: from one tile to the wall, from the wall out */
    SL_ACTION_ENLARGE, /* Enter: the selected tile, or back */
    SL_ACTION_LEFT,
    SL_ACTION_RIGHT,
    SL_ACTION_UP,
    SL_ACTION_DOWN,
    SL_ACTION_NEXT,       /* Tab */
    SL_ACTION_SELECT_AT,  /* click at x, y */
    SL_ACTION_ENLARGE_AT, /* double-click at x, y */
    SL_ACTION_FULLSCREEN,
    SL_ACTION_MUTE,
    SL_ACTION_SNAPSHOT,
    SL_ACTION_MOTION, /* the plain picture, or the motion view */
    SL_ACTION_REDRAW, /* the window was uncovered or changed its size */
};

struct sl_input {
    enum sl_action action;
    int x, y; /* of the _AT ones */
};

union SDL_Event;
struct sl_input sl_input_read(const union SDL_Event *event);
