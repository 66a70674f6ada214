/* SPDX-License-Identifier: MIT */
/*
 * Notify: tells the service manager that started us how we are, by sd_notify(3)'s protocol: one
 * datagram of KEY=VALUE lines to the AF_UNIX socket in $NOTIFY_SOCKET. Without that all of it does
 * nothing. One thread; never blocks.
 */
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include "base/types.h"

struct sl_notify {
    int fd; /* -1: nobody asked */
    struct sockaddr_un address;
    socklen_t address_len;
    sl_ns watchdog; /* WATCHDOG=1 is wanted at least this often; 0: not at all */
};

/* `socket_name`, `watchdog_usec`: the values of $NOTIFY_SOCKET ("/PATH", or "@NAME" of the abstract
 * kind) and $WATCHDOG_USEC; NULL where unset. 0 or -errno, and then as if nobody asked. */
SL_MUST_CHECK int sl_notify_open(struct sl_notify *notify, const char *socket_name,
                                 const char *watchdog_usec);
void sl_notify_close(struct sl_notify *notify);

/* "READY=1", "STATUS=live", "WATCHDOG=1", "STOPPING=1". What cannot be delivered is dropped. */
void sl_notify_send(const struct sl_notify *notify, const char *format, ...) SL_PRINTF(2, 3);
