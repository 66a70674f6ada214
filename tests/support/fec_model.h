/* SPDX-License-Identifier: MIT */
/*
 * Slow models of both erasure codes, written from the wire formats alone: multiplication bit by
 * bit, division by powers, rows summed byte by byte, and a solver that eliminates whole matrices.
 * They share nothing with common/fec, which is checked against them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"

#define MODEL_PACKET_MAX 1300
#define MODEL_COLUMNS 160 /* numbers that an equation may name */
#define MODEL_ROWS 160

uint8_t model_multiply(uint8_t a, uint8_t b);
uint8_t model_inverse(uint8_t a);

struct model_packet {
    int64_t seq;
    size_t len;
    uint8_t bytes[MODEL_PACKET_MAX];
};

/* An RTP packet (version 2, PT 96) of `len` bytes with a random payload. */
void model_packet_make(struct model_packet *packet, int64_t seq, size_t len, uint32_t ssrc,
                       uint32_t timestamp, struct sl_random *random);

enum model_code { MODEL_RS, MODEL_FLEXFEC };

/* Which packets a row sums up, and how: `members[i]` belongs to packets[i]. */
struct model_row {
    size_t first, count; /* packets[first] to packets[first + count - 1] */
    bool members[MODEL_COLUMNS];
    uint8_t number; /* of a row of Reed-Solomon */
};

/* The repair payload of a row over consecutive packets. Returns its length. */
size_t model_payload(enum model_code code, const struct model_packet *packets,
                     const struct model_row *row, uint32_t ssrc, uint8_t *payload);

/*
 * Which of packets[0..count) follow from those with `has` and the rows: sets `has` for them too,
 * after checking that what follows is what was sent. Returns how many.
 */
size_t model_solve(enum model_code code, const struct model_packet *packets, size_t count,
                   const struct model_row *rows, size_t row_count, bool *has);
