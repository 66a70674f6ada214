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
#include "tests/support/simhop.h"

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
    const struct sim_flow_config media = {.packets = 60 * 30 * 8};
    sim_flow_init(&flow, &media, &hop.client, &hop.lite);
    sim_flow_start(&flow);
    sim_run_for(sim, 62 * SL_SEC);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connects_in_round_trips),
        cmocka_unit_test(test_connects_over_a_lossy_network),
        cmocka_unit_test(test_five_percent_loss_is_repaired),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
