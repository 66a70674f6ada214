/* SPDX-License-Identifier: MIT */
#include "sender/rtp_order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PLACES 64             /* divides 65536 */
#define PATIENCE (30 * SL_MS) /* reordering on a LAN is over in much less */
#define RESTART 512 /* a number further back than this is no late packet: the camera began anew */

struct place {
    size_t len; /* 0: empty */
    sl_ns arrival;
    uint8_t data[SL_RTP_ORDER_BYTES];
};

struct sl_rtp_order {
    bool started;
    uint16_t next; /* wanted */
    size_t held;
    struct place places[PLACES];
};

int sl_rtp_order_create(struct sl_rtp_order **ret)
{
    struct sl_rtp_order *order = calloc(1, sizeof(*order));
    if (!order)
        return -ENOMEM;
    *ret = order;
    return 0;
}

void sl_rtp_order_destroy(struct sl_rtp_order *order)
{
    free(order);
}

/* The number of the first that is held, at or after `next`. */
static uint16_t first_held(const struct sl_rtp_order *order)
{
    uint16_t seq = order->next;
    while (!order->places[seq % PLACES].len)
        seq++;
    return seq;
}

static void clear(struct sl_rtp_order *order)
{
    for (int i = 0; i < PLACES; i++)
        order->places[i].len = 0;
    order->held = 0;
}

bool sl_rtp_order_put(struct sl_rtp_order *order, uint16_t seq, const uint8_t *data, size_t len,
                      sl_ns now)
{
    const int ahead = order->started ? (int16_t)(seq - order->next) : 0;
    if (len == 0 || len > SL_RTP_ORDER_BYTES || (ahead < 0 && ahead > -RESTART))
        return false;
    if (!order->started || ahead < 0 || ahead >= PLACES + RESTART) {
        clear(order);
        order->started = true;
        order->next = seq;
    }
    /* So far ahead that the ring ends: the oldest is given up, and what waits there is passed by.
     * The caller took what could be taken after each put, so that little is. */
    while ((int16_t)(seq - order->next) >= PLACES) {
        struct place *passed = &order->places[order->next % PLACES];
        order->held -= passed->len > 0;
        passed->len = 0;
        order->next++;
    }
    struct place *place = &order->places[seq % PLACES];
    if (place->len)
        return false;
    memcpy(place->data, data, len);
    place->len = len;
    place->arrival = now;
    order->held++;
    return true;
}

bool sl_rtp_order_take(struct sl_rtp_order *order, sl_ns now, struct sl_rtp_ordered *ret)
{
    if (!order->held || now < sl_rtp_order_due(order))
        return false;
    const uint16_t seq = first_held(order);
    struct place *place = &order->places[seq % PLACES];
    *ret =
        (struct sl_rtp_ordered){.data = place->data, .len = place->len, .arrival = place->arrival};
    place->len = 0;
    order->held--;
    order->next = (uint16_t)(seq + 1);
    return true;
}

sl_ns sl_rtp_order_due(const struct sl_rtp_order *order)
{
    if (!order->held)
        return SL_NEVER;
    const struct place *wanted = &order->places[order->next % PLACES];
    if (wanted->len)
        return wanted->arrival;
    sl_ns oldest = SL_NEVER;
    for (int i = 0; i < PLACES; i++)
        if (order->places[i].len && order->places[i].arrival < oldest)
            oldest = order->places[i].arrival;
    return oldest + PATIENCE;
}
