/* SPDX-License-Identifier: MIT */
#include "sender/jpeg_unpack.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/bytes.h"

/* ITU-T T.81 tables K.1 and K.2, in zigzag order. */
static const uint8_t standard[2][64] = {
    {16, 11, 12,  14,  12,  10, 16, 14,  13,  14,  18,  17,  16, 19,  24,  40,
     26, 24, 22,  22,  24,  49, 35, 37,  29,  40,  58,  51,  61, 60,  57,  51,
     56, 55, 64,  72,  92,  78, 64, 68,  87,  69,  55,  56,  80, 109, 81,  87,
     95, 98, 103, 104, 103, 62, 77, 113, 121, 112, 100, 120, 92, 101, 103, 99},
    {17, 18, 18, 24, 21, 24, 47, 26, 26, 47, 99, 66, 56, 66, 99, 99, 99, 99, 99, 99, 99, 99,
     99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
     99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99},
};

/* The main header (section 3.1) and the restart header behind it. */
struct header {
    uint32_t offset;
    uint8_t type, q;
    unsigned width, height;
    uint16_t restart; /* interval; 0: none */
};

void sl_jpeg_unpack_init(struct sl_jpeg_unpack *unpack)
{
    *unpack = (struct sl_jpeg_unpack){0};
}

void sl_jpeg_unpack_begin(struct sl_jpeg_unpack *unpack, uint8_t *out, size_t size)
{
    unpack->out = out;
    unpack->size = size < INT_MAX ? size : INT_MAX;
    unpack->len = unpack->head = 0;
}

static struct header read_header(struct sl_reader *r)
{
    struct header header = {0};
    sl_read8(r); /* type-specific */
    header.offset = sl_read24(r);
    header.type = sl_read8(r);
    header.q = sl_read8(r);
    header.width = 8u * sl_read8(r);
    header.height = 8u * sl_read8(r);
    if (header.type >= 64 && header.type < 128) {
        header.restart = sl_read16(r);
        sl_read16(r); /* F, L and restart count: packets are whole and in order */
    }
    return header;
}

/* Section 4.2: how Q of 1 to 99 scales the standard tables. */
static void scale_tables(uint8_t tables[2][64], unsigned q)
{
    const unsigned factor = q < 50 ? 5000 / q : 200 - q * 2;
    for (int t = 0; t < 2; t++) {
        for (int i = 0; i < 64; i++) {
            const unsigned value = (standard[t][i] * factor + 50) / 100;
            tables[t][i] = (uint8_t)(value < 1 ? 1 : value > 255 ? 255 : value);
        }
    }
}

/* The quantization table header (section 3.1.8). One table stands for both. */
static int read_tables(struct sl_jpeg_unpack *unpack, struct sl_reader *r, uint8_t q)
{
    sl_read8(r);
    const uint8_t precision = sl_read8(r);
    const uint16_t len = sl_read16(r);
    const uint8_t *bytes = sl_read_bytes(r, len);
    if (!bytes)
        return -EBADMSG;
    if (len == 0)
        return q == 255 || unpack->tables_q != q ? -ENOTSUP : 0;
    if (precision & 3 || (len != 64 && len != 128))
        return -ENOTSUP;
    memcpy(unpack->tables[0], bytes, 64);
    memcpy(unpack->tables[1], bytes + len - 64, 64);
    unpack->tables_q = q;
    return 0;
}

static void write_frame_header(struct sl_writer *w, const struct header *header)
{
    sl_write16(w, 0xffc0);
    sl_write16(w, 17);
    sl_write8(w, 8);
    sl_write16(w, (uint16_t)header->height);
    sl_write16(w, (uint16_t)header->width);
    sl_write8(w, 3);
    for (uint8_t i = 0; i < 3; i++) {
        sl_write8(w, (uint8_t)(i + 1));
        sl_write8(w, i ? 0x11 : header->type & 1 ? 0x22 : 0x21); /* 4:2:0, else 4:2:2 */
        sl_write8(w, i ? 1 : 0);
    }
}

static void write_scan_header(struct sl_writer *w)
{
    sl_write16(w, 0xffda);
    sl_write16(w, 12);
    sl_write8(w, 3);
    for (uint8_t i = 0; i < 3; i++) {
        sl_write8(w, (uint8_t)(i + 1));
        sl_write8(w, i ? 0x11 : 0);
    }
    sl_write24(w, 0x003f00);
}

static int begin_picture(struct sl_jpeg_unpack *unpack, const struct header *header,
                         uint8_t (*tables)[64])
{
    struct sl_writer w = sl_writer(unpack->out, unpack->size);
    sl_write16(&w, 0xffd8);
    for (uint8_t t = 0; t < 2; t++) {
        sl_write16(&w, 0xffdb);
        sl_write16(&w, 67);
        sl_write8(&w, t);
        sl_write_bytes(&w, tables[t], 64);
    }
    if (header->restart) {
        sl_write16(&w, 0xffdd);
        sl_write16(&w, 4);
        sl_write16(&w, header->restart);
    }
    write_frame_header(&w, header);
    write_scan_header(&w);
    unpack->len = unpack->head = sl_writer_len(&w);
    return w.failed ? -EMSGSIZE : 0;
}

static int begin(struct sl_jpeg_unpack *unpack, const struct header *header, struct sl_reader *r)
{
    uint8_t scaled[2][64];
    if (header->offset)
        return -EBADMSG;
    if (!header->width || !header->height || (header->type & ~0x41))
        return -ENOTSUP;
    if (header->q == 0 || (header->q >= 100 && header->q < 128))
        return -EBADMSG;
    if (header->q >= 128) {
        const int error = read_tables(unpack, r, header->q);
        return error ? error : begin_picture(unpack, header, unpack->tables);
    }
    scale_tables(scaled, header->q);
    return begin_picture(unpack, header, scaled);
}

int sl_jpeg_unpack_add(struct sl_jpeg_unpack *unpack, const uint8_t *payload, size_t len)
{
    if (len == 0)
        return 0;
    struct sl_reader r = sl_reader(payload, len);
    const struct header header = read_header(&r);
    if (r.failed)
        return -EBADMSG;
    int error = unpack->head ? 0 : begin(unpack, &header, &r);
    if (error)
        return error;
    if (header.offset != unpack->len - unpack->head)
        return -EBADMSG;
    const size_t left = sl_reader_left(&r);
    if (left > unpack->size - unpack->len)
        return -EMSGSIZE;
    if (left)
        memcpy(unpack->out + unpack->len, r.at, left);
    unpack->len += left;
    return 0;
}

int sl_jpeg_unpack_end(struct sl_jpeg_unpack *unpack)
{
    if (unpack->len == unpack->head || unpack->size - unpack->len < 2)
        return -EBADMSG;
    sl_put16(unpack->out + unpack->len, 0xffd9); /* a second end does no harm */
    unpack->len += 2;
    return (int)unpack->len;
}
