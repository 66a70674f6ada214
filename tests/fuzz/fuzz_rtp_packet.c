/* SPDX-License-Identifier: MIT */
/* First byte: which extension ids; the rest: an RTP packet. What can be read can be written and
 * read again, and then says the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rtp/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_same(const struct sl_rtp_packet *a, const struct sl_rtp_packet *b)
{
    require(a->seq == b->seq && a->timestamp == b->timestamp && a->ssrc == b->ssrc);
    require(a->pt == b->pt && a->marker == b->marker && a->has_capture == b->has_capture);
    require(a->capture_ntp == b->capture_ntp && a->capture_offset == b->capture_offset);
    require(a->has_playout_delay == b->has_playout_delay);
    require(a->playout_min_10ms == b->playout_min_10ms && !strcmp(a->mid, b->mid));
    require(a->playout_max_10ms == b->playout_max_10ms && a->payload_len == b->payload_len);
    require(a->payload_len == 0 || !memcmp(a->payload, b->payload, a->payload_len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sl_rtp_extension_ids ids[4] = {
        {0}, {.mid = 4, .abs_capture_time = 2, .playout_delay = 14}, {1, 2, 3}, {4, 200, 15}};
    if (size == 0)
        return 0;
    const struct sl_rtp_extension_ids *own = &ids[data[0] % 4];
    struct sl_rtp_packet packet, again;
    (void)sl_rtp_is_rtcp(data + 1, size - 1);
    if (sl_rtp_read(&packet, data + 1, size - 1, own) < 0)
        return 0;
    require(packet.payload >= data && packet.payload + packet.payload_len <= data + size);
    static uint8_t out[70000];
    const int len = sl_rtp_write(&packet, own, -1, out, sizeof(out));
    if (len < 0)
        return 0;
    require(sl_rtp_read(&again, out, (size_t)len, own) == 0);
    check_same(&packet, &again);
    require(sl_rtp_write(&packet, own, -1, out, (size_t)len - 1) < 0);
    return 0;
}
