/* SPDX-License-Identifier: MIT */
/* What a session refuses, and what it must survive (protocol.md, "Security"). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "session/internal.h"
#include "tests/support/simhop.h"

/* Copies of the datagrams that went over a link. */
struct tap {
    struct {
        uint8_t data[1500];
        size_t len;
        sl_ns at; /* handed to the link, in the sim's time */
    } list[256];
    size_t count;
    bool swallow; /* they do not arrive */
    const struct sim *sim;
};

static struct tap tap;

static bool see(void *ctx, const uint8_t *data, size_t len)
{
    struct tap *taken = ctx;
    if (taken->count < SL_COUNT(taken->list)) {
        memcpy(taken->list[taken->count].data, data, len);
        taken->list[taken->count].at = sim_now(taken->sim);
        taken->list[taken->count++].len = len;
    }
    return taken->swallow;
}

static void tap_link(struct sim_link *link, bool swallow)
{
    tap.count = 0;
    tap.swallow = swallow;
    tap.sim = link->sim;
    link->filter = see;
    link->filter_ctx = &tap;
}

struct world {
    struct sim *sim;
    struct sim_hop hop;
    struct sim_flow flow;
};

static void build(struct world *world, const struct sim_hop_config *more)
{
    struct sim_hop_config config = more ? *more : (struct sim_hop_config){.client_sends = true};
    memset(world, 0, sizeof(*world));
    config.up.delay = config.down.delay = 5 * SL_MS;
    world->sim = sim_create(1);
    sim_hop_open(&world->hop, world->sim, &config);
}

static void build_connected(struct world *world, const struct sim_hop_config *more)
{
    build(world, more);
    assert_true(sim_hop_connect(&world->hop, SL_SEC) >= 0);
    sim_run_for(world->sim, 100 * SL_MS);
}

static void assert_balanced(const struct sim_end *end)
{
    const struct sl_session_stats s = sim_end_stats(end);
    assert_int_equal(s.datagrams_in, s.stun_accepted + s.dtls_accepted + s.rtp_accepted +
                                         s.rtcp_accepted + s.stun_refused + s.dtls_refused +
                                         s.srtp_refused + s.srtp_replayed + s.malformed +
                                         s.unknown_source + s.late);
}

static void destroy(struct world *world)
{
    assert_balanced(&world->hop.client);
    assert_balanced(&world->hop.lite);
    sim_hop_close(&world->hop);
    sim_flow_fini(&world->flow);
    sim_destroy(world->sim);
}

static void flow_frames(struct world *world, size_t frames)
{
    const struct sim_flow_config media = {.packets = frames * 8};
    sim_flow_init(&world->flow, &media, sim_hop_sender(&world->hop), sim_hop_receiver(&world->hop));
    sim_flow_start(&world->flow);
    sim_run_for(world->sim, (sl_ns)frames * 34 * SL_MS);
}

/* Hands `end` a datagram from `from`, or from where its peer is. */
static void inject(struct sim_end *end, const struct sl_path *from, const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, data, len);
    const sl_ns now = sim_clock_now(&end->clock);
    sl_session_receive(end->session, now, now, from ? from : &end->from, copy, len);
    sim_end_settle(end);
    free(copy);
}

static struct sl_path stranger(void)
{
    struct sl_path path = {0};
    assert_int_equal(sl_addr_parse(&path.remote, "203.0.113.66:666"), 0);
    return path;
}

static int make_session(const struct sl_session_config *config, struct sl_session **ret)
{
    return sl_session_create(ret, config, SL_SEC);
}

static void test_create_wants_what_it_needs(void **state)
{
    (void)state;
    struct world world;
    build(&world, NULL);
    struct sl_session *session = NULL;
    const struct sl_session_config good = world.hop.client.session->config;
    struct sl_session_config config = good;
    assert_int_equal(make_session(&config, &session), 0);
    sl_session_destroy(session);
    session = NULL;
    config.identity = NULL;
    assert_int_equal(make_session(&config, &session), -EINVAL);
    config = good;
    config.random = NULL;
    assert_int_equal(make_session(&config, &session), -EINVAL);
    config = good;
    config.agreed.media[1].kind = config.agreed.media[0].kind;
    assert_int_equal(make_session(&config, &session), -EINVAL);
    config = good;
    config.agreed.media[0].clock_hz = 0;
    assert_int_equal(make_session(&config, &session), -EINVAL);
    config = good;
    config.agreed.remote.candidate_count = 0; /* nowhere to send checks */
    assert_int_equal(make_session(&config, &session), -EINVAL);
    config.via = good.agreed.remote.candidates[0];
    assert_int_equal(make_session(&config, &session), 0);
    sl_session_destroy(session);
    sl_session_destroy(NULL);
    destroy(&world);
}

static void test_sends_nothing_before_it_is_connected(void **state)
{
    (void)state;
    struct world world;
    build(&world, NULL);
    const struct sl_rtp_packet packet = {.seq = 1};
    assert_int_equal(sim_end_send(&world.hop.client, SL_VIDEO, &packet), -ENOTCONN);
    sim_end_request_keyframe(&world.hop.lite);
    assert_int_equal(world.hop.up.stats.sent + world.hop.down.stats.sent, 0);
    destroy(&world);
}

static void test_kind_not_agreed_is_not_sent(void **state)
{
    (void)state;
    struct world world;
    const struct sim_hop_config config = {.client_sends = true, .no_audio = true};
    build_connected(&world, &config);
    const struct sl_rtp_packet packet = {.seq = 1};
    assert_int_equal(sim_end_send(&world.hop.client, SL_AUDIO, &packet), -ENOENT);
    assert_int_equal(sim_end_send(&world.hop.lite, SL_VIDEO, &packet), -ENOENT);
    static const uint8_t large[1500];
    const struct sl_rtp_packet huge = {.payload = large, .payload_len = 1400};
    assert_int_equal(sim_end_send(&world.hop.client, SL_VIDEO, &huge), -EMSGSIZE);
    destroy(&world);
}

static void test_garbage_is_counted_and_forgotten(void **state)
{
    (void)state;
    struct world world;
    build_connected(&world, NULL);
    struct sl_random random;
    sl_random_init_seed(&random, 3);
    for (int i = 0; i < 20000; i++) {
        uint8_t data[1600];
        const size_t len = sl_random_range(&random, 0, i % 10 ? 100 : sizeof(data));
        sl_random_fill(&random, data, len);
        inject(i & 1 ? &world.hop.client : &world.hop.lite, NULL, data, len);
    }
    assert_balanced(&world.hop.client);
    assert_int_equal(world.hop.client.state, SL_SESSION_CONNECTED);
    assert_int_equal(world.hop.lite.state, SL_SESSION_CONNECTED);
    flow_frames(&world, 10);
    assert_int_equal(world.flow.arrived, 80);
    destroy(&world);
}

static void test_dtls_from_an_unvalidated_address_makes_no_state(void **state)
{
    (void)state;
    struct world world;
    build(&world, NULL);
    tap_link(&world.hop.up, false);
    /* Before: a ClientHello without any check. */
    uint8_t hello[100] = {22, 0xfe, 0xfd};
    inject(&world.hop.lite, NULL, hello, sizeof(hello));
    assert_null(world.hop.lite.session->dtls);
    assert_int_equal(sim_end_stats(&world.hop.lite).dtls_refused, 1);
    /* During: every DTLS datagram of the client once more, from elsewhere. */
    sim_end_start(&world.hop.client);
    const struct sl_path from = stranger();
    for (int i = 0; i < 60; i++) {
        sim_run_for(world.sim, SL_MS);
        for (size_t n = 0; n < tap.count; n++)
            if (tap.list[n].data[0] >= 20 && tap.list[n].data[0] <= 63)
                inject(&world.hop.lite, &from, tap.list[n].data, tap.list[n].len);
    }
    assert_int_equal(world.hop.lite.state, SL_SESSION_CONNECTED);
    assert_true(sim_end_stats(&world.hop.lite).dtls_refused > 10);
    /* After. */
    const uint64_t sent = world.hop.down.stats.sent;
    inject(&world.hop.lite, &from, hello, sizeof(hello));
    assert_int_equal(world.hop.down.stats.sent, sent);
    destroy(&world);
}

static void test_each_setup_datagram_lost_once(void **state)
{
    (void)state;
    for (int way = 0; way < 2; way++) {
        for (uint64_t lost = 0; lost < 12; lost++) {
            struct world world;
            build(&world, NULL);
            struct sim_link *link = way ? &world.hop.up : &world.hop.down;
            /* Loses datagram number `lost` of that direction. */
            sim_end_start(&world.hop.client);
            while (link->stats.sent < lost + 1 && sim_now(world.sim) < 1001 * SL_SEC) {
                if (link->stats.sent == lost)
                    link->config.loss = 1;
                sim_run_for(world.sim, 100 * SL_US);
            }
            link->config.loss = 0;
            sim_run_for(world.sim, 2 * SL_SEC);
            assert_int_equal(world.hop.client.state, SL_SESSION_CONNECTED);
            assert_int_equal(world.hop.lite.state, SL_SESSION_CONNECTED);
            destroy(&world);
        }
    }
}

static void test_damaged_and_replayed_srtp_is_refused(void **state)
{
    (void)state;
    struct world world;
    build_connected(&world, NULL);
    tap_link(&world.hop.up, false);
    flow_frames(&world, 10);
    const struct sl_session_stats before = sim_end_stats(&world.hop.lite);
    size_t rtp = 0, rtcp = 0, damaged = 0;
    for (size_t i = 0; i < tap.count; i++) {
        uint8_t *data = tap.list[i].data;
        const size_t len = tap.list[i].len;
        if (data[0] >> 6 != 2)
            continue;
        const bool report = sl_rtp_is_rtcp(data, len);
        rtp += !report;
        rtcp += report;
        inject(&world.hop.lite, NULL, data, len); /* once more as it was */
        if (report)
            continue;
        data[3] ^= 0x80; /* another number, so that it is not a replay */
        inject(&world.hop.lite, NULL, data, len);
        memset(data + len - 16, 0, 16);
        inject(&world.hop.lite, NULL, data, len);
        inject(&world.hop.lite, NULL, data, len - 16);
        damaged += 3;
    }
    const struct sl_session_stats after = sim_end_stats(&world.hop.lite);
    assert_true(rtp == 80 && rtcp > 0);
    assert_int_equal(after.srtp_replayed - before.srtp_replayed, rtp + rtcp);
    assert_int_equal(after.srtp_refused - before.srtp_refused, damaged);
    assert_int_equal(after.media[SL_VIDEO].packets, 80);
    assert_int_equal(world.flow.twice, 0);
    destroy(&world);
}

static void test_media_from_an_unvalidated_address_is_dropped(void **state)
{
    (void)state;
    struct world world;
    build_connected(&world, NULL);
    tap_link(&world.hop.up, true);
    flow_frames(&world, 1);
    const struct sl_path from = stranger();
    const sl_ns heard = sl_session_heard(world.hop.lite.session);
    for (size_t i = 0; i < tap.count; i++)
        inject(&world.hop.lite, &from, tap.list[i].data, tap.list[i].len);
    assert_int_equal(world.flow.arrived, 0);
    assert_int_equal(sl_session_heard(world.hop.lite.session), heard);
    assert_int_equal(sim_end_stats(&world.hop.lite).unknown_source +
                         sim_end_stats(&world.hop.lite).stun_refused,
                     tap.count);
    destroy(&world);
}

/* The sender begins anew under another SSRC, as an encoder does that was restarted. */
static void test_restarted_source_is_a_new_stream(void **state)
{
    (void)state;
    struct world world;
    build_connected(&world, NULL);
    flow_frames(&world, 5);
    assert_int_equal(world.flow.arrived, 40);
    struct sl_media_send *send = world.hop.client.session->send[SL_VIDEO];
    const uint32_t old = send->ssrc;
    send->ssrc = 0xabcdef01;
    sim_flow_fini(&world.flow);
    flow_frames(&world, 5);
    assert_int_equal(world.flow.arrived, 40);
    assert_int_equal(world.hop.lite.session->receive[SL_VIDEO]->ssrc, 0xabcdef01);
    /* What comes late of the old one does not bring it back. */
    send->ssrc = old;
    sim_flow_fini(&world.flow);
    flow_frames(&world, 1);
    assert_int_equal(world.flow.arrived, 0);
    assert_int_equal(world.hop.lite.session->receive[SL_VIDEO]->ssrc, 0xabcdef01);
    assert_int_equal(sim_end_stats(&world.hop.lite).unknown_source, 8);
    destroy(&world);
}

static void send_rtcp(struct sim_end *end, struct sl_writer *w)
{
    assert_false(w->failed);
    sl_reports_send(end->session, w);
}

/* All 65,536 numbers in one datagram after the other: bounded work, no resend of what was not. */
static void test_nack_of_every_number(void **state)
{
    (void)state;
    struct world world;
    build_connected(&world, NULL);
    flow_frames(&world, 5);
    tap_link(&world.hop.up, false);
    const struct sl_media_send *send = world.hop.client.session->send[SL_VIDEO];
    for (int64_t from = 0; from < 65536;) {
        uint8_t out[SL_SESSION_DATAGRAM];
        int64_t seqs[4096];
        size_t n = 0;
        while (n < SL_COUNT(seqs) && from < 65536)
            seqs[n++] = from++;
        struct sl_writer w = sl_writer(out, SL_SESSION_PLAIN_MAX);
        sl_rtcp_write_nack(&w, 1, send->ssrc, seqs, n);
        send_rtcp(&world.hop.lite, &w);
    }
    sim_run_for(world.sim, 8 * SL_MS);
    const struct sl_session_stats s = sim_end_stats(&world.hop.client);
    assert_in_range(s.media[SL_VIDEO].nacks, 1, 16 * 1024 + 64);
    assert_true(s.media[SL_VIDEO].resent <= 40); /* all that was ever sent */
    assert_int_equal(world.hop.client.state, SL_SESSION_CONNECTED);
    destroy(&world);
}

static void test_key_frame_requests_are_limited(void **state)
{
    (void)state;
    struct world world;
    build_connected(&world, NULL);
    flow_frames(&world, 2);
    for (int i = 0; i < 100; i++) { /* for a second */
        sim_end_request_keyframe(&world.hop.lite);
        sim_run_for(world.sim, 10 * SL_MS);
    }
    assert_in_range(world.hop.client.keyframes_wanted, 5, 6);
    /* The last one held back still goes out. */
    const int before = world.hop.client.keyframes_wanted;
    sim_run_for(world.sim, SL_SEC);
    assert_in_range(world.hop.client.keyframes_wanted, before, before + 1);
    destroy(&world);
}

static void test_rrtr_flood_is_answered_at_a_limited_rate(void **state)
{
    (void)state;
    struct world world;
    build_connected(&world, NULL);
    flow_frames(&world, 2);
    const uint64_t before = world.hop.up.stats.sent;
    for (int i = 0; i < 500; i++) {
        uint8_t out[SL_SESSION_DATAGRAM];
        struct sl_writer w = sl_writer(out, SL_SESSION_PLAIN_MAX);
        sl_rtcp_write_rrtr(&w, world.hop.lite.session->local_ssrc, 1);
        send_rtcp(&world.hop.lite, &w);
        sim_run_for(world.sim, 2 * SL_MS);
    }
    assert_in_range(world.hop.up.stats.sent - before, 40, 55);
    destroy(&world);
}

static void test_fir_counts_once_per_number(void **state)
{
    (void)state;
    struct world world;
    build_connected(&world, NULL);
    flow_frames(&world, 2);
    uint8_t out[SL_SESSION_DATAGRAM];
    const uint32_t ssrc = world.hop.client.session->send[SL_VIDEO]->ssrc;
    const uint8_t numbers[] = {4, 4, 4, 5};
    for (size_t i = 0; i < SL_COUNT(numbers); i++) {
        struct sl_writer w = sl_writer(out, SL_SESSION_PLAIN_MAX); /* RFC 5104 section 4.3.1.1 */
        sl_write8(&w, 0x84);
        sl_write8(&w, 206);
        sl_write16(&w, 4);
        sl_write32(&w, 1);
        sl_write32(&w, 0);
        sl_write32(&w, ssrc);
        sl_write8(&w, numbers[i]);
        sl_write24(&w, 0);
        send_rtcp(&world.hop.lite, &w);
        sim_run_for(world.sim, 10 * SL_MS);
    }
    assert_int_equal(world.hop.client.keyframes_wanted, 2);
    destroy(&world);
}

static void test_nothing_more_after_the_end(void **state)
{
    (void)state;
    struct world world;
    build_connected(&world, NULL);
    tap_link(&world.hop.up, true);
    flow_frames(&world, 1);
    sim_end_close(&world.hop.lite);
    const uint64_t sent = world.hop.down.stats.sent;
    for (size_t i = 0; i < tap.count; i++)
        inject(&world.hop.lite, NULL, tap.list[i].data, tap.list[i].len);
    sl_session_tick(world.hop.lite.session, sim_clock_now(&world.hop.lite.clock) + 100 * SL_SEC);
    sim_end_close(&world.hop.lite);
    assert_int_equal(world.hop.down.stats.sent, sent);
    assert_int_equal(world.hop.lite.states, 2);
    assert_int_equal(world.flow.arrived, 0);
    assert_int_equal(sim_end_stats(&world.hop.lite).late, tap.count);
    destroy(&world);
}

struct arrivals {
    sl_ns expected;
    int count;
};

static void check_arrival(void *ctx, struct sim_end *end, enum sl_media_kind kind,
                          const struct sl_rtp_packet *packet, bool repaired, sl_ns arrival)
{
    struct arrivals *arrivals = ctx;
    (void)end;
    (void)kind;
    (void)packet;
    (void)repaired;
    assert_true(arrival == arrivals->expected);
    arrivals->count++;
}

/* Reads what was swallowed since the last time: as it came, or as if it came only now. */
static void read_tapped(struct world *world, struct arrivals *arrivals, bool stamped)
{
    struct sl_session *session = world->hop.lite.session;
    const sl_ns now = sim_clock_now(&world->hop.lite.clock);
    for (size_t i = 0; i < tap.count; i++) {
        arrivals->expected = stamped ? tap.list[i].at : now;
        /* Later than now it cannot have come. */
        const sl_ns told = stamped ? tap.list[i].at : now + SL_SEC;
        sl_session_receive(session, now, told, &world->hop.lite.from, tap.list[i].data,
                           tap.list[i].len);
    }
    sim_end_settle(&world->hop.lite);
    tap.count = 0;
}

/* A thread that reads every 50 ms what came every 33 sees no jitter in that. */
static void test_what_measures_the_network_goes_by_arrival(void **state)
{
    (void)state;
    static const struct sim_end_handler handler = {.packet = check_arrival};
    for (int stamped = 0; stamped <= 1; stamped++) {
        struct world world;
        struct arrivals arrivals = {0};
        const struct sim_hop_config config = {
            .client_sends = true, .lite_handler = &handler, .lite_ctx = &arrivals};
        const struct sim_flow_config media = {.packets = 120, .frame_packets = 1};
        build_connected(&world, &config);
        tap_link(&world.hop.up, true);
        sim_flow_init(&world.flow, &media, sim_hop_sender(&world.hop),
                      sim_hop_receiver(&world.hop));
        sim_flow_start(&world.flow);
        for (int i = 0; i < 81; i++) {
            sim_run_for(world.sim, 50 * SL_MS);
            read_tapped(&world, &arrivals, stamped);
        }
        assert_int_equal(arrivals.count, 120);
        const sl_ns jitter = sim_end_stats(&world.hop.lite).media[SL_VIDEO].jitter;
        assert_true(stamped ? jitter < SL_MS : jitter > 5 * SL_MS);
        destroy(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_wants_what_it_needs),
        cmocka_unit_test(test_sends_nothing_before_it_is_connected),
        cmocka_unit_test(test_kind_not_agreed_is_not_sent),
        cmocka_unit_test(test_garbage_is_counted_and_forgotten),
        cmocka_unit_test(test_dtls_from_an_unvalidated_address_makes_no_state),
        cmocka_unit_test(test_each_setup_datagram_lost_once),
        cmocka_unit_test(test_damaged_and_replayed_srtp_is_refused),
        cmocka_unit_test(test_media_from_an_unvalidated_address_is_dropped),
        cmocka_unit_test(test_restarted_source_is_a_new_stream),
        cmocka_unit_test(test_nack_of_every_number),
        cmocka_unit_test(test_key_frame_requests_are_limited),
        cmocka_unit_test(test_rrtr_flood_is_answered_at_a_limited_rate),
        cmocka_unit_test(test_fir_counts_once_per_number),
        cmocka_unit_test(test_what_measures_the_network_goes_by_arrival),
        cmocka_unit_test(test_nothing_more_after_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
