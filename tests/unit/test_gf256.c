/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "fec/gf256.h"
#include "tests/support/fec_model.h"

static void multiplies_and_inverts_as_the_model(void **state)
{
    (void)state;
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++)
            assert_int_equal(sl_gf256_multiply((uint8_t)a, (uint8_t)b),
                             model_multiply((uint8_t)a, (uint8_t)b));
        assert_int_equal(sl_gf256_inverse((uint8_t)a), model_inverse((uint8_t)a));
    }
    assert_int_equal(model_multiply(0x80, 2), 0x1d); /* the polynomial */
}

/* Every length, start and factor that matters to a vector kernel; nothing beyond is touched. */
static void adds_regions_of_any_length(void **state)
{
    (void)state;
    struct sl_random random;
    sl_random_init_seed(&random, 1);
    for (size_t len = 0; len <= 300; len++) {
        uint8_t sum[320], before[320], addend[310];
        const size_t at = sl_random_range(&random, 0, 9);
        const uint8_t factor = (uint8_t)sl_random_u32(&random);
        sl_random_fill(&random, sum, sizeof(sum));
        sl_random_fill(&random, addend, sizeof(addend));
        memcpy(before, sum, sizeof(sum));
        sl_gf256_add(sum + at, addend + 9 - at, factor, len);
        for (size_t i = 0; i < sizeof(sum); i++) {
            uint8_t expected = before[i];
            if (i >= at && i < at + len)
                expected ^= model_multiply(factor, addend[9 - at + i - at]);
            assert_int_equal(sum[i], expected);
        }
    }
}

static void combine_once(struct sl_random *random, size_t count, size_t rows, size_t len)
{
    static uint8_t sources[SL_GF256_SOURCES][1400], sums[SL_GF256_SUMS][1400];
    static uint8_t tables[SL_GF256_TABLES], factors[SL_GF256_SOURCES * SL_GF256_SUMS];
    const uint8_t *in[SL_GF256_SOURCES];
    uint8_t *out[SL_GF256_SUMS];
    sl_random_fill(random, sources, sizeof(sources));
    sl_random_fill(random, factors, sizeof(factors));
    memset(sums, 0xa5, sizeof(sums));
    for (size_t i = 0; i < count; i++)
        in[i] = sources[i] + i % 7;
    for (size_t r = 0; r < rows; r++)
        out[r] = sums[r] + r;
    sl_gf256_combine(out, rows, in, count, factors, len, tables);
    for (size_t r = 0; r < rows; r++) {
        for (size_t b = 0; b < len; b++) {
            uint8_t expected = 0;
            for (size_t i = 0; i < count; i++)
                expected ^= model_multiply(factors[r * count + i], in[i][b]);
            assert_int_equal(out[r][b], expected);
        }
        assert_int_equal(out[r][len], 0xa5);
    }
}

static void combines_regions_of_any_length(void **state)
{
    (void)state;
    struct sl_random random;
    sl_random_init_seed(&random, 2);
    for (size_t len = 1; len <= 140; len++)
        combine_once(&random, 1 + len % 5, 1 + len % SL_GF256_SUMS, len);
    combine_once(&random, SL_GF256_SOURCES, SL_GF256_SUMS, 200);
    combine_once(&random, 10, 2, 1202);
}

/* Any square cut out of a Cauchy matrix has an inverse; 2 x 2 suffices to see that it is one. */
static void factors_are_a_cauchy_matrix(void **state)
{
    (void)state;
    for (unsigned row = 0; row < 128; row++) {
        for (unsigned seq = 0; seq < 128; seq++) {
            const uint8_t factor = sl_gf256_cauchy((uint8_t)row, (uint16_t)(seq + 65280));
            assert_int_equal(model_multiply(factor, (uint8_t)((128 + row) ^ seq)), 1);
        }
    }
    for (unsigned i = 0; i < 5000; i++) {
        const uint8_t r = (uint8_t)(i % 127), s = (uint8_t)(i * 7 % 127);
        const uint8_t both = model_multiply(sl_gf256_cauchy(r, s), sl_gf256_cauchy(r + 1, s + 1));
        const uint8_t cross = model_multiply(sl_gf256_cauchy(r, s + 1), sl_gf256_cauchy(r + 1, s));
        assert_int_not_equal(both, cross);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(multiplies_and_inverts_as_the_model),
        cmocka_unit_test(adds_regions_of_any_length),
        cmocka_unit_test(combines_regions_of_any_length),
        cmocka_unit_test(factors_are_a_cauchy_matrix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
