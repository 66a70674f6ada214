/* SPDX-License-Identifier: MIT */
#include "fec/gf256.h"

#include <isa-l/erasure_code.h>

/* ISA-L has no const; it reads its sources and tables only. */
#define UNCONST(type, pointer) ((type)(uintptr_t)(pointer))

uint8_t sl_gf256_multiply(uint8_t a, uint8_t b)
{
    return gf_mul(a, b);
}

uint8_t sl_gf256_inverse(uint8_t a)
{
    return gf_inv(a);
}

uint8_t sl_gf256_cauchy(uint8_t row, uint16_t seq)
{
    return gf_inv((uint8_t)((0x80 | row) ^ (seq & 0x7f)));
}

void sl_gf256_add(uint8_t *sum, const uint8_t *addend, uint8_t factor, size_t len)
{
    uint8_t table[32];
    ec_init_tables(1, 1, &factor, table);
    ec_encode_data_update((int)len, 1, 1, 0, table, UNCONST(uint8_t *, addend), &sum);
}

void sl_gf256_combine(uint8_t *const sums[], size_t rows, const uint8_t *const sources[],
                      size_t count, const uint8_t *factors, size_t len, uint8_t *tables)
{
    ec_init_tables((int)count, (int)rows, UNCONST(uint8_t *, factors), tables);
    ec_encode_data((int)len, (int)count, (int)rows, tables, UNCONST(uint8_t **, sources),
                   UNCONST(uint8_t **, sums));
}
