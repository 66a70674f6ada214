/* SPDX-License-Identifier: MIT */
/*
 * flexfec-03 (draft-ietf-payload-flexible-fec-scheme-03 section 4.2), one source stream:
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     |R|F| P|X|  CC  |M| PT recovery |        length recovery        |
 *     |                          TS recovery                          |
 *     |  SSRCCount=1  |                   reserved                    |
 *     |                             SSRC                              |
 *     |           SN base             |k|          mask 0..14         |
 *     |k|                  mask 15..45, unless k before it            |
 *     |k|                  mask 46..108 (64 bits), unless k before it |
 *     |   sum of the packets from byte 12 on                          |
 *
 * The symbol of a packet is laid out as the row's first 8 bytes and its last part: bytes 0 and 1
 * without the version, the length past the fixed header, the timestamp, and what follows byte 12.
 * Number and SSRC are not summed up: they follow from the mask.
 */
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "fec/gf256.h"
#include "fec/scheme.h"
#include "rtp/packet.h"

#define SUMMED_HEAD 8
#define MASK_AT 18
#define HEAD_MAX (MASK_AT + 14)
#define MASK_0 15
#define MASK_1 46
#define MASK_2 109
#define SYMBOL_MAX (SUMMED_HEAD + SL_FEC_PACKET_MAX - SL_RTP_HEADER_BYTES)

_Static_assert(SYMBOL_MAX <= SL_FEC_SYMBOL_MAX, "a symbol fits its slot");
_Static_assert(HEAD_MAX + SYMBOL_MAX - SUMMED_HEAD <= SL_FEC_REPAIR_MAX, "a row fits its payload");

static size_t to_symbol(uint8_t *symbol, const uint8_t *packet, size_t len)
{
    const size_t rest = len - SL_RTP_HEADER_BYTES;
    symbol[0] = packet[0] & 0x3f;
    symbol[1] = packet[1];
    sl_put16(symbol + 2, (uint16_t)rest);
    memcpy(symbol + 4, packet + 4, 4);
    memcpy(symbol + SUMMED_HEAD, packet + SL_RTP_HEADER_BYTES, rest);
    return SUMMED_HEAD + rest;
}

static int to_packet(uint8_t packet[SL_FEC_PACKET_MAX], const uint8_t *symbol, size_t len,
                     uint16_t seq, uint32_t ssrc)
{
    if (len < SUMMED_HEAD || symbol[0] & 0xc0)
        return -EBADMSG;
    const size_t rest = sl_get16(symbol + 2);
    if (rest > len - SUMMED_HEAD || rest > SL_FEC_PACKET_MAX - SL_RTP_HEADER_BYTES)
        return -EBADMSG;
    for (size_t i = SUMMED_HEAD + rest; i < len; i++)
        if (symbol[i])
            return -EBADMSG;
    packet[0] = symbol[0] | 0x80;
    packet[1] = symbol[1];
    sl_put16(packet + 2, seq);
    memcpy(packet + 4, symbol + 4, 4);
    sl_put32(packet + 8, ssrc);
    memcpy(packet + SL_RTP_HEADER_BYTES, symbol + SUMMED_HEAD, rest);
    struct sl_rtp_packet view;
    const size_t packet_len = SL_RTP_HEADER_BYTES + rest;
    return sl_rtp_read(&view, packet, packet_len, NULL) ? -EBADMSG : (int)packet_len;
}

/* Marks packets 0, step, 2 x step ... below `span`. Returns the length of the header. */
static size_t write_mask(uint8_t *payload, size_t span, size_t step)
{
    uint64_t parts[3] = {0};
    for (size_t i = 0; i < span; i += step) {
        if (i < MASK_0)
            parts[0] |= (uint64_t)1 << (MASK_0 - 1 - i);
        else if (i < MASK_1)
            parts[1] |= (uint64_t)1 << (MASK_1 - 1 - i);
        else
            parts[2] |= (uint64_t)1 << (MASK_2 - 1 - i);
    }
    uint8_t *mask = payload + MASK_AT;
    sl_put16(mask, (uint16_t)(parts[0] | (span <= MASK_0 ? 0x8000 : 0)));
    if (span <= MASK_0)
        return MASK_AT + 2;
    sl_put32(mask + 2, (uint32_t)(parts[1] | (span <= MASK_1 ? 0x80000000u : 0)));
    if (span <= MASK_1)
        return MASK_AT + 6;
    sl_put64(mask + 6, parts[2] | (uint64_t)1 << 63);
    return HEAD_MAX;
}

/* The sum of packets `first`, first + step ... */
static void mint_row(const struct sl_fec_batch *batch, size_t first, size_t step,
                     struct sl_fec_repair *repair)
{
    const size_t span = 1 + (batch->count - 1 - first) / step * step;
    uint8_t *payload = repair->payload;
    const size_t head = write_mask(payload, span, step);
    const size_t rest = batch->len - SUMMED_HEAD;
    memset(payload, 0, SUMMED_HEAD);
    memset(payload + head, 0, rest);
    for (size_t i = first; i < batch->count; i += step) {
        sl_gf256_add(payload, batch->symbols[i], 1, SUMMED_HEAD);
        sl_gf256_add(payload + head, batch->symbols[i] + SUMMED_HEAD, 1, rest);
    }
    sl_put32(payload + 8, 1u << 24); /* one SSRC, and reserved bits */
    sl_put32(payload + 12, batch->ssrc);
    sl_put16(payload + 16, (uint16_t)(batch->base + first));
    repair->len = head + rest;
}

/* Row r of n sums every n-th packet from the r-th on, so a burst of n is mended. */
static void mint(const struct sl_fec_batch *batch, const uint8_t *numbers, size_t rows,
                 struct sl_fec_repair *repairs)
{
    (void)numbers;
    for (size_t r = 0; r < rows; r++)
        mint_row(batch, r, rows, &repairs[r]);
}

/* Takes `bits` bits of a part of the mask, the highest first. */
static void take_mask(struct sl_fec_row *row, size_t first, uint64_t part, size_t bits)
{
    for (size_t i = 0; i < bits; i++) {
        const bool set = part >> (bits - 1 - i) & 1;
        row->factors[first + i] = set;
        if (set)
            row->count = first + i + 1;
    }
}

/* The length of the header, or 0 if the payload ends before it does or it has no end. */
static size_t read_mask(struct sl_fec_row *row, const uint8_t *payload, size_t len)
{
    struct sl_reader r = sl_reader(payload + MASK_AT, len - MASK_AT);
    row->count = 0;
    const uint16_t part0 = sl_read16(&r);
    take_mask(row, 0, part0, MASK_0);
    if (part0 & 0x8000)
        return r.failed ? 0 : MASK_AT + 2;
    const uint32_t part1 = sl_read32(&r);
    take_mask(row, MASK_0, part1, MASK_1 - MASK_0);
    if (part1 & 0x80000000)
        return r.failed ? 0 : MASK_AT + 6;
    const uint64_t part2 = sl_read64(&r);
    take_mask(row, MASK_1, part2, MASK_2 - MASK_1);
    return r.failed || !(part2 >> 63) ? 0 : HEAD_MAX;
}

static int read_row(struct sl_fec_row *ret, const uint8_t *payload, size_t len, uint32_t ssrc)
{
    if (len < MASK_AT + 2 || payload[0] & 0xc0 || payload[8] != 1 || sl_get32(payload + 12) != ssrc)
        return -EBADMSG;
    const size_t head = read_mask(ret, payload, len);
    if (head == 0 || ret->count == 0 || len - head > SYMBOL_MAX - SUMMED_HEAD)
        return -EBADMSG;
    ret->base = sl_get16(payload + 16);
    ret->head = payload;
    ret->head_len = SUMMED_HEAD;
    ret->tail = payload + head;
    ret->tail_len = len - head;
    return 0;
}

const struct sl_fec_scheme sl_fec_flexfec = {
    .name = "flexfec-03",
    .run_max = MASK_2,
    .fresh = false,
    .to_symbol = to_symbol,
    .to_packet = to_packet,
    .mint = mint,
    .read = read_row,
};
