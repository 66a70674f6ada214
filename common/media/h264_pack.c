/* SPDX-License-Identifier: MIT */
#include "media/h264_pack.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "media/nal.h"

#define PAYLOAD_MIN 64
#define PAYLOAD_MAX 1500
#define FU_HEADERS 2
#define NAL_FILLER 12

struct pack {
    sl_h264_pack_fn *emit;
    void *ctx;
    size_t max;
    int count;
    struct sl_nal set; /* the first parameter set of a group, while it is the only one */
    size_t stap_len;   /* bytes of STAP-A in `out`; 0: no group is open */
    unsigned sets;
    uint8_t out[PAYLOAD_MAX];
};

static void emit(struct pack *pack, const uint8_t *payload, size_t len, bool last)
{
    pack->emit(pack->ctx, payload, len, last);
    pack->count++;
}

/* What a decoder needs. Types from 24 on would be taken for RFC 6184's own. */
static bool is_kept(const struct sl_nal *nal)
{
    const unsigned type = nal->data[0] & 0x1f;
    return type > 0 && type < SL_NAL_STAP_A && type != SL_NAL_SEI && type != SL_NAL_AUD &&
           type != NAL_FILLER;
}

static bool next_kept(const uint8_t **at, const uint8_t *end, struct sl_nal *ret)
{
    while (sl_nal_next(at, end, ret))
        if (is_kept(ret))
            return true;
    return false;
}

static void flush_sets(struct pack *pack, bool last)
{
    if (pack->sets == 1)
        emit(pack, pack->set.data, pack->set.len, last);
    else if (pack->sets > 1)
        emit(pack, pack->out, pack->stap_len, last);
    pack->sets = 0;
    pack->stap_len = 0;
}

/* Adds a parameter set to the open STAP-A. False if it does not fit. */
static bool add_set(struct pack *pack, const struct sl_nal *nal)
{
    const size_t at = pack->sets ? pack->stap_len : 1;
    if (nal->len > UINT16_MAX || at + 2 + nal->len > pack->max)
        return false;
    /* F and NRI of the aggregate are the largest of its parts (RFC 6184 section 5.7). */
    const uint8_t importance = nal->data[0] & 0xe0;
    const uint8_t before = pack->sets ? pack->out[0] & 0xe0 : 0;
    pack->out[0] = (uint8_t)((importance > before ? importance : before) | SL_NAL_STAP_A);
    sl_put16(pack->out + at, (uint16_t)nal->len);
    memcpy(pack->out + at + 2, nal->data, nal->len);
    pack->stap_len = at + 2 + nal->len;
    if (pack->sets++ == 0)
        pack->set = *nal;
    return true;
}

/*
 * FU-A. The fewest fragments that do; all of one size but the last, which is shorter by less than
 * one byte a fragment: what UDP GSO sends in one call.
 */
static void emit_fragments(struct pack *pack, const struct sl_nal *nal, bool last)
{
    const uint8_t *at = nal->data + 1;
    size_t left = nal->len - 1;
    const size_t room = pack->max - FU_HEADERS;
    const size_t fragments = (left + room - 1) / room;
    const size_t size = (left + fragments - 1) / fragments;
    bool first = true;
    while (left) {
        const size_t take = left < size ? left : size;
        pack->out[0] = (uint8_t)((nal->data[0] & 0xe0) | SL_NAL_FU_A);
        pack->out[1] =
            (uint8_t)((first ? 0x80 : 0) | (take == left ? 0x40 : 0) | (nal->data[0] & 0x1f));
        memcpy(pack->out + FU_HEADERS, at, take);
        emit(pack, pack->out, FU_HEADERS + take, last && take == left);
        at += take;
        left -= take;
        first = false;
    }
}

/* True if `nal` is a parameter set and now waits in the open STAP-A. */
static bool gather_set(struct pack *pack, const struct sl_nal *nal)
{
    const unsigned type = nal->data[0] & 0x1f;
    if (type != SL_NAL_SPS && type != SL_NAL_PPS)
        return false;
    if (add_set(pack, nal))
        return true;
    flush_sets(pack, false);
    return add_set(pack, nal);
}

static void pack_nal(struct pack *pack, const struct sl_nal *nal, bool last)
{
    const bool gathered = gather_set(pack, nal);
    if (!gathered || last)
        flush_sets(pack, gathered);
    if (gathered)
        return;
    if (nal->len <= pack->max)
        emit(pack, nal->data, nal->len, last);
    else
        emit_fragments(pack, nal, last);
}

int sl_h264_pack(const uint8_t *annexb, size_t len, size_t payload_max, sl_h264_pack_fn *emit_fn,
                 void *ctx)
{
    if (payload_max < PAYLOAD_MIN || payload_max > PAYLOAD_MAX)
        return -EINVAL;
    struct pack pack;
    pack.emit = emit_fn;
    pack.ctx = ctx;
    pack.max = payload_max;
    pack.count = 0;
    pack.sets = 0;
    pack.stap_len = 0;

    const uint8_t *at = annexb;
    const uint8_t *end = annexb + len;
    struct sl_nal nal, next;
    bool more = next_kept(&at, end, &nal);
    if (!more)
        return -EBADMSG;
    while (more) {
        more = next_kept(&at, end, &next);
        pack_nal(&pack, &nal, !more);
        nal = next;
    }
    return pack.count;
}
