/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <SDL.h>
#include <SDL_syswm.h>
#ifdef SDL_VIDEO_DRIVER_X11
#include <X11/Xlib.h>
#endif

#include "base/types.h"
#include "viewer/hush.h"
#include "viewer/render.h"

#define RECTS_MAX 64

struct window {
    SDL_Window *window;
    SDL_Surface *shadow; /* where the window's own pixels are not BGRx */
    int input_fd;
};

/* Xlib says which descriptor its events come by; other systems are looked at from time to time. */
static int find_input_fd(SDL_Window *window)
{
#ifdef SDL_VIDEO_DRIVER_X11
    SDL_SysWMinfo info;
    SDL_VERSION(&info.version);
    if (SDL_GetWindowWMInfo(window, &info) && info.subsystem == SDL_SYSWM_X11)
        return ConnectionNumber(info.info.x11.display);
#endif
    (void)window;
    return -1;
}

static void close_window(void *render)
{
    struct window *w = render;
    if (!w)
        return;
    SDL_FreeSurface(w->shadow);
    if (w->window)
        SDL_DestroyWindow(w->window);
    SDL_QuitSubSystem(SDL_INIT_VIDEO);
    free(w);
}

/* Where there is no display SDL goes on with a driver that shows nothing. Asked for by name it is
 * meant. */
static bool nobody_sees(const char *driver)
{
    static const char *const blind[] = {"dummy", "offscreen", "evdev"};
    const char *chosen = SDL_GetHint(SDL_HINT_VIDEODRIVER);
    if (chosen && *chosen)
        return false;
    for (size_t i = 0; driver && i < SL_COUNT(blind); i++)
        if (!strcmp(driver, blind[i]))
            return true;
    return false;
}

static int open_window(void **ret, const struct sl_render_config *config, char *why, size_t why_len)
{
    SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
    SDL_SetHint(SDL_HINT_VIDEO_ALLOW_SCREENSAVER, "0");
    const int err = sl_hush_begin(); /* Wayland's library complains where there is none */
    const bool started = SDL_InitSubSystem(SDL_INIT_VIDEO) == 0;
    sl_hush_end(err);
    if (!started) {
        snprintf(why, why_len, "no display: %s", SDL_GetError());
        return -ENODEV;
    }
    /* Left to itself SDL makes a window's surface a texture of a GPU renderer, which takes 3.5 ms
     * to present under llvmpipe; X11's own shared memory takes 0.4. */
    const char *driver = SDL_GetCurrentVideoDriver();
    if (nobody_sees(driver)) {
        snprintf(why, why_len, "no display: neither X11 nor Wayland is there (DISPLAY is %s)",
                 getenv("DISPLAY") ? getenv("DISPLAY") : "not set");
        SDL_QuitSubSystem(SDL_INIT_VIDEO);
        return -ENODEV;
    }
    if (driver && !strcmp(driver, "x11"))
        SDL_SetHint(SDL_HINT_FRAMEBUFFER_ACCELERATION, "0");
    struct window *w = calloc(1, sizeof(*w));
    if (!w) {
        SDL_QuitSubSystem(SDL_INIT_VIDEO);
        return -ENOMEM;
    }
    const uint32_t flags =
        SDL_WINDOW_RESIZABLE | (config->fullscreen ? SDL_WINDOW_FULLSCREEN_DESKTOP : 0);
    w->window = SDL_CreateWindow(config->title, SDL_WINDOWPOS_CENTERED, SDL_WINDOWPOS_CENTERED,
                                 config->width, config->height, flags);
    if (!w->window || !SDL_GetWindowSurface(w->window)) {
        snprintf(why, why_len, "no window: %s", SDL_GetError());
        close_window(w);
        return -ENODEV;
    }
    w->input_fd = find_input_fd(w->window);
    *ret = w;
    return 0;
}

static bool is_bgrx(const SDL_Surface *surface)
{
    return surface->format->format == SDL_PIXELFORMAT_RGB888 ||
           surface->format->format == SDL_PIXELFORMAT_ARGB8888;
}

/* The surface to draw on: the window's, or one that is converted when it is presented. */
static SDL_Surface *drawing_surface(struct window *w)
{
    SDL_Surface *surface = SDL_GetWindowSurface(w->window);
    if (!surface || is_bgrx(surface))
        return surface;
    if (w->shadow && (w->shadow->w != surface->w || w->shadow->h != surface->h)) {
        SDL_FreeSurface(w->shadow);
        w->shadow = NULL;
    }
    if (!w->shadow)
        w->shadow =
            SDL_CreateRGBSurfaceWithFormat(0, surface->w, surface->h, 32, SDL_PIXELFORMAT_RGB888);
    return w->shadow;
}

static bool window_canvas(void *render, struct sl_canvas *ret)
{
    SDL_Surface *surface = drawing_surface(render);
    if (!surface)
        return false;
    *ret = (struct sl_canvas){.pixels = surface->pixels,
                              .width = surface->w,
                              .height = surface->h,
                              .stride = surface->pitch};
    return true;
}

static int present(void *render, const struct sl_rect *rects, int count)
{
    struct window *w = render;
    SDL_Rect out[RECTS_MAX];
    if (count > RECTS_MAX)
        return -EINVAL;
    SDL_Surface *surface = SDL_GetWindowSurface(w->window);
    const SDL_Rect all = {0, 0, surface ? surface->w : 0, surface ? surface->h : 0};
    int kept = 0;
    for (int i = 0; i < count; i++) {
        const SDL_Rect rect = {rects[i].x, rects[i].y, rects[i].width, rects[i].height};
        if (!SDL_IntersectRect(&rect, &all, &out[kept]))
            continue;
        if (w->shadow && surface && !is_bgrx(surface))
            SDL_BlitSurface(w->shadow, &out[kept], surface, &out[kept]);
        kept++;
    }
    return !kept || SDL_UpdateWindowSurfaceRects(w->window, out, kept) == 0 ? 0 : -EIO;
}

static int input_fd(void *render)
{
    return ((struct window *)render)->input_fd;
}

static bool next_input(void *render, struct sl_input *ret)
{
    (void)render;
    SDL_Event event;
    while (SDL_PollEvent(&event)) {
        *ret = sl_input_read(&event);
        if (ret->action != SL_ACTION_NONE)
            return true;
    }
    return false;
}

static void toggle_fullscreen(void *render)
{
    struct window *w = render;
    const bool full = SDL_GetWindowFlags(w->window) & SDL_WINDOW_FULLSCREEN_DESKTOP;
    SDL_SetWindowFullscreen(w->window, full ? 0 : SDL_WINDOW_FULLSCREEN_DESKTOP);
}

const struct sl_render_kind sl_render_sdl = {
    .name = "sdl",
    .open = open_window,
    .close = close_window,
    .canvas = window_canvas,
    .present = present,
    .input_fd = input_fd,
    .input = next_input,
    .toggle_fullscreen = toggle_fullscreen,
};
