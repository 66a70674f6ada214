/* SPDX-License-Identifier: MIT */
/*
 * Randomness as an argument: the operating system's for programs, a seeded
 * generator for tests and simulations, behind one face.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct sl_random {
    void (*fill)(void *state, void *out, size_t len);
    uint64_t state[4];
};

/* getrandom(2); aborts the program if the kernel has none. */
void sl_random_init_system(struct sl_random *random);

/* xoshiro256**: the same seed gives the same bytes. Never for keys. */
void sl_random_init_seed(struct sl_random *random, uint64_t seed);

void sl_random_fill(struct sl_random *random, void *out, size_t len);
uint32_t sl_random_u32(struct sl_random *random);
uint64_t sl_random_u64(struct sl_random *random);

/* Uniform in [low, high], both included. */
uint32_t sl_random_range(struct sl_random *random, uint32_t low, uint32_t high);

/* Uniform in [0, 1). */
double sl_random_unit(struct sl_random *random);

/* `chars` characters of [A-Za-z0-9+/] (ice-char, RFC 8839) and a NUL into `out`. */
void sl_random_text(struct sl_random *random, char *out, size_t chars);
