/* SPDX-License-Identifier: MIT */
#include "rtp/rtcp.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum { SR = 200, RR = 201, SDES = 202, BYE = 203, APP = 204, RTPFB = 205, PSFB = 206, XR = 207 };
enum { FMT_NACK = 1, FMT_CCFB = 11, FMT_PLI = 1, FMT_FIR = 4, FMT_AFB = 15 };
enum { XR_RRTR = 4, XR_DLRR = 5 };
enum { SDES_END = 0, SDES_CNAME = 1 };

#define COUNT_MAX 31 /* five bits */
#define REMB_NAME 0x52454d42u
#define REMB_MANTISSA_BITS 18

struct walk {
    sl_rtcp_read_fn *read;
    void *ctx;
    uint8_t count; /* RC, SC or FMT of the packet being read */
};

static void give(const struct walk *walk, const struct sl_rtcp_item *item)
{
    walk->read(walk->ctx, item);
}

static void read_blocks(const struct walk *walk, struct sl_reader *r, uint32_t sender_ssrc)
{
    for (unsigned i = 0; i < walk->count; i++) {
        struct sl_rtcp_item item = {.type = SL_RTCP_REPORT_BLOCK, .sender_ssrc = sender_ssrc};
        struct sl_rtcp_report_block *block = &item.block;
        block->ssrc = sl_read32(r);
        block->fraction_lost = sl_read8(r);
        block->cumulative_lost = (int32_t)(sl_read24(r) ^ 0x800000) - 0x800000;
        block->highest = sl_read32(r);
        block->jitter = sl_read32(r);
        block->lsr = sl_read32(r);
        block->dlsr = sl_read32(r);
        if (r->failed)
            return;
        give(walk, &item);
    }
}

static void read_sr(const struct walk *walk, struct sl_reader *r)
{
    struct sl_rtcp_item item = {.type = SL_RTCP_SR, .sender_ssrc = sl_read32(r)};
    item.ntp = sl_read64(r);
    item.rtp_timestamp = sl_read32(r);
    item.packets = sl_read32(r);
    item.octets = sl_read32(r);
    if (r->failed)
        return;
    give(walk, &item);
    read_blocks(walk, r, item.sender_ssrc);
}

static void read_rr(const struct walk *walk, struct sl_reader *r)
{
    const struct sl_rtcp_item item = {.type = SL_RTCP_RR, .sender_ssrc = sl_read32(r)};
    if (r->failed)
        return;
    give(walk, &item);
    read_blocks(walk, r, item.sender_ssrc);
}

/* One chunk: SSRC, items, an end item, zeros up to the next 32-bit word (RFC 3550 6.5). */
static void read_chunk(const struct walk *walk, struct sl_reader *r)
{
    const uint8_t *start = r->at;
    struct sl_rtcp_item item = {.type = SL_RTCP_SDES_CNAME, .sender_ssrc = sl_read32(r)};
    for (;;) {
        const uint8_t type = sl_read8(r);
        if (r->failed || type == SDES_END)
            break;
        item.text_len = sl_read8(r);
        item.text = (const char *)sl_read_bytes(r, item.text_len);
        if (!r->failed && type == SDES_CNAME)
            give(walk, &item);
    }
    while (!r->failed && (r->at - start) % 4)
        sl_read8(r);
}

static void read_sdes(const struct walk *walk, struct sl_reader *r)
{
    for (unsigned i = 0; i < walk->count && !r->failed; i++)
        read_chunk(walk, r);
}

static void read_bye(const struct walk *walk, struct sl_reader *r)
{
    for (unsigned i = 0; i < walk->count; i++) {
        const uint32_t ssrc = sl_read32(r);
        const struct sl_rtcp_item item = {
            .type = SL_RTCP_BYE, .sender_ssrc = ssrc, .media_ssrc = ssrc};
        if (r->failed)
            return;
        give(walk, &item);
    }
}

static void read_nack(const struct walk *walk, struct sl_reader *r, struct sl_rtcp_item *item)
{
    item->type = SL_RTCP_NACK;
    while (sl_reader_left(r) && !r->failed) {
        item->nack_pid = sl_read16(r);
        item->nack_blp = sl_read16(r);
        if (!r->failed)
            give(walk, item);
    }
}

static void read_fir(const struct walk *walk, struct sl_reader *r, struct sl_rtcp_item *item)
{
    item->type = SL_RTCP_FIR;
    while (sl_reader_left(r) && !r->failed) {
        item->media_ssrc = sl_read32(r); /* the header's is not used (RFC 5104 4.3.1.2) */
        item->fir_seq = sl_read8(r);
        sl_read24(r);
        if (!r->failed)
            give(walk, item);
    }
}

/* draft-alvestrand-rmcat-remb-03; other application layer feedback is skipped. */
static void read_afb(const struct walk *walk, struct sl_reader *r, struct sl_rtcp_item *item)
{
    if (sl_reader_left(r) < 8 || sl_read32(r) != REMB_NAME)
        return;
    const unsigned ssrcs = sl_read8(r);
    const uint32_t rate = sl_read24(r);
    const unsigned exponent = rate >> REMB_MANTISSA_BITS;
    const uint64_t mantissa = rate & ((1u << REMB_MANTISSA_BITS) - 1);
    item->type = SL_RTCP_REMB;
    item->remb_bps = mantissa > UINT64_MAX >> exponent ? UINT64_MAX : mantissa << exponent;
    if (ssrcs)
        item->media_ssrc = sl_read32(r);
    if (!r->failed)
        give(walk, item);
}

/* The rest of a packet, to be read by whoever knows it. */
static void give_rest(const struct walk *walk, struct sl_reader *r, struct sl_rtcp_item *item)
{
    item->data_len = sl_reader_left(r);
    item->data = sl_read_bytes(r, item->data_len);
    if (!r->failed)
        give(walk, item);
}

static void read_app(const struct walk *walk, struct sl_reader *r)
{
    struct sl_rtcp_item item = {.type = SL_RTCP_APP, .sender_ssrc = sl_read32(r)};
    item.app_name = sl_read32(r);
    give_rest(walk, r, &item);
}

static void read_feedback(const struct walk *walk, struct sl_reader *r, uint8_t pt)
{
    struct sl_rtcp_item item = {.sender_ssrc = sl_read32(r)};
    if (pt == RTPFB && walk->count == FMT_CCFB) {
        item.type = SL_RTCP_CCFB; /* names no media source in its header */
        give_rest(walk, r, &item);
        return;
    }
    item.media_ssrc = sl_read32(r);
    if (r->failed)
        return;
    if (pt == RTPFB && walk->count == FMT_NACK) {
        read_nack(walk, r, &item);
    } else if (pt == PSFB && walk->count == FMT_PLI) {
        item.type = SL_RTCP_PLI;
        give(walk, &item);
    } else if (pt == PSFB && walk->count == FMT_FIR) {
        read_fir(walk, r, &item);
    } else if (pt == PSFB && walk->count == FMT_AFB) {
        read_afb(walk, r, &item);
    }
}

static void read_dlrr(const struct walk *walk, struct sl_reader *r, uint32_t sender_ssrc)
{
    while (sl_reader_left(r) && !r->failed) {
        struct sl_rtcp_item item = {.type = SL_RTCP_XR_DLRR, .sender_ssrc = sender_ssrc};
        item.media_ssrc = sl_read32(r);
        item.lrr = sl_read32(r);
        item.dlrr = sl_read32(r);
        if (!r->failed)
            give(walk, &item);
    }
}

static void read_xr(const struct walk *walk, struct sl_reader *r)
{
    const uint32_t sender_ssrc = sl_read32(r);
    while (sl_reader_left(r) && !r->failed) {
        const uint8_t type = sl_read8(r);
        sl_read8(r);
        const size_t len = sl_read16(r) * (size_t)4;
        const uint8_t *data = sl_read_bytes(r, len);
        if (!data)
            return;
        struct sl_reader block = sl_reader(data, len);
        if (type == XR_RRTR) {
            const struct sl_rtcp_item item = {
                .type = SL_RTCP_XR_RRTR, .sender_ssrc = sender_ssrc, .ntp = sl_read64(&block)};
            if (!block.failed)
                give(walk, &item);
        } else if (type == XR_DLRR) {
            read_dlrr(walk, &block, sender_ssrc);
        }
        r->failed |= block.failed;
    }
}

static void read_body(const struct walk *walk, struct sl_reader *r, uint8_t pt)
{
    switch (pt) {
    case SR:
        read_sr(walk, r);
        break;
    case RR:
        read_rr(walk, r);
        break;
    case SDES:
        read_sdes(walk, r);
        break;
    case BYE:
        read_bye(walk, r);
        break;
    case APP:
        read_app(walk, r);
        break;
    case RTPFB:
    case PSFB:
        read_feedback(walk, r, pt);
        break;
    case XR:
        read_xr(walk, r);
        break;
    default:
        break;
    }
}

int sl_rtcp_read(const uint8_t *data, size_t len, sl_rtcp_read_fn *read, void *ctx)
{
    struct sl_reader r = sl_reader(data, len);
    do {
        const uint8_t first = sl_read8(&r);
        const uint8_t pt = sl_read8(&r);
        size_t body_len = sl_read16(&r) * (size_t)4;
        const uint8_t *body = sl_read_bytes(&r, body_len);
        if (!body || first >> 6 != 2)
            return -EBADMSG;
        if (first & 0x20) {
            const size_t padding = body_len ? body[body_len - 1] : 0;
            if (padding == 0 || padding > body_len)
                return -EBADMSG;
            body_len -= padding;
        }
        const struct walk walk = {.read = read, .ctx = ctx, .count = first & 0x1f};
        struct sl_reader packet = sl_reader(body, body_len);
        read_body(&walk, &packet, pt);
        if (packet.failed)
            return -EBADMSG;
    } while (sl_reader_left(&r));
    return 0;
}

/* Starts a packet; end() fills its length in. A failed writer stays failed and harmless. */
static size_t begin(struct sl_writer *w, size_t count, uint8_t pt)
{
    const size_t start = sl_writer_len(w);
    if (count > COUNT_MAX)
        w->failed = true;
    sl_write8(w, (uint8_t)(2u << 6 | (count & 0x1f)));
    sl_write8(w, pt);
    sl_write16(w, 0);
    return start;
}

static void end(struct sl_writer *w, size_t start)
{
    while (!w->failed && (sl_writer_len(w) - start) % 4)
        sl_write8(w, 0);
    const size_t words = (sl_writer_len(w) - start) / 4;
    if (words > UINT16_MAX)
        w->failed = true;
    if (!w->failed)
        sl_put16(w->start + start + 2, (uint16_t)(words - 1));
}

static void write_blocks(struct sl_writer *w, const struct sl_rtcp_report_block *blocks,
                         size_t count)
{
    for (size_t i = 0; i < count && !w->failed; i++) {
        const struct sl_rtcp_report_block *block = &blocks[i];
        sl_write32(w, block->ssrc);
        sl_write8(w, block->fraction_lost);
        sl_write24(w, (uint32_t)block->cumulative_lost & 0xffffff);
        sl_write32(w, block->highest);
        sl_write32(w, block->jitter);
        sl_write32(w, block->lsr);
        sl_write32(w, block->dlsr);
    }
}

void sl_rtcp_write_sr(struct sl_writer *w, uint32_t ssrc, uint64_t ntp, uint32_t rtp_timestamp,
                      uint32_t packets, uint32_t octets, const struct sl_rtcp_report_block *blocks,
                      size_t count)
{
    const size_t start = begin(w, count, SR);
    sl_write32(w, ssrc);
    sl_write64(w, ntp);
    sl_write32(w, rtp_timestamp);
    sl_write32(w, packets);
    sl_write32(w, octets);
    write_blocks(w, blocks, count);
    end(w, start);
}

void sl_rtcp_write_rr(struct sl_writer *w, uint32_t ssrc, const struct sl_rtcp_report_block *blocks,
                      size_t count)
{
    const size_t start = begin(w, count, RR);
    sl_write32(w, ssrc);
    write_blocks(w, blocks, count);
    end(w, start);
}

void sl_rtcp_write_sdes(struct sl_writer *w, uint32_t ssrc, const char *cname)
{
    const size_t start = begin(w, 1, SDES);
    const size_t len = strlen(cname);
    if (len > UINT8_MAX)
        w->failed = true;
    sl_write32(w, ssrc);
    sl_write8(w, SDES_CNAME);
    sl_write8(w, (uint8_t)len);
    sl_write_bytes(w, cname, len);
    sl_write8(w, SDES_END);
    end(w, start);
}

void sl_rtcp_write_bye(struct sl_writer *w, const uint32_t *ssrcs, size_t count)
{
    const size_t start = begin(w, count, BYE);
    for (size_t i = 0; i < count && !w->failed; i++)
        sl_write32(w, ssrcs[i]);
    end(w, start);
}

static size_t begin_feedback(struct sl_writer *w, uint8_t pt, uint8_t format, uint32_t sender_ssrc,
                             uint32_t media_ssrc)
{
    const size_t start = begin(w, format, pt);
    sl_write32(w, sender_ssrc);
    sl_write32(w, media_ssrc);
    return start;
}

void sl_rtcp_write_nack(struct sl_writer *w, uint32_t sender_ssrc, uint32_t media_ssrc,
                        const int64_t *seqs, size_t count)
{
    const size_t start = begin_feedback(w, RTPFB, FMT_NACK, sender_ssrc, media_ssrc);
    for (size_t i = 0; i < count && !w->failed;) {
        const int64_t pid = seqs[i++];
        uint32_t blp = 0;
        for (; i < count && seqs[i] - pid <= 16; i++)
            if (seqs[i] > pid)
                blp |= 1u << (seqs[i] - pid - 1);
        sl_write16(w, (uint16_t)pid);
        sl_write16(w, (uint16_t)blp);
    }
    end(w, start);
}

void sl_rtcp_write_pli(struct sl_writer *w, uint32_t sender_ssrc, uint32_t media_ssrc)
{
    end(w, begin_feedback(w, PSFB, FMT_PLI, sender_ssrc, media_ssrc));
}

static size_t begin_xr(struct sl_writer *w, uint32_t ssrc, uint8_t type, uint16_t words)
{
    const size_t start = begin(w, 0, XR);
    sl_write32(w, ssrc);
    sl_write8(w, type);
    sl_write8(w, 0);
    sl_write16(w, words);
    return start;
}

void sl_rtcp_write_rrtr(struct sl_writer *w, uint32_t ssrc, uint64_t ntp)
{
    const size_t start = begin_xr(w, ssrc, XR_RRTR, 2);
    sl_write64(w, ntp);
    end(w, start);
}

void sl_rtcp_write_dlrr(struct sl_writer *w, uint32_t ssrc, uint32_t to_ssrc, uint32_t lrr,
                        uint32_t dlrr)
{
    const size_t start = begin_xr(w, ssrc, XR_DLRR, 3);
    sl_write32(w, to_ssrc);
    sl_write32(w, lrr);
    sl_write32(w, dlrr);
    end(w, start);
}

void sl_rtcp_write_remb(struct sl_writer *w, uint32_t sender_ssrc, uint32_t media_ssrc,
                        uint64_t bps)
{
    uint32_t exponent = 0;
    while (bps >> exponent >> REMB_MANTISSA_BITS)
        exponent++;
    const size_t start = begin_feedback(w, PSFB, FMT_AFB, sender_ssrc, 0);
    sl_write32(w, REMB_NAME);
    sl_write8(w, 1);
    sl_write24(w, exponent << REMB_MANTISSA_BITS | (uint32_t)(bps >> exponent));
    sl_write32(w, media_ssrc);
    end(w, start);
}
