/* SPDX-License-Identifier: MIT */
#include "session/parity.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "rtp/packet.h"

#define FIRST_HIGH 32767 /* protocol.md: the first number lies in 1..32767 */
#define REACH 8          /* packets of a run that short frames get: a fourth of them may be lost */
#define HOLE_WAIT (5 * SL_MS)
#define HEADER_MAX 64          /* with mid */
#define FEED_FOR (10 * SL_SEC) /* after a loss */
#define LAZY_PACKETS 256       /* remembered: sent at once, so a run and a half will do */

_Static_assert(HEADER_MAX + SL_FEC_REPAIR_MAX + 64 < SL_PARITY_DATAGRAM, "room to seal");

static int make_encoder(struct sl_parity *parity)
{
    const struct sl_fec_encoder_config config = {.scheme = parity->scheme,
                                                 .ssrc = parity->of,
                                                 .packets = parity->lazy ? LAZY_PACKETS
                                                                         : SL_PARITY_PACKETS};
    return sl_fec_encoder_create(&parity->encoder, &config);
}

int sl_parity_init(struct sl_parity *parity, const struct sl_sdp_media *media, uint32_t of,
                   bool lazy, struct sl_random *random)
{
    *parity = (struct sl_parity){.media = media, .of = of, .lazy = lazy};
    parity->scheme = media->fec == SL_SDP_FEC_RS ? &sl_fec_rs : &sl_fec_flexfec;
    parity->ssrc = media->fec_ssrc;
    while (parity->ssrc == 0)
        parity->ssrc = sl_random_u32(random);
    parity->seq = sl_random_range(random, 1, FIRST_HIGH);
    return lazy ? 0 : make_encoder(parity);
}

void sl_parity_fini(struct sl_parity *parity)
{
    sl_fec_encoder_destroy(parity->encoder);
    parity->encoder = NULL;
}

void sl_parity_lost(struct sl_parity *parity, sl_ns now)
{
    if (!parity->lazy)
        return;
    if (!parity->encoder && make_encoder(parity) < 0)
        return; /* resends have to do */
    if (now >= parity->feed_until) {
        /* What was sent since the last time is not known to it. */
        parity->frame.begun = parity->has_over = false;
        parity->next = parity->before = 0;
    }
    parity->feed_until = now + FEED_FOR;
}

static bool is_fed(const struct sl_parity *parity, sl_ns now)
{
    return parity->encoder && (!parity->lazy || now < parity->feed_until);
}

/* ---- frames ---- */

static bool is_complete(const struct sl_parity *parity, const struct sl_parity_frame *frame)
{
    return frame->ended && frame->count == frame->last - frame->first + 1 &&
           (parity->next == 0 || frame->first <= parity->next);
}

static void end_frame(struct sl_parity *parity)
{
    parity->before = parity->next && parity->next == parity->frame.first ? parity->over.first : 0;
    parity->over = parity->frame;
    parity->has_over = true;
    parity->next = parity->frame.ended ? parity->frame.last + 1 : 0;
    parity->frame.begun = false;
}

/*
 * A frame longer than a run is protected part by part while it is sent: a run of it once half of
 * another is there, so that the last is not a short one. A hole is waited for a little longer.
 */
static bool is_long(const struct sl_parity *parity)
{
    const struct sl_parity_frame *frame = &parity->frame;
    const int64_t run = (int64_t)parity->scheme->run_max, span = frame->last - frame->first + 1;
    return !frame->ended && span >= run * 3 / 2 && (frame->count == span || span >= run * 7 / 4);
}

/* The first run of the frame is over; the rest goes on as a frame of its own. */
static void end_part(struct sl_parity *parity)
{
    struct sl_parity_frame rest = parity->frame;
    rest.first += (int64_t)parity->scheme->run_max;
    parity->frame.last = rest.first - 1;
    parity->frame.count =
        (int64_t)sl_fec_encoder_held(parity->encoder, parity->frame.first, rest.first);
    rest.count -= parity->frame.count;
    end_frame(parity);
    parity->next = rest.first;
    parity->frame = rest;
}

static void begin_frame(struct sl_parity *parity, int64_t seq, uint32_t timestamp)
{
    parity->frame = (struct sl_parity_frame){
        .begun = true, .timestamp = timestamp, .first = seq, .last = seq, .due = SL_NEVER};
}

static void follow_frame(struct sl_parity *parity, int64_t seq, uint32_t timestamp, bool marker,
                         sl_ns now)
{
    struct sl_parity_frame *frame = &parity->frame;
    if (frame->begun && timestamp != frame->timestamp) {
        if ((int32_t)(timestamp - frame->timestamp) < 0)
            return; /* a late one: in time for a later run, perhaps */
        end_frame(parity);
    }
    if (parity->next && seq < parity->next)
        return; /* of a frame or part that is over */
    if (!frame->begun)
        begin_frame(parity, seq, timestamp);
    if (seq < frame->first)
        frame->first = seq;
    if (seq > frame->last)
        frame->last = seq;
    frame->count++;
    if (marker) {
        frame->ended = true;
        frame->due = now + HOLE_WAIT;
    }
}

void sl_parity_packet(struct sl_parity *parity, int64_t seq, uint32_t timestamp, bool marker,
                      const uint8_t *data, size_t len, sl_ns now)
{
    if (!is_fed(parity, now))
        return;
    if (sl_fec_encoder_put(parity->encoder, seq, data, len) != SL_FEC_PUT_KEPT)
        return;
    parity->rows[(uint64_t)seq % SL_PARITY_PACKETS] = 0;
    follow_frame(parity, seq, timestamp, marker, now);
}

size_t sl_parity_next(struct sl_parity *parity, sl_ns now,
                      struct sl_fec_run runs[SL_FEC_FRAME_RUNS])
{
    if (!parity->has_over && parity->frame.begun) {
        if (is_complete(parity, &parity->frame) || parity->frame.due <= now)
            end_frame(parity);
        else if (is_long(parity))
            end_part(parity);
    }
    if (!parity->has_over)
        return 0;
    parity->has_over = false;
    return sl_fec_encoder_frame(parity->encoder, parity->over.first, parity->over.last, REACH,
                                runs);
}

struct sl_fec_run sl_parity_over(const struct sl_parity *parity, const struct sl_fec_run *run)
{
    if (!parity->scheme->fresh || parity->before == 0 || run->base != parity->over.first)
        return *run;
    return sl_fec_encoder_reach_back(parity->encoder, run, parity->before);
}

bool sl_parity_more(const struct sl_parity *parity)
{
    return parity->frame.begun && parity->frame.timestamp == parity->over.timestamp;
}

sl_ns sl_parity_due(const struct sl_parity *parity)
{
    return parity->frame.begun ? parity->frame.due : SL_NEVER;
}

/* ---- rows ---- */

bool sl_parity_run_of(const struct sl_parity *parity, int64_t seq, struct sl_fec_run *ret)
{
    return parity->encoder && parity->scheme->fresh &&
           sl_fec_encoder_own_run(parity->encoder, seq, ret);
}

unsigned sl_parity_rows_sent(const struct sl_parity *parity, int64_t seq)
{
    return parity->rows[(uint64_t)seq % SL_PARITY_PACKETS];
}

static void count_rows(struct sl_parity *parity, const struct sl_fec_run *run, size_t rows)
{
    for (int64_t seq = run->base; seq < run->base + (int64_t)run->count; seq++) {
        uint8_t *sent = &parity->rows[(uint64_t)seq % SL_PARITY_PACKETS];
        *sent = (uint8_t)(*sent + rows > UINT8_MAX ? UINT8_MAX : *sent + rows);
    }
}

/* The header of a repair packet; its number comes later. */
static int write_header(const struct sl_parity *parity, uint8_t *out)
{
    struct sl_rtp_packet packet = {
        .timestamp = parity->over.timestamp, .ssrc = parity->ssrc, .pt = parity->media->fec_pt};
    memcpy(packet.mid, parity->media->mid, sizeof(packet.mid));
    return sl_rtp_write(&packet, &parity->media->ids, -1, out, HEADER_MAX);
}

size_t sl_parity_rows(struct sl_parity *parity, const struct sl_fec_run *run, size_t rows,
                      uint8_t (*out)[SL_PARITY_DATAGRAM], size_t lens[SL_PARITY_BATCH])
{
    struct sl_fec_repair repairs[SL_PARITY_BATCH];
    uint8_t header[HEADER_MAX];
    const int header_len = write_header(parity, header);
    if (!parity->encoder || rows > SL_PARITY_BATCH || header_len < 0)
        return 0;
    for (size_t i = 0; i < rows; i++)
        repairs[i] = (struct sl_fec_repair){.payload = out[i] + header_len};
    const int made = sl_fec_encoder_mint(parity->encoder, run, rows, repairs);
    if (made <= 0)
        return 0;
    for (int i = 0; i < made; i++) {
        memcpy(out[i], header, (size_t)header_len);
        sl_put16(out[i] + 2, (uint16_t)parity->seq++);
        lens[i] = (size_t)header_len + repairs[i].len;
    }
    count_rows(parity, run, (size_t)made);
    return (size_t)made;
}
