/* SPDX-License-Identifier: MIT */
#include "sender/preview.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <SDL.h>
#include <SDL_syswm.h>
#ifdef SDL_VIDEO_DRIVER_X11
#include <X11/Xlib.h>
#endif

#include "base/log.h"
#include "base/mailbox.h"
#include "base/pool.h"
#include "base/wake.h"
#include "sender/thumb.h"

#define SIDE_MAX 480
#define BORDER 8
#define INTERVAL (100 * SL_MS)
#define THUMBS 3                /* being made, in the mailbox, shown */
#define LOOK_AGAIN (50 * SL_MS) /* at the window's events */
#define PATIENCE_SECONDS 2      /* with a screen that does not answer, at the end */

struct shot {
    struct sl_motion_map moved;
    uint8_t pixels[]; /* of the thumb */
};

struct sl_preview {
    struct sl_preview_config config;
    struct sl_thumb thumb;
    struct sl_pool *thumbs;
    struct sl_mailbox mailbox;
    struct sl_wake wake;
    atomic_bool open, stop, screen_gone, motion_view;
    _Atomic int state; /* enum sl_endpoint_state */
    pthread_t thread;
    bool runs;

    sl_ns next; /* whoever offers: when a picture is looked at again */

    /* Preview thread. */
    SDL_Window *window;
    SDL_Surface *picture; /* NULL: none yet */
    int shown_state;      /* -1: nothing drawn yet */
    bool told_no_motion;
};

/* ---- Window ---- */

#ifdef SDL_VIDEO_DRIVER_X11
/* Both in place of Xlib's own, which exit(): the camera goes on without its screen. */
static int on_broken_connection(Display *display)
{
    (void)display;
    return 0;
}

static void on_screen_gone(Display *display, void *ctx)
{
    struct sl_preview *preview = ctx;
    (void)display;
    atomic_store(&preview->screen_gone, true);
}
#endif

static void outlive_screen(struct sl_preview *preview)
{
#ifdef SDL_VIDEO_DRIVER_X11
    SDL_SysWMinfo info;
    SDL_VERSION(&info.version);
    if (SDL_GetWindowWMInfo(preview->window, &info) && info.subsystem == SDL_SYSWM_X11) {
        XSetIOErrorHandler(on_broken_connection);
        XSetIOErrorExitHandler(info.info.x11.display, on_screen_gone, preview);
    }
#else
    (void)preview;
#endif
}

/* The drivers worth a try. Never a bare console, which SDL would take over; and Wayland's library
 * complains on stderr where it is not. NULL: none. */
static const char *find_drivers(void)
{
    const char *x11 = getenv("DISPLAY"), *wayland = getenv("WAYLAND_DISPLAY");
    const char *asked = SDL_GetHint(SDL_HINT_VIDEODRIVER);
    if (asked && *asked)
        return asked;
    if (x11 && *x11)
        return wayland && *wayland ? "x11,wayland" : "x11";
    return wayland && *wayland ? "wayland" : NULL;
}

/* 0, or -errno; SDL_GetError() says why. */
static int open_window(struct sl_preview *preview)
{
    const char *drivers = find_drivers();
    if (!drivers) {
        SDL_SetError("neither DISPLAY nor WAYLAND_DISPLAY is set");
        return -ENODEV;
    }
    SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
    SDL_SetHint(SDL_HINT_VIDEO_ALLOW_SCREENSAVER, "1");
    SDL_SetHint(SDL_HINT_FRAMEBUFFER_ACCELERATION, "0");
    SDL_SetHint(SDL_HINT_VIDEODRIVER, drivers);
    if (SDL_InitSubSystem(SDL_INIT_VIDEO) != 0)
        return -ENODEV;
    preview->window =
        SDL_CreateWindow("", SDL_WINDOWPOS_UNDEFINED, SDL_WINDOWPOS_UNDEFINED,
                         preview->thumb.width + 2 * BORDER, preview->thumb.height + 2 * BORDER, 0);
    if (!preview->window || !SDL_GetWindowSurface(preview->window))
        return -ENODEV;
    preview->picture = SDL_CreateRGBSurfaceWithFormat(
        0, preview->thumb.width, preview->thumb.height, 32, SDL_PIXELFORMAT_RGB888);
    if (!preview->picture)
        return -ENOMEM;
    SDL_SetYUVConversionMode(preview->config.full_range ? SDL_YUV_CONVERSION_JPEG
                                                        : SDL_YUV_CONVERSION_BT601);
    outlive_screen(preview);
    return 0;
}

/* What is left of a screen that went away cannot be given back to it. */
static void close_window(struct sl_preview *preview)
{
    if (atomic_load(&preview->screen_gone))
        return;
    SDL_FreeSurface(preview->picture);
    if (preview->window)
        SDL_DestroyWindow(preview->window);
    SDL_Quit();
}

/* ---- Drawing ---- */

static uint32_t frame_color(const SDL_Surface *surface, int state)
{
    switch (state) {
    case SL_ENDPOINT_LIVE:
        return SDL_MapRGB(surface->format, 208, 24, 24);
    case SL_ENDPOINT_RECONNECTING:
        return SDL_MapRGB(surface->format, 255, 176, 0);
    default:
        return SDL_MapRGB(surface->format, 128, 128, 128);
    }
}

/* The words beside the color, for whoever cannot tell colors apart. */
static void write_title(struct sl_preview *preview, int state)
{
    const char *const word = state == SL_ENDPOINT_LIVE           ? "live"
                             : state == SL_ENDPOINT_RECONNECTING ? "reconnecting"
                                                                 : "connecting";
    const char *const view = atomic_load(&preview->motion_view) ? ", motion view" : "";
    char title[128];
    snprintf(title, sizeof(title), "%s (%s%s) - Sightline", preview->config.camera, word, view);
    SDL_SetWindowTitle(preview->window, title);
}

static void draw(struct sl_preview *preview, int state)
{
    SDL_Surface *surface = SDL_GetWindowSurface(preview->window);
    if (!surface)
        return;
    SDL_Rect place = {BORDER, BORDER, preview->thumb.width, preview->thumb.height};
    SDL_FillRect(surface, NULL, frame_color(surface, state));
    SDL_BlitSurface(preview->picture, NULL, surface, &place);
    SDL_UpdateWindowSurface(preview->window);
}

/* True if there was a new one. */
static bool take_picture(struct sl_preview *preview)
{
    const struct sl_thumb *thumb = &preview->thumb;
    struct shot *shot = sl_mailbox_take(&preview->mailbox);
    if (!shot)
        return false;
    if (atomic_load(&preview->motion_view))
        sl_thumb_mark(thumb, shot->pixels, &shot->moved);
    SDL_ConvertPixels(thumb->width, thumb->height, SDL_PIXELFORMAT_IYUV, shot->pixels, thumb->width,
                      SDL_PIXELFORMAT_RGB888, preview->picture->pixels, preview->picture->pitch);
    sl_pool_give(preview->thumbs, shot);
    return true;
}

static void show(struct sl_preview *preview, bool exposed)
{
    const int state = atomic_load(&preview->state);
    const bool changed = state != preview->shown_state;
    if (changed)
        write_title(preview, state);
    if (take_picture(preview) || changed || exposed)
        draw(preview, state);
    preview->shown_state = state;
}

/* ---- The thread ---- */

enum news { NOTHING, EXPOSED, CLOSED };

/* Seen from the next picture on, in the title at once. */
static void switch_view(struct sl_preview *preview)
{
    if (preview->config.motion) {
        atomic_store(&preview->motion_view, !atomic_load(&preview->motion_view));
        write_title(preview, atomic_load(&preview->state));
    } else if (!preview->told_no_motion) {
        sl_warn("--preview: the key m shows what moves; that needs --motion on");
        preview->told_no_motion = true;
    }
}

static enum news read_events(struct sl_preview *preview)
{
    enum news news = NOTHING;
    SDL_Event event;
    while (SDL_PollEvent(&event)) {
        const bool window = event.type == SDL_WINDOWEVENT;
        if (event.type == SDL_QUIT || (window && event.window.event == SDL_WINDOWEVENT_CLOSE))
            return CLOSED;
        if (window && event.window.event == SDL_WINDOWEVENT_EXPOSED)
            news = EXPOSED;
        if (event.type == SDL_KEYDOWN && !event.key.repeat && event.key.keysym.sym == SDLK_m)
            switch_view(preview);
    }
    return news;
}

static void run_window(struct sl_preview *preview)
{
    atomic_store(&preview->open, true);
    while (!atomic_load(&preview->stop)) {
        const enum news news = read_events(preview);
        if (atomic_load(&preview->screen_gone)) {
            sl_warn("--preview: the screen has gone; the camera goes on without a preview");
            break;
        }
        if (news == CLOSED) {
            sl_warn("the preview was closed; the camera goes on");
            break;
        }
        show(preview, news == EXPOSED);
        sl_wake_wait(&preview->wake, LOOK_AGAIN);
    }
    atomic_store(&preview->open, false);
}

static void *preview_main(void *ctx)
{
    struct sl_preview *preview = ctx;
    const int error = open_window(preview);
    if (error)
        sl_warn("--preview: no window: %s; the camera goes on without it", SDL_GetError());
    else
        run_window(preview);
    close_window(preview);
    return NULL;
}

/* ---- The others' side ---- */

static int make(struct sl_preview *preview)
{
    int error = sl_pool_create(&preview->thumbs, THUMBS,
                               offsetof(struct shot, pixels) + sl_thumb_bytes(&preview->thumb));
    error = error ? error : sl_wake_init(&preview->wake);
    if (!error)
        error = -pthread_create(&preview->thread, NULL, preview_main, preview);
    if (error)
        return error;
    preview->runs = true;
    pthread_setname_np(preview->thread, "preview");
    return 0;
}

int sl_preview_create(struct sl_preview **ret, const struct sl_preview_config *config)
{
    struct sl_preview *preview = calloc(1, sizeof(*preview));
    if (!preview)
        return -ENOMEM;
    preview->config = *config;
    preview->thumb = sl_thumb(config->width, config->height, SIDE_MAX);
    preview->wake.fd = -1;
    preview->shown_state = -1;
    sl_mailbox_init(&preview->mailbox);
    const int error = make(preview);
    if (error) {
        sl_preview_destroy(preview);
        return error;
    }
    *ret = preview;
    return 0;
}

/* False if it hangs in a screen that does not answer. */
static bool join(struct sl_preview *preview)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_SECONDS;
    return pthread_timedjoin_np(preview->thread, NULL, &until) == 0;
}

void sl_preview_destroy(struct sl_preview *preview)
{
    if (!preview)
        return;
    atomic_store(&preview->stop, true);
    if (preview->runs) {
        sl_wake_signal(&preview->wake);
        if (!join(preview))
            return; /* the thread still stands on it, and the process ends */
    }
    void *shot = sl_mailbox_take(&preview->mailbox);
    if (shot)
        sl_pool_give(preview->thumbs, shot);
    sl_pool_destroy(preview->thumbs);
    sl_wake_fini(&preview->wake);
    free(preview);
}

void sl_preview_offer(struct sl_preview *preview, const uint8_t *pixels,
                      const struct sl_motion_map *moved, sl_ns captured)
{
    if (!preview || !atomic_load_explicit(&preview->open, memory_order_relaxed) ||
        captured < preview->next)
        return;
    preview->next =
        captured - preview->next > INTERVAL ? captured + INTERVAL : preview->next + INTERVAL;
    struct shot *shot = sl_pool_take(preview->thumbs);
    if (!shot)
        return;
    shot->moved = *moved;
    sl_thumb_make(&preview->thumb, shot->pixels, pixels, preview->config.width,
                  preview->config.height);
    void *unread = sl_mailbox_put(&preview->mailbox, shot);
    if (unread)
        sl_pool_give(preview->thumbs, unread);
    sl_wake_signal(&preview->wake);
}

void sl_preview_set_state(struct sl_preview *preview, enum sl_endpoint_state state)
{
    if (!preview)
        return;
    atomic_store(&preview->state, (int)state);
    sl_wake_signal(&preview->wake);
}

bool sl_preview_is_open(const struct sl_preview *preview)
{
    return atomic_load(&preview->open);
}

bool sl_preview_shows_motion(const struct sl_preview *preview)
{
    return atomic_load(&preview->motion_view);
}
