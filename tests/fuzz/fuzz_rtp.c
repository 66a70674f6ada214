/* SPDX-License-Identifier: MIT */
/*
 * Input: one byte of extension ids, then a packet, read as RTP and as RTCP. What is read lies
 * within the packet; an RTP packet that was read is written and read again, and says the same.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rtp/packet.h"
#include "rtp/rtcp.h"

struct bounds {
    const uint8_t *data;
    size_t len;
};

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void on_item(void *ctx, const struct sl_rtcp_item *item)
{
    const struct bounds *in = ctx;
    if (item->type != SL_RTCP_SDES_CNAME || item->text_len == 0)
        return;
    const uint8_t *text = (const uint8_t *)item->text;
    check(text >= in->data && text + item->text_len <= in->data + in->len);
}

static void check_same(const struct sl_rtp_packet *a, const struct sl_rtp_packet *b,
                       const struct sl_rtp_extension_ids *ids)
{
    check(a->seq == b->seq && a->timestamp == b->timestamp && a->ssrc == b->ssrc);
    check(a->pt == b->pt && a->marker == b->marker);
    check(a->payload_len == b->payload_len);
    check(a->payload_len == 0 || memcmp(a->payload, b->payload, a->payload_len) == 0);
    if (ids->abs_capture_time && a->has_capture)
        check(b->has_capture && a->capture_ntp == b->capture_ntp);
    if (ids->mid)
        check(strcmp(a->mid, b->mid) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 1500)
        return 0;
    /* None, one-byte and two-byte ids. */
    const struct sl_rtp_extension_ids ids = {.mid = data[0] & 1 ? 4 : 0,
                                             .abs_capture_time = data[0] & 2 ? 5 : 0,
                                             .playout_delay = data[0] & 4   ? 6
                                                              : data[0] & 8 ? 20
                                                                            : 0};
    struct bounds in = {.data = data + 1, .len = size - 1};
    (void)sl_rtcp_read(in.data, in.len, on_item, &in);
    (void)sl_rtp_is_rtcp(in.data, in.len);

    struct sl_rtp_packet packet, again;
    if (sl_rtp_read(&packet, in.data, in.len, &ids) < 0)
        return 0;
    check(packet.payload_len == 0 ||
          (packet.payload >= in.data && packet.payload + packet.payload_len <= in.data + in.len));
    check(memchr(packet.mid, 0, sizeof(packet.mid)) != NULL);
    uint8_t out[2048];
    const int n = sl_rtp_write(&packet, &ids, -1, out, sizeof(out));
    check(n >= SL_RTP_HEADER_BYTES);
    check(sl_rtp_read(&again, out, (size_t)n, &ids) == 0);
    check_same(&packet, &again, &ids);
    return 0;
}
