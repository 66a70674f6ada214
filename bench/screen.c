/* SPDX-License-Identifier: MIT */
#include "bench/screen.h"

#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <X11/extensions/XShm.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>

#include "bench/child.h"

struct sl_screen {
    Display *display;
    XImage *image;
    XShmSegmentInfo segment;
    bool attached;
    int width, height;
    int green_byte;
    uint8_t *luma;
};

int sl_screen_start_xvfb(struct sl_child *ret, int width, int height, char display[16])
{
    char mode[32], number[12];
    snprintf(mode, sizeof(mode), "%dx%dx24", width, height);
    /* -displayfd 1: it picks a free number and writes it there once it serves. -s 0: never blanks.
     */
    const char *const argv[] = {"Xvfb",      "-displayfd", "1",        "-screen", "0", mode,
                                "-nolisten", "tcp",        "-noreset", "-s",      "0", NULL};
    struct sl_child child;
    int err = sl_child_start(&child, argv, SL_CHILD_OUT, -1);
    if (err != 0)
        return err;
    err = sl_child_read_line(&child, number, sizeof(number), 10 * SL_SEC);
    if (err != 0) {
        sl_child_stop(&child, SL_SEC);
        return err;
    }
    snprintf(display, 16, ":%s", number);
    *ret = child;
    return 0;
}

static int attach(struct sl_screen *screen)
{
    Display *display = screen->display;
    const int number = DefaultScreen(display);
    if (!XShmQueryExtension(display))
        return -ENODEV;
    screen->image = XShmCreateImage(
        display, DefaultVisual(display, number), (unsigned)DefaultDepth(display, number), ZPixmap,
        NULL, &screen->segment, (unsigned)screen->width, (unsigned)screen->height);
    if (!screen->image)
        return -ENOMEM;
    if (screen->image->bits_per_pixel != 32)
        return -ENOTSUP;
    screen->segment.shmid =
        shmget(IPC_PRIVATE, (size_t)screen->width * (size_t)screen->height * 4, 0600);
    if (screen->segment.shmid < 0)
        return -errno;
    screen->segment.shmaddr = shmat(screen->segment.shmid, NULL, 0);
    screen->image->data = screen->segment.shmaddr;
    if (screen->segment.shmaddr == (void *)-1 || !XShmAttach(display, &screen->segment)) {
        shmctl(screen->segment.shmid, IPC_RMID, NULL);
        return -ENODEV;
    }
    XSync(display, False);
    shmctl(screen->segment.shmid, IPC_RMID, NULL); /* goes when the last of us detaches */
    screen->attached = true;
    const int shift = __builtin_ctzl(screen->image->green_mask) / 8;
    screen->green_byte = screen->image->byte_order == LSBFirst ? shift : 3 - shift;
    return 0;
}

int sl_screen_open(struct sl_screen **ret, const char *display)
{
    struct sl_screen *screen = calloc(1, sizeof(*screen));
    if (!screen)
        return -ENOMEM;
    int err = -ENODEV;
    screen->display = XOpenDisplay(display);
    if (screen->display) {
        screen->width = DisplayWidth(screen->display, DefaultScreen(screen->display));
        screen->height = DisplayHeight(screen->display, DefaultScreen(screen->display));
        screen->luma = malloc((size_t)screen->width * (size_t)screen->height);
        err = screen->luma ? attach(screen) : -ENOMEM;
    }
    if (err != 0) {
        sl_screen_close(screen);
        return err;
    }
    *ret = screen;
    return 0;
}

void sl_screen_close(struct sl_screen *screen)
{
    if (!screen)
        return;
    if (screen->attached)
        XShmDetach(screen->display, &screen->segment);
    if (screen->image) {
        screen->image->data = NULL; /* ours, not malloc's */
        XDestroyImage(screen->image);
    }
    if (screen->display)
        XCloseDisplay(screen->display);
    if (screen->attached)
        shmdt(screen->segment.shmaddr);
    free(screen->luma);
    free(screen);
}

int sl_screen_width(const struct sl_screen *screen)
{
    return screen->width;
}

int sl_screen_height(const struct sl_screen *screen)
{
    return screen->height;
}

const uint8_t *sl_screen_grab(struct sl_screen *screen, int x, int y, int width, int height)
{
    if (x < 0 || y < 0 || width < 1 || height < 1 || x + width > screen->width ||
        y + height > screen->height)
        return NULL;
    /* The server takes the size from here, and packs the rows. */
    screen->image->width = width;
    screen->image->height = height;
    if (!XShmGetImage(screen->display, DefaultRootWindow(screen->display), screen->image, x, y,
                      AllPlanes))
        return NULL;
    const uint8_t *pixels = (const uint8_t *)screen->image->data + screen->green_byte;
    const size_t count = (size_t)width * (size_t)height;
    for (size_t i = 0; i < count; i++)
        screen->luma[i] = pixels[4 * i];
    return screen->luma;
}
