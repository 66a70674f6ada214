/* SPDX-License-Identifier: MIT */
#include "base/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/option.h"

static int parse_address(struct sl_notify *notify, const char *socket)
{
    const size_t len = strlen(socket);
    if ((socket[0] != '/' && socket[0] != '@') || len < 2)
        return -EINVAL;
    if (len >= sizeof(notify->address.sun_path))
        return -ENAMETOOLONG;
    notify->address.sun_family = AF_UNIX;
    memcpy(notify->address.sun_path, socket, len);
    if (socket[0] == '@')
        notify->address.sun_path[0] = '\0'; /* unix(7): abstract, and its length counts */
    notify->address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    return 0;
}

int sl_notify_open(struct sl_notify *notify, const char *socket_name, const char *watchdog_usec)
{
    struct sl_notify opened = {.fd = -1};
    int64_t usec = 0;
    *notify = opened;
    if (!socket_name)
        return 0;
    int err = parse_address(&opened, socket_name);
    if (err == 0 && watchdog_usec)
        err = sl_parse_int(watchdog_usec, 1, INT64_MAX / SL_US, &usec);
    if (err != 0)
        return err;
    opened.watchdog = usec * SL_US;
    opened.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (opened.fd < 0)
        return -errno;
    *notify = opened;
    return 0;
}

void sl_notify_close(struct sl_notify *notify)
{
    if (notify->fd >= 0)
        close(notify->fd);
    notify->fd = -1;
}

void sl_notify_send(const struct sl_notify *notify, const char *format, ...)
{
    char text[512];
    if (notify->fd < 0)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    (void)sendto(notify->fd, text, strlen(text), MSG_NOSIGNAL,
                 (const struct sockaddr *)&notify->address, notify->address_len);
}
