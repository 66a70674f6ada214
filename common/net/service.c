/* SPDX-License-Identifier: MIT */
#include "net/service.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/option.h"

/* sd_watchdog_enabled(3): meant for us only if it names us or nobody. */
static const char *find_watchdog(void)
{
    const char *pid = getenv("WATCHDOG_PID");
    int64_t number;
    if (pid && (sl_parse_int(pid, 1, INT32_MAX, &number) != 0 || number != getpid()))
        return NULL;
    return getenv("WATCHDOG_USEC");
}

int sl_service_open(struct sl_service *service)
{
    const int error = sl_notify_open(&service->notify, getenv("NOTIFY_SOCKET"), find_watchdog());
    service->keep_alive.loop = NULL;
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    return error;
}

static bool is_open(const struct sl_service *service)
{
    return service->notify.address_len && service->notify.fd >= 0;
}

void sl_service_close(struct sl_service *service)
{
    if (!is_open(service))
        return;
    if (service->keep_alive.loop)
        sl_timer_clear(&service->keep_alive);
    sl_notify_close(&service->notify);
}

/* Twice as often as is asked for: one that is late is no reason to be killed. */
static void keep_alive(void *ctx, sl_ns now)
{
    struct sl_service *service = ctx;
    sl_notify_send(&service->notify, "WATCHDOG=1");
    sl_timer_set(&service->keep_alive, now + service->notify.watchdog / 2);
}

void sl_service_ready(struct sl_service *service, struct sl_loop *loop)
{
    if (!is_open(service))
        return;
    sl_notify_send(&service->notify, "READY=1");
    if (!service->notify.watchdog)
        return;
    sl_timer_init(&service->keep_alive, loop, keep_alive, service);
    keep_alive(service, sl_loop_refresh(loop));
}

void sl_service_status(struct sl_service *service, const char *text)
{
    if (is_open(service))
        sl_notify_send(&service->notify, "STATUS=%.*s", (int)strcspn(text, "\n"), text);
}

void sl_service_stopping(struct sl_service *service)
{
    if (is_open(service))
        sl_notify_send(&service->notify, "STOPPING=1\nSTATUS=stopping");
}
