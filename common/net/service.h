/* SPDX-License-Identifier: MIT */
/*
 * Service: a program as systemd sees it (Type=notify, WatchdogSec=). Ready when its loop runs,
 * alive as long as its loop turns: the keep-alive is a timer of that loop, so a loop that hangs is
 * restarted. Started by hand, all of it does nothing. The loop's thread.
 */
#pragma once

#include "base/notify.h"
#include "net/loop.h"

struct sl_service {
    struct sl_notify notify;
    struct sl_timer keep_alive;
};

/* By $NOTIFY_SOCKET and $WATCHDOG_USEC, which are taken out of the environment. 0 or -errno; the
 * service may be used all the same. */
SL_MUST_CHECK int sl_service_open(struct sl_service *service);
/* One that is all zero was never opened. */
void sl_service_close(struct sl_service *service);

/* Says ready, and from now on that the loop is alive. `loop` outlives the service. */
void sl_service_ready(struct sl_service *service, struct sl_loop *loop);
/* What `systemctl status` shows: one line. */
void sl_service_status(struct sl_service *service, const char *text);
void sl_service_stopping(struct sl_service *service);
