/* SPDX-License-Identifier: MIT */
/*
 * A camera, the relay and viewers, each leg a simulated network:
 *
 *     client ══ up leg ══▶ lite ─▶ relay ─▶ lite ══ down leg ══▶ client
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "receiver/relay.h"
#include "tests/support/simhop.h"
#include "tests/support/span.h"

#define FRAME (SL_SEC / 30)
#define FRAME_PACKETS 8
#define PACKETS_MAX 40000
#define PAYLOAD_BYTES 1000

struct scene;

struct source {
    struct scene *scene;
    struct sim_hop hop;
    uint64_t frames;
    int64_t seq;
    bool key_wanted, stopped, killed;
};

struct viewer {
    struct scene *scene;
    struct sim_hop hop;
    struct sl_feed feed;
    uint8_t times[PACKETS_MAX];
    size_t packets, twice, damaged;
    uint64_t first; /* index of the first packet */
    uint8_t first_byte;
    sl_ns first_at;
    int64_t highest;
    int backwards; /* new packets below the first: never */
    int64_t first_seq;
};

struct scene {
    struct sim *sim;
    struct sim_clock clock; /* the receiver's */
    struct sl_relay *relay;
    uint64_t index; /* of the next packet of any source */
    sl_ns sent[PACKETS_MAX];
    bool arrived_late[PACKETS_MAX];
};

/* ---- the relay's side ---- */

static int relay_send(void *session, enum sl_media_kind kind, const struct sl_rtp_packet *packet,
                      sl_ns now)
{
    struct sim_end *end = session;
    const int r = sl_session_send(end->session, kind, packet, now);
    sim_end_settle(end);
    return r;
}

static void relay_request(void *session, enum sl_media_kind kind, sl_ns now)
{
    (void)kind;
    (void)now;
    sim_end_request_keyframe(session);
}

static const struct sl_relay_sessions sessions = {.send = relay_send,
                                                  .request_keyframe = relay_request};

static void source_arrived(void *ctx, struct sim_end *end, enum sl_media_kind kind,
                           const struct sl_rtp_packet *packet, bool repaired, sl_ns now)
{
    (void)end;
    struct source *source = ctx;
    if (source->killed)
        return;
    sl_relay_packet(source->scene->relay, kind, packet, repaired, now);
    sl_relay_forward(source->scene->relay, now);
}

static void viewer_wants_key(void *ctx, struct sim_end *end, enum sl_media_kind kind, sl_ns now)
{
    (void)end;
    (void)kind;
    struct viewer *viewer = ctx;
    sl_relay_keyframe_wanted(viewer->scene->relay, &viewer->feed, now);
}

static const struct sl_rtp_packet *viewer_resend(void *ctx, struct sim_end *end,
                                                 enum sl_media_kind kind, int64_t seq)
{
    (void)end;
    struct viewer *viewer = ctx;
    return sl_relay_resend(viewer->scene->relay, &viewer->feed, kind, seq);
}

static const struct sim_end_handler source_lite = {.packet = source_arrived};
static const struct sim_end_handler viewer_lite = {.keyframe_wanted = viewer_wants_key,
                                                   .resend = viewer_resend};

static void tick(void *ctx)
{
    struct scene *scene = ctx;
    sl_relay_tick(scene->relay, sim_clock_now(&scene->clock));
    sim_at(scene->sim, sim_now(scene->sim) + 10 * SL_MS, tick, scene);
}

/* ---- the camera's side: frames of 8 packets, key frames begin with an SPS ---- */

static void source_wants_key(void *ctx, struct sim_end *end, enum sl_media_kind kind, sl_ns now)
{
    (void)end;
    (void)kind;
    (void)now;
    struct source *source = ctx;
    source->key_wanted = true;
}

static const struct sim_end_handler source_client = {.keyframe_wanted = source_wants_key};

static void send_frame(void *ctx)
{
    struct source *source = ctx;
    struct scene *scene = source->scene;
    if (source->stopped)
        return;
    const bool key = source->frames % 60 == 0 || source->key_wanted;
    source->key_wanted = false;
    for (int i = 0; i < FRAME_PACKETS; i++) {
        uint8_t payload[PAYLOAD_BYTES] = {key ? i ? 0x65 : 0x67 : 0x41};
        assert_true(scene->index < PACKETS_MAX);
        sl_put64(payload + 1, scene->index);
        scene->sent[scene->index++] = sim_now(scene->sim);
        const struct sl_rtp_packet packet = {.seq = source->seq++,
                                             .timestamp = (uint32_t)(source->frames * 3000),
                                             .marker = i == FRAME_PACKETS - 1,
                                             .payload = payload,
                                             .payload_len = sizeof(payload)};
        assert_int_equal(sim_end_send(&source->hop.client, SL_VIDEO, &packet), 0);
    }
    source->frames++;
    sim_at(scene->sim, sim_now(scene->sim) + FRAME, send_frame, source);
}

/* ---- the viewer's side ---- */

static void viewer_arrived(void *ctx, struct sim_end *end, enum sl_media_kind kind,
                           const struct sl_rtp_packet *packet, bool repaired, sl_ns now)
{
    (void)end;
    (void)kind;
    (void)repaired;
    (void)now;
    struct viewer *viewer = ctx;
    const uint64_t index = sl_get64(packet->payload + 1);
    if (packet->payload_len != PAYLOAD_BYTES || index >= viewer->scene->index) {
        viewer->damaged++;
        return;
    }
    if (viewer->packets++ == 0) {
        viewer->first = index;
        viewer->first_byte = packet->payload[0];
        viewer->first_at = sim_now(viewer->scene->sim);
        viewer->first_seq = packet->seq;
    }
    viewer->backwards += packet->seq < viewer->first_seq;
    viewer->highest = packet->seq > viewer->highest ? packet->seq : viewer->highest;
    viewer->twice += viewer->times[index]++ > 0;
}

static const struct sim_end_handler viewer_client = {.packet = viewer_arrived};

/* ---- scenes ---- */

static void open_scene(struct scene *scene, uint64_t seed)
{
    memset(scene, 0, sizeof(*scene));
    scene->sim = sim_create(seed);
    scene->clock = sim_clock(scene->sim, 0, 0);
    assert_int_equal(sl_relay_create(&scene->relay, &sessions), 0);
    sim_at(scene->sim, sim_now(scene->sim), tick, scene);
}

static void close_scene(struct scene *scene)
{
    struct sl_relay_stats s;
    sl_relay_stats(scene->relay, &s);
    assert_int_equal(s.offered, s.kept + s.stale);
    assert_int_equal(s.fanned, s.sent + s.refused + s.withheld);
    sl_relay_destroy(scene->relay);
    sim_destroy(scene->sim);
}

static struct sim_link_config link_of(sl_ns rtt, double loss)
{
    return (struct sim_link_config){.delay = rtt / 2, .loss = loss};
}

static struct source *add_source(struct scene *scene, sl_ns rtt, double loss)
{
    struct source *source = calloc(1, sizeof(*source));
    source->scene = scene;
    source->seq = 30000;
    const struct sim_hop_config config = {.client_sends = true,
                                          .no_audio = true,
                                          .up = link_of(rtt, loss),
                                          .down = link_of(rtt, loss),
                                          .lite_clock = &scene->clock,
                                          .client_handler = &source_client,
                                          .lite_handler = &source_lite,
                                          .client_ctx = source,
                                          .lite_ctx = source};
    sim_hop_open(&source->hop, scene->sim, &config);
    assert_true(sim_hop_connect(&source->hop, 10 * SL_SEC) >= 0);
    sl_relay_publish(scene->relay, &source->hop.lite, sim_clock_now(&scene->clock));
    sim_at(scene->sim, sim_now(scene->sim), send_frame, source);
    return source;
}

static struct viewer *add_viewer(struct scene *scene, sl_ns rtt, double loss)
{
    struct viewer *viewer = calloc(1, sizeof(*viewer));
    viewer->scene = scene;
    const struct sim_hop_config config = {.client_sends = false,
                                          .no_audio = true,
                                          .up = link_of(rtt, loss),
                                          .down = link_of(rtt, loss),
                                          .lite_clock = &scene->clock,
                                          .client_handler = &viewer_client,
                                          .lite_handler = &viewer_lite,
                                          .client_ctx = viewer,
                                          .lite_ctx = viewer};
    sim_hop_open(&viewer->hop, scene->sim, &config);
    assert_int_equal(sl_relay_join(scene->relay, &viewer->feed, &viewer->hop.lite), 0);
    assert_true(sim_hop_connect(&viewer->hop, 10 * SL_SEC) >= 0);
    sl_relay_connected(scene->relay, &viewer->feed, sim_clock_now(&scene->clock));
    return viewer;
}

static size_t missing(const struct viewer *viewer, uint64_t from, uint64_t to)
{
    size_t count = 0;
    for (uint64_t i = from; i < to; i++)
        count += viewer->times[i] == 0;
    return count;
}

static void test_loss_on_both_legs_is_repaired(void **state)
{
    (void)state;
    static struct scene scene;
    open_scene(&scene, 5);
    struct source *source = add_source(&scene, 10 * SL_MS, 0.05);
    struct viewer *viewer = add_viewer(&scene, 20 * SL_MS, 0.02);
    struct viewer *other = add_viewer(&scene, 0, 0);
    sim_run_for(scene.sim, SIM_SPAN(60, 20) * SL_SEC);
    source->stopped = true;
    sim_run_for(scene.sim, 2 * SL_SEC);
    const size_t sent = (size_t)(scene.index - viewer->first);
    const size_t lost = missing(viewer, viewer->first, scene.index);
    const size_t other_lost = missing(other, other->first, scene.index);
    printf("5 %% and 2 %% loss: %zu of %zu missing; beside it, without loss of its own, %zu\n",
           lost, sent, other_lost);
    assert_true(sent > SIM_SPAN(14000, 4500));
    assert_true((double)lost < 0.001 * (double)sent);
    assert_true((double)other_lost < 0.001 * (double)sent);
    assert_int_equal(viewer->twice + viewer->damaged + other->twice + other->damaged, 0);
    assert_int_equal(viewer->backwards + other->backwards, 0);
    sim_hop_close(&source->hop);
    sim_hop_close(&viewer->hop);
    sim_hop_close(&other->hop);
    free(source);
    free(viewer);
    free(other);
    close_scene(&scene);
}

static bool has_picture(void *ctx)
{
    const struct viewer *viewer = ctx;
    return viewer->packets > 0;
}

/* Whenever in the 2 s between key frames one joins: the first thing that comes is a key frame,
 * after one way to the camera, at most one frame, and one way back. */
static void test_first_picture_comes_soon_at_any_moment(void **state)
{
    (void)state;
    static struct scene scene;
    struct viewer *viewers[30];
    sl_ns worst = 0;
    open_scene(&scene, 6);
    struct source *source = add_source(&scene, 10 * SL_MS, 0);
    for (size_t i = 0; i < SL_COUNT(viewers); i++) {
        sim_run_for(scene.sim, 137 * SL_MS);
        struct viewer *viewer = viewers[i] = add_viewer(&scene, 10 * SL_MS, 0);
        const sl_ns connected = sim_now(scene.sim);
        assert_true(sim_run_while_not(scene.sim, has_picture, viewer, 5 * SL_SEC));
        assert_int_equal(viewer->first_byte, 0x67);
        const sl_ns took = viewer->first_at - connected;
        worst = took > worst ? took : worst;
        /* And no flash of the past: what comes is at most 250 ms old. */
        assert_true(viewer->first_at - scene.sent[viewer->first] <= 255 * SL_MS);
        sl_relay_leave(scene.relay, &viewer->feed);
    }
    printf("first packet of a picture: %.1f ms after connecting at worst\n", (double)worst / 1e6);
    assert_true(worst <= 5 * SL_MS + 5 * SL_MS + FRAME + 5 * SL_MS + SL_MS);
    source->stopped = true;
    sim_run_for(scene.sim, SL_SEC);
    for (size_t i = 0; i < SL_COUNT(viewers); i++) {
        sim_hop_close(&viewers[i]->hop);
        free(viewers[i]);
    }
    sim_hop_close(&source->hop);
    free(source);
    close_scene(&scene);
}

static void test_viewers_outlive_publishers(void **state)
{
    (void)state;
    static struct scene scene;
    open_scene(&scene, 7);
    struct source *sources[4];
    struct viewer *viewer = NULL;
    for (int i = 0; i < 4; i++) {
        sources[i] = add_source(&scene, 10 * SL_MS, 0.02);
        const uint64_t begun = scene.index;
        if (i == 0)
            viewer = add_viewer(&scene, 10 * SL_MS, 0.02);
        sim_run_for(scene.sim, 3 * SL_SEC);
        /* Killed: silent from one moment to the next, then another one comes. */
        sources[i]->stopped = true;
        sim_run_for(scene.sim, 700 * SL_MS);
        sources[i]->killed = true;
        sl_relay_publish(scene.relay, NULL, sim_clock_now(&scene.clock));
        const uint64_t from = i == 0 ? viewer->first : begun;
        assert_true(scene.index - from > 500);
        assert_true(missing(viewer, from, scene.index) <= 2);
    }
    assert_int_equal(viewer->twice + viewer->damaged + viewer->backwards, 0);
    assert_int_equal(viewer->hop.client.state, SL_SESSION_CONNECTED);
    sl_relay_leave(scene.relay, &viewer->feed);
    for (int i = 0; i < 4; i++) {
        sim_hop_close(&sources[i]->hop);
        free(sources[i]);
    }
    sim_hop_close(&viewer->hop);
    free(viewer);
    close_scene(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loss_on_both_legs_is_repaired),
        cmocka_unit_test(test_first_picture_comes_soon_at_any_moment),
        cmocka_unit_test(test_viewers_outlive_publishers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
