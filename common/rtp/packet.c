/* SPDX-License-Identifier: MIT */
#include "rtp/packet.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

#define VERSION 2
#define PROFILE_ONE_BYTE 0xbede
#define PROFILE_TWO_BYTE 0x1000 /* the low four bits are the application's */

#define CAPTURE_BYTES 8
#define CAPTURE_OFFSET_BYTES 16
#define PLAYOUT_BYTES 3
#define EXTENSIONS 3 /* kinds that we know */

static const struct sl_rtp_extension_ids no_ids;

static void take_extension(struct sl_rtp_packet *packet, const struct sl_rtp_extension_ids *ids,
                           uint8_t id, const uint8_t *data, size_t len)
{
    if (id == ids->abs_capture_time && len >= CAPTURE_BYTES) {
        packet->has_capture = true;
        packet->capture_ntp = sl_get64(data);
        packet->has_capture_offset = len >= CAPTURE_OFFSET_BYTES;
        packet->capture_offset = packet->has_capture_offset ? (int64_t)sl_get64(data + 8) : 0;
    } else if (id == ids->playout_delay && len >= PLAYOUT_BYTES) {
        const uint32_t both = sl_get24(data);
        packet->has_playout_delay = true;
        packet->playout_min_10ms = (uint16_t)(both >> 12);
        packet->playout_max_10ms = (uint16_t)(both & 0xfff);
    } else if (id == ids->mid && len < sizeof(packet->mid)) {
        memcpy(packet->mid, data, len);
        packet->mid[len] = '\0';
    }
}

/* RFC 8285 section 4.2: no element has the id 0 (padding); 15 ends the walk. */
static void read_one_byte(struct sl_rtp_packet *packet, const struct sl_rtp_extension_ids *ids,
                          struct sl_reader *r)
{
    while (sl_reader_left(r) && !r->failed) {
        const uint8_t head = sl_read8(r);
        if (head == 0)
            continue;
        const uint8_t id = head >> 4;
        if (id == 0 || id == 15)
            return;
        const size_t len = (head & 15u) + 1;
        const uint8_t *data = sl_read_bytes(r, len);
        if (data)
            take_extension(packet, ids, id, data, len);
    }
}

/* RFC 8285 section 4.3. */
static void read_two_byte(struct sl_rtp_packet *packet, const struct sl_rtp_extension_ids *ids,
                          struct sl_reader *r)
{
    while (sl_reader_left(r) && !r->failed) {
        const uint8_t id = sl_read8(r);
        if (id == 0)
            continue;
        const size_t len = sl_read8(r);
        const uint8_t *data = sl_read_bytes(r, len);
        if (data)
            take_extension(packet, ids, id, data, len);
    }
}

static void read_extensions(struct sl_rtp_packet *packet, const struct sl_rtp_extension_ids *ids,
                            struct sl_reader *r)
{
    const uint16_t profile = sl_read16(r);
    const size_t len = sl_read16(r) * (size_t)4;
    const uint8_t *data = sl_read_bytes(r, len);
    if (!data)
        return;
    struct sl_reader elements = sl_reader(data, len);
    if (profile == PROFILE_ONE_BYTE)
        read_one_byte(packet, ids, &elements);
    else if ((profile & 0xfff0) == PROFILE_TWO_BYTE)
        read_two_byte(packet, ids, &elements);
    r->failed |= elements.failed;
}

int sl_rtp_read(struct sl_rtp_packet *ret, const uint8_t *data, size_t len,
                const struct sl_rtp_extension_ids *ids)
{
    struct sl_reader r = sl_reader(data, len);
    struct sl_rtp_packet packet = {0};
    const uint8_t first = sl_read8(&r);
    const uint8_t second = sl_read8(&r);
    packet.marker = second & 0x80;
    packet.pt = second & 0x7f;
    packet.seq = sl_read16(&r);
    packet.timestamp = sl_read32(&r);
    packet.ssrc = sl_read32(&r);
    sl_read_bytes(&r, (first & 15u) * (size_t)4); /* CSRC */
    if (first & 0x10)
        read_extensions(&packet, ids ? ids : &no_ids, &r);
    if (r.failed || first >> 6 != VERSION)
        return -EBADMSG;

    packet.payload = r.at;
    packet.payload_len = sl_reader_left(&r);
    if (first & 0x20) {
        const size_t padding = packet.payload_len ? data[len - 1] : 0;
        if (padding == 0 || padding > packet.payload_len)
            return -EBADMSG;
        packet.payload_len -= padding;
    }
    *ret = packet;
    return 0;
}

struct element {
    uint8_t id;
    size_t len;
    uint8_t data[16];
};

/* The extensions that `packet` has and `ids` names. Returns how many. */
static size_t collect(struct element elements[EXTENSIONS], const struct sl_rtp_packet *packet,
                      const struct sl_rtp_extension_ids *ids)
{
    size_t count = 0;
    const size_t mid_len = strnlen(packet->mid, sizeof(packet->mid));
    if (ids->mid && mid_len) {
        struct element *e = &elements[count++];
        *e = (struct element){.id = ids->mid, .len = mid_len};
        memcpy(e->data, packet->mid, mid_len);
    }
    if (ids->abs_capture_time && packet->has_capture) {
        struct element *e = &elements[count++];
        *e = (struct element){.id = ids->abs_capture_time, .len = CAPTURE_BYTES};
        sl_put64(e->data, packet->capture_ntp);
        if (packet->has_capture_offset) {
            sl_put64(e->data + 8, (uint64_t)packet->capture_offset);
            e->len = CAPTURE_OFFSET_BYTES;
        }
    }
    if (ids->playout_delay && packet->has_playout_delay) {
        struct element *e = &elements[count++];
        *e = (struct element){.id = ids->playout_delay, .len = PLAYOUT_BYTES};
        sl_put24(e->data,
                 (packet->playout_min_10ms & 0xfffu) << 12 | (packet->playout_max_10ms & 0xfffu));
    }
    return count;
}

static void write_extensions(struct sl_writer *w, const struct element *elements, size_t count)
{
    bool two_byte = false;
    for (size_t i = 0; i < count; i++)
        two_byte |= elements[i].id > 14;
    sl_write16(w, two_byte ? PROFILE_TWO_BYTE : PROFILE_ONE_BYTE);
    uint8_t *words = sl_write_room(w, 2);
    const uint8_t *start = w->at;
    for (size_t i = 0; i < count; i++) {
        const struct element *e = &elements[i];
        if (two_byte) {
            sl_write8(w, e->id);
            sl_write8(w, (uint8_t)e->len);
        } else {
            sl_write8(w, (uint8_t)(e->id << 4 | (e->len - 1)));
        }
        sl_write_bytes(w, e->data, e->len);
    }
    while (!w->failed && (w->at - start) % 4)
        sl_write8(w, 0);
    if (!w->failed)
        sl_put16(words, (uint16_t)((w->at - start) / 4));
}

int sl_rtp_write(const struct sl_rtp_packet *packet, const struct sl_rtp_extension_ids *ids,
                 int32_t rtx_osn, uint8_t *out, size_t size)
{
    struct element elements[EXTENSIONS];
    const size_t count = collect(elements, packet, ids ? ids : &no_ids);
    struct sl_writer w = sl_writer(out, size);
    sl_write8(&w, (uint8_t)(VERSION << 6 | (count ? 0x10 : 0)));
    sl_write8(&w, (uint8_t)((packet->marker ? 0x80 : 0) | (packet->pt & 0x7f)));
    sl_write16(&w, (uint16_t)packet->seq);
    sl_write32(&w, packet->timestamp);
    sl_write32(&w, packet->ssrc);
    if (count)
        write_extensions(&w, elements, count);
    if (rtx_osn >= 0)
        sl_write16(&w, (uint16_t)rtx_osn);
    sl_write_bytes(&w, packet->payload, packet->payload_len);
    return w.failed ? -EMSGSIZE : (int)sl_writer_len(&w);
}

bool sl_rtp_is_rtcp(const uint8_t *data, size_t len)
{
    return len >= 2 && data[1] >= 192 && data[1] <= 223;
}
