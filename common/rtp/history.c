/* SPDX-License-Identifier: MIT */
#include "rtp/history.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MAX 65536

struct slot {
    bool used;
    sl_ns sent;
    struct sl_rtp_packet packet;
    uint8_t payload[SL_RTP_FOREIGN_MAX];
};

struct sl_history {
    size_t mask;
    bool started;
    int64_t highest;
    struct slot slots[];
};

int sl_history_create(struct sl_history **ret, size_t slots)
{
    if (slots == 0 || slots > SLOTS_MAX)
        return -EINVAL;
    size_t rounded = 1;
    while (rounded < slots)
        rounded *= 2;
    struct sl_history *history = calloc(1, sizeof(*history) + rounded * sizeof(struct slot));
    if (!history)
        return -ENOMEM;
    history->mask = rounded - 1;
    *ret = history;
    return 0;
}

void sl_history_destroy(struct sl_history *history)
{
    free(history);
}

void sl_history_put(struct sl_history *history, const struct sl_rtp_packet *packet, sl_ns now)
{
    if (packet->payload_len > SL_RTP_FOREIGN_MAX)
        return; /* nobody could have sent it */
    if (!history->started || packet->seq > history->highest)
        history->highest = packet->seq;
    else if (history->highest - packet->seq > (int64_t)history->mask)
        return;
    history->started = true;

    struct slot *slot = &history->slots[(size_t)packet->seq & history->mask];
    slot->used = true;
    slot->sent = now;
    slot->packet = *packet;
    slot->packet.payload = slot->payload;
    if (packet->payload_len)
        memcpy(slot->payload, packet->payload, packet->payload_len);
}

const struct sl_rtp_packet *sl_history_get(const struct sl_history *history, int64_t seq,
                                           sl_ns *sent)
{
    const struct slot *slot = &history->slots[(size_t)seq & history->mask];
    if (!slot->used || slot->packet.seq != seq)
        return NULL;
    if (sent)
        *sent = slot->sent;
    return &slot->packet;
}
