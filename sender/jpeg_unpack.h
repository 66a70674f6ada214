/* SPDX-License-Identifier: MIT */
/*
 * RTP payloads back into a JPEG picture (RFC 2435): the headers that RTP leaves out are written
 * anew. Huffman tables are left out: they are always the usual ones, which decoders of MJPEG have.
 * The caller offers the payloads of one picture in order, without a gap. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

struct sl_jpeg_unpack {
    uint8_t *out; /* caller's */
    size_t size, len;
    size_t head; /* of it, ours; 0: nothing came yet */
    /* Tables with Q of 128 and more, which may be left out after the first picture. */
    uint8_t tables[2][64];
    uint8_t tables_q; /* 0: none */
};

void sl_jpeg_unpack_init(struct sl_jpeg_unpack *unpack);
/* Starts a picture into `out`. Keeps the tables. */
void sl_jpeg_unpack_begin(struct sl_jpeg_unpack *unpack, uint8_t *out, size_t size);
/* 0, -EBADMSG, -EMSGSIZE, or -ENOTSUP (more than 2040 pixels wide or high; 12 bits; tables that
 * never came). After an error the picture is worthless. */
SL_MUST_CHECK int sl_jpeg_unpack_add(struct sl_jpeg_unpack *unpack, const uint8_t *payload,
                                     size_t len);
/* The length of the picture, or -EBADMSG if there is nothing. */
SL_MUST_CHECK int sl_jpeg_unpack_end(struct sl_jpeg_unpack *unpack);
