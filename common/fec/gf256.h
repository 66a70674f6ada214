/* SPDX-License-Identifier: MIT */
/*
 * Arithmetic over GF(2^8), polynomial x^8 + x^4 + x^3 + x^2 + 1 (0x11d): bytes that can be added
 * (xor), multiplied and divided, which is what erasure codes are made of. ISA-L does the work on
 * regions with the widest instructions that the processor has.
 *
 * Pure functions; no memory is taken. Regions need no alignment and must not overlap.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

uint8_t sl_gf256_multiply(uint8_t a, uint8_t b);

/* 1 / a. There is none of 0; it gives 0. */
uint8_t sl_gf256_inverse(uint8_t a);

/*
 * The factor of packet `seq` in row `row` (0..127): an element of a Cauchy matrix, in which the
 * numbers of rows have bit 7 and those of packets do not, so that any square cut out of it has an
 * inverse as long as no two packets are equal mod 128. Never 0.
 */
uint8_t sl_gf256_cauchy(uint8_t row, uint16_t seq);

/* sum += factor x addend, byte by byte. */
void sl_gf256_add(uint8_t *sum, const uint8_t *addend, uint8_t factor, size_t len);

#define SL_GF256_SOURCES 128 /* at most in one sum */
#define SL_GF256_SUMS 8      /* at most in one pass */
#define SL_GF256_TABLES (32 * SL_GF256_SOURCES * SL_GF256_SUMS)

/*
 * sums[r] = the sum of factors[r x count + i] x sources[i], for all `rows` in one pass over the
 * sources. All regions are `len` bytes. `tables` is scratch of SL_GF256_TABLES bytes.
 */
void sl_gf256_combine(uint8_t *const sums[], size_t rows, const uint8_t *const sources[],
                      size_t count, const uint8_t *factors, size_t len, uint8_t *tables);
