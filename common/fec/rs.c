/* SPDX-License-Identifier: MIT */
/*
 * x-rs-fec. Repair payload: base (16 bits), count - 1 (8), row (8), sum. The symbol of a packet
 * is its length (16 bits) and the packet.
 */
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "fec/gf256.h"
#include "fec/scheme.h"
#include "rtp/packet.h"

#define HEAD_BYTES 4
#define LENGTH_BYTES 2
#define SYMBOL_MIN (LENGTH_BYTES + SL_RTP_HEADER_BYTES)
#define SYMBOL_MAX (LENGTH_BYTES + SL_FEC_PACKET_MAX)

_Static_assert(SYMBOL_MAX <= SL_FEC_SYMBOL_MAX, "a symbol fits its slot");
_Static_assert(HEAD_BYTES + SYMBOL_MAX <= SL_FEC_REPAIR_MAX, "a row fits its payload");

static size_t to_symbol(uint8_t *symbol, const uint8_t *packet, size_t len)
{
    sl_put16(symbol, (uint16_t)len);
    memcpy(symbol + LENGTH_BYTES, packet, len);
    return LENGTH_BYTES + len;
}

static int to_packet(uint8_t packet[SL_FEC_PACKET_MAX], const uint8_t *symbol, size_t len,
                     uint16_t seq, uint32_t ssrc)
{
    const size_t packet_len = len < SYMBOL_MIN ? 0 : sl_get16(symbol);
    if (packet_len < SL_RTP_HEADER_BYTES || packet_len > SL_FEC_PACKET_MAX ||
        packet_len > len - LENGTH_BYTES)
        return -EBADMSG;
    for (size_t i = LENGTH_BYTES + packet_len; i < len; i++)
        if (symbol[i]) /* padding is zero: anything else was summed up wrong */
            return -EBADMSG;
    struct sl_rtp_packet view;
    if (sl_rtp_read(&view, symbol + LENGTH_BYTES, packet_len, NULL) || view.seq != seq ||
        view.ssrc != ssrc)
        return -EBADMSG;
    memcpy(packet, symbol + LENGTH_BYTES, packet_len);
    return (int)packet_len;
}

static void mint_pass(const struct sl_fec_batch *batch, const uint8_t *numbers, size_t rows,
                      struct sl_fec_repair *repairs)
{
    uint8_t factors[SL_GF256_SUMS * SL_GF256_SOURCES];
    uint8_t *sums[SL_GF256_SUMS];
    for (size_t r = 0; r < rows; r++) {
        uint8_t *payload = repairs[r].payload;
        sl_put16(payload, batch->base);
        payload[2] = (uint8_t)(batch->count - 1);
        payload[3] = numbers[r];
        repairs[r].len = HEAD_BYTES + batch->len;
        sums[r] = payload + HEAD_BYTES;
        for (size_t i = 0; i < batch->count; i++)
            factors[r * batch->count + i] =
                sl_gf256_cauchy(numbers[r], (uint16_t)(batch->base + i));
    }
    sl_gf256_combine(sums, rows, batch->symbols, batch->count, factors, batch->len, batch->tables);
}

static void mint(const struct sl_fec_batch *batch, const uint8_t *numbers, size_t rows,
                 struct sl_fec_repair *repairs)
{
    for (size_t done = 0; done < rows; done += SL_GF256_SUMS) {
        const size_t left = rows - done;
        mint_pass(batch, numbers + done, left < SL_GF256_SUMS ? left : SL_GF256_SUMS,
                  repairs + done);
    }
}

static int read_row(struct sl_fec_row *ret, const uint8_t *payload, size_t len, uint32_t ssrc)
{
    (void)ssrc; /* is inside of the sum */
    if (len < HEAD_BYTES + SYMBOL_MIN || len > HEAD_BYTES + SYMBOL_MAX)
        return -EBADMSG;
    const size_t count = payload[2] + 1u;
    const uint8_t number = payload[3];
    if (count > SL_FEC_RUN_MAX || number >= SL_FEC_ROWS_MAX)
        return -EBADMSG;
    ret->base = sl_get16(payload);
    ret->count = count;
    for (size_t i = 0; i < count; i++)
        ret->factors[i] = sl_gf256_cauchy(number, (uint16_t)(ret->base + i));
    ret->head = payload + HEAD_BYTES;
    ret->head_len = len - HEAD_BYTES;
    ret->tail = NULL;
    ret->tail_len = 0;
    return 0;
}

const struct sl_fec_scheme sl_fec_rs = {
    .name = "x-rs-fec",
    .run_max = SL_FEC_RUN_MAX,
    .fresh = true,
    .to_symbol = to_symbol,
    .to_packet = to_packet,
    .mint = mint,
    .read = read_row,
};
