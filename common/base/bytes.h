/* SPDX-License-Identifier: MIT */
/*
 * Wire bytes: big-endian reads and writes through a cursor that cannot leave
 * its buffer. The first access past the end sets `failed`, reads as zero, and
 * sticks, so a parser checks once at the end of a structure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t sl_get16(const uint8_t *p)
{
    return (uint16_t)((p[0] << 8) | p[1]);
}

static inline uint32_t sl_get24(const uint8_t *p)
{
    return ((uint32_t)p[0] << 16) | ((uint32_t)p[1] << 8) | p[2];
}

static inline uint32_t sl_get32(const uint8_t *p)
{
    return ((uint32_t)p[0] << 24) | ((uint32_t)p[1] << 16) | ((uint32_t)p[2] << 8) | p[3];
}

static inline uint64_t sl_get64(const uint8_t *p)
{
    return ((uint64_t)sl_get32(p) << 32) | sl_get32(p + 4);
}

static inline void sl_put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void sl_put24(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 16);
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)v;
}

static inline void sl_put32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

static inline void sl_put64(uint8_t *p, uint64_t v)
{
    sl_put32(p, (uint32_t)(v >> 32));
    sl_put32(p + 4, (uint32_t)v);
}

struct sl_reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

static inline struct sl_reader sl_reader(const void *data, size_t len)
{
    const uint8_t *p = data;
    return (struct sl_reader){.at = p, .end = p + len, .failed = false};
}

static inline size_t sl_reader_left(const struct sl_reader *r)
{
    return (size_t)(r->end - r->at);
}

/* `len` bytes, or NULL (and failed) if fewer are left. */
static inline const uint8_t *sl_read_bytes(struct sl_reader *r, size_t len)
{
    if (r->failed || sl_reader_left(r) < len) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *p = r->at;
    r->at += len;
    return p;
}

static inline uint8_t sl_read8(struct sl_reader *r)
{
    const uint8_t *p = sl_read_bytes(r, 1);
    return p ? *p : 0;
}

static inline uint16_t sl_read16(struct sl_reader *r)
{
    const uint8_t *p = sl_read_bytes(r, 2);
    return p ? sl_get16(p) : 0;
}

static inline uint32_t sl_read24(struct sl_reader *r)
{
    const uint8_t *p = sl_read_bytes(r, 3);
    return p ? sl_get24(p) : 0;
}

static inline uint32_t sl_read32(struct sl_reader *r)
{
    const uint8_t *p = sl_read_bytes(r, 4);
    return p ? sl_get32(p) : 0;
}

static inline uint64_t sl_read64(struct sl_reader *r)
{
    const uint8_t *p = sl_read_bytes(r, 8);
    return p ? sl_get64(p) : 0;
}

struct sl_writer {
    uint8_t *start;
    uint8_t *at;
    uint8_t *end;
    bool failed;
};

static inline struct sl_writer sl_writer(void *data, size_t len)
{
    uint8_t *p = data;
    return (struct sl_writer){.start = p, .at = p, .end = p + len, .failed = false};
}

static inline size_t sl_writer_len(const struct sl_writer *w)
{
    return (size_t)(w->at - w->start);
}

/* Room for `len` bytes to be filled by the caller, or NULL (and failed). */
static inline uint8_t *sl_write_room(struct sl_writer *w, size_t len)
{
    if (w->failed || (size_t)(w->end - w->at) < len) {
        w->failed = true;
        return NULL;
    }
    uint8_t *p = w->at;
    w->at += len;
    return p;
}

static inline void sl_write8(struct sl_writer *w, uint8_t v)
{
    uint8_t *p = sl_write_room(w, 1);
    if (p)
        *p = v;
}

static inline void sl_write16(struct sl_writer *w, uint16_t v)
{
    uint8_t *p = sl_write_room(w, 2);
    if (p)
        sl_put16(p, v);
}

static inline void sl_write24(struct sl_writer *w, uint32_t v)
{
    uint8_t *p = sl_write_room(w, 3);
    if (p)
        sl_put24(p, v);
}

static inline void sl_write32(struct sl_writer *w, uint32_t v)
{
    uint8_t *p = sl_write_room(w, 4);
    if (p)
        sl_put32(p, v);
}

static inline void sl_write64(struct sl_writer *w, uint64_t v)
{
    uint8_t *p = sl_write_room(w, 8);
    if (p)
        sl_put64(p, v);
}

static inline void sl_write_bytes(struct sl_writer *w, const void *data, size_t len)
{
    uint8_t *p = sl_write_room(w, len);
    if (p && len)
        memcpy(p, data, len);
}
