/* SPDX-License-Identifier: MIT */
#include "tests/support/fec_script.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fec/decoder.h"
#include "fec/encoder.h"
#include "rtp/packet.h"

#define SSRC 0x01020304
#define ROWS 24
#define LATER 16

struct script {
    struct sl_fec_encoder *encoder;
    struct sl_fec_decoder *decoder;
    int64_t seq, frame; /* next to be sent; first of the frame */
    int64_t later[LATER];
    size_t later_count;
    bool lied;
    int64_t last; /* restored by this call */
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* A packet follows from its number alone, so it need not be kept. */
static size_t make(int64_t seq, uint8_t packet[SL_FEC_PACKET_MAX])
{
    const uint32_t mix = (uint32_t)seq * 2654435761u;
    const size_t len = SL_RTP_HEADER_BYTES + mix % (mix % 8 ? 40 : 1268);
    memset(packet, (int)(mix >> 24), len);
    packet[0] = 0x80;
    packet[1] = 96;
    sl_put16(packet + 2, (uint16_t)seq);
    sl_put32(packet + 4, mix);
    sl_put32(packet + 8, SSRC);
    return len;
}

static void check_balance(const struct script *s)
{
    struct sl_fec_decoder_stats d;
    sl_fec_decoder_stats(s->decoder, &d);
    require(d.packets == d.kept + d.duplicate + d.late + d.oversize);
    require(d.repairs == d.restored + d.bad + d.unneeded + d.forgotten + d.refused + d.held);
    require(d.held <= ROWS);
    require(s->lied || d.bad == 0);
    struct sl_fec_encoder_stats e;
    sl_fec_encoder_stats(s->encoder, &e);
    require(e.packets == e.kept + e.duplicate + e.late + e.oversize);
    require(e.wanted == e.minted + e.withheld);
}

static void restored(void *user, int64_t seq, const uint8_t *packet, size_t len)
{
    struct script *s = user;
    struct sl_rtp_packet view;
    require(sl_rtp_read(&view, packet, len, NULL) == 0);
    require(view.seq == (uint16_t)seq && view.ssrc == SSRC && len <= SL_FEC_PACKET_MAX);
    require(seq > s->last);
    s->last = seq;
    uint8_t truth[SL_FEC_PACKET_MAX];
    const size_t truth_len = make(seq, truth);
    require(s->lied || (len == truth_len && memcmp(packet, truth, len) == 0));
}

static void arrive(struct script *s, int64_t seq)
{
    uint8_t packet[SL_FEC_PACKET_MAX];
    const size_t len = make(seq, packet);
    s->last = INT64_MIN;
    (void)sl_fec_decoder_packet(s->decoder, seq, packet, len);
}

static void send_packet(struct script *s, uint8_t how)
{
    uint8_t packet[SL_FEC_PACKET_MAX];
    const int64_t seq = s->seq++;
    const size_t len = make(seq, packet);
    (void)sl_fec_encoder_put(s->encoder, seq, packet, len);
    if (how == 0)
        return; /* lost */
    if (how == 1 && s->later_count < LATER)
        s->later[s->later_count++] = seq;
    else
        arrive(s, seq);
    if (how == 2)
        arrive(s, seq);
}

static void repair(struct script *s, const uint8_t *payload, size_t len)
{
    uint8_t *exact = malloc(len ? len : 1); /* so that one byte too far is seen */
    require(exact != NULL);
    if (len)
        memcpy(exact, payload, len);
    s->last = INT64_MIN;
    (void)sl_fec_decoder_repair(s->decoder, exact, len);
    free(exact);
}

/* Mints for `run` and lets through the rows of `mask`; the first is damaged if asked. */
static void mint(struct script *s, const struct sl_fec_run *run, struct sl_reader *r)
{
    uint8_t payloads[8][SL_FEC_REPAIR_MAX];
    struct sl_fec_repair repairs[8];
    for (size_t i = 0; i < 8; i++)
        repairs[i].payload = payloads[i];
    const uint8_t how = sl_read8(r), mask = sl_read8(r);
    const int made = sl_fec_encoder_mint(s->encoder, run, how % 8 + 1, repairs);
    if (made > 0 && how >= 192) {
        payloads[0][sl_read16(r) % repairs[0].len] ^= sl_read8(r);
        s->lied = true;
    }
    for (int i = 0; i < made; i++)
        if (mask >> i & 1)
            repair(s, repairs[i].payload, repairs[i].len);
}

static void end_frame(struct script *s, struct sl_reader *r)
{
    struct sl_fec_run runs[SL_FEC_FRAME_RUNS], own;
    const size_t count =
        sl_fec_encoder_frame(s->encoder, s->frame, s->seq - 1, sl_read8(r) % 16, runs);
    require(count <= SL_FEC_FRAME_RUNS);
    for (size_t i = 0; i < count && !r->failed; i++) {
        require(
            sl_fec_encoder_own_run(s->encoder, runs[i].base + (int64_t)runs[i].count - 1, &own));
        mint(s, &runs[i], r);
    }
    s->frame = s->seq;
}

static void make_up(struct script *s, struct sl_reader *r)
{
    const size_t wanted = sl_read8(r), left = sl_reader_left(r);
    const size_t len = wanted < left ? wanted : left;
    uint8_t payload[256 + 4];
    s->lied = true;
    sl_put16(payload, (uint16_t)(s->seq - 20));
    const uint8_t *bytes = sl_read_bytes(r, len);
    if (len)
        memcpy(payload + (wanted & 1 ? 2 : 0), bytes, len);
    repair(s, payload, len + (wanted & 1 ? 2 : 0));
}

static void step(struct script *s, struct sl_reader *r)
{
    const uint8_t what = sl_read8(r);
    if (what < 160) {
        for (int i = 0; i < 1 + what / 8; i++)
            send_packet(s, i == what % 8 ? what / 8 % 4 : 3);
    } else if (what < 210) {
        end_frame(s, r);
    } else if (what < 225) {
        const struct sl_fec_run run = {.base = s->seq - sl_read8(r), .count = sl_read8(r)};
        mint(s, &run, r);
    } else if (what < 235) {
        while (s->later_count)
            arrive(s, s->later[--s->later_count]);
    } else if (what < 245) {
        make_up(s, r);
    } else if (what < 252) {
        s->seq += sl_read16(r); /* a leap, or a hole */
    } else {
        sl_fec_encoder_reset(s->encoder, SSRC);
        sl_fec_decoder_reset(s->decoder, SSRC);
    }
}

void fec_script_play(const struct sl_fec_scheme *scheme, const uint8_t *data, size_t size)
{
    struct script s = {.seq = 65500, .frame = 65500};
    const struct sl_fec_encoder_config encoder = {.scheme = scheme, .ssrc = SSRC, .packets = 256};
    const struct sl_fec_decoder_config decoder = {.scheme = scheme,
                                                  .ssrc = SSRC,
                                                  .packets = 256,
                                                  .rows = ROWS,
                                                  .restored = restored,
                                                  .user = &s};
    require(sl_fec_encoder_create(&s.encoder, &encoder) == 0);
    require(sl_fec_decoder_create(&s.decoder, &decoder) == 0);
    struct sl_reader r = sl_reader(data, size);
    while (sl_reader_left(&r) && !r.failed) {
        step(&s, &r);
        check_balance(&s);
    }
    sl_fec_encoder_destroy(s.encoder);
    sl_fec_decoder_destroy(s.decoder);
}
