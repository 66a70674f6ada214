/* SPDX-License-Identifier: MIT */
#include "bench/display.h"

#include <X11/Xlib.h>
#include <sys/socket.h>

pid_t sl_display_server(const char *display)
{
    struct ucred peer = {.pid = -1};
    socklen_t len = sizeof(peer);
    Display *x = XOpenDisplay(display);
    if (!x)
        return -1;
    if (getsockopt(ConnectionNumber(x), SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
        peer.pid = -1;
    XCloseDisplay(x);
    return peer.pid > 0 ? peer.pid : -1;
}
