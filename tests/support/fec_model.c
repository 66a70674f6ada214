/* SPDX-License-Identifier: MIT */
#include "tests/support/fec_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint8_t model_multiply(uint8_t a, uint8_t b)
{
    unsigned product = 0;
    for (int bit = 0; bit < 8; bit++)
        if (b >> bit & 1)
            product ^= (unsigned)a << bit;
    for (int bit = 14; bit >= 8; bit--)
        if (product >> bit & 1)
            product ^= 0x11du << (bit - 8);
    return (uint8_t)product;
}

uint8_t model_inverse(uint8_t a)
{
    uint8_t power = 1; /* a^254, which times a is a^255 = 1: 254 is 11111110 in binary */
    for (int bit = 7; bit >= 0; bit--) {
        power = model_multiply(power, power);
        if (254 >> bit & 1)
            power = model_multiply(power, a);
    }
    return power;
}

static void put_bits(uint8_t *bytes, size_t at, size_t bits, uint64_t value)
{
    for (size_t i = 0; i < bits; i++) {
        const size_t bit = at + i;
        const uint8_t mask = (uint8_t)(0x80 >> bit % 8);
        if (value >> (bits - 1 - i) & 1)
            bytes[bit / 8] |= mask;
        else
            bytes[bit / 8] &= (uint8_t)~mask;
    }
}

void model_packet_make(struct model_packet *packet, int64_t seq, size_t len, uint32_t ssrc,
                       uint32_t timestamp, struct sl_random *random)
{
    packet->seq = seq;
    packet->len = len;
    sl_random_fill(random, packet->bytes, len);
    put_bits(packet->bytes, 0, 8, 0x80); /* V=2, no padding, extension or CSRC */
    put_bits(packet->bytes, 9, 7, 96);
    put_bits(packet->bytes, 16, 16, (uint64_t)seq & 0xffff);
    put_bits(packet->bytes, 32, 32, timestamp);
    put_bits(packet->bytes, 64, 32, ssrc);
}

static uint8_t factor_of(enum model_code code, const struct model_row *row, size_t i, int64_t seq)
{
    if (!row->members[i])
        return 0;
    if (code == MODEL_FLEXFEC)
        return 1;
    return model_inverse((uint8_t)((128 + row->number) ^ ((uint64_t)seq % 128)));
}

/* What of a packet is summed, in an order of our own for FlexFEC: all but number and SSRC. */
static size_t symbol_of(enum model_code code, const struct model_packet *packet, uint8_t *symbol)
{
    memset(symbol, 0, MODEL_PACKET_MAX);
    if (code == MODEL_RS) {
        put_bits(symbol, 0, 16, packet->len);
        memcpy(symbol + 2, packet->bytes, packet->len);
        return packet->len + 2;
    }
    put_bits(symbol, 0, 16, packet->len - 12);
    symbol[2] = packet->bytes[0] % 64;
    symbol[3] = packet->bytes[1];
    for (size_t i = 0; i < 4; i++)
        symbol[4 + i] = packet->bytes[4 + i];
    for (size_t i = 12; i < packet->len; i++)
        symbol[i - 4] = packet->bytes[i];
    return packet->len - 4;
}

/* Returns the length of the longest symbol of all packets, members or not. */
static size_t sum_of(enum model_code code, const struct model_packet *packets,
                     const struct model_row *row, uint8_t *sum)
{
    uint8_t symbol[MODEL_PACKET_MAX];
    size_t longest = 0;
    memset(sum, 0, MODEL_PACKET_MAX);
    for (size_t i = 0; i < row->count; i++) {
        const struct model_packet *packet = &packets[row->first + i];
        const size_t len = symbol_of(code, packet, symbol);
        const uint8_t factor = factor_of(code, row, i, packet->seq);
        if (len > longest && row->members[i])
            longest = len;
        for (size_t b = 0; b < len && factor; b++)
            sum[b] ^= model_multiply(factor, symbol[b]);
    }
    return longest;
}

static size_t rs_payload(const struct model_packet *packets, const struct model_row *row,
                         uint8_t *payload)
{
    uint8_t sum[MODEL_PACKET_MAX];
    const size_t len = sum_of(MODEL_RS, packets, row, sum);
    put_bits(payload, 0, 16, (uint64_t)packets[row->first].seq & 0xffff);
    put_bits(payload, 16, 8, row->count - 1);
    put_bits(payload, 24, 8, row->number);
    memcpy(payload + 4, sum, len);
    return 4 + len;
}

/* The draft's picture bit by bit: K bits at 0, 16 and 48 of the mask. */
static size_t flexfec_payload(const struct model_packet *packets, const struct model_row *row,
                              uint32_t ssrc, uint8_t *payload)
{
    uint8_t sum[MODEL_PACKET_MAX];
    const size_t len = sum_of(MODEL_FLEXFEC, packets, row, sum);
    memset(payload, 0, 32);
    payload[0] = sum[2];
    payload[1] = sum[3];
    payload[2] = sum[0];
    payload[3] = sum[1];
    memcpy(payload + 4, sum + 4, 4);
    put_bits(payload, 64, 8, 1);
    put_bits(payload, 96, 32, ssrc);
    put_bits(payload, 128, 16, (uint64_t)packets[row->first].seq & 0xffff);
    const size_t parts = row->count <= 15 ? 1 : row->count <= 46 ? 2 : 3;
    static const size_t k_at[] = {144, 160, 192}, header[] = {20, 24, 32};
    put_bits(payload, k_at[parts - 1], 1, 1);
    for (size_t i = 0; i < row->count; i++)
        put_bits(payload, i < 15 ? 145 + i : i < 46 ? 146 + i : 147 + i, 1, row->members[i]);
    memcpy(payload + header[parts - 1], sum + 8, len - 8);
    return header[parts - 1] + len - 8;
}

size_t model_payload(enum model_code code, const struct model_packet *packets,
                     const struct model_row *row, uint32_t ssrc, uint8_t *payload)
{
    return code == MODEL_RS ? rs_payload(packets, row, payload)
                            : flexfec_payload(packets, row, ssrc, payload);
}

struct matrix {
    size_t rows, columns, bytes; /* bytes: no symbol is longer */
    uint8_t factors[MODEL_ROWS][MODEL_COLUMNS];
    uint8_t sums[MODEL_ROWS][MODEL_PACKET_MAX];
};

static void add_row(struct matrix *m, size_t target, size_t source, uint8_t factor)
{
    for (size_t c = 0; c < m->columns; c++)
        m->factors[target][c] ^= model_multiply(factor, m->factors[source][c]);
    for (size_t b = 0; b < m->bytes; b++)
        m->sums[target][b] ^= model_multiply(factor, m->sums[source][b]);
}

static void swap_rows(struct matrix *m, size_t a, size_t b)
{
    if (a == b)
        return;
    add_row(m, a, b, 1); /* three sums in characteristic 2 */
    add_row(m, b, a, 1);
    add_row(m, a, b, 1);
}

/* To reduced row echelon form. */
static void reduce(struct matrix *m)
{
    size_t top = 0;
    for (size_t c = 0; c < m->columns && top < m->rows; c++) {
        size_t r = top;
        while (r < m->rows && !m->factors[r][c])
            r++;
        if (r == m->rows)
            continue;
        swap_rows(m, top, r);
        /* add (1/a - 1) times itself: the row times 1/a */
        add_row(m, top, top, model_inverse(m->factors[top][c]) ^ 1);
        for (size_t other = 0; other < m->rows; other++)
            if (other != top && m->factors[other][c])
                add_row(m, other, top, m->factors[other][c]);
        top++;
    }
}

static void fill(struct matrix *m, enum model_code code, const struct model_packet *packets,
                 const struct model_row *rows, const bool *has)
{
    uint8_t symbol[MODEL_PACKET_MAX];
    for (size_t r = 0; r < m->rows; r++) {
        sum_of(code, packets, &rows[r], m->sums[r]);
        for (size_t i = 0; i < rows[r].count; i++) {
            const size_t at = rows[r].first + i;
            const uint8_t factor = factor_of(code, &rows[r], i, packets[at].seq);
            if (!has[at]) {
                m->factors[r][at] = factor;
                continue;
            }
            symbol_of(code, &packets[at], symbol);
            for (size_t b = 0; b < m->bytes; b++)
                m->sums[r][b] ^= model_multiply(factor, symbol[b]);
        }
    }
}

static bool single(const struct matrix *m, size_t row, size_t *column)
{
    size_t unknowns = 0;
    for (size_t c = 0; c < m->columns; c++)
        if (m->factors[row][c]) {
            unknowns++;
            *column = c;
        }
    return unknowns == 1;
}

size_t model_solve(enum model_code code, const struct model_packet *packets, size_t count,
                   const struct model_row *rows, size_t row_count, bool *has)
{
    struct matrix *m = calloc(1, sizeof(*m));
    if (!m || count > MODEL_COLUMNS || row_count > MODEL_ROWS)
        abort();
    m->rows = row_count;
    m->columns = count;
    for (size_t i = 0; i < count; i++)
        if (packets[i].len + 2 > m->bytes)
            m->bytes = packets[i].len + 2;
    fill(m, code, packets, rows, has);
    reduce(m);
    size_t solved = 0;
    for (size_t r = 0; r < row_count; r++) {
        size_t column = 0;
        uint8_t symbol[MODEL_PACKET_MAX];
        if (!single(m, r, &column))
            continue;
        symbol_of(code, &packets[column], symbol);
        if (memcmp(symbol, m->sums[r], sizeof(symbol)) != 0) {
            fprintf(stderr, "the model itself is wrong about packet %zu\n", column);
            abort();
        }
        has[column] = true;
        solved++;
    }
    free(m);
    return solved;
}
