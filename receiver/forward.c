/* SPDX-License-Identifier: MIT */
#include "receiver/forward.h"

#include "base/time.h"

/* A frame's last packet, which is with the relay. By its timestamp as viewers see it. */
static void trace_frame(struct sl_forward *forward, const struct sl_relay *relay,
                        uint32_t timestamp, sl_ns in)
{
    timestamp += sl_relay_timestamp_offset(relay, SL_VIDEO);
    sl_trace_note(forward->trace, SL_TRACE_RELAY_IN, timestamp, 0, in);
    if (forward->traced_count < SL_FORWARD_BATCH)
        forward->traced[forward->traced_count++] = timestamp;
}

void sl_forward_packet(struct sl_forward *forward, struct sl_forward_place *place,
                       enum sl_media_kind kind, const struct sl_rtp_packet *packet, bool repaired,
                       sl_ns now)
{
    const bool traced = forward->trace && kind == SL_VIDEO && packet->marker;
    const sl_ns in = traced ? sl_time_now() : 0;
    sl_relay_packet(place->relay, kind, packet, repaired, now);
    if (!place->queued) {
        place->queued = true;
        place->next = forward->first;
        forward->first = place;
    }
    if (traced)
        trace_frame(forward, place->relay, packet->timestamp, in);
}

void sl_forward_all(struct sl_forward *forward, sl_ns now)
{
    while (forward->first) {
        struct sl_forward_place *place = forward->first;
        forward->first = place->next;
        place->queued = false;
        sl_relay_forward(place->relay, now);
    }
}

void sl_forward_flushed(struct sl_forward *forward)
{
    const sl_ns now = forward->traced_count ? sl_time_now() : 0;
    for (int i = 0; i < forward->traced_count; i++)
        sl_trace_note(forward->trace, SL_TRACE_RELAY_OUT, forward->traced[i], 0, now);
    forward->traced_count = 0;
}
