/* SPDX-License-Identifier: MIT */
/*
 * Rate control in a closed loop: an encoder's frame sizes, pacer, one bottleneck, feedback.
 *
 *     30 frames/s, IDR every 2 s ──▶ pacer ──▶ [ queue, rate, loss, delay ] ──▶ frames whole?
 *                ▲ bitrate, skip                                                │
 *                └───────────── estimator ◀── [ delay, loss ] ◀── RFC 8888 ◀────┘
 *
 * Loss is mended by a plain resend, told of by the receiver two trips later: repair itself is
 * other modules' concern, the rate is judged here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rate/controller.h"
#include "rtp/ccfb.h"
#include "rtp/rtcp.h"
#include "tests/support/simnet.h"
#include "tests/support/span.h"

#define FRAME (SL_SEC / 30)
#define FRAMES_MAX 30000
#define PAYLOAD 1100
#define VIDEO_SSRC 1
#define PARITY_SSRC 2
#define RESEND_SSRC 3
#define AUDIO_SSRC 4
#define PACKETS_KEPT 4096
#define CROSS 0xff /* first byte of a competitor's packets */

struct sim_frame {
    sl_ns captured, whole; /* 0: not yet */
    uint32_t packets, came, rows;
    size_t bytes;
    uint64_t bitrate;
    bool key, refers_ok; /* all that it refers to was whole in time */
};

struct packet {
    uint32_t frame, bytes;
    uint16_t index;
    bool came;
};

/* A NACK on its way. */
struct ask {
    struct world *w;
    uint32_t token;
};

struct world {
    struct sim *sim;
    struct sl_rate *rate;
    struct sim_link up, down;
    struct sim_timer camera, pace, feedback, tick;
    struct sl_ccfb_recorder recorder;
    sl_ns feedback_interval;
    sl_ns age_limit; /* frames not whole by then are not waited for: a key frame is asked for */

    struct sim_frame frames[FRAMES_MAX];
    uint32_t captured, count, sent_frames; /* pictures, frames made, of which the last */
    struct packet packets[PACKETS_KEPT];
    uint32_t tokens;
    struct ask asks[PACKETS_KEPT]; /* by token */
    uint16_t video_seq, parity_seq, resend_seq, audio_seq;
    sl_ns last_key;
    bool key_wanted;
    double static_share; /* of the target that the scene needs: 1 */

    /* A competitor on the same link: a window of packets, halved by each loss (Reno). */
    bool crossing;
    double cross_window;
    uint32_t cross_out, cross_seq, cross_got;
    sl_ns cross_cut;
    uint64_t cross_bytes;
};

static struct world *world;
static bool tell; /* SL_SIM_TELL: prints the figures each second */

/* ---- the network ---- */

static void put(uint8_t *at, uint32_t kind, uint32_t seq, uint32_t token)
{
    sl_put32(at, kind);
    sl_put32(at + 4, seq);
    sl_put32(at + 8, token);
}

static void send_now(struct world *w, const struct sl_pacer_token *token)
{
    static uint8_t wire[1500];
    struct packet *packet = &w->packets[token->token % PACKETS_KEPT];
    const sl_ns now = sim_now(w->sim);
    uint32_t ssrc = VIDEO_SSRC;
    uint16_t seq;
    int64_t frame = packet->frame;
    if (token->kind == SL_PACER_MEDIA) {
        seq = w->video_seq++;
    } else if (token->kind == SL_PACER_PARITY) {
        ssrc = PARITY_SSRC;
        seq = w->parity_seq++;
    } else {
        ssrc = token->kind == SL_PACER_AUDIO ? AUDIO_SSRC : RESEND_SSRC;
        seq = token->kind == SL_PACER_AUDIO ? w->audio_seq++ : w->resend_seq++;
        frame = -1;
    }
    put(wire, ssrc, seq, token->token);
    sl_rate_sent(w->rate, token->kind, ssrc, seq, token->bytes, frame, now);
    sim_link_send(&w->up, wire, token->bytes);
}

static void pump(void *ctx)
{
    struct world *w = ctx;
    struct sl_pacer *pacer = sl_rate_pacer(w->rate);
    struct sl_pacer_token token;
    while (sl_pacer_pop(pacer, sim_now(w->sim), &token))
        send_now(w, &token);
    sim_timer_set(&w->pace, sl_pacer_due(pacer));
}

static void push(struct world *w, enum sl_pacer_kind kind, uint32_t frame, size_t bytes,
                 uint16_t index)
{
    const uint32_t token = w->tokens++;
    w->packets[token % PACKETS_KEPT] =
        (struct packet){.frame = frame, .bytes = (uint32_t)bytes, .index = index};
    assert_true(sl_pacer_push(sl_rate_pacer(w->rate), kind, token, bytes));
}

/* ---- the competitor ---- */

static void cross_fill(struct world *w)
{
    static uint8_t wire[1200] = {CROSS};
    while (w->crossing && w->cross_out < (uint32_t)w->cross_window) {
        put(wire, (uint32_t)CROSS << 24, w->cross_seq++, 0);
        w->cross_out++;
        sim_link_send(&w->up, wire, sizeof(wire));
    }
}

static void cross_answer(struct world *w, const uint8_t *data)
{
    const uint32_t seq = sl_get32(data + 4);
    const uint32_t missing = seq - w->cross_got;
    w->cross_got = seq + 1;
    w->cross_out -= 1 + missing;
    w->cross_bytes += 1200;
    if (missing && sim_now(w->sim) - w->cross_cut > 100 * SL_MS) {
        w->cross_cut = sim_now(w->sim);
        w->cross_window = w->cross_window / 2 < 2 ? 2 : w->cross_window / 2;
    } else {
        w->cross_window += 1 / w->cross_window;
    }
    cross_fill(w);
}

/* ---- the receiver ---- */

static void resend(struct world *w, uint32_t token)
{
    const struct packet packet = w->packets[token % PACKETS_KEPT];
    if (!sl_rate_may_resend(w->rate, packet.bytes, sim_now(w->sim)))
        return;
    push(w, SL_PACER_RESEND, packet.frame, packet.bytes, packet.index);
    w->tokens--; /* known by the packet's own number instead */
    struct sl_pacer *pacer = sl_rate_pacer(w->rate);
    struct sl_pacer_queue *queue = &pacer->urgent;
    queue->ring[(queue->tail - 1) & (SL_PACER_TOKENS - 1)].token = token;
    pump(w);
}

static void mended(struct world *w, struct sim_frame *frame)
{
    /* Reed-Solomon: any `packets` of a frame's packets and rows make it whole. */
    if (frame->whole == 0 && frame->came >= frame->packets)
        frame->whole = sim_now(w->sim);
}

static void on_arrival(void *ctx, uint8_t *data, size_t len)
{
    struct world *w = ctx;
    const uint32_t ssrc = sl_get32(data), seq = sl_get32(data + 4), token = sl_get32(data + 8);
    (void)len;
    if (data[0] == CROSS) {
        cross_answer(w, data);
        return;
    }
    sl_ccfb_record(&w->recorder, ssrc, (uint16_t)seq, 0, sim_now(w->sim));
    if (ssrc == AUDIO_SSRC)
        return;
    struct packet *packet = &w->packets[token % PACKETS_KEPT];
    if (packet->came)
        return;
    packet->came = true;
    w->frames[packet->frame].came++;
    mended(w, &w->frames[packet->frame]);
}

static void on_ask(void *ctx)
{
    const struct ask *ask = ctx;
    resend(ask->w, ask->token);
}

/* What a receiver's NACKs would ask for: frames that are not whole two trips after they were sent.
 * The sim knows which packets are gone, and asks for those in the time a NACK takes. */
static void ask_for_missing(struct world *w)
{
    const sl_ns now = sim_now(w->sim);
    const sl_ns trip = w->up.config.delay + w->up.config.jitter;
    const uint32_t oldest = w->tokens > PACKETS_KEPT / 2 ? w->tokens - PACKETS_KEPT / 2 : 0;
    if (now < w->up.black_until || now < w->down.black_until)
        return;
    for (uint32_t token = oldest; token < w->tokens; token++) {
        struct packet *packet = &w->packets[token % PACKETS_KEPT];
        const struct sim_frame *frame = &w->frames[packet->frame];
        if (packet->came || frame->whole || packet->index == UINT16_MAX)
            continue;
        const sl_ns age = now - frame->captured;
        /* Once a round, while the queue cannot explain it. */
        const sl_ns queue = w->up.busy_until > now ? w->up.busy_until - now : 0;
        if (age < 2 * trip + queue + 60 * SL_MS || age > w->age_limit || (age / FRAME) % 3 != 0 ||
            sl_pacer_frames(sl_rate_pacer(w->rate)) > 0)
            continue;
        struct ask *ask = &w->asks[token % PACKETS_KEPT];
        *ask = (struct ask){w, token};
        sim_at(w->sim, now + w->down.config.delay, on_ask, ask);
    }
}

static void on_feedback_timer(void *ctx)
{
    struct world *w = ctx;
    uint8_t wire[SL_CCFB_BYTES_MAX];
    const sl_ns now = sim_now(w->sim);
    struct sl_writer writer = sl_writer(wire, sizeof(wire));
    const uint64_t ntp =
        (uint64_t)(now / SL_SEC) << 32 | (uint64_t)(((double)(now % SL_SEC) / 1e9) * 4294967296.0);
    if (sl_ccfb_write(&w->recorder, 9, now, ntp + 0x1234567890ull, &writer))
        sim_link_send(&w->down, wire, sl_writer_len(&writer));
    sim_timer_set(&w->feedback, now + w->feedback_interval);
}

static void on_item(void *ctx, const struct sl_rtcp_item *item)
{
    struct world *w = ctx;
    assert_int_equal(item->type, SL_RTCP_CCFB);
    assert_int_equal(sl_rate_feedback(w->rate, item->data, item->data_len, sim_now(w->sim)), 0);
}

static void on_report(void *ctx, uint8_t *data, size_t len)
{
    struct world *w = ctx;
    assert_int_equal(sl_rtcp_read(data, len, on_item, w), 0);
    pump(w);
}

/* ---- the camera ---- */

static void encode(struct world *w, bool key)
{
    struct sl_random *random = sim_random(w->sim);
    struct sim_frame *frame = &w->frames[w->count];
    const uint64_t bitrate = sl_rate_bitrate(w->rate);
    /* 59 pictures and one of 4.2 times their size in 2 s. */
    const double picture = (double)bitrate / 30 / 8 * 60 / (59 + 4.2) * w->static_share;
    const double size = picture * (key ? 4.2 : 0.7 + 0.6 * sl_random_unit(random));
    const size_t bytes = size < 200 ? 200 : (size_t)size;
    *frame = (struct sim_frame){.captured = sim_now(w->sim), .key = key, .bitrate = bitrate};
    frame->packets = (uint32_t)((bytes + PAYLOAD - 1) / PAYLOAD);
    frame->rows = sl_rate_rows(w->rate, frame->packets, frame->packets);
    frame->bytes = bytes;
    const size_t each = bytes / frame->packets + 40;
    sl_pacer_frame(sl_rate_pacer(w->rate), bytes, key);
    for (uint32_t i = 0; i < frame->packets + frame->rows; i++)
        push(w, i < frame->packets ? SL_PACER_MEDIA : SL_PACER_PARITY, w->count, each, (uint16_t)i);
    w->count++;
}

static void on_camera(void *ctx)
{
    struct world *w = ctx;
    const sl_ns now = sim_now(w->sim);
    sim_timer_set(&w->camera, now + FRAME);
    w->captured++;
    ask_for_missing(w);
    sl_rate_tick(w->rate, now);
    const sl_ns gate = sl_rate_gate(w->rate, now);
    const enum sl_rate_verdict verdict = sl_rate_next_frame(w->rate, now);
    assert_int_equal(gate <= now, verdict == SL_RATE_SEND || verdict == SL_RATE_PROBE);
    assert_true(verdict != SL_RATE_SKIP_OUTAGE || gate <= now + 200 * SL_MS);
    if (verdict != SL_RATE_SEND && verdict != SL_RATE_PROBE)
        return;
    assert_true(w->count < FRAMES_MAX);
    /* A frame that is given up breaks the chain: the receiver asks for a key frame. */
    for (uint32_t i = w->count > 60 ? w->count - 60 : 0; i < w->count; i++) {
        const struct sim_frame *frame = &w->frames[i];
        if (frame->whole == 0 && now - frame->captured > w->age_limit &&
            frame->captured > w->last_key)
            w->key_wanted = now >= w->up.black_until + 40 * SL_MS;
    }
    const bool key = w->count == 0 || now - w->last_key >= 2 * SL_SEC || w->key_wanted;
    if (key) {
        w->last_key = now;
        w->key_wanted = false;
    }
    encode(w, key);
    pump(w);
}

static void on_tick(void *ctx)
{
    struct world *w = ctx;
    static uint8_t quiet;
    sl_rate_tick(w->rate, sim_now(w->sim));
    sim_timer_set(&w->tick, sim_now(w->sim) + 50 * SL_MS);
    struct sl_rate_stats s;
    sl_rate_stats(w->rate, &s);
    assert_true(s.asked ==
                s.sent + s.probes + s.skipped_pacer + s.skipped_flight + s.skipped_outage);
    assert_true(s.estimate.sent ==
                s.estimate.flying + s.estimate.arrived + s.estimate.lost + s.estimate.forgotten);
    assert_true(s.pacer.pushed == s.pacer.popped + s.pacer.cleared + s.pacer.held);
    if (tell && quiet++ % 20 == 0)
        printf(
            "  %7.2f s: estimate %5.0f delivered %5.0f capacity %6.0f bitrate %5.0f kb/s, "
            "queue %3.0f rtt %3.0f min %2.0f ms, loss %4.1f %% (%.1f), fly %6zu/%6zu, cuts %d+%d, "
            "skipped %d+%d+%d, outages %d\n",
            (double)(sim_now(w->sim) - 1000 * SL_SEC) / 1e9, (double)s.estimate.bps / 1e3,
            (double)s.estimate.delivered_bps / 1e3, (double)s.estimate.capacity_bps / 1e3,
            (double)sl_rate_bitrate(w->rate) / 1e3, (double)s.estimate.queue / 1e6,
            (double)s.estimate.rtt / 1e6, (double)s.estimate.rtt_min / 1e6, 100 * s.estimate.loss,
            100 * s.redundancy.loss, s.estimate.flying_bytes,
            s.flying_cap_bytes > 999999 ? 999999 : s.flying_cap_bytes, (int)s.estimate.overuses,
            (int)s.estimate.loss_cuts, (int)s.skipped_pacer, (int)s.skipped_flight,
            (int)s.skipped_outage, (int)s.estimate.outages);
}

/* ---- what is asserted ---- */

struct seen {
    uint32_t frames, whole;
    sl_ns age_max, age_p50, age_p99;
    sl_ns freeze;   /* longest time between frames becoming whole */
    double bitrate; /* mean target */
};

static int by_size(const void *a, const void *b)
{
    const sl_ns x = *(const sl_ns *)a, y = *(const sl_ns *)b;
    return x < y ? -1 : x > y;
}

/* Of the frames captured in [from, to) of the run. */
static struct seen look(const struct world *w, sl_ns from, sl_ns to)
{
    static sl_ns ages[FRAMES_MAX], whole[FRAMES_MAX];
    struct seen seen = {0};
    const sl_ns start = 1000 * SL_SEC;
    for (uint32_t i = 0; i < w->count; i++) {
        const struct sim_frame *frame = &w->frames[i];
        if (frame->captured < start + from || frame->captured >= start + to)
            continue;
        seen.frames++;
        seen.bitrate += (double)frame->bitrate;
        if (frame->whole == 0)
            continue;
        ages[seen.whole] = frame->whole - frame->captured;
        whole[seen.whole++] = frame->whole;
    }
    assert_true(seen.whole > 0);
    seen.bitrate /= seen.frames;
    qsort(ages, seen.whole, sizeof(ages[0]), by_size);
    qsort(whole, seen.whole, sizeof(whole[0]), by_size);
    seen.age_max = ages[seen.whole - 1];
    seen.age_p50 = ages[seen.whole / 2];
    seen.age_p99 = ages[seen.whole * 99 / 100];
    for (uint32_t i = 1; i < seen.whole; i++)
        if (whole[i] - whole[i - 1] > seen.freeze)
            seen.freeze = whole[i] - whole[i - 1];
    return seen;
}

static void print(const char *what, const struct seen *seen)
{
    printf("  %-34s %5u frames, %5u whole, age p50 %3.0f p99 %3.0f max %3.0f ms, freeze %4.0f ms, "
           "bitrate %4.0f kb/s\n",
           what, seen->frames, seen->whole, (double)seen->age_p50 / 1e6,
           (double)seen->age_p99 / 1e6, (double)seen->age_max / 1e6, (double)seen->freeze / 1e6,
           seen->bitrate / 1e3);
}

static struct sl_rate_stats stats_of(const struct world *w)
{
    struct sl_rate_stats stats;
    sl_rate_stats(w->rate, &stats);
    return stats;
}

static void begin(uint64_t seed, const struct sim_link_config *up,
                  const struct sim_link_config *down, uint64_t ceiling)
{
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    world = w;
    w->sim = sim_create(seed);
    const struct sl_rate_config config = {.ceiling_bps = ceiling,
                                          .floor_bps = 150000,
                                          .frame_interval = FRAME,
                                          .fec_percent = SL_FEC_AUTO};
    assert_int_equal(sl_rate_create(&w->rate, &config, sim_now(w->sim)), 0);
    sim_link_init(&w->up, w->sim, up, on_arrival, w);
    sim_link_init(&w->down, w->sim, down, on_report, w);
    sl_ccfb_recorder_init(&w->recorder);
    sim_timer_init(&w->camera, w->sim, on_camera, w);
    sim_timer_init(&w->pace, w->sim, pump, w);
    sim_timer_init(&w->feedback, w->sim, on_feedback_timer, w);
    sim_timer_init(&w->tick, w->sim, on_tick, w);
    w->feedback_interval = 33 * SL_MS;
    w->age_limit = 600 * SL_MS;
    w->video_seq = 65000; /* it wraps */
    w->static_share = 1;
    sim_timer_set(&w->camera, sim_now(w->sim));
    sim_timer_set(&w->feedback, sim_now(w->sim) + 7 * SL_MS);
    sim_timer_set(&w->tick, sim_now(w->sim));
    tell = getenv("SL_SIM_TELL") != NULL;
}

static void end(void)
{
    sl_rate_destroy(world->rate);
    sim_destroy(world->sim);
    free(world);
    world = NULL;
}

static void run_to(sl_ns at)
{
    sim_run_until(world->sim, 1000 * SL_SEC + at);
}

/* Issue 4's table: 2 Mb/s shaped to 800 kb/s for 20 s and back. */
static void squeeze(uint64_t seed, uint64_t wide, sl_ns queue)
{
    const struct sim_link_config up = {.delay = 20 * SL_MS,
                                       .rate_bps = wide,
                                       .queue_bytes =
                                           (size_t)(wide / 8 * (uint64_t)queue / SL_SEC)};
    const struct sim_link_config down = {.delay = 20 * SL_MS};
    const sl_ns phase = (sl_ns)(seed * 337 % 2000) * SL_MS; /* of the key frames */
    begin(seed, &up, &down, 2000000);
    run_to(30 * SL_SEC + phase);
    world->up.config.rate_bps = 800000;
    run_to(50 * SL_SEC + phase);
    world->up.config.rate_bps = wide;
    run_to(75 * SL_SEC + phase);
    const struct seen before = look(world, 10 * SL_SEC, 30 * SL_SEC + phase);
    const struct seen drop = look(world, 30 * SL_SEC + phase, 32 * SL_SEC + phase);
    const struct seen narrow = look(world, 32 * SL_SEC + phase, 50 * SL_SEC + phase);
    const struct seen back = look(world, 58 * SL_SEC + phase, 75 * SL_SEC + phase);
    const struct seen all = look(world, 5 * SL_SEC, 75 * SL_SEC + phase);
    printf(" squeeze of %.1f Mb/s, queue %d ms, seed %d:\n", (double)wide / 1e6,
           (int)(queue / SL_MS), (int)seed);
    print("before", &before);
    print("2 s after the drop", &drop);
    print("narrow", &narrow);
    print("8 s after its end", &back);
    assert_true(narrow.age_p99 <= 300 * SL_MS);
    assert_true(narrow.age_max <= 330 * SL_MS);
    assert_true(all.freeze <= 500 * SL_MS);
    assert_true(narrow.bitrate >= 500000 && narrow.bitrate <= 800000);
    /* On a link no wider than the ceiling the estimate swings between 0.85 and 1 of it. */
    assert_true(back.bitrate >= (wide > 2000000 ? 0.98 : 0.92) * before.bitrate);
    end();
}

static void follows_a_squeeze_and_comes_back(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SIM_SPAN(4, 1); seed++) {
        squeeze(seed, 2000000, 500 * SL_MS);
        squeeze(seed, 2500000, 500 * SL_MS);
        squeeze(seed, 3000000, 250 * SL_MS);
        squeeze(seed, 10000000, 500 * SL_MS);
    }
}

/* The same where little fits into the queue (it drops what does not), and where 5 % are lost on the
 * way at all times: repair does its part, and the rate still follows. */
static void hard_squeeze(uint64_t seed, const struct sim_link_config *wide, uint64_t narrow_bps,
                         sl_ns freeze)
{
    const struct sim_link_config down = {
        .delay = 20 * SL_MS, .jitter = wide->jitter, .loss = wide->loss};
    begin(seed, wide, &down, 2000000);
    run_to(20 * SL_SEC);
    world->up.config.rate_bps = narrow_bps;
    run_to(40 * SL_SEC);
    world->up.config.rate_bps = wide->rate_bps;
    run_to(65 * SL_SEC);
    const struct seen narrow = look(world, 22 * SL_SEC, 40 * SL_SEC);
    const struct seen back = look(world, 48 * SL_SEC, 65 * SL_SEC);
    const struct seen all = look(world, 5 * SL_SEC, 65 * SL_SEC);
    const struct sl_rate_stats stats = stats_of(world);
    printf(" squeeze to %.0f kb/s, queue %zu bytes, loss %.0f %%, seed %d: cuts %d+%d, "
           "overflowed %d\n",
           (double)narrow_bps / 1e3, wide->queue_bytes, 100 * wide->loss, (int)seed,
           (int)stats.estimate.overuses, (int)stats.estimate.loss_cuts,
           (int)world->up.stats.overflowed);
    print("narrow", &narrow);
    print("8 s after its end", &back);
    assert_int_equal(stats.estimate.outages, 0);
    assert_true(narrow.age_p50 <= 150 * SL_MS);
    assert_true(all.freeze <= freeze);
    assert_true(narrow.bitrate >= 0.4 * (double)narrow_bps);
    assert_true(narrow.bitrate <= (double)narrow_bps);
    assert_true(back.bitrate >= 1800000);
    end();
}

static void follows_a_squeeze_where_little_is_buffered_or_much_is_lost(void **state)
{
    (void)state;
    for (uint64_t seed = 51; seed <= SIM_SPAN(53, 51); seed++) {
        struct sim_link_config up = {
            .delay = 20 * SL_MS, .rate_bps = 4000000, .queue_bytes = 12000};
        hard_squeeze(seed, &up, 800000, 500 * SL_MS);
        up = (struct sim_link_config){.delay = 20 * SL_MS,
                                      .jitter = 5 * SL_MS,
                                      .loss = 0.05,
                                      .rate_bps = 4000000,
                                      .queue_bytes = 200000};
        hard_squeeze(seed, &up, 800000, 500 * SL_MS);
        up.loss = 0;
        /* What was under way when it fell takes this link 0.6 s. */
        hard_squeeze(seed, &up, 300000, SL_SEC);
    }
}

/* Wi-Fi as it is on a bad day: much jitter, order kept. */
static void jitter_is_no_congestion(void **state)
{
    (void)state;
    for (uint64_t seed = 61; seed <= SIM_SPAN(63, 61); seed++) {
        const struct sim_link_config up = {
            .delay = 10 * SL_MS, .jitter = 30 * SL_MS, .rate_bps = 20000000, .queue_bytes = 200000};
        const struct sim_link_config down = {.delay = 10 * SL_MS, .jitter = 30 * SL_MS};
        begin(seed, &up, &down, 2000000);
        run_to(120 * SL_SEC);
        const struct seen seen = look(world, 0, 120 * SL_SEC);
        const struct sl_rate_stats stats = stats_of(world);
        print("30 ms of jitter", &seen);
        printf("  cuts %d+%d, capacity %.0f kb/s\n", (int)stats.estimate.overuses,
               (int)stats.estimate.loss_cuts, (double)stats.estimate.capacity_bps / 1e3);
        assert_int_equal(stats.estimate.overuses, 0);
        assert_true(seen.bitrate == 2000000);
        end();
    }
}

static void finds_no_congestion(const char *what, const struct sim_link_config *up, sl_ns span,
                                uint64_t bitrate, sl_ns feedback)
{
    const struct sim_link_config down = {.delay = up->delay, .jitter = up->jitter};
    begin(5, up, &down, bitrate);
    world->feedback_interval = feedback;
    run_to(span);
    const struct seen seen = look(world, 0, span);
    const struct sl_rate_stats stats = stats_of(world);
    print(what, &seen);
    printf("  capacity %.0f kb/s, %d parity bytes\n", (double)stats.estimate.capacity_bps / 1e3,
           (int)stats.parity_bytes);
    assert_int_equal(stats.estimate.overuses, 0);
    assert_int_equal(stats.estimate.loss_cuts, 0);
    assert_int_equal(stats.skipped_pacer + stats.skipped_flight + stats.skipped_outage, 0);
    assert_int_equal(stats.changes, 0);
    assert_int_equal(stats.parity_bytes, 0);
    assert_true(seen.bitrate == (double)bitrate);
    end();
}

static void finds_no_congestion_on_a_clean_link(void **state)
{
    (void)state;
    const struct sim_link_config clean = {
        .delay = 5 * SL_MS, .jitter = 5 * SL_MS, .rate_bps = 100000000, .queue_bytes = 200000};
    finds_no_congestion("clean 100 Mb/s", &clean, SIM_SPAN(600, 60) * SL_SEC, 2000000, 33 * SL_MS);
    const struct sim_link_config lan = {
        .delay = 200 * SL_US, .rate_bps = 1000000000, .queue_bytes = 200000};
    finds_no_congestion("LAN", &lan, 60 * SL_SEC, 2000000, 33 * SL_MS);
    finds_no_congestion("LAN, 8 Mb/s", &lan, 60 * SL_SEC, 8000000, 33 * SL_MS);
    finds_no_congestion("LAN, 300 kb/s", &lan, 60 * SL_SEC, 300000, 33 * SL_MS);
    finds_no_congestion("LAN, reports each 10 ms", &lan, 60 * SL_SEC, 2000000, 10 * SL_MS);
    finds_no_congestion("LAN, reports each 100 ms", &lan, 60 * SL_SEC, 2000000, 100 * SL_MS);
    const struct sim_link_config far = {
        .delay = 150 * SL_MS, .jitter = 10 * SL_MS, .rate_bps = 100000000, .queue_bytes = 200000};
    finds_no_congestion("far away", &far, 60 * SL_SEC, 2000000, 33 * SL_MS);
}

static void loss_alone_does_not_cut(uint64_t seed, double loss, double most_overhead)
{
    const struct sim_link_config up = {.delay = 20 * SL_MS,
                                       .jitter = 5 * SL_MS,
                                       .loss = loss,
                                       .rate_bps = 100000000,
                                       .queue_bytes = 200000};
    const struct sim_link_config down = {.delay = 20 * SL_MS, .jitter = 5 * SL_MS, .loss = loss};
    begin(seed, &up, &down, 2000000);
    run_to(120 * SL_SEC);
    const struct seen seen = look(world, 10 * SL_SEC, 120 * SL_SEC);
    const struct sl_rate_stats stats = stats_of(world);
    const double overhead =
        (double)(stats.parity_bytes + stats.resent_bytes) / (double)stats.media_bytes;
    char what[64];
    snprintf(what, sizeof(what), "%.0f %% loss, seed %d", 100 * loss, (int)seed);
    print(what, &seen);
    printf("  overhead %.1f %%, skipped %d, cuts %d+%d\n", 100 * overhead,
           (int)(stats.skipped_flight + stats.skipped_pacer), (int)stats.estimate.overuses,
           (int)stats.estimate.loss_cuts);
    assert_int_equal(stats.estimate.overuses, 0);
    assert_int_equal(stats.estimate.outages, 0);
    assert_true(overhead <= most_overhead);
    assert_true(seen.frames - seen.whole <= seen.frames / 500);
    assert_true(stats.estimate.loss_cuts <= (loss > 0.05 ? 2 : 0));
    if (loss <= 0.1) {
        assert_true(seen.bitrate == 2000000);
        assert_true(stats.skipped_flight <= seen.frames / 100);
    } else {
        assert_true(seen.bitrate >= 1000000);
    }
    end();
}

static void random_loss_is_left_to_repair(void **state)
{
    (void)state;
    for (uint64_t seed = 11; seed <= SIM_SPAN(13, 11); seed++) {
        loss_alone_does_not_cut(seed, 0.05, 0.30);
        loss_alone_does_not_cut(seed, 0.09, 0.45);
        loss_alone_does_not_cut(seed, 0.20, 0.65);
    }
}

static void black_out(uint64_t seed, sl_ns span)
{
    const struct sim_link_config up = {
        .delay = 20 * SL_MS, .jitter = 2 * SL_MS, .rate_bps = 8000000, .queue_bytes = 300000};
    const struct sim_link_config down = {.delay = 20 * SL_MS, .jitter = 2 * SL_MS};
    begin(seed, &up, &down, 2000000);
    run_to(10 * SL_SEC);
    sim_link_black_out(&world->up, span);
    sim_link_black_out(&world->down, span);
    const uint64_t before = world->up.stats.bytes;
    run_to(10 * SL_SEC + span);
    const double dark = (double)(world->up.stats.bytes - before) * 8 / ((double)span / 1e9);
    const struct sl_rate_stats then = stats_of(world);
    const uint64_t from = world->up.stats.bytes;
    run_to(10 * SL_SEC + span + 500 * SL_MS);
    const double burst = (double)(world->up.stats.bytes - from) * 8 / 0.5;
    run_to(22 * SL_SEC + span);
    const struct seen first = look(world, 10 * SL_SEC + span, 12 * SL_SEC + span);
    const struct seen later = look(world, 18 * SL_SEC + span, 22 * SL_SEC + span);
    const struct sl_rate_stats stats = stats_of(world);
    char what[64];
    snprintf(what, sizeof(what), "%d s without a link", (int)(span / SL_SEC));
    print(what, &first);
    printf("  sent meanwhile %.0f kb/s, in the first 0.5 s back %.0f kb/s, loss told %d packets\n",
           dark / 1e3, burst / 1e3, (int)stats.estimate.lost);
    assert_int_equal(then.estimate.outages, 1);
    assert_int_equal(stats.estimate.outages, 1);
    assert_int_equal(stats.estimate.overuses, 0);
    assert_int_equal(stats.estimate.loss_cuts, 0);
    /* What was sent before it was noticed, and five frames a second. */
    assert_true(dark * (double)span < 2e6 * (double)(450 * SL_MS) + 0.45e6 * (double)span);
    assert_true(burst < 3.5 * 2000000); /* a key frame and what follows */
    assert_true(first.whole >= 30);
    assert_true(later.bitrate == 2000000);
    assert_true(later.age_max <= 120 * SL_MS);
    end();
}

static void an_outage_is_no_congestion(void **state)
{
    (void)state;
    for (uint64_t seed = 21; seed <= SIM_SPAN(23, 21); seed++) {
        black_out(seed, 1 * SL_SEC);
        black_out(seed, 10 * SL_SEC);
    }
}

/* Against a Reno on a queue of 50 ms: the stream neither starves nor stands, and its age stays the
 * queue's. */
static void lives_beside_a_competitor(void **state)
{
    (void)state;
    for (uint64_t seed = 31; seed <= SIM_SPAN(33, 31); seed++) {
        const struct sim_link_config up = {
            .delay = 20 * SL_MS, .rate_bps = 4000000, .queue_bytes = 4000000 / 8 / 20};
        const struct sim_link_config down = {.delay = 20 * SL_MS};
        begin(seed, &up, &down, 2000000);
        run_to(10 * SL_SEC);
        world->crossing = true;
        world->cross_window = 4;
        cross_fill(world);
        run_to(70 * SL_SEC);
        const struct seen seen = look(world, 15 * SL_SEC, 70 * SL_SEC);
        const struct sl_rate_stats stats = stats_of(world);
        print("beside a Reno on 4 Mb/s", &seen);
        printf("  the other got %.0f kb/s, cuts %d+%d, skipped %d+%d, lost %d\n",
               (double)world->cross_bytes * 8 / 60e3, (int)stats.estimate.overuses,
               (int)stats.estimate.loss_cuts, (int)stats.skipped_pacer, (int)stats.skipped_flight,
               (int)(seen.frames - seen.whole));
        assert_true(seen.bitrate >= 500000);
        assert_true(world->cross_bytes * 8 / 60 >= 500000);
        assert_true(seen.freeze <= 500 * SL_MS);
        assert_true(seen.age_p50 <= 120 * SL_MS);
        end();
    }
}

/* A scene that hardly moves for a minute says nothing about the link: no cut, no lowered target. */
static void a_quiet_scene_costs_nothing(void **state)
{
    (void)state;
    const struct sim_link_config up = {
        .delay = 20 * SL_MS, .jitter = 5 * SL_MS, .rate_bps = 5000000, .queue_bytes = 200000};
    const struct sim_link_config down = {.delay = 20 * SL_MS};
    begin(41, &up, &down, 2000000);
    run_to(10 * SL_SEC);
    world->static_share = 0.1;
    run_to(70 * SL_SEC);
    world->static_share = 1;
    run_to(90 * SL_SEC);
    const struct seen seen = look(world, 0, 90 * SL_SEC);
    const struct seen after = look(world, 70 * SL_SEC, 90 * SL_SEC);
    print("a quiet scene, then motion", &after);
    assert_true(seen.bitrate == 2000000);
    assert_true(after.freeze <= 120 * SL_MS);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_a_squeeze_and_comes_back),
        cmocka_unit_test(follows_a_squeeze_where_little_is_buffered_or_much_is_lost),
        cmocka_unit_test(jitter_is_no_congestion),
        cmocka_unit_test(finds_no_congestion_on_a_clean_link),
        cmocka_unit_test(random_loss_is_left_to_repair),
        cmocka_unit_test(an_outage_is_no_congestion),
        cmocka_unit_test(lives_beside_a_competitor),
        cmocka_unit_test(a_quiet_scene_costs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
