/* SPDX-License-Identifier: MIT */
#include "rtp/ccfb.h"

#include <errno.h>
#include <string.h>

enum { RTPFB = 205, FMT_CCFB = 11 };

#define HEADER_BYTES 8 /* RTCP header and the sender's SSRC */
#define BLOCK_BYTES 8  /* SSRC, begin_seq, num_reports */
#define TIMESTAMP_BYTES 4
#define METRICS_MAX 16384 /* in one block, section 3.1 */
#define OFFSET_OVER 0x1ffe
#define OFFSET_UNKNOWN 0x1fff
#define ECN_CE 3

_Static_assert((SL_CCFB_PACKETS & (SL_CCFB_PACKETS - 1)) == 0, "indexed by a mask");

static size_t slot_of(int64_t seq)
{
    return (size_t)((uint64_t)seq & (SL_CCFB_PACKETS - 1));
}

void sl_ccfb_recorder_init(struct sl_ccfb_recorder *recorder)
{
    memset(recorder, 0, sizeof(*recorder));
}

/* ---- recording ---- */

static struct sl_ccfb_stream *find(struct sl_ccfb_recorder *recorder, uint32_t ssrc)
{
    struct sl_ccfb_stream *quietest = &recorder->streams[0];
    for (size_t i = 0; i < SL_CCFB_STREAMS; i++) {
        struct sl_ccfb_stream *stream = &recorder->streams[i];
        if (stream->used && stream->ssrc == ssrc)
            return stream;
        if (quietest->used && (!stream->used || stream->heard < quietest->heard))
            quietest = stream;
    }
    *quietest = (struct sl_ccfb_stream){.used = true, .ssrc = ssrc};
    return quietest;
}

static void restart(struct sl_ccfb_stream *stream, int64_t seq)
{
    for (size_t i = 0; i < SL_CCFB_PACKETS; i++)
        stream->at[i] = SL_NEVER;
    for (size_t i = 0; i < SL_CCFB_REPORTS_OVERLAP; i++)
        stream->begin[i] = seq;
    stream->oldest_news = seq;
}

/* Makes room for `seq` at the head; false if it is older than the ring. */
static bool reach(struct sl_ccfb_stream *stream, int64_t highest, bool started, int64_t seq)
{
    if (!started || seq - highest > SL_CCFB_PACKETS) {
        restart(stream, seq); /* it jumped: what lies between was hardly sent */
        return true;
    }
    for (int64_t s = highest + 1; s <= seq; s++)
        stream->at[slot_of(s)] = SL_NEVER;
    return seq > highest - SL_CCFB_PACKETS;
}

void sl_ccfb_record(struct sl_ccfb_recorder *recorder, uint32_t ssrc, uint16_t seq, uint8_t ecn,
                    sl_ns now)
{
    struct sl_ccfb_stream *stream = find(recorder, ssrc);
    const bool started = stream->seqs.started;
    const int64_t highest = stream->seqs.highest;
    const int64_t number = sl_unwrap_next(&stream->seqs, seq);
    const size_t slot = slot_of(number);
    recorder->stats.recorded++;
    stream->heard = now;
    if (!reach(stream, highest, started, number)) {
        recorder->stats.old++;
        return;
    }
    if (stream->at[slot] != SL_NEVER) {
        recorder->stats.again++;
        if ((ecn & 3) == ECN_CE)
            stream->ecn[slot] = ECN_CE;
        return;
    }
    recorder->stats.fresh++;
    stream->at[slot] = now;
    stream->ecn[slot] = ecn & 3;
    if (!stream->news || number < stream->oldest_news)
        stream->oldest_news = number;
    stream->news = true;
}

/* ---- writing ---- */

/* What of a stream goes into a report: [begin, end). */
struct range {
    int64_t begin, end;
};

static struct range range_of(const struct sl_ccfb_stream *stream)
{
    struct range range = {.begin = stream->begin[0], .end = stream->seqs.highest + 1};
    if (!stream->used)
        return (struct range){0, 0};
    if (stream->news && stream->oldest_news < range.begin)
        range.begin = stream->oldest_news;
    if (range.begin < range.end - SL_CCFB_PACKETS)
        range.begin = range.end - SL_CCFB_PACKETS;
    return range;
}

/* Leaves the oldest numbers out so that all blocks fit into `room` bytes. */
static void trim(struct sl_ccfb_recorder *recorder, struct range *ranges, size_t room)
{
    size_t blocks = 0;
    for (size_t i = 0; i < SL_CCFB_STREAMS; i++)
        blocks += ranges[i].end > ranges[i].begin;
    const size_t fixed = HEADER_BYTES + TIMESTAMP_BYTES + blocks * (BLOCK_BYTES + 2);
    size_t left = room > fixed ? (room - fixed) / 2 : 0;
    for (size_t i = 0; i < SL_CCFB_STREAMS; i++) {
        struct range *range = &ranges[i];
        const int64_t count = range->end - range->begin;
        if (count == 0)
            continue;
        /* A fair share each; what one does not need, those after it may have. */
        const size_t share = left / blocks--;
        if (count > (int64_t)share) {
            recorder->stats.trimmed += (uint64_t)(count - (int64_t)share);
            range->begin = range->end - (int64_t)share;
        }
        left -= (size_t)(range->end - range->begin);
    }
}

static uint16_t metric(const struct sl_ccfb_stream *stream, int64_t seq, sl_ns now)
{
    const size_t slot = slot_of(seq);
    const sl_ns at = stream->at[slot];
    if (at == SL_NEVER)
        return 0;
    const sl_ns ago = now - at;
    uint32_t offset = OFFSET_UNKNOWN; /* 'came' after the report */
    if (ago >= OFFSET_OVER * SL_SEC / 1024)
        offset = OFFSET_OVER;
    else if (ago >= 0)
        offset = (uint32_t)((ago * 1024 + SL_SEC / 2) / SL_SEC);
    return (uint16_t)(0x8000u | (uint32_t)stream->ecn[slot] << 13 | offset);
}

static void write_block(const struct sl_ccfb_stream *stream, const struct range *range, sl_ns now,
                        struct sl_writer *w)
{
    sl_write32(w, stream->ssrc);
    sl_write16(w, (uint16_t)range->begin);
    sl_write16(w, (uint16_t)(range->end - range->begin));
    for (int64_t seq = range->begin; seq < range->end; seq++)
        sl_write16(w, metric(stream, seq, now));
    if ((range->end - range->begin) % 2)
        sl_write16(w, 0);
}

static void mark(struct sl_ccfb_stream *stream)
{
    for (size_t i = 1; i < SL_CCFB_REPORTS_OVERLAP; i++)
        stream->begin[i - 1] = stream->begin[i];
    stream->begin[SL_CCFB_REPORTS_OVERLAP - 1] = stream->seqs.highest + 1;
    stream->news = false;
}

size_t sl_ccfb_write(struct sl_ccfb_recorder *recorder, uint32_t sender_ssrc, sl_ns now,
                     uint64_t ntp, struct sl_writer *w)
{
    struct range ranges[SL_CCFB_STREAMS];
    size_t count = 0;
    for (size_t i = 0; i < SL_CCFB_STREAMS; i++)
        ranges[i] = range_of(&recorder->streams[i]);
    const size_t room = (size_t)(w->end - w->at);
    trim(recorder, ranges, room < SL_CCFB_BYTES_MAX ? room : SL_CCFB_BYTES_MAX);
    for (size_t i = 0; i < SL_CCFB_STREAMS; i++)
        count += (size_t)(ranges[i].end - ranges[i].begin);
    if (count == 0)
        return 0;
    const size_t start = sl_writer_len(w);
    sl_write8(w, 2u << 6 | FMT_CCFB);
    sl_write8(w, RTPFB);
    sl_write16(w, 0);
    sl_write32(w, sender_ssrc);
    for (size_t i = 0; i < SL_CCFB_STREAMS; i++) {
        if (ranges[i].end > ranges[i].begin)
            write_block(&recorder->streams[i], &ranges[i], now, w);
        if (recorder->streams[i].used)
            mark(&recorder->streams[i]);
    }
    sl_write32(w, (uint32_t)(ntp >> 16));
    if (w->failed)
        return 0;
    sl_put16(w->start + start + 2, (uint16_t)((sl_writer_len(w) - start) / 4 - 1));
    return count;
}

/* ---- reading ---- */

static void give(uint32_t ssrc, uint16_t seq, bool first, uint16_t bits, sl_ccfb_read_fn *read,
                 void *ctx)
{
    struct sl_ccfb_metric metric = {.ssrc = ssrc, .seq = seq, .first = first};
    const uint32_t offset = bits & 0x1fff;
    metric.received = bits & 0x8000;
    if (metric.received) {
        metric.ecn = (bits >> 13) & 3;
        metric.has_arrival = offset < OFFSET_OVER;
        metric.before = metric.has_arrival ? (sl_ns)offset * SL_SEC / 1024 : 0;
    }
    read(ctx, &metric);
}

/* One pass to check (read is NULL) and one to tell. */
static int walk(const uint8_t *body, size_t len, sl_ccfb_read_fn *read, void *ctx)
{
    struct sl_reader r = sl_reader(body, len);
    while (sl_reader_left(&r)) {
        const uint32_t ssrc = sl_read32(&r);
        const uint16_t begin = sl_read16(&r);
        const uint16_t count = sl_read16(&r);
        const size_t padded = count + (size_t)(count & 1);
        const uint8_t *metrics = sl_read_bytes(&r, padded * 2);
        if (!metrics || count > METRICS_MAX)
            return -EBADMSG;
        for (uint16_t i = 0; read && i < count; i++)
            give(ssrc, (uint16_t)(begin + i), i == 0, sl_get16(metrics + 2 * i), read, ctx);
    }
    return 0;
}

int sl_ccfb_read(const uint8_t *body, size_t len, uint32_t *timestamp, sl_ccfb_read_fn *read,
                 void *ctx)
{
    if (len < TIMESTAMP_BYTES || len % 4 || walk(body, len - TIMESTAMP_BYTES, NULL, NULL) < 0)
        return -EBADMSG;
    *timestamp = sl_get32(body + len - TIMESTAMP_BYTES);
    return walk(body, len - TIMESTAMP_BYTES, read, ctx);
}
