/* SPDX-License-Identifier: MIT */
#include "receiver/exchange.h"

#include <stdlib.h>

int sl_exchange_init(struct sl_exchange *exchange, size_t capacity)
{
    *exchange = (struct sl_exchange){.hub = {.fd = -1}, .http = {.fd = -1}};
    int err = sl_ring_create(&exchange->asks, capacity, sizeof(struct sl_ask *));
    if (err == 0)
        err = sl_ring_create(&exchange->events, capacity, sizeof(struct sl_event));
    if (err == 0)
        err = sl_wake_init(&exchange->hub);
    if (err == 0)
        err = sl_wake_init(&exchange->http);
    if (err != 0)
        sl_exchange_fini(exchange);
    return err;
}

void sl_exchange_fini(struct sl_exchange *exchange)
{
    if (!exchange->asks)
        return;
    struct sl_ask *ask;
    while (sl_ring_pop(exchange->asks, &ask)) {
        if (ask->type == SL_ASK_SNAPSHOT) {
            free(ask->snapshot);
            free(ask);
        }
    }
    sl_ring_destroy(exchange->asks);
    sl_ring_destroy(exchange->events);
    if (exchange->hub.fd >= 0)
        sl_wake_fini(&exchange->hub);
    if (exchange->http.fd >= 0)
        sl_wake_fini(&exchange->http);
    *exchange = (struct sl_exchange){.asks = NULL};
}

bool sl_exchange_ask(struct sl_exchange *exchange, struct sl_ask *ask)
{
    if (!sl_ring_push(exchange->asks, &ask))
        return false;
    sl_wake_signal(&exchange->hub);
    return true;
}

bool sl_exchange_tell(struct sl_exchange *exchange, const struct sl_event *event)
{
    if (!sl_ring_push(exchange->events, event))
        return false;
    sl_wake_signal(&exchange->http);
    return true;
}
