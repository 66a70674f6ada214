/* SPDX-License-Identifier: MIT */
/* Two sessions, a client and an ICE-lite one, over a simulated network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/time.h"
#include "tests/support/simhop.h"
#include "tests/support/span.h"

#define SECONDS SIM_SPAN(60, 20)
#define WRAPS SIM_SPAN(3, 1)

static struct sim_link_config link_of(sl_ns rtt, double loss)
{
    return (struct sim_link_config){.delay = rtt / 2, .loss = loss};
}

static struct sim_hop_config hop_of(sl_ns rtt, double loss)
{
    return (struct sim_hop_config){
        .client_sends = true, .up = link_of(rtt, loss), .down = link_of(rtt, loss)};
}

static void assert_balanced(const struct sim_end *end)
{
    const struct sl_session_stats s = sim_end_stats(end);
    assert_int_equal(s.datagrams_in, s.stun_accepted + s.dtls_accepted + s.rtp_accepted +
                                         s.rtcp_accepted + s.stun_refused + s.dtls_refused +
                                         s.srtp_refused + s.srtp_replayed + s.malformed +
                                         s.unknown_source + s.late);
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++) {
        const struct sl_session_media_stats *m = &s.media[kind];
        assert_int_equal(m->expected, m->received + m->repaired + m->missing + m->given_up);
    }
}

static void close_hop(struct sim_hop *hop)
{
    assert_balanced(&hop->client);
    assert_balanced(&hop->lite);
    sim_hop_close(hop);
}

/* ---- (a) connecting ---- */

static void test_connects_in_round_trips(void **state)
{
    (void)state;
    const sl_ns rtts[] = {0, 10 * SL_MS, 100 * SL_MS};
    for (size_t i = 0; i < SL_COUNT(rtts); i++) {
        struct sim *sim = sim_create(1 + i);
        struct sim_hop hop;
        const struct sim_hop_config config = hop_of(rtts[i], 0);
        sim_hop_open(&hop, sim, &config);
        const sl_ns took = sim_hop_connect(&hop, 5 * SL_SEC);
        printf("RTT %d ms: connected in %.3f ms\n", (int)(rtts[i] / SL_MS), (double)took / 1e6);
        /* One for the check, two for DTLS 1.2; timers have no part in it. */
        assert_in_range(took, 3 * rtts[i], 3 * rtts[i] + SL_MS);
        assert_int_equal(sim_end_stats(&hop.client).profile, SL_SRTP_AEAD_AES_128_GCM);
        assert_int_equal(hop.lite.validated, 1);
        close_hop(&hop);
        sim_destroy(sim);
    }
}

static void test_connects_over_a_lossy_network(void **state)
{
    (void)state;
    sl_ns worst = 0, sum = 0;
    const int runs = 60;
    for (int seed = 0; seed < runs; seed++) {
        struct sim *sim = sim_create(100 + (uint64_t)seed);
        struct sim_hop hop;
        const struct sim_hop_config config = hop_of(10 * SL_MS, 0.3);
        sim_hop_open(&hop, sim, &config);
        const sl_ns took = sim_hop_connect(&hop, 10 * SL_SEC);
        assert_true(took > 0);
        worst = took > worst ? took : worst;
        sum += took;
        close_hop(&hop);
        sim_destroy(sim);
    }
    printf("30 %% loss: connected in %.0f ms on average, %.0f at worst\n", (double)sum / runs / 1e6,
           (double)worst / 1e6);
    assert_true(sum / runs < 700 * SL_MS);
}

/* ---- (b) repair ---- */

static void test_five_percent_loss_is_repaired(void **state)
{
    (void)state;
    struct sim *sim = sim_create(7);
    struct sim_hop hop;
    struct sim_hop_config config = hop_of(10 * SL_MS, 0.05);
    sim_hop_open(&hop, sim, &config);
    assert_true(sim_hop_connect(&hop, 10 * SL_SEC) > 0);
    struct sim_flow flow;
    const struct sim_flow_config media = {.packets = SECONDS * 30 * 8};
    sim_flow_init(&flow, &media, &hop.client, &hop.lite);
    sim_flow_start(&flow);
    sim_run_for(sim, (SECONDS + 2) * SL_SEC);
    printf("5 %% loss: %zu of %zu missing, %zu repaired, repair p50 %.1f p95 %.1f p99 %.1f ms\n",
           sim_flow_missing(&flow), flow.sent, flow.repaired,
           (double)sim_flow_latency(&flow, true, .5) / 1e6,
           (double)sim_flow_latency(&flow, true, .95) / 1e6,
           (double)sim_flow_latency(&flow, true, .99) / 1e6);
    assert_int_equal(flow.sent, media.packets);
    assert_true((double)sim_flow_missing(&flow) < 0.001 * (double)flow.sent);
    assert_true((double)flow.repaired > 0.04 * (double)flow.sent);
    assert_int_equal(flow.twice + flow.damaged, 0);
    /* One way, the guard, one RTT. */
    assert_true(sim_flow_latency(&flow, true, .5) <= 17 * SL_MS);
    assert_true(sim_flow_latency(&flow, true, .95) <= 30 * SL_MS);
    sim_flow_fini(&flow);
    close_hop(&hop);
    sim_destroy(sim);
}

/* A flow over a hop that is connected, played to its end and `after` it. */
static void play_flow(struct sim_hop *hop, struct sim_flow *flow,
                      const struct sim_flow_config *config, sl_ns after)
{
    sim_flow_init(flow, config, sim_hop_sender(hop), sim_hop_receiver(hop));
    sim_flow_start(flow);
    while (flow->sent < config->packets)
        sim_run_for(hop->client.sim, 100 * SL_MS);
    sim_run_for(hop->client.sim, after);
}

static void open_connected(struct sim_hop *hop, struct sim *sim,
                           const struct sim_hop_config *config)
{
    sim_hop_open(hop, sim, config);
    assert_true(sim_hop_connect(hop, 10 * SL_SEC) >= 0);
}

/* ---- (c) the end of a frame lost ---- */

struct dropper {
    int drop_last; /* so many packets of each third frame, of 8 */
    uint64_t seen, first;
};

static bool is_video_rtp(const uint8_t *data, size_t len)
{
    return len > 12 && data[0] >> 6 == 2 && (data[1] & 0x7f) == 108;
}

static bool drop_frame_end(void *ctx, const uint8_t *data, size_t len)
{
    struct dropper *dropper = ctx;
    if (!is_video_rtp(data, len))
        return false;
    const uint64_t number = dropper->seen++;
    return number / 8 % 3 == 1 && number % 8 >= (uint64_t)(8 - dropper->drop_last);
}

static void test_lost_frame_ends_are_mended_before_the_next_frame(void **state)
{
    (void)state;
    const sl_ns limit[] = {0, 21 * SL_MS, 21 * SL_MS, 21 * SL_MS, 21 * SL_MS, 33 * SL_MS};
    for (int drop = 1; drop <= 5; drop++) {
        struct sim *sim = sim_create(3);
        struct sim_hop hop;
        struct sim_hop_config config = hop_of(10 * SL_MS, 0);
        open_connected(&hop, sim, &config);
        struct dropper dropper = {.drop_last = drop};
        hop.up.filter = drop_frame_end;
        hop.up.filter_ctx = &dropper;
        struct sim_flow flow;
        const struct sim_flow_config media = {.packets = 2400};
        play_flow(&hop, &flow, &media, SL_SEC);
        printf("last %d of 8 lost: repair p50 %.1f max %.1f ms\n", drop,
               (double)sim_flow_latency(&flow, true, .5) / 1e6,
               (double)sim_flow_latency(&flow, true, 1) / 1e6);
        assert_int_equal(sim_flow_missing(&flow), 0);
        assert_int_equal(flow.repaired, 100 * drop);
        assert_true(sim_flow_latency(&flow, true, 1) <= limit[drop]);
        sim_flow_fini(&flow);
        close_hop(&hop);
        sim_destroy(sim);
    }
}

/* ---- (d) bursts and black-outs ---- */

static void test_bursts_are_repaired(void **state)
{
    (void)state;
    struct sim *sim = sim_create(11);
    struct sim_hop hop;
    struct sim_hop_config config = hop_of(10 * SL_MS, 0);
    config.up.burst_enter = 0.01;
    config.up.burst_leave = 0.2;
    config.up.burst_loss = 1;
    open_connected(&hop, sim, &config);
    struct sim_flow flow;
    const struct sim_flow_config media = {.packets = SIM_SPAN(20000, 8000)};
    play_flow(&hop, &flow, &media, 2 * SL_SEC);
    printf("bursts: %llu lost, %zu missing, repair p50 %.1f p99 %.1f ms\n",
           (unsigned long long)hop.up.stats.lost, sim_flow_missing(&flow),
           (double)sim_flow_latency(&flow, true, .5) / 1e6,
           (double)sim_flow_latency(&flow, true, .99) / 1e6);
    assert_true(flow.repaired > media.packets * 3 / 100);
    assert_true((double)sim_flow_missing(&flow) < 0.001 * (double)flow.sent);
    sim_flow_fini(&flow);
    close_hop(&hop);
    sim_destroy(sim);
}

static void test_long_black_out_asks_for_a_key_frame(void **state)
{
    (void)state;
    struct sim *sim = sim_create(12);
    struct sim_hop hop;
    const struct sim_hop_config config = hop_of(10 * SL_MS, 0);
    open_connected(&hop, sim, &config);
    struct sim_flow flow;
    const struct sim_flow_config media = {.packets = 20000};
    sim_flow_init(&flow, &media, &hop.client, &hop.lite);
    sim_flow_start(&flow);
    sim_run_for(sim, SL_SEC);
    assert_int_equal(hop.client.keyframes_wanted, 0);
    sim_link_black_out(&hop.up, 10 * SL_SEC);
    sim_run_for(sim, 10 * SL_SEC);
    const sl_ns back = sim_now(sim);
    const size_t before = flow.arrived;
    while (hop.client.keyframes_wanted == 0 && sim_now(sim) < back + 5 * SL_SEC)
        sim_run_for(sim, SL_MS);
    printf("key frame wanted %.1f ms after 10 s of black-out\n",
           (double)(sim_now(sim) - back) / 1e6);
    /* The jump is seen with the first packet: one frame, half an RTT there and back. */
    assert_true(sim_now(sim) - back <= 50 * SL_MS);
    sim_run_for(sim, SL_SEC);
    assert_true(flow.arrived > before + 200);
    assert_in_range(hop.client.keyframes_wanted, 1, 2);
    flow.stopped = true;
    sim_run_for(sim, SL_SEC);
    sim_flow_fini(&flow);
    close_hop(&hop);
    sim_destroy(sim);
}

/* ---- (e), (k) disorder ---- */

static void test_disorder_is_not_taken_for_loss(void **state)
{
    (void)state;
    struct sim *sim = sim_create(13);
    struct sim_hop hop;
    struct sim_hop_config config = hop_of(20 * SL_MS, 0);
    config.up.duplicate = 0.02;
    config.up.reorder = 0.05;
    config.up.reorder_by = 8 * SL_MS;
    open_connected(&hop, sim, &config);
    struct sim_flow warm_up, flow;
    const struct sim_flow_config media = {.packets = 2400};
    play_flow(&hop, &warm_up, &media, SL_SEC);
    const uint64_t before = sim_end_stats(&hop.lite).media[SL_VIDEO].nacks;
    const struct sim_flow_config more = {.packets = SIM_SPAN(24000, 8000), .first_seq = 2400};
    play_flow(&hop, &flow, &more, SL_SEC);
    const struct sl_session_stats s = sim_end_stats(&hop.lite);
    printf("disorder: %llu numbers asked for while learning, %llu of %zu later\n",
           (unsigned long long)before, (unsigned long long)(s.media[0].nacks - before), flow.sent);
    assert_true(s.media[0].nacks - before < flow.sent / 500);
    assert_int_equal(sim_flow_missing(&flow), 0);
    assert_int_equal(flow.twice, 0);
    /* Copies are refused by the SRTP window before anything else sees them. */
    assert_true(s.srtp_replayed > flow.sent / 60);
    sim_flow_fini(&warm_up);
    sim_flow_fini(&flow);
    close_hop(&hop);
    sim_destroy(sim);
}

static void test_100_ms_of_disorder(void **state)
{
    (void)state;
    struct sim *sim = sim_create(14);
    struct sim_hop hop;
    struct sim_hop_config config = hop_of(20 * SL_MS, 0.02);
    config.up.reorder = 0.1;
    config.up.reorder_by = 100 * SL_MS;
    open_connected(&hop, sim, &config);
    struct sim_flow flow;
    const struct sim_flow_config media = {.packets = SIM_SPAN(24000, 8000)};
    play_flow(&hop, &flow, &media, 2 * SL_SEC);
    const struct sl_session_stats s = sim_end_stats(&hop.lite);
    printf("100 ms of disorder: %zu missing, %llu asked for, %llu came twice\n",
           sim_flow_missing(&flow), (unsigned long long)s.media[0].nacks,
           (unsigned long long)s.media[0].duplicate);
    assert_int_equal(sim_flow_missing(&flow), 0);
    assert_int_equal(flow.twice, 0);
    sim_flow_fini(&flow);
    close_hop(&hop);
    sim_destroy(sim);
}

/* ---- (f) numbers that wrap ---- */

static bool see_first(void *ctx, const uint8_t *data, size_t len)
{
    struct dropper *dropper = ctx;
    if (is_video_rtp(data, len) && dropper->seen++ == 0)
        dropper->first = sl_get16(data + 2);
    return false;
}

static void test_numbers_wrap_and_start_late(void **state)
{
    (void)state;
    struct sim *sim = sim_create(15);
    struct sim_hop hop;
    struct sim_hop_config config = hop_of(4 * SL_MS, 0.01);
    open_connected(&hop, sim, &config);
    struct dropper dropper = {0};
    hop.up.filter = see_first;
    hop.up.filter_ctx = &dropper;
    struct sim_flow flow;
    /* The source has been running since long before this peer came. */
    const struct sim_flow_config media = {.packets = WRAPS * 65536 + 40000,
                                          .frame_packets = 100,
                                          .payload_bytes = 100,
                                          .first_seq = 5 * 65536 - 300};
    play_flow(&hop, &flow, &media, 2 * SL_SEC);
    printf("%d wraps: %zu of %zu missing\n", WRAPS, sim_flow_missing(&flow), flow.sent);
    assert_in_range(dropper.first, 1, 32767);
    assert_int_equal(sim_flow_missing(&flow), 0);
    assert_int_equal(flow.twice + flow.damaged, 0);
    sim_flow_fini(&flow);
    close_hop(&hop);
    sim_destroy(sim);
}

/* ---- (g) clocks ---- */

static sl_ns apart(sl_ns a, sl_ns b)
{
    return a > b ? a - b : b - a;
}

static void test_clock_offset_is_right_within_half_a_round_trip(void **state)
{
    (void)state;
    const sl_ns up[] = {5 * SL_MS, 2 * SL_MS, 18 * SL_MS, 0};
    const sl_ns down[] = {5 * SL_MS, 18 * SL_MS, 2 * SL_MS, 0};
    for (size_t i = 0; i < SL_COUNT(up); i++) {
        struct sim *sim = sim_create(16 + i);
        struct sim_hop hop;
        const struct sim_clock fast = sim_clock(sim, 150, 3700 * SL_MS);
        const struct sim_clock slow = sim_clock(sim, -150, -86400 * SL_SEC);
        struct sim_hop_config config = {.client_sends = true,
                                        .client_clock = &fast,
                                        .lite_clock = &slow,
                                        .up = {.delay = up[i], .jitter = 3 * SL_MS},
                                        .down = {.delay = down[i], .jitter = 3 * SL_MS}};
        open_connected(&hop, sim, &config);
        struct sim_flow flow;
        const struct sim_flow_config media = {.packets = 30 * 60 * 8};
        sim_flow_init(&flow, &media, &hop.client, &hop.lite);
        sim_flow_start(&flow);
        sim_run_for(sim, SL_SEC);
        flow.judge_capture = true;
        sim_run_for(sim, 65 * SL_SEC);
        const struct sl_session_stats s = sim_end_stats(&hop.lite);
        assert_true(s.clock_known);
        const sl_ns truth =
            sl_ntp_to_ns(sim_clock_ntp(&fast), 0) - sl_ntp_to_ns(sim_clock_ntp(&slow), 0);
        const sl_ns half = (up[i] + down[i]) / 2 + 3 * SL_MS;
        printf("delays %.0f/%.0f ms: offset wrong by %.3f ms, capture time by %.3f at worst\n",
               (double)up[i] / 1e6, (double)down[i] / 1e6,
               (double)apart(s.clock_offset, truth) / 1e6, (double)flow.capture_error / 1e6);
        /* Half a millisecond more for what the clocks drift between two reports. */
        assert_true(apart(s.clock_offset, truth) <= half + SL_MS / 2);
        assert_true(flow.capture_error <= half + SL_MS / 2);
        sim_flow_fini(&flow);
        close_hop(&hop);
        sim_destroy(sim);
    }
}

static void relay_packet(void *ctx, struct sim_end *end, enum sl_media_kind kind,
                         const struct sl_rtp_packet *packet, bool repaired, sl_ns now)
{
    struct sim_hop *next = ctx;
    (void)end;
    (void)repaired;
    (void)now;
    sim_end_send(&next->lite, kind, packet);
}

static void test_capture_time_is_right_after_two_hops(void **state)
{
    (void)state;
    struct sim *sim = sim_create(21);
    const struct sim_clock camera = sim_clock(sim, 40, 5 * SL_SEC);
    const struct sim_clock relay = sim_clock(sim, -30, -2 * SL_SEC);
    const struct sim_clock wall = sim_clock(sim, 10, 40 * SL_SEC);
    static const struct sim_end_handler handler = {.packet = relay_packet};
    struct sim_hop in, out;
    struct sim_hop_config config = hop_of(10 * SL_MS, 0.05);
    config.client_clock = &camera;
    config.lite_clock = &relay;
    config.lite_handler = &handler;
    config.lite_ctx = &out;
    open_connected(&in, sim, &config);
    config = hop_of(6 * SL_MS, 0.05);
    config.client_sends = false;
    config.client_clock = &wall;
    config.lite_clock = &relay;
    open_connected(&out, sim, &config);
    struct sim_flow flow;
    const struct sim_flow_config media = {.packets = 30 * 20 * 8};
    sim_flow_init(&flow, &media, &in.client, &out.client);
    sim_flow_start(&flow);
    sim_run_for(sim, SL_SEC);
    flow.judge_capture = true;
    sim_run_for(sim, 21 * SL_SEC);
    printf("two hops: capture time wrong by %.3f ms at worst, %zu of %zu missing\n",
           (double)flow.capture_error / 1e6, sim_flow_missing(&flow), flow.sent);
    assert_true(flow.capture_error <= 2 * SL_MS); /* half of both round trips would be 8 ms */
    assert_true((double)sim_flow_missing(&flow) < 0.001 * (double)flow.sent);
    sim_flow_fini(&flow);
    close_hop(&in);
    close_hop(&out);
    sim_destroy(sim);
}

/* ---- (h) round trips ---- */

static void test_both_ends_know_the_round_trip(void **state)
{
    (void)state;
    for (int sends = 0; sends < 2; sends++) {
        struct sim *sim = sim_create(22);
        struct sim_hop hop;
        struct sim_hop_config config = hop_of(40 * SL_MS, 0);
        config.client_sends = sends;
        config.up.delay = 30 * SL_MS;
        config.down.delay = 10 * SL_MS;
        open_connected(&hop, sim, &config);
        struct sim_flow flow;
        const struct sim_flow_config media = {.packets = 1200};
        play_flow(&hop, &flow, &media, SL_SEC);
        assert_true(apart(sim_end_stats(&hop.client).rtt, 40 * SL_MS) < SL_MS);
        assert_true(apart(sim_end_stats(&hop.lite).rtt, 40 * SL_MS) < SL_MS);
        sim_flow_fini(&flow);
        close_hop(&hop);
        sim_destroy(sim);
    }
}

static void test_sender_hears_of_raw_loss(void **state)
{
    (void)state;
    struct sim *sim = sim_create(23);
    struct sim_hop hop;
    struct sim_hop_config config = hop_of(10 * SL_MS, 0);
    config.foreign = true; /* a report a second covers 240 packets */
    config.up.loss = 0.1;
    open_connected(&hop, sim, &config);
    struct sim_flow flow;
    const struct sim_flow_config media = {.packets = 2400};
    play_flow(&hop, &flow, &media, 0);
    const struct sl_session_stats s = sim_end_stats(&hop.client);
    printf("10 %% loss: told %.1f %%\n", s.media[0].remote_fraction_lost / 2.56);
    assert_in_range(s.media[0].remote_fraction_lost, 0.04 * 256, 0.18 * 256);
    sim_flow_fini(&flow);
    close_hop(&hop);
    sim_destroy(sim);
}

/* ---- (i) silence ---- */

static void test_consent_expires(void **state)
{
    (void)state;
    struct sim *sim = sim_create(24);
    struct sim_hop hop;
    const struct sim_hop_config config = hop_of(10 * SL_MS, 0);
    open_connected(&hop, sim, &config);
    sim_run_for(sim, 20 * SL_SEC);
    sim_link_black_out(&hop.up, 100 * SL_SEC);
    sim_link_black_out(&hop.down, 100 * SL_SEC);
    sim_run_for(sim, 23 * SL_SEC); /* the last answer to a check may be 6 s old */
    assert_int_equal(hop.client.state, SL_SESSION_CONNECTED);
    assert_int_equal(hop.lite.state, SL_SESSION_CONNECTED);
    sim_run_for(sim, 8 * SL_SEC);
    assert_int_equal(hop.client.state, SL_SESSION_FAILED);
    assert_int_equal(hop.lite.state, SL_SESSION_FAILED);
    assert_int_equal(sl_session_due(hop.client.session), SL_NEVER);
    assert_int_equal(hop.client.states, 2);
    close_hop(&hop);
    sim_destroy(sim);
}

static bool drop_stun(void *ctx, const uint8_t *data, size_t len)
{
    (void)ctx;
    (void)len;
    return data[0] <= 3;
}

/* Only an answer to a check is consent: media may come from a peer that cannot stop it. */
static void test_media_is_not_consent(void **state)
{
    (void)state;
    struct sim *sim = sim_create(34);
    struct sim_hop hop;
    struct sim_hop_config config = hop_of(10 * SL_MS, 0);
    config.client_sends = false;
    open_connected(&hop, sim, &config);
    struct sim_flow flow;
    const struct sim_flow_config media = {.packets = 30 * 40 * 8};
    sim_flow_init(&flow, &media, &hop.lite, &hop.client);
    sim_flow_start(&flow);
    sim_run_for(sim, SL_SEC);
    hop.down.filter = drop_stun;
    sim_run_for(sim, 23 * SL_SEC);
    assert_int_equal(hop.client.state, SL_SESSION_CONNECTED);
    sim_run_for(sim, 8 * SL_SEC);
    assert_int_equal(hop.client.state, SL_SESSION_FAILED);
    flow.stopped = true;
    sim_flow_fini(&flow);
    close_hop(&hop);
    sim_destroy(sim);
}

static void test_silence_is_noticed_and_a_paused_camera_is_not_silence(void **state)
{
    (void)state;
    struct sim *sim = sim_create(25);
    struct sim_hop hop;
    struct sim_hop_config config = hop_of(10 * SL_MS, 0);
    config.client_sends = false;
    open_connected(&hop, sim, &config);
    sl_ns longest = 0;
    for (int i = 0; i < 3000; i++) { /* 5 minutes without media */
        sim_run_for(sim, 100 * SL_MS);
        const sl_ns silence =
            sim_clock_now(&hop.client.clock) - sl_session_heard(hop.client.session);
        longest = silence > longest ? silence : longest;
    }
    assert_in_range(longest, 0, 520 * SL_MS);
    const uint64_t before = hop.up.stats.sent;
    printf("paused: %.1f datagrams/s\n", (double)before / 300);
    sim_link_black_out(&hop.down, 100 * SL_SEC);
    sim_run_for(sim, 2 * SL_SEC);
    const sl_ns silence = sim_clock_now(&hop.client.clock) - sl_session_heard(hop.client.session);
    assert_true(silence > 1400 * SL_MS);
    /* 15 checks of 1.5 s, and reports each 200 ms */
    assert_in_range(hop.up.stats.sent - before, 15 + 9, 20 + 11);
    close_hop(&hop);
    sim_destroy(sim);
}

/* The client's address changes under it: its next check validates the new one. */
static void test_client_that_moves_is_followed(void **state)
{
    (void)state;
    struct sim *sim = sim_create(33);
    struct sim_hop hop;
    struct sim_hop_config config = hop_of(10 * SL_MS, 0);
    config.client_sends = false;
    open_connected(&hop, sim, &config);
    struct sim_flow flow;
    const struct sim_flow_config media = {.packets = 30 * 10 * 8};
    sim_flow_init(&flow, &media, &hop.lite, &hop.client);
    sim_flow_start(&flow);
    sim_run_for(sim, 2 * SL_SEC);
    const struct sl_addr old = hop.lite.from.remote;
    sl_addr_set_port(&hop.lite.from.remote, 1234);
    sim_link_black_out(&hop.down, 505 * SL_MS); /* what goes to the old address is lost */
    sim_run_for(sim, 520 * SL_MS);
    const struct sl_session_stats s = sim_end_stats(&hop.lite);
    assert_true(sl_addr_equal(&s.path.remote, &hop.lite.from.remote));
    assert_false(sl_addr_equal(&s.path.remote, &old));
    assert_int_equal(hop.lite.validated, 2);
    sim_run_for(sim, 10 * SL_SEC);
    assert_int_equal(hop.client.state, SL_SESSION_CONNECTED);
    assert_int_equal(flow.packets[flow.sent - 1].times, 1);
    sim_flow_fini(&flow);
    close_hop(&hop);
    sim_destroy(sim);
}

static void test_setup_times_out(void **state)
{
    (void)state;
    struct sim *sim = sim_create(26);
    struct sim_hop hop;
    struct sim_hop_config config = hop_of(10 * SL_MS, 1);
    config.setup_timeout = SL_SEC;
    sim_hop_open(&hop, sim, &config);
    assert_int_equal(sim_hop_connect(&hop, 999 * SL_MS), -1);
    assert_int_equal(hop.client.state, SL_SESSION_CONNECTING);
    sim_run_for(sim, SL_MS);
    assert_int_equal(hop.client.state, SL_SESSION_FAILED);
    assert_int_equal(hop.lite.state, SL_SESSION_FAILED);
    assert_in_range(hop.up.stats.sent, 3, 6);
    close_hop(&hop);
    sim_destroy(sim);
}

static void test_wrong_fingerprint_fails_both(void **state)
{
    (void)state;
    struct sim *sim = sim_create(27);
    struct sim_hop hop;
    struct sim_hop_config config = hop_of(10 * SL_MS, 0);
    config.wrong_fingerprint = true;
    sim_hop_open(&hop, sim, &config);
    assert_int_equal(sim_hop_connect(&hop, 2 * SL_SEC), -1);
    assert_int_equal(hop.client.state, SL_SESSION_FAILED);
    assert_int_equal(hop.client.connected_at, 0);
    assert_int_equal(hop.lite.connected_at, 0);
    assert_int_equal(sim_end_stats(&hop.client).profile, 0);
    close_hop(&hop);
    sim_destroy(sim);
}

static void test_close_reaches_the_peer(void **state)
{
    (void)state;
    for (int closer = 0; closer < 4; closer++) {
        struct sim *sim = sim_create(28);
        struct sim_hop hop;
        struct sim_hop_config config = hop_of(10 * SL_MS, 0);
        config.client_sends = closer & 2;
        open_connected(&hop, sim, &config);
        struct sim_flow flow;
        const struct sim_flow_config media = {.packets = 80};
        play_flow(&hop, &flow, &media, SL_SEC);
        struct sim_end *here = closer & 1 ? &hop.client : &hop.lite;
        struct sim_end *there = closer & 1 ? &hop.lite : &hop.client;
        sim_end_close(here);
        assert_int_equal(here->state, SL_SESSION_CLOSED);
        sim_run_for(sim, 10 * SL_MS);
        assert_int_equal(there->state, SL_SESSION_CLOSED);
        assert_int_equal(there->states, 2);
        sim_flow_fini(&flow);
        close_hop(&hop);
        sim_destroy(sim);
    }
}

/* ---- (l) what resends may cost ---- */

static bool drop_rtx(void *ctx, const uint8_t *data, size_t len)
{
    uint64_t *dropped = ctx;
    const bool rtx = len > 12 && data[0] >> 6 == 2 && (data[1] & 0x7f) == 109;
    *dropped += rtx ? len : 0;
    return rtx;
}

static void test_resends_have_a_budget(void **state)
{
    (void)state;
    struct sim *sim = sim_create(29);
    struct sim_hop hop;
    struct sim_hop_config config = hop_of(10 * SL_MS, 0);
    config.up.loss = 0.5;
    open_connected(&hop, sim, &config);
    uint64_t resent = 0;
    hop.up.filter = drop_rtx; /* so that everything is asked for five times */
    hop.up.filter_ctx = &resent;
    struct sim_flow flow;
    const struct sim_flow_config media = {.packets = 7200};
    play_flow(&hop, &flow, &media, 2 * SL_SEC);
    const double sent = 7200 * 1150.0;
    printf("half lost, resends never come: resent %.0f %% of the media\n",
           100 * (double)resent / sent);
    assert_true((double)resent <= 0.5 * sent + 128 * 1024 + 2000);
    assert_true((double)resent >= 0.4 * sent);
    sim_flow_fini(&flow);
    close_hop(&hop);
    sim_destroy(sim);
}

/* ---- (j) memory ---- */

static void count_allocations(const struct sim_hop_config *config)
{
    struct sim *sim = sim_create(32);
    struct sim_hop hop;
    open_connected(&hop, sim, config);
    assert_true(hop.client.allocations > 0); /* the handshake does: so it is counted */
    struct sim_flow warm_up, flow, sound;
    const struct sim_flow_config begin = {.packets = 960};
    const struct sim_flow_config media = {.packets = 9600, .first_seq = 960};
    const struct sim_flow_config audio = {.kind = SL_AUDIO, .packets = 1900};
    play_flow(&hop, &warm_up, &begin, SL_SEC); /* a relay's leg takes its encoder with a loss */
    hop.client.allocations = hop.lite.allocations = 0;
    sim_flow_init(&sound, &audio, sim_hop_sender(&hop), sim_hop_receiver(&hop));
    sim_flow_start(&sound);
    play_flow(&hop, &flow, &media, 2 * SL_SEC);
    sim_end_request_keyframe(sim_hop_receiver(&hop));
    sim_run_for(sim, SL_SEC);
    const struct sl_session_stats from = sim_end_stats(sim_hop_sender(&hop));
    assert_true(flow.repaired > 500);
    assert_true(from.media[SL_VIDEO].fec_rows > 500 || config->fec == SL_SDP_FEC_NONE);
    assert_int_equal(from.rate.controlled, config->ccfb);
    assert_true(sim_hop_sender(&hop)->keyframes_wanted > 0);
    assert_int_equal(hop.client.allocations, 0);
    assert_int_equal(hop.lite.allocations, 0);
    assert_int_equal(flow.twice + flow.damaged, 0);
    sim_flow_fini(&warm_up);
    sim_flow_fini(&flow);
    sim_flow_fini(&sound);
    close_hop(&hop);
    sim_destroy(sim);
}

static void test_media_allocates_nothing(void **state)
{
    (void)state;
    struct sim_hop_config config = hop_of(10 * SL_MS, 0.1);
    config.up.reorder = config.down.reorder = 0.1;
    config.up.reorder_by = config.down.reorder_by = 30 * SL_MS;
    count_allocations(&config);
    config.fec = SL_SDP_FEC_RS;
    config.fec_percent = SL_FEC_AUTO;
    config.client_sends = false;
    count_allocations(&config);
    config.fec = SL_SDP_FEC_FLEXFEC;
    config.foreign = true;
    count_allocations(&config);
    config.fec = SL_SDP_FEC_RS;
    config.foreign = false;
    config.client_sends = config.ccfb = true;
    config.ceiling_bps = 8000000;
    count_allocations(&config);
}

/* ---- what peers differ in ---- */

static void test_peer_without_rtx_or_announced_ssrcs(void **state)
{
    (void)state;
    for (int variant = 0; variant < 4; variant++) {
        struct sim *sim = sim_create(30);
        struct sim_hop hop;
        struct sim_hop_config config = hop_of(10 * SL_MS, 0.05);
        config.no_rtx = variant & 1;
        config.no_ssrcs = variant & 2;
        config.client_sends = variant & 1;
        open_connected(&hop, sim, &config);
        struct sim_flow flow, sound;
        const struct sim_flow_config media = {.packets = 9600};
        const struct sim_flow_config audio = {.kind = SL_AUDIO, .packets = 1900};
        sim_flow_init(&sound, &audio, sim_hop_sender(&hop), sim_hop_receiver(&hop));
        sim_flow_start(&sound);
        play_flow(&hop, &flow, &media, 2 * SL_SEC);
        printf("variant %d: video %zu of %zu missing, %zu repaired; audio %zu of %zu missing\n",
               variant, sim_flow_missing(&flow), flow.sent, flow.repaired, sim_flow_missing(&sound),
               sound.sent);
        assert_true((double)sim_flow_missing(&flow) < 0.001 * (double)flow.sent + 2);
        assert_true((double)sim_flow_missing(&sound) < 0.001 * (double)sound.sent + 2);
        assert_true(flow.repaired > 300);
        sim_flow_fini(&flow);
        sim_flow_fini(&sound);
        close_hop(&hop);
        sim_destroy(sim);
    }
}

/* Main and second video beside each other: each is repaired, and asked for key frames, as its own.
 * Paced as well, where the second leaves at once. */
static void test_two_videos_in_one_session(void **state)
{
    (void)state;
    for (int variant = 0; variant < 2; variant++) {
        struct sim *sim = sim_create(33);
        struct sim_hop hop;
        struct sim_hop_config config = hop_of(10 * SL_MS, 0.05);
        config.sub = true;
        config.ccfb = variant;
        config.fec = SL_SDP_FEC_RS;
        config.ceiling_bps = 8000000;
        config.audio_bps = 400000;
        open_connected(&hop, sim, &config);
        struct sim_flow flow, small;
        const struct sim_flow_config media = {.packets = 9600};
        const struct sim_flow_config sub = {
            .kind = SL_VIDEO_SUB, .interval = SL_SEC / 15, .frame_packets = 3, .packets = 1800};
        sim_flow_init(&small, &sub, sim_hop_sender(&hop), sim_hop_receiver(&hop));
        sim_flow_start(&small);
        play_flow(&hop, &flow, &media, 2 * SL_SEC);
        const struct sl_session_stats to = sim_end_stats(sim_hop_receiver(&hop));
        const struct sl_session_stats from = sim_end_stats(sim_hop_sender(&hop));
        printf("%s: main %zu of %zu missing; sub %zu of %zu missing, %zu repaired, p99 %.1f ms\n",
               variant ? "paced" : "unpaced", sim_flow_missing(&flow), flow.sent,
               sim_flow_missing(&small), small.sent, small.repaired,
               (double)sim_flow_latency(&small, true, .99) / 1e6);
        assert_true((double)sim_flow_missing(&flow) < 0.001 * (double)flow.sent + 2);
        assert_true((double)sim_flow_missing(&small) < 0.001 * (double)small.sent + 2);
        assert_int_equal(small.damaged + flow.damaged, 0);
        assert_true(small.repaired > 50);
        assert_true(to.media[SL_VIDEO_SUB].repaired_resend > 50);
        assert_int_equal(to.media[SL_VIDEO_SUB].fec_rows, 0);
        assert_int_equal(from.media[SL_VIDEO_SUB].packets, 1800);
        assert_int_equal(from.rate.controlled, variant);

        struct sim_end *receiver = sim_hop_receiver(&hop), *sender = sim_hop_sender(&hop);
        const int before = sender->sub_keyframes_wanted, main_before = sender->keyframes_wanted;
        for (int i = 0; i < 10; i++) {
            sl_session_request_keyframe(receiver->session, SL_VIDEO_SUB,
                                        sim_clock_now(&receiver->clock));
            sim_end_settle(receiver);
            sim_run_for(sim, SL_SEC);
        }
        assert_in_range(sender->sub_keyframes_wanted - before, 7, 10); /* some were lost */
        assert_int_equal(sender->keyframes_wanted, main_before);
        sim_flow_fini(&flow);
        sim_flow_fini(&small);
        close_hop(&hop);
        sim_destroy(sim);
    }
}

static void test_same_seed_same_run(void **state)
{
    (void)state;
    uint64_t sum[2] = {0};
    for (int run = 0; run < 2; run++) {
        struct sim *sim = sim_create(31);
        struct sim_hop hop;
        struct sim_hop_config config = hop_of(10 * SL_MS, 0.1);
        open_connected(&hop, sim, &config);
        struct sim_flow flow;
        const struct sim_flow_config media = {.packets = 2400};
        play_flow(&hop, &flow, &media, SL_SEC);
        for (size_t i = 0; i < flow.sent; i++)
            sum[run] = sum[run] * 31 + (uint64_t)(flow.packets[i].arrived - flow.packets[0].sent);
        sim_flow_fini(&flow);
        close_hop(&hop);
        sim_destroy(sim);
    }
    assert_true(sum[0] == sum[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connects_in_round_trips),
        cmocka_unit_test(test_connects_over_a_lossy_network),
        cmocka_unit_test(test_five_percent_loss_is_repaired),
        cmocka_unit_test(test_lost_frame_ends_are_mended_before_the_next_frame),
        cmocka_unit_test(test_bursts_are_repaired),
        cmocka_unit_test(test_long_black_out_asks_for_a_key_frame),
        cmocka_unit_test(test_disorder_is_not_taken_for_loss),
        cmocka_unit_test(test_100_ms_of_disorder),
        cmocka_unit_test(test_numbers_wrap_and_start_late),
        cmocka_unit_test(test_clock_offset_is_right_within_half_a_round_trip),
        cmocka_unit_test(test_capture_time_is_right_after_two_hops),
        cmocka_unit_test(test_both_ends_know_the_round_trip),
        cmocka_unit_test(test_sender_hears_of_raw_loss),
        cmocka_unit_test(test_consent_expires),
        cmocka_unit_test(test_media_is_not_consent),
        cmocka_unit_test(test_silence_is_noticed_and_a_paused_camera_is_not_silence),
        cmocka_unit_test(test_client_that_moves_is_followed),
        cmocka_unit_test(test_setup_times_out),
        cmocka_unit_test(test_wrong_fingerprint_fails_both),
        cmocka_unit_test(test_close_reaches_the_peer),
        cmocka_unit_test(test_resends_have_a_budget),
        cmocka_unit_test(test_media_allocates_nothing),
        cmocka_unit_test(test_peer_without_rtx_or_announced_ssrcs),
        cmocka_unit_test(test_two_videos_in_one_session),
        cmocka_unit_test(test_same_seed_same_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
