/* SPDX-License-Identifier: MIT */
#include "base/random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static void fill_system(void *state, void *out, size_t len)
{
    (void)state;
    uint8_t *at = out;
    while (len) {
        const ssize_t got = getrandom(at, len, 0);
        if (got < 0) {
            if (errno == EINTR)
                continue;
            abort(); /* keys must never come from anything weaker */
        }
        at += got;
        len -= (size_t)got;
    }
}

void sl_random_init_system(struct sl_random *random)
{
    *random = (struct sl_random){.fill = fill_system};
}

static uint64_t rotate_left(uint64_t v, int bits)
{
    return (v << bits) | (v >> (64 - bits));
}

/* xoshiro256** 1.0 (Blackman, Vigna). */
static uint64_t xoshiro_next(uint64_t s[4])
{
    const uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    const uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

static void fill_seeded(void *state, void *out, size_t len)
{
    uint8_t *at = out;
    while (len) {
        uint64_t value = xoshiro_next(state);
        const size_t part = len < sizeof(value) ? len : sizeof(value);
        for (size_t i = 0; i < part; i++, value >>= 8)
            *at++ = (uint8_t)value;
        len -= part;
    }
}

/* splitmix64: spreads a small seed over the whole state, which must not be zero. */
static uint64_t splitmix_next(uint64_t *seed)
{
    uint64_t z = (*seed += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void sl_random_init_seed(struct sl_random *random, uint64_t seed)
{
    random->fill = fill_seeded;
    for (int i = 0; i < 4; i++)
        random->state[i] = splitmix_next(&seed);
}

void sl_random_fill(struct sl_random *random, void *out, size_t len)
{
    random->fill(random->state, out, len);
}

uint32_t sl_random_u32(struct sl_random *random)
{
    return (uint32_t)sl_random_u64(random);
}

uint64_t sl_random_u64(struct sl_random *random)
{
    uint8_t bytes[8];
    sl_random_fill(random, bytes, sizeof(bytes));
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--)
        value = (value << 8) | bytes[i];
    return value;
}

uint32_t sl_random_range(struct sl_random *random, uint32_t low, uint32_t high)
{
    const uint64_t span = (uint64_t)high - low + 1;
    /* Values from the uneven tail of 2^32 would favour the low end: draw again. */
    const uint64_t even = ((uint64_t)1 << 32) / span * span;
    uint32_t value;
    do
        value = sl_random_u32(random);
    while (value >= even);
    return low + (uint32_t)(value % span);
}

double sl_random_unit(struct sl_random *random)
{
    return (double)(sl_random_u64(random) >> 11) * 0x1p-53;
}

void sl_random_text(struct sl_random *random, char *out, size_t chars)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    sl_random_fill(random, out, chars);
    for (size_t i = 0; i < chars; i++)
        out[i] = alphabet[(uint8_t)out[i] & 63];
    out[chars] = '\0';
}
